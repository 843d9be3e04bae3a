"""The grid: which cells a study has, what defines each, and which needs which. Pure.

A cell is addressed by the hash of what defines it, and by nothing else: the content of the
data (not where it lies), the teacher's prompts, the settings, the factors that this system
depends on. A factor that a system does not depend on is null in its cell, so the cell is not
repeated over it: ST has no strategy, the untrained student no seed. What only decides how much
memory a cell takes is left out: a cell that did not fit is tried again with less, and the others
stay.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from teachback.config import MEMORY_KEYS, Config
from teachback.errors import ConfigError
from teachback.records import Example, Objective, Strategy
from teachback.study.config import Control, DatasetConfig, Size, StudyFile, run_config

NAMES: dict[str, str] = {
    "st": "ST",
    "mt-re": "MT-Re",
    "mt-ra": "MT-Ra",
    "mt-cot": "MT-CoT",
    "cot": "CoT",
    "equal-time": "ST (equal time)",
    "permuted": "MT-CoT (permuted)",
    "untrained": "untrained",
    "majority": "majority",
    "teacher-direct": "teacher, direct",
    "teacher-cot": "teacher, chain of thought",
}
"""Objective or control → the system's name in tables."""

PROMPTED: tuple[Control, ...] = ("teacher-direct", "teacher-cot")
"""Controls that ask a teacher; they run where its store is, not in a process of their own."""


@dataclass(frozen=True)
class Data:
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
class Asked:
    """A teacher as it is asked about one dataset: its label and the hash of its prompts."""

    reference: str
    label: str
    prompts: str


@dataclass(frozen=True)
class Material:
    """The explanations of one dataset by one teacher and strategy."""

    dataset: str
    train_sha256: str
    teacher: Asked
    strategy: Strategy
    samples: int
    selection: Mapping[str, Any]

    @property
    def definition(self) -> dict[str, Any]:
        """What a cell trained on these explanations depends on."""
        return {
            "prompts": self.teacher.prompts,
            "samples": self.samples,
            "selection": dict(self.selection),
        }

    @property
    def slug(self) -> str:
        """The name of its folder: another one whenever the explanations may be others."""
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
class Cell:
    """One run of one system. ``spec`` is the content of ``cell.json``."""

    spec: Mapping[str, Any]
    config: Config
    material: Material | None = None
    matches: str | None = None
    """The cell whose compute this one is given."""
    teacher: Asked | None = field(default=None, compare=False)

    @property
    def hash(self) -> str:
        return str(self.spec["hash"])

    @property
    def control(self) -> Control | None:
        control: Control | None = self.spec["control"]
        return control

    @property
    def trains(self) -> bool:
        return self.control in (None, "equal-time", "permuted")

    @property
    def title(self) -> str:
        """For people: what distinguishes this cell from others."""
        spec = self.spec
        parts = [spec["dataset"], spec["system"]]
        parts += [str(spec[key]) for key in ("strategy", "teacher", "student") if spec[key]]
        parts += [
            f"{key} {spec[key]}" for key in ("size", "alpha", "seed") if spec[key] is not None
        ]
        return ", ".join(parts)


def cells(
    study: StudyFile,
    data: Sequence[Data],
    asked: Mapping[tuple[str, str], Asked],
    students: Mapping[str, str],
) -> list[Cell]:
    """All cells in the order in which they run: a first seed of everything, then the next.

    ``asked``: (dataset, teacher's reference) → how it is asked; ``students``: reference →
    label. Raises ConfigError where a size is larger than a dataset.
    """
    found: dict[str, Cell] = {}
    for dataset in data:
        for cell in _of_dataset(study, dataset, asked, students):
            found.setdefault(cell.hash, cell)
    return list(found.values())


def size_of(data: Data, size: Size) -> Size | None:
    """A size as cells have it: None for all rows."""
    rows = len(data.train)
    if isinstance(size, float):
        return None if size == 1 else size
    if size > rows:
        raise ConfigError(
            f"study.sizes: {size} rows cannot be drawn from {data.name!r}, which has {rows}"
        )
    return None if size == rows else size


def rows_of(data: Data, size: Size | None) -> int:
    """How many rows a size asks for."""
    if size is None:
        return len(data.train)
    return max(1, int(size * len(data.train) + 0.5)) if isinstance(size, float) else size


def _of_dataset(
    study: StudyFile,
    data: Data,
    asked: Mapping[tuple[str, str], Asked],
    students: Mapping[str, str],
) -> Iterator[Cell]:
    grid = study.study
    teachers = [asked[data.name, t] for t in study.teachers_of(data.config)]
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


@dataclass(frozen=True)
class _Point:
    """The factors that every trained system has."""

    student: str
    size: Size | None
    seed: int


def _of_point(
    study: StudyFile, make: _Maker, teachers: Sequence[Asked], point: _Point
) -> Iterator[Cell]:
    grid = study.study
    if "st" in grid.objectives:
        yield make.trained(point, "st")
    for teacher in teachers:
        for strategy in grid.strategies:
            material = make.material(teacher, strategy)
            matched: list[Cell] = []
            for objective in grid.objectives:
                if objective == "cot":
                    yield make.trained(point, "cot", material)
                if objective in ("st", "cot"):
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

    def __init__(self, study: StudyFile, data: Data, students: Mapping[str, str]) -> None:
        self.study, self.data, self.students = study, data, students

    def material(self, teacher: Asked, strategy: Strategy) -> Material:
        selection = self.study.selection.model_dump(exclude={"strategy"})
        samples = self.study.teacher.samples
        data = self.data
        return Material(data.name, data.train_sha256, teacher, strategy, samples, selection)

    def baseline(
        self, control: Control, *, student: str | None = None, teacher: Asked | None = None
    ) -> Cell:
        """A control that is not trained."""
        config = run_config(
            self.study,
            self.data.config,
            student=student,
            teacher=None if teacher is None else teacher.reference,
        )
        definition = self._definition(control, student=student, teacher=teacher)
        if teacher is not None:
            definition["explanations"] = {"prompts": teacher.prompts}
        if control != "untrained":
            definition["evaluate"] = {}  # no student answers
        return Cell(_hashed(definition), config, teacher=teacher)

    def trained(
        self,
        point: _Point,
        objective: Objective,
        material: Material | None = None,
        alpha: float | None = None,
        *,
        control: Control | None = None,
    ) -> Cell:
        """A student trained by one objective, as it is or as the control ``permuted``."""
        changed: dict[str, Any] = {"objective": objective, "permute": control == "permuted"}
        if alpha is not None:
            changed["alpha"] = alpha
        return self._student(point, changed, material, alpha, control, objective)

    def matched(self, point: _Point, material: Material, match: Cell) -> Cell:
        """ST with the compute of the cell ``match``, which runs before it."""
        changed = {"objective": "st", "patience": 0}
        own = self.study.train.patience and len(self.study.study.alphas) > 1
        alpha = match.spec["alpha"] if own else None
        return self._student(point, changed, material, alpha, "equal-time", "st", match.hash)

    def _student(
        self,
        point: _Point,
        changed: dict[str, Any],
        material: Material | None,
        alpha: float | None,
        control: Control | None,
        objective: Objective,
        matches: str | None = None,
    ) -> Cell:
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
        definition = self._definition(
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
        train = config.train.model_dump(exclude=without)
        if matches is not None:
            train |= {"epochs": None, "matches": matches}
        definition["train"] = train
        definition["explanations"] = None if material is None else material.definition
        return Cell(_hashed(definition), config, material, matches)

    def _definition(
        self,
        control: Control | None,
        *,
        objective: Objective | None = None,
        student: str | None = None,
        teacher: Asked | None = None,
        strategy: Strategy | None = None,
        size: Size | None = None,
        alpha: float | None = None,
        seed: int | None = None,
    ) -> dict[str, Any]:
        data = self.data
        settings = None
        if student is not None:
            settings = self.study.student.model_dump(exclude={"reference"})
        return {
            "dataset": data.name,
            "data": {
                "train_sha256": data.train_sha256,
                "test_sha256": data.test_sha256,
                "kind": data.kind,
                "size": rows_of(data, size),
                "valid_fraction": data.config.valid_fraction,
            },
            "system": NAMES[control or objective or ""],
            "objective": objective,
            "control": control,
            "strategy": strategy,
            "teacher": None if teacher is None else teacher.label,
            "student": None if student is None else self.students[student],
            "size": size,
            "alpha": alpha,
            "seed": seed,
            "train": None,
            "student_settings": settings,
            "explanations": None,
            "evaluate": self.study.evaluate.model_dump(exclude={"baselines", "batch_size"}),
        }


def digest_of(definition: Mapping[str, Any]) -> str:
    """The SHA-256 of its canonical JSON, in hexadecimal."""
    text = json.dumps(definition, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def slug(text: str, digest: str) -> str:
    """A folder's name that can be read, with the digest that makes it the only one."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in text)
    return f"{plain.strip('.-')[:80]}-{digest}"


def _hashed(definition: dict[str, Any]) -> dict[str, Any]:
    return {"hash": digest_of(definition)[:16], **definition}
