"""The win rate at equal length: a sensitivity analysis of preferences between explanations.

A judge may prefer what is longer. The preferences are fitted by

    logit P(A wins) = theta + phi tanh(d / sd)

with d the words of A minus those of B and sd the standard deviation of d over items (after Dubois,
Galambosi, Liang and Hashimoto 2024, "Length-controlled AlpacaEval"); s(theta), with s the logistic
function, is the win rate of A where both are equally long. It does not say that length is unfair:
a longer explanation may be better. Preferences of ½ and ¼ enter as shares (quasi-likelihood), so
standard errors are the robust ones (White's), over items or their groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtri

from teachback.evaluation.rounding import without_rounding

_STEPS = 100
_CLOSE = 1e-10
_FAR = 15.0
"""A log-odds beyond which a parameter is taken to be infinite: length decides every preference."""


@dataclass(frozen=True, slots=True)
class EqualLength:
    """The win rate at equal length with its 95% interval, and ``phi``: the log-odds that one
    standard deviation more words are about worth. ``mean_difference``: in words."""

    rate: float
    low: float
    high: float
    theta: float
    phi: float
    mean_difference: float


def win_rate_at_equal_length(
    preferences: Sequence[float], differences: Sequence[float], groups: Sequence[int] | None = None
) -> EqualLength | None:
    """Fit the model above. ``preferences``: of A, in [0, 1], by item; ``differences``: the words of
    A minus those of B; ``groups``: each item's unit, from 0 without gaps.

    None where it cannot be estimated: all differences are the same, or length or nothing but A
    decides every preference.
    """
    y = np.array(preferences, dtype=np.float64)
    d = np.array(differences, dtype=np.float64)
    if len(y) < 3 or without_rounding(np.ptp(d), np.abs(d).max()) == 0:
        return None
    design = np.column_stack([np.ones(len(y)), np.tanh(d / d.std(ddof=1))])
    found = np.zeros(2)
    for _ in range(_STEPS):
        chance = expit(design @ found)
        gradient = design.T @ (y - chance)
        information = (design * (chance * (1 - chance))[:, None]).T @ design
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, gradient)
        step *= min(1.0, 2 / max(float(np.abs(step).max()), 1e-300))
        found = found + step
        if float(np.abs(found).max()) > _FAR:
            return None
        if float(np.abs(step).max()) < _CLOSE:
            break
    chance = expit(design @ found)
    units = np.arange(len(y)) if groups is None else np.array(groups)
    sums = np.zeros((int(units.max()) + 1, 2))
    np.add.at(sums, units, design * (y - chance)[:, None])
    inverse = np.linalg.inv((design * (chance * (1 - chance))[:, None]).T @ design)
    covariance = inverse @ (sums.T @ sums) @ inverse
    half = float(ndtri(0.975)) * math.sqrt(float(covariance[0, 0]))
    theta, phi = map(float, found)
    return EqualLength(
        rate=float(expit(theta)),
        low=float(expit(theta - half)),
        high=float(expit(theta + half)),
        theta=theta,
        phi=phi,
        mean_difference=float(d.mean()),
    )
