"""Training: examples and explanations in, a student folder out; killed runs resume."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from teachback.config import EvaluateConfig, StudentConfig, TrainConfig
from teachback.datasets import split_valid
from teachback.errors import ConfigError, DataError
from teachback.files import write_json
from teachback.questions import candidates, choices_of_file, same_answer
from teachback.records import Example, Explanation
from teachback.students.answering import answers
from teachback.students.load import load
from teachback.students.quiet import quiet
from teachback.students.student import Student, StudentCard, Way, use_bf16
from teachback.system import launch
from teachback.system.progress import SILENT, Notice, Progress
from teachback.training import processes
from teachback.training.checkpoints import FOLDER, identity, last_checkpoint, prepare
from teachback.training.memory import Estimate
from teachback.training.pairs import pairs_of
from teachback.training.report import DataReport, Needs, data_report, needs_of
from teachback.training.trainer import MultiTaskTrainer, Steps

__all__ = ["DataReport", "Needs", "TrainingResult", "train"]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A trained student and how it came about."""

    student: Student
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
    progress: Progress = SILENT,
    notice: Notice | None = None,
) -> TrainingResult:
    """Train a student and write it to ``folder/student``.

    A seeded part of ``examples`` is kept apart as ``valid`` and chooses the epoch and the
    student's default way of answering, by answers drawn as ``evaluate_config`` says; nothing
    else is looked at. A run that was killed goes on from its last checkpoint under
    ``folder/checkpoints``. Called in each of several processes (``torchrun``, ``accelerate
    launch``), it trains one student in all of them, the same as in one but for rounding: the
    first writes and speaks, all return the result, and all must see ``folder``. Raises
    DataError where there is nothing to train on, RunFolderError where ``folder`` holds another
    run's student or training will not fit.
    """
    config = train_config or TrainConfig()
    chosen = student_config or StudentConfig()
    answering = evaluate_config or EvaluateConfig()
    folder = Path(folder)
    if not launch.is_first():
        progress, notice = SILENT, None
    notice = notice or (lambda _: None)
    checkpoints = folder.resolve() / FOLDER
    processes.begin()
    with processes.agreed():
        kept = list(explanations)
        part, valid = split_valid(examples, config.seed, fraction=valid_fraction)
        pairs, valid_pairs = (pairs_of(some, kept, config, chosen) for some in (part, valid))
        if config.objective.startswith("mt-") and all(len(e.pairs) == 1 for e in pairs):
            raise DataError(
                f"no training example has an explanation, which {config.objective} needs"
            )
        if config.objective != "st":
            own = sum(any(p.role == "explanation" for p in e.pairs) for e in pairs)
            notice(f"explanations: for {own} of {len(part)} training examples")
        student = _ready(config, chosen, examples, notice)
        if problem := student.sharing_problem():
            notice(f"every target gets a row of its own: {problem}")
        report = data_report(student, pairs)
        encoded = [student.encode(example) for example in pairs]
        encoded_valid = [student.encode(example) for example in valid_pairs]
        estimate = Estimate(student, encoded, config)
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
            own_name = identity(pairs, valid_pairs, config, chosen, answering.choice_score)
            prepare(folder, own_name, overwrite)
    with processes.agreed():
        last = last_checkpoint(checkpoints)
    last = processes.gathered(last)[0]
    trainer_seconds = time.perf_counter()
    steps = _steps(len(encoded), config)
    # Decided on all of valid: one process's share of it may be empty.
    accurate = _valid_is_scored(student, valid)
    with progress.track(steps, f"train {config.objective}", unit="steps") as step:
        callbacks: list[TrainerCallback] = [Steps(step)]
        if config.patience:
            # The lower loss that breaks a tie of accuracies is no better score.
            callbacks.append(EarlyStoppingCallback(config.patience, 1e-5 if accurate else 0.0))
        trainer = MultiTaskTrainer(
            student=student,
            args=_arguments(config, student, checkpoints),
            train=encoded,
            valid=encoded_valid,
            token_budget=config.token_budget,
            length_window=config.length_window,
            score=lambda: (
                _valid_accuracy(student, processes.own_share(valid), answering)
                if accurate
                else None
            ),
            callbacks=callbacks,
        )
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise ConfigError(
                "the launcher asks for FSDP or DeepSpeed, and a student is trained with plain "
                "data parallelism: launch with torchrun, or accelerate without them"
            )
        trainer.remove_callback(PrinterCallback)
        with quiet():
            trainer.train_from(last)
    seconds = time.perf_counter() - trainer_seconds
    history = _history(trainer.state.log_history)
    taken = trainer.state.global_step
    # One name in all processes.
    staging = processes.gathered(folder / f".student.{os.getpid()}.tmp")[0]
    with processes.agreed():
        if launch.is_first():
            for left in folder.glob(".student.*.tmp"):  # of a run that was killed while saving
                shutil.rmtree(left, ignore_errors=True)
            student.save(staging)
    # Loaded anew to answer: an adapter merged, weights in the precision that is computed in.
    del trainer, estimate, student, encoded, encoded_valid
    with processes.agreed():
        student = load(str(staging), precision=chosen.precision)
    _choose_way(student, valid, answering, progress)
    outcome = {
        "seconds": seconds,
        "steps": taken,
        "precision": "bf16" if use_bf16(chosen.precision, student.device) else "fp32",
        "threads": torch.get_num_threads(),
        "processes": launch.processes(),
        "history": list(history),
        "data": asdict(report),
    }
    with processes.agreed():
        if launch.is_first():
            student.card.save(staging)
            write_json(staging / "training.json", outcome)
            # A folder named student is a whole student: renamed last.
            if (folder / "student").exists():  # of before, with --overwrite
                shutil.rmtree(folder / "student")
            os.replace(staging, folder / "student")
            shutil.rmtree(checkpoints, ignore_errors=True)
    return TrainingResult(student, folder / "student", history, seconds, report, needs)


def _ready(
    config: TrainConfig, chosen: StudentConfig, examples: Sequence[Example], notice: Notice
) -> Student:
    """The student as it goes into training: with its card, and its adapter if it gets one."""
    set_seed(config.seed)
    student = load(chosen.reference, precision=chosen.precision, training=True, notice=notice)
    student.with_card(**_card(chosen, config, student, examples))
    if config.lora:
        if use_bf16(chosen.precision, student.device):
            # The base is frozen: one rounding now instead of one at every forward pass. The
            # adapter itself stays float32.
            student.model = student.model.to(torch.bfloat16)
        from teachback.training.adapters import with_adapter  # PEFT takes a second to import

        student.model = with_adapter(student, config)
    return student


def _history(log: Sequence[dict[str, float]]) -> tuple[dict[str, float], ...]:
    """One entry per evaluation on valid of the Trainer's log."""
    return tuple(
        {
            "epoch": float(entry["epoch"]),
            **{
                k.removeprefix("eval_"): float(v) for k, v in entry.items() if k.startswith("eval_")
            },
        }
        for entry in log
        if "eval_loss" in entry
    )


def _card(
    chosen: StudentConfig, config: TrainConfig, student: Student, examples: Sequence[Example]
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


def _steps(count: int, config: TrainConfig) -> int:
    per_epoch = -(-count // config.batch_size)
    return max(1, int(-(-per_epoch * config.epochs // 1)))


def _learning_rate(config: TrainConfig, student: Student) -> float:
    if config.learning_rate is not None:
        return config.learning_rate
    if config.lora:
        return 5e-4
    return 3e-4 if student.family == "seq2seq" else 5e-5


def _arguments(config: TrainConfig, student: Student, folder: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        learning_rate=_learning_rate(config, student),
        lr_scheduler_type=config.schedule
        if config.schedule != "constant"
        else "constant_with_warmup",
        warmup_steps=config.warmup,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        data_seed=config.seed,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,  # the best and the last: killed later, a run is not trained again
        load_best_model_at_end=True,
        restore_callback_states_from_checkpoint=True,
        metric_for_best_model="eval_score",
        greater_is_better=True,
        logging_steps=10,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        use_cpu=student.device.type == "cpu",
    )


def _valid_accuracy(student: Student, valid: Sequence[Example], config: EvaluateConfig) -> float:
    """Accuracy of the direct answer on ``valid``; 0 where there is none."""
    found = answers(student, valid, choice_score=config.choice_score)
    right = sum(same_answer(valid[i], a.answer) for i, a in found)
    return right / max(1, len(valid))


def _valid_is_scored(student: Student, valid: Sequence[Example]) -> bool:
    """Whether the direct answers to valid are scored, rather than generated."""
    return student.card.objective != "cot" and all(candidates(example) for example in valid)


def _choose_way(
    student: Student, valid: Sequence[Example], config: EvaluateConfig, progress: Progress
) -> None:
    """The default way of answering is the better one on valid; a tie goes to the cheaper."""
    card = student.card
    if card.objective in ("st", "mt-re"):
        return
    direct = explained = 0
    batch = 32
    own = processes.own_share(valid)
    with progress.track(len(own), "choose the way of answering on valid") as step:
        found = answers(
            student,
            own,
            explain=True,
            choice_score=config.choice_score,
            batch_size=batch,
            max_new_tokens=config.max_new_tokens,
        )
        for number, (index, answered) in enumerate(found, 1):
            direct += same_answer(own[index], answered.answer)
            explained += same_answer(own[index], answered.explained_answer)
            if number % batch == 0:  # a batch is answered at once
                step.advance(batch)
        step.advance(len(own) % batch)
    shares = processes.gathered((direct, explained))
    right = {
        "direct": sum(share[0] for share in shares),
        "explained": sum(share[1] for share in shares),
    }
    way: Way = "explained" if right["explained"] > right["direct"] else "direct"
    student.with_card(way=way, valid={name: n / len(valid) for name, n in right.items()})
