"""The ways of answering: which exist, which is better, and what is compared in each."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

import teachback as tb
from teachback.errors import ConfigError, DataError
from teachback.evaluation import (
    COMPARED_WAYS,
    WAYS,
    SystemAnswers,
    answer_in,
    better_way,
    compare,
    compare_systems,
    compared_way,
    has_choice,
    in_way,
    is_settled,
    measure,
    right_by_way,
    student_way,
    verdict,
)
from teachback.evaluation.ways import IN_WORDS
from teachback.records import ComparedWay, Prediction, Way
from teachback.runs.evaluations import read_run
from teachback.students.card import CARD, StudentCard


def said(number: int, *, direct: bool, explained: bool | None) -> Prediction:
    """A prediction of which each way is right or wrong; None: not asked to explain."""
    return Prediction(
        id=f"q{number}",
        gold="yes",
        answer="yes" if direct else "no",
        correct=direct,
        unparsed=False,
        probabilities={"yes": 0.6, "no": 0.4},
        explanation=None if explained is None else "So.",
        explained_answer=None if explained is None else ("yes" if explained else None),
        explained_correct=explained,
    )


def system(direct: str, explained: str | None, way: Way | None) -> SystemAnswers:
    """``1``: right. One character for each question."""
    told = [None] * len(direct) if explained is None else [c == "1" for c in explained]
    rows = [
        said(n, direct=d == "1", explained=e)
        for n, (d, e) in enumerate(zip(direct, told, strict=True))
    ]
    return SystemAnswers(rows, way)


# Of ten questions: directly right 6, explained 9; the other is right 5 directly, 2 explained.
EXPLAINER = system("1111110000", "1111111110", "explained")
DIRECT = system("1111100000", "1100000000", "direct")


def test_every_way_has_its_predictions_and_its_words() -> None:
    assert WAYS == ("direct", "explained")
    assert COMPARED_WAYS == ("direct", "explained", "chosen", "adaptive")
    assert set(IN_WORDS) == set(COMPARED_WAYS)
    for way in COMPARED_WAYS:
        brought = in_way(EXPLAINER.predictions, way, chosen="direct", threshold=0.1)
        assert len(brought) == 10


def test_the_explained_answer_comes_to_the_front() -> None:
    explained = in_way(EXPLAINER.predictions, "explained")
    assert [p.correct for p in explained] == [True] * 9 + [False]
    assert [p.answer for p in explained] == ["yes"] * 9 + [None]
    assert [p.unparsed for p in explained] == [False] * 9 + [True]
    assert {p.probabilities is None for p in explained} == {True}
    assert in_way(EXPLAINER.predictions, "direct") == EXPLAINER.predictions
    bare = said(6, direct=True, explained=None)
    with pytest.raises(DataError, match=r"^run: 1 of 11 have no explained answer, first 'q6'"):
        in_way([*EXPLAINER.predictions, bare], "explained", "run")


def test_chosen_is_what_the_system_chose() -> None:
    rows = EXPLAINER.predictions
    assert in_way(rows, "chosen", chosen="explained") == in_way(rows, "explained")
    assert in_way(rows, "chosen", chosen="direct") == rows
    with pytest.raises(DataError, match=r"^run: the way of answering that it chose is not known"):
        in_way(rows, "chosen", "run")


def test_the_better_way_by_counts_and_a_tie_is_direct() -> None:
    assert right_by_way(EXPLAINER.predictions) == {"direct": 6, "explained": 9}
    assert better_way({"direct": 6, "explained": 9}) == "explained"
    assert better_way({"explained": 6, "direct": 6}) == "direct"
    assert better_way({"direct": 9, "explained": 6}) == "direct"
    some = [*DIRECT.predictions[:1], said(9, direct=False, explained=None)]
    assert right_by_way(some) == {"direct": 1}
    assert better_way(right_by_way(some)) == "direct"


def test_the_choice_is_settled_just_when_no_further_answers_can_change_it() -> None:
    for valid in range(1, 7):
        for direct, asked in itertools.product(range(valid + 1), repeat=2):
            for explained in range(asked + 1):
                left = valid - asked
                ends = {
                    better_way({"direct": direct, "explained": explained + more})
                    for more in range(left + 1)
                }
                assert is_settled(direct, explained, left) == (len(ends) == 1)


def test_who_has_a_choice() -> None:
    assert [o for o in (None, "st", "mt-re", "mt-ra", "mt-cot", "cot") if has_choice(o)] == [
        "mt-ra",
        "mt-cot",
        "cot",
    ]


def test_an_answer_is_in_the_student_s_own_way() -> None:
    own = answer_in(
        "explained",
        direct_answer="no",
        explained_answer="yes",
        explanation="So.",
        probabilities={"no": 1.0},
    )
    assert (own.answer, own.way) == ("yes", "explained")
    assert (own.direct_answer, own.explained_answer, own.explanation) == ("no", "yes", "So.")
    asked = answer_in("direct", direct_answer="no", explained_answer="yes", explanation="So.")
    assert (asked.answer, asked.way, asked.explained_answer) == ("no", "direct", "yes")
    # Not asked to explain, it can only have answered directly; and it says so.
    assert answer_in("explained", direct_answer="no").way == "direct"
    unread = answer_in("explained", direct_answer="no", explanation="So")
    assert (unread.answer, unread.way) == (None, "explained")


@pytest.mark.parametrize(
    ("way", "difference", "right"),
    [("direct", 0.1, (0.6, 0.5)), ("explained", 0.7, (0.9, 0.2)), ("chosen", 0.4, (0.9, 0.5))],
)
def test_systems_are_compared_in_each_way(
    way: ComparedWay, difference: float, right: tuple[float, float]
) -> None:
    found = compare_systems({0: EXPLAINER}, {0: DIRECT}, way=way, names=("E", "D"))
    assert found.difference == pytest.approx(difference)
    assert (found.accuracy_a, found.accuracy_b) == right
    assert found.way == way
    assert verdict(found).startswith(f"E minus D ({IN_WORDS[way]}): +{100 * difference:.1f} points")


def test_each_seed_is_compared_in_its_own_chosen_way() -> None:
    other = replace(EXPLAINER, way="direct")
    found = compare_systems(
        {0: EXPLAINER, 1: other}, {0: DIRECT, 1: DIRECT}, way="chosen", names=("E", "D")
    )
    assert [seed.accuracy_a for seed in found.seeds] == [0.9, 0.6]
    with pytest.raises(DataError, match=r"^D, seed 0: the way of answering that it chose is not"):
        compare_systems(
            {0: EXPLAINER}, {0: replace(DIRECT, way=None)}, way="chosen", names=("E", "D")
        )


def test_predictions_as_they_are_given_have_no_way() -> None:
    found = compare({0: EXPLAINER.predictions}, {0: DIRECT.predictions}, names=("E", "D"))
    assert found.way is None
    assert verdict(found).startswith("E minus D: +10.0 points")


# ------------------------------------------------------------------ where a user names a way


def evaluation(one: SystemAnswers) -> tb.Evaluation:
    rows = list(one.predictions)
    assert one.way is not None
    return tb.Evaluation(rows, measure(rows, "yes-no"), None, one.way)


@pytest.mark.parametrize(
    ("way", "difference"), [("direct", 0.1), ("explained", 0.7), ("chosen", 0.4)]
)
def test_the_api_compares_in_each_way(way: ComparedWay, difference: float) -> None:
    a, b = evaluation(EXPLAINER), evaluation(DIRECT)
    found = tb.compare(a, b, way=way)
    assert found.difference == pytest.approx(difference)
    assert found.way == way
    assert tb.compare({3: a}, {3: b}, way=way).seeds[0].accuracy_a == found.accuracy_a
    assert tb.compare(a, b).way == "direct"


def test_the_api_refuses_a_way_that_does_not_exist() -> None:
    one = evaluation(EXPLAINER)
    with pytest.raises(
        ConfigError,
        match=r"^compare\(\): there is no way of answering 'nonsense': choose direct, explained, "
        r"chosen or adaptive$",
    ):
        tb.compare(one, one, way="nonsense")  # type: ignore[arg-type]


def test_a_way_is_checked_wherever_it_is_read(tmp_path: Path) -> None:
    assert student_way("explained", "here") == "explained"
    assert compared_way("chosen", "here") == "chosen"
    for name in ("chosen", "", "Direct"):
        with pytest.raises(
            ConfigError, match=r"^here: there is no way of answering .* or explained"
        ):
            student_way(name, "here")
    StudentCard("base").save(tmp_path)
    card = json.loads((tmp_path / CARD).read_text("utf-8"))
    (tmp_path / CARD).write_text(json.dumps(card | {"way": "guessed"}), "utf-8")
    with pytest.raises(
        ConfigError, match=r"teachback.json: there is no way of answering 'guessed'"
    ):
        StudentCard.load(tmp_path)
    (tmp_path / "metrics.json").write_text('{"way": "guessed"}', "utf-8")
    with pytest.raises(ConfigError, match=r"metrics.json: there is no way of answering 'guessed'"):
        read_run(tmp_path)
