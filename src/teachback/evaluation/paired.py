"""Is one student better than another? The primary test on predictions, and its verdict.

The formulas, and why they count seeds as well as items, stand in
:mod:`teachback.evaluation.crossed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import scipy  # its statistics take a second to import, and are when they are first needed
from numpy.typing import NDArray

from teachback.errors import DataError
from teachback.evaluation.crossed import DifferenceEstimate, estimate_difference
from teachback.evaluation.metrics import check, clusters
from teachback.evaluation.ways import IN_WORDS, Answers, in_way_by_seed
from teachback.files.result_rows import ResultRows
from teachback.formatting import count, interval, p_in_words, points
from teachback.records import ComparedWay, Prediction

Finding = Literal["shown", "hint", "not-shown"]
"""What a comparison shows; a ``hint`` is what was not declared beforehand and would be shown."""

LEVEL = 0.05
"""A comparison with a smaller p, or Holm's p, is shown."""

FEW_GROUPS = 20
"""With fewer units than this, a comparison says so: the t distribution is a rough guide."""


@dataclass(frozen=True, slots=True)
class SeedComparison:
    """The two systems of one seed. Descriptive: it is about these two models only.

    ``only_a``, ``only_b``: items that one had right and the other wrong. ``p``: exact
    McNemar test, two-sided.
    """

    seed: int
    accuracy_a: float
    accuracy_b: float
    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(DifferenceEstimate, ResultRows):
    """A minus B, averaged over seeds. ``caveats``: what the figures do not show, in words.

    ``way``: how both answered; None where predictions were compared as they were given.
    """

    a: str
    b: str
    way: ComparedWay | None
    accuracy_a: float
    accuracy_b: float
    n_items: int
    n_groups: int
    n_seeds: int
    discordance: float
    seeds: tuple[SeedComparison, ...]
    caveats: tuple[str, ...]

    def __repr__(self) -> str:
        return verdict(self)

    def to_rows(self) -> list[dict[str, object]]:
        """One row: the figures, and the verdict in words."""
        figures: dict[str, object] = asdict(self)
        del figures["seeds"]
        return [{**figures, "caveats": list(self.caveats), "verdict": verdict(self)}]

    @property
    def in_words(self) -> str:
        """How both answered; empty where predictions were compared as they were given."""
        return "" if self.way is None else IN_WORDS[self.way]


def compare_systems(
    a: Mapping[int, Answers],
    b: Mapping[int, Answers],
    *,
    way: ComparedWay = "direct",
    names: tuple[str, str] = ("A", "B"),
) -> Comparison:
    """The primary test of two systems in one way of answering; ``chosen``: each, under each
    seed, in the way that it chose.

    Raises ConfigError where there is no such way, DataError where an answer is missing that
    the way needs, and as `compare` does.
    """
    brought = [
        in_way_by_seed(system, way, name) for system, name in zip((a, b), names, strict=True)
    ]
    return replace(compare(*brought, names=names), way=way)


def compare(
    a: Mapping[int, Sequence[Prediction]],
    b: Mapping[int, Sequence[Prediction]],
    *,
    names: tuple[str, str] = ("A", "B"),
) -> Comparison:
    """The primary test: the accuracy of ``a`` minus that of ``b``, each given per seed.

    Seeds pair the systems: a seed drew the same training subset, order and initialisation
    for both. A system that knows no seed (the untrained student, the majority label) is
    given the same predictions under each. The predictions' first answers are compared,
    whatever way they were brought to (:mod:`teachback.evaluation.ways`).

    Raises DataError where the seeds, the items, their gold answers or groups differ, or where
    there is only one unit of items.
    """
    _check_seeds(a, b, names)
    seeds = sorted(a)
    reference = a[seeds[0]]
    where = f"{names[0]}, seed {seeds[0]}"
    check(reference, where)
    right_a = np.empty((len(reference), len(seeds)), dtype=np.int64)
    right_b = np.empty_like(right_a)
    for right, system, name in ((right_a, a, names[0]), (right_b, b, names[1])):
        for column, seed in enumerate(seeds):
            aligned = align(system[seed], f"{name}, seed {seed}", reference, where)
            right[:, column] = [p.correct for p in aligned]
    groups = clusters(reference)
    estimate = estimate_difference(right_a - right_b, groups)
    return Comparison(
        **asdict(estimate),
        a=names[0],
        b=names[1],
        way=None,
        accuracy_a=float(right_a.mean()),
        accuracy_b=float(right_b.mean()),
        n_items=len(reference),
        n_groups=int(groups.max()) + 1,
        n_seeds=len(seeds),
        discordance=float((right_a != right_b).mean()),
        seeds=tuple(
            _seed_comparison(seed, right_a[:, column], right_b[:, column])
            for column, seed in enumerate(seeds)
        ),
        caveats=_caveats(estimate, len(seeds), int(groups.max()) + 1, len(reference)),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given: for a family declared beforehand.

    Raises ValueError where one is not in [0, 1].
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError(f"p-values lie in [0, 1]: {list(p_values)}")
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def finding(
    comparison: Comparison,
    *,
    adjusted_p: float | None = None,
    alpha: float = LEVEL,
    declared: bool = True,
) -> Finding:
    """What a comparison shows, as :func:`verdict` says it in words."""
    decisive = comparison.p if adjusted_p is None else adjusted_p
    if decisive >= alpha:
        return "not-shown"
    return "shown" if declared else "hint"


def verdict(
    comparison: Comparison,
    *,
    adjusted_p: float | None = None,
    alpha: float = LEVEL,
    declared: bool = True,
) -> str:
    """A comparison in words: the difference, how sure it is, and whether it is shown.

    ``adjusted_p``: Holm's, where the comparison belongs to a family; it then decides. One that
    was not ``declared`` beforehand is a hint at most.
    """
    c = comparison
    higher = c.a if c.difference > 0 else c.b
    found = {
        "not-shown": "not shown",
        "shown": f"shown{' of these two students' if c.n_seeds == 1 else ''}, {higher} is better",
        "hint": f"a hint, {higher} is higher",
    }[finding(c, adjusted_p=adjusted_p, alpha=alpha, declared=declared)]
    way = f" ({c.in_words})" if c.in_words else ""
    grouped = f" in {c.n_groups} groups" if c.n_groups < c.n_items else ""
    adjusted = "" if adjusted_p is None else f" (after Holm, {p_in_words(adjusted_p)})"
    text = (
        f"{c.a} minus {c.b}{way}: {points(c.difference)} points "
        f"{interval(c.low, c.high, points)}, {p_in_words(c.p)}{adjusted}, "
        f"{count(c.n_seeds, 'seed')}, {count(c.n_items, 'item')}{grouped}: {found}."
    )
    return " ".join([text, *(f"{caveat[0].upper()}{caveat[1:]}." for caveat in c.caveats)])


def _check_seeds(
    a: Mapping[int, Sequence[Prediction]],
    b: Mapping[int, Sequence[Prediction]],
    names: tuple[str, str],
) -> None:
    if not a or not b:
        raise DataError(f"{names[0] if not a else names[1]}: no predictions of any seed to compare")
    for lacking, lacker, holder in (
        (sorted(set(b) - set(a)), *names),
        (sorted(set(a) - set(b)), *reversed(names)),
    ):
        if lacking:
            raise DataError(
                f"{lacker} lacks {count(len(lacking), 'seed')} that {holder} has, first "
                f"{lacking[0]}; compare runs of the same seeds"
            )


def align(
    predictions: Sequence[Prediction], what: str, reference: Sequence[Prediction], where: str
) -> list[Prediction]:
    """``predictions`` in the order of ``reference``, which must be of the same items.

    Raises DataError, naming both by ``what`` and ``where``, unless they are.
    """
    check(predictions, what)
    by_id = {p.id: p for p in predictions}
    known = {p.id for p in reference}
    for lacking, holder, lacker in (
        ([p.id for p in reference if p.id not in by_id], where, what),
        ([p.id for p in predictions if p.id not in known], what, where),
    ):
        if lacking:
            raise DataError(
                f"{lacker} lacks {count(len(lacking), 'item')} that {holder} has, first "
                f"{lacking[0]!r}; compare runs evaluated on the same file"
            )
    for ours in reference:
        theirs = by_id[ours.id]
        for field in ("gold", "group"):
            left, right = getattr(ours, field), getattr(theirs, field)
            if left != right:
                raise DataError(
                    f"{ours.id!r} has {field} {left!r} in {where} and {right!r} in {what}; "
                    "compare runs evaluated on the same file"
                )
    return [by_id[p.id] for p in reference]


def _seed_comparison(
    seed: int, right_a: NDArray[np.int64], right_b: NDArray[np.int64]
) -> SeedComparison:
    only_a = int(np.sum(right_a > right_b))
    only_b = int(np.sum(right_b > right_a))
    differing = only_a + only_b
    return SeedComparison(
        seed=seed,
        accuracy_a=float(right_a.mean()),
        accuracy_b=float(right_b.mean()),
        only_a=only_a,
        only_b=only_b,
        p=float(scipy.stats.binomtest(only_a, differing, 0.5).pvalue) if differing else 1.0,
    )


def _caveats(
    estimate: DifferenceEstimate, n_seeds: int, n_groups: int, n_items: int
) -> tuple[str, ...]:
    caveats = []
    if n_seeds == 1:
        caveats.append("one seed: this is about these two students and says nothing of other seeds")
    elif n_seeds == 2:
        caveats.append(
            "two seeds: where there is no difference, one is shown up to 10% of the time; use "
            "three or more"
        )
    if estimate.t is None:
        what = "the difference" if n_seeds == 1 else "the difference, averaged over seeds,"
        where = "on every item" if n_groups == n_items else "in every group"
        caveats.append(f"{what} is the same {where}, so it has no interval of its own")
    elif n_groups < FEW_GROUPS:
        caveats.append(f"only {n_groups} independent items: the interval is a rough guide")
    return tuple(caveats)
