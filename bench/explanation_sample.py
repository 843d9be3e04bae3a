"""Print a seeded sample of what a study's students explained, to be read by eye.

    python bench/explanation_sample.py runs/study-desk --test runs/desk/test.jsonl
        [--objective mt-cot] [--count 30] [--seed 0]

For each arm that explains (objective and control), ``--count`` of its test items, drawn over all
its seeds: question, gold, the direct answer, the explanation and what it concludes. The arms'
names are left out of the items and printed at the end, so that one reads without knowing them.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

from teachback.datasets import read_examples
from teachback.files import read_predictions


def arms(folder: Path, objective: str | None) -> dict[str, list[tuple[int, Any]]]:
    """Arm → (seed, prediction) of all its finished cells that explain."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for cell in sorted((folder / "cells").iterdir()):
        if not (cell / "predictions.jsonl").exists():
            continue
        spec = json.loads((cell / "cell.json").read_text("utf-8"))
        if objective is not None and spec.get("objective") != objective:
            continue
        own = [p for p in read_predictions(cell / "predictions.jsonl") if p.explanation]
        if own:
            name = " ".join(str(spec[k]) for k in ("system", "objective", "control") if spec.get(k))
            found.setdefault(name, []).extend((spec["seed"], p) for p in own)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--test", type=Path, required=True, help="the study's test file")
    parser.add_argument("--objective")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    questions = {each.id: each for each in read_examples(options.test)}
    drawn = random.Random(options.seed)
    items = [
        (name, seed, prediction)
        for name, own in arms(options.study, options.objective).items()
        for seed, prediction in drawn.sample(own, min(options.count, len(own)))
    ]
    drawn.shuffle(items)
    for number, (_, _, said) in enumerate(items, 1):
        example = questions[said.id]
        context = f"{example.context}\n" if example.context else ""
        print(f"\n=== {number}. {said.id}\n{context}{example.question}")
        print(f"gold: {said.gold}; direct: {said.answer}; concluded: {said.explained_answer}")
        print(said.explanation)
    print("\n=== which is whose")
    for number, (name, seed, said) in enumerate(items, 1):
        print(
            f"{number}. {name}, seed {seed}, {said.id}, explained_correct={said.explained_correct}"
        )


if __name__ == "__main__":
    main()
