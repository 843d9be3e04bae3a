"""Surface facts of a text: its length, what it copies, what it repeats. None of them is a quality.

Words are runs of letters and digits, without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

COPIED_RUN = 3
"""So many words in a row that also stand in the question count as copied from it."""

REPEATED_RUN = 4
"""A sequence of so many words that stood in the text before counts as repeated."""

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words of ``text``, in their order."""
    return [word.casefold() for word in _WORD.findall(text)]


def share_copied(text: str, question: str) -> float | None:
    """The share of the text's words that stand in a run of `COPIED_RUN` or more words of the
    question; None where the text has no words.

    The extractive fragment coverage of Grusky, Naaman and Artzi 2018 ("Newsroom"), except that
    fragments of one or two words do not count: any text about a question shares its single words.
    """
    words = words_of(text)
    if not words:
        return None
    asked = set(_runs(words_of(question), COPIED_RUN))
    copied = [False] * len(words)
    for place, run in enumerate(_runs(words, COPIED_RUN)):
        if run in asked:
            copied[place : place + COPIED_RUN] = [True] * COPIED_RUN
    return sum(copied) / len(words)


def share_repeated(text: str) -> float | None:
    """The share of the text's sequences of `REPEATED_RUN` words that stood in it before (seq-rep-4
    of Welleck et al. 2020, "Neural text generation with unlikelihood training"); None where the
    text is shorter than that.
    """
    runs = _runs(words_of(text), REPEATED_RUN)
    return 1 - len(set(runs)) / len(runs) if runs else None


def _runs(words: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]
