"""Writing a file whole or not at all, and what is said where it cannot be written.

A temporary file in the same folder is flushed to the disk and then renamed over its goal. A
reader sees the old file or the new one, never half of one; so does one who comes after a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from io import BufferedWriter
from pathlib import Path

from teachback.errors import RunFolderError


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[BufferedWriter]:
    """A file to write, which takes the place of ``path`` only once it is safely on disk.

    Raises:
        RunFolderError: any ``OSError`` in the block or here (disk full, no permission, …).
    """
    goal = Path(path)
    temporary = goal.with_name(f".{goal.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            goal.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, goal)
            _sync_folder(goal.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise write_error(error, goal) from error


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8 and exactly as it is (no line-end translation), atomically.

    Raises:
        RunFolderError: the file cannot be written (disk full, no permission, …).
    """
    with writing(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def is_disk_full(error: OSError) -> bool:
    """Whether ``error`` means that there is no room left (disk or quota)."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def write_error(error: OSError, path: str | Path) -> RunFolderError:
    """The one-line error for an ``OSError`` met while writing ``path``."""
    if is_disk_full(error):
        return RunFolderError(
            f"the disk is full: {path} was not written; the previous file is unchanged; free some "
            "space and run the command again"
        )
    return RunFolderError(f"cannot write {path}: {error.strerror or error}")


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can (not on Windows)."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
