"""The fuzzing test of the suite with more cases, in forks of one process, and as a table.

    python -m bench.fuzz                  20,000 cases (ten to twenty minutes on one core)
    python -m bench.fuzz --cases 500
    python -m bench.fuzz --first 5000 --cases 5000      the second quarter
    python -m bench.fuzz --in-process     without forks: memory not measured

Damages the files that commands read, or the commands' arguments, by a seed, and runs the command.
A traceback, an exit code other than 0, 1 and 2, more or less than one line of an error, what a
terminal would obey in what is printed, more than ten seconds, a process that dies, or more than
1 GiB of memory over what the process has that has loaded the libraries, is a fault.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.common import ROOT, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=1, help="cases at once")
    parser.add_argument("--in-process", action="store_true")
    given = parser.parse_args()
    print(machine(), flush=True)

    def part(number: int) -> dict[str, Any]:
        each = -(-given.cases // given.jobs)
        # As a script, so that it finds the tiny models beside it, which the tests use as well.
        command = [sys.executable, str(ROOT / "tests" / "fuzz_cases.py"), str(each)]
        command += ["--seed", str(given.seed), "--first", str(given.first + number * each)]
        command += ["--in-process"] if given.in_process else []
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # forks do without any other
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, env=one_thread
        )
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    with ThreadPoolExecutor(given.jobs) as pool:
        parts = list(pool.map(part, range(given.jobs)))
    codes: dict[str, int] = {}
    faults: dict[str, list[str]] = {}
    for one in parts:
        for code, count in one["codes"].items():
            codes[code] = codes.get(code, 0) + count
        for fault, cases in one["faults"].items():
            faults.setdefault(fault, []).extend(cases)
    print(f"cases        {sum(one['cases'] for one in parts):>7}")
    for code, count in sorted(codes.items()):
        print(f"exit code {code:<3}{count:>7}")
    memory = max(one["memory"] for one in parts) / 2**20
    libraries = max(one["libraries"] for one in parts) / 2**20
    print(f"memory       {memory:>7.0f} MiB at most, over {libraries:.0f} MiB of the libraries'")
    print(f"slowest      {max(one['slowest'] for one in parts):>7.1f} s")
    print(f"all          {max(one['seconds'] for one in parts):>7.0f} s")
    print(f"faults       {sum(map(len, faults.values())):>7} at {len(faults)} places")
    for fault, cases in sorted(faults.items(), key=lambda item: -len(item[1])):
        print(f"{len(cases):>5} × {fault}\n        {cases[0]}")
    if faults:
        sys.exit("NOT as it should be")


if __name__ == "__main__":
    main()
