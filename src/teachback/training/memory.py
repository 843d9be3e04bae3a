"""What memory training takes at its peak, and what there is.

Weights, gradients and AdamW's two moments (Loshchilov and Hutter 2019) are counted. What a
forward pass keeps for the backward pass is not counted but measured: two passes over the
longest row, whole and half, tell what a token costs and what is there once. The factors are
fitted to the peaks that ``bench/training_memory.py`` measures, and rather above than below.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from teachback.config import TrainConfig
from teachback.errors import RunFolderError
from teachback.students.loss import BLOCK_BYTES
from teachback.students.rows import Branch, EncodedExample, Row
from teachback.students.student import Student
from teachback.system import launch
from teachback.training.batches import EffectiveBatches, share
from teachback.training.trainer import chunks

_WORKING = 1.6
"""Peak over what is kept for the backward pass: gradients on their way, and what the
allocator does not give back."""
_WORKING_ADAPTER_BF16 = 2.1
"""The same where a float32 adapter stands beside a base in bf16: copies of both kinds."""

_PROCESS = 2**30
"""Python, its libraries and what loading a student leaves behind, in bytes."""

_CGROUPS = Path("/sys/fs/cgroup")


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
class Plan:
    """The settings that memory depends on; ``tokens`` are those of the largest chunk."""

    lora: bool
    tokens: int
    checkpointing: bool
    bf16: bool


class Estimate:
    """The memory of training ``student`` on ``examples``, as it is and as it could be.

    ``student`` is as it goes into training, with its adapter, before gradient checkpointing.
    """

    def __init__(
        self, student: Student, examples: Sequence[EncodedExample], config: TrainConfig
    ) -> None:
        self.student, self.examples, self.config = student, examples, config
        self.rows = student.rows(examples)
        self.head = student.model.get_output_embeddings().weight
        self.plan = Plan(
            config.lora,
            self.largest(config.token_budget),
            config.gradient_checkpointing,
            self._bf16(),
        )
        self.per_token, self.once = self._measured(self.plan.bf16)

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

    def of(self, plan: Plan) -> Memory:
        """The peak of training by ``plan``."""
        model, config = self.student.model, self.student.model.config
        own = plan.lora == self.plan.lora
        parameters = list(model.parameters())
        size = 2 if plan.lora and plan.bf16 else 4
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
        if plan.checkpointing:
            layers = int(getattr(config, "num_hidden_layers", None) or config.num_layers)
            hidden = int(getattr(config, "hidden_size", None) or config.d_model)
            # Every layer's input is kept, and one layer at a time computed anew.
            per_token = per_token / layers + layers * hidden * 4
        working = _WORKING_ADAPTER_BF16 if plan.lora and plan.bf16 else _WORKING
        activations = int(per_token * plan.tokens * working)
        computed = 2 if plan.bf16 else 4
        entries = self.head.numel()
        block = min(BLOCK_BYTES, plan.tokens * len(self.head) * computed)
        if self.student.device.type == "cpu":
            output = block + entries * computed  # the libraries' own rearranged copy
        else:
            output = block * 3 if plan.bf16 else block  # with a float32 copy
        if not plan.lora:
            # A copy in bf16, the gradient from the loss and, where this is the input layer too,
            # the gradient of that.
            output += entries * (10 if plan.bf16 else 8)
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
        whole_kept, half_kept = self._kept(longest, bf16), self._kept(half, bf16)
        if len(half) == len(longest):
            return whole_kept / len(longest), 0
        per_token = (whole_kept - half_kept) / (len(longest) - len(half))
        return per_token, max(0, int(whole_kept - per_token * len(longest)))

    def _kept(self, row: Row, bf16: bool) -> int:
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

    def check(self, there: int | None) -> None:
        """Raise RunFolderError, naming the settings that would make it fit, where the peak
        exceeds ``there`` bytes.
        """
        needed = self.of(self.plan)
        if there is None or needed.total <= there:
            return
        found = self.fitting(there)
        if found:
            advice = f"train with {found}"
        else:
            advice = "no setting makes it fit: take a smaller student or another machine"
        raise RunFolderError(
            f"training would take {needed.line()} and {gib(there)} are there: {advice}; "
            "--no-memory-check goes on all the same"
        )

    def fitting(self, there: int) -> str:
        """The settings that make training fit, each alone, else all together; empty: none."""
        budget = self.config.token_budget
        least = max(map(len, self.rows))
        while budget > least and self._total(tokens=self.largest(budget)) > there:
            budget = max(least, budget // 2)
        smaller = self.largest(budget)
        changes: list[tuple[str, dict[str, bool | int]]] = []
        if not self.plan.lora:
            changes.append(("--lora", {"lora": True}))
        if smaller < self.plan.tokens:
            changes.append((f"--token-budget {budget}", {"tokens": smaller}))
        if not self.plan.checkpointing:
            changes.append(("--gradient-checkpointing", {"checkpointing": True}))
        if not self.plan.bf16:
            changes.append(("--precision bf16", {"bf16": True}))
        alone = [
            f"{name} ({gib(total)})"
            for name, change in changes
            if (total := self._total(**change)) <= there
        ]
        if alone:
            return " or ".join(alone)
        together = {key: value for _, change in changes for key, value in change.items()}
        total = self._total(**together)
        if total > there:
            return ""
        return f"{' '.join(name for name, _ in changes)} ({gib(total)})"

    def _total(self, **change: bool | int) -> int:
        plan = replace(self.plan, **change)  # type: ignore[arg-type]
        if plan.bf16 == self.plan.bf16:
            return self.of(plan).total
        before = self.per_token, self.once
        self.per_token, self.once = self._measured(plan.bf16)
        total = self.of(plan).total
        self.per_token, self.once = before
        return total


def memory_there(device: torch.device) -> int | None:
    """Bytes that this process may take on ``device``, with what it has already; None where the
    system does not say.
    """
    if device.type == "cuda":
        free = int(torch.cuda.mem_get_info(device)[0])
        return free + int(torch.cuda.memory_reserved(device))
    available = _available()
    if available is None:
        return None
    limits = [available, *_cgroup_rooms()]
    # Processes of one machine share its memory.
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if launch.processes() > 1 else 1
    return min(limits) // beside + _own()


def _available() -> int | None:
    """What the system could still give, its file cache included."""
    try:
        return _fields("/proc/meminfo")["MemAvailable"] * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _own() -> int:
    """What this process holds and no other: the memory that the estimate counts again."""
    try:
        return _fields("/proc/self/status")["RssAnon"] * 1024
    except (OSError, KeyError, ValueError):
        return 0


def _cgroup_rooms(root: Path = _CGROUPS, membership: Path = Path("/proc/self/cgroup")) -> list[int]:
    """What is left of each limit that a container or a scheduler sets, in bytes."""
    try:
        lines = membership.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return []
    rooms = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            top = root / "memory"
        else:
            continue
        folder = top / path.lstrip("/")
        # Within a container, its own folder may be mounted as the top one.
        for each in (folder, *folder.parents):
            room = _room(each, *names)
            if room is not None:
                rooms.append(room)
            if each == top:
                break
    return rooms


def _room(folder: Path, limit: str, usage: str, inactive: str) -> int | None:
    try:
        most = int((folder / limit).read_text("ascii"))
        used = int((folder / usage).read_text("ascii"))
        statistics = (folder / "memory.stat").read_text("ascii").splitlines()
        given_back = next(
            int(line.split()[1]) for line in statistics if line.split()[0] == inactive
        )
    except (OSError, ValueError, StopIteration):  # "max": no limit
        return None
    return most - used + given_back


def _fields(file: str) -> dict[str, int]:
    """``Name: number kB`` lines."""
    found = {}
    for line in Path(file).read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if value.split()[:1] and value.split()[0].isdigit():
            found[name] = int(value.split()[0])
    return found


def gib(size: int) -> str:
    """``1.2 GiB``."""
    return f"{size / 2**30:.1f} GiB"
