"""The interval of an accuracy over seeds: hand-worked, its limits, and how often it holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from teachback.errors import DataError
from teachback.evaluation import mean_accuracy, mean_interval
from teachback.evaluation.metrics import accuracy_interval
from teachback.records import Prediction

# Four items, two seeds. Item means 1, 1/2, 0, 1; seed means 3/4 and 1/2; grand mean 5/8.
RIGHT = np.array([[1, 1], [1, 0], [0, 0], [1, 1]], dtype=bool)
ALONE = np.arange(4)


def predictions(right: np.ndarray, groups: str | None = None) -> dict[int, list[Prediction]]:
    return {
        5 + seed: [
            Prediction(
                id=f"item-{item}",
                gold="yes",
                answer="yes" if is_right else None,
                correct=bool(is_right),
                unparsed=not is_right,
                group=None if groups is None else groups[item],
            )
            for item, is_right in enumerate(column)
        ]
        for seed, column in enumerate(right.T)
    }


def wilson(p: float, n: float) -> tuple[float, float]:
    z = 1.959963984540054
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def test_the_interval_over_seeds_worked_by_hand() -> None:
    # Items: (3/8)^2 + (1/8)^2 + (5/8)^2 + (3/8)^2 = 11/16, / 3 / 4 = 11/192.
    # Seeds: 2 (1/8)^2 / 1 / 2 = 1/64. Residuals: six of 1/8 and two of 3/8, sum of squares
    # 3/8, / (3 * 1) / 8 = 1/64. So V is the items' alone, and the shares are 1, 3/11, 3/11.
    variance = 11 / 192
    inverse = 1 / 3 + (3 / 11) ** 1.5 / 1 + (3 / 11) ** 1.5 / 3
    quantile = stats.t.ppf(0.975, 1 / inverse)
    effective = (5 / 8) * (3 / 8) / variance * (1.959963984540054 / quantile) ** 2
    assert mean_interval(RIGHT, ALONE) == pytest.approx(wilson(5 / 8, effective))


def test_seeds_that_differ_widen_the_interval() -> None:
    # Item means 1/2 each but one 0; one seed has all but one right, the other nothing.
    lopsided = np.array([[1, 0], [1, 0], [1, 0], [0, 0]], dtype=bool)
    even = np.array([[1, 0], [0, 1], [1, 0], [0, 0]], dtype=bool)
    low, high = mean_interval(lopsided, ALONE)
    assert lopsided.mean() == even.mean()
    assert high - low > np.subtract(*mean_interval(even, ALONE)[::-1])
    # The variance is the seeds', 9/64, with one degree of freedom: next to nothing is known.
    effective = (15 / 64) / (9 / 64) * (1.959963984540054 / stats.t.ppf(0.975, 1)) ** 2
    assert (low, high) == pytest.approx(wilson(3 / 8, effective))


def test_one_seed_is_the_interval_of_one_set_of_predictions() -> None:
    groups = np.array([0, 0, 1, 2])
    for units in (ALONE, groups):
        expected = accuracy_interval(RIGHT[:, 0], units)
        assert mean_interval(RIGHT[:, :1], units) == expected


def test_all_right_under_every_seed_counts_the_items_once() -> None:
    whole = np.ones((20, 3), dtype=bool)
    low, high = mean_interval(whole, np.arange(20))
    proportion = stats.binomtest(20, 20).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((proportion.low, proportion.high))


def test_items_in_groups_count_as_their_groups() -> None:
    rng = np.random.default_rng(3)
    # Easy and hard items, so that the seeds tell much the same.
    right = rng.random((30, 3)) < rng.choice([0.1, 0.9], (30, 1))
    plain = mean_interval(right, np.arange(30))
    copied = mean_interval(np.repeat(right, 4, axis=0), np.repeat(np.arange(30), 4))
    assert copied == pytest.approx(plain)
    taken_apart = mean_interval(np.repeat(right, 4, axis=0), np.arange(120))
    assert taken_apart[1] - taken_apart[0] < plain[1] - plain[0]
    assert mean_interval(right, np.zeros(30, dtype=int)) == pytest.approx(wilson(right.mean(), 1))


def test_mean_accuracy_puts_it_together_whatever_the_order_of_items() -> None:
    by_seed = predictions(RIGHT)
    by_seed[6] = by_seed[6][::-1]
    found = mean_accuracy(by_seed)
    assert (found.accuracy, found.n_items, found.n_groups, found.n_seeds) == (5 / 8, 4, 4, 2)
    assert (found.low, found.high) == mean_interval(RIGHT, ALONE)
    assert found.unparsed == 3
    assert mean_accuracy(predictions(RIGHT, groups="aabc")).n_groups == 3


def test_seeds_of_different_items_are_an_error() -> None:
    by_seed = predictions(RIGHT)
    by_seed[6] = by_seed[6][1:]
    with pytest.raises(DataError, match="seed 6 lacks 1 item that seed 5 has, first 'item-0'"):
        mean_accuracy(by_seed)
    with pytest.raises(DataError, match="no predictions"):
        mean_accuracy({})


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.06])
def test_the_interval_holds_the_true_mean_about_as_often_as_it_says(spread: float) -> None:
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(300):
        chance = rng.uniform(0.3, 0.9, (200, 1)) + rng.normal(0, spread, (1, 3))
        low, high = mean_interval(rng.random((200, 3)) < chance, np.arange(200))
        held += low <= 0.6 <= high
    assert 0.92 < held / 300 <= 1.0
