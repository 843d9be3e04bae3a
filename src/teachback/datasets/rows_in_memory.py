"""Rows that are in memory already: lists of dictionaries, tables of the libraries that hold them.

A table is recognised by the methods that it has, so that none of these libraries is imported:

====================  =======================================
pandas                ``to_dict`` and ``isna``
polars                ``to_dicts``
Arrow                 ``to_pylist``
``datasets.Dataset``  gives its rows as one goes through it
====================  =======================================
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from teachback.errors import DataError, quoted
from teachback.files.rows import Row

_MOST_DIGITS = 308
"""Digits of the largest whole number that a float, and so a file, holds."""


@runtime_checkable
class PandasFrame(Protocol):
    """A ``pandas.DataFrame``, or what has the same methods."""

    def to_dict(self, orient: Literal["records"]) -> list[dict[Hashable, Any]]: ...
    def isna(self) -> PandasFrame: ...


@runtime_checkable
class PolarsFrame(Protocol):
    """A ``polars.DataFrame``, or what has the same method."""

    def to_dicts(self) -> list[dict[str, Any]]: ...


@runtime_checkable
class ArrowTable(Protocol):
    """A ``pyarrow.Table``, or what has the same method."""

    def to_pylist(self) -> list[dict[str, Any]]: ...


Table = PandasFrame | PolarsFrame | ArrowTable | Iterable[Mapping[str, object]]
"""Rows in memory: a list of dictionaries, a ``datasets.Dataset``, a frame of pandas or polars."""


@dataclass(frozen=True, slots=True)
class RowsInMemory:
    """Rows with plain values; a text in the place of a row says why it is none."""

    rows: tuple[Row | str, ...]
    name: str
    """What messages call them."""

    def __str__(self) -> str:
        return self.name


def rows_in_memory(table: object, name: str) -> RowsInMemory:
    """The rows of ``table``, a `Table`; ``name`` is what messages call it.

    Raises:
        DataError: it is nothing that has rows.
    """
    return RowsInMemory(tuple(map(_row, _rows(table, name))), name)


def _rows(table: object, name: str) -> Iterator[object]:
    if isinstance(table, PandasFrame):
        for values, missing in zip(
            table.to_dict("records"), table.isna().to_dict("records"), strict=True
        ):
            yield {key: value for key, value in values.items() if not missing[key]}
    elif isinstance(table, PolarsFrame):
        yield from table.to_dicts()
    elif isinstance(table, ArrowTable):
        yield from table.to_pylist()
    elif isinstance(table, Mapping):
        raise DataError(
            f"{name}: this is one dictionary (of {', '.join(map(repr, list(table)[:4]))}): give "
            "its parts one by one, or a list with one dictionary for each row"
        )
    elif isinstance(table, bytes) or not isinstance(table, Iterable):
        raise DataError(
            f"{name}: rows cannot be read from {quoted(table)}: give a file, a list of "
            "dictionaries, a datasets.Dataset or a frame of pandas or polars"
        )
    else:
        yield from table


def _row(row: object) -> Row | str:
    if not isinstance(row, Mapping):
        return f"a row must be a dictionary, not {type(row).__name__}"
    try:
        return {str(key): _plain(value) for key, value in row.items()}
    except OverflowError as error:
        return str(error)


def _plain(value: object) -> object:
    """A cell as a file would hold it: lists for arrays and tuples, numbers of Python.

    Raises OverflowError for a number that no file would hold.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        # Tables give each cell the keys of all, without a value where a cell has none.
        return {str(key): _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, int) and abs(value) >= 10**_MOST_DIGITS:
        raise OverflowError(f"a number of more than {_MOST_DIGITS} digits is too large")
    if isinstance(value, Decimal) and value.is_finite():
        if value.adjusted() >= _MOST_DIGITS:
            raise OverflowError(f"a number of more than {_MOST_DIGITS} digits is too large")
        if value == value.to_integral_value():
            return int(value)
    return value
