"""The Hugging Face Trainer around a student, with the loss of `teachback.objectives`.

Every process gets whole effective batches of N examples. One training step takes this
process's share of such a batch's rows, splits it into chunks by a token budget, shortest rows
first, and adds up the chunks' gradients of ``loss / N``: what is computed at once, and where,
is a matter of memory and time and never changes the loss, however ragged the batch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from teachback.students.model import StudentModel
from teachback.students.rows import EncodedExample
from teachback.system import launch
from teachback.system.progress import Step
from teachback.training import processes
from teachback.training.batches import EffectiveBatches, chunks, share
from teachback.training.removal import Removal, shortened

Score = Callable[[], float | None]
"""Accuracy on this process's share of valid, with the weights as they are; None in all
processes where it cannot be measured cheaply.
"""


_NO_SCORE = 1e9


def batch_loss(
    student: StudentModel, examples: Sequence[EncodedExample], token_budget: int
) -> float:
    """The L of `teachback.objectives` over ``examples``, without gradients."""
    total = 0.0
    student.model.eval()
    with torch.inference_mode(), student.autocast():
        for part in chunks(student.rows(examples), token_budget):
            batch = {k: v.to(student.device) for k, v in student.collate(part).items()}
            total += float(student.loss(student.model, batch))
    return total / len(examples)


class MultiTaskTrainer(Trainer):  # type: ignore[misc]
    """Trainer whose examples are `EncodedExample`s and whose loss is the student's.

    ``args.per_device_train_batch_size`` is N, the examples of one optimiser step in all
    processes together; ``args.data_seed`` (else ``args.seed``) draws their order.
    ``length_window``: see `EffectiveBatches`. ``removal``: what is taken from targets as training
    goes on; with ``resets`` the optimiser forgets its moments whenever more is taken.
    """

    def __init__(
        self,
        *,
        student: StudentModel,
        args: TrainingArguments,
        train: Sequence[EncodedExample],
        valid: Sequence[EncodedExample],
        token_budget: int,
        score: Score,
        callbacks: list[TrainerCallback],
        length_window: int = 1,
        removal: Removal | None = None,
        resets: bool = False,
    ) -> None:
        args.ddp_find_unused_parameters = False  # the output layer is used outside DDP's forward
        args.ddp_broadcast_buffers = False  # they never change
        if args.n_gpu > 1:
            args._n_gpu = 1  # or one process would split every batch over all GPUs it sees
        super().__init__(
            model=student.model,
            args=args,
            train_dataset=_Listed(train),
            eval_dataset=_Listed(valid),
            callbacks=callbacks,
        )
        self.student = student
        self.batches = EffectiveBatches(
            train,
            args.per_device_train_batch_size,
            args.seed if args.data_seed is None else args.data_seed,
            length_window,
        )
        # What comes of the removal is ST's target, so that is what valid's loss is about.
        self.valid = [shortened(e, removal.longest) for e in valid] if removal else valid
        self.removal, self.resets = removal, resets
        self.token_budget = token_budget
        self.score = score

    def get_train_dataloader(self) -> Any:
        """Whole effective batches, the same in every process: see `training_step`."""
        return self.batches

    def train_from(self, checkpoint: Path | None) -> None:
        """Train to the end, from ``checkpoint`` where there is one, and load the best epoch."""
        if checkpoint is not None:
            state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
            control = state.stateful_callbacks.get("TrainerControl", {})
            if control.get("args", {}).get("should_training_stop"):
                # Killed after its last epoch: the Trainer would begin another one.
                self.state = state
                if state.best_model_checkpoint is not None:
                    self._load_best_model()
                return
        self.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)

    def training_step(
        self,
        model: Any,
        inputs: dict[str, Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Forward and backward of this process's share of one effective batch.

        Gradients are summed over the chunks and, with the last one, averaged over the
        processes: hence the number of processes in the loss. Each has one chunk at least.
        """
        examples: list[EncodedExample] = inputs["examples"]
        if self.removal is not None:
            step = self.state.global_step
            examples = self.removal.applied(examples, step)
            if self.resets and self.removal.goes_on(step):
                self.optimizer.state.clear()
        model.train()
        rows = self.student.rows(examples)
        scale = launch.processes() / len(examples)
        own = share(rows, launch.process(), launch.processes())
        if not own:  # fewer rows than processes: take part without weight
            own, scale = rows[:1], 0.0
        total = torch.zeros((), device=self.args.device)
        parts = list(chunks(own, self.token_budget))
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            waiting = contextlib.nullcontext() if last else self.accelerator.no_sync(model)
            batch = {k: v.to(self.args.device) for k, v in self.student.collate(part).items()}
            with waiting:
                with self.student.autocast():
                    loss = self.student.loss(model, batch) * scale
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Loss and, where it is cheap, accuracy on valid; ``eval_score`` chooses the epoch:
        the accuracy, ties broken by the lower loss, or the loss alone. Each process does its
        share of valid, and all get the same figures.
        """
        own = processes.own_share(self.valid)
        loss = batch_loss(self.student, own, self.token_budget) if own else 0.0
        loss = processes.mean(loss, len(own))
        metrics = {"eval_loss": loss, "eval_score": -loss}
        accuracy = self.score()
        if accuracy is not None:
            accuracy = processes.mean(accuracy, len(own))
            metrics |= {"eval_accuracy": accuracy, "eval_score": accuracy - 1e-6 * loss}
        if self.removal is not None and not self.removal.is_complete(self.state.global_step):
            # No score yet: below any later one, and rising, so that patience does not count.
            metrics["eval_score"] = self.state.global_step - _NO_SCORE
        self.log(metrics)
        self.control: TrainerControl = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # the Trainer's count knows neither our batches nor our masks

    def _save_rng_state(self, output_dir: str) -> None:
        # The state file, written next by the first process, says that a checkpoint is whole.
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()


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
