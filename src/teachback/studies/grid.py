"""The grid: which cells a study has, what defines each, and which needs which. Pure.

A cell is addressed by the hash of what defines it, and by nothing else: the content of the
data (not where it lies), the teacher's prompts, the settings, the factors that this system
depends on. A factor that a system does not depend on is null in its cell, so the cell is not
repeated over it: ST has no strategy, the untrained student no seed. What only decides how much
memory a cell takes is left out: a cell that did not fit is tried again with less, and the others
stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict

from teachback.config import MEMORY_KEYS, REMOVAL_KEYS
from teachback.objectives import OBJECTIVES
from teachback.records import Objective, Strategy
from teachback.studies.config import (
    Control,
    Size,
    StudyFile,
    TrainingSchedule,
    run_config,
)
from teachback.studies.planned import (
    DatasetTeacher,
    Material,
    PlannedCell,
    StudyDataset,
    rows_of,
    size_of,
)
from teachback.studies.schema import CellData, CellSpec
from teachback.studies.system_names import PERMUTED, SYSTEM_NAMES

LATER_KEYS: Mapping[str, Any] = {
    "reading": "inferred",
    "languages": "auto",
    "trim_vocabulary": None,
    "way": None,
}
"""Keys of sections that are part of an address only with another value than this."""

PROMPTED: tuple[Control, ...] = ("teacher-direct", "teacher-cot")
"""Controls that ask a teacher; they run where its store is, not in a process of their own."""


def planned_cells(
    study: StudyFile,
    datasets: Sequence[StudyDataset],
    teachers: Mapping[tuple[str, str], DatasetTeacher],
    students: Mapping[str, str],
) -> list[PlannedCell]:
    """All cells in the order in which they run: a first seed of everything, then the next.

    ``teachers``: (dataset, teacher's reference) → how it is asked; ``students``: reference →
    label. Raises ConfigError where a size is larger than a dataset.
    """
    found: dict[str, PlannedCell] = {}
    for dataset in datasets:
        for cell in _of_dataset(study, dataset, teachers, students):
            found.setdefault(cell.hash, cell)
    return list(found.values())


def _of_dataset(
    study: StudyFile,
    data: StudyDataset,
    known: Mapping[tuple[str, str], DatasetTeacher],
    students: Mapping[str, str],
) -> Iterator[PlannedCell]:
    grid = study.study
    teachers = [known[data.name, t] for t in study.teachers_of(data.config)]
    make = _Maker(study, data, students)
    if "majority" in grid.controls:
        yield make.baseline("majority")
    for control in PROMPTED:
        if control in grid.controls:
            yield from (make.baseline(control, teacher=teacher) for teacher in teachers)
    if "untrained" in grid.controls:
        yield from (make.baseline("untrained", student=student) for student in grid.students)
    for seed in grid.seeds:
        for student in grid.students:
            for size in grid.sizes:
                one = _Point(student, size_of(data, size), seed)
                yield from _of_point(study, make, teachers, one)


class _Trained(TypedDict, total=False):
    """Keys of ``[train]`` that a system sets."""

    objective: Objective
    permute: bool
    alpha: float
    patience: int


@dataclass(frozen=True)
class _Point:
    """The factors that every trained system has."""

    student: str
    size: Size | None
    seed: int


def _of_point(
    study: StudyFile, make: _Maker, teachers: Sequence[DatasetTeacher], point: _Point
) -> Iterator[PlannedCell]:
    grid = study.study
    if "st" in grid.objectives:
        yield make.trained(point, "st")
    for teacher in teachers:
        for strategy in grid.strategies:
            material = make.material(teacher, strategy)
            arms: dict[float, list[PlannedCell]] = {alpha: [] for alpha in grid.alphas}
            for objective in grid.objectives:
                tasks = OBJECTIVES[objective]
                if tasks.explains and not tasks.answers:  # alpha weighs two tasks
                    yield make.trained(point, objective, material)
                if not tasks.multi_task:
                    continue
                for alpha in grid.alphas:
                    cell = make.trained(point, objective, material, alpha)
                    arms[alpha].append(cell)
                    yield cell
            if "permuted" in grid.controls:
                for objective in permuted_objectives(grid.objectives):
                    for alpha in grid.alphas:
                        yield make.trained(point, objective, material, alpha, control="permuted")
            if "equal-time" in grid.controls:
                # An epoch's compute does not depend on alpha, so the first stands for all; unless
                # each alpha may stop at an epoch, or has a schedule, of its own.
                for alpha in grid.alphas if make.each_alpha else grid.alphas[:1]:
                    yield make.matched(point, material, make.matchable(arms[alpha]))


def permuted_objectives(objectives: Sequence[Objective]) -> list[Objective]:
    """The objectives that the control ``permuted`` is trained for: those of the study that have
    it, or else MT-CoT."""
    return [objective for objective in PERMUTED if objective in objectives] or ["mt-cot"]


class _Maker:
    """Makes the cells of one dataset."""

    def __init__(self, study: StudyFile, data: StudyDataset, students: Mapping[str, str]) -> None:
        self.study, self.data, self.students = study, data, students

    def material(self, teacher: DatasetTeacher, strategy: Strategy) -> Material:
        selection = _without_defaults_of_later(
            self.study.selection.model_dump(exclude={"strategy"})
        )
        samples = self.study.teacher.samples
        data = self.data
        return Material(data.name, data.train_sha256, teacher, strategy, samples, selection)

    def baseline(
        self, control: Control, *, student: str | None = None, teacher: DatasetTeacher | None = None
    ) -> PlannedCell:
        """A control that is not trained."""
        config = run_config(
            self.study,
            self.data.config,
            student=student,
            teacher=None if teacher is None else teacher.reference,
        )
        spec = self._spec(control, student=student, teacher=teacher)
        if teacher is not None:
            spec = replace(spec, explanations={"prompts": teacher.prompts})
        if control != "untrained":
            spec = replace(spec, evaluate={})  # no student answers
        return PlannedCell(spec.addressed(), config, teacher=teacher)

    def trained(
        self,
        point: _Point,
        objective: Objective,
        material: Material | None = None,
        alpha: float | None = None,
        *,
        control: Control | None = None,
    ) -> PlannedCell:
        """A student trained by one objective, as it is or as the control ``permuted``."""
        changed: _Trained = {"objective": objective, "permute": control == "permuted"}
        if alpha is not None:
            changed["alpha"] = alpha
        return self._student(point, changed, material, alpha, control, objective)

    @property
    def each_alpha(self) -> bool:
        """Whether the compute may differ between alphas."""
        return bool(self.study.train.patience) or self._searches_multi_task

    @property
    def _searches_multi_task(self) -> bool:
        return any(OBJECTIVES[o].multi_task for o in self.study.search.objectives)

    def matchable(self, arms: Sequence[PlannedCell]) -> list[PlannedCell]:
        """Those of the multi-task ``arms`` of which one computes most.

        MT-Re's and MT-Ra's passes are MT-CoT's with shorter explanation targets; with schedules of
        their own they may make more of them.
        """
        if self._searches_multi_task or all(a.spec.objective != "mt-cot" for a in arms):
            return list(arms)
        return [arm for arm in arms if arm.spec.objective in PERMUTED]

    def matched(
        self, point: _Point, material: Material, matches: Sequence[PlannedCell]
    ) -> PlannedCell:
        """ST with the largest compute of the cells ``matches``, which run before it."""
        changed: _Trained = {"objective": "st", "patience": 0}
        own = self.each_alpha and len(self.study.study.alphas) > 1
        alpha = matches[0].spec.alpha if own else None
        return self._student(point, changed, material, alpha, "equal-time", "st", matches)

    def _student(
        self,
        point: _Point,
        changed: _Trained,
        material: Material | None,
        alpha: float | None,
        control: Control | None,
        objective: Objective,
        matches: Sequence[PlannedCell] = (),
    ) -> PlannedCell:
        config = run_config(
            self.study,
            self.data.config,
            teacher=None if material is None else material.teacher.reference,
            strategy=None if material is None else material.strategy,
            student=point.student,
            size=point.size,
            seed=point.seed,
            **changed,
        )
        spec = self._spec(
            control,
            objective=objective,
            student=point.student,
            teacher=None if material is None else material.teacher,
            strategy=None if material is None else material.strategy,
            size=point.size,
            alpha=alpha,
            seed=point.seed,
        )
        without = {"objective", "alpha", "seed", "permute", *MEMORY_KEYS}
        if not OBJECTIVES[objective].internalises:
            without |= set(REMOVAL_KEYS)
        train = _without_defaults_of_later(config.train.model_dump(exclude=without))
        hashes = tuple(match.hash for match in matches)
        if hashes:
            # Sorted: the order of the objectives in the study file defines nothing.
            train |= {"epochs": None, "matches": hashes[0] if len(hashes) == 1 else sorted(hashes)}
        search: tuple[TrainingSchedule, ...] = ()
        searched_by = None
        if objective in self.study.search.objectives:
            train |= {"epochs": None, "schedule": None}
            first = replace(point, seed=self.study.study.seeds[0])
            if point == first and control is None:
                search = self.study.search.candidates()
                train["search"] = [asdict(one) for one in search]
            else:
                own = None if objective == "st" else material
                searched_by = self.trained(first, objective, own, changed.get("alpha")).hash
                train["searched_by"] = searched_by
        explanations = None if material is None else material.definition
        spec = replace(spec, train=train, explanations=explanations)
        return PlannedCell(spec.addressed(), config, material, hashes, search, searched_by)

    def _spec(
        self,
        control: Control | None,
        *,
        objective: Objective | None = None,
        student: str | None = None,
        teacher: DatasetTeacher | None = None,
        strategy: Strategy | None = None,
        size: Size | None = None,
        alpha: float | None = None,
        seed: int | None = None,
    ) -> CellSpec:
        """What defines a cell, but for how it is trained and what it learns from."""
        data = self.data
        settings = None
        if student is not None:
            settings = _without_defaults_of_later(
                self.study.student.model_dump(exclude={"reference", "trim_limit"})
            )
        return CellSpec(
            hash="",
            dataset=data.name,
            data=CellData(
                train_sha256=data.train_sha256,
                test_sha256=data.test_sha256,
                kind=data.kind,
                size=rows_of(data, size),
                valid_fraction=data.config.valid_fraction,
                set_aside=len(data.set_aside),
            ),
            system=SYSTEM_NAMES[_system_key(control, objective)],
            objective=objective,
            control=control,
            strategy=strategy,
            teacher=None if teacher is None else teacher.label,
            student=None if student is None else self.students[student],
            size=size,
            alpha=alpha,
            seed=seed,
            train=None,
            student_settings=settings,
            explanations=None,
            evaluate=_without_defaults_of_later(
                self.study.evaluate.model_dump(exclude={"baselines", "batch_size"})
            ),
        )


def _system_key(control: Control | None, objective: Objective | None) -> str:
    if control == "permuted" and objective is not None:
        return PERMUTED[objective]
    return control or objective or ""


def _without_defaults_of_later(section: dict[str, Any]) -> dict[str, Any]:
    """Less the keys that came after studies were first addressed, where they have the value that
    everything had then: an old study's cells keep their addresses."""
    return {
        key: value
        for key, value in section.items()
        if key not in LATER_KEYS or value != LATER_KEYS[key]
    }
