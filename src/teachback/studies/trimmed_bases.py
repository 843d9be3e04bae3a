"""The trimmed bases of a study: one for all systems that are compared on a dataset.

It covers the explanations of every teacher and strategy, so it is made when all of them are there;
what it keeps is written into the study's folder, and every cell makes the same of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from teachback.errors import DataError, RunFolderError
from teachback.files import read_explanations
from teachback.records import Explanation
from teachback.studies.planned import PlannedCell, StudyDataset, slug
from teachback.studies.schema import cell_folder, digest_of, has_begun_training
from teachback.system.progress import Notice


@dataclass(frozen=True)
class TrimmedBases:
    """Where the trimmed bases of a study in ``folder`` are described, or will be."""

    folder: Path
    data: Mapping[str, StudyDataset]
    cells: Sequence[PlannedCell]

    def file(self, cell: PlannedCell) -> Path | None:
        """What describes the base of a cell; None where its vocabulary is whole, or it has none."""
        student = cell.config.student
        if cell.spec.student is None or student.trim_vocabulary is None:
            return None
        digest = digest_of({"dataset": cell.spec.dataset, "student": cell.spec.student})[:8]
        name = slug(f"{cell.spec.dataset}-{cell.spec.student}", digest)
        return self.folder / "trimmed_bases" / f"{name}.json"

    def by_base(self, cells: Iterable[PlannedCell]) -> list[list[PlannedCell]]:
        """Those of ``cells`` that have a trimmed base, by it."""
        found: dict[Path, list[PlannedCell]] = {}
        for cell in cells:
            if (file := self.file(cell)) is not None:
                found.setdefault(file, []).append(cell)
        return list(found.values())

    def settle(self, cell: PlannedCell, notice: Notice) -> None:
        """Make the base of ``cell``, which is that of all systems compared with it.

        Raises RunFolderError where cells have begun with a base that does not cover what the study
        trains on now, DataError where explanations are missing, and ConfigError where a
        vocabulary cannot be trimmed as asked.
        """
        file = self.file(cell)
        if file is None:
            return
        mates = [one for one in self.cells if self.file(one) == file]
        from teachback.students.trimmed_base import TRIMMED_BASE_FILE
        from teachback.training.trimming import vocabulary_of

        student = mates[0].config.student
        dataset = mates[0].spec.dataset
        explanations = self._explanations(mates)
        vocabulary = vocabulary_of(student, self.data[dataset].train, explanations, notice)
        if file.is_file():
            before = TRIMMED_BASE_FILE.read(file)
            if vocabulary.is_covered_by(before):
                return
            if any(has_begun_training(cell_folder(self.folder, cell.hash)) for cell in mates):
                raise RunFolderError(
                    f"{file}: students of {dataset!r} are trained from this base already, and it "
                    "does not cover the explanations that were added since: choose a different "
                    "folder for the larger study"
                )
        file.parent.mkdir(exist_ok=True)
        TRIMMED_BASE_FILE.write(file, vocabulary.trimmed(notice))

    def _explanations(self, mates: Sequence[PlannedCell]) -> list[Explanation]:
        """Those of all teachers and strategies of one dataset."""
        found: list[Explanation] = []
        slugs = {cell.material.slug for cell in mates if cell.material is not None}
        for one in sorted(slugs):
            file = self.folder / "material" / one / "explanations.jsonl"
            if not file.is_file():
                raise DataError(
                    f"the explanations of {one} are missing, and the trimmed base of "
                    f"{mates[0].spec.dataset!r} must cover them: run the study again, which "
                    "asks for them again"
                )
            found += read_explanations(file)
        return found
