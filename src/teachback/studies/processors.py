"""On which kinds of processors the cells of a seed are computed.

A sum is rounded differently from one kind of processor to another, so two students of one seed
are best computed on one kind. The rule: where a seed has cells that were computed on a kind that
this machine is not, a study whose ``one_processor`` is set does not run its other cells here; any
other study runs them, and each verdict that compares two kinds says so (`verdicts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from teachback.studies.planned import PlannedCell
from teachback.studies.schema import result_of

if TYPE_CHECKING:
    from pathlib import Path

    from teachback.studies.config import StudyFile


class Processors:
    """What the finished cells of each seed were computed on."""

    def __init__(
        self, study: StudyFile, cells: Sequence[PlannedCell], folder: Path, *, here: bool
    ) -> None:
        """``here``: the cells that are to come run on this machine."""
        self._refuses = study.study.one_processor
        self._by_seed: dict[int, set[str]] = {}
        for cell in cells:
            result = result_of(folder, cell.hash)
            if result is not None and result.status == "done" and result.processor is not None:
                self.learn(cell, result.processor)
        self._own = _device_name() if here and self._by_seed else None

    def learn(self, cell: PlannedCell, processor: str) -> None:
        """Take into account what a finished cell was computed on."""
        if cell.trains and cell.spec.seed is not None:
            self._by_seed.setdefault(cell.spec.seed, set()).add(processor)

    def others(self, cell: PlannedCell) -> str | None:
        """On what other kinds alone the cell's seed was computed so far; None where on this kind,
        on none, or where it is not known."""
        kinds = self._by_seed.get(-1 if cell.spec.seed is None else cell.spec.seed, set())
        if self._own is None or not kinds or not cell.trains or kinds == {self._own}:
            return None
        return "; ".join(sorted(kinds))

    def obstacle(self, cell: PlannedCell) -> str | None:
        """Why a cell is not to be run on this machine; None where it may."""
        kinds = self.others(cell)
        if kinds is None or not self._refuses:
            return None
        return (
            f"seed {cell.spec.seed} was begun on {kinds}, and this machine has {self._own}: "
            "continue it on such a machine, or set study.one_processor = false"
        )

    def lines(self, waiting: Sequence[PlannedCell]) -> list[str]:
        """For people, before cells run: the seeds that will have been computed on several kinds."""
        if self._refuses:
            return []
        found = {cell.spec.seed: self.others(cell) for cell in waiting}
        return [
            f"seed {seed} was begun on {kinds}, and this machine has {self._own}: the verdicts "
            "will say so"
            for seed, kinds in found.items()
            if kinds is not None
        ]


def _device_name() -> str:
    from teachback.students.precision import device_name  # imports torch

    return device_name()
