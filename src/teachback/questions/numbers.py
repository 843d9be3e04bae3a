"""Questions that are answered by a number."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from teachback.questions.conclusions import first_sentence, negated
from teachback.questions.kind import QuestionKind, Reading
from teachback.records import Example

_NUMBER = re.compile(
    r"""(?<![\w.])(?P<minus>(?:minus|negative)\s+)?
    (?P<number>[-+−]?\s?(?:[$€£¥]\s?)?[-+−]?
        (?:\d{1,3}(?:[,_ ]\d{2,3})*[,_ ]\d{3}(?!\d)|\d+)?(?:\.\d+)?)(?=\D|$)""",
    re.IGNORECASE | re.VERBOSE,
)
# What makes of a number the part of another one: fractions, powers, ranges, times, sums.
_GOES_ON = re.compile(
    r"""[/^:][ ]?\d | [,.]\d | \{,\} | [ ]?[-–—][ ]?\d | [eE][-+]?\d | [²³⁰¹⁴-⁹] | [A-Za-z]\d
    | [ ]?(?:[×÷*+/]|\\times|\\cdot|\\div)[ ]?[\d(] | [ ]x[ ]?\d | [ ](?:to|or|and)[ ][$€£¥]?\d
    | [ ]\d""",
    re.VERBOSE,
)


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


class Number(QuestionKind):
    """Numbers, compared as decimals; separators, currency and percent signs do not count."""

    name = "number"
    exemplars = "arithmetic"
    rows_have = "a number as the answer"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        if isinstance(value, bool):
            raise ValueError(f"the answer {value!r} is not a number")
        return _decimal(str(value))

    def recognises(self, value: Any, choices: tuple[str, ...]) -> bool:
        return not choices and self.accepts(value, choices)

    def conclusion_form(self, choices: tuple[str, ...]) -> str:
        return "The answer is NUMBER. Here NUMBER is in digits and without a unit."

    def read(self, example: Example, statement: str) -> Reading:
        sentence = first_sentence(statement)
        unread = Reading(None, len(sentence))
        if negated(statement) or "\\frac" in sentence:
            return unread
        # "5 + 3 = 8": what stands after the last equals sign is the result.
        offset = sentence.rfind("=") + 1
        for match in _NUMBER.finditer(sentence, offset):
            if not any(ch.isdigit() for ch in match.group()):
                continue
            if _GOES_ON.match(statement, match.end()):
                return unread
            try:
                number = _decimal(match.group("number"))
            except ValueError:
                return unread
            if match.group("minus"):
                number = _decimal(f"-{number}")
            # Signs, brackets and a sum may stand before the number of an answer; words may not.
            opens = offset > 0 or not re.search(r"[A-Za-z0-9]", sentence[: match.start()])
            return Reading(number, match.end(), opens=opens)
        return unread

    def same(self, left: str, right: str) -> bool:
        try:
            return Decimal(left) == Decimal(right)
        except InvalidOperation:
            return False
