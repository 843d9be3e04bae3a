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
    weight: float | None = None,
    large_sample: bool = False,
) -> PoweredMean:
    """The mean over items of what people say.

    ``people``, ``judge``: of the items that people judged, in one order; ``unlabelled``: the
    judge's values of the further items. ``weight``: None: tuned as above. Variances
    and the covariance divide by n - 1 and the quantile is t's with n - 1 degrees of freedom;
    ``large_sample``: they divide by n and the quantile is the normal one, as the papers have it.

    Raises ValueError where people judged fewer than two items or there are no further ones.
    """
    y, f, g = (np.array(values, dtype=np.float64) for values in (people, judge, unlabelled))
    if len(y) != len(f):
        raise ValueError("people and the judge need values of the same items")
    if len(y) < 2 or len(g) < 1:
        raise ValueError("two items judged by people and a further one are needed")
    n, further = len(y), len(g)
    ddof = 0 if large_sample else 1
    if weight is None:
        weight = _tuned_weight(y, f, g, ddof)
    mean = float(y.mean() + weight * (g.mean() - f.mean()))
    variance = _variance(y - weight * f, y, ddof) / n
    if weight:
        variance += weight**2 * _variance(g, g, min(ddof, further - 1)) / further
    alone = _variance(y, y, ddof) / n
    quantile = float(ndtri(0.975) if large_sample else stdtrit(n - 1, 0.975))
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


def _tuned_weight(
    y: NDArray[np.float64], f: NDArray[np.float64], g: NDArray[np.float64], ddof: int
) -> float:
    judged = np.concatenate([f, g])
    spread = _variance(judged, judged, 1)
    if spread == 0:
        return 0.0
    together = float(np.cov(y, f, ddof=ddof)[0, 1])
    return min(1.0, max(0.0, together / ((1 + len(f) / len(g)) * spread)))


def _variance(values: NDArray[np.float64], of: NDArray[np.float64], ddof: int) -> float:
    """The variance of ``values``, which were made of values as large as those of ``of``; zero where
    all are the same but for rounding."""
    deviations = without_rounding(values - values.mean(), np.abs(of).max())
    return float(np.square(deviations).sum()) / (len(values) - ddof)
