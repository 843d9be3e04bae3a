"""The strengths of several systems from the preferences between them (Bradley and Terry 1952,
"Rank analysis of incomplete block designs").

P(i is preferred to j) = s(b_i - b_j), with s the logistic function and the strengths b centred on
0. A tie is half a win of either. The maximum-likelihood strengths are finite if and only if no
group of systems won every preference against all the others (Ford 1957).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

_STEPS = 100
_CLOSE = 1e-12
MOST_WITHOUT = 0.025
"""The share of resamples without finite strengths up to which there is an interval."""


@dataclass(frozen=True, slots=True)
class Strengths:
    """Strengths in the order of the systems, in log-odds. ``low`` and ``high``: their 95%
    bootstrap intervals over items; empty where more than `MOST_WITHOUT` of the resamples have no
    finite strengths."""

    strengths: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def bradley_terry(wins: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The strengths, shape (systems,), of ``wins[i, j]``: how often i was preferred to j, a tie as
    ½ in both. None where they are not finite."""
    k = len(wins)
    parts, _ = connected_components(wins > 0, connection="strong")
    if parts > 1:
        return None
    games = wins + wins.T
    strengths = np.zeros(k)
    for _ in range(_STEPS):
        chance = expit(strengths[:, None] - strengths[None, :])
        gradient = (wins - games * chance).sum(axis=1)
        information = -games * chance * (1 - chance)
        np.fill_diagonal(information, 0)
        np.fill_diagonal(information, -information.sum(axis=1))
        # The mean of the strengths is free; the added constant holds it at 0.
        step = np.linalg.solve(information + 1 / k, gradient)
        step *= min(1.0, 2 / max(float(np.abs(step).max()), 1e-300))
        strengths = strengths + step
        if float(np.abs(step).max()) < _CLOSE:
            break
    return np.asarray(strengths - strengths.mean())


def bradley_terry_over_items(
    wins: NDArray[np.float64], groups: Sequence[int], *, draws: int = 2000, seed: int = 0
) -> Strengths | None:
    """`bradley_terry` of all items, with intervals by drawing items, whole groups, with return.

    ``wins``: shape (items, systems, systems); ``groups``: each item's unit, from 0 without gaps.
    None where the strengths are not finite.
    """
    found = bradley_terry(wins.sum(axis=0))
    if found is None:
        return None
    n_groups = max(groups) + 1
    sums = np.zeros((n_groups, *wins.shape[1:]))
    np.add.at(sums, np.array(groups), wins)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=draws)
    resamples = [bradley_terry(one) for one in np.tensordot(drawn, sums, axes=1)]
    finite = [one for one in resamples if one is not None]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    if len(finite) >= (1 - MOST_WITHOUT) * draws and n_groups > 1:
        bounds = np.quantile(np.array(finite), [0.025, 0.975], axis=0)
        low, high = (tuple(map(float, row)) for row in bounds)
    return Strengths(tuple(map(float, found)), low, high)
