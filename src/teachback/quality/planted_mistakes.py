"""Mistakes planted into a text: one number changed, or one statement turned into its opposite.

They stand before the text's last sentence, where something there can be changed: the last one says
what the others come to, and a mistake in it would show what is copied from it, not what is used.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

# Whole numbers that stand alone: no part of a decimal, a date or a word.
_NUMBER = re.compile(r"(?<![\w.,/-])\d{1,9}(?![\w/-]|[.,]\d)")
# A verb, its "not", and the rest of the clause.
_STATEMENT = re.compile(
    r"\b(is|are|was|were|can|will|has to|does|do)\b( not\b)?((?:(?![.,;:!?](?:\s|$))[^\n])*)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*\s+|\n\s*")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A text with a mistake: ``before`` and ``after`` are as they were, ``was`` became ``now``."""

    before: str
    was: str
    now: str
    after: str

    @property
    def begun(self) -> str:
        """The text up to the mistake, and the mistake."""
        return f"{self.before}{self.now}"

    @property
    def text(self) -> str:
        return f"{self.begun}{self.after}"


def changed_number(text: str, rng: random.Random) -> Mistake | None:
    """One of the text's whole numbers changed to a different one of as many digits; None where it
    has no number."""
    numbers = list(_NUMBER.finditer(text))
    if not numbers:
        return None
    chosen = rng.choice(_before_the_last_sentence(text, numbers))
    digits = len(chosen.group())
    smallest = 10 ** (digits - 1)
    # Drawn among the others: those from the number on stand one higher.
    drawn = rng.randrange(smallest, 10 * smallest - 1)
    return _mistake(text, chosen, str(drawn + (drawn >= int(chosen.group()))))


def turned_statement(text: str, rng: random.Random) -> Mistake | None:
    """One of the text's English statements turned into its opposite, by putting in or taking out a
    "not"; None where it has none that this can be done to.

    What was changed is all the clause from its verb on: a text that is continued right after "is"
    could take the "not" up again.
    """
    statements = list(_STATEMENT.finditer(text))
    if not statements:
        return None
    chosen = rng.choice(_before_the_last_sentence(text, statements))
    verb = chosen[1] if chosen[2] else f"{chosen[1]} not"
    return _mistake(text, chosen, f"{verb}{chosen[3]}")


def _before_the_last_sentence(text: str, places: list[re.Match[str]]) -> list[re.Match[str]]:
    """Those of ``places`` that stand before the last sentence of ``text``; all, if none does."""
    ends = [end.end() for end in _SENTENCE_END.finditer(text.rstrip())]
    return [place for place in places if ends and place.start() < ends[-1]] or places


def _mistake(text: str, place: re.Match[str], now: str) -> Mistake:
    return Mistake(text[: place.start()], place.group(), now, text[place.end() :])
