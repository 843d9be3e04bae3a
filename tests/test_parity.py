"""The parity gate's arithmetic, by hand."""

from __future__ import annotations

import pytest

from teachback.export.formats import DriftLimits
from teachback.export.parity import compare_answers, fewest_questions, upper_bound
from teachback.records import Answer, Example

LIMITS = DriftLimits(0.1, 0.05, 1.0, 1.0, 0.5)


def example(number: int, gold: str = "a") -> Example:
    return Example(f"q{number}", "Which?", gold, "multiple-choice", ("a", "b"))


def said(a: float, explained: str | None = None) -> Answer:
    answer = "a" if a >= 0.5 else "b"
    text = None if explained is None else "So."
    return Answer(
        answer=answer,
        way="direct",
        direct_answer=answer,
        explained_answer=explained,
        explanation=text,
        probabilities={"a": a, "b": 1 - a},
    )


def test_no_change_among_fifty_allows_six_percent() -> None:
    assert upper_bound(0, 50) == pytest.approx(1 - 0.05 ** (1 / 50))
    assert upper_bound(0, 50) == pytest.approx(0.058, abs=0.001)
    assert upper_bound(3, 3) == 1


@pytest.mark.parametrize("bound", [0.02, 0.1, 0.2, 0.95, 1])
def test_the_fewest_questions_that_may_pass(bound: float) -> None:
    fewest = fewest_questions(bound)
    assert upper_bound(0, fewest) <= bound
    assert fewest == 1 or upper_bound(0, fewest - 1) > bound


def test_margins_and_differences() -> None:
    examples = [example(0), example(1), example(2)]
    found = compare_answers(
        examples, [said(0.9), said(0.52), said(0.8)], [said(0.85), said(0.49), said(0.3)], LIMITS
    )
    assert [(one.id, one.student, one.export) for one in found.changed] == [
        ("q1", "a", "b"),
        ("q2", "a", "b"),
    ]
    assert [one.margin for one in found.changed] == pytest.approx([0.04, 0.6])
    assert found.mean_difference == pytest.approx((0.05 + 0.03 + 0.5) / 3)
    assert found.largest_difference == pytest.approx(0.5)
    assert found.problems == (
        "1 changed answers have a margin above 0.1 (first 'q2')",
        "mean difference of p 0.1933 is above 0.05",
    )


def test_a_significant_loss_is_a_problem_and_a_change_without_gold_is_not() -> None:
    # Five lost and none won: exact one-sided p = 1/32.
    limits = DriftLimits(1.0, 1.0, 1.0, 1.0, 0.0)
    before, after = [said(0.9)] * 5, [said(0.4)] * 5
    found = compare_answers([example(n) for n in range(5)], before, after, limits)
    assert found.direct_accuracy is not None
    assert found.direct_accuracy.loss_p == pytest.approx(1 / 32)
    assert found.problems == ("direct answers are worse: 0 instead of 5 of 5 right (p = 0.031)",)
    unknown = compare_answers([example(n, "") for n in range(5)], before, after, limits)
    assert (unknown.direct_accuracy, unknown.problems) == (None, ())


def test_conclusions_of_explanations() -> None:
    examples = [example(n) for n in range(3)]
    before = [said(0.9, "a"), said(0.9, "b"), said(0.9)]
    after = [said(0.9, "b"), said(0.9, "a"), said(0.9)]
    found = compare_answers(examples, before, after, LIMITS)
    assert (found.explained, found.same_conclusions) == (2, 0)
    assert found.problems == ("0 of 2 explanations reach the same conclusion, below 50%",)
