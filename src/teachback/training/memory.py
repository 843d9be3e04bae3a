"""What memory training takes at its peak.

Weights, gradients and AdamW's two moments (Loshchilov and Hutter 2019) are counted. What a
forward pass keeps for the backward pass is not counted but measured: two passes over the
longest row, whole and half, tell what a token costs and what is there once. The factors are
fitted to the peaks that ``bench/training_memory.py`` measures, and rather above than below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from teachback.config import TrainConfig
from teachback.errors import RunFolderError
from teachback.students.loss import BLOCK_BYTES
from teachback.students.model import StudentModel
from teachback.students.rows import Branch, EncodedExample, Row
from teachback.system import launch
from teachback.training.batches import EffectiveBatches, chunks, share

_WORKING = 1.6
"""Peak over what is kept for the backward pass: gradients on their way, and what the
allocator does not give back."""
_WORKING_ADAPTER_BF16 = 2.1
"""The same where a float32 adapter stands beside a base in bf16: copies of both kinds."""

_PROCESS = 2**30
"""Python, its libraries and what loading a student leaves behind, in bytes."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes at the peak of training in one process, by what they are for."""

    weights: int
    state: int
    """Gradients and the optimiser's moments."""
    activations: int
    output: int
    """The output layer: a block of logits, copies of the layer and its gradients."""

    @property
    def total(self) -> int:
        return _PROCESS + self.weights + self.state + self.activations + self.output

    def line(self) -> str:
        """For people."""
        return (
            f"about {gib(self.total)} (weights {gib(self.weights)}, gradients and optimiser "
            f"{gib(self.state)}, activations {gib(self.activations)}, output layer "
            f"{gib(self.output)})"
        )


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """The settings that memory depends on; ``tokens`` are those of the largest chunk."""

    lora: bool
    tokens: int
    checkpointing: bool
    bf16: bool


class MemoryEstimate:
    """The memory of training ``student`` on ``examples``, as it is and as it could be.

    ``student`` is as it goes into training, with its adapter, before gradient checkpointing.
    """

    def __init__(
        self, student: StudentModel, examples: Sequence[EncodedExample], config: TrainConfig
    ) -> None:
        self.student, self.examples, self.config = student, examples, config
        self.rows = student.rows(examples)
        self.head = student.model.get_output_embeddings().weight
        self.settings = MemorySettings(
            config.lora,
            self.largest(config.token_budget),
            config.gradient_checkpointing,
            self._bf16(),
        )
        self.per_token, self.once = self._measured(self.settings.bf16)

    def _bf16(self) -> bool:
        dtype = next(self.student.model.parameters()).dtype
        with self.student.autocast():
            return dtype == torch.bfloat16 or torch.is_autocast_enabled(self.student.device.type)

    def largest(self, token_budget: int) -> int:
        """Tokens, padding included, of the largest chunk of an epoch."""
        count = launch.processes()
        found = 0
        batches = EffectiveBatches(self.examples, self.config.batch_size, self.config.seed)
        for batch in batches:
            rows = share(self.student.rows(batch["examples"]), 0, count)
            for part in chunks(rows, token_budget):
                found = max(found, len(part) * len(part[-1]))
        return max(found, max(map(len, self.rows)))

    def of(self, settings: MemorySettings) -> Memory:
        """The peak of training by ``settings``."""
        model, config = self.student.model, self.student.model.config
        own = settings.lora == self.settings.lora
        parameters = list(model.parameters())
        size = 2 if settings.lora and settings.bf16 else 4
        if own:
            weights = sum(p.numel() * p.element_size() for p in parameters)
            trained = sum(p.numel() for p in parameters if p.requires_grad)
        else:
            adapter = sum(
                self.config.lora_rank * (module.in_features + module.out_features)
                for module in model.modules()
                if isinstance(module, nn.Linear) and module.weight is not self.head
            )
            weights = sum(p.numel() for p in parameters) * size + adapter * 4
            trained = adapter
        # Several processes keep a second copy of the gradients, to exchange.
        state = trained * (12 if launch.processes() == 1 else 16)
        per_token = self.per_token
        if settings.checkpointing:
            layers = int(getattr(config, "num_hidden_layers", None) or config.num_layers)
            hidden = int(getattr(config, "hidden_size", None) or config.d_model)
            # Every layer's input is kept, and one layer at a time computed again.
            per_token = per_token / layers + layers * hidden * 4
        working = _WORKING_ADAPTER_BF16 if settings.lora and settings.bf16 else _WORKING
        activations = int(per_token * settings.tokens * working)
        computed = 2 if settings.bf16 else 4
        entries = self.head.numel()
        block = min(BLOCK_BYTES, settings.tokens * len(self.head) * computed)
        if self.student.device.type == "cpu":
            output = block + entries * computed  # the libraries' own rearranged copy
        else:
            output = block * 3 if settings.bf16 else block  # with a float32 copy
        if not settings.lora:
            # A copy in bf16, the gradient from the loss and, where this is the input layer too,
            # the gradient of that.
            output += entries * (10 if settings.bf16 else 8)
            if own:
                output += max(0, self.once - entries * 4)
        return Memory(weights, state, activations, output)

    def _measured(self, bf16: bool) -> tuple[float, int]:
        """(bytes kept per token, bytes kept whatever the length) of the forward pass."""
        longest = max(self.rows, key=len)
        half = Row(
            longest.prefix[: max(1, len(longest.prefix) // 2)],
            tuple(
                Branch(b.marker, b.target[: max(1, len(b.target) // 2)], b.weight)
                for b in longest.branches
            ),
        )
        whole_kept, half_kept = self.kept(longest, bf16), self.kept(half, bf16)
        if len(half) == len(longest):
            return whole_kept / len(longest), 0
        per_token = (whole_kept - half_kept) / (len(longest) - len(half))
        return per_token, max(0, int(whole_kept - per_token * len(longest)))

    def kept(self, row: Row, bf16: bool) -> int:
        """Bytes that a forward pass over ``row`` keeps for the backward pass."""
        student = self.student
        lasting = {
            tensor.untyped_storage().data_ptr()
            for tensor in (*student.model.parameters(), *student.model.buffers())
        }
        kept: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in lasting:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        batch = {key: value.to(student.device) for key, value in student.collate([row]).items()}
        training = student.model.training
        student.model.train()
        with (
            torch.random.fork_rng(),  # dropout draws, and training must draw what it always did
            torch.autocast(student.device.type, torch.bfloat16, enabled=bf16),
            torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        ):
            student.loss(student.model, batch)
        student.model.train(training)
        return sum(kept.values())

    def check(self, there: int) -> None:
        """Raise RunFolderError, naming the settings that would make it fit, where the peak
        exceeds ``there`` bytes.
        """
        needed = self.of(self.settings)
        if needed.total <= there:
            return
        found = self.fitting(there)
        if found:
            advice = f"train with {found}"
        else:
            advice = "no setting makes it fit: choose a smaller student or a larger machine"
        raise RunFolderError(
            f"training would take {needed.line()} and {gib(there)} are available: {advice}; "
            "--no-memory-check starts anyway"
        )

    def fitting(self, there: int) -> str:
        """The settings that make training fit, each alone, else all together; empty: none."""
        budget = self.config.token_budget
        least = max(map(len, self.rows))
        while budget > least and self.total_with(tokens=self.largest(budget)) > there:
            budget = max(least, budget // 2)
        smaller = self.largest(budget)
        changes: list[tuple[str, dict[str, bool | int]]] = []
        if not self.settings.lora:
            changes.append(("--lora", {"lora": True}))
        if smaller < self.settings.tokens:
            changes.append((f"--token-budget {budget}", {"tokens": smaller}))
        if not self.settings.checkpointing:
            changes.append(("--gradient-checkpointing", {"checkpointing": True}))
        if not self.settings.bf16:
            changes.append(("--precision bf16", {"bf16": True}))
        alone = [
            f"{name} ({gib(total)})"
            for name, change in changes
            if (total := self.total_with(**change)) <= there
        ]
        if alone:
            return " or ".join(alone)
        together = {key: value for _, change in changes for key, value in change.items()}
        total = self.total_with(**together)
        if total > there:
            return ""
        return f"{' '.join(name for name, _ in changes)} ({gib(total)})"

    def total_with(self, **change: bool | int) -> int:
        """Bytes at the peak with some of the `MemorySettings` changed."""
        settings = replace(self.settings, **change)  # type: ignore[arg-type]
        if settings.bf16 == self.settings.bf16:
            return self.of(settings).total
        before = self.per_token, self.once
        self.per_token, self.once = self._measured(settings.bf16)
        total = self.of(settings).total
        self.per_token, self.once = before
        return total


def gib(size: int) -> str:
    """``1.2 GiB``."""
    return f"{size / 2**30:.1f} GiB"
