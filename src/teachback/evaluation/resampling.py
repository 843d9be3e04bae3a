"""Samples of items with replacement, whole units at a time: what bootstrap intervals rest on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def resampled_items(
    groups: NDArray[np.int64], samples: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """The items of so many samples, as indices; ``groups``: (items,), the unit of each item,
    numbered from 0. A sample has as many units as there are, and all items of each."""
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups)
    begins = np.cumsum(sizes) - sizes  # of each unit's items in ``order``
    for _ in range(samples):
        units = rng.integers(0, len(sizes), len(sizes))
        drawn = sizes[units]
        within = np.arange(drawn.sum()) - np.repeat(np.cumsum(drawn) - drawn, drawn)
        yield order[np.repeat(begins[units], drawn) + within]
