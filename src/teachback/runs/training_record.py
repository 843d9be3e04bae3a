"""What training writes beside a student of itself, ``training.json``, as it is read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from teachback.files import read_json
from teachback.system.precision import UsedPrecision
from teachback.versioned import checked

_FILE = "training.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """The loss and accuracy on valid after an epoch, and the score that the choice of the epoch
    goes by; None where they were not measured."""

    epoch: float
    loss: float | None = None
    accuracy: float | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPairs:
    """How many pairs of source and target a student was trained on."""

    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """What is read of the file. ``seconds``: in the last process. ``steps``, ``data``: None in
    files from before they were written."""

    seconds: float
    threads: int
    history: tuple[Epoch, ...]
    data: TrainedPairs | None = None
    steps: int | None = None
    precision: UsedPrecision | None = None


def training_record(student: Path) -> TrainingRecord:
    """What the student in the folder ``student`` says of its training. Raises DataError, naming
    file and field, where the file is not there or is damaged."""
    file = student / _FILE
    return checked(TrainingRecord, read_json(file), str(file))


def has_training_record(student: Path) -> bool:
    """Whether the student was trained by teachback."""
    return (student / _FILE).is_file()
