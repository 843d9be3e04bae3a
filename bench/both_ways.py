"""Exploratory: answering by both ways together, on the kept students of a study.

    python bench/both_ways.py runs/study-desk --test runs/desk/test.jsonl

For each MT-CoT cell whose student was kept: every choice is scored as the conclusion of the
explanation that the student wrote (its probability given the question and that explanation), and
multiplied with the direct answer's probability. Prints the accuracy of the direct answer, of the
explanation's own conclusion, of the scored conclusion and of the product. The test items have been
seen by the study: what looks good here has to be confirmed on others.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from teachback.datasets import read_examples
from teachback.files import read_predictions
from teachback.objectives import explanation_target
from teachback.questions import candidates, render
from teachback.records import Example, Prediction
from teachback.students.load import load
from teachback.students.model import StudentModel


def concluded(
    student: StudentModel, examples: Sequence[Example], said: Sequence[Prediction]
) -> list[dict[str, float]]:
    """The probability of each choice as the conclusion of the explanation written for it."""
    targets = [
        [
            explanation_target(
                replace(example, answer=choice),
                own.explanation or "",
                "mt-cot",
                student.card.answer_format,
            )
            for choice in candidates(example)
        ]
        for example, own in zip(examples, said, strict=True)
    ]
    sources = [render(example) for example in examples]
    found = []
    scores = student.log_probabilities(sources, targets, role="explanation")
    for example, own_scores in zip(examples, scores, strict=True):
        # What stands before the conclusion is the same in all, and falls out of the shares.
        totals = [total for total, _ in own_scores]
        shares = [math.exp(total - max(totals)) for total in totals]
        own_shares = [share / sum(shares) for share in shares]
        found.append(dict(zip(candidates(example), own_shares, strict=True)))
    return found


def best(shares: Mapping[str, float]) -> str:
    return max(shares, key=lambda choice: shares[choice])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--controls", action="store_true", help="permuted explanations, too")
    options = parser.parse_args()
    test = {example.id: example for example in read_examples(options.test)}
    print("| system | seed | direct | explained | conclusion scored | product | n |")
    print("|---|---|---|---|---|---|---|")
    for cell in sorted((options.study / "cells").iterdir()):
        if not (cell / "student").is_dir() or not (cell / "predictions.jsonl").exists():
            continue
        spec = json.loads((cell / "cell.json").read_text("utf-8"))
        if spec.get("objective") != "mt-cot" or (spec.get("control") and not options.controls):
            continue
        student = load(str(cell / "student"))
        said = read_predictions(cell / "predictions.jsonl")
        right = [0, 0, 0, 0]
        for begin in range(0, len(said), options.batch):
            part = said[begin : begin + options.batch]
            examples = [test[own.id] for own in part]
            for own, by_explanation in zip(part, concluded(student, examples, part), strict=True):
                direct = own.probabilities or {}
                product = {c: direct.get(c, 0.0) * p for c, p in by_explanation.items()}
                right[0] += own.correct
                right[1] += bool(own.explained_correct)
                right[2] += best(by_explanation) == own.gold
                right[3] += best(product) == own.gold
        shares = " | ".join(f"{count / len(said):.3f}" for count in right)
        print(f"| {spec['system']} | {spec['seed']} | {shares} | {len(said)} |", flush=True)


if __name__ == "__main__":
    main()
