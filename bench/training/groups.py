"""What is compared with what: the groups of schemes, their rows, and the check of their losses."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.training import material, report
from bench.training.turns import Worker, take_turns
from teachback.students.load import load

SCORED = 4
"""Times as many questions are scored in a step as are trained on: a step that takes less than a
second right after another process's turn measures cold caches instead."""
TOLERANCE = 1e-5
"""Between losses in float32, summed in different orders."""


@dataclass
class Group:
    """Schemes that take turns on the same steps. ``cells``: what the steps belong to, a cell
    being a warm-up and its repetitions.
    """

    name: str
    part: str
    schemes: list[str]
    job: dict[str, Any]
    cells: list[str] = field(default_factory=lambda: [""])
    rounds: int = 0
    """0: all are held and alternate at every step. Otherwise each runs alone, so many times."""
    facts: dict[str, Any] = field(default_factory=dict)


def measure(group: Group, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds per step and peak memory of each scheme."""
    steps, cells = len(group.job["steps"]), len(group.cells)
    jobs = {scheme: group.job | {"scheme": scheme} for scheme in group.schemes}
    most = options.most if cells == 1 else 0
    runs = [] if group.rounds else [take_turns(jobs, steps, folder, options.clock, most)]
    for _ in range(group.rounds):
        alone = [
            take_turns({s: job}, steps, folder, options.clock, most) for s, job in jobs.items()
        ]
        runs.append({scheme: found for one in alone for scheme, found in one.items()})
    merged = {}
    for scheme in group.schemes:
        own = [run[scheme] for run in runs]
        parts = [report.per_cell(one["seconds"], cells) for one in own]
        merged[scheme] = own[0] | {
            "cells": [[s for part in parts for s in part[cell]] for cell in range(cells)],
            "peak": max(one["peak"] for one in own),
            "shapes": report.per_cell_shapes(own[0]["shapes"], cells),
        }
    return merged


def check_losses(
    job: dict[str, Any], schemes: list[str], names: list[str], folder: Path
) -> dict[str, Any]:
    """Stops the run where two schemes differ by more than float32 rounding."""
    found: dict[str, list[float]] = {}
    for scheme in schemes:
        worker = Worker(job | {"scheme": scheme, "kind": "losses", "precision": "fp32"}, folder)
        worker.hear()
        found[scheme] = worker.turn()["losses"]
        worker.close()
    for scheme, losses in found.items():
        for name, own, base in zip(names, losses, found["ours"], strict=True):
            if abs(own - base) > TOLERANCE * abs(base):
                raise SystemExit(f"{name}: the loss of {scheme} is {own}, of ours {base}")
    return {"rows": names, "losses": found}


def steps_of(examples: list[Any], repetitions: int) -> list[list[Any]]:
    """A warm-up and the repetitions, all on the same examples, so that each is the same work."""
    return [examples] * (1 + repetitions)


def groups(options: argparse.Namespace, rows: dict[str, Any]) -> list[Group]:
    again = options.repetitions
    peers = ["trl", "plain"] if options.trl else ["plain"]
    base = {"kind": "train", "precision": options.precision}
    made: list[Group] = []
    if "a" in options.parts:
        for name in options.sources:
            more = ["trl-kept"] if options.trl and name == "obqa" else []
            job = base | {"model": options.folder, "tuning": "lora"}
            job["steps"] = steps_of(rows[name], again)
            facts = material.lengths(rows[name])
            made.append(
                Group(f"{name}, LoRA", "a", ["ours", "rows", *peers, *more], job, facts=facts)
            )
        for name in options.full:
            job = base | {"model": options.folder, "tuning": "full"}
            job["steps"] = steps_of(rows[name], again)
            schemes = ["ours", *peers]
            made.append(Group(f"{name}, full", "a", schemes, job, rounds=options.rounds))
    if "b" in options.parts:
        for size in options.t5:
            for name in options.sources:
                job = base | {"model": size, "tuning": "full"}
                job["steps"] = steps_of(rows[name], again)
                made.append(Group(f"{size}, {name}", "b", ["ours", "two-pass"], job))
    if "c" in options.parts:
        grid = [(q, e) for q in options.questions for e in options.explanations]
        job = base | {"model": options.folder, "tuning": "lora"}
        job["steps"] = [
            step
            for q, e in grid
            for step in steps_of(material.synthetic(q, e, options.grid_examples, 0), again - 1)
        ]
        cells = [f"{q} + {e}" for q, e in grid]
        # Without a GPU TRL takes longer than plain rows, (a), and minutes on the longest here.
        fast = peers if torch.cuda.is_available() else ["plain"]
        made.append(Group("grid, LoRA", "c", ["ours", "rows", *fast], job, cells))
    if "d" in options.parts:
        for name in ("obqa", "csqa"):
            job = base | {"kind": "score", "model": options.folder, "tuning": "none"}
            job["steps"] = steps_of(rows[f"{name} choices"], again)
            made.append(Group(f"{name}, scoring", "d", ["ours", "rows", "per-choice"], job))
    return made


def prepared(options: argparse.Namespace) -> dict[str, Any]:
    """The rows of all parts, encoded once, by the Gemma student's own tokenizer."""
    student = load(options.folder)
    rows: dict[str, Any] = {}
    for source in material.SOURCES:
        pairs = material.explained(options.data, source, options.examples, options.seed)
        rows[source.name] = material.encoded(student, pairs)
        if source.name in ("obqa", "csqa"):
            more = material.explained(options.data, source, SCORED * options.examples, options.seed)
            rows[f"{source.name} choices"] = material.choices(student, [e for e, _ in more])
    return rows
