"""Explanations and predictions, from files or from memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from teachback.datasets import Table, rows_in_memory
from teachback.errors import DataError
from teachback.files import read_explanations, read_predictions
from teachback.files.record_files import explanation_of, prediction_of
from teachback.files.rows import Row, bad_line
from teachback.records import Explanation, Prediction

Explanations = str | Path | Sequence[Explanation] | Table
"""Explanations: ``explanations.jsonl``, the records, or rows like the file's in memory."""

Predictions = str | Path | Sequence[Prediction] | Table
"""Predictions: ``predictions.jsonl``, the records, or rows like the file's in memory."""

_T = TypeVar("_T", Explanation, Prediction)


def explanations_of(given: Explanations) -> list[Explanation]:
    """Raises DataError where a row or the file is damaged."""
    if isinstance(given, str | Path):
        return read_explanations(given)
    return _records(given, Explanation, explanation_of, "the explanations")


def predictions_of(given: Predictions) -> list[Prediction]:
    """Raises DataError where a row or the file is damaged."""
    if isinstance(given, str | Path):
        return read_predictions(given)
    return _records(given, Prediction, prediction_of, "the predictions")


def _records(
    given: Sequence[_T] | Table,
    form: type[_T],
    read: Callable[[Row, str, int, str], _T],
    name: str,
) -> list[_T]:
    if isinstance(given, Sequence):
        records = [one for one in given if isinstance(one, form)]
        if len(records) == len(given):
            return records
        if records:
            raise DataError(
                f"{name}: some are records and some are not: give only records, or only rows"
            )
        given = [one for one in given if not isinstance(one, form)]
    found = []
    for number, row in enumerate(rows_in_memory(given, name).rows, 1):
        if isinstance(row, str):
            raise bad_line(name, number, row, "row")
        found.append(read(row, name, number, "row"))
    return found
