"""Rows from files: JSON lines, CSV, Parquet, and Parquet from the Hugging Face hub.

What a row must hold is not decided here (see `fields`); a source only turns a file into
numbered rows, and says of each one that it cannot read why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from teachback.datasets.columns import Columns, Renaming
from teachback.datasets.hub import hub_files
from teachback.datasets.rows_in_memory import RowsInMemory
from teachback.datasets.tables import SEPARATORS, Scanned, other_table, table_rows
from teachback.errors import DataError, MissingExtraError
from teachback.files import scan_jsonl
from teachback.files.reading import reading
from teachback.files.rows import Row, bad_line
from teachback.references import HubDatasetReference, parse_dataset

_HEAD = 4096
"""Bytes of a file from which its format is recognised."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


Source = str | Path | RowsInMemory
"""Where rows come from."""


def scan_rows(source: Source, columns: Columns | None = None) -> Iterator[Scanned]:
    """Every row of ``source`` that is not blank; a bad one comes as the reason why it is bad.

    ``columns``: the names that the data have, by the names that are read.

    Lines count from 1; a CSV row has the number of its first line, a Parquet row its own
    (there are no lines in it). The suffix decides: ``.csv``, ``.tsv`` (tabs), ``.parquet``,
    ``hf:…`` for the hub, anything else is JSON lines. In CSV and TSV, the choices are one
    column ``choices`` with a JSON list, or columns ``choice_a``, ``choice_b``, …; an empty
    cell is a missing value.

    Raises:
        DataError: the file as such cannot be read, or the hub cannot be reached.
        ConfigError: ``columns`` has a name that is not read.
        ReferenceError_: ``source`` is not written as a dataset is.
        MissingExtraError: Parquet without pyarrow, the hub without huggingface_hub.
    """
    renaming = Renaming.of(columns)
    if not isinstance(source, RowsInMemory) and Path(source).suffix.casefold() in SEPARATORS:
        problem = _foreign(Path(source), Path(source).suffix.casefold())
        yield from [(None, problem)] if problem else table_rows(source, renaming.header)
    else:
        yield from renaming.rows(_scanned(source))


def _scanned(source: Source) -> Iterator[Scanned]:
    """The rows of anything but a table as text, under their own names."""
    if isinstance(source, RowsInMemory):
        yield from enumerate(source.rows, 1)
        return
    path = source
    named = parse_dataset(str(path))
    if isinstance(named, HubDatasetReference):
        yield from _parquet_rows(hub_files(named), str(path))
        return
    suffix = Path(path).suffix.casefold()
    problem = _foreign(Path(path), suffix)
    if problem:
        yield None, problem
    elif suffix == ".parquet":
        yield from _parquet_rows([Path(path)], str(path))
    else:
        for line, row in scan_jsonl(path):
            if isinstance(row, DataError):
                yield line, str(row).removeprefix(str(bad_line(path, line, "")))
            else:
                yield line, row


def counted(source: Source) -> str:
    """What the numbers of the rows count: the lines of a file, or rows."""
    return "row" if isinstance(source, RowsInMemory) else "line"


def read_rows(source: Source, columns: Columns | None = None) -> list[tuple[int, Row]]:
    """All rows of ``source`` with their line numbers, unchecked but for being rows.

    Raises:
        DataError: at the first row that cannot be read, and as `scan_rows` does.
        MissingExtraError: as `scan_rows` does.
    """
    rows: list[tuple[int, Row]] = []
    for line, row in scan_rows(source, columns):
        if isinstance(row, str):
            if line is None:
                raise DataError(f"{source}: {row}")
            raise bad_line(source, line, row, counted(source))
        assert line is not None  # noqa: S101 - a row always stands on a line
        rows.append((line, row))
    return rows


def _foreign(path: Path, suffix: str) -> str | None:
    """Why the whole of ``path`` is no dataset, told from its first bytes; else None.

    One reason instead of one for each line of a file that was never meant to be read so.
    """
    with reading(path) as file:
        head = file.read(_HEAD)
    if suffix == ".parquet":
        return None
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head[:2] in (b"{\0", b"\0{"):
        return "the file is UTF-16: save it as UTF-8"
    if head.startswith(b"\x1f\x8b"):
        return "the file is compressed: unpack it first (gunzip)"
    if head.startswith(b"PK\x03\x04"):
        return "the file is a zip archive or an Excel sheet: unpack it, or save it as CSV"
    if head.startswith(b"PAR1"):
        return "the file is Parquet: give it a name that ends in .parquet"
    if suffix not in SEPARATORS and head.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"["):
        return "the file is one JSON list: write one JSON object on each line"
    return other_table(head.removeprefix(_BYTE_ORDER_MARK), suffix)


def _held(batch: Any) -> Any:
    """The batch without columns of times finer than Python's, which no dataset needs: as texts."""
    import pyarrow

    for index, field in enumerate(batch.schema):
        if pyarrow.types.is_temporal(field.type):
            try:
                column = batch.column(index).cast(pyarrow.string())
            except pyarrow.ArrowException:  # durations
                column = batch.column(index).cast(pyarrow.int64()).cast(pyarrow.string())
            batch = batch.set_column(index, field.name, column)
    return batch


def _parquet_rows(files: Sequence[Path], name: str) -> Iterator[Scanned]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", f"reading {name}") from None
    line = 0
    for path in files:
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=4096):
                    for row in _held(batch).to_pylist():
                        line += 1
                        yield line, row
        except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
            why = " ".join(str(error).split())[:200]
            raise DataError(f"{name} is not a readable Parquet file: {why}") from error
