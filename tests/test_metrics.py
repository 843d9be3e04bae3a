"""Figures of one set of predictions, against hand counts and statsmodels 0.15."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from teachback.errors import DataError
from teachback.evaluation import as_json, majority_label, measure
from teachback.evaluation.metrics import accuracy_interval, clusters, wilson
from teachback.records import Example, Prediction


def said(
    id: str, gold: str, answer: str | None, *, group: str | None = None, **rest: object
) -> Prediction:
    prediction = Prediction(
        id=id,
        gold=gold,
        answer=answer,
        correct=answer == gold,
        unparsed=answer is None,
        group=group,
    )
    return replace(prediction, **rest)


FIVE = [
    said("1", "yes", "yes", explained_answer="yes", explained_correct=True),
    said("2", "yes", "no", explained_answer="yes", explained_correct=True),
    said("3", "yes", None, explained_answer=None, explained_correct=False),
    said("4", "no", "no", explained_answer="no", explained_correct=True),
    said("5", "no", "yes", explained_answer=None, explained_correct=False),
]


def test_both_ways_are_counted_and_unparsed_is_not_right() -> None:
    metrics = measure(FIVE, "yes-no")
    assert (metrics.n, metrics.n_groups) == (5, 5)
    assert (metrics.direct.right, metrics.direct.accuracy, metrics.direct.unparsed) == (2, 0.4, 1)
    assert metrics.explained is not None
    assert (metrics.explained.right, metrics.explained.unparsed) == (3, 2)
    # Items 1 and 4 agree; two unparsed answers (item 3) agree on nothing.
    assert metrics.agreement == pytest.approx(2 / 5)


def test_agreement_is_by_the_kinds_comparison() -> None:
    prediction = said("1", "1.5", "1.50", explained_answer="1.5", explained_correct=True)
    assert measure([prediction], "number").agreement == 1
    assert measure([prediction], "text").agreement == 0


def test_no_explained_figures_where_no_explanation_was_asked() -> None:
    metrics = measure([said("1", "yes", "yes")], "yes-no")
    assert metrics.explained is None
    assert metrics.agreement is None
    assert metrics.chosen_probability is None


def test_labels_by_gold_answer() -> None:
    labels = measure(FIVE, "yes-no").labels
    assert labels is not None
    assert [(row.label, row.n, row.right, row.predicted) for row in labels] == [
        ("yes", 3, 1, 2),
        ("no", 2, 1, 2),
    ]
    assert labels[0].accuracy == pytest.approx(1 / 3)


def test_labels_are_left_out_where_golds_hardly_recur() -> None:
    assert measure([said(str(i), f"gold {i}", "x") for i in range(10)], "text").labels is None
    many = [said(str(i), f"gold {i % 21}", "x") for i in range(210)]
    assert measure(many, "text").labels is None
    assert measure([p for p in many if p.gold != "gold 20"], "text").labels is not None


def test_probabilities_and_calibration() -> None:
    predictions = [
        said("1", "yes", "yes", probabilities={"yes": 0.95, "no": 0.05}),
        said("2", "yes", "no", probabilities={"yes": 0.08, "no": 0.92}),
        said("3", "no", "no", probabilities={"yes": 0.4, "no": 0.6}),
        said("4", "no", "no", probabilities={"yes": 0.0, "no": 1.0}),
    ]
    metrics = measure(predictions, "yes-no")
    assert metrics.gold_probability == pytest.approx((0.95 + 0.08 + 0.6 + 1.0) / 4)
    assert metrics.chosen_probability == pytest.approx((0.95 + 0.92 + 0.6 + 1.0) / 4)
    # Four answers are one bin: 3 right of 4 at a mean confidence of 3.47/4.
    assert metrics.calibration_error == pytest.approx(0.47 / 4)
    # Forty are four bins of ten, by confidence: 10 of 10 right at 0.6, 0 of 10 at 0.92, …
    copies = [replace(p, id=f"{p.id}-{n}") for p in predictions for n in range(10)]
    assert measure(copies, "yes-no").calibration_error == pytest.approx(
        (0.4 + 0.92 + 0.05 + 0.0) / 4
    )
    without = [*predictions[:3], replace(predictions[3], probabilities=None)]
    assert measure(without, "yes-no").calibration_error is None


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [  # statsmodels.stats.proportion.proportion_confint(method="wilson")
        (7, 10, 0.39677814746114537, 0.8922087325936989),
        (0, 12, 0.0, 0.24249400665524096),
        (150, 200, 0.6856590168795417, 0.8049183199318249),
    ],
)
def test_wilson_for_independent_items(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right / n, n) == pytest.approx((low, high), abs=1e-12)
    interval = binomtest(right, n).proportion_ci(method="wilson")
    outcomes = np.arange(n) < right
    assert accuracy_interval(outcomes, np.arange(n)) == pytest.approx(tuple(interval), abs=1e-12)


def test_interval_of_grouped_items() -> None:
    right = np.array([1, 1, 1, 0, 0, 1, 0, 1, 1, 0], dtype=bool)
    groups = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 4])
    # Sums of y - 0.6 by group: 1.2, -1.2, 0.2, 0.4, -0.6; V = 5/4 * 3.44 / 100 = 0.043, also
    # statsmodels' OLS on a constant with cov_type="cluster". n* = 0.24 / 0.043 = 5.58, and
    # t with 4 degrees of freedom is 2.7764 where z is 1.9600.
    effective = 0.24 / 0.043 * (1.959964 / 2.776445) ** 2
    low, high = accuracy_interval(right, groups)
    assert (low, high) == pytest.approx(wilson(0.6, effective), abs=1e-6)
    alone = accuracy_interval(right, np.arange(10))
    assert low < alone[0] < alone[1] < high


def test_interval_where_groups_leave_no_variance() -> None:
    pairs = np.array([0, 0, 1, 1, 2, 2])
    # All right: three groups are counted, not six items, and t has two degrees of freedom.
    low, high = accuracy_interval(np.ones(6, dtype=bool), pairs)
    assert high == 1
    assert low == pytest.approx(wilson(1.0, 3 * (1.959964 / 4.302653) ** 2)[0], abs=1e-6)
    # One of two right in every group: no more than the six items there are.
    halves = accuracy_interval(np.array([1, 0, 1, 0, 1, 0], dtype=bool), pairs)
    assert halves == pytest.approx(wilson(0.5, 6 * (1.959964 / 4.302653) ** 2), abs=1e-6)
    # One group only says as much as one item.
    assert accuracy_interval(np.array([1, 0], dtype=bool), np.array([0, 0])) == wilson(0.5, 1)


def test_an_item_without_a_group_is_its_own() -> None:
    predictions = [
        said("g", "yes", "yes"),
        said("2", "yes", "yes", group="g"),
        said("3", "yes", "yes", group="g"),
        said("4", "yes", "yes"),
    ]
    assert clusters(predictions).tolist() == [0, 1, 1, 2]
    assert measure(predictions, "yes-no").n_groups == 3


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([], "there are none"),
        ([FIVE[0], FIVE[0]], "the id '1' appears more than once"),
        ([replace(FIVE[2], correct=True)], "'3' is marked both unparsed and correct"),
        ([FIVE[0], said("6", "no", "no")], "1 of 2 have no explained answer, first '6'"),
    ],
)
def test_predictions_that_cannot_be_counted(predictions: list[Prediction], message: str) -> None:
    with pytest.raises(DataError, match=message):
        measure(predictions, "yes-no")


def test_metrics_as_json_survive_a_round_trip() -> None:
    plain = as_json(measure(FIVE, "yes-no"))
    assert json.loads(json.dumps(plain)) == plain
    assert plain["direct"]["right"] == 2
    assert plain["labels"][0]["label"] == "yes"


def choice(id: str, choices: str, answer: str) -> Example:
    return Example(id, "?", answer, "multiple-choice", choices=tuple(choices.split()))


def test_majority_position_of_multiple_choice() -> None:
    train = [
        choice("1", "a b c", "c"),
        choice("2", "d e f", "f"),
        choice("3", "g h i", "h"),
        choice("4", "c f j", "f"),
        choice("5", "j k l", "l"),
    ]
    test = [choice("6", "m n o", "o"), choice("7", "p q", "p"), choice("8", "r s t", "s")]
    predictions = majority_label(train, test)
    # The third choice is gold most often; where there are only two, the second is.
    assert [p.answer for p in predictions] == ["o", "q", "t"]
    assert [p.correct for p in predictions] == [True, False, False]
    assert not any(p.unparsed for p in predictions)


@pytest.mark.parametrize(
    ("kind", "train", "expected"),
    [
        ("yes-no", ["no", "yes", "no"], "no"),
        ("number", ["3", "4", "4", "3"], "3"),  # equally frequent: the first
        ("text", ["Rome", "the Nile", "Nile"], "the Nile"),  # one answer, written twice
        ("label", ["spam", "ham", "ham"], "ham"),
    ],
)
def test_majority_answer_of_other_kinds(kind: str, train: list[str], expected: str) -> None:
    examples = [Example(str(i), "?", answer, kind) for i, answer in enumerate(train)]
    test = [Example("t", "?", expected, kind, group="g"), Example("u", "?", "17", kind)]
    predictions = majority_label(examples, test)
    assert [(p.answer, p.correct, p.group) for p in predictions] == [
        (expected, True, "g"),
        (expected, False, None),
    ]


def test_majority_label_needs_training_examples_of_one_kind() -> None:
    with pytest.raises(DataError, match="at least one training example"):
        majority_label([], [choice("1", "a b", "a")])
    with pytest.raises(DataError, match="'1' is multiple-choice, '2' is yes-no"):
        majority_label([choice("1", "a b", "a")], [Example("2", "?", "yes", "yes-no")])
