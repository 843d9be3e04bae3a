"""Temperature scaling and the calibration error, against values worked out by hand."""

import math

import numpy as np
import pytest

from teachback.evaluation.calibration import (
    HIGHEST,
    LOWEST,
    calibrated,
    calibration_error,
    fit_temperature,
    measure_calibration,
)


def questions(sure: float, right: int, of: int) -> tuple[list[dict[str, float]], list[str]]:
    """``of`` questions answered yes with this probability, ``right`` of them rightly."""
    return [{"yes": sure, "no": 1 - sure}] * of, ["yes"] * right + ["no"] * (of - right)


def test_the_temperature_makes_the_probability_the_share_of_right_answers() -> None:
    # The likelihood is greatest where 0.9 has become 0.75: odds of 9^(1/T) = 3, so T = 2.
    assert fit_temperature(*questions(0.9, 75, 100)) == pytest.approx(2.0, abs=1e-4)
    # From 0.6 to 0.9 the student was not sure enough: 1.5^(1/T) = 9.
    expected = math.log(1.5) / math.log(9)
    assert fit_temperature(*questions(0.6, 90, 100)) == pytest.approx(expected, abs=1e-4)
    assert fit_temperature(*questions(0.8, 80, 100)) == pytest.approx(1.0, abs=1e-4)


def test_temperatures_have_bounds_and_need_questions() -> None:
    assert fit_temperature(*questions(0.6, 60, 60)) == pytest.approx(LOWEST, rel=1e-3)
    assert fit_temperature(*questions(0.9, 0, 60)) == pytest.approx(HIGHEST, rel=1e-3)
    assert fit_temperature(*questions(0.9, 37, 49)) is None
    # One whose gold answer was not among those scored says nothing of the scores.
    shares, golds = questions(0.9, 75, 100)
    assert fit_temperature([*shares, {"a": 1.0}], [*golds, "b"]) == fit_temperature(shares, golds)


def test_different_numbers_of_choices_and_probabilities_of_zero() -> None:
    shares = [{"a": 0.5, "b": 0.25, "c": 0.25}, {"a": 1.0, "b": 0.0}] * 40
    golds = ["a", "a"] * 30 + ["b", "a"] * 10
    temperature = fit_temperature(shares, golds)
    assert temperature is not None
    # Three quarters of the first kind are right: 2^(1/T) / (2^(1/T) + 2) = 3/4, 2^(1/T) = 6.
    assert temperature == pytest.approx(math.log(2) / math.log(6), abs=1e-3)


def test_calibrated_probabilities() -> None:
    # Squares of 0.5, 0.3, 0.2: 0.25, 0.09, 0.04, together 0.38.
    assert calibrated({"a": 0.5, "b": 0.3, "c": 0.2}, 0.5) == pytest.approx(
        {"a": 0.25 / 0.38, "b": 0.09 / 0.38, "c": 0.04 / 0.38}
    )
    assert calibrated({"a": 0.9, "b": 0.1}, 2.0) == pytest.approx({"a": 0.75, "b": 0.25})
    assert calibrated({"a": 1.0, "b": 0.0}, 3.0) == {"a": 1.0, "b": 0.0}
    assert calibrated({"a": 0.7, "b": 0.3}, 1.0) == pytest.approx({"a": 0.7, "b": 0.3})


def test_the_error_adds_up_bins_of_equal_mass() -> None:
    # 20 answers, two bins of 10: confidence 0.5 with 3 right, 0.9 with 8: (0.2 + 0.1) / 2.
    confidence = np.array([0.5, 0.9] * 10)
    right = np.zeros(20, dtype=np.bool_)
    right[0:6:2] = True
    right[1:17:2] = True
    assert calibration_error(confidence, right) == pytest.approx(0.15)
    # Nine more at 0.9, all right: 29 answers are still two bins, of 14 and 15. The first has four
    # of 0.9, which count as 17/19 each: (5 + 3.6)/14 against (3 + 4 * 17/19)/14.
    confidence = np.append(confidence, [0.9] * 9)
    right = np.append(right, [True] * 9)
    first = abs((5 + 3.6) - (3 + 4 * 17 / 19))
    second = abs(15 * 0.9 - 15 * 17 / 19)
    assert calibration_error(confidence, right) == pytest.approx((first + second) / 29)
    order = np.random.default_rng(1).permutation(29)
    assert calibration_error(confidence[order], right[order]) == pytest.approx(
        calibration_error(confidence, right)
    )


def drawn(n: int, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, raised to ``power`` to be told, and whether the answers are right."""
    rng = np.random.default_rng(7)
    true = rng.uniform(0.5, 1.0, (n, 2))
    told = true**power / (true**power + (1 - true) ** power)
    return told, rng.random((n, 2)) < true


def test_the_interval_over_items_and_seeds() -> None:
    told, right = drawn(800, 1.0)
    good = measure_calibration(told, right, np.arange(800))
    assert good.low < 0.03
    assert len(good.bins) == 10
    assert [one.n for one in good.bins] == [80] * 10
    assert good.error == pytest.approx(
        np.mean([calibration_error(told[:, s], right[:, s]) for s in (0, 1)])
    )
    sure, right = drawn(800, 3.0)
    bad = measure_calibration(sure, right, np.arange(800))
    assert bad.low > good.high
    assert bad.low < bad.error < bad.high
    # 80 answers in a bin: its share of right ones is off by about 0.8 * sqrt(0.19 / 80) = 0.04.
    assert good.chance == pytest.approx(0.035, abs=0.01)
    assert good.error < 1.5 * good.chance
    assert bad.error > 3 * bad.chance
    assert bad == measure_calibration(sure, right, np.arange(800))
    # Twenty copies of forty items are forty units: their interval is wider.
    copied, groups = np.tile(sure[:40], (20, 1)), np.tile(np.arange(40), 20)
    few = measure_calibration(copied, np.tile(right[:40], (20, 1)), groups)
    many = measure_calibration(copied, np.tile(right[:40], (20, 1)), np.arange(800))
    assert few.high - few.low > 2 * (many.high - many.low)
