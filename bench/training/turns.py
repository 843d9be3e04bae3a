"""Measured processes that take turns, so that a busy machine disturbs all of them alike.

`Worker` is the end of `run`, which starts a ``worker`` process; `Turns` is that process's end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


class Worker:
    """A measured process as `run` sees it."""

    def __init__(self, job: dict[str, Any], folder: Path) -> None:
        read, write = os.pipe()
        path = folder / f"{job['scheme']}-{write}-{time.monotonic_ns()}.json"
        path.write_text(json.dumps(job | {"descriptor": write}), "utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.training.worker", str(path)],
            stdin=subprocess.PIPE,
            stdout=sys.stderr,
            pass_fds=(write,),
            text=True,
        )
        os.close(write)
        self.answers = os.fdopen(read, "r")

    def hear(self) -> dict[str, Any]:
        line = self.answers.readline()
        if not line:
            raise SystemExit(f"a measured process ended early (exit code {self.process.wait()})")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def turn(self) -> dict[str, Any]:
        self.tell("go")
        return self.hear()

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.answers.close()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Turns:
    """`run` as a measured process sees it: wait for a turn, measure, report."""

    def __init__(self, descriptor: int) -> None:
        self.out = os.fdopen(descriptor, "w", buffering=1)
        self.began = self.cpu = 0.0

    def say(self, **values: Any) -> None:
        self.out.write(json.dumps(values) + "\n")

    def wait(self) -> bool:
        """True when it is this process's turn, False when it is not wanted any more."""
        line = sys.stdin.readline()
        if not line:
            sys.exit(1)  # the parent is gone
        self.cpu, self.began = time.process_time(), time.perf_counter()
        return line.strip() == "go"

    def done(self) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.say(
            seconds=time.perf_counter() - self.began, cpu_seconds=time.process_time() - self.cpu
        )


def take_turns(
    jobs: dict[str, dict[str, Any]], steps: int, folder: Path, clock: str, most: float = 0
) -> dict[str, dict[str, Any]]:
    """What each job's process reported last, and its ``seconds`` per step; jobs alternate at
    every step, and each step begins with a different one. With ``most`` a job stops repeating once
    its measured steps took so many seconds.
    """
    workers: dict[str, Worker] = {}
    seconds: dict[str, list[float]] = {scheme: [] for scheme in jobs}
    try:
        for scheme, job in jobs.items():  # one after the other: loading is no part of it
            workers[scheme] = Worker(job, folder)
            workers[scheme].hear()
        order = list(jobs)
        for step in range(steps):
            turn = step % len(order)
            for scheme in order[turn:] + order[:turn]:
                if not most or sum(seconds[scheme][1:]) < most:
                    seconds[scheme].append(workers[scheme].turn()[clock])
        for scheme, own in seconds.items():
            if len(own) < steps:
                workers[scheme].tell("stop")
        return {s: worker.hear() | {"seconds": seconds[s]} for s, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()
