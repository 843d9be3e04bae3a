"""The arithmetic of judging: worked values, and other libraries' results."""

from __future__ import annotations

import math

import choix
import numpy as np
import pytest
import statsmodels.api as sm

from teachback.quality.bradley_terry import bradley_terry, bradley_terry_over_items
from teachback.quality.equal_length import win_rate_at_equal_length
from teachback.quality.prediction_powered import prediction_powered_mean

PEOPLE = [1, 1, 0, 1, 0, 1, 1, 0, 1, 1]
JUDGE = [1, 1, 0, 1, 1, 1, 0, 0, 1, 1]
FURTHER = [1] * 60 + [0] * 40


@pytest.mark.parametrize(
    ("weight", "mean", "low", "high"),
    [
        (0.0, 0.7, 0.41597, 0.98403),
        (1.0, 0.6, 0.30666, 0.89334),
        (None, 0.65838, 0.41126, 0.90550),
    ],
)
def test_prediction_powered_worked_values(
    weight: float | None, mean: float, low: float, high: float
) -> None:
    found = prediction_powered_mean(PEOPLE, JUDGE, FURTHER, weight=weight, large_sample=True)
    assert (found.mean, found.low, found.high) == pytest.approx((mean, low, high), abs=6e-6)
    if weight is None:
        assert found.weight == pytest.approx(0.41617, abs=6e-6)


def test_without_weight_the_interval_is_the_t_interval_of_people_alone() -> None:
    found = prediction_powered_mean(PEOPLE, JUDGE, FURTHER, weight=0.0)
    half = 2.2621572 * math.sqrt(np.var(PEOPLE, ddof=1) / 10)
    assert (found.low, found.high) == pytest.approx((0.7 - half, 0.7 + half))
    assert (found.people_low, found.people_high) == (found.low, found.high)
    assert found.saved == 0.0


def test_copies_of_an_item_make_no_more_items_of_it() -> None:
    once = prediction_powered_mean(PEOPLE, JUDGE, FURTHER)
    four = prediction_powered_mean(
        PEOPLE * 4,
        JUDGE * 4,
        FURTHER * 4,
        groups=[*range(10)] * 4,
        unlabelled_groups=[*range(10, 110)] * 4,
    )
    assert (four.mean, four.low, four.high, four.weight, four.saved) == pytest.approx(
        (once.mean, once.low, once.high, once.weight, once.saved)
    )
    assert (four.people_low, four.people_high) == pytest.approx((once.people_low, once.people_high))
    assert (four.n_labelled, four.n_unlabelled) == (40, 400)


def test_a_group_that_people_judged_in_part_adds_up_over_both_parts() -> None:
    """By hand: weight ½; people's residuals y - f/2 are ½ ½ 0 (mean 1/3), ½ of the further 1 0.

    Parts of the groups A B C: sqrt(3/2) (1/18 1/18 -1/9), and sqrt(2) (1/8 -1/8) for A and B.
    """
    found = prediction_powered_mean(
        [1, 1, 0], [1, 1, 0], [1, 0], groups=[0, 1, 2], unlabelled_groups=[0, 1], weight=0.5
    )
    parts = np.sqrt(1.5) * np.array([1, 1, -2]) / 18 + np.sqrt(2) * np.array([1, -1, 0]) / 8
    half = 4.3026527 * math.sqrt((parts**2).sum())
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half))
    apart = prediction_powered_mean([1, 1, 0], [1, 1, 0], [1, 0], weight=0.5)
    assert apart.high - apart.low == pytest.approx(2 * 4.3026527 * math.sqrt(1 / 36 + 1 / 16))


def test_a_judge_that_says_nothing_gets_no_weight() -> None:
    found = prediction_powered_mean(PEOPLE, [1] * 10, [1] * 50)
    assert (found.weight, found.mean, found.saved) == (0.0, 0.7, 0.0)
    contrary = prediction_powered_mean(PEOPLE, [1 - one for one in PEOPLE], FURTHER)
    assert contrary.weight == 0.0


def test_values_that_are_the_same_but_for_rounding_do_not_vary() -> None:
    """Means of three people, or of three seeds: 0.1 + 0.2 and 0.3 are one value."""
    same = [0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2, 0.3]
    assert len(set(same)) == 2
    judged = prediction_powered_mean([0, 1, 1, 0, 1], same, same)
    assert judged.weight == 0.0
    assert (judged.low, judged.high) == (judged.people_low, judged.people_high)
    agreed = prediction_powered_mean(same, [0, 1, 1, 0, 1], [0, 1, 1])
    assert agreed.saved == 0.0
    assert agreed.people_low == agreed.people_high
    words = [0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2]
    assert win_rate_at_equal_length([1, 1, 0, 0], words) is None


@pytest.mark.slow
@pytest.mark.parametrize(("right", "narrower"), [(0.7, 0.95), (0.85, 0.8)])
def test_prediction_powered_coverage(right: float, narrower: float) -> None:
    """400 further items, 50 judged by people: 95% intervals hold the truth in about 95%."""
    rng = np.random.default_rng(1)
    runs, n, further, truth = 4000, 50, 400, 0.6
    covered, widths, alone = 0, 0.0, 0.0
    for _ in range(runs):
        y = (rng.random(n + further) < truth).astype(float)
        f = np.where(rng.random(n + further) < right, y, 1 - y)
        found = prediction_powered_mean(y[:n].tolist(), f[:n].tolist(), f[n:].tolist())
        covered += found.low <= truth <= found.high
        widths += found.high - found.low
        alone += found.people_high - found.people_low
    assert 0.935 < covered / runs < 0.965
    assert widths < narrower * alone


def test_bradley_terry_worked_values() -> None:
    two = bradley_terry(np.array([[0, 7], [3, 0]], dtype=float))
    assert two is not None
    assert two[0] - two[1] == pytest.approx(math.log(7 / 3))
    three = bradley_terry(np.array([[0, 7, 8], [3, 0, 6], [2, 4, 0]], dtype=float))
    assert three == pytest.approx([0.7406, -0.1491, -0.5915], abs=6e-5)


def test_bradley_terry_is_choix_s() -> None:
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 20, (5, 5))
    np.fill_diagonal(counts, 0)
    data = [(i, j) for i in range(5) for j in range(5) for _ in range(counts[i, j])]
    found = bradley_terry(counts.astype(float))
    assert found == pytest.approx(choix.ilsr_pairwise(5, data), abs=1e-6)


def test_bradley_terry_counts_a_tie_as_half_a_win_of_either() -> None:
    found = bradley_terry(np.array([[0, 1.5], [0.5, 0]]))
    assert found is not None
    assert found[0] - found[1] == pytest.approx(math.log(3))


def test_bradley_terry_of_one_that_never_lost_is_not_finite() -> None:
    wins = np.array([[0, 3, 2], [0, 0, 1], [0, 2, 0]], dtype=float)
    assert bradley_terry(wins) is None
    assert bradley_terry_over_items(wins[None], [0]) is None


def test_bradley_terry_intervals_over_items() -> None:
    """Of two systems the interval is that of the log-odds of a share."""
    rng = np.random.default_rng(0)
    won = (rng.random(400) < 0.7).astype(float)
    wins = np.zeros((400, 2, 2))
    wins[:, 0, 1], wins[:, 1, 0] = won, 1 - won
    found = bradley_terry_over_items(wins, range(400))
    assert found is not None
    share = won.mean()
    error = 1 / math.sqrt(400 * share * (1 - share)) / 2  # of half the log-odds: centred
    width = (found.high[0] - found.low[0]) / (2 * 1.96)
    assert width == pytest.approx(error, rel=0.08)
    once = bradley_terry_over_items(np.repeat(wins, 4, axis=0), np.repeat(range(400), 4).tolist())
    assert once is not None  # four copies of an item make no more items of it
    assert once.high[0] - once.low[0] == pytest.approx(found.high[0] - found.low[0], rel=0.08)


def test_the_rate_at_equal_length_is_statsmodels_logit() -> None:
    rng = np.random.default_rng(5)
    words = rng.normal(8, 20, 300)
    chance = 1 / (1 + np.exp(-(0.4 + 1.2 * np.tanh(words / 20))))
    preferences = (rng.random((300, 4)) < chance[:, None]).mean(axis=1)
    found = win_rate_at_equal_length(preferences.tolist(), words.tolist())
    design = sm.add_constant(np.tanh(words / words.std(ddof=1)))
    oracle = sm.GLM(preferences, design, family=sm.families.Binomial()).fit(cov_type="HC0")
    assert found is not None
    assert (found.theta, found.phi) == pytest.approx(tuple(oracle.params), abs=1e-6)
    low, high = oracle.conf_int()[0]
    assert (found.low, found.high) == pytest.approx(
        (1 / (1 + np.exp(-low)), 1 / (1 + np.exp(-high)))
    )


def test_a_judge_that_only_measures_length_has_no_rate_at_equal_length() -> None:
    assert win_rate_at_equal_length([1, 1, 0, 0], [5, 9, -3, -4]) is None
    assert win_rate_at_equal_length([1, 1, 0, 0], [2, 2, 2, 2]) is None
