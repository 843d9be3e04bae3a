"""Explanations, rejections and predictions as files: a row of JSON each, every field checked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast, get_args

from teachback.files.jsonl import read_jsonl, write_jsonl
from teachback.files.rows import Fields, Row
from teachback.records import Explanation, Prediction, Rejection, RejectionReason

_OPTIONAL = frozenset(
    (
        "group",
        "probabilities",
        "explanation",
        "explained_answer",
        "explained_correct",
        "cut_off",
        "explained_cut_off",
        "log_probability",
    )
)
"""Left out of a row where None; any other field that is None is written as null."""


def read_explanations(path: str | Path) -> list[Explanation]:
    """Read ``explanations.jsonl``; keys that are not an explanation's are ignored.

    Raises:
        DataError: the file cannot be read, or a line lacks a field or has a wrong one.
    """
    return [explanation_of(row, path, line) for line, row in read_jsonl(path)]


def write_explanations(path: str | Path, explanations: Iterable[Explanation]) -> None:
    """Write ``explanations.jsonl``, atomically; raises as `write_jsonl` does."""
    write_jsonl(path, map(row_of, explanations))


def read_rejections(path: str | Path) -> list[Rejection]:
    """Read ``rejections.jsonl``; raises as `read_explanations` does."""
    return [rejection_of(row, path, line) for line, row in read_jsonl(path)]


def write_rejections(path: str | Path, rejections: Iterable[Rejection]) -> None:
    """Write ``rejections.jsonl``, atomically; raises as `write_jsonl` does."""
    write_jsonl(path, map(row_of, rejections))


def read_predictions(path: str | Path) -> list[Prediction]:
    """Read ``predictions.jsonl``; raises as `read_explanations` does."""
    return [prediction_of(row, path, line) for line, row in read_jsonl(path)]


def write_predictions(path: str | Path, predictions: Iterable[Prediction]) -> None:
    """Write ``predictions.jsonl``, atomically; raises as `write_jsonl` does."""
    write_jsonl(path, map(row_of, predictions))


def row_of(record: Explanation | Rejection | Prediction) -> Row:
    """The row of a record, fields in the record's order."""
    row = {name: getattr(record, name) for name in record.__dataclass_fields__}
    return {key: value for key, value in row.items() if value is not None or key not in _OPTIONAL}


def explanation_of(row: Row, path: str | Path, line: int, counted: str = "line") -> Explanation:
    """The explanation in a row; raises `DataError` naming file, line and field."""
    return Explanation(**_shared_fields(Fields(row, path, line, counted)))


def rejection_of(row: Row, path: str | Path, line: int) -> Rejection:
    """The rejection in a row; raises `DataError` naming file, line and field."""
    field = Fields(row, path, line)
    reason = cast(RejectionReason, field.one_of("reason", get_args(RejectionReason)))
    return Rejection(**_shared_fields(field), reason=reason)


def prediction_of(row: Row, path: str | Path, line: int, counted: str = "line") -> Prediction:
    """The prediction in a row; raises `DataError` naming file, line and field."""
    field = Fields(row, path, line, counted)
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
        cut_off=field.optional_flag("cut_off"),
        explained_cut_off=field.optional_flag("explained_cut_off"),
        log_probability=field.log_probability("log_probability"),
    )


def _shared_fields(field: Fields) -> dict[str, Any]:
    """What an explanation and a rejection have in common."""
    return {
        "id": field.text("id"),
        "strategy": field.one_of("strategy", ("cote", "rp")),
        "sample": field.count("sample"),
        "teacher": field.text("teacher"),
        "text": field.text("text"),
        "answer": field.optional_text("answer"),
    }
