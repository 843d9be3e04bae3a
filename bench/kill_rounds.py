"""The kill test of the suite, with more rounds and as a table.

    python -m bench.kill_rounds              100 rounds (about 2 minutes)
    python -m bench.kill_rounds --rounds 20

``teachback generate`` (CROP, concurrency 8) asks a real HTTP server on loopback and is killed with
SIGKILL at random moments, while it starts or after 1 to 70 requests; the same command then resumes.
What the store holds after each kill is compared with the server's own log.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from bench.common import ROOT, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    print(machine(), flush=True)
    # As a script, so that it finds the mock server beside it, which the tests use as well.
    command = [sys.executable, str(ROOT / "tests" / "kill_rounds.py"), str(rounds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    result = json.loads(done.stdout)
    rows = [
        ("rounds, each ended by SIGKILL", result["rounds"]),
        (
            "kills while requests were being made (the others: while it started)",
            result["amid_requests"],
        ),
        ("requests needed", result["needed"]),
        ("replies stored at the end, one a request", result["stored"]),
        ("stored replies lost", result["lost"]),
        ("stored replies that differ from the server's", result["wrong"]),
        ("requests cut off by a kill, at most 8 each time", result["in_flight"]),
        ("requests that the server got more than once", result["repeated"]),
        ("repeated though not in flight at a kill", result["repeated_unduly"]),
    ]
    width = max(len(name) for name, _ in rows)
    for name, count in rows:
        print(f"{name.ljust(width)}  {count:>6}")
    print(f"{result['seconds']:.0f} s; the last run said:\n{result['said'].strip()}")
    wrong = any(result[key] for key in ("lost", "wrong", "repeated_unduly"))
    if wrong or result["stored"] != result["needed"]:
        sys.exit("NOT as it should be")


if __name__ == "__main__":
    main()
