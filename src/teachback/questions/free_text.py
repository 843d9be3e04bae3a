"""Questions that are answered in free text."""

from __future__ import annotations

import re
from typing import Any

from teachback.questions.kind import QuestionKind, Reading, stripped_answer
from teachback.records import Example

# A full stop that ends no sentence: "U.S. Navy", "St. Louis", "no. 5".
_ABBREVIATED = re.compile(
    r"(?:^|[\s(.])(?:[A-Za-z]|dr|mrs?|ms|st|jr|sr|vs|no|mt|ft|inc|ltd|co|corp|prof|gen|col|capt|lt"
    r"|rev|etc|approx)\.$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"\.[\"'”’*_]*(?=\s+[A-Z\"“‘*])")


class Text(QuestionKind):
    """Free text: normalised exact match."""

    name = "text"
    rows_have = "text as the answer"
    last_line_concludes = False

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        return stripped_answer(value)

    def read(self, example: Example, statement: str) -> Reading:
        line = statement.split("\n", 1)[0].rstrip()
        for end in _SENTENCE_END.finditer(line):
            if not _ABBREVIATED.search(line, max(0, end.start() - 8), end.start() + 1):
                line = line[: end.end()]
                break
        whole = line.strip().strip("*_\"'`“”‘’").rstrip(".!").strip("*_\"'`“”‘’ ")
        return Reading(whole or None, len(line))
