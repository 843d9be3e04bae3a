"""The primary test's arithmetic: a mean over items and seeds, and how sure it is.

Two systems, trained with the same seeds, answered the same items. With ``d[i, s]`` = A
right minus B right on item i under seed s, the question is whether the mean of d is zero
*over items and seeds like these*. Both are samples: items alone say whether these very
students differ, and take a lucky seed for an effect.

The layout is two-way and crossed, ``d[i, s] = mean + item_i + seed_s + rest_is``, with
both factors random. Every seed meets every item, so with n items and S seeds

    V_items    = MS_items / (n S)    = variance of the item means / n
    V_seeds    = MS_seeds / (n S)    = variance of the seed means / S
    V_residual = MS_residual / (n S)
    V          = max(V_items, V_items + V_seeds - V_residual)

since V_items and V_seeds each hold the residual's share, and it is to be counted once
(random-effects analysis of variance: Searle, Casella and McCulloch 1992, ch. 4; the same
inclusion and exclusion as in Cameron, Gelbach and Miller 2011, "Robust inference with
multiway clustering", and Owen 2007, "The pigeonhole bootstrap"). V never falls below
V_items: chance can make V_seeds - V_residual negative.

Items that share a ``group`` are one unit. With n_g items in unit g of G, u_g and r_gs the
sums over the unit of d - mean (averaged over seeds) and of the doubly centred d,

    V_items    = G/(G-1) * sum_g u_g^2 / n^2                       (Cochran 1977: ratio of sums)
    V_residual = G/(G-1) * sum_gs r_gs^2 / (n^2 S (S-1))

which are the mean squares above where every unit holds one item.

``t = difference / sqrt(V)`` is held against a t distribution with df degrees of freedom,

    1/df = (V_items/V)^q / (G-1) + (V_seeds/V)^q / (S-1) + (V_residual/V)^q / ((G-1)(S-1))

kept between min(G, S) - 1 and G - 1. Satterthwaite (1946) has q = 2; here q = 1.5. The
shares are estimates, V_seeds from 2 degrees of freedom with 3 seeds, and where chance makes
it small q = 2 all but forgets it. Simulated at a nominal 5% (``bench/statistics_nulls.py``:
200 and 500 items, 3 and 5 seeds, each system's accuracy spreading by 0 to 6 points over
seeds), a true null was rejected 1.2 to 6.9% of the time, against up to 7.8% with q = 2; the
price is a detectable difference 1 to 6% larger. For the same reason all three terms stay
where V fell back to V_items: that the seeds' share came out as nothing is itself a guess
from S - 1 degrees of freedom. Two seeds remain too few, at up to 10%.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts take half a second and more to import, and are when they are first needed
from numpy.typing import NDArray

from teachback.errors import DataError
from teachback.evaluation.rounding import without_rounding

SHARE_POWER = 1.5
"""q of the degrees of freedom above; 2 would be Satterthwaite's."""

_DRAWS = 20_000


@dataclass(frozen=True, slots=True)
class DifferenceEstimate:
    """A mean difference in accuracy in [-1, 1], its 95% interval, and what it rests on.

    ``p`` is two-sided. ``t`` and ``df`` are None where the variance is zero; ``v_seeds`` and
    ``v_residual``, where there is one seed: then V is ``v_items`` alone.
    """

    difference: float
    low: float
    high: float
    p: float
    t: float | None
    df: float | None
    v_items: float
    v_seeds: float | None
    v_residual: float | None


def estimate_difference(
    differences: NDArray[np.int64], groups: NDArray[np.int64] | None = None
) -> DifferenceEstimate:
    """The primary test on ``differences`` (items, seeds), each -1, 0 or 1.

    ``groups`` (items,): the unit of each item, numbered from 0 without gaps; None: each
    its own. The formulas stand at the top of this module. Where V is zero there is no t;
    no difference then has p = 1, and one that every unit shows alike the p of an exact sign
    test over units. Raises DataError where there are fewer than two units.
    """
    n, n_seeds = differences.shape
    if groups is None:
        groups = np.arange(n)
    n_groups = int(groups.max()) + 1
    if n_groups < 2:
        raise DataError(
            "a comparison needs items of at least two groups; with one, how much they vary "
            "cannot be known"
        )
    sizes = np.bincount(groups)[:, None]
    sums = np.zeros((n_groups, n_seeds), dtype=np.int64)
    np.add.at(sums, groups, differences)
    by_group = sums.sum(axis=1, keepdims=True)
    by_seed = sums.sum(axis=0, keepdims=True)
    total = int(by_seed.sum())
    # Whole numbers throughout, n * S times the deviations: what is zero comes out as zero.
    item_deviations = n * by_group - sizes * total
    seed_deviations = n_seeds * by_seed - total
    residuals = n_seeds * (n * sums - sizes * by_seed) - item_deviations
    scale = float(n * n_seeds)
    few_groups = n_groups / (n_groups - 1)
    v_items = few_groups * _squares(item_deviations) / (scale * n) ** 2
    v_seeds = v_residual = None
    variance = v_items
    df = float(n_groups - 1)
    if n_seeds > 1:
        pairs = n_seeds * (n_seeds - 1)
        v_seeds = _squares(seed_deviations) / (pairs * scale**2)
        v_residual = few_groups * _squares(residuals) / (pairs * (scale * n) ** 2)
        variances, degrees = _variance(
            np.array([v_items]), np.array([v_seeds]), np.array([v_residual]), n_groups, n_seeds
        )
        variance, df = float(variances[0]), float(degrees[0])
    difference = total / scale
    if variance == 0:
        p = 1.0 if total == 0 else 0.5 ** (n_groups - 1)
        return DifferenceEstimate(
            difference, difference, difference, p, None, None, v_items, v_seeds, v_residual
        )
    error = math.sqrt(variance)
    half = float(scipy.special.stdtrit(df, 0.975)) * error
    return DifferenceEstimate(
        difference=difference,
        low=max(-1.0, difference - half),
        high=min(1.0, difference + half),
        p=float(2 * scipy.special.stdtr(df, -abs(difference) / error)),
        t=difference / error,
        df=df,
        v_items=v_items,
        v_seeds=v_seeds,
        v_residual=v_residual,
    )


def detectable_difference(
    n_items: int,
    n_seeds: int,
    discordance: float,
    seed_sd: float,
    power: float = 0.8,
    alpha: float = 0.05,
    *,
    persistence: float = 0.5,
) -> float | None:
    """The smallest true difference in accuracy that the primary test shows with ``power``.

    ``n_items``: independent ones, so groups where items share them. ``discordance``: the
    share of items that exactly one of two paired students has right. ``seed_sd``: standard
    deviation over seeds of the true difference. ``persistence``: correlation of an item's
    d between seeds, from 0 (other items under each seed) to 1 (the same ones). Towards 0 the
    items' variance falls, but seeds' means scatter more, which 3 seeds can hardly tell from
    a real difference between seeds: with few seeds neither end is the cautious one. Tell
    both assumptions wherever the figure is shown. None: not even a difference as large as
    the discordance, the largest possible, would be shown so often.

    With d's variance on an item taken as ``discordance`` (its value where the difference is
    zero): V_items = discordance (persistence + (1 - persistence)/S) / n, V_residual =
    discordance (1 - persistence) / (n S), V_seeds = seed_sd^2 / S + V_residual. The mean
    squares that a run would give are drawn as independent chi-squares around these (a fixed
    seed: the same answer every time), and the test is done on each. With one seed
    ``seed_sd`` does not enter: that test is about the two students at hand.

    Raises ValueError where an argument is out of range.
    """
    if n_items < 2 or n_seeds < 1 or seed_sd < 0:
        raise ValueError("needs n_items >= 2, n_seeds >= 1 and seed_sd >= 0")
    if not (0 < discordance <= 1 and 0 < alpha < power < 1 and 0 <= persistence <= 1):
        raise ValueError("needs 0 < discordance <= 1, 0 < alpha < power < 1, 0 <= persistence <= 1")
    rng = np.random.default_rng(0)

    def drawn(expected: float, df: int) -> NDArray[np.float64]:
        return expected * rng.chisquare(df, _DRAWS) / df

    v_items = discordance * (persistence + (1 - persistence) / n_seeds) / n_items
    true_variance = v_items
    variance = drawn(v_items, n_items - 1)
    df = np.full(_DRAWS, n_items - 1.0)
    if n_seeds > 1:
        v_residual = discordance * (1 - persistence) / (n_items * n_seeds)
        true_variance += seed_sd**2 / n_seeds
        variance, df = _variance(
            variance,
            drawn(seed_sd**2 / n_seeds + v_residual, n_seeds - 1),
            drawn(v_residual, (n_items - 1) * (n_seeds - 1)),
            n_items,
            n_seeds,
        )
    needed = scipy.special.stdtrit(df, 1 - alpha / 2) * np.sqrt(variance)

    def shortfall(difference: float) -> float:
        # Rejecting in the wrong direction finds nothing and is left out.
        return power - float(
            scipy.special.ndtr((difference - needed) / math.sqrt(true_variance)).mean()
        )

    if shortfall(discordance) > 0:
        return None
    return float(scipy.optimize.brentq(shortfall, 0.0, discordance, xtol=1e-6))


def _variance(
    v_items: NDArray[np.float64],
    v_seeds: NDArray[np.float64],
    v_residual: NDArray[np.float64],
    n_groups: int,
    n_seeds: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """V and its degrees of freedom, as given above; arrays of one shape."""
    # Where no item differs from another, V is this difference alone: what is zero is zero.
    of_seeds = without_rounding(v_seeds - v_residual, v_seeds)
    variance = np.maximum(v_items, v_items + of_seeds)
    whole = np.where(variance > 0, variance, 1.0)
    inverse = (
        (v_items / whole) ** SHARE_POWER / (n_groups - 1)
        + (v_seeds / whole) ** SHARE_POWER / (n_seeds - 1)
        + (v_residual / whole) ** SHARE_POWER / ((n_groups - 1) * (n_seeds - 1))
    )
    least = min(n_groups, n_seeds) - 1
    return variance, 1 / np.clip(inverse, 1 / (n_groups - 1), 1 / least)


def _squares(deviations: NDArray[np.int64]) -> float:
    # As floats: the squares of whole numbers this large would overflow.
    return float(np.sum(np.square(deviations.astype(np.float64))))
