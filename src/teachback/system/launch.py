"""What the environment says of how this command was started: as how many processes
(``torchrun`` and ``accelerate launch`` tell each of them), and whether the network is forbidden.
No torch here.
"""

from __future__ import annotations

import os

OFFLINE_SWITCH = "TEACHBACK_OFFLINE"
"""Environment variable; anything but empty or 0 makes every host but this machine's own
loopback an error before a byte is sent."""


def is_offline() -> bool:
    """Whether `OFFLINE_SWITCH` forbids going to the network."""
    return os.environ.get(OFFLINE_SWITCH, "") not in ("", "0")


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
