"""The precision of a study: decided once, where it begins, and followed by all of its cells.

A cell that is run later, or on a machine that would decide otherwise, is computed in the study's
precision, so that no difference between two systems is one between two machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from teachback.studies.planned import PlannedCell
from teachback.studies.schema import result_of
from teachback.system.precision import Precision, PrecisionChoice, UsedPrecision
from teachback.versioned import Versioned


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPrecision:
    """``precision.json``: what all students of the study are computed in, and why."""

    precision: UsedPrecision
    reason: str


PRECISION_FILE = Versioned(StudyPrecision, ())


def settle_precision(
    folder: Path, asked: Precision, cells: Sequence[PlannedCell]
) -> PrecisionChoice | None:
    """What the students of ``cells`` are computed in; written when first decided.

    None where the study has no student. A study with finished cells goes by what these were trained
    in, and one whose file names a precision by that.
    """
    if not any(cell.spec.student is not None for cell in cells):
        return None
    file = folder / "precision.json"
    choice = _of_finished(folder, cells) if asked == "auto" else None
    if file.is_file():
        found = PRECISION_FILE.read(file)
        wanted = asked if choice is None else choice.used
        if wanted in ("auto", found.precision):
            return PrecisionChoice(found.precision, found.reason)
        # Decided for different cells: those of this study file are asked for in this precision.
    if choice is None:
        from teachback.students.precision import choose_precision  # imports torch

        choice = choose_precision(asked)
    PRECISION_FILE.write(file, StudyPrecision(precision=choice.used, reason=choice.reason))
    return choice


def _of_finished(folder: Path, cells: Sequence[PlannedCell]) -> PrecisionChoice | None:
    """What the finished cells were trained in; None where there are none, or two precisions."""
    results = (result_of(folder, cell.hash) for cell in cells)
    found: set[UsedPrecision] = {
        one.precision for one in results if one is not None and one.precision is not None
    }
    if len(found) != 1:
        return None
    return PrecisionChoice(found.pop(), "auto; the study's finished cells were trained in it")
