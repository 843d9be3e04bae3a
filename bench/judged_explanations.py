"""Write explanations whose comparison a judge should find easy, or at least possible.

    python -m bench.judged_explanations DIR [--data ../data] [--count 40]

``DIR/desk``: the rule engine's explanations of ``--count`` of the decision desk's training cases
(``own``) and the same, each moved to another case (``permuted``); a judge of content prefers
``own``. ``DIR/obqa``: what gpt-4o and
llama-3-70b wrote of the same OpenBookQA questions and their gold answers, from the recorded
replies in ``--data``; what comes out is not known beforehand. Then

    teachback judge DIR/desk/own DIR/desk/permuted --data DIR/desk/data.jsonl --teacher REF -o OUT

``DIR/obqa/as-answers``: the same two, of the questions that both explain, written as evaluated runs
whose answers are gold's, for the surface facts:

    teachback inspect DIR/obqa/as-answers/gpt-4o DIR/obqa/as-answers/llama-3-70b \
        --data DIR/obqa/as-answers/data.jsonl --surface-only
"""

from __future__ import annotations

import argparse
from pathlib import Path

from teachback.config import parse_config
from teachback.datasets import read_examples, write_examples
from teachback.desk import recording_files, train_cases
from teachback.files import read_explanations, write_explanations, write_predictions
from teachback.records import Example, Explanation, Prediction
from teachback.runs.explanations import explain


def explanations_of(data: Path, teacher: str, folder: Path, strategy: str) -> list[Explanation]:
    """Those that a recorded teacher's replies come to."""
    config = parse_config(
        {
            "data": {"train": str(data)},
            "teacher": {"reference": teacher, "exemplars": "none"},
            "selection": {"strategy": strategy},
        }
    )
    explain(config, folder)
    return read_explanations(folder / "explanations.jsonl")


def permuted(own: list[Explanation]) -> list[Explanation]:
    """Each item with the explanation of the next item of another text."""
    found = []
    for place, one in enumerate(own):
        order = [*own[place + 1 :], *own[:place]]
        other = next(each for each in order if each.text != one.text)
        found.append(
            Explanation(one.id, one.strategy, 0, "rule-engine, permuted", other.text, one.answer)
        )
    return found


def write_as_answers(
    folder: Path, rows: list[Example], written: dict[str, list[Explanation]]
) -> None:
    """Each model's explanations as the predictions of a run; only of rows that all explain."""
    texts = {model: {one.id: one.text for one in found} for model, found in written.items()}
    rows = [row for row in rows if all(row.id in own for own in texts.values())]
    folder.mkdir()
    write_examples(folder / "data.jsonl", rows)
    for model, own in texts.items():
        (folder / model).mkdir()
        predictions = [
            Prediction(
                id=row.id,
                gold=row.answer,
                answer=row.answer,
                correct=True,
                unparsed=False,
                explanation=own[row.id],
                explained_answer=row.answer,
                explained_correct=True,
            )
            for row in rows
        ]
        write_predictions(folder / model / "predictions.jsonl", predictions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, help="the folder of the recorded tasks")
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    desk = options.folder / "desk"
    desk.mkdir(parents=True)
    write_examples(desk / "data.jsonl", train_cases(options.count))
    reference = f"recorded:{','.join(map(str, recording_files()))}"
    own = explanations_of(desk / "data.jsonl", reference, desk / "own", "cote")
    write_explanations(desk / "permuted/explanations.jsonl", permuted(own))
    if options.data is not None:
        obqa = options.folder / "obqa"
        obqa.mkdir(parents=True)
        rows = read_examples(str(options.data / "obqa/train.jsonl"))[: options.count]
        write_examples(obqa / "data.jsonl", rows)
        written = {}
        for model in ("gpt-4o", "llama-3-70b"):
            reference = f"recorded:{options.data / f'obqa/teacher/{model}.rp.jsonl'}"
            written[model] = explanations_of(obqa / "data.jsonl", reference, obqa / model, "rp")
        write_as_answers(obqa / "as-answers", rows, written)


if __name__ == "__main__":
    main()
