"""What training will take of memory, what is there, and what is said where that is less."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import teachback.training.report
from teachback.config import StudentConfig, TrainConfig
from teachback.errors import RunFolderError
from teachback.records import Example, Explanation
from teachback.students.load import load
from teachback.students.rows import Branch, EncodedExample, Row
from teachback.training import machine_memory, train
from teachback.training.machine_memory import cgroup_rooms, held_by_this_process, memory_there
from teachback.training.memory import MemoryEstimate
from tiny import tiny_causal, tiny_t5

pytestmark = pytest.mark.usefixtures("one_thread")


def row(prefix: int, *targets: int) -> Row:
    return Row((5,) * prefix, tuple(Branch((6,), (7,) * target) for target in targets))


def examples(*rows: Row) -> list[EncodedExample]:
    return [EncodedExample(str(number), (each,)) for number, each in enumerate(rows)]


ROWS = examples(row(20, 10, 29), row(30, 8), row(25, 9, 20), row(10, 3))
"""Rows of 61, 39, 56 and 14 tokens."""


# ------------------------------------------------------------------ the estimate


def test_weights_gradients_and_moments_are_counted(llama: Path) -> None:
    student = load(llama, precision="fp32", training=True)
    count = sum(p.numel() for p in student.model.parameters())
    memory = MemoryEstimate(student, ROWS, TrainConfig()).of(
        MemoryEstimate(student, ROWS, TrainConfig()).settings
    )
    assert (memory.weights, memory.state) == (4 * count, 12 * count)
    parts = memory.weights + memory.state + memory.activations + memory.output
    assert memory.total == 2**30 + parts


def test_the_largest_chunk_is_that_of_an_epoch_s_batches(llama: Path) -> None:
    student = load(llama, precision="fp32", training=True)

    def largest(size: int, budget: int) -> int:
        return MemoryEstimate(student, ROWS, TrainConfig(batch_size=size)).largest(budget)

    assert largest(4, 10**6) == 4 * 61
    assert largest(4, 130) == 2 * 61  # 14 and 39 beside it
    assert largest(1, 10**6) == 61
    assert largest(4, 16) == 61  # a row alone is computed whatever its length


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_what_is_kept_for_the_backward_pass_is_measured(family: str, tmp_path: Path) -> None:
    base = tiny_t5(tmp_path) if family == "t5" else tiny_causal(tmp_path, "llama")
    student = load(base, precision="fp32", training=True)
    state = torch.get_rng_state()
    estimate = MemoryEstimate(student, ROWS, TrainConfig())
    assert torch.equal(torch.get_rng_state(), state)
    assert not student.model.training
    assert all(p.grad is None for p in student.model.parameters())
    # Of a length in between, within a tenth, though attention keeps some by the square.
    between = row(18, 9, 22)
    kept = estimate.kept(between, bf16=False)
    assert estimate.per_token * len(between) + estimate.once == pytest.approx(kept, rel=0.1)
    # In the layers, a float32 value and its like for every weight's input and output.
    hidden, layers = 48, 2
    assert estimate.per_token > 10 * hidden * layers * 4


def test_every_setting_that_saves_memory_is_estimated_to(llama: Path) -> None:
    student = load(llama, precision="fp32", training=True)
    estimate = MemoryEstimate(student, ROWS, TrainConfig(batch_size=4))
    plain = estimate.of(estimate.settings)
    for change in ({"lora": True}, {"tokens": 61}, {"checkpointing": True}, {"bf16": True}):
        assert estimate.total_with(**change) < plain.total, change
    # What it would be with an adapter is what it is with one.
    from teachback.training.adapters import with_adapter

    config = TrainConfig(batch_size=4, lora=True)
    expected = estimate.total_with(lora=True)
    student.model = with_adapter(student, config)
    with_adapter = MemoryEstimate(student, ROWS, config)
    adapter = sum(p.numel() for p in student.model.parameters() if p.requires_grad)
    assert with_adapter.of(with_adapter.settings).state == 12 * adapter
    assert with_adapter.of(with_adapter.settings).total == pytest.approx(expected, abs=2**20)


# ------------------------------------------------------------------ what is there


def test_a_container_s_limit_counts(tmp_path: Path) -> None:
    def folder(path: str, **files: object) -> None:
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (tmp_path / path / name.replace("__", ".")).write_text(f"{content}\n", "ascii")

    membership = tmp_path / "membership"
    membership.write_text("0::/user/job\n", "ascii")
    # Limits of the process's own group, above it, and none at all.
    stat = "anon 10\ninactive_file 30\nactive_file 9"
    folder("v2/user/job", memory__max=1000, memory__current=400, memory__stat=stat)
    folder("v2/user", memory__max="max", memory__current=500, memory__stat=stat)
    folder("v2", memory__max=900, memory__current=600, memory__stat=stat)
    assert cgroup_rooms(tmp_path / "v2", membership) == [630, 330]
    membership.write_text("9:name=systemd:/\n4:cpu,memory:/job\n0::/\n", "ascii")
    stat = "inactive_file 1\ntotal_inactive_file 7"
    numbers = {"memory__limit_in_bytes": 100, "memory__usage_in_bytes": 60, "memory__stat": stat}
    folder("v1/memory/job", **numbers)
    assert cgroup_rooms(tmp_path / "v1", membership) == [47]
    assert cgroup_rooms(tmp_path, tmp_path / "nowhere") == []


def test_processes_of_one_machine_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    here = torch.device("cpu")
    available = SimpleNamespace(available=1000)
    monkeypatch.setattr(machine_memory.psutil, "virtual_memory", lambda: available)
    monkeypatch.setattr(machine_memory, "held_by_this_process", lambda: 50)
    monkeypatch.setattr(machine_memory, "cgroup_rooms", lambda: [800])
    assert memory_there(here) == 850
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "4")
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "1")
    assert memory_there(here) == 250
    available.available = 400  # less than the container's limit leaves
    assert memory_there(here) == 150


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="read from Linux's /proc")
def test_what_is_held_is_memory_that_no_file_gives_back() -> None:
    """Mapped files do not count: the system takes them for available already."""
    fields = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines()
    )
    anonymous = int(fields["RssAnon"].split()[0]) * 1024
    assert held_by_this_process() == pytest.approx(anonymous, abs=2**23)
    before = held_by_this_process()
    block = torch.ones(2**26, dtype=torch.uint8)
    assert held_by_this_process() - before == pytest.approx(len(block), abs=2**23)


# ------------------------------------------------------------------ what is said


def run(folder: Path, base: Path, **values: Any) -> None:
    questions = [Example(f"q{i}", f"Is {i} even?", "yes", "yes-no") for i in range(8)]
    train(
        questions,
        [Explanation(f"q{i}", "cote", 0, "t", "so " * i, "yes") for i in range(8)],
        folder,
        train_config=TrainConfig(**{"epochs": 1, "objective": "mt-re"} | values),
        student_config=StudentConfig(reference=str(base), precision="fp32"),
    )


def test_too_little_memory_is_one_line_that_says_what_would_do(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teachback.training.report, "memory_there", lambda _: 1)
    with pytest.raises(RunFolderError) as caught:
        run(tmp_path, llama)
    assert str(caught.value).startswith("training would take about 1.0 GiB (weights 0.0 GiB, ")
    assert str(caught.value).endswith(
        " and 0.0 GiB are available: no setting makes it fit: choose a smaller student or a larger "
        "machine; --no-memory-check starts anyway"
    )
    assert not (tmp_path / "checkpoints").exists()
    run(tmp_path / "all the same", llama, memory_check=False)
    assert (tmp_path / "all the same" / "student").is_dir()


def test_the_advice_names_what_fits_alone_or_else_together(llama: Path) -> None:
    student = load(llama, precision="fp32", training=True)
    estimate = MemoryEstimate(student, ROWS, TrainConfig(batch_size=4, token_budget=1024))
    total = estimate.of(estimate.settings).total
    assert estimate.fitting(total - 1) == (
        "--lora (1.0 GiB) or --token-budget 128 (1.0 GiB) or --gradient-checkpointing (1.0 GiB) "
        "or --precision bf16 (1.0 GiB)"
    )
    alone = [
        estimate.total_with(**change)
        for change in ({"lora": True}, {"tokens": 61}, {"checkpointing": True}, {"bf16": True})
    ]
    # A chunk of less than the longest row cannot be had.
    assert estimate.fitting(min(alone) - 1) == (
        "--lora --token-budget 61 --gradient-checkpointing --precision bf16 (1.0 GiB)"
    )
    assert estimate.fitting(2**30) == ""
