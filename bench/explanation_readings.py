"""Explanations of desk cases to read by hand, and the step checker beside the readings.

    python -m bench.explanation_readings draw RUN --data test.jsonl [--count 60] [--seed 0] > FILE
    python -m bench.explanation_readings compare FILE ...

``draw`` prints a seeded sample of a run's explained answers, one JSON object a line: id, question,
explanation and what was concluded from it, neither gold nor the checker's verdict. A reader adds
``reading`` (sound, partly-sound, wrong), ``reason`` and ``reader``; then ``compare`` prints the
readings against the checker's verdicts, and the explanations on which they differ.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import get_args

from bench.common import head, row
from teachback.datasets import read_examples
from teachback.desk.policy import LABELS
from teachback.desk.step_checker import check_steps
from teachback.files import read_jsonl, read_predictions
from teachback.inspection.results import StepVerdict
from teachback.records import Example

VERDICTS: tuple[StepVerdict, ...] = get_args(StepVerdict)


def draw(run: Path, data: Path, count: int, seed: int) -> None:
    questions = {each.id: each.question for each in read_examples(str(data))}
    explained = [p for p in read_predictions(run / "predictions.jsonl") if p.explanation]
    for one in random.Random(seed).sample(explained, min(count, len(explained))):
        said = {
            "id": one.id,
            "question": questions[one.id],
            "explanation": one.explanation,
            "concluded": one.explained_answer,
        }
        print(json.dumps(said, ensure_ascii=False))


def compare(files: list[Path]) -> None:
    table: Counter[tuple[str, str]] = Counter()
    differences = []
    for file in files:
        for _, read in read_jsonl(file):
            # Which answer is gold is no part of what is checked.
            example = Example(
                read["id"], read["question"], LABELS[0], "multiple-choice", choices=LABELS
            )
            found = check_steps(example, read["explanation"], read["concluded"])
            if found is None:
                sys.exit(f"{file}: {read['id']} is no case of the desk")
            table[read["reading"], found.verdict] += 1
            if found.verdict != read["reading"]:
                differences.append((read, found))
    print(head("read / checked", *VERDICTS))
    for reading in VERDICTS:
        print(row(reading, *(table[reading, verdict] for verdict in VERDICTS)))
    for read, found in differences:
        print(
            f"\n{read['id']}: read {read['reading']} ({read['reason']}), checked {found.verdict} "
            f"({', '.join(found.wrong)})\n{read['question']}\n{read['explanation']}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw")
    drawing.add_argument("run", type=Path)
    drawing.add_argument("--data", type=Path, required=True)
    drawing.add_argument("--count", type=int, default=60)
    drawing.add_argument("--seed", type=int, default=0)
    comparing = commands.add_parser("compare")
    comparing.add_argument("files", type=Path, nargs="+")
    options = parser.parse_args()
    if options.command == "draw":
        draw(options.run, options.data, options.count, options.seed)
    else:
        compare(options.files)


if __name__ == "__main__":
    main()
