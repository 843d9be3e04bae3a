"""Answers as numbers: what was measured, of which system, on which item, by whom.

- ``rate``: each criterion, 1 for yes and 0 for no; "cannot tell" is no value.
- ``prefer``: ``preferred``, of each system against the other: 1 for a win, ½ where both are good or
  both are bad, 0 for a loss.
- ``simulate``: ``without`` and ``with``, 1 where the system's answer was predicted, and ``gain``,
  with minus without.

Planted screens are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from teachback.annotation.answers import Revision
from teachback.annotation.plan import Plan, PlannedItem, Screen

_SIDES = {"a": (1.0, 0.0), "b": (0.0, 1.0), "both-good": (0.5, 0.5), "both-bad": (0.5, 0.5)}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One value. ``against``: the other system of a preference; None elsewhere. ``category``: what
    was answered, the same whatever the sides, for agreement."""

    measure: str
    system: int
    against: int | None
    item: str
    annotator: str
    value: float
    category: str


def judgements(plan: Plan, answered: Mapping[str, Revision]) -> list[Judgement]:
    """The values of the plain screens that are answered. ``answered``: screen → standing
    revision."""
    items = plan.by_id()
    return [
        judgement
        for screen in plan.screens
        if screen.planted is None and screen.id in answered
        for judgement in of_screen(screen, items[screen.item], answered[screen.id])
    ]


def of_screen(screen: Screen, item: PlannedItem, revision: Revision) -> Iterator[Judgement]:
    """The values of one answered screen."""
    answers = revision.answers or {}
    first = screen.systems[0]
    if "preferred" in answers:
        chosen = answers["preferred"]
        winner = {"a": first, "b": screen.systems[-1]}.get(chosen)
        category = chosen if winner is None else str(winner)
        for system, against, value in zip(
            screen.systems, screen.systems[::-1], _SIDES[chosen], strict=True
        ):
            yield Judgement(
                "preferred", system, against, item.id, screen.annotator, value, category
            )
    elif "with" in answers:
        answer = item.explanations[first].answer
        if answer is None:
            return
        right = {
            key: float(item.choices[int(answers[key])] == answer) for key in ("without", "with")
        }
        for key, value in {**right, "gain": right["with"] - right["without"]}.items():
            # Agreement is about what people said, whether or not it was right.
            category = answers.get(key, str(value))
            yield Judgement(key, first, None, item.id, screen.annotator, value, category)
    else:
        for key, said in answers.items():
            if said != "unknown":
                yield Judgement(
                    key, first, None, item.id, screen.annotator, float(said == "yes"), said
                )


def is_same(first: Mapping[str, str], again: Mapping[str, str]) -> bool:
    """Whether a screen and its repeat were answered alike in the criterion that decides; the sides
    of a preference are exchanged in its repeat."""
    exchanged = {"a": "b", "b": "a"}
    if "preferred" in first:
        return first["preferred"] == exchanged.get(again["preferred"], again["preferred"])
    decisive = "with" if "with" in first else "acceptable"
    return first[decisive] == again[decisive]


def is_caught(screen: Screen, answers: Mapping[str, str]) -> bool:
    """Whether a planted contradiction was seen: it is not acceptable, or not preferred."""
    if "preferred" in answers:
        return answers["preferred"] == ("b" if screen.contradicted == 0 else "a")
    return answers["acceptable"] == "no" or answers["enough"] == "no"
