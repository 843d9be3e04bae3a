"""What ``import teachback as tb`` offers: the steps as functions over records in memory.

The command line goes through `teachback.runs.pipeline`, which adds run folders; both call the
same steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from teachback import evaluation
from teachback.config import StudentConfig, section
from teachback.errors import DataError, UsageError
from teachback.exemplars import choose
from teachback.explaining.selection import Selection, SelectionRules
from teachback.explaining.session import TeacherSetup
from teachback.records import (
    AnswerFormat,
    ComparedWay,
    Example,
    Explanation,
    Objective,
    Prediction,
    Sampling,
    Strategy,
    Way,
)
from teachback.system.progress import SILENT, Progress
from teachback.teachers import Teacher, open_teacher
from teachback.teachers.prompts import Prompts

if TYPE_CHECKING:
    from teachback.students.student import Student


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A student's predictions and their figures."""

    predictions: list[Prediction]
    metrics: evaluation.Metrics
    cost: Any
    way: Way
    """The way of answering that the student chose on ``valid``."""


def generate(
    examples: Sequence[Example],
    *,
    teacher: str | Teacher,
    strategy: Strategy = "crop",
    store: str | Path,
    samples: int = 1,
    exemplars: str | None = None,
    instructions: str | None = None,
    sampling: Sampling | None = None,
    rules: SelectionRules | None = None,
    max_cost: float | None = None,
    prices: str | Path | None = None,
    progress: Progress = SILENT,
) -> Selection:
    """Ask ``teacher`` (a reference or an object) for what ``store`` (an SQLite file) lacks,
    and select: ``.explanations``, ``.rejections``, ``.not_asked``.

    ``exemplars``: None for the built-in set of the question kind, ``none``, a set's name or a
    file. ``instructions``: text that precedes every prompt. ``max_cost``: US dollars, at most,
    for all runs into this store together. ``prices``: a file over the built-in prices, TOML or
    JSON: model → ``input``, ``output``, ``cached``, in dollars per million tokens.

    Raises DataError, ReferenceError_, ConfigError or StoreError for what the caller can fix,
    TeacherError where the teacher gave up, and CostCapError where the next request could pass
    the cap; what was stored stays.
    """
    if not examples:
        raise DataError("there are no examples to explain")
    if not isinstance(teacher, str | Teacher):
        raise UsageError(
            f"generate(): the teacher is a {type(teacher).__name__}: give a reference, or an "
            "object of a class derived from teachback.Teacher"
        )
    opened = open_teacher(teacher) if isinstance(teacher, str) else teacher
    file = None if prices is None else str(prices)
    limits = section("teacher", {"max_cost": max_cost, "prices": file}, "generate()")
    setup = TeacherSetup(
        teacher=opened,
        prompts=Prompts(
            exemplars=tuple(choose(exemplars, examples[0].kind)),
            form=opened.form,
            instructions=instructions,
            sampling=sampling or Sampling(),
        ),
        prices=limits.prices,
        max_cost=limits.max_cost,
        strategy=strategy,
        samples=samples,
        rules=rules or SelectionRules(),
    )
    with setup.open(store) as session:
        session.ask(examples, progress=progress)
        return session.select(examples)


def train(
    examples: Sequence[Example],
    explanations: Sequence[Explanation] = (),
    *,
    student: str = StudentConfig().reference,
    objective: Objective = "mt-cot",
    folder: str | Path | None = None,
    answer_format: AnswerFormat = "text",
    choice_score: Literal["sum", "mean"] = "sum",
    overwrite: bool = False,
    progress: Progress = SILENT,
    **settings: Any,
) -> Student:
    """Train a student; with ``folder``, it is written to ``folder/student`` and a killed run
    resumes. ``choice_score``: how choices are scored on the part that chooses the epoch; the
    same as will be given to `evaluate`. ``settings`` are the keys of ``[train]`` (``epochs=3``,
    ``lora=True``, …).
    """
    from teachback.students.student import Student
    from teachback.training import train as train_into

    train_config = section("train", {"objective": objective, **settings}, "train()")
    chosen = {"reference": student, "answer_format": answer_format}
    student_config = section("student", chosen, "train()")

    def run(where: Path) -> Student:
        result = train_into(
            examples,
            explanations,
            where,
            train_config=train_config,
            student_config=student_config,
            evaluate_config=section("evaluate", {"choice_score": choice_score}, "train()"),
            overwrite=overwrite,
            progress=progress,
        )
        return Student(result.student)

    if folder is not None:
        return run(Path(folder))
    with TemporaryDirectory(prefix="teachback-") as temporary:
        return run(Path(temporary))


def evaluate(
    student: Student,
    examples: Sequence[Example],
    *,
    progress: Progress = SILENT,
    **settings: Any,
) -> Evaluation:
    """Ask ``student`` all ``examples``; ``settings`` are the keys of ``[evaluate]``."""
    from teachback.systems import predict

    config = section("evaluate", settings, "evaluate()")
    predictions, cost = predict(student.model, examples, config, progress=progress)
    metrics = evaluation.measure(predictions, examples[0].kind)
    return Evaluation(predictions, metrics, cost, student.card.way)


def compare(
    a: Evaluation | Mapping[int, Evaluation],
    b: Evaluation | Mapping[int, Evaluation],
    *,
    way: ComparedWay = "direct",
    names: tuple[str, str] = ("A", "B"),
) -> evaluation.Comparison:
    """The primary test of ``a`` minus ``b`` on the same examples; mappings are by seed.

    ``way``: ``direct`` answers, ``explained`` ones, or ``chosen``, each student's in the way
    that it chose on ``valid``. Raises ConfigError for any other, DataError where ``a`` and ``b``
    cannot be compared so.
    """
    way = evaluation.compared_way(way, "compare()")

    def by_seed(one: Evaluation | Mapping[int, Evaluation]) -> Mapping[int, Evaluation]:
        return {0: one} if isinstance(one, Evaluation) else one

    return evaluation.compare_systems(by_seed(a), by_seed(b), way=way, names=names)
