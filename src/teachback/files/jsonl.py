"""JSON lines: files with one JSON object a line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from teachback.errors import DataError
from teachback.files.atomic import writing
from teachback.files.json_object import encode, parse_object
from teachback.files.reading import reading
from teachback.files.rows import Row, bad_line

MAX_LINE_BYTES = 8 * 1024 * 1024
"""The longest line that is read; a longer one is a wrong file, not a long question."""

_LONG_ENOUGH = 64
"""Times `MAX_LINE_BYTES` after which no end of a line is looked for."""


def read_jsonl(path: str | Path) -> Iterator[tuple[int, Row]]:
    """Yield ``(line number, object)`` for each line that is not blank; lines count from 1.

    Raises:
        DataError: at the first line that cannot be read, or if the file cannot be.
    """
    for number, row in scan_jsonl(path):
        if isinstance(row, DataError):
            raise row
        yield number, row


def scan_jsonl(path: str | Path) -> Iterator[tuple[int, Row | DataError]]:
    """Like `read_jsonl`, but continue after a bad line, with its error in its place.

    Memory stays bounded by `MAX_LINE_BYTES`, whatever the file holds.

    Raises:
        DataError: if the file itself cannot be read.
    """
    with reading(path) as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                for _ in range(_LONG_ENOUGH):
                    if not line or line.endswith(b"\n"):
                        break
                    line = file.readline(MAX_LINE_BYTES)
                else:  # no file of lines at all
                    yield (
                        number,
                        bad_line(path, number, "the line has no end: name a different file"),
                    )
                    return
                limit = MAX_LINE_BYTES // 2**20
                yield number, bad_line(path, number, f"the line is longer than {limit} MiB")
                continue
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip():
                yield number, _parse_line(path, number, line)


def write_jsonl(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line, atomically. If ``rows`` raises, nothing is written.

    Raises:
        RunFolderError: the file cannot be written (disk full, no permission, …).
    """
    with writing_jsonl(path) as put:
        for row in rows:
            put(row)


@contextlib.contextmanager
def writing_jsonl(path: str | Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A function that writes one JSON object a line; the file is there when the block ends, and
    not if it raises. Raises as `write_jsonl` does."""
    with writing(path) as file:

        def put(row: Mapping[str, Any]) -> None:
            file.write(encode(row, indent=None))

        yield put


def _parse_line(path: str | Path, number: int, line: bytes) -> Row | DataError:
    row = parse_object(line.rstrip(b"\r\n"))
    return bad_line(path, number, row) if isinstance(row, str) else row
