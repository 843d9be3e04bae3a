"""The repository's own benchmark on real input, from ``../shared/data``.

    python -m bench.real_input selection   (a) OBQA through COTE, RP and CROP: no training
    python -m bench.real_input milestone   200 OBQA rows, CROP, ST and MT-CoT, dev
    python -m bench.real_input shuffled    (b) 150 questions: untrained, ST, MT-CoT, one seed
    python -m bench.real_input t5          (c) a T5 with random weights: proves the path only

Each prints what goes into RESULTS.md and writes its runs under ``bench/out``, where a rerun
resumes. The commands are those of the ``teachback`` command line.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from bench.common import DATA, OUT, ROOT, machine, need_data

OBQA = [DATA / "obqa" / "teacher" / f"gpt-4o.{kind}.jsonl" for kind in ("cote", "rp")]


def teachback(*arguments: str | Path) -> None:
    """Run a command as a user would, and show it; stops the benchmark where it fails."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ teachback {' '.join(words)}", flush=True)
    began = time.monotonic()
    code = subprocess.run([sys.executable, "-m", "teachback", *words], check=False).returncode
    print(f"[{time.monotonic() - began:.0f} s]", flush=True)
    if code:
        sys.exit(code)


def selection() -> None:
    reference = "recorded:" + ",".join(map(str, OBQA))
    for strategy in ("cote", "rp", "crop"):
        folder = OUT / f"obqa-{strategy}"
        train = DATA / "obqa" / "train.jsonl"
        teachback(
            *("generate", train, "--teacher", reference, "--strategy", strategy, "-o", folder)
        )


def two_objectives(name: str, *, config: str) -> None:
    runs = []
    for objective in ("st", "mt-cot"):
        runs.append(OUT / name / objective)
        teachback(
            *("run", ROOT / "bench" / "configs" / config, "--objective", objective, "-o", runs[-1])
        )
    teachback("compare", *runs)


def t5() -> None:
    """Random weights: the figures say that the path runs and nothing about T5."""
    from bench.students import TINY, random_t5

    student = OUT / "t5-random"
    if not student.is_dir():
        random_t5(student, TINY)
    explained = OUT / "t5" / "explanations"
    train = DATA / "obqa" / "train.jsonl"
    reference = "recorded:" + ",".join(map(str, OBQA))
    teachback("generate", train, "--teacher", reference, "--size", "200", "-o", explained)
    for marker in ("decoder", "encoder"):
        folder = OUT / "t5" / marker
        teachback(
            *("train", train, "--size", "200", "--student", student, "--objective", "mt-cot"),
            *("--explanations", explained / "explanations.jsonl", "--task-marker", marker),
            *("--epochs", "2", "--max-target-tokens", "512", "-o", folder),
        )
        teachback(
            *("evaluate", folder, DATA / "obqa" / "dev.jsonl", "--no-explain"),
            *("--train", train, "-o", folder / "evaluation"),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["selection", "milestone", "shuffled", "t5"])
    what = parser.parse_args().what
    need_data()
    print(machine())
    if what == "selection":
        selection()
    elif what == "milestone":
        two_objectives("obqa-milestone", config="obqa-milestone.toml")
    elif what == "shuffled":
        two_objectives("shuffled-small", config="shuffled-small.toml")
    else:
        t5()


if __name__ == "__main__":
    main()
