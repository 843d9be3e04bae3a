"""What a student makes of a text that is begun for it: how likely each ending is, and how it goes
on by itself.

Targets that begin alike (an explanation with each possible conclusion) are read once as far as
they do; their tokens are those that each target has as a whole, as in training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from teachback.records import Role
from teachback.students.model import StudentModel
from teachback.students.rows import Branch, Row


@torch.inference_mode()
def ending_scores(
    student: StudentModel,
    sources: Sequence[str],
    targets: Sequence[Sequence[str]],
    role: Role = "explanation",
    token_budget: int = 2048,
) -> Iterator[list[float]]:
    """For every source, of each of its targets (two or more): the sum of log-probabilities of what
    follows the part that all of them begin with, end token included.

    ``token_budget``: tokens computed at once, padding included; it changes no result.
    Raises DataError where a target ends beyond the model's positions.
    """
    student.model.eval()
    rows = [
        _ending_row(student, source, own, role)
        for source, own in zip(sources, targets, strict=True)
    ]
    student.check_fits(rows, "a question with its explanation")
    for part in _batches(rows, token_budget):
        batch = {name: value.to(student.device) for name, value in student.collate(part).items()}
        counts = [len(row.branches) for row in part]
        for scores in student.scores(student.model, batch, counts):
            yield [total for total, _ in scores]


def _ending_row(student: StudentModel, source: str, targets: Sequence[str], role: Role) -> Row:
    ids = [(*student.text_ids(target), student.end_id) for target in targets]
    shared = min(shared_length(ids), min(map(len, ids)) - 1)
    begun = (*student.marker_ids(role), *ids[0][:shared])
    row = student.row(source, role, ())
    if student.family == "causal":
        return Row((*row.prefix, *begun), tuple(Branch((), own[shared:]) for own in ids))
    return Row(row.prefix, tuple(Branch(begun, own[shared:]) for own in ids))


def shared_length(sequences: Sequence[Sequence[object]]) -> int:
    """How many elements all ``sequences`` begin with alike."""
    first, *others = sequences
    length = min(map(len, sequences))
    for place in range(length):
        if any(other[place] != first[place] for other in others):
            return place
    return length


def _batches(rows: Sequence[Row], token_budget: int) -> Iterator[list[Row]]:
    batch: list[Row] = []
    longest = 0
    for row in rows:
        longest = max(longest, len(row))
        if batch and longest * (len(batch) + 1) > token_budget:
            yield batch
            batch, longest = [], len(row)
        batch.append(row)
    if batch:
        yield batch
