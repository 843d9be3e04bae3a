"""Training: examples and explanations in, a student folder out; killed runs resume."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from teachback.config import EvaluateConfig, StudentConfig, TrainConfig
from teachback.files import one_writer
from teachback.questions.languages import settled_languages
from teachback.records import Example, Explanation
from teachback.students.model import StudentModel
from teachback.system import launch
from teachback.system.progress import SILENT, Notice, Progress, no_notice
from teachback.training import processes
from teachback.training.finish import finish, save
from teachback.training.fit import fit
from teachback.training.prepare import TrainingSettings, prepare
from teachback.training.report import DataReport, Needs
from teachback.training.reporters import reporters_of
from teachback.training.trimming import trimmed_student

if TYPE_CHECKING:
    from transformers import TrainerCallback

__all__ = ["DataReport", "Needs", "TrainingResult", "train"]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A trained student and how it came about."""

    student: StudentModel
    folder: Path
    history: tuple[dict[str, float], ...]
    """One entry per evaluation on valid: epoch, loss, accuracy where it was measured."""
    seconds: float
    report: DataReport
    needs: Needs


def train(
    examples: Sequence[Example],
    explanations: Iterable[Explanation],
    folder: str | Path,
    *,
    train_config: TrainConfig | None = None,
    student_config: StudentConfig | None = None,
    evaluate_config: EvaluateConfig | None = None,
    valid_fraction: float = 0.1,
    overwrite: bool = False,
    report_to: Sequence[str] = (),
    callbacks: Sequence[TrainerCallback] = (),
    progress: Progress = SILENT,
    notice: Notice | None = None,
    whole_valid: bool = False,
) -> TrainingResult:
    """Train a student and write it to ``folder/student``.

    A seeded part of ``examples`` is kept apart as ``valid`` and chooses the epoch and the
    student's default way of answering, by answers drawn as ``evaluate_config`` says; nothing
    else is looked at. With ``whole_valid``, all of it is explained, even where that cannot change
    the way any more: the accuracy there is then of all questions. ``report_to`` names what the
    Trainer's figures are also sent to, and ``callbacks`` are more of the Trainer's. A run that was
    killed continues from its last checkpoint under ``folder/checkpoints``. Called in each of
    several processes (``torchrun``, ``accelerate launch``), it trains one student in all of them,
    the same as in one but for rounding: the first writes and speaks, all return the result, and
    all must see ``folder``. Raises DataError where there is nothing to train on, RunFolderError
    where ``folder`` holds another run's student or training will not fit.
    """
    reporters = reporters_of(report_to, folder)
    evaluate_config = evaluate_config or EvaluateConfig()
    languages = settled_languages(evaluate_config.languages, examples)
    folder = Path(folder)
    if not launch.is_first():
        progress, notice = SILENT, None
    notice = notice or no_notice
    processes.begin()
    with contextlib.ExitStack() as held:
        with processes.agreed():
            if launch.is_first():  # for all of them
                held.enter_context(one_writer(folder))
            kept = list(explanations)
            settings = TrainingSettings(
                train_config or TrainConfig(),
                trimmed_student(student_config or StudentConfig(), examples, kept, notice),
                evaluate_config.model_copy(update={"languages": languages}),
                valid_fraction,
            )
        prepared = prepare(
            examples,
            kept,
            folder,
            settings,
            overwrite=overwrite,
            notice=notice,
        )
        fitted = fit(prepared, settings, folder, progress, [*reporters, *callbacks])
        staging = save(prepared.student, folder)
        valid, report, needs = prepared.valid, prepared.report, prepared.needs
        del prepared  # the model in training, before the trained one is loaded to answer
        student = finish(
            staging,
            folder,
            fitted,
            valid,
            report,
            settings,
            progress,
            notice,
            whole_valid=whole_valid,
        )
    return TrainingResult(
        student, folder / "student", fitted.history, fitted.seconds, report, needs
    )
