"""One cell in a process of its own: ``python -m teachback.study.cell FOLDER``.

The folder holds ``cell.json`` (what defines the cell) and ``task.json`` (how to run it: the
configuration, where the explanations lie). The process trains, evaluates on the test file once,
and writes ``result.json`` last: a folder with it is finished. Killed and begun again, training
goes on from its last checkpoint. ``--watched``: end at once when standard input closes, which it
does when the process that began this one is gone, however it ended.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teachback.config import Config, parse_config
from teachback.datasets import read_examples
from teachback.errors import TeachbackError
from teachback.files import read_explanations, read_json, write_json
from teachback.files.locks import Held, Lock
from teachback.records import Example, Prediction, Way
from teachback.runs.evaluations import write_evaluation
from teachback.runs.folders import training_part
from teachback.system.progress import SILENT, Progress

if TYPE_CHECKING:
    from teachback.students.model import StudentModel
    from teachback.systems import Cost

ORPHANED = 75
"""Exit code of a cell whose study is gone."""

TAKEN = 76
"""Exit code of a cell that another process runs."""

_EQUAL = "equal.json"
"""Beside an ST at equal time: the passes of MT-CoT, and those of ST that compute as much."""

_WAITS = 100
"""Tenths of a second that a cell waits for another process to leave it."""


@dataclass(frozen=True)
class _Answers:
    predictions: list[Prediction]
    cost: Mapping[str, Cost]
    way: Way | None
    valid: Mapping[str, float] | None = None


def new_result(engine: str, threads: int | None = None) -> dict[str, Any]:
    """``result.json`` of a cell that begins now, here."""
    return {
        "status": "done",
        "error": None,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": None,
        "seconds_train": None,
        "seconds_evaluate": None,
        "threads": threads,
        "precision": None,
        "epochs": None,
        "steps": None,
        "history": [],
        "way": None,
        "valid": None,
        "engine": engine,
        "host": platform.node(),
        "resumed": False,
    }


def run_cell(folder: Path, progress: Progress = SILENT) -> dict[str, Any]:
    """Run the cell of ``folder`` and return its ``result.json``, which is written last.

    An error makes a ``failed`` result, not an exception: it is a row of the study.
    """
    task = read_json(folder / "task.json")
    started = time.perf_counter()
    result = new_result(task["engine"], task["threads"])
    # Its seconds_train are then of the last process alone.
    result["resumed"] = (folder / "checkpoints").is_dir() or (folder / "student").is_dir()
    try:
        result |= _run(folder, task, progress)
    except (Exception, MemoryError) as error:
        traceback.print_exc()
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        line = str(error) if isinstance(error, TeachbackError) else _named(error)
        result |= {"status": "failed", "error": line}
    result["seconds"] = time.perf_counter() - started
    write_json(folder / "result.json", result)
    return result


def _named(error: BaseException) -> str:
    first = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first}"


def _run(folder: Path, task: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    config = parse_config(task["config"], source=str(folder / "task.json"))
    control = task["control"]
    test = read_examples(config.data.test or "", kind=config.data.kind)
    if control == "majority":
        from teachback.systems import predict_majority

        train = read_examples(config.data.train, kind=config.data.kind)
        answers = _Answers(predict_majority(train, test), {}, None)
        return _evaluated(folder, config, test, answers, time.perf_counter())
    if control == "untrained":
        started = time.perf_counter()
        return _evaluated(folder, config, test, _untrained(config, test, progress), started)
    student = None
    if not (folder / "student").is_dir():
        student = _train(folder, config, task, progress)
    found = _training(folder)
    if task["equal_to"] is not None:
        found["equal_to"] = read_json(folder / _EQUAL)
    started = time.perf_counter()
    answers = _trained(folder, config, test, student, progress)
    found |= _evaluated(folder, config, test, answers, started)
    if not task["keep_student"]:
        shutil.rmtree(folder / "student")
    return found


def _train(
    folder: Path, config: Config, task: Mapping[str, Any], progress: Progress
) -> StudentModel:
    from teachback.training import train

    explanations = read_explanations(task["explanations"]) if task["explanations"] else []
    examples = training_part(config)
    settings = config.train
    if task["equal_to"] is not None:
        from teachback.training.work import equal_passes

        epochs = equal_passes(
            examples,
            explanations,
            task["equal_to"],
            train_config=settings,
            student_config=config.student,
            valid_fraction=config.data.valid_fraction,
        )
        settings = settings.model_copy(update={"epochs": epochs})
        write_json(folder / _EQUAL, {"matched_epochs": task["equal_to"], "epochs": epochs})
        explanations = []
    return train(
        examples,
        explanations,
        folder,
        train_config=settings,
        student_config=config.student,
        evaluate_config=config.evaluate,
        valid_fraction=config.data.valid_fraction,
        progress=progress,
        notice=lambda line: print(line, file=sys.stderr),  # noqa: T201
    ).student


def _training(folder: Path) -> dict[str, Any]:
    """What the trained student's own record says of its training."""
    record = read_json(folder / "student" / "training.json")
    kept = ("epoch", "loss", "accuracy")
    history = [{k: entry[k] for k in kept if k in entry} for entry in record["history"]]
    return {
        "seconds_train": record["seconds"],
        "threads": record["threads"],
        "precision": record.get("precision"),
        "epochs": history[-1]["epoch"] if history else None,
        "steps": record["steps"],
        "history": history,
    }


def _untrained(config: Config, test: list[Example], progress: Progress) -> _Answers:
    from teachback.systems import predict_untrained

    predictions, cost = predict_untrained(config.student, test, config.evaluate, progress=progress)
    return _Answers(predictions, {"student": cost}, None)


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
        history = _training(folder)["history"]
        best = [entry["accuracy"] for entry in history if "accuracy" in entry]
        # Of the epoch that was kept: the best by this very accuracy.
        valid = {"direct": max(best)} if best else None
    return _Answers(predictions, {"student": cost}, student.card.way, valid)


def _evaluated(
    folder: Path, config: Config, test: list[Example], answers: _Answers, started: float
) -> dict[str, Any]:
    write_evaluation(
        folder,
        {"student": answers.predictions},
        answers.cost,
        answers.way or "direct",
        test[0].kind,
        config.train.seed,
        {"choice_score": config.evaluate.choice_score},
    )
    return {
        "seconds_evaluate": time.perf_counter() - started,
        "way": answers.way,
        "valid": None if answers.valid is None else dict(answers.valid),
    }


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
    for left in range(_WAITS, -1, -1):
        try:
            lock = Lock(folder / "lock")
            break
        except Held as held:
            if not left:
                print(f"{held.holder} is running this cell", file=sys.stderr)  # noqa: T201
                return TAKEN
            time.sleep(0.1)  # one whose study was killed is about to end
    with lock:
        run_cell(folder, Progress(sys.stderr))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
