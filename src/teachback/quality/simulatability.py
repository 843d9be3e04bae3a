"""Leak-adjusted simulatability: does an explanation help to predict the answer it explains?

A simulator f predicts a student's answer from the question and the explanation (1[XE]: rightly),
from the question alone (1[X]) and from the explanation alone (1[E]). Items of which 1[E] = 1 are
leaked: the explanation gives the answer away, and helps by that alone. In each bucket k the
difference is mean(1[XE] − 1[X]), and LAS is the mean of both buckets' differences, however large
they are (Hase, Zhang, Xie and Bansal 2020, "Leakage-adjusted simulatability"). RQ is the
difference over all items, leaked or not (rationale quality; Wiegreffe, Marasović and Smith 2021).

In [-1, 1]. A bucket of fewer than `SMALLEST_BUCKET` items is not measurable, and LAS with it.
Intervals are percentiles of a bootstrap over items (or their groups), the simulator held as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST_BUCKET = 30
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class LeakAdjusted:
    """LAS and RQ with 95% intervals; None where they are not measurable.

    ``leaked``, ``not_leaked``: the buckets' differences, None where a bucket is too small, and
    beside them the buckets' items.
    """

    las: float | None
    las_low: float | None
    las_high: float | None
    rq: float
    rq_low: float
    rq_high: float
    leaked: float | None
    leaked_items: int
    not_leaked: float | None
    not_leaked_items: int


def leak_adjusted(
    both: Sequence[bool],
    question: Sequence[bool],
    explanation: Sequence[bool],
    groups: Sequence[str | int] | None = None,
    *,
    smallest: int = SMALLEST_BUCKET,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> LeakAdjusted:
    """LAS and RQ of 1[XE], 1[X] and 1[E], one of each for every item. Raises ValueError where
    there are none, or not as many of each."""
    n = len(both)
    if n == 0 or not len(question) == len(explanation) == n:
        raise ValueError("every item needs the three predictions, and one item is needed")
    gain = np.array(both, dtype=np.float64) - np.array(question, dtype=np.float64)
    leaked = np.array(explanation, dtype=bool)
    sums = _sums_by_group(gain, leaked, range(n) if groups is None else groups)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(sums), size=(resamples, len(sums)))
    drawn = np.stack([sums[draw].sum(axis=0) for draw in draws])
    rq = float(gain.mean())
    rq_low, rq_high = np.percentile(
        (drawn[:, 0] + drawn[:, 2]) / (drawn[:, 1] + drawn[:, 3]), _ENDS
    )
    counts = int(leaked.sum()), int((~leaked).sum())
    inside = float(gain[leaked].mean()) if counts[0] >= smallest else None
    outside = float(gain[~leaked].mean()) if counts[1] >= smallest else None
    las = las_low = las_high = None
    if inside is not None and outside is not None:
        las = (inside + outside) / 2
        full = drawn[(drawn[:, 1] > 0) & (drawn[:, 3] > 0)]
        values = (full[:, 0] / full[:, 1] + full[:, 2] / full[:, 3]) / 2
        las_low, las_high = map(float, np.percentile(values, _ENDS))
    return LeakAdjusted(
        las=las,
        las_low=las_low,
        las_high=las_high,
        rq=rq,
        rq_low=float(rq_low),
        rq_high=float(rq_high),
        leaked=inside,
        leaked_items=counts[0],
        not_leaked=outside,
        not_leaked_items=counts[1],
    )


_ENDS = (2.5, 97.5)


def _sums_by_group(
    gain: NDArray[np.float64], leaked: NDArray[np.bool_], groups: Sequence[str | int] | range
) -> NDArray[np.float64]:
    """For each group: gain and items of the leaked bucket, gain and items of the other one; shape
    (groups, 4)."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    at = np.array([numbers[name] for name in groups])
    sums = np.zeros((len(numbers), 4))
    for column, values in enumerate((gain * leaked, leaked, gain * ~leaked, ~leaked)):
        np.add.at(sums[:, column], at, values)
    return sums
