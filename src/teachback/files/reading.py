"""Opening a file to read it: whatever is wrong with the file is one line."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from teachback.errors import DataError

MAX_FILE_BYTES = 256 * 1024 * 1024
"""The largest file that is read as a whole; a larger one is a wrong file."""


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[BufferedReader]:
    """Open ``path``, with every ``OSError`` inside turned into a `DataError`.

    Only a regular file is opened: a pipe may wait for ever, and a device never end.
    """
    try:
        require_file(path)
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def require_file(path: str | Path) -> None:
    """Make sure that ``path`` is a regular file.

    Raises:
        DataError: it is not there, or is something else.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{path}: there is no such file") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a folder, and a file is needed")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is a pipe or a device: copy what it holds into a file")


def is_file(path: str | Path) -> bool:
    """Whether ``path`` is a regular file; no more for a text that no file can be named than for a
    name that none has (``Path.is_file`` raises then).

    Raises:
        DataError: the system does not let one look.
    """
    return stat.S_ISREG(_mode(path))


def is_folder(path: str | Path) -> bool:
    """Whether ``path`` is a folder; as `is_file`."""
    return stat.S_ISDIR(_mode(path))


def is_there(path: str | Path) -> bool:
    """Whether ``path`` is a file, a folder or anything else; as `is_file`."""
    return _mode(path) != _NOTHING


_NOTHING = 0
"""No file has this mode."""

_NO_NAME = (errno.ENAMETOOLONG, errno.ELOOP)


def _mode(path: str | Path) -> int:
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL character
        return _NOTHING
    except OSError as error:
        if error.errno in _NO_NAME:
            return _NOTHING
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def read_bytes(path: str | Path) -> bytes:
    """All that a file holds.

    Raises:
        DataError: it cannot be read, or is larger than `MAX_FILE_BYTES`.
    """
    with reading(path) as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise DataError(
            f"{path} is larger than {MAX_FILE_BYTES // 2**20} MiB: name a different file"
        )
    return content


def read_text(path: str | Path) -> str:
    """All that a text file holds, without a byte order mark; raises as `read_bytes`, and where it
    is not UTF-8."""
    text = decoded(read_bytes(path))
    if isinstance(text, Wrong):
        raise DataError(f"{path}: {text.why}")
    return text


class Wrong:
    """Why bytes are no text, or a text not what it should be."""

    def __init__(self, why: str) -> None:
        self.why = why


def decoded(content: bytes) -> str | Wrong:
    """``content`` as text, or what is wrong with it."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return Wrong("the file is UTF-16: save it as UTF-8")
        return Wrong(f"not UTF-8 at byte {error.start + 1}: save the file as UTF-8")
