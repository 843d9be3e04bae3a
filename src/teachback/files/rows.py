"""One row of a file: its type, its fields with their types checked, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from teachback.errors import DataError, quoted

Row = dict[str, Any]
"""One JSON object, as `json.loads` gives it."""


def bad_line(path: object, line: int, why: str, counted: str = "line") -> DataError:
    """The one-line error for a line of a file; the form is the same for every file. ``counted``:
    what is counted, of rows that are not in a file."""
    return DataError(f"{path}, {counted} {line}: {why}")


def json_name(value: object) -> str:
    """What a user calls a JSON value of this type."""
    if value is None:
        return "null"
    numbers = dict.fromkeys((int, float, Decimal), "a number")
    names = {bool: "true or false", **numbers, str: "text", list: "a list"}
    return names.get(type(value), "an object")


def whole_number(value: object) -> int | None:
    """The whole number that ``value`` is, also where a table holds it as a fraction ("3.0")
    because another row has none; None for everything else, and where a float has lost digits.
    """
    if isinstance(value, float | Decimal):
        finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
        exact = finite and -_MOST_EXACT <= value <= _MOST_EXACT and value == int(value)
        return int(value) if exact else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_MOST_EXACT = 2**53
"""Up to here a float is one whole number alone."""
_ROUNDING = 1e-6


def whole_characters(text: str) -> str:
    """``text`` with a ``?`` for each half of a surrogate pair: JSON can carry one, and neither a
    UTF-8 file nor SQLite can."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Fields:
    """One row's fields, each read with its type checked.

    Every method raises `DataError` naming file, line and field.
    """

    def __init__(
        self, row: Mapping[str, Any], path: str | Path, line: int, counted: str = "line"
    ) -> None:
        self._row, self._path, self._line, self._counted = row, path, line, counted

    def _bad(self, why: str) -> DataError:
        return bad_line(self._path, self._line, why, self._counted)

    def _wrong(self, name: str, needed: str, value: object) -> DataError:
        return self._bad(f"the field {name!r} must be {needed}, not {json_name(value)}")

    def _required(self, name: str) -> Any:
        if name not in self._row:
            raise self._bad(f"the field {name!r} is missing")
        return self._row[name]

    def text(self, name: str) -> str:
        """Text; a boolean is read as yes or no and a whole number as its digits, because ids and
        answers written by hand come like that, as they do in a dataset.
        """
        value = self._required(name)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if (whole := whole_number(value)) is not None:
            return str(whole)
        if not isinstance(value, str):
            raise self._wrong(name, "text", value)
        return whole_characters(value)

    def optional_text(self, name: str) -> str | None:
        return None if self._row.get(name) is None else self.text(name)

    def flag(self, name: str) -> bool:
        value = self._required(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def optional_flag(self, name: str) -> bool | None:
        return None if self._row.get(name) is None else self.flag(name)

    def count(self, name: str) -> int:
        value = self._required(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._bad(
                f"the field {name!r} must be a whole number, 0 or more: {quoted(value)}"
            )
        return value

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self._required(name)
        if not isinstance(value, str) or value not in allowed:
            raise self._bad(
                f"the field {name!r} must be one of {', '.join(allowed)}: {quoted(value)}"
            )
        return value

    def probabilities(self, name: str) -> dict[str, float] | None:
        value = self._row.get(name)
        if value is None:
            return None
        if not isinstance(value, dict) or not all(map(_is_probability, value.values())):
            raise self._bad(
                f"the field {name!r} must be an object of numbers from 0 to 1, one per choice"
            )
        return {choice: float(share) for choice, share in value.items()}

    def log_probability(self, name: str) -> float | None:
        value = self._row.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not value <= _ROUNDING:
            raise self._bad(f"the field {name!r} must be a number of at most 0: {quoted(value)}")
        return float(value)


def _is_probability(value: object) -> bool:
    """Whether it is a number from 0 to 1, up to what adding floats loses."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -_ROUNDING <= value <= 1 + _ROUNDING
