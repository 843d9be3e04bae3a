"""Risk and coverage: how often a system is wrong where only its surest answers are given.

Answers are ranked by confidence, the surest first. *Coverage* is the share of questions that is
answered, *risk* the share of wrong answers among those (El-Yaniv and Wiener 2010, "On the
foundations of noise-free selective classification").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachback.evaluation.resampling import resampled_items

COVERAGES = tuple(tenths / 10 for tenths in range(1, 11))
"""Where the curve is measured."""

_SAMPLES = 500


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """The risk at a coverage, both shares in (0, 1] and [0, 1], and its 95% interval."""

    coverage: float
    risk: float
    low: float
    high: float


def risks(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The risk at each of `COVERAGES`; both arrays of shape (items,).

    Coverage c of n items is the c·n surest; the last of them counts in part where that is no
    whole number. Items of one confidence count with their common share of wrong answers, so that
    their order does not matter.
    """
    values, which = np.unique(confidence, return_inverse=True)
    return _risks(len(values), which, right)


def _risks(levels: int, which: NDArray[np.intp], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``which``: (items,), the place of each item's confidence among so many, ascending."""
    n = len(which)
    counts = np.bincount(which, minlength=levels)
    shares = np.bincount(which, weights=~right, minlength=levels) / np.maximum(counts, 1)
    surest_first = np.repeat(shares[::-1], counts[::-1])
    wrong = np.concatenate([[0.0], np.cumsum(surest_first)])
    answered = n * np.array(COVERAGES)
    found: NDArray[np.float64] = np.interp(answered, np.arange(n + 1), wrong) / answered
    return found


def risk_coverage(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], groups: NDArray[np.int64]
) -> tuple[CoveragePoint, ...]:
    """`risks` averaged over seeds, with intervals.

    ``confidence`` and ``right``: (items, seeds); ``groups``: (items,), the unit of each item,
    numbered from 0. The interval has the 2.5% and 97.5% quantiles of 500 samples of units with
    replacement (seeded: the same every time): it is about other items, not about other seeds.
    """

    columns = range(confidence.shape[1])
    # Sorted once: a sample's items keep their places among the values.
    ranked = [np.unique(confidence[:, seed], return_inverse=True) for seed in columns]

    def mean_risks(items: NDArray[np.int64]) -> NDArray[np.float64]:
        by_seed = [
            _risks(len(ranked[seed][0]), ranked[seed][1][items], right[items, seed])
            for seed in columns
        ]
        means: NDArray[np.float64] = np.mean(by_seed, axis=0)
        return means

    found = mean_risks(np.arange(len(confidence)))
    rng = np.random.default_rng(0)
    drawn = [mean_risks(items) for items in resampled_items(groups, _SAMPLES, rng)]
    lows, highs = np.quantile(drawn, (0.025, 0.975), axis=0)
    return tuple(
        CoveragePoint(coverage, float(risk), float(low), float(high))
        for coverage, risk, low, high in zip(COVERAGES, found, lows, highs, strict=True)
    )
