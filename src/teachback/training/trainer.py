"""The Hugging Face Trainer around a student, with the design's loss.

The data loader yields whole effective batches of N examples. One training step splits such
a batch into chunks by a token budget, shortest rows first, and adds up the chunks'
gradients of ``loss / N``: what is computed at once is a matter of memory and never changes
the loss, however ragged the batch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from teachback.progress import Step
from teachback.students.rows import EncodedExample, Row
from teachback.students.student import Student

Score = Callable[[], float | None]
"""Accuracy on valid with the weights as they are; None where it cannot be had cheaply."""


def chunks(rows: Sequence[Row], token_budget: int) -> Iterator[list[Row]]:
    """Rows by length, cut so that rows × longest stays within the budget (one row at least)."""
    part: list[Row] = []
    for row in sorted(rows, key=len):
        if part and (len(part) + 1) * len(row) > token_budget:
            yield part
            part = []
        part.append(row)
    if part:
        yield part


def batch_loss(student: Student, examples: Sequence[EncodedExample], token_budget: int) -> float:
    """The design's L over ``examples``, without gradients."""
    rows = [row for example in examples for row in example.rows]
    total = 0.0
    student.model.eval()
    with torch.inference_mode(), student.autocast():
        for part in chunks(rows, token_budget):
            batch = {k: v.to(student.device) for k, v in student.collate(part).items()}
            total += float(student.loss(student.model, batch))
    return total / len(examples)


class MultiTaskTrainer(Trainer):  # type: ignore[misc]
    """Trainer whose examples are `EncodedExample`s and whose loss is the student's."""

    def __init__(
        self,
        *,
        student: Student,
        args: TrainingArguments,
        train: Sequence[EncodedExample],
        valid: Sequence[EncodedExample],
        token_budget: int,
        score: Score,
        callbacks: list[TrainerCallback],
    ) -> None:
        super().__init__(
            model=student.model,
            args=args,
            data_collator=lambda batch: {"examples": batch},
            train_dataset=_Listed(train),
            eval_dataset=_Listed(valid),
            callbacks=callbacks,
        )
        self.student = student
        self.valid = valid
        self.token_budget = token_budget
        self.score = score

    def training_step(
        self,
        model: Any,
        inputs: dict[str, Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        examples: list[EncodedExample] = inputs["examples"]
        model.train()
        # Gradients are averaged over processes, so each divides by its share of all examples.
        count = torch.tensor(float(len(examples)), device=self.args.device)
        processes = self.accelerator.num_processes
        if processes > 1:
            count = self.accelerator.reduce(count, reduction="sum") / processes
        rows = [row for example in examples for row in example.rows]
        total = torch.zeros((), device=self.args.device)
        parts = list(chunks(rows, self.token_budget))
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            waiting = contextlib.nullcontext() if last else self.accelerator.no_sync(model)
            batch = {k: v.to(self.args.device) for k, v in self.student.collate(part).items()}
            with waiting:
                with self.student.autocast():
                    loss = self.student.loss(model, batch) / count
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Loss and, where it is cheap, accuracy on valid; ``eval_score`` chooses the epoch:
        the accuracy, ties broken by the lower loss, or the loss alone.
        """
        loss = batch_loss(self.student, self.valid, self.token_budget)
        metrics = {"eval_loss": loss, "eval_score": -loss}
        accuracy = self.score()
        if accuracy is not None:
            metrics |= {"eval_accuracy": accuracy, "eval_score": accuracy - 1e-6 * loss}
        self.log(metrics)
        self.control: TrainerControl = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # the Trainer's count knows neither our batches nor our masks


class _Listed(torch.utils.data.Dataset[EncodedExample]):
    def __init__(self, examples: Sequence[EncodedExample]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> EncodedExample:
        return self.examples[index]


class Steps(TrainerCallback):  # type: ignore[misc]
    """The Trainer's steps on a progress bar, with the last loss and valid score."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.note = ""
        self.done = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.done = state.global_step

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.step.advance(state.global_step - self.done, self.note)
        self.done = state.global_step

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        logs = logs or {}
        if "eval_accuracy" in logs:
            self.note = f"valid accuracy {logs['eval_accuracy']:.3f}"
        elif "eval_loss" in logs:
            self.note = f"valid loss {logs['eval_loss']:.3f}"
        elif "loss" in logs:
            self.note = f"loss {logs['loss']:.3f}"
