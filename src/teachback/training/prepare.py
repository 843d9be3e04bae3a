"""Before training: what is trained on, the student that is trained, and whether it will fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from teachback.config import EvaluateConfig, StudentConfig, TrainConfig
from teachback.datasets import split_valid
from teachback.errors import DataError
from teachback.objectives import OBJECTIVES, TrainingExample
from teachback.questions import choices_of_file
from teachback.records import Example, Explanation
from teachback.students.card import StudentCard
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.students.quiet import quiet
from teachback.students.rows import EncodedExample
from teachback.system import launch
from teachback.system.progress import Notice, no_notice
from teachback.training import checkpoints, processes
from teachback.training.memory import MemoryEstimate
from teachback.training.pairs import pairs_of
from teachback.training.report import (
    DataReport,
    Needs,
    check_choices,
    data_report,
    needs_of,
    set_limits,
)


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """All that one training is set by. ``evaluate``: how the answers to valid are drawn."""

    train: TrainConfig
    student: StudentConfig
    evaluate: EvaluateConfig
    valid_fraction: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is ready to be trained: the student, its encoded examples, and what to expect."""

    student: StudentModel
    encoded: list[EncodedExample]
    encoded_valid: list[EncodedExample]
    valid: list[Example]
    report: DataReport
    needs: Needs
    checkpoint: Path | None
    """Where a killed training continues from."""


def prepare(
    examples: Sequence[Example],
    explanations: Iterable[Explanation],
    folder: Path,
    settings: TrainingSettings,
    *,
    overwrite: bool,
    notice: Notice,
) -> Prepared:
    """Read, load, encode and estimate, and claim ``folder`` for this training's checkpoints.

    Raises DataError where there is nothing to train on, RunFolderError where ``folder`` holds
    another run's student or training will not fit.
    """
    config = settings.train
    with processes.agreed():
        kept = list(explanations)
        part, valid = split_valid(examples, config.seed, fraction=settings.valid_fraction)
        pairs, valid_pairs = (
            pairs_of(some, kept, config, settings.student, part=name)
            for some, name in ((part, "the training part"), (valid, "valid"))
        )
        _check_explanations(pairs, len(part), config, notice)
        student = ready_student(config, settings.student, examples, notice)
        if problem := student.sharing_problem():
            notice(f"slower training, with a row for each target: {problem}")
        check_choices(student, [*part, *valid], notice)
        report = data_report(student, pairs)
        notice(student.precision.line)
        set_limits(student, pairs, notice)
        encoded = [student.encode(example) for example in pairs]
        encoded_valid = [student.encode(example) for example in valid_pairs]
        for example in (*encoded, *encoded_valid):
            student.check_fits(example.rows, f"example {example.id!r}")
        estimate = MemoryEstimate(student, encoded, config)
        needs = needs_of(estimate, folder)
        for line in (*report.lines(), *needs.lines()):
            notice(line)
        if config.memory_check:
            estimate.check(needs.memory_there)
        if config.gradient_checkpointing:
            with quiet():
                student.model.gradient_checkpointing_enable({"use_reentrant": False})
                student.model.enable_input_require_grads()
        if launch.is_first():
            own_name = checkpoints.identity(
                pairs, valid_pairs, config, settings.student, settings.evaluate.choice_score
            )
            checkpoints.claim(folder, own_name, overwrite)
    with processes.agreed():
        last = checkpoints.last_checkpoint(folder.resolve() / checkpoints.FOLDER)
    last = processes.gathered(last)[0]
    return Prepared(student, encoded, encoded_valid, list(valid), report, needs, last)


def _check_explanations(
    pairs: Sequence[TrainingExample], count: int, config: TrainConfig, notice: Notice
) -> None:
    """Say how many of ``count`` examples have explanations. Raises DataError where the objective
    needs them and no example has one.
    """
    tasks = OBJECTIVES[config.objective]
    if tasks.multi_task and all(len(e.pairs) == 1 for e in pairs):
        raise DataError(f"no training example has an explanation, which {config.objective} needs")
    if tasks.explains:
        own = sum(any(p.role == "explanation" for p in e.pairs) for e in pairs)
        notice(f"explanations: for {own} of {count} training examples")


def ready_student(
    config: TrainConfig,
    chosen: StudentConfig,
    examples: Sequence[Example],
    notice: Notice = no_notice,
) -> StudentModel:
    """The student as it goes into training: with its card, and its adapter if it gets one."""
    set_seed(config.seed)
    student = load(chosen.reference, precision=chosen.precision, training=True, notice=notice)
    student.with_card(**_card(chosen, config, student, examples))
    if config.lora:
        if student.precision.used == "bf16":
            # The base is frozen: one rounding now instead of one at every forward pass. The
            # adapter itself stays float32.
            student.model = student.model.to(torch.bfloat16)
        from teachback.training.adapters import with_adapter  # PEFT takes a second to import

        student.model = with_adapter(student, config)
    return student


def _card(
    chosen: StudentConfig, config: TrainConfig, student: StudentModel, examples: Sequence[Example]
) -> dict[str, Any]:
    return asdict(
        StudentCard(
            base=chosen.reference,
            family=student.family,
            task_marker=chosen.task_marker,
            answer_format=chosen.answer_format,
            objective=config.objective,
            alpha=config.alpha,
            seed=config.seed,
            max_source_tokens=chosen.max_source_tokens,
            max_target_tokens=chosen.max_target_tokens,
            kind=examples[0].kind,
            labels=choices_of_file(examples[0]),
        )
    )
