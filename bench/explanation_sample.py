"""Print a seeded sample of what a study's students wrote as explanations, to read by hand.

    python -m bench.explanation_sample runs/study-desk --test runs/desk/test.jsonl
        [--objective mt-cot] [--count 30] [--seed 0]

For each arm that explains (objective and control), ``--count`` of its test items, drawn over all
its seeds: question, gold, the direct answer, the explanation and what it concludes. The arms'
names are left out of the items and printed at the end, so that one reads without knowing them.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from bench.common import finished_cells
from teachback.datasets import read_examples
from teachback.records import Prediction


def arms(study: Path, objective: str | None) -> dict[str, list[tuple[int, Prediction]]]:
    """Arm → (seed, prediction) of all its finished cells that explain."""
    found: dict[str, list[tuple[int, Prediction]]] = {}
    for cell in finished_cells(study, objective):
        own = [p for p in cell.predictions if p.explanation]
        if own:
            named = ("system", "objective", "control")
            name = " ".join(str(cell.spec[key]) for key in named if cell.spec.get(key))
            found.setdefault(name, []).extend((cell.spec["seed"], p) for p in own)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, help="the study's folder")
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
    print("\n=== the arm of each")
    for number, (name, seed, said) in enumerate(items, 1):
        print(
            f"{number}. {name}, seed {seed}, {said.id}, explained_correct={said.explained_correct}"
        )


if __name__ == "__main__":
    main()
