"""Training a student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Unpack

from teachback.api.inputs import Explanations, explanations_of
from teachback.api.settings import (
    TRAIN,
    Meaningless,
    TrainSettings,
    checked_section,
    refuse,
    sorted_settings,
)
from teachback.api.watching import notice_of, progress_of
from teachback.config import REMOVAL_KEYS, StudentConfig, TrainConfig
from teachback.datasets import Columns, Data, read_examples
from teachback.errors import ConfigError
from teachback.objectives import OBJECTIVES
from teachback.records import Objective
from teachback.runs.pipeline import check_student

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from teachback.students.student import Student


DEFAULT_STUDENT = StudentConfig().reference


def train(
    examples: Data,
    explanations: Explanations = (),
    *,
    student: str | Path = DEFAULT_STUDENT,
    objective: Objective = "mt-cot",
    folder: str | Path | None = None,
    overwrite: bool = False,
    kind: str | None = None,
    columns: Columns | None = None,
    report_to: str | Sequence[str] = (),
    callbacks: Sequence[TrainerCallback] = (),
    progress: bool | None = None,
    **settings: Unpack[TrainSettings],
) -> Student:
    """Train a student; with ``folder``, it is written to ``folder/student``, and a run that was
    killed continues when it is called again.

    ``student``: a reference or a folder. ``explanations``: not needed for ``st``. ``kind`` and
    ``columns``: see `read_examples`. ``report_to``: where the Hugging Face Trainer also reports
    (``tensorboard``, ``wandb``, ``mlflow``, …); TensorBoard's files go to ``folder/logs``.
    ``callbacks``: further ones of the Trainer, as objects. ``progress``: None shows it in a
    notebook and on a terminal.

    Raises DataError where there is nothing to train on, ConfigError for settings that are unknown
    or mean nothing, ReferenceError_ where ``student`` leads nowhere, RunFolderError where
    ``folder`` holds another student.
    """
    read = read_examples(examples, kind=kind, columns=columns)
    kept = explanations_of(explanations)
    reporting = (report_to,) if isinstance(report_to, str) else tuple(report_to)
    if overwrite and folder is None:
        raise ConfigError("train(): overwrite means nothing here: there is no folder")
    if "tensorboard" in reporting and folder is None:
        raise ConfigError("train(): report_to 'tensorboard' writes files: give a folder")
    values = sorted_settings(settings, TRAIN, "train()")
    train_config: TrainConfig = checked_section(
        "train", {**values["train"], "objective": objective}, "train()"
    )
    student_config: StudentConfig = checked_section(
        "student", {**values["student"], "reference": str(student)}, "train()"
    )
    _refuse_meaningless(settings, train_config, student_config)
    evaluate_config = checked_section("evaluate", values["evaluate"], "train()")
    data_config = checked_section("data", {"train": "examples", **values["data"]}, "train()")

    from teachback.students.student import Student
    from teachback.students.weights import resolve
    from teachback.training import train as train_into

    check_student(student_config.reference, resolve(student_config.reference).adapter)

    def run(where: Path, kept_in: str | None) -> Student:
        shown = progress_of(progress)
        result = train_into(
            read,
            kept,
            where,
            train_config=train_config,
            student_config=student_config,
            evaluate_config=evaluate_config,
            valid_fraction=data_config.valid_fraction,
            overwrite=overwrite,
            report_to=reporting,
            callbacks=callbacks,
            progress=shown,
            notice=notice_of(shown),
        )
        return Student(result.student, kept_in)

    if folder is not None:
        return run(Path(folder), str(Path(folder) / "student"))
    with TemporaryDirectory(prefix="teachback-") as temporary:
        return run(Path(temporary), None)


def _refuse_meaningless(
    settings: Mapping[str, object], config: TrainConfig, student: StudentConfig
) -> None:
    name, tasks = config.objective, OBJECTIVES[config.objective]
    rules = (
        Meaningless(
            ("lora_rank", "lora_alpha", "lora_dropout"),
            not config.lora,
            "it shapes an adapter, and lora is not set",
        ),
        Meaningless(("alpha",), not tasks.multi_task, f"{name} has only one task"),
        Meaningless(("trim_limit",), student.trim_vocabulary is None, "trim_vocabulary is not set"),
        Meaningless(("permute",), not tasks.explains, f"{name} does not learn from explanations"),
        Meaningless(
            REMOVAL_KEYS,
            not tasks.internalises,
            f"{name} removes nothing from explanations during training",
        ),
    )
    refuse(settings, rules, "train()")
