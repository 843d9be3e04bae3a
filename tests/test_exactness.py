"""Optimiser steps of teachback's training against plain training: each target a row of
its own, one example at a time, full logits; in one process and in two.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, TrainingArguments

from ranks import Ranks
from teachback.objectives import TrainingExample, training_examples
from teachback.records import Example, Explanation
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.students.quiet import quiet
from teachback.training.adapters import with_quick_layers
from teachback.training.batches import EffectiveBatches, chunks, share
from teachback.training.trainer import MultiTaskTrainer
from tiny import tiny_causal, tiny_t5

pytestmark = pytest.mark.usefixtures("one_thread")

FAMILIES = ("gemma3", "qwen3", "llama", "t5-1.0", "t5-1.1")
LONG = ("gemma3", "t5-1.1")
"""One of each kind is followed for twenty steps, the others for an epoch and more."""
ALPHA = 0.3
SEED = 7
BATCH = 3  # of 7 examples: an epoch's last batch has one, and a process without a row
RATE = {"sgd": 0.05, "adamw_torch": 1e-3}
WHOLE = 10**6
PARTS = 150
"""A token budget that a batch of two examples exceeds several times."""


@dataclass(frozen=True)
class Case:
    family: str
    budget: int = WHOLE
    lora: bool = False
    optimiser: str = "sgd"
    objective: str = "mt-cot"
    marker: str = "decoder"
    window: int = 1
    steps: int = 20

    @property
    def name(self) -> str:
        return "-".join(str(value) for value in vars(self).values())


ONE = [
    *(Case(family, steps=20 if family in LONG else 7) for family in FAMILIES),
    *(Case(family, PARTS, lora=True, steps=20 if family in LONG else 7) for family in FAMILIES),
    Case("gemma3", PARTS, optimiser="adamw_torch", window=2),
]
TWO = [
    *(Case(family, PARTS) for family in FAMILIES),
    *(Case(family, lora=True) for family in FAMILIES),
    Case("gemma3", PARTS, optimiser="adamw_torch", window=2),
    Case("t5-1.0", PARTS, marker="encoder", steps=7),
    Case("t5-1.1", lora=True, objective="st", steps=7),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tiny")
    made = {family: tiny_causal(root / family, family) for family in FAMILIES[:3]}  # type: ignore[arg-type]
    return made | {"t5-1.0": tiny_t5(root / "t0", "1.0"), "t5-1.1": tiny_t5(root / "t1", "1.1")}


# ------------------------------------------------------------------ what is trained


def examples(objective: str) -> list[TrainingExample]:
    """Questions of many lengths, with no explanation, one, or up to three."""
    questions = [
        Example(f"q{i}", "why " * (1 + 5 * (i % 3)) + "?", "yes", "yes-no", context="c" * i * 5)
        for i in range(7)
    ]
    explanations = {
        f"q{i}": [
            Explanation(f"q{i}", "cote", k, "t", "so " * (1 + 4 * k), "yes") for k in range(count)
        ]
        for i, count in enumerate((0, 1, 3, 0, 2, 0, 0))
    }
    return training_examples(questions, explanations, objective=objective, alpha=ALPHA)  # type: ignore[arg-type]


def adapted(model: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    with quiet():
        adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear"))
    with torch.no_grad():  # an adapter that does something from the first step on
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    return adapted


def trained(case: Case, base: Path, folder: Path) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The weights and the loss of every step as teachback trains."""
    student = load(base, precision="fp32", training=True)
    student.with_card(task_marker=case.marker)
    if case.lora:
        student.model = with_quick_layers(adapted(student.model))
    encoded = [student.encode(example) for example in examples(case.objective)]
    trainer = MultiTaskTrainer(
        student=student,
        args=TrainingArguments(
            str(folder),
            per_device_train_batch_size=BATCH,
            max_steps=case.steps,
            optim=case.optimiser,
            learning_rate=RATE[case.optimiser],
            lr_scheduler_type="constant",
            max_grad_norm=1.0,
            seed=SEED,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        ),
        train=encoded,
        valid=encoded,
        token_budget=case.budget,
        score=lambda: None,
        callbacks=[],
        length_window=case.window,
    )
    with quiet():
        trainer.train_from(None)
    weights = {n: p.detach().clone() for n, p in student.model.named_parameters()}
    return weights, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def trained_together(cases: list[Case], bases: dict[str, Path], folder: Path) -> None:
    """In each of two processes: all cases; the first writes what came out."""
    from teachback.system import launch
    from teachback.training import processes

    processes.begin()
    for case in cases:
        weights, losses = trained(case, bases[case.family], folder)
        assert all(told == losses for told in processes.gathered(losses))
        total = sum(float(tensor.double().sum()) for tensor in weights.values())
        assert all(told == total for told in processes.gathered(total))
        if launch.is_first():
            save_file(weights, folder / f"{case.name}.safetensors")
            (folder / f"{case.name}.json").write_text(json.dumps(losses), "utf-8")


# ------------------------------------------------------------------ the plain way


def plainly_trained(case: Case, base: Path) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The same by the raw model: one target at a time, its mean cross-entropy over the full
    logits, weighted and divided by the number of examples of the step.
    """
    student = load(base, precision="fp32", training=True)  # for its tokens alone
    student.with_card(task_marker=case.marker)
    model = plain_model(student, base, case.lora)
    free = [p for p in model.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in free]
    kind = torch.optim.SGD if case.optimiser == "sgd" else torch.optim.AdamW
    optimiser = kind(free, lr=RATE[case.optimiser], weight_decay=0.0)
    some = examples(case.objective)
    batches = EffectiveBatches([student.encode(e) for e in some], BATCH, SEED, case.window)
    losses: list[float] = []
    while len(losses) < case.steps:
        batches.set_epoch(len(losses) // len(batches))
        for numbers in batches.numbers()[: case.steps - len(losses)]:
            losses.append(plain_backward(model, student, [some[number] for number in numbers]))
            torch.nn.utils.clip_grad_norm_(free, 1.0)
            optimiser.step()
            optimiser.zero_grad()
    moved = [float((p - b).detach().abs().max()) for p, b in zip(free, before, strict=True)]
    assert min(moved) > 1e-5  # a gradient forgotten anywhere would show
    assert max(moved) > 1e-2
    return {n: p.detach().clone() for n, p in model.named_parameters()}, losses


def plain_model(student: StudentModel, base: Path, lora: bool) -> Any:
    auto = AutoModelForSeq2SeqLM if student.family == "seq2seq" else AutoModelForCausalLM
    model = auto.from_pretrained(base, attn_implementation="eager")
    return (adapted(model) if lora else model).train()


def plain_backward(model: Any, student: StudentModel, batch: list[TrainingExample]) -> float:
    """The loss of a batch, and its gradients."""
    total = 0.0
    for example in batch:
        for pair in example.pairs:
            source = list(student.source_ids(pair.source, pair.role))
            marker = list(student.marker_ids(pair.role))
            goal = [*student.text_ids(pair.target), student.end_id]
            if student.family == "seq2seq":
                start = model.config.decoder_start_token_id
                logits = model(
                    input_ids=torch.tensor([source]),
                    decoder_input_ids=torch.tensor([[start, *marker, *goal[:-1]]]),
                ).logits[0, len(marker) :]
            else:
                row = torch.tensor([[*source, *marker, *goal]])
                logits = model(input_ids=row).logits[0, -len(goal) - 1 : -1]
            mean = torch.nn.functional.cross_entropy(logits, torch.tensor(goal))
            loss = pair.weight * mean / len(batch)
            loss.backward()
            total += loss.item()
    return total


_PLAIN: dict[Case, tuple[dict[str, torch.Tensor], list[float]]] = {}


def assert_as_plain(
    case: Case, base: Path, weights: dict[str, torch.Tensor], losses: list[float]
) -> None:
    # Whatever is computed at once, the plain way is the same.
    key = Case(**vars(case) | {"budget": 0})
    if key not in _PLAIN:
        _PLAIN[key] = plainly_trained(key, base)
    expected, curve = _PLAIN[key]
    assert len(losses) == case.steps
    tied = {n for n in expected if n not in weights}
    assert tied <= {"lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}
    apart = max(float((weights[n] - expected[n]).abs().max()) for n in weights)
    assert losses == pytest.approx(curve, rel=1e-6 if case.optimiser == "sgd" else 1e-5)
    if case.optimiser == "sgd":
        # AdamW divides by the root of the squared gradient: where that is near nothing, a
        # rounding error becomes a step. Of it, the curve alone is compared.
        assert apart <= 1e-5


@pytest.mark.parametrize("case", ONE, ids=lambda case: case.name)
def test_steps_are_those_of_plain_training(
    case: Case, folders: dict[str, Path], tmp_path: Path
) -> None:
    base = folders[case.family]
    assert_as_plain(case, base, *trained(case, base, tmp_path))


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_of_a_batch_is_that_of_plain_training(
    family: str, lora: bool, folders: dict[str, Path], tmp_path: Path
) -> None:
    student = load(folders[family], precision="fp32", training=True)
    plain = plain_model(student, folders[family], lora)
    expected = plain_backward(plain, student, examples("mt-cot"))
    if lora:
        student.model = with_quick_layers(adapted(student.model))
    encoded = [student.encode(example) for example in examples("mt-cot")]
    arguments = TrainingArguments(str(tmp_path), report_to=[], use_cpu=True, disable_tqdm=True)
    for budget, checkpointing in ((WHOLE, False), (PARTS, True)):
        if checkpointing:
            with quiet():
                student.model.gradient_checkpointing_enable({"use_reentrant": False})
                student.model.enable_input_require_grads()
        trainer = MultiTaskTrainer(
            student=student,
            args=arguments,
            train=encoded,
            valid=encoded,
            token_budget=budget,
            score=lambda: None,
            callbacks=[],
        )
        student.model.zero_grad()
        loss = trainer.training_step(student.model, {"examples": encoded}).item()
        assert loss == pytest.approx(expected, rel=1e-6)
        own = dict(student.model.named_parameters())
        for name, parameter in plain.named_parameters():
            if parameter.grad is not None and name in own:
                apart = (own[name].grad - parameter.grad).norm()
                assert apart <= 1e-5 * parameter.grad.norm() + 1e-9, name


def test_the_batches_here_are_ragged(folders: dict[str, Path]) -> None:
    student = load(folders["gemma3"], precision="fp32", training=True)
    encoded = [student.encode(example) for example in examples("mt-cot")]
    assert sorted(len(row.branches) for e in encoded for row in e.rows) == [1, 1, 1, 1, 2, 3, 4]
    assert min(map(len, encoded)) > 16  # the sliding window of the tiny gemma3
    batches = EffectiveBatches(encoded, BATCH, SEED)
    counts = set()
    for epoch in range(7):
        batches.set_epoch(epoch)
        for batch in batches:
            rows = student.rows(batch["examples"])
            counts.add(tuple(len(list(chunks(share(rows, p, 2), PARTS))) for p in (0, 1)))
    # One process alone has a row, both have as many chunks, or one has more.
    assert {(1, 0), (1, 1)} <= counts
    assert any(len(set(pair)) == 2 and 0 not in pair for pair in counts), counts


@pytest.fixture(scope="module")
def together(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together")
    Ranks(trained_together, TWO, folders, folder, folder=folder).check()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", TWO, ids=lambda case: case.name)
def test_twenty_steps_of_two_processes_are_those_of_plain_training(
    case: Case, folders: dict[str, Path], together: Path
) -> None:
    weights = load_file(together / f"{case.name}.safetensors")
    losses = json.loads((together / f"{case.name}.json").read_text("utf-8"))
    assert_as_plain(case, folders[case.family], weights, losses)
