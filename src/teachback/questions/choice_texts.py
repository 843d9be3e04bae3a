"""Which of the choices a text names by its words: for the kinds that have choices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from teachback.questions.conclusions import STATEMENT_AT_MOST, normalise
from teachback.questions.kind import StatedAnswer

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

# What may stand around an answer that is written out to the letter.
_BEFORE_WRITTEN = re.compile(r"[\s*_\"“‘`]*")
_AFTER_WRITTEN = re.compile(r"[\s*_\"”’`]*[.!。]?[\s*_\"”’`]*(?:\n|\Z)")

_PLAIN_HEADS = frozenset("bcdefghijklmnopqrsuvwxyz0123456789")

# A sign or comparison belongs to its number; digits may be grouped or have decimals.
_TOKEN = re.compile(r"(?<![\w])[<>≤≥±+−-]\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)*|[^\W_]+")

# Writing without spaces between words: Thai, Lao, Myanmar, Khmer; kana, Han and their extensions.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)


@lru_cache(maxsize=4096)
def _words(choice: str) -> tuple[str, ...]:
    """The words of a choice for comparing; one reply asks for them several times."""
    return tuple(normalise(choice).split())


def _tokens(text: str) -> tuple[str, ...]:
    """What `named_within` compares: words and numbers in small letters, punctuation left out;
    writing without spaces character by character."""
    found: list[str] = []
    for word in _TOKEN.findall(normalise(text).replace("−", "-")):
        found += _UNSPACED.sub(r" \g<0> ", word).split()
    return tuple(found)


_choice_tokens = lru_cache(maxsize=4096)(_tokens)


def _stands_in(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    """Whether the tokens of one text stand side by side in another one."""
    size = len(inner)
    return any(outer[at : at + size] == inner for at in range(len(outer) - size + 1))


def written_out(statement: str, texts: Sequence[str]) -> tuple[int | None, int]:
    """The index of the text that the first line of ``statement`` is, to the letter (quotes, bold
    type and a full stop around it do not count), and where the line's answer ends.

    So that what prompts ask for and students are trained to write is read back whatever the
    texts are: signs, single characters, several sentences. None where no text is, or where two
    are alike.
    """
    before = _BEFORE_WRITTEN.match(statement)
    # Where a quotation mark or an asterisk is the text's own, none is skipped.
    for begin in dict.fromkeys((0, before.end() if before else 0)):
        found = [
            (at, begin + len(text))
            for at, text in enumerate(texts)
            if text
            and statement.startswith(text, begin)
            and _AFTER_WRITTEN.match(statement, begin + len(text))
        ]
        # "U.S." rather than "U.S" and a full stop.
        longest = [one for one in found if one[1] == max(end for _, end in found)]
        if longest:
            return longest[0] if len(longest) == 1 else (None, begin)
    return None, 0


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
    # Not inside a longer word or number: "race" is not the start of "racetrack".
    last, follows = words[-1][-1], statement[end : end + 1]
    if last.isalnum() and follows.isalnum() and not _UNSPACED.match(last):
        return 0
    return end


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


def named_at_end(text: str, choices: tuple[str, ...]) -> str | None:
    """The choice whose words stand at the end of ``text``; the longest one, of these the first;
    None where there is none."""
    said = _tokens(text[-STATEMENT_AT_MOST:])
    ending = [c for c in choices if (own := _choice_tokens(c)) and said[-len(own) :] == own]
    return max(ending, key=lambda choice: len(_choice_tokens(choice)), default=None)


def named_within(sentence: str, choices: tuple[str, ...]) -> list[str]:
    """The choices whose text stands in ``sentence``; one inside another named one is not
    counted ("ball" within "red ball").
    """
    said = _tokens(sentence)
    tokens = {c: _choice_tokens(c) for c in choices}
    named = [c for c in choices if tokens[c] and _stands_in(tokens[c], said)]
    return [
        c
        for c in named
        if not any(c != other and _stands_in(tokens[c], tokens[other]) for other in named)
    ]


def is_other_number(sentence: str, choice: str) -> bool:
    """Whether ``sentence`` is nothing but a number, and not one that stands in ``choice``."""
    said = _tokens(sentence)
    return len(said) == 1 and said[0][-1].isdigit() and said[0] not in _choice_tokens(choice)


def another_follows(statement: str, end: int, choice: str, choices: tuple[str, ...]) -> bool:
    """Whether another choice follows the one that ends at ``end``: "a dog or a cat"."""
    joined = _JOINED.match(statement, end)
    if joined is None:
        return False
    return named_at_start(statement[joined.end() :], choices)[0] not in (None, choice)


def read_within(sentence: str, choices: tuple[str, ...]) -> StatedAnswer:
    """The one choice that ``sentence`` names, wherever in it; no answer where it names several."""
    named = named_within(sentence, choices)
    return StatedAnswer(named[0] if len(named) == 1 else None, len(sentence), opens=False)
