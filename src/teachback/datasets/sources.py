"""Rows from files: JSON lines, CSV, Parquet, and Parquet from the Hugging Face hub.

What a row must hold is not decided here (see `fields`); a source only turns a file into
numbered rows, and says of each one that it cannot read why.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from teachback.datasets.hub import hub_files
from teachback.errors import DataError, MissingExtraError
from teachback.files import scan_jsonl
from teachback.files.rows import Row, bad_line
from teachback.references import HubDatasetReference, parse_dataset

_NEEDED_COLUMNS = ("id", "question", "answer")
_CHOICE_COLUMN = re.compile(r"choice_([a-z])")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Scanned = tuple[int | None, Row | str]
"""A line's number (None: the file as a whole), and its row or the reason why it has none."""


def scan_rows(path: str | Path) -> Iterator[Scanned]:
    """Every row of ``path`` that is not blank; a bad one comes as the reason why it is bad.

    Lines count from 1; a CSV row has the number of its first line, a Parquet row its own
    (there are no lines in it). The suffix decides: ``.csv``, ``.parquet``, ``hf:…`` for the
    hub, anything else is JSON lines. In CSV, the choices are one column ``choices`` with a
    JSON list, or columns ``choice_a``, ``choice_b``, …; an empty cell is a missing value.

    Raises:
        DataError: the file as such cannot be read, or the hub cannot be reached.
        ReferenceError_: ``path`` is not written as a dataset is.
        MissingExtraError: Parquet without pyarrow, the hub without huggingface_hub.
    """
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
    elif suffix == ".csv":
        yield from _csv_rows(path)
    else:
        for line, row in scan_jsonl(path):
            if isinstance(row, DataError):
                yield line, str(row).removeprefix(str(bad_line(path, line, "")))
            else:
                yield line, row


def read_rows(path: str | Path) -> list[tuple[int, Row]]:
    """All rows of ``path`` with their line numbers, unchecked but for being rows.

    Raises:
        DataError: at the first row that cannot be read, and as `scan_rows` does.
        MissingExtraError: as `scan_rows` does.
    """
    rows: list[tuple[int, Row]] = []
    for line, row in scan_rows(path):
        if isinstance(row, str):
            raise DataError(f"{path}: {row}") if line is None else bad_line(path, line, row)
        assert line is not None  # noqa: S101 - a row always stands on a line
        rows.append((line, row))
    return rows


def _foreign(path: Path, suffix: str) -> str | None:
    """Why the whole of ``path`` is no dataset, told from its first bytes; else None.

    One reason instead of one for each line of a file that was never meant to be read so.
    """
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder: name a file") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
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
    if suffix != ".csv" and head.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"["):
        return "the file is one JSON list: write one JSON object on each line"
    return None


def _csv_rows(path: str | Path) -> Iterator[Scanned]:
    # Bytes that are not UTF-8 become lone surrogates, which the check of each field finds:
    # so the reason comes with the right line, and the other lines are still read.
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        header: list[str] = []
        while True:
            line = reader.line_num + 1
            try:
                cells = [cell.strip() for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                yield line, f"not valid CSV ({error})"
                if not header:
                    return
                continue
            if not any(cells):
                continue
            if header:
                yield line, _csv_row(header, cells)
                continue
            header = cells
            problem = _header_problem(header)
            if problem:
                yield line, problem
                return


def _header_problem(header: Sequence[str]) -> str | None:
    twice = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    missing = [name for name in _NEEDED_COLUMNS if name not in header]
    letters = [match.group(1) for name in header if (match := _CHOICE_COLUMN.fullmatch(name))]
    if missing:
        return (
            f"the header has no column {', '.join(map(repr, missing))}: "
            f"it names {', '.join(map(repr, header))}"
        )
    if twice:
        return f"the header names the column {twice[0]!r} twice"
    if letters and "choices" in header:
        return "the header has the column 'choices' and a column for each choice: keep one form"
    if letters != [chr(ord("a") + index) for index in range(len(letters))]:
        return "the columns of the choices must be choice_a, choice_b, … in this order"
    return None


def _csv_row(header: Sequence[str], cells: Sequence[str]) -> Row | str:
    if len(cells) != len(header):
        return f"{len(cells)} cells, but the header has {len(header)}"
    row: Row = {}
    choices: list[str] = []
    for name, cell in zip(header, cells, strict=True):
        if _CHOICE_COLUMN.fullmatch(name):
            choices.append(cell)
        elif name and cell:
            row[name] = cell
    while choices and not choices[-1]:
        choices.pop()
    if choices:
        row["choices"] = choices
    elif "choices" in row:
        try:
            row["choices"] = json.loads(row["choices"])
        except (ValueError, RecursionError):
            return f"the column 'choices' must hold a JSON list, not {row['choices'][:60]!r}"
    return row


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
                    for row in batch.to_pylist():
                        line += 1
                        yield line, row
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            why = " ".join(str(error).split())[:200]
            raise DataError(f"{name} is not a readable Parquet file: {why}") from error
