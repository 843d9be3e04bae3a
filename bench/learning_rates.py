"""Learning rates, chosen on ``valid`` and on nothing else: what the defaults rest on.

    python -m bench.learning_rates [--objective st] [--epochs 3] [--only lora:5e-4:cosine …]

Gemma 3 270M base, dequantised from Q4_K_M, on the decision desk: 170 cases, of which 50 are
``valid``; one seed; each run in a process of its own. Prints, for each rate, the accuracy on
valid after each epoch and the lowest loss. T5 is not searched: no pretrained T5 comes as
wheels, and random weights say nothing about a rate.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Literal, cast, get_args

import teachback as tb
from bench.common import STUDENT, PartFailedError, explained_by_rule, head, part, row
from teachback import desk
from teachback.records import Objective

RATES = {"lora": (1e-4, 2e-4, 5e-4, 1e-3), "full": (2e-5, 5e-5, 1e-4)}

Schedule = Literal["linear", "cosine", "constant"]


def train(way: str, rate: float, schedule: str, objective: str, epochs: float) -> None:
    """One run; prints its history as JSON."""
    from teachback.desk.demo import TRAIN_CASES

    cases = desk.cases(TRAIN_CASES, desk.TRAIN_SEED, "train")
    with tempfile.TemporaryDirectory() as folder:
        tb.train(
            [case.example for case in cases],
            explained_by_rule(cases),
            student=STUDENT,
            objective=cast(Objective, objective),
            lora=way == "lora",
            learning_rate=rate,
            schedule=cast(Schedule, schedule),
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
    parser.add_argument("--objective", choices=get_args(Objective), default="st")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--only", nargs="*", metavar="WAY:RATE[:SCHEDULE]")
    parser.add_argument("--run", metavar="WAY:RATE", help="this one, in this process; prints JSON")
    options = parser.parse_args()
    if options.run:
        way, rate, schedule = parts(options.run)
        train(way, float(rate), schedule, options.objective, options.epochs)
        return
    names = options.only or [f"{way}:{rate:g}" for way, rates in RATES.items() for rate in rates]
    columns = ("rate", "schedule", "valid accuracy by epoch", "lowest valid loss", "s")
    print(head(options.objective, *columns))
    for name in names:
        way, rate, schedule = parts(name)
        words = ("--run", name, "--objective", options.objective, "--epochs", str(options.epochs))
        try:
            outcome = part("bench.learning_rates", *words)
        except PartFailedError as error:
            print(row(way, rate, schedule, f"did not run: {error}"))
            continue
        accuracies = " ".join(f"{entry['accuracy']:.2f}" for entry in outcome["history"])
        loss = min(entry["loss"] for entry in outcome["history"])
        seconds = f"{outcome['seconds']:.0f}"
        print(row(way, rate, schedule, accuracies, f"{loss:.3f}", seconds), flush=True)


if __name__ == "__main__":
    main()
