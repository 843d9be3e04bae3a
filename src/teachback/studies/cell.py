"""One cell in a process of its own: ``python -m teachback.studies.cell FOLDER``.

The folder holds ``cell.json`` (what defines the cell) and ``task.json`` (how to run it: the
configuration, where the explanations lie). The process trains, evaluates on the test file once,
and writes ``result.json`` last: a folder with it is finished. Killed and started again, training
continues from its last checkpoint. ``--watched``: end at once when standard input closes, which
it does when the process that started this one is gone, however it ended.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from teachback.config import Config, TrainConfig, parse_config
from teachback.datasets import answerable, read_evaluated, read_examples, split_set_aside, subsample
from teachback.errors import RunFolderError, TeachbackError
from teachback.explaining.reading import with_languages
from teachback.files import one_writer, read_explanations, remove_folder
from teachback.records import Example, Prediction, Way
from teachback.runs.evaluations import write_evaluation
from teachback.runs.folders import trained_labels
from teachback.runs.training_record import training_record
from teachback.studies.schedule_search import search, searched
from teachback.studies.schema import (
    EQUAL_FILE,
    RESULT_FILE,
    SEARCH,
    TASK_FILE,
    CellResult,
    CellTask,
    EqualPasses,
    has_begun_training,
)
from teachback.system.checkout import commit
from teachback.system.garbage import collect_rarely
from teachback.system.machine import processor
from teachback.system.progress import SILENT, Progress
from teachback.system.terminal import visible

if TYPE_CHECKING:
    from teachback.records import Cost
    from teachback.students.model import StudentModel

ORPHANED = 75
"""Exit code of a cell whose study is gone."""

TAKEN = 76
"""Exit code of a cell that another process is running."""

_EQUAL = "equal.json"
"""Beside an ST at equal time: how many passes that is."""

_PATIENCE = 10.0
"""Seconds that a cell waits for another process to leave it: one whose study was killed is about
to end."""


@dataclass(frozen=True)
class _Answers:
    """What a system said of the test file. ``threshold`` and ``temperature``: as on a student's
    card. The others: as in a CellResult."""

    predictions: list[Prediction]
    cost: Mapping[str, Cost] = field(default_factory=dict)
    way: Way | None = None
    valid: Mapping[str, float] | None = None
    valid_asked: Mapping[str, int] | None = None
    threshold: float | None = None
    temperature: float | None = None


def result_begun(engine: str, threads: int | None = None) -> CellResult:
    """The result of a cell that begins now, on this machine, as far as it is known."""
    return CellResult(
        status="done",
        error=None,
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=None,
        seconds_train=None,
        seconds_evaluate=None,
        threads=threads,
        precision=None,
        epochs=None,
        steps=None,
        history=(),
        way=None,
        valid=None,
        valid_asked=None,
        engine=engine,
        host=platform.node(),
        processor=processor().name,
        commit=commit(),
        resumed=False,
        equal_to=None,
        schedule=None,
        tried=(),
    )


def run_cell(folder: Path, progress: Progress = SILENT) -> CellResult:
    """Run the cell of ``folder`` and return its result, which is written last.

    An error makes a ``failed`` result, not an exception: it is a row of the study.
    """
    task = TASK_FILE.read(folder / "task.json")
    started = time.perf_counter()
    # What is resumed has the seconds_train of its last process alone.
    result = replace(result_begun(task.engine, task.threads), resumed=has_begun_training(folder))
    try:
        result = _run(folder, task, result, progress)
    except (Exception, MemoryError) as error:
        traceback.print_exc()
        for place in (folder, *(folder / SEARCH).glob("*")):
            shutil.rmtree(place / "checkpoints", ignore_errors=True)
        line = str(error) if isinstance(error, TeachbackError) else _named(error)
        result = replace(result, status="failed", error=line)
    result = replace(result, seconds=time.perf_counter() - started)
    RESULT_FILE.write(folder / "result.json", result)
    # Not before: without a result the cell runs again, and is not trained again where a student is.
    if result.status == "done" and not task.keep_student and (folder / "student").is_dir():
        remove_folder(folder / "student")
    return result


def _named(error: BaseException) -> str:
    first = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first}"


def _run(folder: Path, task: CellTask, begun: CellResult, progress: Progress) -> CellResult:
    config = parse_config(dict(task.config), source=str(folder / "task.json"))
    if task.trimmed_base is not None and task.control != "majority":
        config = _trimmed(config, Path(task.trimmed_base))
    train = _training_part(config, task)
    read = read_evaluated(config.data.test or "", kind=config.data.kind)
    test = answerable(read, trained_labels(train))
    config = with_languages(config, read_examples(config.data.train, kind=config.data.kind))
    if task.control in ("majority", "untrained"):
        started = time.perf_counter()
        if task.control == "majority":
            answers = _majority(train, test)
        else:
            begun = replace(begun, processor=_device_name())
            answers = _untrained(config, train, test, progress)
            if config.student.precision != "auto":  # as settled for the study
                begun = replace(begun, precision=config.student.precision)
        return _evaluated(folder, config, test, answers, started, begun)
    begun = replace(begun, processor=_device_name())
    student = None
    if not (folder / "student").is_dir():
        student = _train(folder, config, task, train, progress)
    found = replace(_trained_result(folder, begun), schedule=task.schedule)
    if task.equal_to:
        found = replace(found, equal_to=EQUAL_FILE.read(folder / _EQUAL))
    if task.search:
        found = searched(folder, found)
    started = time.perf_counter()
    answers = _trained(folder, config, test, student, progress)
    return _evaluated(folder, config, test, answers, started, found)


def _training_part(config: Config, task: CellTask) -> list[Example]:
    """What the cell may train on: a sample of what is not set aside."""
    examples, _ = split_set_aside(
        read_examples(config.data.train, kind=config.data.kind), task.set_aside
    )
    size = config.data.size
    return examples if size is None else subsample(examples, size, config.train.seed)


def _device_name() -> str:
    from teachback.students.precision import device_name  # imports torch

    return device_name()


def _trimmed(config: Config, described: Path) -> Config:
    """``config`` with the study's trimmed base, made again where this machine does not have it."""
    from teachback.students.trimmed_base import TRIMMED_BASE_FILE, made_from
    from teachback.students.weights import resolve

    trimmed = TRIMMED_BASE_FILE.read(described)
    made_from(trimmed, resolve(trimmed.base).folder)
    changed = {"reference": trimmed.reference, "trim_vocabulary": None}
    return config.model_copy(update={"student": config.student.model_copy(update=changed)})


def _train(
    folder: Path, config: Config, task: CellTask, examples: list[Example], progress: Progress
) -> StudentModel | None:
    """Train, and move what comes of it to ``folder/student``; None where it is not loaded."""
    from teachback.training import train

    explanations = read_explanations(task.explanations) if task.explanations else []
    settings = config.train
    if task.schedule is not None:
        settings = settings.model_copy(update=asdict(task.schedule))
    if task.equal_to:
        from teachback.training.work import equal_passes

        most, epochs = equal_passes(
            examples,
            explanations,
            task.equal_to,
            train_config=settings,
            student_config=config.student,
            valid_fraction=config.data.valid_fraction,
        )
        epochs = max(epochs, task.at_least)
        settings = settings.model_copy(update={"epochs": epochs})
        passes = EqualPasses(matched=most.objective, matched_epochs=most.passes, epochs=epochs)
        EQUAL_FILE.write(folder / _EQUAL, passes)
        explanations = []

    def trained(goal: Path, schedule: TrainConfig) -> StudentModel:
        return train(
            examples,
            explanations,
            goal,
            train_config=schedule,
            student_config=config.student,
            evaluate_config=config.evaluate,
            valid_fraction=config.data.valid_fraction,
            progress=progress,
            notice=lambda line: print(visible(line), file=sys.stderr),  # noqa: T201
            whole_valid=task.keep_student,  # the best one is kept by its accuracy there
        ).student

    if not task.search:
        return trained(folder, settings)
    search(
        folder,
        task.search,
        lambda goal, one: trained(goal, settings.model_copy(update=asdict(one))),
    )
    return None


def _trained_result(folder: Path, begun: CellResult) -> CellResult:
    """``begun`` with what the student's own record says of its training."""
    record = training_record(folder / "student")
    return replace(
        begun,
        seconds_train=record.seconds,
        threads=record.threads,
        precision=record.precision,
        epochs=record.history[-1].epoch if record.history else None,
        steps=record.steps,
        history=record.history,
    )


def _majority(train: list[Example], test: list[Example]) -> _Answers:
    from teachback.systems import predict_majority

    return _Answers(predict_majority(train, test))


def _untrained(
    config: Config, train: list[Example], test: list[Example], progress: Progress
) -> _Answers:
    from teachback.systems import predict_untrained

    predictions, cost = predict_untrained(
        config.student,
        test,
        config.evaluate,
        train=train,
        progress=progress,
    )
    return _Answers(predictions, {"student": cost})


def _trained(
    folder: Path,
    config: Config,
    test: list[Example],
    student: StudentModel | None,
    progress: Progress,
) -> _Answers:
    from teachback.students.load import load
    from teachback.systems import predict

    if student is None:  # trained by a process that was killed before it had evaluated
        student = load(folder / "student", precision=config.student.precision)
    predictions, cost = predict(student, test, config.evaluate, progress=progress)
    valid = student.card.valid
    if valid is None:
        history = training_record(folder / "student").history
        best = [epoch.accuracy for epoch in history if epoch.accuracy is not None]
        # Of the epoch that was kept: the best by this very accuracy.
        valid = {"direct": max(best)} if best else None
    card = student.card
    return _Answers(
        predictions,
        {"student": cost},
        card.way,
        valid,
        card.valid_asked,
        card.threshold,
        card.temperature,
    )


def _evaluated(
    folder: Path,
    config: Config,
    test: list[Example],
    answers: _Answers,
    started: float,
    begun: CellResult,
) -> CellResult:
    write_evaluation(
        folder,
        {"student": answers.predictions},
        answers.cost,
        answers.way or "direct",
        test[0].kind,
        config.train.seed,
        {
            "choice_score": config.evaluate.choice_score,
            "reading": config.evaluate.reading,
            "languages": config.evaluate.languages,
            "precision": begun.precision,
        },
        threshold=answers.threshold,
        temperature=answers.temperature,
    )
    return replace(
        begun,
        seconds_evaluate=time.perf_counter() - started,
        way=answers.way,
        valid=answers.valid,
        valid_asked=answers.valid_asked,
    )


def _watch() -> None:
    """End this process as soon as standard input closes."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(ORPHANED)

    threading.Thread(target=wait, daemon=True).start()


def main(arguments: list[str]) -> int:
    """The process. Exit code 0 where there is a result, a failed one too."""
    watched = "--watched" in arguments
    folder = Path(arguments[0])
    if watched:
        _watch()
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(one_writer(folder, patience=_PATIENCE))
        except RunFolderError as error:
            print(visible(str(error)), file=sys.stderr)  # noqa: T201
            return TAKEN
        run_cell(folder, Progress(sys.stderr))
    return 0


if __name__ == "__main__":
    collect_rarely()
    sys.exit(main(sys.argv[1:]))
