"""Several real processes that train together, for tests: what a launcher starts.

They are forked from a server that has imported torch once, so that starting two takes no
longer than starting one Python.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import traceback
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["transformers", "peft", "teachback.cli", "teachback.training"])


class Ranks:
    """``count`` processes, each calling ``function(*arguments)`` as one rank of a launch.

    What they print on stderr and stdout goes to ``folder/RANK.err`` and ``folder/RANK.out``.
    """

    def __init__(
        self, function: Callable[..., Any], *arguments: Any, folder: Path, count: int = 2
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.processes: list[BaseProcess] = [
            _CONTEXT.Process(
                target=_rank, args=(rank, count, port, folder, function, arguments), daemon=True
            )
            for rank in range(count)
        ]
        for process in self.processes:
            process.start()

    def wait(self, seconds: float = 120) -> list[int | None]:
        """The exit codes, once all have ended; those still running then are killed."""
        for process in self.processes:
            process.join(seconds)
        self.kill()
        return [process.exitcode for process in self.processes]

    def kill(self) -> None:
        """SIGKILL to all that run."""
        for process in self.processes:
            if process.is_alive():
                process.kill()
        for process in self.processes:
            process.join()

    def said(self, rank: int, stream: str = "err") -> str:
        """What a process printed."""
        return (self.folder / f"{rank}.{stream}").read_text("utf-8")

    def check(self) -> None:
        """Wait, and fail with what was said unless all ended well."""
        codes = self.wait()
        assert codes == [0] * len(codes), [self.said(rank) for rank in range(len(codes))]


def _rank(
    rank: int,
    count: int,
    port: int,
    folder: Path,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    for descriptor, name in ((1, "out"), (2, "err")):
        file = os.open(folder / f"{rank}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
    import torch

    torch.set_num_threads(1)
    try:
        function(*arguments)
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None
