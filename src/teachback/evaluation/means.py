"""How accurate is a system, averaged over its seeds, and how sure is that?

For one set of predictions :func:`teachback.evaluation.metrics.accuracy_interval` answers.
Over seeds the items and the seeds are both samples, as in
:mod:`teachback.evaluation.crossed`, whose variance and degrees of freedom are used here on
``y[i, s]`` = right (1) or wrong (0):

    V  = max(V_items, V_items + V_seeds - V_residual)
    n* = min(n S, p(1-p)/V) * (z / t_df)^2

and the interval is Wilson's for the share p of n* items: the effective number of items of
Korn and Graubard (1998), as for grouped items in ``accuracy_interval``. It stays within
[0, 1]. With one seed it is ``accuracy_interval`` itself.

Two such intervals that overlap do not say that two systems are alike: comparing is
:mod:`teachback.evaluation.paired`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its parts take half a second and more to import, and are when they are first needed
from numpy.typing import NDArray

from teachback.errors import DataError
from teachback.evaluation.crossed import estimate_difference
from teachback.evaluation.metrics import accuracy_interval, clusters, wilson
from teachback.evaluation.paired import align
from teachback.records import Prediction


@dataclass(frozen=True, slots=True)
class MeanAccuracy:
    """Right / all over items and seeds, in [0, 1], with its 95% interval.

    ``unparsed``: answers that could not be read, of ``n_items * n_seeds``.
    """

    accuracy: float
    low: float
    high: float
    n_items: int
    n_groups: int
    n_seeds: int
    unparsed: int


def mean_accuracy(predictions: Mapping[int, Sequence[Prediction]]) -> MeanAccuracy:
    """The accuracy of one system from its predictions by seed.

    Students that are to be counted by their explained answer are brought to it by
    :func:`teachback.evaluation.ways.in_way` first. Raises DataError where there are no
    predictions, or the seeds were not evaluated on the same items.
    """
    if not predictions:
        raise DataError("no predictions of any seed to count")
    seeds = sorted(predictions)
    reference, where = predictions[seeds[0]], f"seed {seeds[0]}"
    aligned = [align(predictions[s], f"seed {s}", reference, where) for s in seeds]
    right = np.array([[p.correct for p in column] for column in aligned], dtype=np.bool_).T
    groups = clusters(aligned[0])
    low, high = mean_interval(right, groups)
    return MeanAccuracy(
        accuracy=float(right.mean()),
        low=low,
        high=high,
        n_items=right.shape[0],
        n_groups=int(groups.max()) + 1,
        n_seeds=len(seeds),
        unparsed=sum(p.unparsed for column in aligned for p in column),
    )


def mean_interval(right: NDArray[np.bool_], groups: NDArray[np.int64]) -> tuple[float, float]:
    """A 95% interval for the share of ``right`` (items, seeds); ``groups`` (items,).

    The formula stands at the top of this module. Where all are right or all wrong, the
    seeds cannot be told apart and one of them is counted.
    """
    n, n_seeds = right.shape
    p = float(right.mean())
    n_groups = int(groups.max()) + 1
    if n_seeds == 1 or p in (0, 1):
        return accuracy_interval(right[:, 0], groups)
    if n_groups == 1:
        return wilson(p, 1)
    estimate = estimate_difference(right.astype(np.int64), groups)
    variance = estimate.v_items
    if estimate.v_seeds is not None and estimate.v_residual is not None:
        variance = max(variance, variance + estimate.v_seeds - estimate.v_residual)
    most = float(n * n_seeds)
    effective = min(most, p * (1 - p) / variance) if variance > 0 else most
    df = estimate.df if estimate.df is not None else n_groups - 1.0
    return wilson(
        p, effective * float(scipy.special.ndtri(0.975) / scipy.special.stdtrit(df, 0.975)) ** 2
    )
