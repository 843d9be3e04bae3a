"""Kinds without listed choices: yes-no, number, free text."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from teachback.questions.conclusions import Span, first_sentence, negated, verdict_end
from teachback.questions.kind import QuestionKind, Reading, stripped_answer
from teachback.records import Example

_TRUTH = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_YES_NO = re.compile(
    r"""[\s*_"'“‘`(\[{$]*(?:\\(?:text|mathrm|textbf|mathbf)\{)?
    (?:(?:so|therefore|thus|hence|clearly|certainly|definitely|probably|likely|most\s+likely
        |simply|obviously|indeed|still|a\s+(?:clear|resounding|definite|qualified|simple))\b
        [\s,:*_"'“‘]*)?
    (yes|no|true|false)(?![A-Za-z0-9'’-])""",
    re.IGNORECASE | re.VERBOSE,
)
# "no more than two", "no one": a "no" before a noun denies that, and is not the answer. Words
# that can follow an answer without a comma are not nouns.
_IN_PASSING = re.compile(
    r"""[ \t]+(?!(?:because|since|as|it|they|he|she|we|you|this|that|these|those|there|so|but|due
        |and|or|if|for|the|in|not|given|is|was|would|could|by|on|at|to|unless|although|when
        |a|an|although|though|while|based|under|without|with|from|it['’]s)\b)[a-z]""",
    re.VERBOSE,
)
_CONTRARY = re.compile(r"\s*(?:/|,?\s*(?:and|or)\s+)\s*(?:yes|no|true|false)\b", re.I)
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
# A full stop that ends no sentence: "U.S. Navy", "St. Louis", "no. 5".
_ABBREVIATED = re.compile(
    r"(?:^|[\s(.])(?:[A-Za-z]|dr|mrs?|ms|st|jr|sr|vs|no|mt|ft|inc|ltd|co|corp|prof|gen|col|capt|lt"
    r"|rev|etc|approx)\.$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"\.[\"'”’*_]*(?=\s+[A-Z\"“‘*])")


class YesNo(QuestionKind):
    """Booleans; students write yes or no."""

    name = "yes-no"
    exemplars = "strategyqa"
    rows_have = "yes or no as the answer"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        try:
            return _TRUTH[str(value).strip().casefold()]
        except KeyError:
            raise ValueError(f"the answer {value!r} is not yes, no, true or false") from None

    def recognises(self, value: Any, choices: tuple[str, ...]) -> bool:
        return not choices and self.accepts(value, choices)

    def candidates(self, example: Example) -> tuple[str, ...]:
        return ("yes", "no")

    def conclusion_form(self, choices: tuple[str, ...]) -> str:
        return "The answer is yes. Or: The answer is no."

    def read(self, example: Example, statement: str) -> Reading:
        match = _YES_NO.match(statement)
        if not match or _IN_PASSING.match(statement, match.end()):
            return Reading(None, len(first_sentence(statement)))
        contrary = _CONTRARY.match(statement, match.end())
        if contrary:
            return Reading(None, contrary.end())
        return Reading(_TRUTH[match.group(1).casefold()], match.end())

    def marked_ending(self, text: str) -> Span | None:
        return verdict_end(text)

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
