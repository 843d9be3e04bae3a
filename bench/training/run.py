"""Training and scoring speed and memory, ours against others, in one run on the same rows.

    python bench/training/run.py [--data ../shared/data] [--parts abcd] [--quick]

(a) Gemma 3 270M: ours against TRL's SFTTrainer and against plain Trainer rows with full
    logits, on obqa, csqa and shuffled with one and with three explanations, LoRA and full
(b) T5-small and T5-base shapes, random weights: ours against two passes
(c) examples per second over a grid of question and explanation lengths, synthetic rows
(d) all choices of a question in one pass against one pass per choice

Beside each measured ratio stands the one that an operation count (counts.py) gives for the
very batches that were computed. Every configuration has a process of its own; those of a group
are held loaded and take turns, step by step (full fine-tuning of Gemma: one after the other,
twice around, as memory does not hold them all). First all losses are compared on the same
rows in float32: a scheme that computes something else stops the run. Writes results.json and
results.md to bench/out/training. Run it with an interpreter that has teachback's `train` extra
and trl; without trl its columns are left out. On a GPU, `--peak` (the card's dense bf16 rate
in TFLOP/s) adds the share of it that is reached.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "src")]

import material
import report
import torch

OUT = ROOT / "bench" / "out" / "training"
GEMMA = "pypi:gemma-3-270m"
QUESTIONS = (32, 128, 512)
EXPLANATIONS = (16, 64, 256)
SCORED = 4
"""Times as many questions are scored in a step as are trained on: a step that takes less than a
second right after another process's turn measures cold caches instead."""
TOLERANCE = 1e-5
"""Between losses in float32, summed in different orders."""


@dataclass
class Group:
    """Schemes that take turns on the same steps. ``cells``: what the steps belong to, a cell
    being a warm-up and its repetitions.
    """

    name: str
    part: str
    schemes: list[str]
    job: dict[str, Any]
    cells: list[str] = field(default_factory=lambda: [""])
    rounds: int = 0
    """0: all are held and alternate at every step. Otherwise each runs alone, so many times."""
    facts: dict[str, Any] = field(default_factory=dict)


class Worker:
    """A measured process, and the talk with it."""

    def __init__(self, job: dict[str, Any], folder: Path) -> None:
        read, write = os.pipe()
        path = folder / f"{job['scheme']}-{write}-{time.monotonic_ns()}.json"
        path.write_text(json.dumps(job | {"descriptor": write}), "utf-8")
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), str(path)],
            stdin=subprocess.PIPE,
            stdout=sys.stderr,
            pass_fds=(write,),
            env=environment,
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


def measure(group: Group, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds per step and peak memory of each scheme."""
    steps, cells = len(group.job["steps"]), len(group.cells)
    jobs = {scheme: group.job | {"scheme": scheme} for scheme in group.schemes}
    most = options.most if cells == 1 else 0
    runs = [] if group.rounds else [take_turns(jobs, steps, folder, options.clock, most)]
    for _ in range(group.rounds):
        alone = [
            take_turns({s: job}, steps, folder, options.clock, most) for s, job in jobs.items()
        ]
        runs.append({scheme: found for one in alone for scheme, found in one.items()})
    merged = {}
    for scheme in group.schemes:
        own = [run[scheme] for run in runs]
        parts = [report.per_cell(one["seconds"], cells) for one in own]
        merged[scheme] = own[0] | {
            "cells": [[s for part in parts for s in part[cell]] for cell in range(cells)],
            "peak": max(one["peak"] for one in own),
            "shapes": report.per_cell_shapes(own[0]["shapes"], cells),
        }
    return merged


def take_turns(
    jobs: dict[str, dict[str, Any]], steps: int, folder: Path, clock: str, most: float = 0
) -> dict[str, dict[str, Any]]:
    """What each job's process reported last, and its ``seconds`` per step; jobs alternate at
    every step, and each step begins with another one. With ``most`` a job stops repeating once
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


def check_losses(
    job: dict[str, Any], schemes: list[str], names: list[str], folder: Path
) -> dict[str, Any]:
    """Stops the run where two schemes differ by more than float32 rounding."""
    found: dict[str, list[float]] = {}
    for scheme in schemes:
        worker = Worker(job | {"scheme": scheme, "kind": "losses", "precision": "fp32"}, folder)
        worker.hear()
        found[scheme] = worker.turn()["losses"]
        worker.close()
    for scheme, losses in found.items():
        for name, own, base in zip(names, losses, found["ours"], strict=True):
            if abs(own - base) > TOLERANCE * abs(base):
                raise SystemExit(f"{name}: the loss of {scheme} is {own}, of ours {base}")
    return {"rows": names, "losses": found}


def steps_of(examples: list[Any], repetitions: int) -> list[list[Any]]:
    """A warm-up and the repetitions, all on the same examples, so that each is the same work."""
    return [examples] * (1 + repetitions)


def groups(options: argparse.Namespace, rows: dict[str, Any]) -> list[Group]:
    again = options.repetitions
    peers = ["trl", "plain"] if options.trl else ["plain"]
    base = {"kind": "train", "precision": options.precision}
    made: list[Group] = []
    if "a" in options.parts:
        for name in options.sources:
            more = ["trl-kept"] if options.trl and name == "obqa" else []
            job = base | {"model": options.folder, "tuning": "lora"}
            job["steps"] = steps_of(rows[name], again)
            facts = material.lengths(rows[name])
            made.append(
                Group(f"{name}, LoRA", "a", ["ours", "rows", *peers, *more], job, facts=facts)
            )
        for name in options.full:
            job = base | {"model": options.folder, "tuning": "full"}
            job["steps"] = steps_of(rows[name], again)
            schemes = ["ours", *peers]
            made.append(Group(f"{name}, full", "a", schemes, job, rounds=options.rounds))
    if "b" in options.parts:
        for size in options.t5:
            for name in options.sources:
                job = base | {"model": size, "tuning": "full"}
                job["steps"] = steps_of(rows[name], again)
                made.append(Group(f"{size}, {name}", "b", ["ours", "two-pass"], job))
    if "c" in options.parts:
        grid = [(q, e) for q in options.questions for e in options.explanations]
        job = base | {"model": options.folder, "tuning": "lora"}
        job["steps"] = [
            step
            for q, e in grid
            for step in steps_of(material.synthetic(q, e, options.grid_examples, 0), again - 1)
        ]
        cells = [f"{q} + {e}" for q, e in grid]
        # Without a GPU TRL takes longer than plain rows, (a), and minutes on the longest here.
        fast = peers if torch.cuda.is_available() else ["plain"]
        made.append(Group("grid, LoRA", "c", ["ours", "rows", *fast], job, cells))
    if "d" in options.parts:
        for name in ("obqa", "csqa"):
            job = base | {"kind": "score", "model": options.folder, "tuning": "none"}
            job["steps"] = steps_of(rows[f"{name} choices"], again)
            made.append(Group(f"{name}, scoring", "d", ["ours", "rows", "per-choice"], job))
    return made


def prepared(options: argparse.Namespace) -> dict[str, Any]:
    """The rows of all parts, encoded once, by the Gemma student's own tokenizer."""
    from teachback.students.load import load

    student = load(options.folder)
    rows: dict[str, Any] = {}
    for source in material.SOURCES:
        pairs = material.explained(options.data, source, options.examples, options.seed)
        rows[source.name] = material.encoded(student, pairs)
        if source.name in ("obqa", "csqa"):
            more = material.explained(options.data, source, SCORED * options.examples, options.seed)
            rows[f"{source.name} choices"] = material.choices(student, [e for e, _ in more])
    return rows


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--model", default=GEMMA, help=f"causal student ({GEMMA})")
    parser.add_argument("--parts", default="abcd", help="which of a, b, c, d (abcd)")
    parser.add_argument("--examples", type=int, default=8, help="examples per step (8)")
    parser.add_argument("--grid-examples", type=int, default=2, help="the same in (c) (2)")
    parser.add_argument("--repetitions", type=int, default=3, help="measured steps (3; c: 2)")
    parser.add_argument(
        "--most", type=float, default=20, help="seconds after which a scheme's repetitions end (20)"
    )
    parser.add_argument("--rounds", type=int, default=2, help="rounds of full fine-tuning (2)")
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--t5", nargs="*", default=["t5-small", "t5-base"])
    parser.add_argument("--full", nargs="*", default=["obqa"])
    parser.add_argument("--sources", nargs="*", default=[s.name for s in material.SOURCES])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peak", type=float, help="the device's dense rate in TFLOP/s")
    parser.add_argument(
        "--clock",
        choices=("seconds", "cpu_seconds"),
        default="seconds",
        help="wall-clock seconds, or those of the processor, for a look on a busy machine",
    )
    parser.add_argument("--quick", action="store_true", help="a smoke test: few, small steps")
    options = parser.parse_args()
    options.questions, options.explanations = QUESTIONS, EXPLANATIONS
    options.trl = importlib.util.find_spec("trl") is not None
    if options.quick:
        options.examples, options.grid_examples, options.repetitions = 4, 2, 2
        options.rounds = 1
        options.questions, options.explanations = (32, 256), (64,)
        options.t5 = options.t5[:1]
        options.full, options.sources = options.full[:1], options.sources[::3]
    return options


def main() -> None:
    options = parsed()
    if not options.data.is_dir():
        sys.exit(f"{options.data} is not there; the benchmark needs the shared data")
    if not options.trl:
        print("trl is not installed here: its columns are left out")
    from teachback.students.weights import resolve

    options.folder = str(resolve(options.model).folder)
    began = time.monotonic()
    rows = prepared(options)
    OUT.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"machine": report.machine(), "options": report.shown(options)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = [rows[source][:2] for source in options.sources]
        job = {"model": options.folder, "tuning": "lora", "batches": few}
        peers = ["trl"] if options.trl else []
        results["losses"] = {}
        if set("ac") & set(options.parts):
            results["losses"]["causal"] = check_losses(
                job, ["ours", "rows", "plain", *peers], options.sources, folder
            )
        if "b" in options.parts:
            job |= {"model": options.t5[0], "tuning": "full"}
            results["losses"]["t5"] = check_losses(
                job, ["ours", "two-pass"], options.sources, folder
            )
        print(f"[{time.monotonic() - began:.0f} s] losses agree", flush=True)
        results["groups"] = []
        for group in groups(options, rows):
            measured = measure(group, folder, options)
            results["groups"].append(report.summary(group, measured, options))
            (OUT / "results.json").write_text(json.dumps(results, indent=1), "utf-8")
            for line in report.lines(results["groups"][-1]):
                print(line)
            print(f"[{time.monotonic() - began:.0f} s] {group.name}", flush=True)
    results["seconds"] = time.monotonic() - began
    (OUT / "results.json").write_text(json.dumps(results, indent=1), "utf-8")
    (OUT / "results.md").write_text(report.document(results), "utf-8")
    print(f"{OUT}/results.md, {results['seconds']:.0f} s")


if __name__ == "__main__":
    main()
