"""The study file: every key, checked, and the factors of the grid written out.

The sections of a run (`[teacher]`, `[selection]`, `[student]`, `[train]`, `[evaluate]`) are those
of :mod:`teachback.config`, with its defaults; the keys that a study varies stand in `[study]`.
The table in ``docs/study.md`` is generated from here (`study_table`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tomli_w
from pydantic import AfterValidator, Field, ValidationError

from teachback import config
from teachback.config import (
    Config,
    ConfigSection,
    EvaluateConfig,
    SelectionConfig,
    StudentConfig,
    TeacherConfig,
    TrainConfig,
)
from teachback.errors import ConfigError
from teachback.objectives import MULTI_TASK, OBJECTIVES
from teachback.records import Objective, Strategy
from teachback.references import STUDENT_FORMS, TEACHER_FORMS

Control = Literal[
    "untrained", "majority", "equal-time", "permuted", "teacher-direct", "teacher-cot"
]
KeepStudents = Literal["none", "best", "all"]
Against = Literal["st", "equal-time", "permuted"]
DeclaredWay = Literal["direct", "chosen", "adaptive"]
Size = int | float
Schedule = Literal["linear", "cosine", "constant"]
"""How the learning rate falls; the values of `train.schedule`."""

T = TypeVar("T")


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    for index, value in enumerate(values):
        # 1 and 1.0 are equal, and one is a row and the other all of them.
        if any(value == other and type(value) is type(other) for other in values[:index]):
            raise ValueError(f"{value!r} is listed twice")
    return values


def _size(value: Size) -> Size:
    if value <= 0 or (isinstance(value, float) and value > 1):
        raise ValueError("a size is a count of rows or a fraction above 0, up to 1.0")
    return value


_Seed = Annotated[int, Field(ge=0, lt=2**32)]
_Alpha = Annotated[float, Field(ge=0, le=1)]
_Epochs = Annotated[float, Field(gt=0, le=100)]
_Size = Annotated[Size, AfterValidator(_size)]
_Strategies = Annotated[tuple[Strategy, ...], AfterValidator(_distinct)]
_Objectives = Annotated[tuple[Objective, ...], AfterValidator(_distinct)]
_Controls = Annotated[tuple[Control, ...], AfterValidator(_distinct)]
_Texts = Annotated[tuple[str, ...], AfterValidator(_distinct)]


def _key(default: Any, description: str, **bounds: Any) -> Any:
    return Field(default, description=description, **bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSchedule:
    """For how many passes a student is trained, and how the learning rate falls meanwhile."""

    epochs: float
    schedule: Schedule


class StudyConfig(ConfigSection):
    """`[study]`: the factors; the grid crosses each system with those that it depends on."""

    name: str | None = _key(None, "what the study is called; unset: the file's name")
    objectives: _Objectives = _key(
        ("st", "mt-re", "mt-ra", "mt-cot"), "objectives to train", min_length=1
    )
    controls: _Controls = _key(
        ("untrained", "majority", "equal-time", "permuted"),
        "untrained student, majority label, ST at the multi-task objectives' compute, MT-CoT (and "
        "MT-iCoT) with permuted explanations, the prompted teacher (directly, by chain of thought)",
    )
    strategies: _Strategies = _key(("crop",), "how explanations are obtained", min_length=1)
    teachers: _Texts = _key((), f"{TEACHER_FORMS}; none: st only")
    students: _Texts = _key((StudentConfig().reference,), STUDENT_FORMS, min_length=1)
    sizes: Annotated[tuple[_Size, ...], AfterValidator(_distinct)] = _key(
        (1.0,), "training rows: counts, or fractions up to 1.0 (all); nested", min_length=1
    )
    alphas: Annotated[tuple[_Alpha, ...], AfterValidator(_distinct)] = _key(
        (0.5,), "weights of the answer task; only multi-task objectives have one", min_length=1
    )
    seeds: Annotated[tuple[_Seed, ...], AfterValidator(_distinct)] = _key(
        (0, 1, 2),
        "each draws the sample, the valid part, the order and the initialisation",
        min_length=1,
    )
    one_processor: bool = _key(
        False,
        "refuse to run a seed's cells on a different kind of processor than the seed was begun on; "
        "otherwise the verdicts say so",
    )
    keep_students: KeepStudents = _key(
        "none", "trained students kept on disk; best: the best on valid, per dataset and student"
    )


class DatasetConfig(ConfigSection):
    """`[[dataset]]`: one labelled task."""

    name: str = _key(..., "what the dataset is called in results", min_length=1)
    train: str = _key(..., config.DataConfig.model_fields["train"].description or "")
    test: str = _key(..., "dataset to evaluate on, once per finished cell; selects nothing")
    kind: str | None = _key(None, config.DataConfig.model_fields["kind"].description or "")
    valid_fraction: float = _key(
        config.DataConfig.model_fields["valid_fraction"].default,
        config.DataConfig.model_fields["valid_fraction"].description or "",
        gt=0,
        le=0.5,
    )
    set_aside: int = _key(
        0, "rows of train that no cell sees, kept for confirming later findings", ge=0
    )
    teachers: _Texts | None = _key(
        None, "in place of study.teachers (a recording answers for one dataset only)"
    )


class SearchConfig(ConfigSection):
    """`[search]`: training schedules tried on valid, before anything is compared."""

    objectives: _Objectives = _key(
        (),
        "objectives of study.objectives whose schedule is searched with the study's first seed and "
        "taken by all their cells; the others train as [train] says",
    )
    epochs: Annotated[tuple[_Epochs, ...], AfterValidator(_distinct)] = _key(
        (5.0, 10.0, 20.0), "passes to try, in place of train.epochs", min_length=1, max_length=8
    )
    schedules: Annotated[tuple[Schedule, ...], AfterValidator(_distinct)] = _key(
        ("linear", "constant"),
        "how the learning rate falls, in place of train.schedule; a constant one is tried only "
        "with the most epochs, of which the best on valid is kept",
        min_length=1,
    )

    def candidates(self) -> tuple[TrainingSchedule, ...]:
        """What is tried, the shorter first."""
        most = max(self.epochs)
        return tuple(
            TrainingSchedule(epochs=epochs, schedule=schedule)
            for epochs in sorted(self.epochs)
            for schedule in self.schedules
            # At a rate that does not fall, the shorter ones are the longest one's own epochs.
            if schedule != "constant" or epochs == most
        )


class ConfirmatoryConfig(ConfigSection):
    """`[confirmatory]`: the comparisons that are declared before the study runs."""

    objectives: _Objectives | None = _key(
        None, "objectives to compare; unset: the study's multi-task objectives"
    )
    against: Annotated[tuple[Against, ...], AfterValidator(_distinct)] = _key(
        ("st",), "what they are compared with: st, equal-time (ST at their compute), permuted"
    )
    ways: Annotated[tuple[DeclaredWay, ...], AfterValidator(_distinct)] = _key(
        ("direct", "chosen"),
        "the direct answer; the way of answering that each student chose on valid; adaptive: "
        "explained only where unsure (200 valid questions, and none of test in train)",
    )
    strategy: Strategy | None = _key(None, "unset: the study's first")
    alpha: _Alpha | None = _key(None, "unset: the study's first")
    size: _Size | None = _key(None, "unset: the study's largest")


class StudyFile(ConfigSection):
    """A whole study as its file describes it, with the names of files made absolute."""

    study: StudyConfig = StudyConfig()
    dataset: tuple[DatasetConfig, ...] = Field(..., min_length=1)
    teacher: TeacherConfig = TeacherConfig()
    selection: SelectionConfig = SelectionConfig()
    student: StudentConfig = StudentConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    search: SearchConfig = SearchConfig()
    confirmatory: ConfirmatoryConfig = ConfirmatoryConfig()

    def teachers_of(self, dataset: DatasetConfig) -> tuple[str, ...]:
        """The references of the teachers that explain this dataset."""
        return self.study.teachers if dataset.teachers is None else dataset.teachers


STUDY_SECTIONS: dict[str, type[ConfigSection]] = {
    "study": StudyConfig,
    "dataset": DatasetConfig,
    "search": SearchConfig,
    "confirmatory": ConfirmatoryConfig,
    "teacher": TeacherConfig,
    "selection": SelectionConfig,
    "student": StudentConfig,
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
}

VARIED = {
    "teacher.reference": "study.teachers",
    "selection.strategy": "study.strategies",
    "student.reference": "study.students",
    "train.objective": "study.objectives",
    "train.alpha": "study.alphas",
    "train.seed": "study.seeds",
    "train.permute": 'the control "permuted" in study.controls',
    "evaluate.baselines": "study.controls",
    "evaluate.way": "nothing there, since every way follows from the answers of both",
}
"""Keys of a run that a study varies, and where it does."""


def read_study(path: str | Path) -> StudyFile:
    """Read a study file; relative names of files start from its folder.

    Raises ConfigError naming the file, the key, what is wrong and, for an unknown key, the one
    that was probably meant.
    """
    path = Path(path)
    return parse_study(config.read_toml(path), source=str(path), folder=path.parent)


def parse_study(values: dict[str, Any], *, source: str, folder: Path) -> StudyFile:
    """A StudyFile from plain values; errors as in :func:`read_study`."""
    for key, instead in VARIED.items():
        section, _, name = key.partition(".")
        if isinstance(values.get(section), dict) and name in values[section]:
            raise ConfigError(f"{source}: a study varies {key!r}; set {instead}")
    if isinstance(values.get("dataset"), dict):
        raise ConfigError(f"{source}: a study may have several datasets: write [[dataset]]")
    try:
        study = StudyFile.model_validate(values)
    except ValidationError as error:
        problem = config.first_problem(error, sections=STUDY_SECTIONS)
        raise ConfigError(f"{source}: {problem}") from None
    contradiction = _contradiction(study)
    if contradiction:
        raise ConfigError(f"{source}: {contradiction}")
    named = study.study.name or re.sub(r"\.toml$", "", Path(source).name)
    study = study.model_copy(update={"study": study.study.model_copy(update={"name": named})})
    return _anchored(study, folder)


def run_config(
    study: StudyFile,
    dataset: DatasetConfig,
    *,
    teacher: str | None = None,
    strategy: Strategy | None = None,
    student: str | None = None,
    folder: Path | None = None,
    **train: Any,
) -> Config:
    """The configuration of one run within the study."""

    def given(section: ConfigSection, **changed: Any) -> dict[str, Any]:
        merged = {**section.model_dump(), **changed}
        return {key: value for key, value in merged.items() if value is not None}

    data = dataset.model_dump(exclude={"name", "teachers", "set_aside"}, exclude_none=True)
    size = train.pop("size", None)
    values = {
        "data": data | ({} if size is None else {"size": size}),
        "teacher": given(study.teacher, reference=teacher),
        "selection": given(study.selection, strategy=strategy or study.selection.strategy),
        "student": given(study.student, reference=student or study.student.reference),
        "train": given(study.train, **train),
        "evaluate": given(study.evaluate),
    }
    return config.parse_config(values, source=f"dataset {dataset.name!r}", folder=folder)


def write_study(study: StudyFile) -> str:
    """The study as TOML with all defaults; unset keys are left out, since TOML has no null."""
    values = study.model_dump(exclude_none=True)
    for key in VARIED:
        section, _, name = key.partition(".")
        values[section].pop(name, None)
    return tomli_w.dumps(values)


def study_table() -> str:
    """Every key that only a study has, in a Markdown table, for the documentation."""
    own = ("study", "dataset", "search", "confirmatory")
    return config.reference_table({name: STUDY_SECTIONS[name] for name in own})


def _contradiction(study: StudyFile) -> str | None:
    """What is wrong with the keys together, each being right by itself; None where nothing is."""
    grid, family = study.study, study.confirmatory
    names = [dataset.name for dataset in study.dataset]
    if len(set(names)) < len(names):
        return "two datasets have the same name (dataset.name)"
    need: list[str] = [o for o in grid.objectives if OBJECTIVES[o].explains]
    controls = [c for c in grid.controls if c == "permuted" or c.startswith("teacher-")]
    need += [f"the control {control}" for control in controls]
    for dataset in study.dataset:
        if need and not study.teachers_of(dataset):
            other = "" if need[0] in grid.objectives else ", or leave it out of study.controls"
            return f"{need[0]} needs a teacher for {dataset.name!r}: set study.teachers{other}"
    if "equal-time" in grid.controls and not set(grid.objectives) & set(MULTI_TASK):
        return (
            'the control "equal-time" gets the compute of the multi-task objectives: add one of '
            f"{', '.join(MULTI_TASK)} to study.objectives"
        )
    for objective in study.search.objectives:
        if objective not in grid.objectives:
            return f"search.objectives names {objective!r}, which the study does not train"
    for objective in family.objectives or ():
        if objective not in grid.objectives or objective == "st":
            return f"confirmatory.objectives names {objective!r}, which the study does not compare"
    for name in family.against:
        # By default ST is what is compared with; without it there is no family.
        declared = "against" in family.model_fields_set
        if declared and name not in (*grid.objectives, *grid.controls):
            return f"confirmatory.against names {name!r}, which the study does not train"
    chosen: tuple[tuple[str, object, Sequence[object]], ...] = (
        ("strategy", family.strategy, grid.strategies),
        ("alpha", family.alpha, grid.alphas),
        ("size", family.size, grid.sizes),
    )
    for key, value, known in chosen:
        if value is not None and (type(value), value) not in [(type(v), v) for v in known]:
            return f"confirmatory.{key} = {value!r} is not one of the study's values"
    return None


def _anchored(study: StudyFile, folder: Path) -> StudyFile:
    """The same files by absolute names, found as a run's configuration finds them."""
    first = study.dataset[0]
    run = run_config(study, first, folder=folder)

    def teachers(references: tuple[str, ...]) -> tuple[str, ...]:
        found = (run_config(study, first, teacher=t, folder=folder) for t in references)
        return tuple(str(one.teacher.reference) for one in found)

    def dataset(own: DatasetConfig) -> DatasetConfig:
        data = run_config(study, own, folder=folder).data
        named = None if own.teachers is None else teachers(own.teachers)
        return own.model_copy(update={"train": data.train, "test": data.test, "teachers": named})

    students = tuple(
        run_config(study, first, student=s, folder=folder).student.reference
        for s in study.study.students
    )
    grid = {"teachers": teachers(study.study.teachers), "students": students}
    return study.model_copy(
        update={
            "study": study.study.model_copy(update=grid),
            "dataset": tuple(map(dataset, study.dataset)),
            "teacher": run.teacher,
        }
    )
