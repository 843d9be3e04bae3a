"""The difference that an annotation can show, from the number of its items and annotators.

At 80% power and a two-sided level of 5%: (z(0.975) + z(0.8)) sqrt(V / n) for n items with a
variance V each; with k primary comparisons at 5% / k, which Holm's method demands of the smallest
p-value. Assumed for V:

- ``rate``, two systems judged by the same m annotators: 0.07 for the item and 0.35 / m for its
  annotators (shares of yes to "supports the label" in the public answers of Wiegreffe et al. 2022,
  where items vary by .04 to .11 and annotators by .30 to .44);
- ``prefer``, against 50%: 0.2, for 20% of ties;
- ``simulate``: 0.3, for people who are right only with, or only without, the explanation on 30%
  of the items.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from scipy.special import ndtri

from teachback.annotation.criteria import Mode

ITEM_VARIANCE = 0.07
ANNOTATOR_VARIANCE = 0.35
PREFER_VARIANCE = 0.2
SIMULATE_VARIANCE = 0.3


def primary_comparisons(mode: Mode, systems: int) -> int:
    """How many differences of the primary measure there are: of every two systems, and in
    ``simulate`` each system's own gain."""
    return math.comb(systems, 2) + (systems if mode == "simulate" else 0)


def detectable_difference(
    mode: Mode, annotated: Mapping[int, int], comparisons: int = 1
) -> float | None:
    """The smallest difference, in [0, 1], that is shown four times in five.

    ``annotated``: number of annotators of an item → number of such items. ``comparisons``: of the
    primary measure. None where there are no items, or no possible difference would be shown.
    """
    n = sum(annotated.values())
    if n == 0:
        return None
    variance = {"prefer": PREFER_VARIANCE, "simulate": SIMULATE_VARIANCE}.get(mode)
    if variance is None:
        inverse = sum(items / annotators for annotators, items in annotated.items()) / n
        variance = ITEM_VARIANCE + ANNOTATOR_VARIANCE * inverse
    level = 0.05 / max(1, comparisons)
    difference = float(ndtri(1 - level / 2) + ndtri(0.8)) * math.sqrt(variance / n)
    return difference if difference <= (0.5 if mode == "prefer" else 1) else None
