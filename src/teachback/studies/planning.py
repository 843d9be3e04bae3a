"""A study as it will run: its data read, its cells made, nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from teachback.runs.folders import keep_apart
from teachback.studies.config import StudyFile
from teachback.studies.family import check_adaptive, declared
from teachback.studies.grid import planned_cells
from teachback.studies.planned import DatasetTeacher, PlannedCell, StudyDataset
from teachback.studies.schema import Pair
from teachback.studies.teacher_side import read_dataset, student_label, teachers_of
from teachback.system.progress import Notice


@dataclass(frozen=True)
class PlannedStudy:
    """A study with its data read and its cells made. No file has been written."""

    study: StudyFile
    datasets: tuple[StudyDataset, ...]
    cells: tuple[PlannedCell, ...]
    students: Mapping[str, str]
    """Reference → label."""
    family: tuple[Pair, ...]


def plan_study(study: StudyFile, notice: Notice = lambda _: None) -> PlannedStudy:
    """Read the data and make the cells.

    Raises ConfigError, DataError or ReferenceError_ for what the user can fix: a teacher or
    student that leads nowhere, a size that is too large, a test file that was trained on.
    """
    datasets = tuple(read_dataset(config) for config in study.dataset)
    teachers: dict[tuple[str, str], DatasetTeacher] = {}
    for one in datasets:
        keep_apart(one.train, one.test, _of_dataset(one.name, notice))
        teachers |= teachers_of(study, one)
    students = {reference: student_label(reference) for reference in study.study.students}
    cells = tuple(planned_cells(study, datasets, teachers, students))
    check_adaptive(study, datasets, notice)
    return PlannedStudy(study, datasets, cells, students, tuple(declared(study, datasets, cells)))


def _of_dataset(name: str, notice: Notice) -> Notice:
    return lambda line: notice(f"{name}: {line}")
