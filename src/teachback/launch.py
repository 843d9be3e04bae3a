"""How many processes this command was started as: what ``torchrun`` and ``accelerate launch``
tell each of them in its environment. No torch here.
"""

from __future__ import annotations

import os


def processes() -> int:
    """How many processes run this command together; 1 where none of the launchers did."""
    return _number("WORLD_SIZE", 1) if _launched() else 1


def process() -> int:
    """The number of this process among them, from 0."""
    return _number("RANK", 0) if _launched() else 0


def is_first() -> bool:
    """Whether this is the process that writes files and speaks to the user."""
    return process() == 0


def _launched() -> bool:
    # A scheduler may set the world's size alone for each machine, without starting processes.
    return all(_number(name, -1) >= 0 for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"))


def _number(name: str, default: int) -> int:
    try:
        return int(os.environ.get(name, default))
    except ValueError:
        return default
