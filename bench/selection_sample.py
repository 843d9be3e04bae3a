"""Print a seeded sample of what selection kept and rejected, to be read by eye.

    python bench/selection_sample.py --data ../shared/data/obqa/train.jsonl \
        --teacher ../shared/data/obqa/teacher/gpt-4o.cote.jsonl \
        --teacher ../shared/data/obqa/teacher/gpt-4o.rp.jsonl \
        --strategy crop [--samples 1] [--count 50] [--seed 0] [--reason leak]

First the table, then ``--count`` kept explanations and as many rejections (or all of one
``--reason``): id, strategy, gold answer, the answer as parsed, verdict, and the text.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from pathlib import Path

from teachback.datasets import read_examples
from teachback.explaining.counts import summarise
from teachback.explaining.selection import ExplanationKind, select
from teachback.records import Completion, Example, Explanation, Rejection, Request
from teachback.teachers.recorded import RecordedTeacher


def shown(example: Example, outcome: Explanation | Rejection) -> str:
    verdict = outcome.reason if isinstance(outcome, Rejection) else "kept"
    choices = f"\n    {' | '.join(example.choices)}" if example.choices else ""
    return (
        f"\n== {outcome.id} {outcome.strategy}/{outcome.sample}: {verdict}; gold "
        f"{example.answer!r}, parsed {outcome.answer!r}\n"
        f"    {example.question}{choices}\n{outcome.text}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, action="append", required=True)
    parser.add_argument("--strategy", choices=("cote", "rp", "crop"), default="crop")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reason", help="print all rejections with this reason instead")
    options = parser.parse_args()

    examples = read_examples(options.data)
    by_id = {example.id: example for example in examples}
    teacher = RecordedTeacher(options.teacher)

    def lookup(example: Example, asked: ExplanationKind, sample: int) -> Completion:
        return asyncio.run(teacher.complete(Request(example.id, asked, (), (), sample=sample)))

    selection = select(
        examples,
        lookup,
        strategy=options.strategy,
        teacher=teacher.model,
        samples=options.samples,
    )
    summary = summarise(examples, selection, options.strategy)
    print(
        f"asked {summary.asked} = kept {summary.kept} + rejected {sum(summary.rejected.values())}"
    )
    for strategy, counts in summary.per_strategy.items():
        print(f"  {strategy}: {counts}")
    if options.reason:
        picked = [r for r in selection.rejections if r.reason == options.reason]
        groups: list[list[Explanation | Rejection]] = [list(picked)]
    else:
        random_ = random.Random(options.seed)
        # A failed request has no text to read.
        readable = [r for r in selection.rejections if r.reason != "failed"]
        groups = [
            list(random_.sample(outcomes, min(options.count, len(outcomes))))
            for outcomes in (list(selection.explanations), readable)
        ]
    for group in groups:
        for outcome in group:
            print(shown(by_id[outcome.id], outcome))


if __name__ == "__main__":
    main()
