"""The kill test of the suite, with more rounds and as a table.

    python bench/kill_rounds.py              100 rounds (about 2 minutes)
    python bench/kill_rounds.py --rounds 20

``teachback generate`` (CROP, concurrency 8) asks a real HTTP server on loopback and is killed with
SIGKILL at random moments, while it starts or after 1 to 70 requests; the same command goes on.
What the store holds after each kill is compared with the server's own log.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from kill_rounds import kill_rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="kill-rounds-") as folder:
        result = kill_rounds(Path(folder), rounds)
    rows = [
        ("rounds, each ended by SIGKILL", result.rounds),
        ("kills in the midst of requests (the others: while it started)", result.amid_requests),
        ("requests needed", result.needed),
        ("replies stored at the end, one a request", result.stored),
        ("stored replies lost", result.lost),
        ("stored replies that are not the server's to that request", result.wrong),
        ("requests cut off by a kill, at most 8 each time", result.in_flight),
        ("requests that the server got more than once", result.repeated),
        ("repeated though not in flight at a kill", result.repeated_unduly),
    ]
    width = max(len(name) for name, _ in rows)
    for name, count in rows:
        print(f"{name.ljust(width)}  {count:>6}")
    print(f"{result.seconds:.0f} s; the last run said:\n{result.said.strip()}")
    if result.lost or result.wrong or result.repeated_unduly or result.stored != result.needed:
        sys.exit("NOT as it must be")


if __name__ == "__main__":
    main()
