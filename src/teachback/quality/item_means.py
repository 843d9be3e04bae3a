"""Shares and differences with intervals over items: each item counts once, however many judged it.

The unit is the item, or its group: judgements of one item by several annotators are first
averaged, since annotators who look at the same item do not make more items of it. With values
y_i of n items in G groups and u_g the sums over a group of y_i - mean, the variance of the mean is

    V = G / (G - 1) * sum_g u_g² / n²

(Cochran 1977: ratio of sums), which is the usual s²/n where every group holds one item. It is the
first term of :mod:`teachback.evaluation.crossed`, for values that are not whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from teachback.evaluation.metrics import wilson
from teachback.evaluation.rounding import without_rounding


@dataclass(frozen=True, slots=True)
class ItemMean:
    """A mean over items with its 95% interval. ``low``, ``high`` and ``p`` (two-sided, against 0)
    are None where fewer than two groups were judged: how much items vary is then not known."""

    mean: float
    low: float | None
    high: float | None
    p: float | None
    n_items: int
    n_groups: int


def mean_difference(
    values: Sequence[float], groups: Sequence[str | int] | None = None, *, largest: float = 1.0
) -> ItemMean:
    """The mean of the items' differences, each in [-largest, largest], by t over groups.

    Where all groups show the same there is no t: no difference has p = 1, and one that every
    group shows alike the p of an exact sign test. Raises ValueError where there are no values.
    """
    mean, variance, _, n_groups = _mean_and_variance(values, groups)
    if variance is None:
        return ItemMean(mean, None, None, None, len(values), n_groups)
    if variance == 0:
        p = 1.0 if mean == 0 else 0.5 ** (n_groups - 1)
        return ItemMean(mean, mean, mean, p, len(values), n_groups)
    error = math.sqrt(variance)
    half = float(stdtrit(n_groups - 1, 0.975)) * error
    return ItemMean(
        mean=mean,
        low=max(-largest, mean - half),
        high=min(largest, mean + half),
        p=float(2 * stdtr(n_groups - 1, -abs(mean) / error)),
        n_items=len(values),
        n_groups=n_groups,
    )


def mean_share(values: Sequence[float], groups: Sequence[str | int] | None = None) -> ItemMean:
    """The mean of the items' shares, each in [0, 1]; ``p`` is None.

    The interval is Wilson's for n* = mean (1 - mean) / V items (the effective number of Korn and
    Graubard 1998) at t's quantile, so that it stays within [0, 1] and has a width where all
    values are 1. Differences that cancel within groups make it no narrower than as many items that
    share no group: V is at least sum_i (y_i - mean)² / n². Raises ValueError where there are no
    values.
    """
    mean, variance, least, n_groups = _mean_and_variance(values, groups)
    if variance is None:
        return ItemMean(mean, None, None, None, len(values), n_groups)
    effective = float(n_groups)
    variance = max(variance, least)
    if variance > 0 and 0 < mean < 1:
        narrower = float(ndtri(0.975) / stdtrit(n_groups - 1, 0.975)) ** 2
        effective = mean * (1 - mean) / variance * narrower
    low, high = wilson(mean, effective)
    return ItemMean(mean, low, high, None, len(values), n_groups)


def _mean_and_variance(
    values: Sequence[float], groups: Sequence[str | int] | None
) -> tuple[float, float | None, float, int]:
    """The mean, its variance (None with one group), sum_i (y_i - mean)² / n², and the number of
    groups. What is zero is zero, whatever rounding says."""
    if not values:
        raise ValueError("a mean needs values")
    n = len(values)
    names = list(range(n)) if groups is None else list(groups)
    largest = max(map(abs, values))
    mean = float(without_rounding(math.fsum(values) / n, largest))
    deviations = without_rounding(np.array(values, dtype=np.float64) - mean, largest)
    least = float(np.square(deviations).sum()) / n**2
    by_group: dict[str | int, list[float]] = {}
    for deviation, name in zip(deviations.tolist(), names, strict=True):
        by_group.setdefault(name, []).append(deviation)
    n_groups = len(by_group)
    if n_groups < 2:
        return mean, None, least, n_groups
    sizes = np.array([len(own) for own in by_group.values()])
    sums = without_rounding([math.fsum(own) for own in by_group.values()], sizes * largest)
    return mean, n_groups / (n_groups - 1) * float(np.square(sums).sum()) / n**2, least, n_groups
