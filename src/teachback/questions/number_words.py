"""English numbers in words: "twelve", "forty-two", "three hundred and five"."""

from __future__ import annotations

import re

_SMALL = {
    word: value
    for value, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
        fifteen sixteen seventeen eighteen nineteen""".split()
    )
}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_POWERS = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_WORD = "|".join([*_SMALL, *_TENS, *_POWERS])
_NUMBER = re.compile(
    rf"\b(?:(?:minus|negative)\s+)?(?:{_WORD})\b(?:(?:[\s-]|\s+and\s+){{1,3}}(?:{_WORD})\b)*",
    re.IGNORECASE,
)
# "one of them", "each one", "one-way", "one can see", "the two of them", "at first one"
_NOT_COUNTED = re.compile(
    r"\s*(?:(?:of|another|by|can|could|must|might|may|would|should|who|that|which)\b|['’])|-[a-z]",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(
    r"\b(?:no|any|each|every|this|that|which|another|other|some|the|first|last|second|right"
    r"|correct|wrong|point|half|of)\s+\Z",
    re.IGNORECASE,
)


def find_number_words(text: str) -> list[tuple[int, int, int | None]]:
    """The numbers in words of ``text``: start, end, and the value; None for words that make no
    single number ("two three", "one and two")."""
    found = []
    for match in _NUMBER.finditer(text):
        if _NOT_COUNTED.match(text, match.end()) or _NOT_AFTER.search(
            text, max(0, match.start() - 20), match.start()
        ):
            continue
        found.append((match.start(), match.end(), _value(match[0])))
    return found


def _value(words: str) -> int | None:
    total, group, last = 0, 0, 0  # last: the size of the word before, 0 where none
    sign = 1
    least = 10**9  # what stands behind "thousand" is below it
    for word in re.findall("[a-z]+", words.casefold()):
        if word in ("minus", "negative"):
            sign = -1
        elif word == "and":
            if last not in (100, 1_000):
                return None
        elif word in _SMALL:
            if 0 < last < 100 and not (last == 10 and 0 < _SMALL[word] < 10 and group % 10 == 0):
                return None
            group += _SMALL[word]
            last = 1
        elif word in _TENS:
            if 0 < last < 100:
                return None
            group += _TENS[word]
            last = 10
        elif word == "hundred":
            if not 0 < group < 10:
                return None
            group *= 100
            last = 100
        else:
            power = _POWERS[word]
            if not group or power >= least:
                return None
            total, group, least, last = total + group * power, 0, power, 1_000
    return sign * (total + group)
