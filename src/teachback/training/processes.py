"""Several processes that train one student: what each does for itself, and what they agree on.

Every process reads the same files and holds the same weights; the first alone writes. Nothing
here does anything where there is but one process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from teachback.errors import UsageError
from teachback.system import launch

_T = TypeVar("_T")

_PATIENCE = timedelta(hours=2)
"""How long a process waits for another, which may be writing checkpoints or answering valid."""


def begin() -> None:
    """Make this process one of those that the launcher started: connected, on its own GPU."""
    if launch.processes() == 1 or dist.is_initialized():
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # What is not a gradient is exchanged between CPUs: no memory of the GPU is taken for it.
        dist.init_process_group("cpu:gloo,cuda:nccl", timeout=_PATIENCE)
    else:
        dist.init_process_group("gloo", timeout=_PATIENCE)
    atexit.register(dist.destroy_process_group)


@contextlib.contextmanager
def agreed() -> Iterator[None]:
    """Within: what every process does for itself. An error in one is raised in all of them, so
    that none waits for one that has gone. Nothing within may wait for another process.

    Raises UsageError in a process that itself has no error, naming the process that has one.
    """
    if launch.processes() == 1:
        yield
        return
    begin()
    try:
        yield
    except Exception as error:
        gathered(f"{'' if isinstance(error, UsageError) else type(error).__name__ + ': '}{error}")
        raise
    failed = [(n, told) for n, told in enumerate(gathered(None)) if told is not None]
    if failed:
        number, told = failed[0]
        raise UsageError(told if number == 0 else f"process {number}: {told}")


def gathered(value: _T) -> list[_T]:
    """The value of every process, in their order; all must ask for it."""
    if launch.processes() == 1:
        return [value]
    found: list[Any] = [None] * launch.processes()
    dist.all_gather_object(found, value)
    return found


def own_share(items: Sequence[_T]) -> Sequence[_T]:
    """Those of ``items`` that this process works on; every item has one process."""
    return items[launch.process() :: launch.processes()]


def mean(value: float, weight: float) -> float:
    """The mean over the processes of their ``value``, weighted; the same number in all."""
    if launch.processes() == 1:
        return value
    parts = gathered((value, weight))
    return sum(v * w for v, w in parts) / sum(w for _, w in parts)
