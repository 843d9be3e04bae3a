"""Students as training takes them, and students with random weights. Imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import ByT5Tokenizer, T5Config, T5ForConditionalGeneration

from teachback.config import TrainConfig
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.system.precision import Precision
from teachback.training.adapters import with_adapter

TINY = {
    "d_model": 48,
    "d_kv": 12,
    "d_ff": 96,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 4,
    "dropout_rate": 0.0,
}
"""About 100,000 parameters with a vocabulary of bytes."""
SMALL = {
    "vocab_size": 32128,
    "d_model": 512,
    "d_kv": 64,
    "d_ff": 1024,
    "num_layers": 8,
    "num_heads": 6,
}
"""The shape of T5 v1.1 small."""


def loaded(reference: str, *, lora: bool, precision: Precision = "auto") -> StudentModel:
    """A student as it goes into training: with ``lora``, a base in the precision that it is
    computed in and an adapter in float32.
    """
    student = load(reference, precision=precision, training=True)
    if lora:
        if student.precision.used == "bf16":
            student.model = student.model.to(torch.bfloat16)
        student.model = with_adapter(student, TrainConfig(lora=True))
    return student


def random_t5(folder: Path, shape: dict[str, Any]) -> Path:
    """Write a T5 v1.1 with random weights; its tokenizer's tokens are bytes."""
    tokenizer = ByT5Tokenizer(extra_ids=125)
    config = T5Config(
        **{"vocab_size": len(tokenizer), **shape},
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(config)
    # T5Config ties the two matrices whatever it is told; released 1.1 weights differ.
    model.lm_head.weight = torch.nn.Parameter(
        torch.randn_like(model.shared.weight) * config.d_model**-0.5
    )
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder
