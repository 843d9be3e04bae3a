"""Small students for what exports them: a base, an adapter with random values, a card."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from teachback.config import TrainConfig
from teachback.students.load import load
from teachback.training.adapters import with_adapter
from tiny import Family, tiny_causal, tiny_t5
from tiny_run import question, write_lines

QUESTIONS = 16
MERGES = (("Ġ", "t"), ("Ġ", "r"), ("r", "e"), ("e", "e"))
KEYS = ("--questions", str(QUESTIONS), "--explained", "4", "--changed-bound", "0.2")


def student(folder: Path, family: Family | Literal["t5"], layers: int = 2) -> Path:
    """A folder with an adapter that changes answers; its base lies beside it."""
    base = folder / "base-of-mine"
    if family == "t5":
        tiny_t5(base)
    else:
        tiny_causal(base, family, layers=layers, merges=MERGES)
    model = load(base, precision="fp32", training=True)
    model.with_card(
        objective="mt-cot",
        kind="multiple-choice",
        way="explained",
        max_source_tokens=160,
        max_target_tokens=48,
        max_new_tokens=12,
    )
    model.model = with_adapter(model, TrainConfig(lora=True, lora_rank=4))
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weights in model.model.named_parameters():
            if "lora_B" in name:
                weights.normal_(0, 0.1)
    model.save(folder / "student")
    return folder / "student"


def questions(folder: Path, *, gold: bool = True) -> Path:
    rows = [question(number) for number in range(QUESTIONS)]
    for row in rows:
        if not gold:
            del row["answer"]
    return write_lines(folder / "check.jsonl", rows)
