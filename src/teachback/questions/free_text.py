"""Questions that are answered in free text."""

from __future__ import annotations

import re
from typing import Any

from teachback.questions.announcements import Announcements
from teachback.questions.conclusions import Inference
from teachback.questions.inferred_texts import infer_text
from teachback.questions.kind import QuestionKind, StatedAnswer, stripped_answer
from teachback.questions.sentences import abbreviates
from teachback.records import Example

_SENTENCE_END = re.compile(r"\.[\"'”’*_]*(?=\s+[A-Z\"“‘*])")

_MARKS = "*_\"'`“”‘’„«»「」『』 "
# The base that a numeral is written in: 1101₂, 1101_2.
_BASE = re.compile(
    r"(?<=[0-9])_(?:[0-9]{1,2}|\{[0-9]{1,2}\})\Z|(?<=[0-9])[₀-₉]{1,2}\Z|(?<=[0-9A-F]{2})[₀-₉]{1,2}\Z"
)
# What only typesets the answer: \\text{Paris}, $x + 1$, \\(x + 1\\).
_MARKUP = (
    re.compile(r"\A\\(?:text|textbf|textit|mathrm|mathbf|mbox|boxed)\{([^{}]*)\}\Z"),
    re.compile(r"\A\$([^$]+)\$\Z"),
    re.compile(r"\A\\\((.+)\\\)\Z"),
)


class Text(QuestionKind):
    """Free text: normalised exact match."""

    name = "text"
    rows_have = "text as the answer"
    last_line_concludes = False

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        return stripped_answer(value)

    def infer(self, example: Example, text: str, found: Announcements) -> Inference | None:
        return infer_text(example.question, text, found)

    def read(self, example: Example, statement: str) -> StatedAnswer:
        line = statement.split("\n", 1)[0].rstrip()
        line = line[: _closing(line)]
        for end in _SENTENCE_END.finditer(line):
            if not abbreviates(line, end.start() + 1):
                line = line[: end.end()]
                break
        whole = _untypeset(line.strip().strip(_MARKS).rstrip(".!。！"))
        return StatedAnswer(whole or None, len(line))

    def same(self, left: str, right: str) -> bool:
        return super().same(left, right) or super().same(_untypeset(left), _untypeset(right))


def _untypeset(text: str) -> str:
    """``text`` without the marks of bold type, quotation and LaTeX around all of it."""
    text = text.strip(_MARKS)
    for markup in _MARKUP:
        text = markup.sub(r"\1", text).strip(_MARKS)
    return _BASE.sub("", text)


def _closing(line: str) -> int:
    """Where a brace closes that was opened before ``line``, as in a boxed conclusion."""
    depth = 0
    for at, character in enumerate(line):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return at
    return len(line)
