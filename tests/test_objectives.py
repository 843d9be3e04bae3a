"""Objectives: every training pair, byte for byte, and the weights of the loss.

The golden files under ``golden/pairs`` hold the pairs of one example for one objective.
After a wanted change, write them again with
``TEACHBACK_UPDATE_GOLDEN=1 pytest tests/test_objectives.py``, and read the difference before
it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest

from teachback.errors import DataError
from teachback.objectives import (
    TrainingExample,
    conclusion,
    explanation_target,
    training_examples,
)
from teachback.records import AnswerFormat, Example, Explanation, Objective

GOLDEN = Path(__file__).parent / "golden" / "pairs"
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
MULTI_TASK: tuple[Objective, ...] = ("mt-re", "mt-ra", "mt-cot", "mt-icot")
LABELS = ("praise", "complaint", "enquiry")
MULTIPLE_CHOICE = Example(
    id="mc-1",
    question="Which tool drives a nail into a board?",
    choices=("a saw", "a hammer", "a sieve"),
    answer="a hammer",
    kind="multiple-choice",
    context="The joiner's bench is tidy.",
)
EXAMPLES = {
    "multiple-choice": MULTIPLE_CHOICE,
    "yes-no": Example("yn-1", "Can a candle burn under water?", "no", "yes-no"),
    "number": Example("n-1", "How many legs do four spiders have together?", "32", "number"),
    "text": Example("t-1", "Where do the roots of a tree grow?", "in the soil.", "text"),
    "label": Example("l-1", "The parcel came a week late.", "complaint", "label", LABELS),
}
TEXTS = (
    "The wanted thing is clear from the question.\n\n1. It is written there.\n2. One can read it.",
    "There is only one that fits",
)


def explanations(example: Example, *texts: str) -> dict[str, list[Explanation]]:
    return {
        example.id: [
            Explanation(example.id, "cote", sample, "t", text, example.answer)
            for sample, text in enumerate(texts)
        ]
    }


def golden_pairs() -> dict[str, list[TrainingExample]]:
    """File name → the training examples it holds."""
    pairs = {}
    for objective in OBJECTIVES:
        for kind, example in EXAMPLES.items():
            formats: tuple[AnswerFormat, ...] = ("text",)
            if kind == "multiple-choice":
                formats = get_args(AnswerFormat)
            for answer_format in formats:
                suffix = f"-{answer_format}" if len(formats) > 1 else ""
                pairs[f"{objective}-{kind}{suffix}.txt"] = training_examples(
                    [example],
                    explanations(example, *TEXTS),
                    objective=objective,
                    answer_format=answer_format,
                )
    return pairs


def shown(examples: list[TrainingExample]) -> str:
    """The pairs as a page to read: role and weight, then source and target as they are."""
    page = ""
    for example in examples:
        for pair in example.pairs:
            page += f"======== {pair.id} {pair.role}, weight {pair.weight}\n"
            page += f"{pair.source}\n"
            page += f"-------- removed in training\n{pair.removable}\n" if pair.removable else ""
            page += f"-------- target\n{pair.target}\n"
    return page


@pytest.mark.parametrize("name", golden_pairs())
def test_golden(name: str) -> None:
    page = shown(golden_pairs()[name]).encode()
    if os.environ.get("TEACHBACK_UPDATE_GOLDEN") == "1":
        GOLDEN.mkdir(parents=True, exist_ok=True)
        (GOLDEN / name).write_bytes(page)
    assert (GOLDEN / name).read_bytes() == page


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(golden_pairs())


def weights(objective: Objective, texts: tuple[str, ...], alpha: float) -> list[tuple[str, float]]:
    (trained,) = training_examples(
        [MULTIPLE_CHOICE],
        explanations(MULTIPLE_CHOICE, *texts),
        objective=objective,
        alpha=alpha,
    )
    return [(pair.role, pair.weight) for pair in trained.pairs]


@pytest.mark.parametrize("objective", MULTI_TASK)
def test_the_weights_are_the_bracket_of_the_loss(objective: Objective) -> None:
    """alpha · a + (1 − alpha) · mean of the explanations' e, worked out by hand."""
    one, two = ("One.",), ("One.", "Two.")
    assert weights(objective, one, 0.5) == [("answer", 0.5), ("explanation", 0.5)]
    assert weights(objective, one, 0.25) == [("answer", 0.25), ("explanation", 0.75)]
    assert weights(objective, two, 0.25) == [
        ("answer", 0.25),
        ("explanation", 0.375),
        ("explanation", 0.375),
    ]
    # Without explanations e is 0, and alpha stays as it is: nothing is renormalised.
    assert weights(objective, (), 0.25) == [("answer", 0.25)]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_alpha_is_the_multi_task_objectives_own(alpha: float) -> None:
    assert weights("st", ("One.", "Two."), alpha) == [("answer", 1.0)]
    assert weights("cot", ("One.",), alpha) == [("explanation", 1.0)]
    assert weights("cot", ("One.", "Two."), alpha) == [("explanation", 0.5), ("explanation", 0.5)]


@pytest.mark.parametrize(
    ("objective", "trained"),
    [("st", 5), ("mt-re", 5), ("mt-ra", 5), ("mt-cot", 5), ("mt-icot", 5), ("cot", 1)],
)
def test_only_cot_leaves_out_examples_without_explanations(
    objective: Objective, trained: int
) -> None:
    own = explanations(EXAMPLES["number"], "Eight each.") | {"yn-1": []}
    result = training_examples(EXAMPLES.values(), own, objective=objective)
    assert len(result) == trained
    assert "n-1" in {example.id for example in result}
    assert all(pair.id == example.id for example in result for pair in example.pairs)


def test_st_is_the_same_with_and_without_explanations() -> None:
    own = explanations(MULTIPLE_CHOICE, *TEXTS)
    with_them = training_examples([MULTIPLE_CHOICE], own, objective="st")
    assert with_them == training_examples([MULTIPLE_CHOICE], {}, objective="st")


def test_cot_without_any_explanation_has_nothing_to_train_on() -> None:
    with pytest.raises(DataError, match="no example has an explanation for 'cot'"):
        training_examples(
            EXAMPLES.values(), explanations(YN := EXAMPLES["yes-no"]), objective="cot"
        )
    assert training_examples([YN], {}, objective="mt-cot")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_examples_is_nothing_to_train_on(objective: Objective) -> None:
    with pytest.raises(DataError, match="nothing to train on"):
        training_examples([], {}, objective=objective)


def test_a_conclusion_has_one_full_stop() -> None:
    assert conclusion(EXAMPLES["text"], "text") == "So the answer is in the soil."
    assert conclusion(MULTIPLE_CHOICE, "both") == "So the answer is (B) a hammer."
    target = explanation_target(EXAMPLES["text"], "Roots drink", "mt-ra", "text")
    assert target == "The answer is in the soil.\nRoots drink"
    target = explanation_target(EXAMPLES["text"], "Roots drink", "mt-cot", "text")
    assert target == "Roots drink. So the answer is in the soil."
