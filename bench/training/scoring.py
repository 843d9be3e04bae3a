"""Scoring the choices of questions: one pass over a question and all its choices, or more.

``ours``       what `StudentModel.log_probabilities` computes: one row per question
``rows``       one row per choice in one batch: logits at targets only, the question read anew
``per-choice`` one forward pass per choice over a batch of questions, logits everywhere
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.training import batches, schemes
from bench.training.material import whole
from bench.training.turns import Turns
from teachback.students.causal import CausalStudent
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.students.rows import Row


def prepare(
    job: dict[str, Any], shapes: list[dict[str, int]], folder: Path
) -> Callable[[Turns], list[float]]:
    student = load(job["model"], precision=job["precision"])
    assert isinstance(student, CausalStudent)
    student.shared_prefix = job["scheme"] != "rows"
    rows_of_steps = [[row for e in step for row in whole(e).rows] for step in job["steps"]]
    score = _per_choice if job["scheme"] == "per-choice" else _at_once
    if job["scheme"] != "per-choice":
        schemes.noted(student, shapes, lambda: len(shapes))

    def work(turns: Turns) -> list[float]:
        scores: list[float] = []
        for rows in rows_of_steps:
            if not turns.wait():
                break
            with torch.inference_mode(), student.autocast():
                scores = score(student, rows, shapes)
            turns.done()
        return scores

    return work


def _at_once(student: StudentModel, rows: list[Row], _: list[dict[str, int]]) -> list[float]:
    """The sums of log-probabilities, as `StudentModel.log_probabilities` takes them."""
    batch = {k: v.to(student.device) for k, v in student.collate(rows).items()}
    sums = torch.zeros(sum(len(row.branches) for row in rows), device=student.device)
    sums.index_add_(0, batch["target_rows"], -student.token_losses(student.model, batch))
    return sums.tolist()


def _per_choice(
    student: StudentModel, rows: list[Row], shapes: list[dict[str, int]]
) -> list[float]:
    scores: list[list[float]] = [[] for _ in rows]
    step = {"step": shapes[-1]["step"] + 1 if shapes else 0}
    for number in range(max(len(row.branches) for row in rows)):
        own = [(i, row) for i, row in enumerate(rows) if number < len(row.branches)]
        labelled = []
        for _, row in own:
            branch = row.branches[number]
            before = [*row.prefix, *branch.marker]
            own_labels = [batches.IGNORED] * len(before) + list(branch.target)
            labelled.append({"input_ids": [*before, *branch.target], "labels": own_labels})
        batch = batches.padded(labelled, student.pad_id)
        shapes.append(batches.shape_of(batch, batch["input_ids"].numel()) | step)
        batch = {k: v.to(student.device) for k, v in batch.items()}
        labels = batch.pop("labels")[:, 1:]
        logits: Tensor = student.model(**batch, use_cache=False).logits[:, :-1]
        losses = nn.functional.cross_entropy(
            logits.float().flatten(0, 1), labels.flatten(), reduction="none"
        ).view_as(labels)
        for (i, _), total in zip(own, (-losses.sum(dim=1)).tolist(), strict=True):
            scores[i].append(total)
    return [score for own in scores for score in own]
