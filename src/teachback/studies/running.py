"""Running a study: what is done, what is next, what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from teachback.errors import DataError, TeachbackError
from teachback.files import manifest, one_writer, remove_folder, write_json, write_text
from teachback.records import TrainedPasses
from teachback.references import RecordedReference, parse_dataset, parse_teacher
from teachback.studies.cell import result_begun
from teachback.studies.config import TrainingSchedule, write_study
from teachback.studies.engines import CellEngine, Ended
from teachback.studies.family import settle_family
from teachback.studies.forecast import Forecast
from teachback.studies.planned import Material, PlannedCell
from teachback.studies.planning import PlannedStudy
from teachback.studies.precision import settle_precision
from teachback.studies.processors import Processors
from teachback.studies.schema import (
    CELL_FILE,
    RESULT_FILE,
    TASK_FILE,
    VERDICTS_FILE,
    CellResult,
    CellTask,
    Pair,
    Status,
    Verdicts,
    cell_folder,
    result_of,
    write_plan,
)
from teachback.studies.set_aside import write_set_aside
from teachback.studies.teacher_side import (
    TeacherSide,
    check_teachers,
)
from teachback.studies.trimmed_bases import TrimmedBases
from teachback.studies.verdicts import all_verdicts
from teachback.system.precision import PrecisionChoice
from teachback.system.progress import SILENT, Notice, Progress

_TICK = 60.0
"""Seconds between two looks at the time left, as long as no cell ends."""


@dataclass(frozen=True)
class StudyOutcome:
    """What a run of a study came to."""

    states: Mapping[str, Status | None]
    """Cell's address → how it has ended; None where it has not."""
    verdicts: Verdicts
    ran: int
    """Cells that this run has finished."""


def state_of(folder: Path, cell: PlannedCell) -> Status | None:
    """How a cell has ended, None where it has not."""
    result = result_of(folder, cell.hash)
    return None if result is None else result.status


def run_study(
    planned: PlannedStudy,
    folder: Path,
    engine: CellEngine,
    *,
    progress: Progress = SILENT,
    notice: Notice = lambda _: None,
) -> StudyOutcome:
    """Run all cells that are not done, and test the differences. What is done is never done again.

    A cell that fails is a row of the result; the next run tries it again. However this ends,
    the same call continues. Raises RunFolderError where another process is running the study in
    ``folder``, or where it was begun with other settings, and ReferenceError_ where a teacher
    cannot be asked.
    """
    left = [cell for cell in planned.cells if state_of(folder, cell) != "done"]
    sides = [cell.material.teacher if cell.material else cell.teacher for cell in left]
    check_teachers(planned.study, {side.reference for side in sides if side is not None})
    with one_writer(folder):
        precision = settle_precision(folder, planned.study.student.precision, planned.cells)
        if precision is not None:
            notice(f"{precision.line}, for all cells")
        family = _begin(planned, folder, engine, precision)

        def conclude() -> Verdicts:
            found = all_verdicts(folder, planned.study, planned.datasets, planned.cells, family)
            VERDICTS_FILE.write(folder / "verdicts.json", found)
            return found

        running = _Running(planned, folder, engine, progress, notice, precision, conclude)
        try:
            running.ask_teachers()
            running.settle_bases()
            running.run_cells()
        finally:
            engine.stop()
            found = conclude()
        states = {cell.hash: state_of(folder, cell) for cell in planned.cells}
        return StudyOutcome(states, found, running.finished)


def _begin(
    planned: PlannedStudy, folder: Path, engine: CellEngine, precision: PrecisionChoice | None
) -> list[Pair]:
    """Write what the study is, before anything of it runs."""
    family = settle_family(folder, planned.family, planned.cells)
    write_text(folder / "study.toml", write_study(planned.study))
    inputs = {}
    for one in planned.datasets:
        for what, name in (("train", one.config.train), ("test", one.config.test)):
            if not parse_dataset(name).is_remote:
                inputs[f"{one.name} {what}"] = Path(name)
        for number, reference in enumerate(planned.study.teachers_of(one.config)):
            named = parse_teacher(reference)
            if isinstance(named, RecordedReference):
                for part, file in enumerate(named.files):
                    # Two recordings may have one name, in two folders.
                    what = f"teacher {number} {reference.rsplit('/', 1)[-1]} {part}"
                    inputs[f"{one.name} {what}"] = Path(file)
    seeds = {f"seed {n}": seed for n, seed in enumerate(planned.study.study.seeds)}
    how = {
        "engine": engine.name,
        "jobs": engine.slots,
        "threads": engine.threads,
        "precision": None if precision is None else asdict(precision),
    }
    write_json(folder / "manifest.json", manifest(inputs, seeds, how))
    write_set_aside(planned.datasets, folder)
    for cell in planned.cells:
        CELL_FILE.write(cell_folder(folder, cell.hash) / "cell.json", cell.spec)
    write_plan(folder, [cell.spec for cell in planned.cells])
    return family


class _Running:
    """One run of a study."""

    def __init__(
        self,
        planned: PlannedStudy,
        folder: Path,
        engine: CellEngine,
        progress: Progress,
        notice: Notice,
        precision: PrecisionChoice | None,
        conclude: Callable[[], object],
    ) -> None:
        self.precision, self.conclude = precision, conclude
        self.planned, self.folder, self.engine = planned, folder, engine
        self.progress, self.notice = progress, notice
        self.finished = 0
        by_name = {one.name: one for one in planned.datasets}
        self.forecast = Forecast(planned.study, by_name, folder, engine.threads)
        self.forecast.learn_all(planned.cells)
        self.bases = TrimmedBases(folder, by_name, planned.cells)
        self.teachers = TeacherSide(planned.study, by_name, folder, progress)
        self.waiting = [c for c in planned.cells if state_of(folder, c) != "done"]
        self.running: dict[str, tuple[PlannedCell, float]] = {}
        self.processors = Processors(
            planned.study, planned.cells, folder, here=engine.name == "local"
        )
        for line in self.processors.lines(self.waiting):
            notice(line)
        self.by_hash = {cell.hash: cell for cell in planned.cells}

    # ------------------------------------------------------------------ the teacher's side

    def ask_teachers(self) -> None:
        """Explanations for all cells, and the cells of the prompted teacher."""
        needed: dict[str, tuple[Material, list[PlannedCell]]] = {}
        for cell in self.waiting:
            if cell.material is not None:
                needed.setdefault(cell.material.slug, (cell.material, []))[1].append(cell)
        for material, those in needed.values():
            slug = material.slug
            mates = [c for c in self.planned.cells if c.material and c.material.slug == slug]
            try:
                self.teachers.explain(material, those, mates)
            except TeachbackError as error:
                self.notice(f"no explanations, {material.slug}: {error}")
                for cell in those:
                    self._fail(cell, f"no explanations: {error}")
        for cell in [c for c in self.waiting if c.teacher is not None]:
            _clear(self._folder(cell))
            self._ended(cell, self.teachers.ask(cell))

    def settle_bases(self) -> None:
        """The trimmed bases of the cells that are left. Where some explanations are missing, their
        dataset's cells fail: a base that does not cover all of them would not be the same for all.
        """
        for cells in self.bases.by_base(self.waiting):
            try:
                self.bases.settle(cells[0], self.notice)
            except DataError as error:
                self.notice(f"no trimmed base: {error}")
                for cell in cells:
                    self._fail(cell, f"no trimmed base: {error}")

    # ------------------------------------------------------------------ the cells

    def run_cells(self) -> None:
        """Start a cell whenever there is room for one, until none is left."""
        total = len(self.planned.cells)
        done = total - len(self.waiting)
        with self.progress.track(total, self._name, unit="cells", done=done) as step:
            while self.waiting or self.running:
                self._start_what_fits()
                ended = total - len(self.waiting) - len(self.running)
                note = f"{len(self.running)} running, {len(self.waiting)} waiting"
                step.advance(ended - done, note, left=self._left())
                done = ended
                over = self.engine.ended(_TICK)
                for one in over:
                    self._take(one)
                if over:  # for a report on what there is, or a packed study, before all is done
                    self.conclude()
            step.advance(total - done, "none left", left=0.0)

    @property
    def _name(self) -> str:
        return f"study {self.planned.study.study.name}"

    def _start_what_fits(self) -> None:
        while len(self.running) < self.engine.slots:
            cell = next((c for c in self.waiting if self._is_ready(c)), None)
            if cell is None:
                return
            if (obstacle := self._obstacle(cell)) is not None:
                self._fail(cell, obstacle)
                continue
            folder = self._folder(cell)
            _clear(folder)
            TASK_FILE.write(folder / "task.json", self._task(cell))
            self.waiting.remove(cell)
            self.running[cell.hash] = (cell, time.monotonic())
            self.engine.start(folder, gpu=cell.control != "majority")

    def _is_ready(self, cell: PlannedCell) -> bool:
        """Whether all that it needs has ended, one way or the other."""
        pending = {c.hash for c in self.waiting} | set(self.running)
        return pending.isdisjoint(cell.needs)

    def _obstacle(self, cell: PlannedCell) -> str | None:
        """Why a cell that is ready cannot be run; None where it can."""
        for other in cell.needs:
            if state_of(self.folder, self.by_hash[other]) != "done":
                what = "schedule" if other == cell.searched_by else "compute"
                title = self.by_hash[other].title
                return f"the cell whose {what} it needs has failed: {title}"
        return self.processors.obstacle(cell)

    def _passes(self, address: str) -> TrainedPasses:
        """How long a finished cell was trained."""
        cell, result = self.by_hash[address], result_of(self.folder, address)
        if cell.spec.objective is None or result is None or result.epochs is None:
            raise AssertionError("a cell whose compute is matched has been trained")
        planned = cell.config.train.epochs if result.schedule is None else result.schedule.epochs
        return TrainedPasses(cell.spec.objective, planned, result.epochs)

    def _schedule(self, cell: PlannedCell) -> TrainingSchedule | None:
        """The schedule that another cell has found for this one."""
        if cell.searched_by is None:
            return None
        found = result_of(self.folder, cell.searched_by)
        return None if found is None else found.schedule

    def _task(self, cell: PlannedCell) -> CellTask:
        explanations = None
        if cell.material is not None:
            place = self.folder / "material" / cell.material.slug / "explanations.jsonl"
            explanations = str(place.resolve())
        config = cell.config.model_dump(exclude_none=True, exclude={"teacher"})
        described = self.bases.file(cell)
        if self.precision is not None:
            config["student"]["precision"] = self.precision.used
        schedule = self._schedule(cell)
        return CellTask(
            config=config,
            control=cell.control,
            explanations=explanations,
            trimmed_base=None if described is None else str(described.resolve()),
            equal_to=tuple(map(self._passes, cell.matches)),
            at_least=schedule.epochs if schedule is not None and cell.matches else 0.0,
            search=cell.search,
            schedule=schedule,
            set_aside=cell.spec.data.set_aside,
            keep_student=self.planned.study.study.keep_students != "none",
            threads=self.engine.threads,
            engine=self.engine.name,
        )

    def _take(self, ended: Ended) -> None:
        cell, _ = self.running.pop(ended.hash)
        result = result_of(self.folder, cell.hash)
        if result is None:
            self._fail(cell, ended.error or "its process left no result")
        else:
            self._ended(cell, result)

    def _fail(self, cell: PlannedCell, error: str) -> None:
        result = replace(result_begun(self.engine.name), status="failed", error=error)
        RESULT_FILE.write(self._folder(cell) / "result.json", result)
        self._ended(cell, result)

    def _ended(self, cell: PlannedCell, result: CellResult) -> None:
        if cell in self.waiting:
            self.waiting.remove(cell)
        self.finished += 1
        self.forecast.learn(cell, result)
        if result.status != "done":
            self.notice(f"{result.status}: {cell.title}: {result.error}")
        elif self.planned.study.study.keep_students == "best":
            self._keep_best(cell)

    def _keep_best(self, new: PlannedCell) -> None:
        """Of one dataset and base student, the trained one that was best on its valid part."""

        def score(cell: PlannedCell) -> float:
            result = result_of(self.folder, cell.hash)
            valid = None if result is None else result.valid
            return max((valid or {}).values(), default=-1.0)

        mates = [
            cell
            for cell in self.planned.cells
            if cell.spec.dataset == new.spec.dataset
            and cell.spec.student == new.spec.student
            and (self._folder(cell) / "student").is_dir()
            and state_of(self.folder, cell) == "done"
        ]
        best = max(mates, key=score, default=None)
        for cell in mates:
            if cell is not best:
                remove_folder(self._folder(cell) / "student")

    def _left(self) -> float:
        """Seconds until all is done, by what cells have taken so far."""
        now = time.monotonic()
        left = sum(self.forecast.seconds(cell)[0] for cell in self.waiting)
        under_way = [
            max(0.0, self.forecast.seconds(cell)[0] - (now - began))
            for cell, began in self.running.values()
        ]
        return max(*under_way, 0.0, (left + sum(under_way)) / self.engine.slots)

    def _folder(self, cell: PlannedCell) -> Path:
        return cell_folder(self.folder, cell.hash)


def _clear(folder: Path) -> None:
    """Remove what an earlier attempt left; its student and checkpoints stay, to be used."""
    for name in ("result.json", "metrics.json", "predictions.jsonl"):
        (folder / name).unlink(missing_ok=True)


def forecast_of(
    planned: PlannedStudy, folder: Path, engine: CellEngine
) -> tuple[Forecast, list[PlannedCell]]:
    """What is known of the times of a study that is not run, and the cells that are left."""
    by_name = {one.name: one for one in planned.datasets}
    forecast = Forecast(planned.study, by_name, folder, engine.threads)
    forecast.learn_all(planned.cells)
    return forecast, [cell for cell in planned.cells if state_of(folder, cell) != "done"]
