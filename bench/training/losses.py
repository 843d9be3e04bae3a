"""The schemes' losses on the same rows and weights, in float32: is it the same work?

All give the token mean here (two passes: of each task), which `ours` reaches by its weights,
so that one number can be compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bench.training import batches, schemes
from bench.training.material import whole
from teachback.students.model import StudentModel
from teachback.students.rows import EncodedExample, Row


def of(job: dict[str, Any]) -> list[float]:
    """One loss per batch of ``job["batches"]``; float32, nothing dropped."""
    student = schemes.model_of(job)
    student.model.eval()
    found = []
    with torch.inference_mode():
        for batch in job["batches"]:
            examples = [whole(values, schemes.vocabulary(student)) for values in batch]
            found.append(_loss(job, student, examples))
    return found


def _loss(job: dict[str, Any], student: StudentModel, examples: list[EncodedExample]) -> float:
    device = student.device
    if job["scheme"] in ("ours", "rows"):
        rows = token_mean([row for example in examples for row in example.rows], student.family)
        batch = {k: v.to(device) for k, v in student.collate(rows).items()}
        return float(student.loss(student.model, batch))
    if job["scheme"] == "two-pass":
        start = student.model.config.decoder_start_token_id
        by_task = batches.by_task(examples, start, ([], []))  # the decoder's marker, as ours
        parts = [
            student.model(**{k: v.to(device) for k, v in batch.items()}).loss
            for batch in by_task.values()
        ]
        return float(0.5 * parts[0] + 0.5 * parts[1])
    rows_of_all = batches.labelled([examples])
    if job["scheme"] == "plain":
        batch = batches.padded(rows_of_all, student.pad_id)
        batch = {k: v.to(device) for k, v in batch.items()}
        labels = batch.pop("labels")[:, 1:]
        logits = student.model(**batch).logits[:, :-1][labels != batches.IGNORED]
        # In float64: over 262,144 words torch's own float32 sum is off by one part in 10⁵.
        own = torch.nn.functional.cross_entropy(logits.double(), labels[labels != batches.IGNORED])
        return float(own)
    with tempfile.TemporaryDirectory() as folder:
        one_step = job | {"steps": [examples]}
        trainer = schemes.trl(one_step, student, [examples], Path(folder), [], None)
        batch = trainer.data_collator(list(trainer.train_dataset))
        batch = {k: v.to(device) for k, v in batch.items()}
        trainer.model.eval()
        return float(trainer.compute_loss(trainer.model, batch))


def token_mean(rows: Sequence[Row], family: str) -> list[Row]:
    """The rows with such weights that their loss is the mean over all target tokens; for a
    seq2seq model half that of the answers and half that of the explanations.
    """
    branches = [(n, b) for row in rows for n, b in enumerate(row.branches)]
    answers = sum(len(b.target) for n, b in branches if n == 0)
    others = sum(len(b.target) for n, b in branches if n > 0)

    def weight(number: int, length: int) -> float:
        if family == "causal":
            return length / (answers + others)
        return 0.5 * length / (answers if number == 0 else others)

    return [
        Row(
            row.prefix,
            tuple(replace(b, weight=weight(n, len(b.target))) for n, b in enumerate(row.branches)),
        )
        for row in rows
    ]
