"""A whole study in small, on the data of `tiny_run`, with the cells run in the test's process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from teachback.files import read_jsonl
from teachback.studies import planning, running
from teachback.studies.cell import run_cell
from teachback.studies.config import read_study
from teachback.studies.engines import Ended

STUDY = """[study]
objectives = {objectives}
controls = {controls}
strategies = ["crop"]
teachers = {teachers}
students = {students}
seeds = {seeds}
keep_students = "{keep}"
{more_study}
[[dataset]]
name = "colours"
train = "train.jsonl"
test = "test.jsonl"
{dataset_keys}
[student]
precision = "{precision}"
max_target_tokens = 48
{student_keys}
[train]
epochs = {epochs}
batch_size = 4
patience = 0
[evaluate]
max_new_tokens = 8
{more}
"""


def write_study(folder: Path, **changes: Any) -> Path:
    chosen = {
        "objectives": ["st", "mt-cot"],
        "controls": [],
        "teachers": ["recorded:teacher.jsonl"],
        "students": ["tiny"],
        "seeds": [0, 1],
        "keep": "none",
        "epochs": 1,
        "precision": "fp32",
        "more_study": "",
        "dataset_keys": "",
        "student_keys": "",
        "more": "",
        **changes,
    }
    text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in chosen.items()}
    path = folder / "study.toml"
    path.write_text(STUDY.format(**text), "utf-8")
    return path


class InThisProcess:
    """An engine for tests: runs a cell where the test runs, and remembers which."""

    name = "local"
    slots = 1
    threads = 1

    def __init__(self) -> None:
        self.ran: list[str] = []
        self._over: list[Ended] = []

    def start(self, folder: Path, gpu: bool) -> None:
        run_cell(folder)
        self.ran.append(folder.name)
        self._over.append(Ended(folder.name, None))

    def ended(self, timeout: float) -> list[Ended]:
        over, self._over = self._over, []
        return over

    def stop(self) -> None:
        pass


def run(
    folder: Path,
    notices: list[str] | None = None,
    *,
    engine: InThisProcess | None = None,
    **changes: Any,
) -> tuple[running.StudyOutcome, InThisProcess]:
    """The study of ``folder``, changed, into ``folder/out``."""
    planned = planning.plan_study(read_study(write_study(folder, **changes)))
    engine = engine or InThisProcess()
    said = [] if notices is None else notices
    return running.run_study(planned, folder / "out", engine, notice=said.append), engine


def cells(out: Path) -> dict[tuple[str, int | None], Path]:
    """(system, seed) → the cell's folder."""
    rows = [row for _, row in read_jsonl(out / "cells.jsonl")]
    return {(row["system"], row["seed"]): out / "cells" / row["hash"] for row in rows}
