"""Batches as the measured schemes take them: one row per target, or one batch per task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from teachback.students.rows import EncodedExample, separate

MICROBATCH = 8
"""Rows at once in plain, TRL and two-pass: the default of both Trainers."""
IGNORED = -100


def shape_of(batch: dict[str, Tensor], positions: int) -> dict[str, int]:
    rows, length = batch["input_ids"].shape
    shape = {"rows": rows, "length": length, "positions": positions}
    if "decoder_input_ids" in batch:
        shape["decoder_rows"], shape["decoder_length"] = batch["decoder_input_ids"].shape
    return shape


def labelled(steps: list[list[EncodedExample]]) -> list[dict[str, list[int]]]:
    """One row per target as TRL and the plain Trainer take it, in the examples' order."""
    rows = []
    for example in (example for step in steps for example in step):
        for row in separate(example.rows):
            (branch,) = row.branches
            before = [*row.prefix, *branch.marker]
            labels = [IGNORED] * len(before) + list(branch.target)
            rows.append({"input_ids": [*before, *branch.target], "labels": labels})
    return rows


def microbatches(steps: list[list[EncodedExample]]) -> tuple[int, int]:
    """(rows at once, how often a step)."""
    counts = {sum(len(row.branches) for e in step for row in e.rows) for step in steps}
    (count,) = counts  # the Trainer's accumulation is one number for all steps
    size = min(MICROBATCH, count)
    if count % size:
        raise SystemExit(f"{count} rows a step do not divide into microbatches of {size}")
    return size, count // size


def padded(rows: Sequence[dict[str, list[int]]], pad_id: int) -> dict[str, Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)

    def filled(name: str, value: int) -> Tensor:
        own = [row[name] + [value] * (longest - len(row[name])) for row in rows]
        return torch.tensor(own, dtype=torch.long)

    ids = filled("input_ids", pad_id)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        mask[number, : len(row["input_ids"])] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": filled("labels", IGNORED)}


def task_batch(
    rows: Sequence[tuple[Sequence[int], Sequence[int], Sequence[int]]], start: int
) -> dict[str, Tensor]:
    """(encoder ids, decoder marker, target) rows as a T5 takes them; pad is 0."""

    def filled(some: list[list[int]], value: int) -> Tensor:
        longest = max(map(len, some))
        return torch.tensor([own + [value] * (longest - len(own)) for own in some])

    read = filled([list(source) for source, _, _ in rows], 0)
    mask = filled([[1] * len(source) for source, _, _ in rows], 0)
    decoder = filled([[start, *marker, *target][:-1] for _, marker, target in rows], 0)
    labels = filled([[IGNORED] * len(marker) + list(target) for _, marker, target in rows], IGNORED)
    return {
        "input_ids": read,
        "attention_mask": mask,
        "decoder_input_ids": decoder,
        "labels": labels,
    }


def by_task(
    examples: Sequence[EncodedExample], start: int, prefixes: tuple[list[int], list[int]]
) -> dict[str, dict[str, Tensor]]:
    """The answers' batch and the explanations'. With ``prefixes`` the encoder is told the
    task, as the paper does it; without, the decoder's marker stays.
    """
    parts: dict[str, list[Any]] = {"answer": [], "explanation": []}
    for row in (row for example in examples for row in example.rows):
        for number, branch in enumerate(row.branches):
            name = "answer" if number == 0 else "explanation"
            prefix = prefixes[number > 0]
            marker = () if prefix else branch.marker
            parts[name].append(((*prefix, *row.prefix), marker, branch.target))
    return {name: task_batch(rows, start) for name, rows in parts.items()}
