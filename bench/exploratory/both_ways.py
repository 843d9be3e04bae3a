"""Exploratory: answering by both ways together, with the kept students of a study.

    python -m bench.exploratory.both_ways runs/study-desk --test runs/desk/test.jsonl

For each MT-CoT cell whose student was kept: every choice is scored as the conclusion of the
explanation that the student wrote (its probability given the question and that explanation), and
multiplied by the direct answer's probability. Prints the accuracy of the direct answer, of the
explanation's own conclusion, of the scored conclusion and of the product. The study has already
been evaluated on these test items: what looks good here has to be confirmed on others.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common import finished_cells, head, row
from teachback.datasets import read_examples
from teachback.objectives import explanation_target
from teachback.questions import candidates, render
from teachback.records import Example, Prediction

if TYPE_CHECKING:
    from teachback.students.model import StudentModel


def conclusions(
    student: StudentModel, examples: Sequence[Example], predictions: Sequence[Prediction]
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
        for example, own in zip(examples, predictions, strict=True)
    ]
    sources = [render(example) for example in examples]
    found = []
    scores = student.log_probabilities(sources, targets, role="explanation")
    for example, own_scores in zip(examples, scores, strict=True):
        # What stands before the conclusion is the same in all, and cancels out of the shares.
        totals = [total for total, _ in own_scores]
        shares = [math.exp(total - max(totals)) for total in totals]
        own_shares = [share / sum(shares) for share in shares]
        found.append(dict(zip(candidates(example), own_shares, strict=True)))
    return found


def product(direct: Prediction, by_explanation: Mapping[str, float]) -> dict[str, float]:
    """The direct answer's probabilities times those of the conclusions, not normalised."""
    probabilities = direct.probabilities or {}
    return {
        choice: probabilities.get(choice, 0.0) * share for choice, share in by_explanation.items()
    }


def best(shares: Mapping[str, float]) -> str:
    return max(shares, key=lambda choice: shares[choice])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, help="the study's folder")
    parser.add_argument("--test", type=Path, required=True, help="the study's test file")
    parser.add_argument("--batch", type=int, default=8, help="questions scored at once (8)")
    parser.add_argument("--controls", action="store_true", help="include permuted explanations")
    options = parser.parse_args()
    from teachback.students.load import load

    test = {example.id: example for example in read_examples(options.test)}
    print(head("system", "seed", "direct", "explained", "conclusion scored", "product", "n"))
    for cell in finished_cells(options.study, "mt-cot"):
        if not (cell.folder / "student").is_dir():
            continue
        if cell.spec.get("control") and not options.controls:
            continue
        student = load(str(cell.folder / "student"))
        right = [0, 0, 0, 0]
        for begin in range(0, len(cell.predictions), options.batch):
            part = cell.predictions[begin : begin + options.batch]
            scored = conclusions(student, [test[own.id] for own in part], part)
            for own, by_explanation in zip(part, scored, strict=True):
                right[0] += own.correct
                right[1] += bool(own.explained_correct)
                right[2] += best(by_explanation) == own.gold
                right[3] += best(product(own, by_explanation)) == own.gold
        count = len(cell.predictions)
        shares = (f"{own / count:.3f}" for own in right)
        print(row(cell.spec["system"], cell.spec["seed"], *shares, count), flush=True)


if __name__ == "__main__":
    main()
