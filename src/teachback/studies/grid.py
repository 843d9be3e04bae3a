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
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

from teachback.config import MEMORY_KEYS, REMOVAL_KEYS, Config
from teachback.errors import ConfigError
from teachback.objectives import OBJECTIVES
from teachback.records import Example, Objective, Strategy
from teachback.studies.config import Control, DatasetConfig, Size, StudyFile, run_config
from teachback.studies.schema import SYSTEM_NAMES, CellData, CellSpec, ConfigValues, digest_of

LATER_KEYS: Mapping[str, Any] = {"reading": "inferred", "way": None}
"""Keys of sections that are part of an address only with another value than this."""

PROMPTED: tuple[Control, ...] = ("teacher-direct", "teacher-cot")
"""Controls that ask a teacher; they run where its store is, not in a process of their own."""


@dataclass(frozen=True)
class StudyDataset:
    """A dataset, read; ``train_sha256`` and ``test_sha256`` are those of the files."""

    config: DatasetConfig
    train: Sequence[Example]
    test: Sequence[Example]
    train_sha256: str
    test_sha256: str

    @property
    def kind(self) -> str:
        return self.train[0].kind

    @property
    def name(self) -> str:
        return self.config.name


@dataclass(frozen=True)
class DatasetTeacher:
    """A teacher as it is asked about one dataset: its label and the hash of its prompts."""

    reference: str
    label: str
    prompts: str


@dataclass(frozen=True)
class Material:
    """The explanations of one dataset by one teacher and strategy: what they depend on."""

    dataset: str
    train_sha256: str
    teacher: DatasetTeacher
    strategy: Strategy
    samples: int
    selection: ConfigValues

    @property
    def definition(self) -> dict[str, object]:
        """What a cell trained on these explanations depends on."""
        return {
            "prompts": self.teacher.prompts,
            "samples": self.samples,
            "selection": dict(self.selection),
        }

    @property
    def slug(self) -> str:
        """The name of its folder, a different one for different explanations."""
        definition = {
            "dataset": self.dataset,
            "train_sha256": self.train_sha256,
            "teacher": self.teacher.label,
            "strategy": self.strategy,
            **self.definition,
        }
        digest = digest_of(definition)[:8]
        return slug(f"{self.dataset}-{self.teacher.label}-{self.strategy}", digest)


@dataclass(frozen=True)
class PlannedCell:
    """One run of one system: what defines it, and what running it needs."""

    spec: CellSpec
    config: Config
    material: Material | None = None
    matches: str | None = None
    """The cell whose compute this one is given."""
    teacher: DatasetTeacher | None = field(default=None, compare=False)

    @property
    def hash(self) -> str:
        return self.spec.hash

    @property
    def control(self) -> Control | None:
        return self.spec.control

    @property
    def trains(self) -> bool:
        return self.control in (None, "equal-time", "permuted")

    @property
    def title(self) -> str:
        """For people: what distinguishes this cell from others."""
        spec = self.spec
        parts = [spec.dataset, spec.system]
        parts += [text for text in (spec.strategy, spec.teacher, spec.student) if text]
        numbers = (("size", spec.size), ("alpha", spec.alpha), ("seed", spec.seed))
        return ", ".join([*parts, *(f"{name} {n}" for name, n in numbers if n is not None)])


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


def size_of(data: StudyDataset, size: Size) -> Size | None:
    """A size as cells have it: None for all rows."""
    rows = len(data.train)
    if isinstance(size, float):
        return None if size == 1 else size
    if size > rows:
        raise ConfigError(
            f"study.sizes: {size} rows cannot be drawn from {data.name!r}, which has {rows}"
        )
    return None if size == rows else size


def rows_of(data: StudyDataset, size: Size | None) -> int:
    """How many rows a size asks for."""
    if size is None:
        return len(data.train)
    return max(1, int(size * len(data.train) + 0.5)) if isinstance(size, float) else size


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
            matched: list[PlannedCell] = []
            for objective in grid.objectives:
                tasks = OBJECTIVES[objective]
                if tasks.explains and not tasks.answers:  # alpha weighs two tasks
                    yield make.trained(point, objective, material)
                if not tasks.multi_task:
                    continue
                for alpha in grid.alphas:
                    cell = make.trained(point, objective, material, alpha)
                    if objective == "mt-cot":
                        matched.append(cell)
                    yield cell
            if "permuted" in grid.controls:
                for alpha in grid.alphas:
                    yield make.trained(point, "mt-cot", material, alpha, control="permuted")
            if "equal-time" in grid.controls:
                # An epoch's compute does not depend on alpha, so the first stands for all; unless
                # each alpha may stop at an epoch of its own.
                for cell in matched if study.train.patience else matched[:1]:
                    yield make.matched(point, material, cell)


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

    def matched(self, point: _Point, material: Material, match: PlannedCell) -> PlannedCell:
        """ST with the compute of the cell ``match``, which runs before it."""
        changed: _Trained = {"objective": "st", "patience": 0}
        own = self.study.train.patience and len(self.study.study.alphas) > 1
        alpha = match.spec.alpha if own else None
        return self._student(point, changed, material, alpha, "equal-time", "st", match.hash)

    def _student(
        self,
        point: _Point,
        changed: _Trained,
        material: Material | None,
        alpha: float | None,
        control: Control | None,
        objective: Objective,
        matches: str | None = None,
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
        if matches is not None:
            train |= {"epochs": None, "matches": matches}
        explanations = None if material is None else material.definition
        spec = replace(spec, train=train, explanations=explanations)
        return PlannedCell(spec.addressed(), config, material, matches)

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
                self.study.student.model_dump(exclude={"reference"})
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
            ),
            system=SYSTEM_NAMES[control or objective or ""],
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


def slug(text: str, digest: str) -> str:
    """A folder's name that can be read, with the digest that makes it the only one."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in text)
    return f"{plain.strip('.-')[:80]}-{digest}"


def _without_defaults_of_later(section: dict[str, Any]) -> dict[str, Any]:
    """Less the keys that came after studies were first addressed, where they have the value that
    everything had then: an old study's cells keep their addresses."""
    return {
        key: value
        for key, value in section.items()
        if key not in LATER_KEYS or value != LATER_KEYS[key]
    }
