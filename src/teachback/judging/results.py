"""What a judge's replies come to: win rates, shares, strengths, and what people add.

Items are the units, each once. The paired test is the primary test of accuracies
(:mod:`teachback.evaluation.crossed`): an item's two orders are two rows of one unit, each a win
(1), a tie (0) or a loss (-1), over the seeds; the win rate is ½ plus half their mean. Items with
an order that cannot be read are left out of a comparison and counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from teachback.errors import DataError
from teachback.evaluation.crossed import estimate_difference
from teachback.evaluation.paired import holm
from teachback.judging.compared_systems import ComparedSystems
from teachback.judging.judge import Preference, Rating
from teachback.judging.judge_questions import CRITERIA
from teachback.judging.people_answers import PREFERRED, PeopleAnswers
from teachback.judging.self_test import SelfTest
from teachback.quality.bradley_terry import Strengths, bradley_terry_over_items
from teachback.quality.equal_length import EqualLength, win_rate_at_equal_length
from teachback.quality.item_means import mean_share
from teachback.quality.prediction_powered import PoweredMean, prediction_powered_mean
from teachback.versioned import Versioned

Preferences = Mapping[tuple[int, int, int, str], Preference]
"""(system a, system b, seed, item) → what the judge says of them."""

Ratings = Mapping[tuple[int, int, str, str], Rating]
"""(system, seed, item, criterion) → what the judge says of its explanation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WinRateRow:
    """How often system ``a`` is preferred to ``b``, a tie as ½, with its 95% interval; ``p``
    (two-sided) against ½, and ``p_holm`` after Holm over all pairs of systems. None where no two
    units could be judged.

    ``consistent``: the share of asked pairs of which both orders have one outcome;
    ``first_excess``: of the orders read, the share with the first preferred minus that with the
    second. ``unparsed``, ``failed``: orders whose reply cannot be read, and those without one.
    """

    a: str
    b: str
    win_rate: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None = None
    items: int
    left_out: int
    seeds: int
    same_text: int
    consistent: float | None
    first_excess: float | None
    unparsed: int
    failed: int
    equal_length: EqualLength | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionRow:
    """The share of a system's explanations that meet a criterion, over items, the seeds averaged.
    ``unknown``, ``unparsed`` and ``failed`` are counted apart and are in no share."""

    criterion: str
    system: str
    share: float | None
    low: float | None
    high: float | None
    items: int
    unknown: int
    unparsed: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionDifferenceRow:
    """System ``a`` minus ``b`` on the items of which both were judged, under all seeds; ``p_holm``:
    after Holm over all criteria and pairs of systems."""

    criterion: str
    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float | None = None
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleRow:
    """People and judge together: ``preferred``: the win rate of ``a`` over ``b``; a criterion:
    ``a`` minus ``b``."""

    measure: str
    a: str
    b: str
    powered: PoweredMean


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeResults:
    """``results.json``. ``judge``: its name. ``strengths_items``: of three systems or more, on how
    many items every pair could be read; the strengths are of these."""

    judge: str
    mode: str
    systems: tuple[str, ...]
    items: int
    seeds: int
    self_test: SelfTest
    even_so: bool
    warnings: tuple[str, ...]
    win_rates: tuple[WinRateRow, ...] = ()
    strengths: Strengths | None = None
    strengths_items: int | None = None
    criteria: tuple[CriterionRow, ...] = ()
    differences: tuple[CriterionDifferenceRow, ...] = ()
    people: tuple[PeopleRow, ...] = ()


RESULTS_FILE = Versioned(JudgeResults, (lambda row: row,))


def win_rate_rows(compared: ComparedSystems, preferences: Preferences) -> list[WinRateRow]:
    """Every two systems compared."""
    rows = [_win_rate(compared, preferences, a, b) for a, b in compared.couples]
    known = [row.p for row in rows if row.p is not None]
    adjusted = iter(holm(known))
    return [row if row.p is None else replace(row, p_holm=next(adjusted)) for row in rows]


def strengths_of(
    compared: ComparedSystems, preferences: Preferences
) -> tuple[Strengths | None, int | None]:
    """Of three systems or more, and on how many items: those of which every pair could be read."""
    k = len(compared.systems)
    if k < 3:
        return None, None
    wins, groups = [], []
    for item, group in zip(compared.items, compared.groups, strict=True):
        own = np.zeros((k, k))
        for a, b in compared.couples:
            value = _value(compared, preferences, a, b, item.id)
            if value is None:
                break
            own[a, b], own[b, a] = value, 1 - value
        else:
            wins.append(own)
            groups.append(group)
    if not wins:
        return None, 0
    return bradley_terry_over_items(np.array(wins), _renumbered(groups)), len(wins)


def criterion_rows(compared: ComparedSystems, ratings: Ratings) -> list[CriterionRow]:
    """Every criterion and system."""
    rows = []
    for criterion in CRITERIA:
        for number, system in enumerate(compared.systems):
            own = [
                [ratings[number, seed, item.id, criterion] for seed in compared.seeds]
                for item in compared.items
            ]
            means = [_mean_rating(each) for each in own]
            known = [m for m in means if m is not None]
            groups = [g for g, m in zip(compared.groups, means, strict=True) if m is not None]
            found = mean_share(known, groups) if known else None
            flat = [rating for each in own for rating in each]
            rows.append(
                CriterionRow(
                    criterion=criterion,
                    system=system.name,
                    share=None if found is None else found.mean,
                    low=None if found is None else found.low,
                    high=None if found is None else found.high,
                    items=len(known),
                    unknown=sum(one.option == "unknown" for one in flat),
                    unparsed=sum(one.option is None and not one.failed for one in flat),
                    failed=sum(one.failed for one in flat),
                )
            )
    return rows


def criterion_difference_rows(
    compared: ComparedSystems, ratings: Ratings
) -> list[CriterionDifferenceRow]:
    """Every criterion and every two systems of which at least two units were judged."""
    rows = []
    for criterion in CRITERIA:
        for a, b in compared.couples:
            values, groups = [], []
            for item, group in zip(compared.items, compared.groups, strict=True):
                own = [
                    [_yes(ratings[system, seed, item.id, criterion]) for seed in compared.seeds]
                    for system in (a, b)
                ]
                whole = [[value for value in each if value is not None] for each in own]
                if all(len(each) == len(compared.seeds) for each in whole):
                    values.append([x - y for x, y in zip(*whole, strict=True)])
                    groups.append(group)
            units = _renumbered(groups)
            if not units or max(units) < 1:
                continue
            found = estimate_difference(np.array(values, dtype=np.int64), np.array(units))
            rows.append(
                CriterionDifferenceRow(
                    criterion=criterion,
                    a=compared.systems[a].name,
                    b=compared.systems[b].name,
                    difference=found.difference,
                    low=found.low,
                    high=found.high,
                    p=found.p,
                    items=len(values),
                )
            )
    adjusted = holm([row.p for row in rows])
    return [replace(row, p_holm=p) for row, p in zip(rows, adjusted, strict=True)]


def people_rows(
    compared: ComparedSystems,
    people: PeopleAnswers,
    preferences: Preferences,
    ratings: Ratings,
) -> list[PeopleRow]:
    """People and judge together, wherever people judged items of two units or more and the judge
    others.

    Raises DataError where there is no such comparison.
    """
    units = dict(zip((item.id for item in compared.items), compared.groups, strict=True))
    rows = []
    for a, b in compared.couples:
        names = compared.systems[a].name, compared.systems[b].name
        of_people = {PREFERRED: people.preferences(*names)}
        of_people |= {criterion: people.differences(criterion, *names) for criterion in CRITERIA}
        for measure, said in of_people.items():
            values = {
                item.id: _judged(compared, preferences, ratings, measure, a, b, item.id)
                for item in compared.items
            }
            judged = {item: value for item, value in values.items() if value is not None}
            both = [item for item in said if item in judged]
            further = [item for item in judged if item not in said]
            groups = [units[item] for item in both]
            if len(set(groups)) < 2 or not further:
                continue
            powered = prediction_powered_mean(
                [said[item] for item in both],
                [judged[item] for item in both],
                [judged[item] for item in further],
                groups=groups,
                unlabelled_groups=[units[item] for item in further],
            )
            rows.append(PeopleRow(measure=measure, a=names[0], b=names[1], powered=powered))
    if not rows:
        raise DataError(
            "--people needs two items (of two groups, where the dataset has them) judged both by "
            "people and by the judge, and others judged only by the judge, of the same systems and "
            "mode"
        )
    return rows


def _win_rate(compared: ComparedSystems, preferences: Preferences, a: int, b: int) -> WinRateRow:
    own = {
        item.id: [preferences[a, b, seed, item.id] for seed in compared.seeds]
        for item in compared.items
    }
    read = [item for item in compared.items if all(p.value is not None for p in own[item.id])]
    read_ids = {item.id for item in read}
    groups = _renumbered(
        [g for item, g in zip(compared.items, compared.groups, strict=True) if item.id in read_ids]
    )
    flat = [one for each in own.values() for one in each]
    asked = [one for one in flat if one.asked]
    orders = [
        sign * (2 * value - 1)
        for one in asked
        for value, sign in ((one.a_first, 1), (one.b_first, -1))
        if value is not None
    ]
    whole = [one for one in asked if one.value is not None]
    found = None
    if groups and max(groups) > 0:
        rows = [
            [int(2 * value - 1) for value in order if value is not None]
            for item in read
            for order in (
                [one.a_first for one in own[item.id]],
                [one.b_first for one in own[item.id]],
            )
        ]
        found = estimate_difference(np.array(rows, dtype=np.int64), np.repeat(groups, 2))
    values = [_value(compared, preferences, a, b, item.id) for item in read]
    return WinRateRow(
        a=compared.systems[a].name,
        b=compared.systems[b].name,
        win_rate=None if found is None else 0.5 + found.difference / 2,
        low=None if found is None else 0.5 + found.low / 2,
        high=None if found is None else 0.5 + found.high / 2,
        p=None if found is None else found.p,
        items=len(read),
        left_out=len(own) - len(read),
        seeds=len(compared.seeds),
        same_text=len(flat) - len(asked),
        consistent=sum(one.consistent for one in whole) / len(whole) if whole else None,
        first_excess=math.fsum(orders) / len(orders) if orders else None,
        unparsed=sum(one.unparsed for one in flat),
        failed=sum(one.failed for one in flat),
        equal_length=win_rate_at_equal_length(
            [value for value in values if value is not None],
            [compared.words_difference(a, b, item) for item in read],
            groups,
        ),
    )


def _value(
    compared: ComparedSystems, preferences: Preferences, a: int, b: int, item: str
) -> float | None:
    """The mean over seeds; None where one is missing."""
    if (a, b, compared.seeds[0], item) not in preferences:
        return None
    values = [preferences[a, b, seed, item].value for seed in compared.seeds]
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if len(known) == len(values) else None


def _judged(
    compared: ComparedSystems,
    preferences: Preferences,
    ratings: Ratings,
    measure: str,
    a: int,
    b: int,
    item: str,
) -> float | None:
    """What the judge says of two systems in the measure that people are asked for, the mean over
    seeds; None where one is missing."""
    if measure == PREFERRED:
        return _value(compared, preferences, a, b, item)
    if (a, compared.seeds[0], item, measure) not in ratings:
        return None
    differences = []
    for seed in compared.seeds:
        of_a, of_b = (_yes(ratings[system, seed, item, measure]) for system in (a, b))
        if of_a is None or of_b is None:
            return None
        differences.append(of_a - of_b)
    return sum(differences) / len(differences)


def _yes(rating: Rating) -> int | None:
    return {"yes": 1, "no": 0}.get(rating.option or "")


def _mean_rating(ratings: Sequence[Rating]) -> float | None:
    """The share of yes over the seeds that were judged; None where none was."""
    known = [value for value in map(_yes, ratings) if value is not None]
    return sum(known) / len(known) if known else None


def _renumbered(groups: Sequence[int]) -> list[int]:
    """Numbers from 0 without gaps."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in groups]
