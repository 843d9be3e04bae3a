"""Print a seeded sample of what selection kept and rejected, to read by hand.

    python -m bench.selection_sample --data ../shared/data/obqa/train.jsonl \
        --teacher ../shared/data/obqa/teacher/gpt-4o.cote.jsonl \
        --teacher ../shared/data/obqa/teacher/gpt-4o.rp.jsonl \
        --strategy crop [--samples 1] [--count 50] [--seed 0] [--reason leak]

First the table, then ``--count`` kept explanations and as many rejections (or all of one
``--reason``): id, strategy, gold answer, the answer as parsed, verdict, and the text.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from bench.common import selected
from teachback.datasets import read_examples
from teachback.explaining.counts import summarise
from teachback.records import Example, Explanation, Rejection


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
    parser.add_argument(
        "--teacher", type=Path, action="append", required=True, help="a recording; repeat for more"
    )
    parser.add_argument("--strategy", choices=("cote", "rp", "crop"), default="crop")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reason", help="print all rejections with this reason instead")
    options = parser.parse_args()

    examples = read_examples(options.data)
    by_id = {example.id: example for example in examples}
    selection = selected(examples, options.teacher, options.strategy, options.samples)
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
