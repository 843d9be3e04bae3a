"""Training itself: the Trainer's settings, and what it did."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    TrainerCallback,
    TrainingArguments,
)

from teachback.config import TrainConfig
from teachback.errors import ConfigError
from teachback.students.model import StudentModel
from teachback.students.quiet import quiet
from teachback.system.progress import Progress
from teachback.training import processes, validation
from teachback.training.batches import steps_of, steps_per_pass
from teachback.training.checkpoints import FOLDER
from teachback.training.prepare import Prepared, TrainingSettings
from teachback.training.removal import removal
from teachback.training.trainer import MultiTaskTrainer, Steps


@dataclass(frozen=True, slots=True)
class Fitted:
    """What training did; the trained weights are in the prepared student."""

    history: tuple[dict[str, float], ...]
    """One entry per evaluation on valid: epoch, loss, accuracy where it was measured."""
    seconds: float
    steps: int


def fit(
    prepared: Prepared,
    settings: TrainingSettings,
    folder: Path,
    progress: Progress,
    callbacks_of_user: Sequence[TrainerCallback] = (),
) -> Fitted:
    """Train ``prepared.student`` to the best epoch on valid, with checkpoints in ``folder``."""
    config, student, valid = settings.train, prepared.student, prepared.valid
    started = time.perf_counter()
    per_epoch = steps_per_pass(len(prepared.encoded), config)
    steps = steps_of(config.epochs, per_epoch)
    # Decided on all of valid: one process's share of it may be empty.
    accurate = validation.is_scored(student, valid)
    with progress.track(steps, f"train {config.objective}", unit="steps") as step:
        callbacks: list[TrainerCallback] = [Steps(step)]
        if config.patience:
            # The lower loss that breaks a tie of accuracies is no better score.
            callbacks.append(EarlyStoppingCallback(config.patience, 1e-5 if accurate else 0.0))
        trainer = MultiTaskTrainer(
            student=student,
            args=_arguments(config, student, folder.resolve() / FOLDER),
            train=prepared.encoded,
            valid=prepared.encoded_valid,
            token_budget=config.token_budget,
            length_window=config.length_window,
            score=lambda: (
                validation.accuracy(student, processes.own_share(valid), settings.evaluate)
                if accurate
                else None
            ),
            callbacks=[*callbacks, *callbacks_of_user],
            removal=removal(
                prepared.encoded,
                config,
                steps=steps,
                per_epoch=per_epoch,
            ),
            resets=config.removal_reset,
        )
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise ConfigError(
                "the launcher asks for FSDP or DeepSpeed, and a student is trained with plain "
                "data parallelism: launch with torchrun, or accelerate without them"
            )
        trainer.remove_callback(PrinterCallback)
        with quiet():
            trainer.train_from(prepared.checkpoint)
    return Fitted(
        history=_history(trainer.state.log_history),
        seconds=time.perf_counter() - started,
        steps=trainer.state.global_step,
    )


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


def _learning_rate(config: TrainConfig, student: StudentModel) -> float:
    if config.learning_rate is not None:
        return config.learning_rate
    if config.lora:
        return 5e-4
    return 3e-4 if student.family == "seq2seq" else 5e-5


def _arguments(config: TrainConfig, student: StudentModel, folder: Path) -> TrainingArguments:
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
