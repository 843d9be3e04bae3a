"""The adaptive way: margins, the threshold chosen on valid, and what follows from predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from teachback.errors import DataError
from teachback.evaluation import (
    SystemAnswers,
    choose_threshold,
    compare_systems,
    in_way,
    measure,
    unsure,
    verdict,
)
from teachback.evaluation.adaptive import ALWAYS, confidence_of, has_margins, margin_of
from teachback.records import Answer, Prediction


def said(
    number: int,
    margin: float,
    *,
    direct: bool = True,
    explained: bool | None = None,
) -> Prediction:
    """A yes-no prediction whose two probabilities differ by ``margin``."""
    best = (1 + margin) / 2
    answer = "yes" if direct else "no"
    other = "no" if direct else "yes"
    return Prediction(
        id=f"q{number}",
        gold="yes",
        answer=answer,
        correct=direct,
        unparsed=False,
        probabilities={answer: best, other: 1 - best},
        explanation=None if explained is None else "So.",
        explained_answer=None if explained is None else ("yes" if explained else "no"),
        explained_correct=explained,
    )


def generated(answer: str | None, log_probability: float | None) -> Prediction:
    return Prediction(
        id=str(answer),
        gold="4",
        answer=answer,
        correct=answer == "4",
        unparsed=answer is None,
        log_probability=log_probability,
    )


def test_margins() -> None:
    scored = Prediction("1", "a", "a", True, False, probabilities={"a": 0.5, "b": 0.2, "c": 0.3})
    assert margin_of(scored) == pytest.approx(0.2)
    assert confidence_of(scored) == 0.5
    assert margin_of(Answer("a", "direct", "a", probabilities={"a": 1.0})) == 1.0
    assert margin_of(generated("4", -0.7)) == confidence_of(generated("4", -0.7)) == -0.7
    # An answer that cannot be read is never sure, however probable its tokens were.
    assert margin_of(generated(None, -0.1)) == confidence_of(generated(None, -0.1)) == -math.inf
    assert margin_of(generated("4", None)) == -math.inf
    assert has_margins([generated("4", None), generated("5", -1.0)])
    assert not has_margins([generated("4", None), generated(None, -1.0)])


def of_valid() -> list[Prediction]:
    """200 questions of rising margin, in quarters of 50. Worked out by hand, right of each quarter
    (only directly, only explained, in both ways):

    first 2, 22, 18; second 2, 12, 28; third 3, 4, 37; fourth 3, 2, 42.
    """
    outcomes: list[tuple[bool, bool]] = []
    for only_direct, only_explained, both in ((2, 22, 18), (2, 12, 28), (3, 4, 37), (3, 2, 42)):
        quarter = [(True, False)] * only_direct + [(False, True)] * only_explained
        quarter += [(True, True)] * both
        outcomes += quarter + [(False, False)] * (50 - len(quarter))
    return [
        said(number, number / 250, direct=direct, explained=explained)
        for number, (direct, explained) in enumerate(outcomes)
    ]


def test_the_cheapest_candidate_within_one_standard_error_is_taken() -> None:
    found = choose_threshold(of_valid(), np.arange(200))
    assert found is not None
    # Right by quarter: directly 20, 30, 40, 45; explained 40, 40, 41, 44.
    assert [round(200 * one.accuracy) for one in found.candidates] == [135, 155, 165, 166, 165]
    assert [one.explained for one in found.candidates] == [0.0, 0.25, 0.5, 0.75, 1.0]
    # The best explains three quarters. Half: 4 questions lost and 3 won, a mean difference of
    # 1/200 with a standard error of sqrt((7 - 1/200) / 199 / 200) = 0.0133. A quarter: 16 lost and
    # 5 won, 11/200 with sqrt((21 - 121/200) / 199 / 200) = 0.0226: clearly worse.
    assert found.taken == 2
    assert found.threshold == pytest.approx(100 / 250)
    assert found.line() == (
        "adaptive (exploratory): on valid it explains 50% of 200 questions, those with a margin "
        "below 0.4; accuracy 0.825, with none explained 0.675, with all 0.825"
    )
    unsure_ones = unsure(of_valid(), found.threshold)
    assert unsure_ones == [True] * 100 + [False] * 100


def test_the_ends_are_candidates() -> None:
    helps = [said(n, n / 250, direct=False, explained=True) for n in range(200)]
    found = choose_threshold(helps, np.arange(200))
    assert found is not None
    assert (found.taken, found.threshold) == (4, ALWAYS)
    assert all(unsure([said(1, 1.0, explained=True)], found.threshold))
    harms = [said(n, n / 250, direct=True, explained=False) for n in range(200)]
    found = choose_threshold(harms, np.arange(200))
    assert found is not None
    assert (found.taken, found.threshold) == (0, 0.0)
    # Where both ways are as good everywhere, none is explained.
    same = [said(n, n / 250, direct=n % 2 == 0, explained=n % 2 == 0) for n in range(200)]
    found = choose_threshold(same, np.arange(200))
    assert found is not None
    assert found.taken == 0


def test_items_of_one_group_are_one_unit_of_the_standard_error() -> None:
    # The 12 questions of the second quarter that only the explanation gets right are one group:
    # (12 - 12 * 11/200)^2 = 128.6 of the squares, and the standard error of explaining a quarter
    # grows from 0.0226 to 0.059, more than the 0.055 that it is worse than the best.
    groups = np.arange(200)
    groups[52:64] = 52
    groups[64:] -= 11
    found = choose_threshold(of_valid(), groups)
    assert found is not None
    assert found.taken == 1
    assert choose_threshold(of_valid(), np.zeros(200, dtype=np.int64)) is None


def test_no_threshold_without_enough_to_choose_it_from() -> None:
    rows = of_valid()
    assert choose_threshold(rows[:199], np.arange(199)) is None
    lacking = [*rows[:199], said(199, 0.9)]
    assert choose_threshold(lacking, np.arange(200)) is None
    silent = [generated(None, None)] * 200
    assert choose_threshold(silent, np.arange(200)) is None


def test_unreadable_answers_are_explained_by_every_candidate() -> None:
    rows: list[Prediction] = []
    for number in range(220):
        own = generated(None if number < 20 else "5", -number / 100)
        rows.append(
            Prediction(
                id=str(number),
                gold="4",
                answer=own.answer,
                correct=False,
                unparsed=own.answer is None,
                explanation="So.",
                explained_answer="4" if number < 20 else "5",
                explained_correct=number < 20,
                log_probability=own.log_probability,
            )
        )
    found = choose_threshold(rows, np.arange(220))
    assert found is not None
    assert [one.explained for one in found.candidates] == pytest.approx(
        [20 / 220, 70 / 220, 120 / 220, 170 / 220, 1.0]
    )
    assert found.taken == 0
    assert found.threshold == pytest.approx(-2.19)
    # The first candidate is right where nothing could be read; none of the direct answers is.
    assert found.line() == (
        "adaptive (exploratory): on valid it explains 9% of 220 questions, those with a margin "
        "below -2.19; accuracy 0.091, with none explained 0.000, with all 0.091"
    )


def test_predictions_in_the_adaptive_way() -> None:
    rows = [
        said(1, 0.1, direct=False, explained=True),
        said(2, 0.3, direct=True, explained=False),
        said(3, 0.7, direct=False, explained=True),
    ]
    brought = in_way(rows, "adaptive", threshold=0.3)
    assert [p.correct for p in brought] == [True, True, False]
    assert [p.probabilities is None for p in brought] == [True, False, False]
    figures = measure(rows, "yes-no", 0.3)
    assert figures.adaptive is not None
    assert (figures.adaptive.right, figures.adaptive_explained) == (2, pytest.approx(1 / 3))
    # The same where only the unsure one was explained; that is not the explained way.
    partly = [rows[0], *(said(n, m, direct=d) for n, m, d in ((2, 0.3, True), (3, 0.7, False)))]
    assert [p.correct for p in in_way(partly, "adaptive", threshold=0.3)] == [True, True, False]
    figures = measure(partly, "yes-no", 0.3)
    assert figures.adaptive is not None
    assert (figures.adaptive.right, figures.explained, figures.agreement) == (2, None, None)
    with pytest.raises(DataError, match="1 of 2 have no explained answer, first 'q2'"):
        in_way(partly, "adaptive", threshold=0.4)
    with pytest.raises(DataError, match="have no explained answer"):
        measure(partly, "yes-no")
    assert measure(partly[1:], "yes-no", 0.2).adaptive_explained == 0


def test_a_system_without_a_threshold() -> None:
    with pytest.raises(
        DataError, match=r"^run: there is no threshold for the adaptive way: a student"
    ):
        in_way([said(1, 0.1, direct=False, explained=True)], "adaptive", "run")
    # What has but one answer gives that: no explanations, or explanations that conclude nothing.
    bare = [said(1, 0.1, direct=False)]
    assert in_way(bare, "adaptive") == bare
    once = [said(1, 0.1, direct=True, explained=True)]
    assert in_way(once, "adaptive") == once
    old = [
        Prediction("1", "4", "5", False, False, explained_answer="4", explained_correct=True),
    ]
    with pytest.raises(DataError, match=r"^run: nothing says how sure the direct answers are"):
        in_way(old, "adaptive", "run", threshold=-0.5)


def system(margins: Sequence[float], direct: str, explained: str) -> list[Prediction]:
    return [
        said(n, margin, direct=d == "1", explained=e == "1")
        for n, (margin, d, e) in enumerate(zip(margins, direct, explained, strict=True))
    ]


def test_systems_are_compared_in_the_adaptive_way() -> None:
    margins = [n / 10 for n in range(10)]
    a = SystemAnswers(system(margins, "0000011111", "1111100000"), "direct", 0.35)
    b = SystemAnswers([said(n, 0.5, direct=n > 6) for n in range(10)], "direct")
    found = compare_systems({0: a}, {0: b}, way="adaptive", names=("A", "B"))
    assert (found.accuracy_a, found.accuracy_b) == (0.9, 0.3)
    assert verdict(found).startswith(
        "A minus B (explained only where unsure, exploratory): +60.0 points"
    )
