"""Opening a file to read it: whatever is wrong with the file is one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from teachback.errors import DataError


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[BufferedReader]:
    """Open ``path``, with every ``OSError`` inside turned into a `DataError`."""
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder, and a file is needed") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
