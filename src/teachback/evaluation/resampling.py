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
    members = [np.flatnonzero(groups == unit) for unit in range(int(groups.max()) + 1)]
    for _ in range(samples):
        units = rng.integers(0, len(members), len(members))
        yield np.concatenate([members[unit] for unit in units])
