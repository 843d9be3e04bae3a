"""MT-iCoT: the schedule by hand, the loss at three of its points, and training by it."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from teachback.config import TrainConfig
from teachback.errors import ConfigError
from teachback.objectives import TrainingExample, training_examples
from teachback.records import Example, Explanation
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.students.rows import EncodedExample, separate
from teachback.training.removal import Removal, removal, shortened
from teachback.training.trainer import batch_loss
from test_training import run
from tiny import tiny_causal, tiny_t5

QUESTIONS = [
    Example(f"q{i}", "why " * (1 + 3 * i) + "?", ("yes", "no")[i % 2], "yes-no") for i in range(4)
]
EXPLAINED = {
    f"q{i}": [Explanation(f"q{i}", "cote", k, "t", "so it\nis " * (i + k), "yes") for k in range(i)]
    for i in range(1, 4)
}


@pytest.fixture(scope="module", params=["gemma3", "qwen3", "t5"])
def student(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("student")
    made = tiny_t5(folder) if request.param == "t5" else tiny_causal(folder, request.param)
    return load(made, precision="fp32")


def examples(objective: str) -> list[TrainingExample]:
    return training_examples(QUESTIONS, EXPLAINED, objective=objective, alpha=0.3)  # type: ignore[arg-type]


def test_the_schedule_by_hand() -> None:
    found = Removal(longest=10, per_step=1.5, jitter=0.0, seed=0)
    assert [found.removed(step) for step in range(8)] == [0, 1, 3, 4, 6, 7, 9, 10]
    assert [found.is_complete(step) for step in (6, 7, 100)] == [False, True, True]
    slow = Removal(longest=2, per_step=0.5, jitter=0.0, seed=0)
    assert [slow.goes_on(step) for step in range(7)] == [False, False, True, False, True] + [
        False
    ] * 2


def test_jitter_is_geometric_and_a_function_of_the_step() -> None:
    rate = 0.7
    one, same, other = (Removal(10**9, 0.0, rate, seed) for seed in (3, 3, 4))
    drawn = [one.removed(step) for step in range(20_000)]
    assert drawn == [same.removed(step) for step in range(20_000)]
    assert drawn != [other.removed(step) for step in range(20_000)]
    counts = Counter(drawn)
    for more in range(5):
        expected = (1 - math.exp(-rate)) * math.exp(-rate * more)
        assert counts[more] / len(drawn) == pytest.approx(expected, abs=0.012)


def test_the_schedule_of_a_training(student: StudentModel) -> None:
    encoded = [student.encode(example) for example in examples("mt-icot")]
    longest = max(b.removable for e in encoded for row in e.rows for b in row.branches)
    assert longest == len(student.text_ids("so it is so it is so it is"))
    config = TrainConfig(objective="mt-icot", removal_share=0.25, removal_jitter=0)
    found = removal(encoded, config, steps=40, per_epoch=10)
    assert found is not None
    assert found.is_complete(10)
    assert not found.is_complete(9)
    each = config.model_copy(update={"removal_per_epoch": longest})
    by_epoch = removal(encoded, each, steps=40, per_epoch=10)
    assert by_epoch == Removal(longest, longest / 10, 0, 0)
    with pytest.raises(ConfigError, match=r"train\.removal_per_epoch = 1 leaves a part"):
        removal(encoded, config.model_copy(update={"removal_per_epoch": 1}), steps=5, per_epoch=5)
    whole = config.model_copy(update={"removal_share": 0.9})
    with pytest.raises(
        ConfigError, match=r"removal_share = 0\.9 leaves .* 9 steps: set 0\.88 or less, or more"
    ):
        removal(encoded, whole, steps=9, per_epoch=9)
    assert removal(encoded, whole.model_copy(update={"removal_share": 0.88}), steps=9, per_epoch=9)
    with pytest.raises(ConfigError, match=r"1 step: set more epochs or a smaller train\.batch"):
        removal(encoded, config, steps=1, per_epoch=1)
    assert (
        removal([student.encode(e) for e in examples("mt-cot")], config, steps=4, per_epoch=1)
        is None
    )


@pytest.mark.parametrize("removed", [0, 5, 10**6])
def test_the_loss_is_that_of_the_targets_written_out(removed: int, student: StudentModel) -> None:
    """At the beginning, in the middle and at the end: each target a row of its own, and the
    mean cross-entropy of what is left of the explanation, of the answer and of the end token.
    """
    encoded = [shortened(student.encode(e), removed) for e in examples("mt-icot")]
    assert max(len(row.branches) for e in encoded for row in e.rows) > 1  # they share rows
    total = sum(plain_loss(student, e, removed) for e in examples("mt-icot")) / len(encoded)
    assert batch_loss(student, encoded, 10**6) == pytest.approx(total, rel=1e-6)
    alone = [EncodedExample(e.id, tuple(separate(e.rows))) for e in encoded]
    assert batch_loss(student, alone, 10**6) == pytest.approx(total, rel=1e-6)


@torch.no_grad()
def plain_loss(student: StudentModel, example: TrainingExample, removed: int) -> float:
    total = 0.0
    for pair in example.pairs:
        source = list(student.source_ids(pair.source, pair.role))
        marker = list(student.marker_ids(pair.role))
        before = list(student.text_ids(pair.removable))[removed:] if pair.removable else []
        goal = [*before, *student.text_ids(pair.target), student.end_id]
        if student.family == "seq2seq":
            start = student.model.config.decoder_start_token_id
            logits = student.model(
                input_ids=torch.tensor([source]),
                decoder_input_ids=torch.tensor([[start, *marker, *goal[:-1]]]),
            ).logits[0, len(marker) :]
        else:
            row = torch.tensor([[*source, *marker, *goal]])
            logits = student.model(input_ids=row).logits[0, -len(goal) - 1 : -1]
        mean = torch.nn.functional.cross_entropy(logits, torch.tensor(goal))
        total += pair.weight * float(mean)
    return total


def test_what_is_left_at_the_end_is_st_s_own_target(student: StudentModel) -> None:
    for late, st in zip(examples("mt-icot"), examples("st"), strict=True):
        answer = shortened(student.encode(late), 10**6).rows[0].branches[0]
        own = student.encode(st).rows[0].branches[0]
        assert (answer.marker, answer.target) == (own.marker, own.target)
    # The explanation task beside it is MT-CoT's, and an unexplained example is ST's all along.
    both = zip(examples("mt-icot"), examples("mt-cot"), strict=True)
    assert all(a.pairs[1:] == b.pairs[1:] for a, b in both)
    assert examples("mt-icot")[0] == examples("mt-cot")[0]


def test_an_explanation_that_is_too_long_loses_its_beginning(student: StudentModel) -> None:
    student.with_card(max_target_tokens=12)
    try:
        whole = student.branch("answer", "yes", 1.0, "so it is " * 9)
        assert len(whole.target) == 12
        assert whole.target[-whole.removable - 1 :][-1] == student.end_id
        assert whole.target[whole.removable :] == student.branch("answer", "yes").target
        before = student.text_ids("so it is " * 9)
        assert whole.target[: whole.removable] == before[len(before) - whole.removable :]
    finally:
        student.with_card(max_target_tokens=256)


def test_no_epoch_counts_before_the_explanation_is_gone(tmp_path: Path) -> None:
    base = tiny_causal(tmp_path / "base", "llama")
    values = {"objective": "mt-icot", "epochs": 6, "patience": 1, "removal_share": 0.6}
    result = run(tmp_path / "run", base, **values)
    scores = [entry["score"] for entry in result.history]
    counted = [score for score in scores if score > -1e6]
    assert len(scores) >= 4  # patience of one epoch did not end it while the score was none
    assert scores[:3] == sorted(scores[:3])
    assert all(score < -1e6 for score in scores[:3])
    assert counted
    card = load(tmp_path / "run" / "student").card
    assert card.objective == "mt-icot"
    assert set(card.valid) == {"direct", "explained"}
