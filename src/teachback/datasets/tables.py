"""Rows of tables as text: CSV and TSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from teachback.errors import DataError
from teachback.files import MAX_LINE_BYTES
from teachback.files.reading import reading
from teachback.files.rows import Row

_MOST_PASSED = 16 * MAX_LINE_BYTES
"""Characters of one line that are passed over before the file is given up."""

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""What separates the cells of a line, by the file's suffix."""

_WHAT = {"\t": "tabs", ",": "commas", ";": "semicolons"}
_NEEDED_COLUMNS = ("id", "question", "answer")
CHOICE_COLUMN = re.compile(r"choice_([a-z])")
"""Columns that hold one choice each."""

Scanned = tuple[int | None, Row | str]
"""A line's number (None: the file as a whole), and its row or the reason why it has none."""


def other_table(head: bytes, suffix: str) -> str | None:
    """Why a file that begins like this is a table that ``suffix`` does not announce; else None."""
    lines = head.decode(errors="replace").lstrip().splitlines()
    expected = SEPARATORS.get(suffix)
    if not lines or lines[0].startswith("{") or _is_header(lines[0], expected):
        return None
    for separator, what in _WHAT.items():
        if not _is_header(lines[0], separator):
            continue
        wanted = next((name for name, each in SEPARATORS.items() if each == separator), None)
        remedy = (
            "save it with commas, in a file whose name ends in .csv"
            if wanted is None
            else f"give it a name that ends in {wanted}"
        )
        return f"the file is a table whose cells are separated by {what}: {remedy}"
    return None


def _is_header(line: str, separator: str | None) -> bool:
    """Whether a line names at least two of the columns that are needed."""
    if separator is None:
        return False
    names = {name.strip().strip('"').strip() for name in line.split(separator)}
    return len(names.intersection(_NEEDED_COLUMNS)) >= 2


class _Lines(Iterator[str]):
    """The lines of a file, counted. One that is longer than `MAX_LINE_BYTES` is passed over and
    raises csv.Error; the next call goes on after it."""

    def __init__(self, file: TextIO, path: str | Path) -> None:
        self._file, self._path = file, path
        self.count = 0

    def __next__(self) -> str:
        line = self._file.readline(MAX_LINE_BYTES + 1)
        if not line:
            raise StopIteration
        self.count += 1
        if len(line) <= MAX_LINE_BYTES:
            return line
        passed = 0
        while line and not line.endswith(("\n", "\r")):
            line = self._file.readline(MAX_LINE_BYTES)
            passed += len(line)
            if passed > _MOST_PASSED:
                raise DataError(
                    f"{self._path}, line {self.count} goes on for more than "
                    f"{_MOST_PASSED // 2**20} MiB: this is "
                    "not a table"
                )
        raise csv.Error(f"the line is longer than {MAX_LINE_BYTES // 2**20} MiB")


def table_rows(
    path: str | Path, renamed: Callable[[Iterable[str]], list[str] | str] = list
) -> Iterator[Scanned]:
    """Every row of a file with a suffix of `SEPARATORS` that is not blank; a bad one comes as the
    reason why it is bad. ``renamed`` gives the columns the names that are read, or says why that
    cannot be."""
    suffix = Path(path).suffix.casefold()
    form = suffix.removeprefix(".").upper()
    # Bytes that are not UTF-8 become lone surrogates, which the check of each field finds:
    # so the reason comes with the right line, and the other lines are still read.
    with (
        reading(path) as content,
        TextIOWrapper(content, "utf-8-sig", errors="surrogateescape", newline="") as file,
    ):
        lines = _Lines(file, path)
        reader = csv.reader(lines, delimiter=SEPARATORS[suffix], strict=True)
        header: list[str] = []
        while True:
            line = lines.count + 1
            try:
                cells = [cell.strip() for cell in _next_row(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                yield line, f"not valid {form} ({error})"
                if not header:
                    return
                continue
            if not any(cells):
                continue
            if header:
                yield line, _csv_row(header, cells)
                continue
            names = renamed(cells)
            if isinstance(names, str):
                yield line, names
                return
            header = names
            problem = _header_problem(header)
            if problem:
                yield line, problem
                return


def _next_row(reader: Iterator[list[str]]) -> list[str]:
    """The next row, with cells as long as a line may be. The limit of the csv module is one for
    the whole process, so it is put back after each row."""
    before = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(before)


def _header_problem(header: Sequence[str]) -> str | None:
    twice = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    missing = [name for name in _NEEDED_COLUMNS if name not in header]
    letters = [match.group(1) for name in header if (match := CHOICE_COLUMN.fullmatch(name))]
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
        if CHOICE_COLUMN.fullmatch(name):
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
