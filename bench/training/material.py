"""What the schemes are measured on: rows of the real data, and synthetic ones.

Real rows are made as a training run makes them: recorded replies through selection,
MT-CoT pairs, the student's own encoding. Token ids go to the measured processes as JSON, so
that all of them train on the very same tokens.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.common import selected
from teachback.datasets import read_examples
from teachback.explaining.selection import SelectionRules
from teachback.objectives import training_examples
from teachback.questions import candidates, render, say_answer
from teachback.records import Example, Explanation, Strategy
from teachback.students.model import StudentModel
from teachback.students.rows import Branch, EncodedExample, Row

Encoded = dict[str, Any]
"""An `EncodedExample` as plain values."""


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset of the real data and the recordings that explain it."""

    name: str
    folder: str
    recordings: tuple[str, ...]
    strategy: Strategy
    explanations: int = 1


SOURCES = (
    Source("obqa", "obqa", ("gpt-4o.cote.jsonl", "gpt-4o.rp.jsonl"), "crop"),
    Source("csqa", "csqa", ("llama-3-70b.rp.jsonl",), "rp"),
    Source("shuffled-1", "shuffled", ("gpt-3.5-turbo.cote.jsonl",), "cote", 1),
    Source("shuffled-3", "shuffled", ("gpt-3.5-turbo.cote.jsonl",), "cote", 3),
)
_SAMPLES = 3  # as many as any recording here has
_LOOKED_AT = 40  # examples per one that is wanted; few have three kept explanations


def explained(
    data: Path, source: Source, count: int, seed: int
) -> list[tuple[Example, list[Explanation]]]:
    """``count`` examples drawn by ``seed``, each with ``source.explanations`` explanations.

    The two shuffled sources draw from the examples with three, so that they are the same.
    """
    examples = read_examples(data / source.folder / "train.jsonl")
    drawn = random.Random(seed).sample(examples, min(len(examples), count * _LOOKED_AT))
    files = [data / source.folder / "teacher" / name for name in source.recordings]
    samples = _SAMPLES if source.strategy == "cote" else 1
    selection = selected(drawn, files, source.strategy, samples, SelectionRules(choose="all"))
    kept: dict[str, list[Explanation]] = {}
    for explanation in selection.explanations:
        kept.setdefault(explanation.id, []).append(explanation)
    found = [
        (example, kept[example.id][: source.explanations])
        for example in drawn
        if len(kept.get(example.id, ())) >= samples
    ]
    if len(found) < count:
        raise SystemExit(f"{source.name}: {len(found)} of {count} examples have explanations")
    return found[:count]


def encoded(student: StudentModel, pairs: list[tuple[Example, list[Explanation]]]) -> list[Encoded]:
    """MT-CoT rows of ``pairs`` as ``student`` reads them."""
    made = training_examples(
        [example for example, _ in pairs],
        {example.id: own for example, own in pairs},
        objective="mt-cot",
    )
    return [plain(student.encode(example)) for example in made]


def choices(student: StudentModel, examples: list[Example]) -> list[Encoded]:
    """One row per question with a branch per choice, as scoring reads it."""
    rows = []
    for example in examples:
        said = [say_answer(example, c, student.card.answer_format) for c in candidates(example)]
        branches = [student.branch("answer", text) for text in said]
        row = student.row(render(example), "answer", branches)
        rows.append(plain(EncodedExample(example.id, (row,))))
    return rows


def synthetic(question: int, explanation: int, count: int, seed: int) -> list[Encoded]:
    """Random tokens in the given lengths; the answer has four, each marker three."""
    draw = random.Random(seed)

    def ids(length: int) -> tuple[int, ...]:
        return tuple(draw.randrange(1000, 30000) for _ in range(length))

    return [
        plain(
            EncodedExample(
                f"synthetic-{i}",
                (
                    Row(
                        ids(question),
                        (Branch(ids(3), ids(4), 0.5), Branch(ids(3), ids(explanation), 0.5)),
                    ),
                ),
            )
        )
        for i in range(count)
    ]


def plain(example: EncodedExample) -> Encoded:
    return {
        "id": example.id,
        "rows": [
            {
                "prefix": list(row.prefix),
                "branches": [
                    {"marker": list(b.marker), "target": list(b.target), "weight": b.weight}
                    for b in row.branches
                ],
            }
            for row in example.rows
        ],
    }


def whole(values: Encoded, vocabulary: int | None = None) -> EncodedExample:
    """The inverse of :func:`plain`. With ``vocabulary``, ids are folded into a smaller one:
    the lengths of real rows for a model whose own tokenizer is not at hand.
    """

    def ids(some: list[int]) -> tuple[int, ...]:
        return tuple(some if vocabulary is None else (i % (vocabulary - 200) + 100 for i in some))

    return EncodedExample(
        values["id"],
        tuple(
            Row(
                ids(row["prefix"]),
                tuple(
                    Branch(ids(b["marker"]), ids(b["target"]), b["weight"]) for b in row["branches"]
                ),
            )
            for row in values["rows"]
        ),
    )


def lengths(examples: list[Encoded]) -> dict[str, float]:
    """Mean token counts per example, for the report."""
    rows = [row for example in examples for row in example["rows"]]
    branches = [branch for row in rows for branch in row["branches"]]
    answers = [row["branches"][0] for row in rows]
    return {
        "question": sum(len(row["prefix"]) for row in rows) / len(rows),
        "answer": sum(len(b["target"]) for b in answers) / len(answers),
        "targets": sum(len(b["target"]) for b in branches) / len(examples),
        "branches": len(branches) / len(examples),
    }
