"""The modes of annotation, and what people are asked in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["rate", "prefer", "simulate"]
"""``rate``: one explanation by several criteria; ``prefer``: one of two; ``simulate``: what the
system would answer, without its explanation and with it."""

Option = tuple[str, str]
"""A value as it is stored, and the words on its button."""

_YES_NO: tuple[Option, ...] = (("yes", "Yes"), ("no", "No"))


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question to people. ``options`` are empty where they are the item's choices."""

    key: str
    text: str
    options: tuple[Option, ...] = _YES_NO


ALONE = (
    Criterion(
        "factual",
        "Is everything that it states true?",
        (*_YES_NO, ("unknown", "Cannot tell")),
    ),
    Criterion("grammatical", "Is it written in correct language?"),
)
"""Asked of an explanation before its question and answer are seen."""

WITH_QUESTION = (
    Criterion("new-facts", "Does it add facts that the question and the answer do not state?"),
    Criterion("relevant", "Is what it says relevant to this question?"),
    Criterion("enough", "Is it enough to justify the answer?"),
    Criterion("acceptable", "All in all, is it an acceptable explanation of the answer?"),
)

PREFERRED = Criterion(
    "preferred",
    "Which explanation is better?",
    (("a", "A"), ("b", "B"), ("both-good", "Both good"), ("both-bad", "Both bad")),
)

WITHOUT = Criterion("without", "What will the system answer?", ())
WITH = Criterion("with", "This is its explanation. What will the system answer?", ())

CRITERIA: dict[Mode, tuple[Criterion, ...]] = {
    "rate": (*ALONE, *WITH_QUESTION),
    "prefer": (PREFERRED,),
    "simulate": (WITHOUT, WITH),
}

PRIMARY: dict[Mode, str] = {"rate": "acceptable", "prefer": "preferred", "simulate": "gain"}
"""The measure on which two systems are compared; fixed by the mode, before anyone has answered."""

MOST_OPTIONS = 9
"""Options that the digits reach."""
