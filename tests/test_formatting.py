"""How figures are written for people."""

from __future__ import annotations

import pytest

from teachback.formatting import NOTHING, count, dollars, interval, p_in_table, p_in_words, points


@pytest.mark.parametrize(
    ("share", "written"),
    [(0.0304, "+3.0"), (-0.005, "−0.5"), (0.0, "0.0"), (-0.0004, "0.0"), (0.0004, "0.0")],
)
def test_a_difference_has_its_sign_unless_it_is_written_as_nothing(
    share: float, written: str
) -> None:
    assert points(share) == written


def test_an_interval_lacks_no_end() -> None:
    assert interval(-0.01, 0.02, points) == "[−1.0, +2.0]"
    assert interval(None, 0.02, points) == NOTHING
    assert interval(-0.01, None, points) == NOTHING


@pytest.mark.parametrize(
    ("p", "cell", "words"),
    [
        (0.0009, "< 0.001", "p < 0.001"),
        (0.001, "0.001", "p = 0.001"),
        (0.0214, "0.021", "p = 0.021"),
        (0.1, "0.10", "p = 0.10"),
        (1.0, "1.00", "p = 1.00"),
    ],
)
def test_a_small_p_is_never_nothing(p: float, cell: str, words: str) -> None:
    assert p_in_table(p) == cell
    assert p_in_words(p) == words
    assert p_in_table(None) == NOTHING


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (None, "not known"),
        (0.0, "$0.00"),
        (-1e-17, "$0.00"),
        (0.00004, "$0.00004"),
        (0.0123, "$0.012"),
        (0.05, "$0.05"),
        (0.0996, "$0.10"),
        (0.1, "$0.10"),
        (0.5, "$0.50"),
        (0.996, "$1.00"),
        (1234.5, "$1,234.50"),
        (-0.16, "−$0.16"),
        (-0.0007, "−$0.0007"),
    ],
)
def test_dollars_are_written_as_money(amount: float | None, written: str) -> None:
    assert dollars(amount) == written


def test_one_of_a_thing_is_no_plural() -> None:
    assert [count(number, "seed") for number in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]
