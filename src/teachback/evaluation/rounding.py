"""What rounding leaves of a zero: deviations that cancel add up to 1e-17, which is no variance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SHARE = 1e-12
"""Far above what rounding leaves of what was added up, and far below the least true difference
between means of a million items."""


def without_rounding(values: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    """``values``, zero where they are as good as nothing beside ``size``: what was added up or
    subtracted to make them."""
    found = np.asarray(values, dtype=np.float64)
    return np.where(np.abs(found) <= _SHARE * np.abs(np.asarray(size)), 0.0, found)
