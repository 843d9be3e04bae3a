"""Before training: what the tokenizer does to the data, and what training will need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from teachback.errors import RunFolderError
from teachback.objectives import TrainingExample
from teachback.students.student import Student

_SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class Lengths:
    """Token counts, and the share cut off at the student's limit."""

    median: int
    p95: int
    longest: int
    truncated: float


@dataclass(frozen=True, slots=True)
class DataReport:
    """What the student's tokenizer makes of the training pairs (at most 2,000 of them)."""

    pairs: int
    source: Lengths
    targets: dict[str, Lengths]
    unknown: float
    """Share of tokens that the vocabulary does not know: lost text."""

    def lines(self) -> list[str]:
        """For people."""
        named = [("question", self.source), *self.targets.items()]
        result = [
            f"{name}: {part.median} tokens (median), {part.p95} (95%), {part.longest} (longest), "
            f"{part.truncated:.1%} cut off"
            for name, part in named
        ]
        result.append(f"unknown tokens: {self.unknown:.2%}")
        return result


def data_report(student: Student, examples: Sequence[TrainingExample]) -> DataReport:
    """Tokenise the pairs as training will and count; long data is sampled evenly."""
    pairs = [pair for example in examples for pair in example.pairs]
    step = max(1, -(-len(pairs) // _SAMPLE))
    lengths = [(pair, *student.lengths(pair)) for pair in pairs[::step]]
    unknown_id = student.tokenizer.unk_token_id
    tokens = unknown = 0
    for pair in pairs[::step]:
        ids = (*student.source_ids(pair.source, pair.role), *student.text_ids(pair.target))
        tokens += len(ids)
        unknown += sum(i == unknown_id for i in ids) if unknown_id is not None else 0
    card = student.card
    return DataReport(
        pairs=len(pairs),
        source=_lengths([s for _, s, _ in lengths], card.max_source_tokens),
        targets={
            role: _lengths([t for p, _, t in lengths if p.role == role], card.max_target_tokens)
            for role in ("answer", "explanation")
            if any(p.role == role for p, _, _ in lengths)
        },
        unknown=unknown / tokens if tokens else 0.0,
    )


def _lengths(values: list[int], limit: int) -> Lengths:
    values = sorted(values)
    return Lengths(
        median=values[len(values) // 2],
        p95=values[min(len(values) - 1, int(len(values) * 0.95))],
        longest=values[-1],
        truncated=sum(value > limit for value in values) / len(values),
    )


@dataclass(frozen=True, slots=True)
class Needs:
    """Estimated bytes: weights, gradients and optimiser; activations and logits; disk."""

    parameters: int
    trained: int
    state: int
    activations: int
    disk: int
    memory_there: int | None
    disk_there: int

    def lines(self) -> list[str]:
        there = f" of {_gib(self.memory_there)} there" if self.memory_there else ""
        return [
            f"parameters: {self.parameters / 1e6:.1f} M, trained {self.trained / 1e6:.1f} M",
            f"memory: about {_gib(self.state + self.activations)}{there}; "
            f"disk while training: about {_gib(self.disk)} of {_gib(self.disk_there)} free",
        ]

    def check(self) -> None:
        """Raise RunFolderError where training will not fit."""
        if self.disk > self.disk_there:
            raise RunFolderError(
                f"training needs about {_gib(self.disk)} of disk for checkpoints and "
                f"{_gib(self.disk_there)} are free: free some, or train with --lora"
            )


def estimate(student: Student, token_budget: int, folder: Path) -> Needs:
    """What training will need. AdamW keeps two float32 moments per trained parameter beside
    its gradient (Loshchilov and Hutter 2019): 12 bytes; checkpoints on disk hold the trained
    weights and the moments, and there are at most two of them and the result.
    """
    parameters = sum(p.numel() for p in student.model.parameters())
    trained = sum(p.numel() for p in student.model.parameters() if p.requires_grad)
    config = student.model.config
    vocabulary = int(getattr(config, "vocab_size", 32000))
    hidden = int(getattr(config, "hidden_size", None) or config.d_model)
    layers = int(getattr(config, "num_hidden_layers", None) or config.num_layers)
    # Per token: about 24 hidden-sized float32 values a layer kept for the backward pass; per
    # target (at most every token, in practice near half) its logits, their float32 copy and
    # their gradient.
    activations = token_budget * layers * hidden * 24 * 4 + token_budget // 2 * vocabulary * 10
    folder.mkdir(parents=True, exist_ok=True)
    return Needs(
        parameters=parameters,
        trained=trained,
        state=parameters * 4 + trained * 12,
        activations=activations,
        disk=trained * 4 + 2 * trained * 12,
        memory_there=memory_there(student.device),
        disk_there=shutil.disk_usage(folder).free,
    )


def memory_there(device: torch.device) -> int | None:
    """Bytes that can be used on ``device``; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") + _page_cache()
    except (ValueError, OSError, AttributeError):
        return None


def _page_cache() -> int:
    """What Linux would give back of its file cache; the free pages alone say too little."""
    try:
        fields = dict(
            line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines()
        )
        return int(fields["Cached"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 0


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
