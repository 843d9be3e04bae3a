"""Keeping a process small while a student writes, where glibc's allocator would not.

Freeing large blocks in training teaches glibc to serve blocks of up to 32 MiB from its heap.
In generation, the logits of a step (16 MiB and more with a vocabulary of 262,144) then
alternate there with a cache that grows by the token, and the holes never fit: seen here, a
process grew by 30 MB a token until the system killed it. Asked to, glibc serves large blocks
from the system again, and gives what it holds back; in training, whose blocks come in the same
sizes again and again, keeping them is right and quicker.
"""

from __future__ import annotations

import ctypes
import gc
import sys

_MMAP_THRESHOLD = -3  # from glibc's malloc.h
_LARGE_WHEN_TRAINING = 32 * 2**20  # the most that glibc takes
_LARGE_WHEN_ANSWERING = 2**20


def settle_memory(*, training: bool) -> None:
    """Give freed memory back, and from now on that of large blocks at once (glibc only)."""
    gc.collect()  # a trainer and its model refer to each other
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL(None)
        large = _LARGE_WHEN_TRAINING if training else _LARGE_WHEN_ANSWERING
        libc.mallopt(_MMAP_THRESHOLD, large)
        libc.malloc_trim(0)
    except (OSError, AttributeError):  # another C library
        return
