"""Encoded examples, and the arrays of a causal batch.

A *row* is one sequence a model reads: a prefix (the question) and one or more branches
(each a marker, outside the loss, and a target). Branches of one causal row do not see one
another and their positions restart at the prefix's end, so a row with several branches
gives exactly the loss of separate rows. No torch here; ``tensors`` makes torch's of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Branch:
    """One target after a prefix. ``weight`` multiplies its mean token cross-entropy;
    ``removable`` is how many tokens at the target's front training takes away by and by.
    """

    marker: tuple[int, ...]
    target: tuple[int, ...]
    weight: float = 1.0
    removable: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    prefix: tuple[int, ...]
    branches: tuple[Branch, ...]

    def __len__(self) -> int:
        return len(self.prefix) + sum(len(b.marker) + len(b.target) for b in self.branches)


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """All rows of one training example."""

    id: str
    rows: tuple[Row, ...]

    def __len__(self) -> int:
        return sum(len(row) for row in self.rows)


def separate(rows: Sequence[Row]) -> list[Row]:
    """The same targets, one branch per row: the plain path, and the fallback."""
    return [Row(row.prefix, (branch,)) for row in rows for branch in row.branches]


class Targets:
    """The targets of a batch, branch by branch, as `causal_arrays` describes them."""

    def __init__(self) -> None:
        self._index: list[int] = []
        self._ids: list[int] = []
        self._weights: list[float] = []
        self._branches: list[int] = []
        self._count = 0

    def add(self, branch: Branch, index: Iterable[int]) -> None:
        """``index``: the flattened positions before the branch's target tokens."""
        length = len(branch.target)
        self._index += index
        self._ids += branch.target
        self._weights += [branch.weight / length] * length
        self._branches += [self._count] * length
        self._count += 1

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "target_index": np.array(self._index, dtype=np.int64),
            "target_ids": np.array(self._ids, dtype=np.int64),
            "target_weights": np.array(self._weights, dtype=np.float32),
            "target_rows": np.array(self._branches, dtype=np.int64),
        }


def causal_arrays(rows: Sequence[Row], pad_id: int) -> dict[str, NDArray[Any]]:
    """Right-padded arrays of ``rows``.

    ``input_ids, position_ids, branch_ids`` have shape (rows, longest): branch 0 is the prefix,
    −1 padding. ``target_index`` (targets,) indexes the flattened positions whose *next* token
    is a target, ``target_ids`` (targets,) are those tokens, ``target_weights`` (targets,) the
    pair's weight divided by its target's length, ``target_rows`` (targets,) the number of the
    branch, counted over the batch.
    """
    # A target's last token is predicted and never read.
    longest = max(len(row) - len(row.branches) for row in rows)
    shape = (len(rows), longest)
    input_ids = np.full(shape, pad_id, dtype=np.int64)
    position_ids = np.zeros(shape, dtype=np.int64)
    branch_ids = np.full(shape, -1, dtype=np.int64)
    targets = Targets()
    for r, row in enumerate(rows):
        at = len(row.prefix)
        input_ids[r, :at] = row.prefix
        position_ids[r, :at] = np.arange(at)
        branch_ids[r, :at] = 0
        for b, branch in enumerate(row.branches, 1):
            tokens = (branch.marker + branch.target)[:-1]
            end = at + len(tokens)
            input_ids[r, at:end] = tokens
            position_ids[r, at:end] = np.arange(len(row.prefix), len(row.prefix) + len(tokens))
            branch_ids[r, at:end] = b
            # The token before the first target token predicts it; with an empty marker that
            # is the prefix's last token.
            first = at + len(branch.marker) - 1 if branch.marker else len(row.prefix) - 1
            inner = range(at + len(branch.marker), end)
            targets.add(branch, (r * longest + i for i in (first, *inner)))
            at = end
    return {
        "input_ids": input_ids,
        "position_ids": position_ids,
        "branch_ids": branch_ids,
        **targets.arrays(),
    }
