"""A process with the libraries loaded, which forks a child for each command.

A command in a process of its own takes seconds to load torch; a fork of one that has loaded it
takes none, and can be sent any signal. This process computes nothing itself: a fork of threads
that compute would hang.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, negative for a signal, and all that it said."""

    code: int
    said: str
    seconds: float


class WarmProcess:
    """A context: the process, whose commands run in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def __enter__(self) -> WarmProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def run(
        self, words: list[str], *, after: float | None = None, number: signal.Signals | None = None
    ) -> Ended:
        """Run ``teachback`` with ``words``, and send it a signal ``after`` so many seconds, unless
        it has ended by then."""
        log = self._folder / "said.txt"
        child = self._ask({"words": words, "log": str(log)})
        started = time.monotonic()
        if after is not None and number is not None:
            time.sleep(after)
            # Not waited for yet, so its number is nobody else's even where it has ended.
            os.kill(child, number)
        code = os.waitstatus_to_exitcode(self._ask({"wait": child}))
        return Ended(code, log.read_text("utf-8"), time.monotonic() - started)

    def _ask(self, wanted: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(wanted)}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def serve() -> None:
    import torch  # noqa: F401
    import transformers  # noqa: F401

    import teachback.studies.cell
    import teachback.training.trainer  # noqa: F401
    from fuzz_files import cells_here
    from teachback.cli import main

    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        wanted = json.loads(line)
        if "wait" in wanted:
            _, answer = os.waitpid(wanted["wait"], 0)
        elif not (answer := os.fork()):
            said = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(said, stream)
            sys.argv = ["teachback", *wanted["words"]]
            code = 1
            try:
                with cells_here():
                    main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        answers.write(f"{answer}\n")
        answers.flush()


if __name__ == "__main__":
    serve()
