"""Whole numbers in words, in the language of the text: "forty-two", "zweiundvierzig", 四十二.

A number is read whole or not at all: words that make no single number ("two three", "two and a
half", "three dozen") have no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from teachback.questions.number_ideographs import find_ideographs
from teachback.questions.number_word_tables import NumberWords, folded, number_words_of
from teachback.questions.written_numbers import joins


@dataclass(frozen=True, slots=True)
class NumberInWords:
    """What stands at ``text[start:end]``; ``value`` is None where it is no single number."""

    start: int
    end: int
    value: int | None


def find_number_words(text: str, languages: Iterable[str] = ("en",)) -> list[NumberInWords]:
    """The numbers in words of ``text``, in their order, read in ``languages`` (ISO 639-1).

    Where two languages read the same words differently, they have no value.
    """
    found: list[NumberInWords] = []
    plain = folded(text)
    for language in languages:
        if language in ("ja", "zh"):
            found += [NumberInWords(*one) for one in find_ideographs(text)]
        elif (reader := _reader(language)) is not None:
            found += reader.find(plain)
    found.sort(key=lambda one: (one.start, one.end))
    kept: list[NumberInWords] = []
    for one in found:
        if kept and one.start < kept[-1].end:
            last = kept.pop()
            value = last.value if last.value == one.value else None
            one = NumberInWords(last.start, max(last.end, one.end), value)
        kept.append(one)
    joined = [_are_one(text, one, other) for one, other in pairwise(kept)]
    return [
        replace(one, value=None) if before or behind else one
        for one, before, behind in zip(kept, [False, *joined], [*joined, False], strict=False)
    ]


def _are_one(text: str, one: NumberInWords, other: NumberInWords) -> bool:
    """Whether neighbours belong together: "five or six", "ten minus three". Side by side without a
    sign they are of two languages: "one" in English, and "cent" in French."""
    gap = text[one.end : other.start]
    return joins(gap) and (bool(gap.strip()) or (other.value or 0) < 0)


class _Reader:
    """Finds and reads the numbers of one language in a folded text."""

    def __init__(self, words: NumberWords) -> None:
        self._words = words
        word = _any_of(words.words)
        if words.compound:
            parts = "|".join(words.compound)
            # "zweihundertfünf" in one; never an article, and no "und" at either end.
            word = rf"(?!(?:{_any_of(words.articles)}|und)\b)(?:{parts})+|{word}"
        joint = r"(?:\s+|\s?-\s?)"
        if words.comma_after:  # "one thousand, two hundred"
            behind = "|".join(f"(?<={power})" for power in words.comma_after)
            joint = rf"(?:(?:(?:{behind}),)?\s+|\s?-\s?)"
        ands = rf"(?:(?:{_any_of(words.ands)}){joint})?" if words.ands else ""
        first = f"(?:{word})"
        if words.articles:
            powers = _any_of([*words.powers, "hundred"])
            first = rf"(?:{word}|(?:{_any_of(words.articles)})(?=\s+(?:{powers})\b))"
        after = f"(?:{word}|{_any_of(words.articles - {'a'})})" if words.articles - {"a"} else first
        sign = rf"(?:(?P<sign>{_any_of(words.signs)})\s+)?" if words.signs else ""
        self._number = re.compile(rf"\b{sign}(?P<words>{first}\b(?:{joint}{ands}{after}\b)*)")
        only = _any_of(words.only)
        self._one = (
            re.compile(rf"\b(?:{only})(?:\s+|(?<='))(?P<words>{_any_of(words.articles)})\b")
            if words.only
            else None
        )
        self._not_after = re.compile(rf"\b(?:{_any_of(words.not_after)})\s+\Z")
        self._not_before = re.compile(
            rf"\s+(?:{_any_of(words.not_before)})\b|['’]|-[^\W\d]|\s*[0-9]"
        )
        fraction = r"\s+and\s+(?:a|one)\s+(?:half|quarter|third)\b|"
        self._goes_on = re.compile(rf"{fraction}[\s-]+(?:\w+\s+)?(?:{_any_of(words.goes_on)})\b")
        self._words_split = re.compile(r"[\s,-]+")

    def find(self, plain: str) -> list[NumberInWords]:
        found = []
        for match in self._number.finditer(plain):
            if self._not_before.match(plain, match.end()) or self._not_after.search(
                plain, max(0, match.start() - 24), match.start()
            ):
                continue
            value = self._value(match["words"])
            if self._goes_on.match(plain, match.end()):
                value = None
            signed = value is not None and self._words.signs and match["sign"]
            found.append(NumberInWords(*match.span(), -value if signed and value else value))
        for match in self._one.finditer(plain) if self._one else ():
            if self._not_before.match(plain, match.end()):
                continue
            if not any(one.start <= match.start("words") < one.end for one in found):
                found.append(NumberInWords(*match.span("words"), 1))
        return sorted(found, key=lambda one: one.start)

    def _value(self, written: str) -> int | None:
        """The value of a run of words; None where it is no single number."""
        words = self._words
        if words.compound:
            for power in words.alone:
                written = written.replace(power, f" {power} ")
        total, least = 0, 10**18
        group: list[str] = []
        for word in self._words_split.split(written.strip()):
            factor = words.powers.get(word)
            if factor is None:
                group.append(word)
                continue
            if group and group[0] in words.ands and total:
                del group[0]
            many = words.below_1000.get(" ".join(group)) if group else int(word in words.alone)
            if not many or factor >= least:
                return None
            total, least, group = total + many * factor, factor, []
        if group and group[0] in words.ands and total:
            del group[0]
        if group:
            rest = words.below_1000.get(" ".join(group))
            if rest is None or (total and not rest):
                return None
            total += rest
        return total


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(folded(word)) for word in sorted(words, key=len, reverse=True))


@lru_cache(maxsize=8)
def _reader(language: str) -> _Reader | None:
    words = number_words_of(language)
    return _Reader(words) if words else None
