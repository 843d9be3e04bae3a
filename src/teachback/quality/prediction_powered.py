"""People and a judge together: a mean of people's values that a judge makes more precise.

People judged n items, the judge judged these and N further ones. With Y what people said and F
what the judge said, prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan and
Zrnic 2023, "Prediction-powered inference"; Angelopoulos, Duchi and Zrnic 2023, "PPI++") estimates

    mean = mean(Y) + w [mean(F of the N) - mean(F of the n)]
    V    = var(Y - w F) / n + w² var(F of the N) / N
    w    = cov(Y, F) / ((1 + n/N) var(F)), kept between 0 and 1

A judge that says nothing of what people say gets the weight w = 0, and people's own mean is left:
a bad judge makes no interval narrower and biases nothing. With w = 1, as it was first proposed, a
judge that is right in 70% makes the interval wider than people alone. The n items must be a random
part of all of them.

Items of one group vary together: its items' deviations are added up first, as in
:mod:`teachback.quality.item_means`, also where people judged some of them and not the others. With
V and C the variance and covariance of such means, w = C(Y, F) n N / (V(F of all) (n + N)²), which
is the w above where every group has one item.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from teachback.evaluation.rounding import without_rounding


@dataclass(frozen=True, slots=True)
class PoweredMean:
    """A mean with its 95% interval, and people's own beside it.

    ``weight``: of the judge, from 0 to 1. ``saved``: the share by which the judge makes the
    variance smaller, so the share of people's work that it saves; below 0 where it adds some.
    """

    mean: float
    low: float
    high: float
    weight: float
    saved: float
    people_mean: float
    people_low: float
    people_high: float
    n_labelled: int
    n_unlabelled: int


def prediction_powered_mean(
    people: Sequence[float],
    judge: Sequence[float],
    unlabelled: Sequence[float],
    *,
    groups: Sequence[int] | None = None,
    unlabelled_groups: Sequence[int] | None = None,
    weight: float | None = None,
    large_sample: bool = False,
) -> PoweredMean:
    """The mean over items of what people say.

    ``people``, ``judge``: of the items that people judged, in one order; ``unlabelled``: the
    judge's values of the further items. ``groups``, ``unlabelled_groups``: the units that the items
    belong to, under the same names in both; None: no two items share one. ``weight``: None: tuned
    as above. Variances and the covariance divide by the units less one and the quantile is t's with
    as many degrees of freedom; ``large_sample``: they divide by the units and the quantile is the
    normal one, as the papers have it.

    Raises ValueError where people judged items of fewer than two units or there are no further
    items.
    """
    y, f, g = (np.array(values, dtype=np.float64) for values in (people, judge, unlabelled))
    if len(y) != len(f):
        raise ValueError("people and the judge need values of the same items")
    n, further = len(y), len(g)
    own = list(range(n)) if groups is None else list(groups)
    other = list(range(n, n + further)) if unlabelled_groups is None else list(unlabelled_groups)
    units = len(set(own))
    if units < 2 or further < 1:
        raise ValueError("items of two units judged by people and a further item are needed")
    if weight is None:
        weight = _tuned_weight(y, f, g, own, other, large_sample)
    mean = float(y.mean() + weight * (g.mean() - f.mean()))
    parts = _deviations(y - weight * f, y, own, large_sample)
    if weight:
        for unit, part in _deviations(weight * g, g, other, large_sample).items():
            parts[unit] = parts.get(unit, 0.0) + part
    variance = _squares(parts)
    alone = _squares(_deviations(y, y, own, large_sample))
    quantile = float(ndtri(0.975) if large_sample else stdtrit(units - 1, 0.975))
    half, half_alone = quantile * math.sqrt(variance), quantile * math.sqrt(alone)
    people_mean = float(y.mean())
    return PoweredMean(
        mean=mean,
        low=mean - half,
        high=mean + half,
        weight=weight,
        saved=1 - variance / alone if alone else 0.0,
        people_mean=people_mean,
        people_low=people_mean - half_alone,
        people_high=people_mean + half_alone,
        n_labelled=n,
        n_unlabelled=further,
    )


def _deviations(
    values: NDArray[np.float64], of: NDArray[np.float64], groups: Sequence[int], large_sample: bool
) -> dict[int, float]:
    """Group → its part of the mean's deviation; their squares add up to the mean's variance. What
    is zero beside values as large as those of ``of``, which ``values`` were made of, is zero."""
    size = float(np.abs(of).max())
    by_unit: dict[int, list[float]] = {}
    for unit, value in zip(
        groups, without_rounding(values - values.mean(), size).tolist(), strict=True
    ):
        by_unit.setdefault(unit, []).append(value)
    units = len(by_unit)
    scale = 1.0 if large_sample or units < 2 else math.sqrt(units / (units - 1))
    sizes = np.array([len(own) for own in by_unit.values()])
    sums = without_rounding([math.fsum(own) for own in by_unit.values()], sizes * size)
    return dict(zip(by_unit, (scale * sums / len(values)).tolist(), strict=True))


def _squares(parts: dict[int, float]) -> float:
    return math.fsum(part**2 for part in parts.values())


def _tuned_weight(
    y: NDArray[np.float64],
    f: NDArray[np.float64],
    g: NDArray[np.float64],
    own: list[int],
    other: list[int],
    large_sample: bool,
) -> float:
    n, further = len(f), len(g)
    judged = np.concatenate([f, g])
    spread = _squares(_deviations(judged, judged, [*own, *other], False))
    if spread == 0:
        return 0.0
    of_people, of_judge = (_deviations(values, values, own, large_sample) for values in (y, f))
    together = math.fsum(part * of_judge.get(unit, 0.0) for unit, part in of_people.items())
    return min(1.0, max(0.0, together * n * further / (spread * (n + further) ** 2)))
