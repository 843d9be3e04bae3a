"""How far annotators agree: the raw share, the prevalence, and coefficients against chance.

A *unit* is what is judged, given as the sequence of the values that annotators gave it, in any
order and of any length; units with fewer than two values say nothing about agreement and are
left out. Where nearly all values are the same, agreement expected by chance is nearly 1 and every
coefficient but AC1 falls towards 0 although nearly all agree (the paradox of Feinstein and
Cicchetti 1990, "High agreement but low kappa"): never show a coefficient without the raw
share and the prevalence.

All coefficients are 1 where all agree and 0 where they agree as often as by chance. They are
None where chance agreement is certain (one value alone was ever given).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval", "ratio"]
"""What distances between values mean; all but nominal need numbers."""

Units = Sequence[Sequence[Hashable]]


def raw_agreement(units: Units) -> float | None:
    """The share of agreeing pairs, in [0, 1]: the mean over units of the pairs of annotators that
    gave the same value; None where no unit has two values."""
    shares = [_agreeing_share(unit) for unit in units if len(unit) > 1]
    return math.fsum(shares) / len(shares) if shares else None


def prevalence(units: Units) -> dict[Hashable, float]:
    """Value → its share of all values given, most frequent first; single values included."""
    counts = Counter(value for unit in units for value in unit)
    total = counts.total()
    return {value: number / total for value, number in counts.most_common()}


def krippendorff_alpha(units: Units, level: Level = "nominal") -> float | None:
    """Krippendorff's alpha, 1 - observed / expected disagreement, for any number of annotators
    and missing values (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability").

    With the coincidences o[c, k] = sum over units of n_uc (n_uk - [c = k]) / (m_u - 1), their
    margins n_c and their sum n: alpha = 1 - (n - 1) sum o[c, k] d²[c, k] / sum n_c n_k d²[c, k].
    d² is 1 for different values (nominal), (c - k)² (interval), ((c - k) / (c + k))² (ratio), or
    the square of the number of values from c to k, the ends counted half (ordinal).

    Raises ValueError where a level other than nominal is asked for values that are no numbers.
    """
    paired = [unit for unit in units if len(unit) > 1]
    values = _ordered({value for unit in paired for value in unit}, level)
    index = {value: number for number, value in enumerate(values)}
    coincidences = np.zeros((len(values), len(values)))
    for unit in paired:
        counts = np.zeros(len(values))
        for value in unit:
            counts[index[value]] += 1
        coincidences += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    margins = coincidences.sum(axis=1)
    distances = _squared_distances(values, margins, level)
    expected = float((np.outer(margins, margins) * distances).sum())
    if expected == 0:
        return None
    return 1 - (float(margins.sum()) - 1) * float((coincidences * distances).sum()) / expected


def cohen_kappa(table: Sequence[Sequence[int]]) -> tuple[float | None, float | None]:
    """Cohen's (1960) kappa of two annotators, and its standard error.

    ``table[i][j]``: units to which the first gave value i and the second value j. The standard
    error is that of Fleiss, Cohen and Everitt (1969), "Large sample standard errors of kappa and
    weighted kappa", for a kappa that is not 0.

    Raises ValueError where the table is not square or is empty.
    """
    counts = np.array(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.sum() == 0:
        raise ValueError("a square table of counts that are not all 0 is needed")
    n = float(counts.sum())
    shares = counts / n
    first, second = shares.sum(axis=1), shares.sum(axis=0)
    observed = float(np.trace(shares))
    by_chance = float(first @ second)
    if by_chance == 1:
        return None, None
    kappa = (observed - by_chance) / (1 - by_chance)
    margins = first[None, :] + second[:, None]  # margins[i, j] = first_j + second_i
    agreeing = float((np.diag(shares) * (1 - np.diag(margins) * (1 - kappa)) ** 2).sum())
    off = shares * margins**2
    other = (1 - kappa) ** 2 * float(off.sum() - np.trace(off))
    last = (kappa - by_chance * (1 - kappa)) ** 2
    variance = (agreeing + other - last) / (n * (1 - by_chance) ** 2)
    return kappa, math.sqrt(max(0.0, variance))


def fleiss_kappa(counts: Sequence[Sequence[int]]) -> float | None:
    """Fleiss' (1971) kappa, "Measuring nominal scale agreement among many raters".

    ``counts[u][c]``: annotators who gave unit u value c; every unit must have the same number of
    annotators, two or more. Raises ValueError where it has not.
    """
    table = np.array(counts, dtype=np.float64)
    each = table.sum(axis=1) if table.ndim == 2 else np.zeros(0)
    if not len(each) or (each != each[0]).any() or each[0] < 2:
        raise ValueError("every unit needs the same number of values, two or more")
    m = float(each[0])
    observed = float(((table * (table - 1)).sum(axis=1) / (m * (m - 1))).mean())
    by_chance = float(((table.sum(axis=0) / table.sum()) ** 2).sum())
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def gwet_ac1(units: Units) -> float | None:
    """Gwet's (2008) AC1, "Computing inter-rater reliability and its variance in the presence of
    high agreement": chance agreement is sum p_c (1 - p_c) / (q - 1) for q values with mean shares
    p_c over units, single values included. It does not fall where one value prevails."""
    observed = raw_agreement(units)
    judged = [unit for unit in units if unit]
    values = {value for unit in judged for value in unit}
    if observed is None or len(values) < 2:
        return None
    mean_shares = [
        math.fsum(list(unit).count(value) / len(unit) for unit in judged) / len(judged)
        for value in values
    ]
    by_chance = math.fsum(p * (1 - p) for p in mean_shares) / (len(values) - 1)
    return (observed - by_chance) / (1 - by_chance)


def _agreeing_share(unit: Sequence[Hashable]) -> float:
    m = len(unit)
    return sum(k * (k - 1) for k in Counter(unit).values()) / (m * (m - 1))


def _ordered(values: set[Hashable], level: Level) -> list[Hashable]:
    if level == "nominal":
        return list(values)
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) < len(values):
        raise ValueError(f"the level {level!r} needs numbers")
    return [*sorted(numbers)]


def _squared_distances(
    values: Sequence[Hashable], margins: NDArray[np.float64], level: Level
) -> NDArray[np.float64]:
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "ordinal":
        middles = np.cumsum(margins) - margins / 2
        return np.asarray((middles[:, None] - middles[None, :]) ** 2)
    numbers = np.array(values, dtype=np.float64)
    difference = numbers[:, None] - numbers[None, :]
    if level == "ratio":
        total = numbers[:, None] + numbers[None, :]
        difference = np.divide(difference, total, out=np.zeros_like(total), where=total != 0)
    return np.asarray(difference**2)
