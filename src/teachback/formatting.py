"""How figures are written for people: counts, differences, intervals, dollars, p-values.

The same on the command line, in a report and in a notebook; how a unit is written that one of them
alone knows stays there.
"""

from __future__ import annotations

from collections.abc import Callable

MINUS = "−"
NOTHING = "–"
"""Stands where there is no figure."""


def plural(number: float, noun: str) -> str:
    """``noun`` as it stands behind ``number``."""
    return noun if number == 1 else f"{noun}s"


def count(number: float, noun: str) -> str:
    """How many of what, thousands set apart: "1 seed", "1,319 items"."""
    return f"{number:,.0f} {plural(number, noun)}"


def percent(share: float) -> str:
    """A share in [0, 1] in per cent, without the sign."""
    return f"{100 * share:.1f}"


def points(share: float) -> str:
    """A difference of shares in percentage points, with its sign: "+3.0", "−0.5", "0.0"."""
    text = f"{100 * share:+.1f}".replace("-", MINUS)
    return "0.0" if text[1:] == "0.0" else text


def interval(low: float | None, high: float | None, write: Callable[[float], str]) -> str:
    """Both ends as ``write`` has them, in brackets; `NOTHING` where one is None."""
    return NOTHING if low is None or high is None else f"[{write(low)}, {write(high)}]"


def dollars(amount: float | None) -> str:
    """Cents, or where that would be nothing, two digits."""
    if amount is None:
        return "not known"
    return f"${amount:,.2f}" if amount >= 1 or amount == 0 else f"${amount:.2g}"


def p_in_words(p: float) -> str:
    """A p-value as sentences give it: "p = 0.021", "p < 0.001"."""
    return f"p {p_in_table(p)}" if p < 0.001 else f"p = {p_in_table(p)}"


def after_holm(p: float, adjusted: float | None) -> str:
    """What follows a p-value: Holm's, where it is a different one."""
    return "" if adjusted is None or adjusted == p else f" (after Holm, {p_in_words(adjusted)})"


def p_in_table(p: float | None) -> str:
    """A p-value as a table's cell gives it: "0.021", "< 0.001"; `NOTHING` for None."""
    if p is None:
        return NOTHING
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
