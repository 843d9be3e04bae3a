"""Which of the choices a text names by its words: for the kinds that have choices."""

from __future__ import annotations

import re
from functools import lru_cache

from teachback.questions.conclusions import normalise
from teachback.questions.kind import Reading

NONE = re.compile(
    r"""\W*(?:none\b|neither\b|nothing\b|not\s+(?:\w+ly\s+)?(?:listed|given|among|provided|available|present|in|clear|any)|unclear\b
    |unknown\b|undetermined\b|no\s+(?:correct|right|suitable|answer|option|choice|single)
    |all\s+of|both\b|either\b|cannot\b|can't\b|impossible\b|indeterminate\b|n/?a\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_JOINED = re.compile(r"[\s*_\"'”’`]*(?:,|/|&|and\b|or\b)\s*(?:and\b|or\b)?")
_QUOTES = re.compile(r"[\s*_\"'“‘`(]*")
_ARTICLE = re.compile(r"(?:the|an|a)\s+", re.IGNORECASE)
_GAP = re.compile(r"\s+")

_PLAIN_HEADS = frozenset("bcdefghijklmnopqrsuvwxyz0123456789")


@lru_cache(maxsize=4096)
def _words(choice: str) -> tuple[str, ...]:
    """The words of a choice for comparing; one reply asks for them several times."""
    return tuple(normalise(choice).split())


@lru_cache(maxsize=4096)
def _padded(choice: str) -> str:
    return f" {re.sub(r'[^a-z0-9]+', ' ', normalise(choice)).strip()} "


def start_of(statement: str, choice: str) -> int:
    """Length of ``choice`` at the start of ``statement``; 0 where it does not stand there.

    Case, runs of white space, quotes and a leading article do not count.
    """
    return named_at_start(statement, (choice,))[1]


def _end_of(statement: str, at: int, words: tuple[str, ...]) -> int:
    """Where ``words`` (case-folded) end in ``statement`` if they stand at ``at``; else 0.

    By hand: a pattern for each of a dataset's choices would never be in re's cache.
    """
    for word in words[:-1]:
        if statement[at : at + len(word)].casefold() != word:
            return 0
        gap = _GAP.match(statement, at + len(word))
        if gap is None:
            return 0
        at = gap.end()
    end = at + len(words[-1])
    if statement[at:end].casefold() != words[-1]:
        return 0
    # Not inside a longer word: "race" is not the start of "racetrack".
    return 0 if words[-1][-1].isalnum() and statement[end : end + 1].isalnum() else end


def named_at_start(statement: str, choices: tuple[str, ...]) -> tuple[str | None, int]:
    """The choice that stands at the start of ``statement``, and its length there; the longest
    one, of these the first; None where there is none."""
    quotes = _QUOTES.match(statement)
    begin = quotes.end() if quotes else 0
    article = _ARTICLE.match(statement, begin)
    # Behind an article, or that article may be the choice's own.
    starts = (article.end(), begin) if article else (begin,)
    heads = "".join([statement[start : start + 1].casefold()[:1] for start in starts])
    named, longest = None, 0
    for choice in choices:
        # Nearly all are ruled out by their first letter; t and a may begin an article.
        head = choice[:1].lower()
        if head not in heads and head in _PLAIN_HEADS:
            continue
        words = _words(choice)
        for start in starts if words else ():
            if end := _end_of(statement, start, words):
                if end > longest:
                    named, longest = choice, end
                break
    return named, longest


def named_within(sentence: str, choices: tuple[str, ...]) -> list[str]:
    """The choices whose text stands in ``sentence``; one inside another named one is not
    counted ("ball" within "red ball").
    """
    plain = f" {re.sub(r'[^a-z0-9]+', ' ', sentence.casefold())} "
    padded = {c: _padded(c) for c in choices}
    named = [c for c in choices if padded[c].strip() and padded[c] in plain]
    return [
        c for c in named if not any(c != other and padded[c] in padded[other] for other in named)
    ]


def another_follows(statement: str, end: int, choice: str, choices: tuple[str, ...]) -> bool:
    """Whether another choice follows the one that ends at ``end``: "a dog or a cat"."""
    joined = _JOINED.match(statement, end)
    if joined is None:
        return False
    return named_at_start(statement[joined.end() :], choices)[0] not in (None, choice)


def read_within(sentence: str, choices: tuple[str, ...]) -> Reading:
    """The one choice that ``sentence`` names, wherever in it; no answer where it names several."""
    named = named_within(sentence, choices)
    return Reading(named[0] if len(named) == 1 else None, len(sentence), opens=False)
