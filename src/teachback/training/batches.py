"""Which examples stand in one effective batch, which process computes which of its rows, and
which of these are computed at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch

from teachback.config import TrainConfig
from teachback.students.rows import EncodedExample, Row


def steps_per_pass(count: int, config: TrainConfig) -> int:
    """Optimiser steps of one pass over ``count`` examples."""
    return -(-count // config.batch_size)


def steps_of(passes: float, per_pass: int) -> int:
    """Optimiser steps of so many passes."""
    return max(1, int(-(-per_pass * passes // 1)))


class EffectiveBatches:
    """The effective batches of each epoch; what the Trainer takes for its data loader.

    An epoch's order is drawn from the seed and its number alone, so it is the same in every
    process and in a run that was killed. With ``window`` 1, a batch is ``size`` examples in that
    order. With more, each ``window`` batches' worth of examples is sorted by length before it
    is cut into batches, which then come in a drawn order: examples of one length meet in one
    batch, and less is padded. Each example comes once an epoch. What is left over at the
    epoch's end, fewer than ``size``, is a batch of its own and never sorted: sorted, it would
    always hold the longest.
    """

    def __init__(
        self, examples: Sequence[EncodedExample], size: int, seed: int, window: int = 1
    ) -> None:
        self.dataset = examples
        self.size, self.seed, self.window = size, seed, window
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.size)

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is that of ``epoch``."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for numbers in self.numbers():
            yield {"examples": [self.dataset[number] for number in numbers]}

    def numbers(self) -> list[list[int]]:
        """The batches of this epoch, as numbers of examples."""
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order: list[int] = torch.randperm(len(self.dataset), generator=generator).tolist()
        if self.window == 1:
            return _cut(order, self.size)
        whole = len(order) - len(order) % self.size
        batches: list[list[int]] = []
        for part in _cut(order[:whole], self.size * self.window):
            sorted_batches = _cut(sorted(part, key=lambda n: len(self.dataset[n])), self.size)
            drawn = torch.randperm(len(sorted_batches), generator=generator).tolist()
            batches += [sorted_batches[number] for number in drawn]
        return batches + _cut(order[whole:], self.size)


def _cut(numbers: list[int], size: int) -> list[list[int]]:
    return [numbers[begin : begin + size] for begin in range(0, len(numbers), size)]


def share(rows: Sequence[Row], process: int, processes: int) -> list[Row]:
    """The rows of a batch that one of several processes computes; perhaps none.

    The longest first, each row goes to the process with the fewest tokens so far, so that all
    are done at about the same time. The shares make up the batch, whatever its size.
    """
    if processes == 1:
        return list(rows)
    shares: list[list[Row]] = [[] for _ in range(processes)]
    tokens = [0] * processes
    for row in sorted(rows, key=len, reverse=True):
        least = tokens.index(min(tokens))
        shares[least].append(row)
        tokens[least] += len(row)
    return shares[process]


def chunks(rows: Sequence[Row], token_budget: int) -> Iterator[list[Row]]:
    """Rows by length, cut so that rows × longest stays within the budget (one row at least):
    into as few chunks as can be, and of all such ways the one that pads least.
    """
    ordered = sorted(rows, key=len)
    # best[n]: (chunks, tokens with padding, where the last chunk begins) of the n shortest.
    best = [(0, 0, 0)]
    for end in range(1, len(ordered) + 1):
        longest = len(ordered[end - 1])
        first = max(0, min(end - 1, end - token_budget // max(1, longest)))
        best.append(
            min(
                (best[begin][0] + 1, best[begin][1] + (end - begin) * longest, begin)
                for begin in range(first, end)
            )
        )
    cuts = [len(ordered)]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][2])
    cuts.reverse()
    for begin, end in pairwise(cuts):
        yield ordered[begin:end]
