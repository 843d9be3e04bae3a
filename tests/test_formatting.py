"""How figures are written for people."""

from __future__ import annotations

import pytest

from teachback.formatting import NOTHING, count, interval, p_in_table, p_in_words, points


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


def test_one_of_a_thing_is_no_plural() -> None:
    assert [count(number, "seed") for number in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]
