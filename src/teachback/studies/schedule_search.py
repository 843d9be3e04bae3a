"""The search of a training schedule within one cell, on valid and on nothing else.

Every candidate is trained like any other student, in a folder of its own; of the trained ones
only the best so far is kept. The search that is killed continues: what has been tried is written
down (``schedules.json``), and what was in training has its checkpoints.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from teachback.runs.training_record import Epoch, training_record
from teachback.studies.config import TrainingSchedule
from teachback.studies.schema import (
    SCHEDULES,
    SCHEDULES_FILE,
    SEARCH,
    CellResult,
    TriedSchedule,
    TriedSchedules,
)


def search(
    folder: Path,
    candidates: Sequence[TrainingSchedule],
    train: Callable[[Path, TrainingSchedule], object],
) -> None:
    """Train all candidates that have not been tried, and move the best one's student to
    ``folder/student``. ``train`` writes a student into the folder that it is given.
    """
    tried = _so_far(folder)
    for candidate in candidates:
        if any(_is_of(one, candidate) for one in tried.tried):
            continue
        place = _place(folder, candidate)
        if not (place / "student").is_dir():
            train(place, candidate)
        tried = TriedSchedules(tried=(*tried.tried, _tried(place, candidate)))
        SCHEDULES_FILE.write(folder / SCHEDULES, tried)
        for one in tried.tried:
            if one is not tried.best:
                shutil.rmtree(_place(folder, one), ignore_errors=True)
    os.replace(_place(folder, tried.best) / "student", folder / "student")
    shutil.rmtree(folder / SEARCH)


def searched(folder: Path, result: CellResult) -> CellResult:
    """``result`` with what was tried in ``folder`` and what was taken; its ``seconds_train`` are
    those of all trainings."""
    tried = _so_far(folder)
    best = tried.best
    return replace(
        result,
        schedule=TrainingSchedule(epochs=best.epochs, schedule=best.schedule),
        tried=tried.tried,
        seconds_train=sum(one.seconds for one in tried.tried),
    )


def _so_far(folder: Path) -> TriedSchedules:
    path = folder / SCHEDULES
    return SCHEDULES_FILE.read(path) if path.is_file() else TriedSchedules(tried=())


def _place(folder: Path, candidate: TrainingSchedule) -> Path:
    return folder / SEARCH / f"{candidate.schedule}-{candidate.epochs:g}"


def _is_of(tried: TriedSchedule, candidate: TrainingSchedule) -> bool:
    return (tried.epochs, tried.schedule) == (candidate.epochs, candidate.schedule)


def _score(epoch: Epoch) -> float:
    if epoch.score is None:
        raise AssertionError("training writes a score for every epoch")
    return epoch.score


def _tried(place: Path, candidate: TrainingSchedule) -> TriedSchedule:
    """What the student in ``place`` came to on valid, at its best epoch."""
    record = training_record(place / "student")
    best = max(record.history, key=_score)
    if record.steps is None:
        raise AssertionError("training counts its steps")
    return TriedSchedule(
        epochs=candidate.epochs,
        schedule=candidate.schedule,
        score=_score(best),
        accuracy=best.accuracy,
        seconds=record.seconds,
        steps=record.steps,
    )
