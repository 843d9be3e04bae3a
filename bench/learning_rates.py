"""Learning rates, chosen on ``valid`` and on nothing else: what the defaults rest on.

    python bench/learning_rates.py [--objective st] [--epochs 3] [--only lora:5e-4:cosine …]

Gemma 3 270M base, dequantised from Q4_K_M, on the decision desk: 170 cases, of which 50 are
``valid``; one seed; each run in a process of its own. Prints, for each rate, the accuracy on
valid after each epoch and the lowest loss. T5 is not searched: no pretrained T5 comes as
wheels, and random weights say nothing about a rate.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

RATES = {"lora": (1e-4, 2e-4, 5e-4, 1e-3), "full": (2e-5, 5e-5, 1e-4)}


def train(way: str, rate: float, schedule: str, objective: str, epochs: float) -> None:
    """One run; prints its history as JSON."""
    import teachback as tb
    from teachback import desk
    from teachback.desk.demo import TRAIN_CASES
    from teachback.records import Explanation

    cases = list(desk.cases(TRAIN_CASES, desk.TRAIN_SEED, "train"))
    explanations = [
        Explanation(c.example.id, "cote", 0, desk.RULE_ENGINE, desk.rule_reply(c), c.example.answer)
        for c in cases
    ]
    with tempfile.TemporaryDirectory() as folder:
        tb.train(
            [case.example for case in cases],
            explanations,
            student="pypi:gemma-3-270m",
            objective=objective,  # type: ignore[arg-type]
            lora=way == "lora",
            learning_rate=rate,
            schedule=schedule,
            epochs=epochs,
            batch_size=8,
            patience=0,
            folder=folder,
        )
        outcome = json.loads((Path(folder) / "student" / "training.json").read_text())
    print(json.dumps(outcome))


def parts(name: str) -> tuple[str, str, str]:
    """WAY:RATE or WAY:RATE:SCHEDULE; the schedule unset is teachback's default."""
    way, rate, *schedule = name.split(":")
    return way, rate, schedule[0] if schedule else "linear"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objective", default="st")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--only", nargs="*", metavar="WAY:RATE[:SCHEDULE]")
    parser.add_argument("--run", metavar="WAY:RATE", help="this one here; prints JSON")
    options = parser.parse_args()
    if options.run:
        way, rate, schedule = parts(options.run)
        train(way, float(rate), schedule, options.objective, options.epochs)
        return
    names = options.only or [f"{way}:{rate:g}" for way, rates in RATES.items() for rate in rates]
    head = "rate | schedule | valid accuracy by epoch | lowest valid loss | s"
    print(f"| {options.objective} | {head} |")
    print("|---|---|---|---|---|---|")
    for name in names:
        words = [sys.executable, __file__, "--run", name]
        words += ["--objective", options.objective, "--epochs", str(options.epochs)]
        run = subprocess.run(words, capture_output=True, text=True, check=False)
        way, rate, schedule = parts(name)
        if run.returncode:
            why = run.stderr.strip().splitlines()[-1]
            print(f"| {way} | {rate} | {schedule} | did not run: {why} |")
            continue
        outcome = json.loads(run.stdout.strip().splitlines()[-1])
        accuracies = " ".join(f"{entry['accuracy']:.2f}" for entry in outcome["history"])
        loss = min(entry["loss"] for entry in outcome["history"])
        print(
            f"| {way} | {rate} | {schedule} | {accuracies} | {loss:.3f} "
            f"| {outcome['seconds']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
