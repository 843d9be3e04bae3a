"""Risk by coverage, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from teachback.evaluation import risk_coverage
from teachback.evaluation.risk_coverage import COVERAGES, risks


def test_the_surest_are_counted_first() -> None:
    # Ten answers, the surest first: right, right, wrong, right, wrong, right, right, wrong, wrong,
    # wrong. Wrong among the first k: 0 0 1 1 2 2 2 3 4 5.
    right = np.array([1, 1, 0, 1, 0, 1, 1, 0, 0, 0], dtype=np.bool_)
    confidence = np.linspace(0.95, 0.5, 10)
    wrong = np.array([0, 0, 1, 1, 2, 2, 2, 3, 4, 5])
    assert pytest.approx(np.arange(1, 11) / 10) == COVERAGES
    assert risks(confidence, right) == pytest.approx(wrong / np.arange(1, 11))
    # However they are ordered in the file.
    shuffled = np.random.default_rng(3).permutation(10)
    assert risks(confidence[shuffled], right[shuffled]) == pytest.approx(wrong / np.arange(1, 11))


def test_what_is_equally_sure_counts_with_its_common_share() -> None:
    # Four at 0.9 of which one is wrong, one unparsed answer at minus infinity, wrong: a quarter of
    # 0.5, 1, … 4 answers, then 1 + 0.5 wrong of 4.5 and 2 of 5.
    confidence = np.array([0.9, -np.inf, 0.9, 0.9, 0.9])
    for one in (0, 2, 3, 4):
        right = np.array([True, False, True, True, True])
        right[one] = False
        expected = [0.25] * 8 + [1.5 / 4.5, 2 / 5]
        assert risks(confidence, right) == pytest.approx(expected)


def test_seeds_are_averaged_and_units_resampled() -> None:
    confidence = np.array([[0.9, 0.6], [0.8, 0.7], [0.7, 0.8], [0.6, 0.9]])
    right = np.array([[True, False], [True, False], [False, True], [False, False]])
    points = risk_coverage(confidence, right, np.arange(4))
    # Half of the items: none of two wrong under the first seed, one of two under the second.
    assert points[4].coverage == 0.5
    assert points[4].risk == pytest.approx(0.25)
    assert points[-1].risk == pytest.approx((2 / 4 + 3 / 4) / 2)
    assert all(p.low <= p.risk <= p.high for p in points)
    assert points == risk_coverage(confidence, right, np.arange(4))
    # One unit has no other samples than itself.
    one = risk_coverage(confidence, right, np.zeros(4, dtype=np.int64))
    assert all(p.low == p.high == pytest.approx(p.risk) for p in one)


def test_the_interval_covers_the_risk_of_other_items() -> None:
    """Of 200 items with a true risk of 0.2 the interval is about ±0.055 wide."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(15):
        confidence = rng.random((200, 1))
        right = rng.random((200, 1)) < 0.8
        last = risk_coverage(confidence, right, np.arange(200))[-1]
        held += last.low <= 0.2 <= last.high
        assert 0.07 < last.high - last.low < 0.15
    assert held >= 12
