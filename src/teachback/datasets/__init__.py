"""Datasets: read, check, describe, import, sample, split."""

from teachback.datasets.answerable import answerable
from teachback.datasets.checking import CheckResult, Problem, check
from teachback.datasets.columns import Columns
from teachback.datasets.examples import example_from_row
from teachback.datasets.official import OFFICIAL, Imported, import_official
from teachback.datasets.reading import (
    Data,
    ExampleFile,
    open_examples,
    read_evaluated,
    read_examples,
)
from teachback.datasets.rows_in_memory import Table, rows_in_memory
from teachback.datasets.sampling import split_set_aside, split_valid, subsample
from teachback.datasets.sources import read_rows
from teachback.datasets.statistics import DatasetStats, Spread, stats
from teachback.datasets.writing import write_examples

__all__ = [
    "OFFICIAL",
    "CheckResult",
    "Columns",
    "Data",
    "DatasetStats",
    "ExampleFile",
    "Imported",
    "Problem",
    "Spread",
    "Table",
    "answerable",
    "check",
    "example_from_row",
    "import_official",
    "open_examples",
    "read_evaluated",
    "read_examples",
    "read_rows",
    "rows_in_memory",
    "split_set_aside",
    "split_valid",
    "stats",
    "subsample",
    "write_examples",
]
