"""Pairs of which the better explanation is known: an explanation against a damaged one.

Each is A, an explanation as it was written, against B: that of another item, the first half of its
words, the same with one step denied, or the same with sentences that say nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from teachback.annotation.explained_items import Explained
from teachback.judging.judge_questions import ExplanationPair
from teachback.quality.planted_mistakes import turned_statement
from teachback.records import Example

PlantedKind = Literal["another-item", "truncated", "contradicted", "padded"]

PAIRS_OF_A_KIND = 10

_FEWEST_WORDS = 6
"""An explanation with fewer words cannot be halved in a way that shows."""

_PADDING = (
    "This is a question that one can think about.",
    "There is much that could be said here.",
    "It is worth looking at the matter with care.",
    "Many people would consider this before they answer.",
    "As was said before, the answer is what it is.",
)


WHY_NONE: dict[PlantedKind, str] = {
    "another-item": "all explanations are the same",
    "truncated": f"no explanation has {_FEWEST_WORDS} words",
    "contradicted": "no explanation has a statement that could be turned into its opposite, which "
    "is done in English alone",
    "padded": "there are no explanations",
}
"""Why there can be no pairs of a kind."""


@dataclass(frozen=True, slots=True)
class PlantedPair:
    """A pair whose A is the better one."""

    kind: PlantedKind
    pair: ExplanationPair


def planted_pairs(
    examples: Sequence[Example], explanations: Mapping[str, Explained], seed: int
) -> list[PlantedPair]:
    """`PAIRS_OF_A_KIND` of each kind, or as many as the explanations allow: from a seed."""
    found = []
    for kind, damage in _DAMAGES.items():
        rng = random.Random(f"planted {kind} {seed}")
        drawn = 0
        for example in rng.sample(list(examples), len(examples)):
            own = explanations[example.id]
            others = [e.id for e in examples if e.id != example.id]
            worse = damage(own, [explanations[other] for other in others], rng)
            if worse is None or drawn == PAIRS_OF_A_KIND:
                continue
            drawn += 1
            pair = ExplanationPair(
                f"planted {kind} {example.id}", example, own, Explained(worse, own.answer)
            )
            found.append(PlantedPair(kind, pair))
    return found


def _of_another_item(own: Explained, others: Sequence[Explained], rng: random.Random) -> str | None:
    different = [one.text for one in others if one.text.split() != own.text.split()]
    return rng.choice(different) if different else None


def _truncated(own: Explained, _others: Sequence[Explained], _rng: random.Random) -> str | None:
    words = own.text.split()
    return " ".join(words[: len(words) // 2]) if len(words) >= _FEWEST_WORDS else None


def _contradicted(own: Explained, _others: Sequence[Explained], rng: random.Random) -> str | None:
    """One statement of the explanation turned into its opposite."""
    mistake = turned_statement(own.text, rng)
    return None if mistake is None else mistake.text


def _padded(own: Explained, _others: Sequence[Explained], _rng: random.Random) -> str:
    return " ".join([_PADDING[0], own.text.strip(), *_PADDING[1:]])


_DAMAGES: dict[
    PlantedKind, Callable[[Explained, Sequence[Explained], random.Random], str | None]
] = {
    "another-item": _of_another_item,
    "truncated": _truncated,
    "contradicted": _contradicted,
    "padded": _padded,
}
