"""Keeping freed memory in the process while a student computes on a CPU.

glibc gives every large freed block back to the system and takes a fresh one, page by page,
for the next tensor; on virtual machines these page faults cost more than the arithmetic.
Measured on two cores: an elementwise operation on 64 MiB takes a quarter of the time once
freed blocks are kept. Memory use does not rise above its own peak.
"""

from __future__ import annotations

import ctypes
import sys

# mallopt's parameters, from glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_MAX = -4


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to reuse freed blocks; False where it is another allocator."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL(None)
        kept = libc.mallopt(_MMAP_MAX, 0) and libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    except (OSError, AttributeError):  # musl has no mallopt
        return False
    return bool(kept)
