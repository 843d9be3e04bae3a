"""Running a study: what is done, what is next, what came of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teachback.errors import RunFolderError, TeachbackError
from teachback.files import manifest, read_json, write_json, write_jsonl, write_text
from teachback.files.locks import Held, Lock
from teachback.references import RecordedReference, parse_dataset, parse_teacher
from teachback.runs.folders import keep_apart
from teachback.study.cell import new_result
from teachback.study.config import StudyFile, write_study
from teachback.study.engines import Ended, Engine
from teachback.study.forecast import Forecast
from teachback.study.grid import Asked, Cell, Data, Material, cells
from teachback.study.material import TeacherSide, asked_of, read_data, student_label
from teachback.study.verdicts import Pair, declared, settle_family, verdicts
from teachback.system.progress import SILENT, Notice, Progress

_TICK = 60.0
"""Seconds between two looks at the time left, as long as no cell ends."""


@dataclass(frozen=True)
class Plan:
    """A study with its data read and its cells made. No file has been written."""

    study: StudyFile
    data: tuple[Data, ...]
    cells: tuple[Cell, ...]
    students: Mapping[str, str]
    """Reference → label."""
    family: tuple[Pair, ...]


@dataclass(frozen=True)
class Outcome:
    """What a run of a study came to."""

    states: Mapping[str, str]
    """Cell's hash → done, failed, not-available."""
    verdicts: Mapping[str, Any]
    ran: int
    """Cells that this run has finished."""


def plan(study: StudyFile, notice: Notice = lambda _: None) -> Plan:
    """Read the data and make the cells.

    Raises ConfigError, DataError or ReferenceError_ for what the user can mend: a teacher or
    student that leads nowhere, a size that is too large, a test file that was trained on.
    """
    data = tuple(read_data(config) for config in study.dataset)
    asked: dict[tuple[str, str], Asked] = {}
    for one in data:
        keep_apart(one.train, one.test, lambda line, one=one: notice(f"{one.name}: {line}"))  # type: ignore[misc]
        asked |= asked_of(study, one)
    students = {reference: student_label(reference) for reference in study.study.students}
    made = tuple(cells(study, data, asked, students))
    return Plan(study, data, made, students, tuple(declared(study, data, made)))


def state_of(folder: Path, cell: Cell) -> str:
    """``done``, ``failed``, ``not-available``, or ``left``."""
    file = folder / "cells" / cell.hash / "result.json"
    return str(read_json(file)["status"]) if file.is_file() else "left"


def run(
    planned: Plan,
    folder: Path,
    engine: Engine,
    *,
    progress: Progress = SILENT,
    notice: Notice = lambda _: None,
) -> Outcome:
    """Run all cells that are not done, and judge. What is done is never done again.

    A cell that fails is a row of the result; the next run tries it again. However this ends,
    the same call goes on. Raises RunFolderError where another process is at work in ``folder``
    or where it was begun with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = Lock(folder / "lock")
    except Held as held:
        raise RunFolderError(f"{folder}: {held.holder} is at work on this study") from None
    with lock:
        family = _begin(planned, folder, engine)
        running = _Running(planned, folder, engine, progress, notice)
        try:
            running.ask_teachers()
            running.run_cells()
        finally:
            engine.stop()
            found = verdicts(folder, planned.study, planned.data, planned.cells, family)
            write_json(folder / "verdicts.json", found)
        states = {cell.hash: state_of(folder, cell) for cell in planned.cells}
        return Outcome(states, found, running.finished)


def _begin(planned: Plan, folder: Path, engine: Engine) -> list[Pair]:
    """Write what the study is, before anything of it runs."""
    family = settle_family(folder, planned.family, planned.cells)
    write_text(folder / "study.toml", write_study(planned.study))
    inputs = {}
    for one in planned.data:
        for what, name in (("train", one.config.train), ("test", one.config.test)):
            if not parse_dataset(name).is_remote:
                inputs[f"{one.name} {what}"] = Path(name)
        for reference in planned.study.teachers_of(one.config):
            named = parse_teacher(reference)
            if isinstance(named, RecordedReference):
                for number, file in enumerate(named.files):
                    inputs[f"{one.name} {reference.rsplit('/', 1)[-1]} {number}"] = Path(file)
    seeds = {f"seed {n}": seed for n, seed in enumerate(planned.study.study.seeds)}
    how = {"engine": engine.name, "jobs": engine.slots, "threads": engine.threads}
    write_json(folder / "manifest.json", manifest(inputs, seeds, how))
    for cell in planned.cells:
        write_json(folder / "cells" / cell.hash / "cell.json", cell.spec)
    write_jsonl(folder / "cells.jsonl", (cell.spec for cell in planned.cells))
    return family


class _Running:
    """One run of a study."""

    def __init__(
        self, planned: Plan, folder: Path, engine: Engine, progress: Progress, notice: Notice
    ) -> None:
        self.planned, self.folder, self.engine = planned, folder, engine
        self.progress, self.notice = progress, notice
        self.finished = 0
        by_name = {one.name: one for one in planned.data}
        self.forecast = Forecast(planned.study, by_name, folder, engine.threads)
        self.forecast.learn_all(planned.cells)
        self.teachers = TeacherSide(planned.study, by_name, folder, progress)
        self.waiting = [c for c in planned.cells if state_of(folder, c) != "done"]
        self.running: dict[str, tuple[Cell, float]] = {}
        self.by_hash = {cell.hash: cell for cell in planned.cells}

    # ------------------------------------------------------------------ the teacher's side

    def ask_teachers(self) -> None:
        """Explanations for all cells, and the cells of the prompted teacher."""
        needed: dict[str, tuple[Material, list[Cell]]] = {}
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

    # ------------------------------------------------------------------ the cells

    def run_cells(self) -> None:
        """Start cells as places fall free, until none is left."""
        total = len(self.planned.cells)
        done = total - len(self.waiting)
        with self.progress.track(total, self._name, unit="cells", done=done) as step:
            while self.waiting or self.running:
                self._start_what_fits()
                ended = total - len(self.waiting) - len(self.running)
                note = f"{len(self.running)} running, {len(self.waiting)} to start"
                step.advance(ended - done, note, left=self._left())
                done = ended
                for one in self.engine.ended(_TICK):
                    self._take(one)
            step.advance(total - done, "none left", left=0.0)

    @property
    def _name(self) -> str:
        return f"study {self.planned.study.study.name}"

    def _start_what_fits(self) -> None:
        while len(self.running) < self.engine.slots:
            cell = next((c for c in self.waiting if self._is_ready(c)), None)
            if cell is None:
                return
            match = self._match(cell)
            if cell.matches is not None and match is None:
                matched = self.by_hash[cell.matches].title
                self._fail(cell, f"the cell whose compute it is given has failed: {matched}")
                continue
            folder = self._folder(cell)
            _clear(folder)
            write_json(folder / "task.json", self._task(cell, match))
            self.waiting.remove(cell)
            self.running[cell.hash] = (cell, time.monotonic())
            self.engine.start(folder, gpu=cell.control != "majority")

    def _is_ready(self, cell: Cell) -> bool:
        """Whether all that it needs has ended, one way or the other."""
        if cell.matches is None:
            return True
        pending = {c.hash for c in self.waiting} | set(self.running)
        return cell.matches not in pending

    def _match(self, cell: Cell) -> float | None:
        """How many passes the cell whose compute this one gets has made."""
        if cell.matches is None:
            return None
        file = self.folder / "cells" / cell.matches / "result.json"
        result = read_json(file) if file.is_file() else {"status": "failed"}
        return float(result["epochs"]) if result["status"] == "done" else None

    def _task(self, cell: Cell, equal_to: float | None) -> dict[str, Any]:
        explanations = None
        if cell.material is not None:
            place = self.folder / "material" / cell.material.slug / "explanations.jsonl"
            explanations = str(place.resolve())
        return {
            "config": cell.config.model_dump(exclude_none=True, exclude={"teacher"}),
            "control": cell.control,
            "explanations": explanations,
            "equal_to": equal_to,
            "keep_student": self.planned.study.study.keep_students != "none",
            "threads": self.engine.threads,
            "engine": self.engine.name,
        }

    def _take(self, ended: Ended) -> None:
        cell, _ = self.running.pop(ended.hash)
        file = self._folder(cell) / "result.json"
        if file.is_file():
            self._ended(cell, read_json(file))
        else:
            self._fail(cell, ended.error or "its process left no result")

    def _fail(self, cell: Cell, error: str) -> None:
        result = new_result(self.engine.name) | {"status": "failed", "error": error}
        write_json(self._folder(cell) / "result.json", result)
        self._ended(cell, result)

    def _ended(self, cell: Cell, result: Mapping[str, Any]) -> None:
        if cell in self.waiting:
            self.waiting.remove(cell)
        self.finished += 1
        self.forecast.learn(cell, result)
        if result["status"] != "done":
            self.notice(f"{result['status']}: {cell.title}: {result['error']}")
        elif self.planned.study.study.keep_students == "best":
            self._keep_best(cell)

    def _keep_best(self, new: Cell) -> None:
        """Of one dataset and base student, the trained one that was best on its valid part."""

        def score(cell: Cell) -> float:
            valid = read_json(self._folder(cell) / "result.json").get("valid") or {}
            return max(valid.values(), default=-1.0)

        mates = [
            cell
            for cell in self.planned.cells
            if cell.spec["dataset"] == new.spec["dataset"]
            and cell.spec["student"] == new.spec["student"]
            and (self._folder(cell) / "student").is_dir()
            and state_of(self.folder, cell) == "done"
        ]
        best = max(mates, key=score, default=None)
        for cell in mates:
            if cell is not best:
                shutil.rmtree(self._folder(cell) / "student")

    def _left(self) -> float:
        """Seconds until all is done, by what cells have taken so far."""
        now = time.monotonic()
        left = sum(self.forecast.seconds(cell)[0] for cell in self.waiting)
        under_way = [
            max(0.0, self.forecast.seconds(cell)[0] - (now - began))
            for cell, began in self.running.values()
        ]
        return max(*under_way, 0.0, (left + sum(under_way)) / self.engine.slots)

    def _folder(self, cell: Cell) -> Path:
        return self.folder / "cells" / cell.hash


def _clear(folder: Path) -> None:
    """Take away what an earlier attempt left; a student and checkpoints are gone on with."""
    for name in ("result.json", "metrics.json", "predictions.jsonl"):
        (folder / name).unlink(missing_ok=True)


def estimate(planned: Plan, folder: Path, engine: Engine) -> tuple[Forecast, Sequence[Cell]]:
    """What is known of the times of a study that is not run, and the cells that are left."""
    by_name = {one.name: one for one in planned.data}
    forecast = Forecast(planned.study, by_name, folder, engine.threads)
    forecast.learn_all(planned.cells)
    return forecast, [cell for cell in planned.cells if state_of(folder, cell) != "done"]
