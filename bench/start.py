"""What a command takes until a student has given its first answer, and has ended.

    OMP_NUM_THREADS=1 python -m bench.start STUDENT [--before CHECKOUT] [--rounds 5]

``teachback ask STUDENT`` with two choices, answered directly, in a process of its own: imports,
reading the student, one answer. With ``--before``, a second checkout's code takes turns with this
one's. Seconds are the process's own of a core, which other work on the machine disturbs less than
those that pass; both are printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.common import ROOT, head, machine, row

QUESTION = ("Is it so?", "--choice", "yes", "--choice", "no", "--way", "direct")


def ask(checkout: Path, student: str) -> tuple[float, float]:
    """Seconds of a core, and seconds that passed."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:  # not the checkout: its code would be found first
        subprocess.run(
            [sys.executable, "-m", "teachback", "ask", student, *QUESTION],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    passed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("student", help="a folder, or any reference that teachback ask takes")
    parser.add_argument("--before", type=Path, help="a checkout to take turns with")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    student = arguments.student
    if Path(student).is_dir():
        student = str(Path(student).resolve())
    checkouts = {"this checkout": ROOT}
    if arguments.before is not None:
        checkouts["before"] = arguments.before.resolve()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in checkouts}
    for _ in range(arguments.rounds):
        for name, checkout in checkouts.items():
            found[name].append(ask(checkout, student))
    print(machine())
    print(head("ask", "median s of a core", "lowest", "highest", "median s passed"))
    for name, times in found.items():
        used = [one for one, _ in times]
        passed = statistics.median(one for _, one in times)
        figures = statistics.median(used), min(used), max(used), passed
        print(row(name, *(f"{seconds:.1f}" for seconds in figures)))


if __name__ == "__main__":
    main()
