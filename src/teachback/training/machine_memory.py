"""What memory there is on this machine for training.

psutil says what the system could give and what this process holds. It does not know the limits
that a container or a scheduler sets by control groups, and within those the kernel ends a
process that takes more, however much the machine has: they are read here, version 1 and 2.
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import torch

from teachback.system import launch

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def memory_there(device: torch.device) -> int:
    """Bytes that this process may take on ``device``, with what it has already."""
    if device.type == "cuda":
        free = int(torch.cuda.mem_get_info(device)[0])
        return free + int(torch.cuda.memory_reserved(device))
    limits = [int(psutil.virtual_memory().available), *cgroup_rooms()]
    # Processes of one machine share its memory.
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if launch.processes() > 1 else 1
    return min(limits) // beside + held_by_this_process()


def held_by_this_process() -> int:
    """Bytes that this process holds and no other: the memory that the estimate counts again."""
    memory = psutil.Process().memory_info()
    # Linux counts files that are mapped apart, which the system takes for available already.
    return int(memory.rss - memory.shared if psutil.LINUX else memory.rss)


def cgroup_rooms(root: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> list[int]:
    """What is left of each limit that a container or a scheduler sets, in bytes."""
    try:
        lines = membership.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return []
    rooms = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            top = root / "memory"
        else:
            continue
        folder = top / path.lstrip("/")
        # Within a container, its own folder may be mounted as the top one.
        for each in (folder, *folder.parents):
            room = _room(each, *names)
            if room is not None:
                rooms.append(room)
            if each == top:
                break
    return rooms


def _room(folder: Path, limit: str, usage: str, inactive: str) -> int | None:
    try:
        most = int((folder / limit).read_text("ascii"))
        used = int((folder / usage).read_text("ascii"))
        statistics = (folder / "memory.stat").read_text("ascii").splitlines()
        given_back = next(
            int(line.split()[1]) for line in statistics if line.split()[0] == inactive
        )
    except (OSError, ValueError, StopIteration):  # "max": no limit
        return None
    return most - used + given_back
