"""Training and scoring speed and memory, ours against others, in one run on the same rows.

    python -m bench.training.run [--parts abcd] [--quick]

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
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.common import DATA, OUT, STUDENT, need_data

FOLDER = OUT / "training"
QUESTIONS = (32, 128, 512)
EXPLANATIONS = (16, 64, 256)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", default=STUDENT, help=f"causal student ({STUDENT})")
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
    parser.add_argument("--sources", nargs="*", help="of the real data (all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peak", type=float, help="the device's dense rate in TFLOP/s")
    parser.add_argument(
        "--clock",
        choices=("seconds", "cpu_seconds"),
        default="seconds",
        help="wall-clock seconds, or those of the processor, for a look on a busy machine",
    )
    parser.add_argument("--quick", action="store_true", help="a smoke test: few, small steps")
    return parser.parse_args()


def settle(options: argparse.Namespace, sources: list[str]) -> None:
    """Fill in what depends on the machine, on ``--quick`` and on the ``sources`` there are."""
    options.sources = options.sources or sources
    if unknown := set(options.sources) - set(sources):
        sys.exit(f"--sources: {', '.join(sorted(unknown))}: not one of {', '.join(sources)}")
    options.questions, options.explanations = QUESTIONS, EXPLANATIONS
    options.trl = importlib.util.find_spec("trl") is not None
    if options.quick:
        options.examples, options.grid_examples, options.repetitions = 4, 2, 2
        options.rounds = 1
        options.questions, options.explanations = (32, 256), (64,)
        options.t5 = options.t5[:1]
        options.full, options.sources = options.full[:1], options.sources[::3]


def main() -> None:
    options = parsed()
    need_data(options.data)
    from bench.training import material, report
    from bench.training.groups import check_losses, groups, measure, prepared
    from teachback.students.weights import resolve

    settle(options, [source.name for source in material.SOURCES])
    if not options.trl:
        print("trl is not installed here: its columns are left out")
    options.folder = str(resolve(options.model).folder)
    began = time.monotonic()
    rows = prepared(options)
    FOLDER.mkdir(parents=True, exist_ok=True)
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
            (FOLDER / "results.json").write_text(json.dumps(results, indent=1), "utf-8")
            for line in report.lines(results["groups"][-1]):
                print(line)
            print(f"[{time.monotonic() - began:.0f} s] {group.name}", flush=True)
    results["seconds"] = time.monotonic() - began
    (FOLDER / "results.json").write_text(json.dumps(results, indent=1), "utf-8")
    (FOLDER / "results.md").write_text(report.document(results), "utf-8")
    print(f"{FOLDER}/results.md, {results['seconds']:.0f} s")


if __name__ == "__main__":
    main()
