"""After training: the student's folder, whole and with what its answers to valid settled."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from teachback.files import remove_folder, write_json
from teachback.records import Example
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.students.trimmed_base import keep_description
from teachback.system import launch
from teachback.system.progress import Notice, Progress
from teachback.training import processes, validation
from teachback.training.checkpoints import FOLDER
from teachback.training.fit import Fitted
from teachback.training.prepare import TrainingSettings
from teachback.training.report import DataReport


def save(student: StudentModel, folder: Path) -> Path:
    """Save what was trained beside its place in ``folder``; returns where, in all processes."""
    staging = processes.gathered(folder / f".student.{os.getpid()}.tmp")[0]
    with processes.agreed():
        if launch.is_first():
            for left in folder.glob(".student.*.tmp"):  # of a run that was killed while saving
                shutil.rmtree(left, ignore_errors=True)
            student.save(staging)
            keep_description(student.card.base, staging)
    return staging


def finish(
    staging: Path,
    folder: Path,
    fitted: Fitted,
    valid: Sequence[Example],
    report: DataReport,
    settings: TrainingSettings,
    progress: Progress,
    notice: Notice,
    *,
    whole_valid: bool = False,
) -> StudentModel:
    """Load the student saved in ``staging``, settle how it answers by its answers to ``valid``, and
    move it to ``folder/student``; the checkpoints go. ``whole_valid``: see
    `validation.settle_answering`.

    It is loaded again: an adapter merged, weights in the precision that is computed in.
    """
    precision = settings.student.precision
    with processes.agreed():
        student = load(staging, precision=precision)
    choice = validation.settle_answering(
        student, valid, settings.evaluate, progress, whole=whole_valid
    )
    for line in choice.lines(student.card.way) if choice else ():
        notice(line)
    outcome = {
        "seconds": fitted.seconds,
        "steps": fitted.steps,
        "precision": student.precision.used,
        "precision_reason": student.precision.reason,
        "threads": torch.get_num_threads(),
        "processes": launch.processes(),
        "history": list(fitted.history),
        "data": asdict(report),
        "choice": None if choice is None else asdict(choice),
    }
    with processes.agreed():
        if launch.is_first():
            student.card.save(staging)
            write_json(staging / "training.json", outcome)
            # A folder named student is a whole student: renamed last.
            if (folder / "student").exists():  # of before, with --overwrite
                remove_folder(folder / "student")
            os.replace(staging, folder / "student")
            shutil.rmtree(folder.resolve() / FOLDER, ignore_errors=True)
    return student
