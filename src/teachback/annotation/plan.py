"""Who sees what in which order: the record of it, and how it is drawn from a seed.

A *screen* is what an annotator sees at once: an item with one explanation (rate, simulate) or two
(prefer). Every item goes to one annotator, a random part of the items to three. An annotator
judges all systems on an item, in passes: between two screens of one item lie as many others
as there are items. Beside the plain screens stand, at random places, planted contradictions (an
explanation that ends by denying its own answer) and silent repeats (a screen seen before; of two
explanations, with the sides exchanged). They say how carefully somebody reads; nobody is left out
for it.

The plan holds the texts, so that answers can be counted when the runs are gone, and is drawn
anew from the same seed as it was.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from teachback.annotation.criteria import MOST_OPTIONS, Mode
from teachback.annotation.explained_items import Explained, ExplainedItems
from teachback.errors import DataError, UsageError
from teachback.records import Example
from teachback.versioned import Versioned

Planted = Literal["contradiction", "repeat"]

SHARED_BY = 3
"""Annotators of an item that is not judged by one alone."""

PLANTED_SHARE = 0.05
"""Of the plain screens of an annotator, for either kind of planted ones."""

_APART = 5
"""Screens that lie between a screen and its repeat, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSystem:
    """A system that is compared: its name and the file of its explanations."""

    name: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedItem:
    """An item; ``explanations`` in the order of the plan's systems. ``choices`` are those that
    its question kind allows; empty where it allows any text."""

    id: str
    group: str | None
    question: str
    context: str | None
    choices: tuple[str, ...]
    gold: str
    explanations: tuple[Explained, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What one annotator sees at once. ``systems``: numbers of the plan's systems, in the order
    shown. ``of``: the screen that a repeat repeats. ``contradicted``: which of the explanations
    shown, counted from 0, is the planted one."""

    id: str
    annotator: str
    item: str
    systems: tuple[int, ...]
    planted: Planted | None = None
    of: str | None = None
    contradicted: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """All that a plan follows from, beside the explanations. ``items``: how many; None: all.
    ``overlap``: the share of items that `SHARED_BY` annotators judge."""

    mode: Mode = "rate"
    annotators: tuple[str, ...] = ("annotator",)
    items: int | None = None
    overlap: float = 0.2
    show_gold: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``plan.json``. ``identity`` names this plan in files of answers."""

    identity: str
    settings: PlanSettings
    kind: str
    systems: tuple[PlannedSystem, ...]
    items: tuple[PlannedItem, ...]
    screens: tuple[Screen, ...]

    def of_annotator(self, annotator: str) -> list[Screen]:
        """An annotator's screens, in order."""
        return [screen for screen in self.screens if screen.annotator == annotator]

    def by_id(self) -> dict[str, PlannedItem]:
        return {item.id: item for item in self.items}


PLAN_FILE = Versioned(Plan, (lambda row: row,))


def draw_plan(found: ExplainedItems, settings: PlanSettings, identity: str) -> Plan:
    """The plan that follows from the settings and the explanations.

    Raises UsageError where the mode does not suit the systems or the questions.
    """
    _check(found, settings)
    rng = random.Random(f"annotation {settings.seed}")
    examples = list(found.examples)
    rng.shuffle(examples)
    examples = examples[: settings.items]
    systems = tuple(
        PlannedSystem(name=s.name, file=str(s.file), sha256=s.sha256) for s in found.systems
    )
    items = tuple(_item(example, found, settings.mode) for example in examples)
    assigned = _assigned(len(items), settings, rng)
    screens: list[Screen] = []
    for number, annotator in enumerate(settings.annotators, 1):
        own = [items[index] for index in assigned[annotator]]
        others = [item for item in items if item not in own] or own
        drawn = _screens_of(annotator, own, others, len(systems), settings)
        places = {screen.id: f"{number}-{place:04}" for place, screen in enumerate(drawn, 1)}
        screens += [
            replace(one, id=places[one.id], of=None if one.of is None else places[one.of])
            for one in drawn
        ]
    return Plan(
        identity=identity,
        settings=settings,
        kind=examples[0].kind,
        systems=systems,
        items=items,
        screens=tuple(screens),
    )


def annotators_by_item(plan: Plan) -> Counter[int]:
    """Number of annotators of an item → number of such items; planted screens not counted."""
    judged = {(s.item, s.annotator) for s in plan.screens if s.planted is None}
    return Counter(Counter(item for item, _ in judged).values())


def _check(found: ExplainedItems, settings: PlanSettings) -> None:
    names = settings.annotators
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise UsageError("--annotator: give each annotator a different name")
    if settings.mode == "prefer" and len(found.systems) < 2:
        raise UsageError("--mode prefer compares two or more systems: name a second run")
    if settings.mode != "simulate":
        return
    for example in found.examples:
        options = len(_choices(example))
        if not 2 <= options <= MOST_OPTIONS:
            raise UsageError(
                f"--mode simulate needs questions with 2 to {MOST_OPTIONS} possible answers, and "
                f"{example.id!r} has {options or 'no list of them'}: use --mode rate or prefer"
            )
    for system in found.systems:
        if not any(system.explanations[e.id].answer for e in found.examples):
            raise DataError(f"{system.file}: no answer can be read, so none can be predicted")


def _choices(example: Example) -> tuple[str, ...]:
    return ("yes", "no") if example.kind == "yes-no" else example.choices


def _item(example: Example, found: ExplainedItems, mode: Mode) -> PlannedItem:
    return PlannedItem(
        id=example.id,
        group=example.group,
        question=example.question,
        context=example.context,
        choices=_choices(example) if mode == "simulate" else example.choices,
        gold=example.answer,
        explanations=tuple(system.explanations[example.id] for system in found.systems),
    )


def _assigned(n: int, settings: PlanSettings, rng: random.Random) -> dict[str, list[int]]:
    """The items of each annotator by their numbers. Items are in random order already."""
    names = list(settings.annotators)
    found: dict[str, list[int]] = {name: [] for name in names}
    shared = round(settings.overlap * n)
    turns = itertools.cycle(rng.sample(names, len(names)))
    for index in range(n):
        for _ in range(min(SHARED_BY, len(names)) if index < shared else 1):
            found[next(turns)].append(index)
    return found


def _screens_of(
    annotator: str,
    own: list[PlannedItem],
    others: list[PlannedItem],
    n_systems: int,
    settings: PlanSettings,
) -> list[Screen]:
    """An annotator's screens in order, under names of their own."""
    rng = random.Random(f"annotation {settings.seed} of {annotator}")
    shown: list[tuple[int, ...]]
    if settings.mode == "prefer":
        shown = list(itertools.combinations(range(n_systems), 2))
    else:
        shown = [(system,) for system in range(n_systems)]
    order = rng.sample(own, len(own))
    first_shown = {item.id: rng.randrange(len(shown)) for item in order}
    plain = [
        _plain(annotator, item, shown[(first_shown[item.id] + turn) % len(shown)], rng)
        for turn in range(len(shown))
        for item in order
    ]
    screens = list(plain)
    number = _planted_number(len(plain))
    for repeated in rng.sample(plain[: max(1, len(plain) - _APART)], number):
        place = rng.randint(min(screens.index(repeated) + 1 + _APART, len(screens)), len(screens))
        repeat = replace(
            repeated,
            id=f"{repeated.id} again",
            planted="repeat",
            of=repeated.id,
            systems=repeated.systems[::-1],
        )
        screens.insert(place, repeat)
    if settings.mode != "simulate":
        deniable = [item for item in others if any(one.answer for one in item.explanations)]
        for item in rng.sample(deniable, min(number, len(deniable))):
            planted = _contradiction(annotator, item, settings.mode, rng)
            screens.insert(rng.randint(0, len(screens)), planted)
    return screens


def _planted_number(plain: int) -> int:
    return max(1, round(PLANTED_SHARE * plain)) if plain > 2 * _APART else 0


def _plain(annotator: str, item: PlannedItem, systems: Sequence[int], rng: random.Random) -> Screen:
    sides = tuple(rng.sample(systems, len(systems)))
    name = f"{item.id} {sorted(systems)}"
    return Screen(id=name, annotator=annotator, item=item.id, systems=sides)


def _contradiction(annotator: str, item: PlannedItem, mode: Mode, rng: random.Random) -> Screen:
    system = rng.choice([n for n, one in enumerate(item.explanations) if one.answer])
    sides = (system, system) if mode == "prefer" else (system,)
    return Screen(
        id=f"{item.id} denied",
        annotator=annotator,
        item=item.id,
        systems=sides,
        planted="contradiction",
        contradicted=rng.randrange(len(sides)),
    )
