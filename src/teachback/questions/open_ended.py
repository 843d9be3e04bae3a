"""Kinds without listed choices: yes-no, number, free text."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from teachback.questions.conclusions import first_sentence, normalise
from teachback.questions.kind import Reading
from teachback.records import AnswerFormat, Example

_TRUTH = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_YES_NO = re.compile(r"[\s*_\"'“‘`(\[{$]*(?:\\text\{)?(yes|no|true|false)(?![A-Za-z0-9'’-])", re.I)
# "no more than two", "no one": "no" in passing, not an answer.
_IN_PASSING = re.compile(
    r"\s+(?:more|less|fewer|one|longer|way|matter|doubt|clear|such|other)\b", re.I
)
_CONTRARY = re.compile(r"\s*(?:/|,?\s*(?:and|or)\s+)\s*(?:yes|no|true|false)\b", re.I)
_NUMBER = re.compile(
    r"(?<![\w.])[-+−]?\s?(?:[$€£¥]\s?)?[-+−]?(?:\d[\d,_ ]*\d|\d)?(?:\.\d+)?(?=\D|$)"
)


def _question(example: Example) -> str:
    context = f"{example.context.strip()}\n\n" if example.context else ""
    return f"{context}{example.question.strip()}"


class YesNo:
    """Booleans; students write yes or no."""

    name = "yes-no"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        try:
            return _TRUTH[str(value).strip().casefold()]
        except KeyError:
            raise ValueError(f"the answer {value!r} is not yes, no, true or false") from None

    def render(self, example: Example) -> str:
        return _question(example)

    def candidates(self, example: Example) -> tuple[str, ...]:
        return ("yes", "no")

    def say(self, example: Example, answer: str, answer_format: AnswerFormat) -> str:
        return answer

    def read(self, example: Example, statement: str) -> Reading:
        match = _YES_NO.match(statement)
        if not match or _IN_PASSING.match(statement, match.end()):
            return Reading(None, len(first_sentence(statement)))
        contrary = _CONTRARY.match(statement, match.end())
        if contrary:
            return Reading(None, contrary.end())
        return Reading(_TRUTH[match.group(1).casefold()], match.end())

    def same(self, left: str, right: str) -> bool:
        return left == right


def _decimal(text: str) -> str:
    """Canonical decimal of ``text``: no separators, no currency sign, no trailing zeros."""
    cleaned = re.sub(r"[,_\s$€£¥%]", "", text).replace("−", "-")
    try:
        value = Decimal(cleaned)
    except InvalidOperation:
        raise ValueError(f"the answer {text!r} is not a number") from None
    if not value.is_finite():
        raise ValueError(f"the answer {text!r} is not a finite number")
    if value.adjusted() > 60 or value.adjusted() < -60:
        raise ValueError(f"the answer {text[:40]!r} is out of range (more than 60 digits)")
    plain = format(value, "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("-0", "") else plain.removeprefix("+")


class Number:
    """Numbers, compared as decimals; separators, currency and percent signs do not count."""

    name = "number"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        if isinstance(value, bool):
            raise ValueError(f"the answer {value!r} is not a number")
        return _decimal(str(value))

    def render(self, example: Example) -> str:
        return _question(example)

    def candidates(self, example: Example) -> tuple[str, ...]:
        return ()

    def say(self, example: Example, answer: str, answer_format: AnswerFormat) -> str:
        return answer

    def read(self, example: Example, statement: str) -> Reading:
        sentence = first_sentence(statement)
        # "5 + 3 = 8": what stands after the last equals sign is the result.
        offset = sentence.rfind("=") + 1
        for match in _NUMBER.finditer(sentence, offset):
            if not any(ch.isdigit() for ch in match.group()):
                continue
            follows = sentence[match.end() : match.end() + 2].strip()
            if follows[:1] in ("/", "^") or re.match(r"[eE]\d", follows):
                return Reading(None, len(sentence))
            if re.match(r"[A-Za-z]\d|[,.]\d", follows):
                return Reading(None, len(sentence))
            try:
                return Reading(_decimal(match.group()), match.end())
            except ValueError:
                return Reading(None, len(sentence))
        return Reading(None, len(sentence))

    def same(self, left: str, right: str) -> bool:
        try:
            return Decimal(left) == Decimal(right)
        except InvalidOperation:
            return False


class Text:
    """Free text: normalised exact match."""

    name = "text"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        text = str(value).strip()
        if not text:
            raise ValueError("the answer is empty")
        return text

    def render(self, example: Example) -> str:
        return _question(example)

    def candidates(self, example: Example) -> tuple[str, ...]:
        return ()

    def say(self, example: Example, answer: str, answer_format: AnswerFormat) -> str:
        return answer

    def read(self, example: Example, statement: str) -> Reading:
        line = statement.split("\n", 1)[0].rstrip()
        # The gold answer may hold full stops ("U.S. Navy"): the whole line counts first.
        whole = line.strip().strip("*_\"'`“”‘’").rstrip(".!").strip()
        return Reading(whole or None, len(line))

    def same(self, left: str, right: str) -> bool:
        return normalise(left) == normalise(right)
