"""The measured ways to train: each is a Hugging Face Trainer whose steps are timed whole.

``ours``       MultiTaskTrainer: one row per question, its branches behind it (causal), or one
               encoder pass and all targets in the decoder (seq2seq)
``rows``       the same with one row per target: logits at targets only, nothing shared
``plain``      transformers' Trainer on one row per target, logits everywhere
``trl``        TRL's SFTTrainer at its defaults, on the same rows
``trl-kept``   the same without its gradient checkpointing
``two-pass``   distilling-step-by-step (Hsieh et al. 2023, section 3.2): a batch of answers and
               one of explanations, a prefix on the encoder's input naming the task, a forward
               pass for each, losses added
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft.tuners import lora
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    PrinterCallback,
    T5Config,
    T5ForConditionalGeneration,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from bench.students import loaded
from bench.training.batches import (
    IGNORED,
    MICROBATCH,
    by_task,
    labelled,
    microbatches,
    padded,
    shape_of,
)
from bench.training.material import whole
from bench.training.turns import Turns
from teachback.config import TrainConfig
from teachback.students.card import StudentCard
from teachback.students.causal import CausalStudent
from teachback.students.model import StudentModel
from teachback.students.precision import choose_precision
from teachback.students.quiet import quiet
from teachback.students.rows import EncodedExample
from teachback.students.seq2seq import Seq2SeqStudent
from teachback.training.adapters import AdaptedLinear
from teachback.training.trainer import MultiTaskTrainer

T5_SIZES = {
    "t5-small": {"d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_heads": 8},
    "t5-base": {"d_model": 768, "d_kv": 64, "d_ff": 3072, "num_layers": 12, "num_heads": 12},
}
Shapes = list[dict[str, int]]
"""Those of all microbatches, in order."""


class Turned(TrainerCallback):  # type: ignore[misc]
    """Hands the machine over between steps; the first step waits for its turn as well."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.step = 0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.turns.wait()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.turns.done()
        self.step = state.global_step
        if state.global_step < state.max_steps:
            control.should_training_stop = not self.turns.wait()


def prepare(job: dict[str, Any], shapes: Shapes, folder: Path) -> Callable[[Turns], list[float]]:
    """Everything but the training itself; the result trains, a step at every turn."""
    student = model_of(job)
    steps = [[whole(e, vocabulary(student)) for e in examples] for examples in job["steps"]]
    make = SCHEMES[job["scheme"]]

    def work(turns: Turns) -> list[float]:
        trainer = make(job, student, steps, folder, shapes, Turned(turns))
        trainer.remove_callback(PrinterCallback)
        with quiet():
            trainer.train()
        return []  # scores are what `scoring` computes

    return work


def model_of(job: dict[str, Any]) -> StudentModel:
    """The student of a job, placed and in the precision that it trains in."""
    if job["model"] in T5_SIZES:
        config = t5_config(job["model"])
        torch.manual_seed(0)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        student: StudentModel = Seq2SeqStudent(
            T5ForConditionalGeneration(config).to(device), _Ids(config), StudentCard(base="random")
        )
    else:
        lora = job["tuning"] == "lora"
        student = loaded(job["model"], lora=lora, precision=job["precision"])
        if lora and job["scheme"] not in ("ours", "rows"):
            as_peft(student.model)
    student.precision = choose_precision(job["precision"], student.device)
    if isinstance(student, CausalStudent):
        student.shared_prefix = job["scheme"] != "rows"
    return student


def as_peft(model: nn.Module) -> None:
    """Give the adapter's layers back to PEFT: the others' stacks compute them as PEFT does."""
    for module in model.modules():
        if isinstance(module, AdaptedLinear):
            module.__class__ = lora.Linear


def t5_config(name: str) -> T5Config:
    return T5Config(vocab_size=32128, decoder_start_token_id=0, **T5_SIZES[name])


def config_of(model: str) -> Any:
    return t5_config(model) if model in T5_SIZES else AutoConfig.from_pretrained(model)


def vocabulary(student: StudentModel) -> int | None:
    return student.model.config.vocab_size if student.family == "seq2seq" else None


class _Ids:
    """All that collation asks of a tokenizer, for a model that has none."""

    def __init__(self, config: T5Config) -> None:
        self.pad_token_id, self.eos_token_id = config.pad_token_id, config.eos_token_id


def arguments(job: dict[str, Any], folder: Path, batch: int, accumulate: int = 1) -> dict[str, Any]:
    """The same optimiser and schedule for all."""
    return {
        "output_dir": str(folder),
        "max_steps": len(job["steps"]),
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": accumulate,
        "learning_rate": 1e-5,
        "train_sampling_strategy": "sequential",
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "use_cpu": not torch.cuda.is_available(),
    }


# ------------------------------------------------------------------ teachback


def ours(
    job: dict[str, Any],
    student: StudentModel,
    steps: list[list[EncodedExample]],
    folder: Path,
    shapes: Shapes,
    callback: Turned,
) -> Trainer:
    noted(student, shapes, lambda: callback.step)
    examples = [example for step in steps for example in step]
    extra = {"remove_unused_columns": False}
    trainer = MultiTaskTrainer(
        student=student,
        args=TrainingArguments(**arguments(job, folder, len(steps[0])), **extra),
        train=examples,
        valid=examples[:1],
        token_budget=job.get("token_budget", TrainConfig().token_budget),
        score=lambda: None,
        callbacks=[callback],
    )
    # It draws its own order, whatever the sampling strategy; here every scheme takes one step
    # after another, or they would train on different rows.
    size = len(steps[0])
    in_order = [list(range(n * size, (n + 1) * size)) for n in range(len(steps))]
    trainer.batches.numbers = lambda: in_order  # type: ignore[method-assign]
    return trainer


def noted(student: StudentModel, shapes: Shapes, step: Callable[[], int]) -> None:
    """Note the shape of every batch that ``student`` collates, and the step it belongs to."""
    collate = student.collate

    def wrapped(rows: Sequence[Any]) -> dict[str, Tensor]:
        batch = collate(rows)
        shapes.append(shape_of(batch, len(batch["target_ids"])) | {"step": step()})
        return batch

    student.collate = wrapped  # type: ignore[method-assign]


# ------------------------------------------------------------------ one row per target


def plain(
    job: dict[str, Any],
    student: StudentModel,
    steps: list[list[EncodedExample]],
    folder: Path,
    shapes: Shapes,
    callback: TrainerCallback,
) -> Trainer:
    size, accumulated = microbatches(steps)

    def collate(rows: list[dict[str, list[int]]]) -> dict[str, Tensor]:
        batch = padded(rows, student.pad_id)
        # The Trainer fetches a microbatch ahead, so that the step is known by counting alone.
        step = {"step": len(shapes) // accumulated}
        shapes.append(shape_of(batch, batch["input_ids"].numel()) | step)
        return batch

    values = arguments(job, folder, size, accumulated) | {"bf16": job["precision"] == "bf16"}
    return Trainer(
        model=student.model,
        args=TrainingArguments(**values),
        train_dataset=labelled(steps),
        data_collator=collate,
        callbacks=[callback],
    )


def trl(
    job: dict[str, Any],
    student: StudentModel,
    steps: list[list[EncodedExample]],
    folder: Path,
    shapes: Shapes,
    callback: TrainerCallback | None,
) -> Trainer:
    """SFTTrainer at its defaults, but for what all share: optimiser, order, batch."""
    import datasets
    from trl import SFTConfig, SFTTrainer

    datasets.disable_progress_bars()
    size, accumulated = microbatches(steps)
    values = arguments(job, folder, size, accumulated) | {"bf16": job["precision"] == "bf16"}
    if job["scheme"] == "trl-kept":
        values["gradient_checkpointing"] = False
    trainer = SFTTrainer(
        model=student.model,
        args=SFTConfig(**values),
        train_dataset=datasets.Dataset.from_list(labelled(steps)),
        processing_class=student.tokenizer,
        callbacks=[callback] if callback else [],
    )
    collate = trainer.data_collator
    # Without Triton (that is, without a GPU) TRL's output layer computes every position.
    compact = torch.cuda.is_available()

    def noting(rows: list[Any]) -> Any:
        batch = collate(rows)
        targets = int((batch["labels"][:, 1:] != IGNORED).sum())
        positions = targets if compact else batch["labels"][:, 1:].numel()
        shapes.append(shape_of(batch, positions) | {"step": len(shapes) // accumulated})
        return batch

    trainer.data_collator = noting
    return trainer


# ------------------------------------------------------------------ two passes


class TwoPassTrainer(Trainer):  # type: ignore[misc]
    """A forward pass over the answers and one over the explanations, losses added.

    Both are the model's own token mean over its batch, weighted by alpha and 1 − alpha.
    """

    alpha = 0.5

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.model_accepts_loss_kwargs = False  # each microbatch's mean, averaged

    def compute_loss(self, model: nn.Module, inputs: Any, *_: Any, **__: Any) -> Tensor:
        answers, explanations = (model(**inputs[name]).loss for name in ("answer", "explanation"))
        loss: Tensor = self.alpha * answers + (1 - self.alpha) * explanations
        return loss


def two_pass(
    job: dict[str, Any],
    student: StudentModel,
    steps: list[list[EncodedExample]],
    folder: Path,
    shapes: Shapes,
    callback: TrainerCallback,
) -> Trainer:
    start = student.model.config.decoder_start_token_id
    prefixes = ([100, 101], [102, 103])  # as many tokens as "predict:" and "explain:" have

    def collate(examples: list[EncodedExample]) -> dict[str, Any]:
        batches = by_task(examples, start, prefixes)
        step = {"step": len(shapes) // (len(batches) * accumulated)}
        shapes.extend(shape_of(b, b["labels"].numel()) | step for b in batches.values())
        return batches

    size = min(MICROBATCH, len(steps[0]))
    accumulated = len(steps[0]) // size
    values = arguments(job, folder, size, accumulated)
    values |= {"bf16": job["precision"] == "bf16", "remove_unused_columns": False}
    return TwoPassTrainer(
        model=student.model,
        args=TrainingArguments(**values),
        train_dataset=[example for step in steps for example in step],
        data_collator=collate,
        callbacks=[callback],
    )


SCHEMES: dict[str, Callable[..., Any]] = {
    "ours": ours,
    "rows": ours,
    "plain": plain,
    "trl": trl,
    "trl-kept": trl,
    "two-pass": two_pass,
}
