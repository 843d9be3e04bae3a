"""The one writing of a number that answers are kept and compared in."""

from __future__ import annotations

import re
from fractions import Fraction

MOST_DIGITS = 60
"""Digits before and after the decimal sign: what is longer is no number that anybody wrote."""


def canonical_number(value: Fraction) -> str:
    """The shortest exact writing: a decimal without an exponent, or "1/3" where there is none.

    Raises ValueError where that takes more than `MOST_DIGITS` digits before or after the sign.
    """
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    if abs(value) >= 10**MOST_DIGITS or places > MOST_DIGITS or rest >= 10**MOST_DIGITS:
        raise ValueError(f"the number has more than {MOST_DIGITS} digits")
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    whole, decimals = digits[: len(digits) - places], digits[len(digits) - places :]
    return f"{'-' if value < 0 else ''}{whole}{'.' if decimals else ''}{decimals}"


def same_number(left: str, right: str) -> bool:
    """Whether two canonical numbers are equal, exactly; False for what is no number, or is one
    beyond all that `canonical_number` writes."""
    try:
        return _exact(left) == _exact(right)
    except (ValueError, ZeroDivisionError):
        return False


_LONGEST = 6 * MOST_DIGITS
"""Characters of a canonical number: a numerator of up to 180 digits over a denominator of 120."""
_EXPONENT = re.compile(r"[eE]([-+]?[0-9_]+)\s*\Z")


def _exact(text: str) -> Fraction:
    """Raises ValueError, ZeroDivisionError, as Fraction, which would compute without end."""
    power = _EXPONENT.search(text) if len(text) <= _LONGEST else None
    if len(text) > _LONGEST or (power and abs(int(power[1])) > MOST_DIGITS):
        raise ValueError(f"the number has more than {MOST_DIGITS} digits")
    return Fraction(text)
