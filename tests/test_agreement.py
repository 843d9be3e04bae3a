"""Agreement against worked values and against the libraries `krippendorff` and `statsmodels`."""

from __future__ import annotations

import random
from typing import Literal

import krippendorff
import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as library_fleiss

from teachback.evaluation import estimate_difference
from teachback.evaluation.metrics import accuracy_interval
from teachback.quality.agreement import (
    Level,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    prevalence,
    raw_agreement,
)
from teachback.quality.item_means import mean_difference, mean_share

FOUR = """1 2 3 3 2 1 4 1 2 * * *
1 2 3 3 2 2 4 1 2 5 * 3
* 3 3 3 2 3 4 2 2 5 1 *
1 2 3 3 2 4 4 1 2 5 1 *"""


def units(rows: list[list[str]]) -> list[list[int | str]]:
    """Rows of annotators, ``*`` for none, as units."""
    return [
        [int(v) if v.isdigit() else v for v in column if v != "*"]
        for column in zip(*rows, strict=True)
    ]


WORKED = units([line.split() for line in FOUR.splitlines()])


@pytest.mark.parametrize(
    ("level", "alpha"),
    [("nominal", 0.7434), ("ordinal", 0.8154), ("interval", 0.8491), ("ratio", 0.7974)],
)
def test_krippendorffs_own_example(level: Level, alpha: float) -> None:
    assert krippendorff_alpha(WORKED, level) == pytest.approx(alpha, abs=5e-5)


def test_krippendorffs_examples_of_two_annotators() -> None:
    binary = units([list("0100000010"), list("1110010000")])
    nominal = units([list("aabbdcccedda"), list("babbbccceddd")])
    assert krippendorff_alpha(binary) == pytest.approx(0.0952, abs=5e-5)
    assert krippendorff_alpha(nominal) == pytest.approx(0.6920, abs=5e-5)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_is_the_librarys_with_missing_values(
    level: Literal["nominal", "ordinal", "interval", "ratio"],
) -> None:
    rng = random.Random(7)
    for _ in range(20):
        rows = [[rng.choice([1, 2, 2, 3, 5, None]) for _ in range(30)] for _ in range(4)]
        data = np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=float)
        given = [[v for v in column if v is not None] for column in zip(*rows, strict=True)]
        expected = krippendorff.alpha(reliability_data=data, level_of_measurement=level)
        assert krippendorff_alpha(given, level) == pytest.approx(expected, abs=1e-9)


def test_alpha_is_not_known_where_one_value_alone_was_given() -> None:
    assert krippendorff_alpha([["yes", "yes"], ["yes", "yes"]]) is None
    assert krippendorff_alpha([["yes"], ["no"]]) is None
    with pytest.raises(ValueError, match="needs numbers"):
        krippendorff_alpha([["yes", "no"]], "ordinal")


FLEISS = [
    *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
    *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
]


def test_fleiss() -> None:
    assert fleiss_kappa(FLEISS) == pytest.approx(0.20993, abs=5e-6)
    assert fleiss_kappa(FLEISS) == pytest.approx(library_fleiss(np.array(FLEISS)), abs=1e-12)
    assert fleiss_kappa([[3, 0], [3, 0]]) is None
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa([[2, 1], [1, 1]])


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        ([[20, 5], [10, 15]], 0.4),
        ([[45, 15], [25, 15]], 0.1304),
        ([[25, 35], [5, 35]], 0.2593),
        ([[118, 5], [2, 0]], -0.0234),
        ([[8, 2, 1], [3, 9, 0], [1, 1, 7]], None),
    ],
)
def test_cohen(table: list[list[int]], kappa: float | None) -> None:
    found, error = cohen_kappa(table)
    if kappa is not None:
        assert found == pytest.approx(kappa, abs=5e-5)
    library = cohens_kappa(np.array(table))
    assert found == pytest.approx(library.kappa, abs=1e-12)
    assert error == pytest.approx(library.std_kappa, abs=1e-12)


def test_cohens_standard_error_and_bad_tables() -> None:
    assert cohen_kappa([[20, 5], [10, 15]])[1] == pytest.approx(0.1270, abs=5e-5)
    assert cohen_kappa([[9, 0], [0, 0]]) == (None, None)
    with pytest.raises(ValueError, match="square"):
        cohen_kappa([[1, 2]])


def test_the_paradox_of_high_agreement() -> None:
    pairs = [["yes", "yes"]] * 118 + [["yes", "no"]] * 5 + [["no", "yes"]] * 2
    assert raw_agreement(pairs) == pytest.approx(118 / 125)
    assert krippendorff_alpha(pairs) == pytest.approx(-0.0247, abs=5e-5)
    assert gwet_ac1(pairs) == pytest.approx(0.9408, abs=5e-5)
    assert prevalence(pairs) == pytest.approx({"yes": 243 / 250, "no": 7 / 250})


def test_ac1_of_four_annotators() -> None:
    assert gwet_ac1(WORKED) == pytest.approx(0.7754, abs=5e-5)


def test_raw_agreement_averages_over_units() -> None:
    assert raw_agreement([["a", "a", "b"], ["a", "a"], ["b"]]) == pytest.approx((1 / 3 + 1) / 2)
    assert raw_agreement([["a"], []]) is None


def test_a_mean_difference_is_the_t_test_and_the_primary_tests_first_term() -> None:
    rng = random.Random(3)
    values = [rng.choice([-1, -0.5, 0, 0, 0.5, 1]) for _ in range(40)]
    found = mean_difference(values)
    library = stats.ttest_1samp(values, 0)
    interval = library.confidence_interval()
    assert found.p == pytest.approx(library.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    whole = [rng.choice([-1, 0, 1]) for _ in range(40)]
    groups = [number // 3 for number in range(40)]
    ours = mean_difference(whole, groups)
    primary = estimate_difference(np.array(whole)[:, None], np.array(groups))
    assert (ours.mean, ours.low, ours.high, ours.p) == pytest.approx(
        (primary.difference, primary.low, primary.high, primary.p)
    )
    assert (ours.n_items, ours.n_groups) == (40, 14)


def test_means_where_nothing_varies() -> None:
    same = mean_difference([0.25] * 5)
    assert (same.low, same.high, same.p) == (0.25, 0.25, 0.5**4)
    assert mean_difference([0.0] * 5).p == 1
    assert mean_difference([0.5]).low is None
    all_yes = mean_share([1.0] * 10)
    assert all_yes.high == pytest.approx(1)
    assert all_yes.low == pytest.approx(10 / (10 + 1.959964**2))  # Wilson's, ten of ten


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        ([0, 0, 1] * 3, [0, 0, 0, 1, 1, 1, 2, 2, 2]),
        ([0, 1] * 3, [0, 0, 1, 1, 2, 2]),  # exact in floats
        ([0.1, 0.2, 0.7] * 3, [0, 0, 0, 1, 1, 1, 2, 2, 2]),
        ([1 / 3, 0.2, 0.2, 1 / 3, 1 / 3, 0.2], [0, 0, 1, 1, 2, 2]),
    ],
)
def test_groups_of_the_same_mean_have_no_t_whatever_rounding_leaves(
    values: list[float], groups: list[int]
) -> None:
    found = mean_difference(values, groups)
    assert (found.low, found.high, found.p) == (found.mean, found.mean, 0.25)
    share = mean_share(values, groups)
    assert share.low is not None
    assert share.high is not None
    assert share.high - share.low > 0.2


def test_differences_that_cancel_but_for_rounding_are_no_difference() -> None:
    assert sum([0.1, 0.2, -0.3]) != 0
    found = mean_difference([0.1, 0.2, -0.3] * 4, [n // 3 for n in range(12)])
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_null_differences_are_hardly_ever_certain() -> None:
    """Twelve items in four groups: no p is below that of the exact sign test by rounding alone."""
    rng = np.random.default_rng(0)
    draws = rng.integers(-1, 2, size=(4000, 12)).tolist()
    found = [mean_difference(draw, [n // 3 for n in range(12)]).p for draw in draws]
    assert min(p for p in found if p is not None) > 1e-6


def test_a_share_over_groups_has_the_interval_of_an_accuracy() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        right = rng.random(12) < 0.6
        groups = np.arange(12) // 3
        if 0 < right.mean() < 1:
            found = mean_share(right.astype(float).tolist(), groups.tolist())
            assert (found.low, found.high) == pytest.approx(accuracy_interval(right, groups))


def test_a_share_of_values_that_vary_little_has_a_narrow_interval() -> None:
    """Shares such as that of words copied: independent items of one group each are no floor."""
    values = [0.2, 0.25, 0.3, 0.25] * 10
    alone, paired = mean_share(values), mean_share(values, [n // 4 for n in range(40)])
    assert alone.low is not None
    assert alone.high is not None
    assert alone.high - alone.low < 0.03
    assert paired.low is not None
    assert paired.high is not None
    assert paired.high - paired.low == pytest.approx(alone.high - alone.low, rel=0.15)
