"""The steps of a run, each from files to files, and the chain of them.

A run folder holds what `teachback.runs.folders.RUN_FILES` lists. Each step writes its files whole
and last, so a rerun sees which steps are done and does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teachback.config import Config, EvaluateConfig, SelectionConfig, TeacherConfig
from teachback.datasets import answerable, read_evaluated, split_valid
from teachback.errors import ConfigError, ReferenceError_, UsageError
from teachback.evaluation.adaptive import LEAST_QUESTIONS
from teachback.explaining.reading import with_languages
from teachback.explaining.session import TeacherSetup, configured_teacher
from teachback.explaining.spending import Bill
from teachback.files import (
    new_folder,
    one_writer,
    read_explanations,
    read_rejections,
)
from teachback.objectives import OBJECTIVES, ONE_WAY
from teachback.questions.languages import settled_languages
from teachback.records import Example, Explanation, Prediction
from teachback.runs.evaluations import (
    EVALUATION_FILES,
    Evaluated,
    read_evaluation,
    student_asked,
    write_evaluation,
)
from teachback.runs.explanations import (
    explain,
)
from teachback.runs.folders import (
    STORE,
    begin_folder,
    check_majority,
    keep_apart,
    recordings_of,
    trained_labels,
    training_part,
)
from teachback.system import launch
from teachback.system.progress import SILENT, Notice, Progress, no_notice

if TYPE_CHECKING:
    from teachback.records import Cost
    from teachback.training import TrainingResult


# ---------------------------------------------------------------------- train


def check_references(config: Config) -> None:
    """Make sure that teacher and student are there, before a folder is begun or cleared."""
    from teachback.students.weights import resolve

    if OBJECTIVES[config.train.objective].explains:
        configured_teacher(config.teacher).check_ready()
    check_student(config.student.reference, resolve(config.student.reference).adapter)


def check_way(config: Config, train: Sequence[Example]) -> None:
    """Make sure, before a student is trained on ``train``, that it can be asked in the way that
    ``[evaluate]`` names. Raises ConfigError where it will have no threshold for it."""
    if config.evaluate.way is None:
        return
    objective = config.train.objective
    if objective in ONE_WAY:
        raise ConfigError(
            f"evaluate.way: {config.evaluate.way} needs a direct and an explained answer, and a "
            f"student of {objective} has but one: leave the key out, or choose another objective"
        )
    _, valid = split_valid(train, config.train.seed, fraction=config.data.valid_fraction)
    if len(valid) < LEAST_QUESTIONS:
        raise ConfigError(
            f"evaluate.way: the threshold of the {config.evaluate.way} way needs {LEAST_QUESTIONS} "
            f"valid questions, and valid would have {len(valid)} of {len(train)}: raise "
            "data.valid_fraction, give more data, or leave the key out"
        )


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
        evaluate_config=config.evaluate,
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
    notice: Notice | None = None,
) -> Evaluated:
    """Evaluate a student and, beside it, the untrained student and the majority label.

    Writes ``predictions.jsonl``, ``predictions.untrained.jsonl``,
    ``predictions.majority.jsonl`` and, last, ``metrics.json``. Of labels, those that the student
    was trained on (of one that was not trained: those of ``train``) may be answered, too.
    """
    from teachback.students.answering import way_on_card
    from teachback.students.load import load
    from teachback.systems import predict, predict_majority, predict_untrained, untrained_of

    config = evaluate or EvaluateConfig()
    settled = {"languages": settled_languages(config.languages, test)}
    config = config.model_copy(update=settled)
    if config.baselines:
        check_majority(train, test)
    student = load(reference, precision=precision)
    card, computed = student.card, student.precision
    test = answerable(test, card.labels or trained_labels(train), notice or no_notice)
    if config.way is not None:  # said before the work, too
        way_on_card(card, config.way)
    (notice or no_notice)(computed.line)
    predictions: dict[str, Sequence[Prediction]] = {}
    cost: dict[str, Cost] = {}
    with one_writer(folder):
        if not overwrite:  # said before the work; what is there goes only when the new is there
            new_folder(folder, False, names=EVALUATION_FILES)
        if config.baselines and card.objective is not None:
            check_untrained(card.base, "or give --no-baselines", Path(reference))
        predictions["student"], cost["student"] = predict(student, test, config, progress=progress)
        if config.baselines and card.objective is not None:
            del student
            predictions["untrained"], cost["untrained"] = predict_untrained(
                untrained_of(card, precision),
                test,
                config,
                max_answer_tokens=card.max_answer_tokens,
                progress=progress,
                what="answer (untrained)",
            )
        if config.baselines and train:
            predictions["majority"] = predict_majority(train, test)
        new_folder(folder, True, names=EVALUATION_FILES)
        return write_evaluation(
            folder,
            predictions,
            cost,
            card.way,
            test[0].kind,
            card.seed or 0,
            student_asked(reference, config, computed),
            threshold=card.threshold,
            temperature=card.temperature,
        )


def check_untrained(base: str, otherwise: str, trained: Path | None = None) -> None:
    """Make sure that the untrained student is there, before the one ``trained`` from it (a folder,
    where it has one) is asked. ``otherwise``: what else the user can do. Raises ReferenceError_.
    """
    from teachback.students.weights import resolve, restore_base

    try:
        if trained is not None:
            restore_base(trained, base)
        resolve(base)
    except UsageError as error:
        raise ReferenceError_(
            f"the untrained student cannot be loaded ({error}): restore it, {otherwise}"
        ) from error


def evaluate_teacher(
    teacher_config: TeacherConfig,
    test: Sequence[Example],
    folder: Path,
    *,
    train: Sequence[Example] = (),
    evaluate: EvaluateConfig | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
    notice: Notice = no_notice,
) -> Evaluated:
    """Evaluate a prompted teacher, through a store in ``folder``, so that it is paid once. Of
    labels, those of ``train`` may be answered, too."""
    from teachback.systems import predict_by_prompting, predict_majority

    config = evaluate or EvaluateConfig()
    if config.baselines:
        check_majority(train, test)
    test = answerable(test, trained_labels(train), notice)
    setup = TeacherSetup.from_config(
        teacher_config,
        SelectionConfig(reading=config.reading, languages=config.languages),
        test[0].kind,
        asked=test,
    )
    setup.teacher.check_ready()
    with one_writer(folder):
        new_folder(folder, overwrite, names=EVALUATION_FILES)
        with setup.open(folder / STORE) as session:
            own = predict_by_prompting(session, test, explain=config.explain, progress=progress)
            bill = session.bill()
        predictions: dict[str, Sequence[Prediction]] = {"teacher": own}
        if config.baselines and train:
            predictions["majority"] = predict_majority(train, test)
        asked = {"reading": config.reading, "languages": setup.rules.reading.languages}
        written = write_evaluation(folder, predictions, {}, "direct", test[0].kind, asked=asked)
        return replace(written, bill=bill)


# ---------------------------------------------------------------------- the chain


def run(
    config: Config,
    folder: Path,
    *,
    overwrite: bool = False,
    progress: Progress = SILENT,
    notice: Notice | None = None,
    paid: Callable[[Bill, int], None] = lambda _bill, _kept: None,
) -> Evaluated | None:
    """Generate → select → train → evaluate; what is done already is not done again.

    ``paid`` is called when a teacher has been asked, with the costs and the number of
    explanations kept.
    """
    notice = notice or no_notice
    examples = training_part(config)
    # Read first, so that a bad line in it is not found out after training.
    test = read_evaluated(config.data.test, kind=config.data.kind) if config.data.test else None
    if test is not None:
        keep_apart(examples, test, notice)
        test = answerable(test, trained_labels(examples), notice)
        if config.evaluate.baselines:
            check_majority(examples, test)
        if overwrite or not (folder / "student").is_dir():
            check_way(config, examples)
    if overwrite or not (folder / "student").is_dir():
        check_references(config)
    read_so = with_languages(config, examples)
    with one_writer(folder):
        begin_folder(config, folder, overwrite=overwrite)
        explanations: Sequence[Explanation] = ()
        if OBJECTIVES[config.train.objective].explains:
            if (folder / "explanations.jsonl").is_file() and not _asks_again(config, folder):
                explanations = read_explanations(folder / "explanations.jsonl")
                notice(f"explanations: {len(explanations)} kept, from an earlier run")
            else:
                explained = explain(config, folder, progress=progress)
                explanations = read_explanations(folder / "explanations.jsonl")
                notice(f"explanations: {explained.summary.kept} kept of {explained.summary.asked}")
                if explained.bill is not None:
                    paid(explained.bill, explained.summary.kept)
        if not (folder / "student").is_dir():
            if (folder / "metrics.json").is_file():
                notice("evaluation: of a student that is gone, so the new one is evaluated")
                (folder / "metrics.json").unlink()
            train_student(
                read_so,
                folder,
                explanations,
                examples=examples,
                progress=progress,
                notice=notice,
            )
        else:
            notice("student: already trained")
        if test is None:
            return None
        if (folder / "metrics.json").is_file():
            notice("evaluation: already done")
            return read_evaluation(folder)
        return evaluate_student(
            str(folder / "student"),
            test,
            folder,
            train=examples,
            evaluate=read_so.evaluate,
            precision=config.student.precision,
            overwrite=True,  # half-written files of a killed evaluation; metrics.json is last
            progress=progress,
            notice=notice,
        )


def _asks_again(config: Config, folder: Path) -> bool:
    """Whether some of what the teacher was asked got no reply, and may still be asked again: not
    of recordings, which have no other replies, nor once training has begun on what there is."""
    if recordings_of(config.teacher.reference) or (folder / "student").is_dir():
        return False
    file = folder / "rejections.jsonl"
    if (folder / "checkpoints").exists() or not file.is_file():
        return False
    return any(rejection.reason == "failed" for rejection in read_rejections(file))
