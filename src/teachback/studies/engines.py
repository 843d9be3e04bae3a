"""Where cells run: the engines, and the one that uses this machine's processes.

An engine starts a cell and says later that it has ended; the study decides which cell is next.
What a cell leaves lies in its folder by the time that the engine names it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from teachback.studies.cell import TAKEN
from teachback.system.machine import cores

THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
)
LOG = "log.txt"
_PATIENCE = 20.0  # seconds that a process gets to end when it is told to


@dataclass(frozen=True)
class Ended:
    """A cell that has ended; ``error``: why it left no result, None where it did."""

    hash: str
    error: str | None


class CellEngine(Protocol):
    """What runs cells."""

    name: str
    slots: int
    """Cells at once."""
    threads: int
    """Threads of each."""

    def start(self, folder: Path, gpu: bool) -> None:
        """Begin the cell of ``folder``; ``gpu``: it trains or runs a student."""
        ...

    def ended(self, timeout: float) -> list[Ended]:
        """The cells that have ended since the last call; waits up to ``timeout`` seconds."""
        ...

    def stop(self) -> None:
        """End the cells that are running. What a cell has saved stays; it continues from there."""
        ...


def gpus() -> list[str]:
    """The GPUs that cells may use, as CUDA_VISIBLE_DEVICES names them; torch is not asked."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip()]
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = listed.stdout.splitlines() if listed.returncode == 0 else []
    return [str(number) for number, line in enumerate(lines) if line.startswith("GPU ")]


@dataclass
class _Process:
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    gpu: str | None


@dataclass
class LocalEngine:
    """Processes on this machine.

    ``slots`` unset: one cell a GPU, and one without any. ``threads`` unset: the cores shared
    out evenly among the slots.
    """

    slots: int = 0
    threads: int = 0
    name: str = field(default="local", init=False)

    def __post_init__(self) -> None:
        self._free = gpus()
        self.slots = self.slots or max(1, len(self._free))
        self.threads = self.threads or max(1, cores() // self.slots)
        if self._free:  # more cells than GPUs share them
            self._free = [self._free[i % len(self._free)] for i in range(self.slots)]
        self._running: dict[str, _Process] = {}

    def start(self, folder: Path, gpu: bool) -> None:
        environment = process_environment(self.threads)
        device = self._free.pop() if gpu and self._free else None
        if device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = device
        log = open(folder / LOG, "ab")  # noqa: SIM115
        process = subprocess.Popen(  # noqa: S603
            cell_command(folder),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            # Ctrl-C is for the study, which ends its cells in order.
            start_new_session=True,
        )
        self._running[folder.name] = _Process(process, log, device)

    def ended(self, timeout: float) -> list[Ended]:
        deadline = time.monotonic() + timeout
        while True:
            found = []
            for name, running in list(self._running.items()):
                code = running.process.poll()
                if code is not None:
                    del self._running[name]
                    self._close(running)
                    found.append(Ended(name, why(code)))
            if found or not self._running or time.monotonic() >= deadline:
                return found
            time.sleep(0.05)

    def stop(self) -> None:
        for running in self._running.values():
            running.process.terminate()
        for running in self._running.values():
            try:
                running.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
            self._close(running)
        self._running.clear()

    def _close(self, running: _Process) -> None:
        running.log.close()
        if running.process.stdin is not None:
            with contextlib.suppress(OSError):
                running.process.stdin.close()
        if running.gpu is not None:
            self._free.append(running.gpu)


def cell_command(folder: Path) -> list[str]:
    """The command of a cell's process."""
    return [sys.executable, "-m", "teachback.studies.cell", str(folder), "--watched"]


def process_environment(threads: int) -> dict[str, str]:
    """This process's environment, with the number of ``threads`` of the model libraries."""
    own: Mapping[str, str] = {name: str(threads) for name in THREADS}
    quiet = {"TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}
    return {**os.environ, **quiet, **own}


def why(code: int) -> str | None:
    """What a process's exit code says; None for one that left its result."""
    if code == 0:
        return None
    if code == TAKEN:
        return "another process is running this cell"
    if code < 0:
        name = signal.Signals(-code).name
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint} (see {LOG})"
    return f"its process ended with exit code {code} (see {LOG})"
