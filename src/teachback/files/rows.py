"""Explanations, rejections and predictions as rows of JSON, and back with every field checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from teachback.errors import DataError
from teachback.records import Explanation, Prediction, Rejection, RejectionReason

Row = dict[str, Any]

_OPTIONAL = frozenset(
    ("group", "probabilities", "explanation", "explained_answer", "explained_correct")
)
"""Left out of a row where None; any other field that is None is written as null."""


def row_of(record: Explanation | Rejection | Prediction) -> Row:
    """The row of a record, fields in the record's order."""
    row = {name: getattr(record, name) for name in record.__dataclass_fields__}
    return {key: value for key, value in row.items() if value is not None or key not in _OPTIONAL}


def explanation_of(row: Row, path: str | Path, line: int) -> Explanation:
    """The explanation in a row; raises `DataError` naming file, line and field."""
    return Explanation(**_shared_fields(_Fields(row, path, line)))


def rejection_of(row: Row, path: str | Path, line: int) -> Rejection:
    """The rejection in a row; raises `DataError` naming file, line and field."""
    field = _Fields(row, path, line)
    reason = cast(RejectionReason, field.one_of("reason", get_args(RejectionReason)))
    return Rejection(**_shared_fields(field), reason=reason)


def prediction_of(row: Row, path: str | Path, line: int) -> Prediction:
    """The prediction in a row; raises `DataError` naming file, line and field."""
    field = _Fields(row, path, line)
    return Prediction(
        id=field.text("id"),
        gold=field.text("gold"),
        answer=field.optional_text("answer"),
        correct=field.flag("correct"),
        unparsed=field.flag("unparsed"),
        group=field.optional_text("group"),
        probabilities=field.probabilities("probabilities"),
        explanation=field.optional_text("explanation"),
        explained_answer=field.optional_text("explained_answer"),
        explained_correct=field.optional_flag("explained_correct"),
    )


def bad_line(path: str | Path, line: int, why: str) -> DataError:
    """The one-line error for a line of a file; the form is the same for every file."""
    return DataError(f"{path}, line {line}: {why}")


def json_name(value: object) -> str:
    """What a user calls a JSON value of this type."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object")


def _shared_fields(field: _Fields) -> dict[str, Any]:
    """What an explanation and a rejection have in common."""
    return {
        "id": field.text("id"),
        "strategy": field.one_of("strategy", ("cote", "rp")),
        "sample": field.count("sample"),
        "teacher": field.text("teacher"),
        "text": field.text("text"),
        "answer": field.optional_text("answer"),
    }


class _Fields:
    """One row's fields, each read with its type checked."""

    def __init__(self, row: Mapping[str, Any], path: str | Path, line: int) -> None:
        self._row, self._path, self._line = row, path, line

    def _bad(self, why: str) -> DataError:
        return bad_line(self._path, self._line, why)

    def _wrong(self, name: str, needed: str, value: object) -> DataError:
        return self._bad(f"the field {name!r} must be {needed}, not {json_name(value)}")

    def _required(self, name: str) -> Any:
        if name not in self._row:
            raise self._bad(f"the field {name!r} is missing")
        return self._row[name]

    def text(self, name: str) -> str:
        """Text; a boolean is read as yes or no and a whole number as its digits.

        Ids and answers written by hand come like that, as they do in a dataset.
        """
        value = self._required(name)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int):
            return str(value)
        if not isinstance(value, str):
            raise self._wrong(name, "text", value)
        return value

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
            raise self._bad(f"the field {name!r} must be a whole number from 0: {value!r}")
        return value

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self._required(name)
        if not isinstance(value, str) or value not in allowed:
            raise self._bad(f"the field {name!r} must be one of {', '.join(allowed)}: {value!r}")
        return value

    def probabilities(self, name: str) -> dict[str, float] | None:
        value = self._row.get(name)
        if value is None:
            return None
        numbers = isinstance(value, dict) and all(
            isinstance(share, int | float) and not isinstance(share, bool)
            for share in value.values()
        )
        if not numbers:
            raise self._bad(f"the field {name!r} must be an object of numbers, one per choice")
        return {choice: float(share) for choice, share in value.items()}
