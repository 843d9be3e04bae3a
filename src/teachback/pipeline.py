"""The steps of a run, each from files to files, and the chain of them.

A run folder holds what the design's section 3 lists. Each step writes its files whole and
last, so a rerun sees which steps are done and does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teachback import launch
from teachback.config import Config, EvaluateConfig, TeacherConfig
from teachback.datasets import read_examples
from teachback.errors import DataError, ReferenceError_, UsageError
from teachback.explaining import (
    Explained,
    explain,
    meter_of,
    price_of,
    prompts_of,
    select_anew,
    teacher_of,
)
from teachback.files import (
    new_folder,
    read_explanations,
    read_json,
    read_predictions,
    write_json,
    write_predictions,
)
from teachback.folders import STORE, begin_folder, training_part
from teachback.progress import SILENT, Progress
from teachback.records import Example, Explanation, Prediction
from teachback.store import CompletionStore

if TYPE_CHECKING:
    from teachback.evaluation import Metrics
    from teachback.prediction import Cost
    from teachback.training import TrainingResult

__all__ = [
    "BASELINES",
    "Evaluated",
    "Explained",
    "Notice",
    "begin_folder",
    "evaluate_student",
    "evaluate_teacher",
    "explain",
    "read_evaluation",
    "read_run",
    "run",
    "select_anew",
    "together",
    "train_student",
    "training_part",
    "training_seconds",
    "write_evaluation",
]

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The outcome of evaluating: figures by system (``student``, ``untrained``, …)."""

    metrics: Mapping[str, Metrics]
    predictions: Mapping[str, Sequence[Prediction]]
    cost: Mapping[str, Cost]
    way: str


# ---------------------------------------------------------------------- train


def check_references(config: Config) -> None:
    """Make sure that teacher and student are there, before a folder is begun or cleared."""
    from teachback.students.weights import resolve

    if config.train.objective != "st":
        teacher_of(config.teacher)
    check_student(config.student.reference, resolve(config.student.reference).adapter)


def check_student(reference: str, adapter: Path | None) -> None:
    """An adapter cannot be trained further, only a whole model."""
    if adapter is not None:
        raise ReferenceError_(
            f"{reference} is an adapter: train its base, or merge the adapter into it first"
        )


def together() -> AbstractContextManager[None]:
    """Around what comes before training: where several processes train together, an error in
    one is raised in all. See `teachback.training.processes.agreed`.
    """
    if launch.processes() == 1:
        return nullcontext()
    from teachback.training.processes import agreed

    return agreed()


def train_student(
    config: Config,
    folder: Path,
    explanations: Sequence[Explanation],
    *,
    examples: Sequence[Example] | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
    notice: Notice | None = None,
) -> TrainingResult:
    """Train the configured student into ``folder/student``."""
    from teachback.training import train

    return train(
        training_part(config) if examples is None else examples,
        explanations,
        folder,
        train_config=config.train,
        student_config=config.student,
        valid_fraction=config.data.valid_fraction,
        overwrite=overwrite,
        progress=progress,
        notice=notice,
    )


# ---------------------------------------------------------------------- evaluate


def evaluate_student(
    reference: str,
    test: Sequence[Example],
    folder: Path,
    *,
    train: Sequence[Example] = (),
    evaluate: EvaluateConfig | None = None,
    precision: Any = "auto",
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> Evaluated:
    """Evaluate a student and, beside it, the untrained student and the majority label.

    Writes ``predictions.jsonl``, ``predictions.untrained.jsonl``,
    ``predictions.majority.jsonl`` and, last, ``metrics.json``.
    """
    from teachback.evaluation import majority_label
    from teachback.prediction import predict
    from teachback.students.student import Student

    config = evaluate or EvaluateConfig()
    student = Student.load(reference, precision=precision)
    predictions: dict[str, Sequence[Prediction]] = {}
    cost: dict[str, Cost] = {}
    if not overwrite:  # said before the work; what is there goes only when the new is there
        new_folder(folder, False, names=EVALUATION_FILES)
    if config.baselines and student.card.objective is not None:
        _check_base(student.card.base)
    predictions["student"], cost["student"] = predict(
        student, test, config, progress=progress, what="answer"
    )
    way, seed = student.card.way, student.card.seed or 0
    if config.baselines and student.card.objective is not None:
        untrained = Student.load(student.card.base, precision=precision)
        card = student.card
        untrained.with_card(
            answer_format=card.answer_format,
            task_marker=card.task_marker,
            max_source_tokens=card.max_source_tokens,
        )
        del student
        # Untrained, it has never been told where an explanation ends: direct answers only.
        direct = config.model_copy(update={"explain": False})
        predictions["untrained"], cost["untrained"] = predict(
            untrained, test, direct, progress=progress, what="answer (untrained)"
        )
    if config.baselines and train:
        predictions["majority"] = majority_label(train, test)
    new_folder(folder, True, names=EVALUATION_FILES)
    asked = {"student": reference, "choice_score": config.choice_score}
    return write_evaluation(folder, predictions, cost, way, test[0].kind, seed, asked)


def _check_base(base: str) -> None:
    from teachback.students.weights import resolve

    try:
        resolve(base)
    except UsageError as error:
        raise ReferenceError_(
            f"the untrained student cannot be had ({error}): bring it back, or --no-baselines"
        ) from error


BASELINES = ("untrained", "majority")
"""Systems evaluated beside the one in question."""

EVALUATION_FILES = (
    "metrics.json",
    "predictions.jsonl",
    *(f"predictions.{name}.jsonl" for name in BASELINES),
)


def evaluate_teacher(
    teacher_config: TeacherConfig,
    test: Sequence[Example],
    folder: Path,
    *,
    train: Sequence[Example] = (),
    evaluate: EvaluateConfig | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> Evaluated:
    """Evaluate a prompted teacher, through a store in ``folder``, so that it is paid once."""
    from teachback.evaluation import majority_label
    from teachback.prediction import predict_by_prompting

    config = evaluate or EvaluateConfig()
    teacher = teacher_of(teacher_config)
    prompts = prompts_of(teacher_config, teacher, test[0].kind)
    price = price_of(teacher_config, teacher)
    new_folder(folder, overwrite, names=EVALUATION_FILES)
    with CompletionStore(folder / STORE) as store:
        own = predict_by_prompting(
            teacher,
            prompts,
            test,
            store,
            explain=config.explain,
            meter=meter_of(teacher_config, teacher, price, store),
            progress=progress,
        )
    predictions: dict[str, Sequence[Prediction]] = {"teacher": own}
    if config.baselines and train:
        predictions["majority"] = majority_label(train, test)
    return write_evaluation(folder, predictions, {}, "direct", test[0].kind)


def write_evaluation(
    folder: Path,
    predictions: Mapping[str, Sequence[Prediction]],
    cost: Mapping[str, Cost],
    way: str,
    kind: str,
    seed: int = 0,
    asked: Mapping[str, str] | None = None,
) -> Evaluated:
    """Measure predictions and write them; the first system is the one evaluated."""
    from teachback.evaluation import as_json, measure

    metrics = {name: measure(list(own), kind) for name, own in predictions.items()}
    for number, (name, own) in enumerate(predictions.items()):
        write_predictions(folder / _predictions_file(name, number), own)
    write_json(
        folder / "metrics.json",
        {
            "kind": kind,
            "seed": seed,
            "way": way,
            **(asked or {}),
            "systems": {name: as_json(figures) for name, figures in metrics.items()},
            "cost_per_1000": {name: asdict(figures) for name, figures in cost.items()},
        },
    )
    return Evaluated(metrics, predictions, cost, way)


def _predictions_file(name: str, number: int) -> str:
    """The evaluated system's file, or that of a baseline beside it."""
    return f"predictions.{name}.jsonl" if number else "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class EvaluatedRun:
    """What comparing needs of an evaluated folder."""

    seed: int
    way: str
    choice_score: str | None
    kind: str
    predictions: list[Prediction]


def read_run(folder: Path) -> EvaluatedRun:
    """Read an evaluated run folder. Raises DataError where its files are not as they must be."""
    metrics = read_json(folder / "metrics.json")
    return EvaluatedRun(
        seed=int(metrics.get("seed", 0)),
        way=str(metrics.get("way", "direct")),
        choice_score=metrics.get("choice_score"),
        kind=str(metrics.get("kind", "text")),
        predictions=read_predictions(folder / "predictions.jsonl"),
    )


# ---------------------------------------------------------------------- the chain


def run(
    config: Config,
    folder: Path,
    *,
    overwrite: bool = False,
    progress: Progress = SILENT,
    notice: Notice | None = None,
) -> Evaluated | None:
    """Generate → select → train → evaluate; what is done already is not done again."""
    notice = notice or (lambda _: None)
    examples = training_part(config)
    # Read first, so that a bad line in it is not found out after training.
    test = read_examples(config.data.test, kind=config.data.kind) if config.data.test else None
    if test is not None:
        _keep_apart(examples, test, notice)
    if overwrite or not (folder / "student").is_dir():
        check_references(config)
    begin_folder(config, folder, overwrite=overwrite)
    explanations: Sequence[Explanation] = ()
    if config.train.objective != "st":
        if (folder / "explanations.jsonl").is_file():
            explanations = read_explanations(folder / "explanations.jsonl")
            notice(f"explanations: {len(explanations)} kept, from before")
        else:
            explained = explain(config, folder, progress=progress)
            explanations = explained.selection.explanations
            notice(f"explanations: {explained.summary.kept} kept of {explained.summary.asked}")
    if not (folder / "student").is_dir():
        train_student(
            config,
            folder,
            explanations,
            examples=examples,
            progress=progress,
            notice=notice,
        )
    else:
        notice("student: trained before")
    if test is None:
        return None
    if (folder / "metrics.json").is_file():
        notice("evaluation: done before")
        return read_evaluation(folder)
    return evaluate_student(
        str(folder / "student"),
        test,
        folder,
        train=examples,
        evaluate=config.evaluate,
        precision=config.student.precision,
        overwrite=True,  # half-written files of a killed evaluation; metrics.json is last
        progress=progress,
    )


def _keep_apart(train: Sequence[Example], test: Sequence[Example], notice: Notice) -> None:
    """A test set that was trained on measures memory. Some real files share a few rows, which
    is said; raises DataError where half or more of the test questions stand in train.
    """

    def identity(example: Example) -> tuple[object, ...]:
        return example.context, " ".join(example.question.split()), example.choices

    seen = {identity(example) for example in train}
    groups = {example.group for example in train if example.group is not None}
    shared = sum(identity(e) in seen or e.group in groups for e in test)
    if 2 * shared >= len(test):
        raise DataError(
            f"data.test: {shared} of {len(test)} test questions (or their groups) stand in "
            "data.train: evaluate on other questions"
        )
    if shared:
        notice(f"{shared} of {len(test)} test questions (or their groups) also stand in train")


def training_seconds(folder: Path) -> float:
    """How long the student of a run folder was trained, in its last process."""
    return float(read_json(folder / "student" / "training.json")["seconds"])


def read_evaluation(folder: Path) -> Evaluated:
    """An evaluation written before, measured anew from its predictions."""
    from teachback.evaluation import measure
    from teachback.prediction import Cost

    record = read_json(folder / "metrics.json")
    predictions = {
        name: read_predictions(folder / _predictions_file(name, number))
        for number, name in enumerate(record["systems"])
    }
    metrics = {name: measure(own, record["kind"]) for name, own in predictions.items()}
    cost = {name: Cost(**figures) for name, figures in record["cost_per_1000"].items()}
    return Evaluated(metrics, predictions, cost, str(record["way"]))
