"""What this machine has: cores, the processor and what it can do, memory. No torch here."""

from __future__ import annotations

import math
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

NOTABLE_FEATURES = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
)
"""What decides how fast a model runs on a processor, x86's first, then Arm's, as Linux names it."""

_APPLE_FEATURES = {
    "hw.optional.arm.FEAT_DotProd": "asimddp",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_BF16": "bf16",
}
"""macOS's names of Arm's features → Linux's."""

_CONTROL_GROUPS = Path("/sys/fs/cgroup")
"""Where a container finds its own limits."""

_LIMITS = (
    _CONTROL_GROUPS / "memory.max",
    _CONTROL_GROUPS / "memory/memory.limit_in_bytes",
)
"""That of its memory: version 2 of control groups, and version 1."""


@dataclass(frozen=True, slots=True)
class Processor:
    """``name`` as its maker sells it; ``features`` as Linux names them, empty where the system
    does not tell them."""

    name: str
    features: frozenset[str]

    @property
    def notable(self) -> tuple[str, ...]:
        """Those of `NOTABLE_FEATURES` that it has, in that order."""
        return tuple(name for name in NOTABLE_FEATURES if name in self.features)


def cores(control_groups: Path = _CONTROL_GROUPS) -> int:
    """How many cores this process may use: those that its affinity leaves it, or as many as a
    container may keep busy, by the folder of its ``control_groups``, if that is less. At least 1.
    """
    if psutil.LINUX or psutil.WINDOWS:
        own = len(psutil.Process().cpu_affinity())
    else:
        own = psutil.cpu_count() or 1
    share = _processor_share(control_groups)
    return own if share is None else max(1, min(own, math.ceil(share)))


def _processor_share(control_groups: Path) -> float | None:
    """How many cores a container may keep busy; None where it has no limit."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            told = " ".join((control_groups / name).read_text(encoding="ascii") for name in files)
            quota, period = map(int, told.split())
        except (OSError, ValueError):  # no such file, or the word "max": no limit
            continue
        if quota > 0 and period > 0:  # version 1 writes -1 for none
            return quota / period
    return None


def computing_threads(environment: Mapping[str, str] = os.environ) -> int:
    """How many threads a computation may have: OMP_NUM_THREADS, of which levels within levels
    ("4,2") the first counts; where that says no number above 0, one for each of the `cores`."""
    first = environment.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return (int(first) if first.isascii() and first.isdigit() else 0) or cores()


def processor(description: Path = Path("/proc/cpuinfo")) -> Processor:
    """The processor, of which ``description`` is Linux's account; on macOS ``sysctl`` is asked."""
    if psutil.MACOS:
        return apple_processor(_sysctl())
    try:
        told = description.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Processor(_plain_name(), frozenset())
    # One block a core, of lines "key : value"; the first core stands for all.
    first = dict(_pair(line) for line in told.split("\n\n", 1)[0].splitlines())
    flags = first.get("flags") or first.get("Features") or ""  # x86; Arm
    return Processor(first.get("model name") or _plain_name(), frozenset(flags.split()))


def apple_processor(told: str) -> Processor:
    """The processor by what macOS's ``sysctl`` prints: lines of "key: value"."""
    values = dict(_pair(line) for line in told.splitlines())
    features = frozenset(name for key, name in _APPLE_FEATURES.items() if values.get(key) == "1")
    return Processor(values.get("machdep.cpu.brand_string") or _plain_name(), features)


def memory(limits: Iterable[Path] = _LIMITS) -> int:
    """Bytes of memory: the machine's, or a container's own limit (a file of ``limits``) if that
    is less."""
    total: int = psutil.virtual_memory().total
    for file in limits:
        try:
            total = min(total, int(file.read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such file, or the word "max": no limit
            continue
    return total


def _pair(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip()


def _sysctl() -> str:
    """What ``sysctl`` prints of name and features; nothing where it does not answer."""
    try:
        # A key that an older system does not know is an error beside the others' lines.
        done = subprocess.run(
            ["sysctl", "machdep.cpu.brand_string", "hw.optional.arm"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _plain_name() -> str:
    return platform.processor() or platform.machine() or "unknown"
