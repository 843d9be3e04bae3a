"""One writer at a time: a lock that ends with its process, however that ends.

The `filelock` package holds it. Added here: who holds it, whose file it is, and what happens on a
file system that has no locks.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from teachback.errors import RunFolderError
from teachback.files.atomic import write_error

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
_LONGEST_ID = 20
"""Digits of a process id, at most."""


class Held(Exception):
    """The lock is taken; ``holder`` says by whom: ``process 123``, or ``another process`` where
    its id cannot be read."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder

    def told_of(self, path: Path) -> str:
        """What to tell whoever wanted to write ``path``."""
        return (
            f"{path} is being written by {self.holder}: wait until it ends, or stop it, and then "
            "run the same command again"
        )


class Lock:
    """Held from the constructor to `release`, or to the end of a ``with`` block, by this object
    alone: the same process cannot take it twice.

    Its file holds the process's id and goes when the lock is released. A file that a killed
    process left behind locks nobody out. A link is not followed, and a file with other content is
    left as it is. On a file system without locks there is none, and nothing is said.

    Raises:
        Held: the lock is taken.
        RunFolderError: the file cannot be made, or something else has its name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = os.getpid()
        self._file: os.stat_result | None = None
        self._lock = FileLock(
            path,
            blocking=False,
            thread_local=False,
            fallback_to_soft=False,
            on_acquired=self._sign,
        )
        try:
            self._take()
        except OSError as error:
            raise write_error(error, path) from error

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give it back. A second call does nothing, and neither does one in a forked child."""
        if self._file is None or os.getpid() != self._process:
            return
        if sys.platform != "win32":  # removed while held, so that nobody else holds it then
            with contextlib.suppress(OSError):
                if os.path.samestat(os.lstat(self._path), self._file):
                    self._path.unlink()
        self._file = None
        self._lock.release()

    def _take(self) -> None:
        if not self._path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        while True:
            _holder(self._path)  # raises where the file is none of ours
            try:
                self._lock.acquire()
                return
            except Timeout:
                if os.path.lexists(self._path):
                    raise Held(_holder(self._path)) from None
                # It was released between our opening the file and our locking it.
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                self._file = os.lstat(self._path)
                return

    def _sign(self, descriptor: int) -> None:
        """Write this process's id into the file, which is locked."""
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(self._process).encode("ascii"))
        self._file = os.fstat(descriptor)


def _holder(path: Path) -> str:
    """Whose lock file this is or was; raises RunFolderError where it is not a lock file."""
    try:
        found = os.lstat(path)
        content = b""
        if stat.S_ISREG(found.st_mode) and found.st_size <= _LONGEST_ID:
            content = path.read_bytes()
            if not content or content.isdigit():
                return f"process {content.decode('ascii')}" if content else "another process"
    except (FileNotFoundError, PermissionError):  # Windows does not let others read what is locked
        return "another process"
    what = "a link" if stat.S_ISLNK(found.st_mode) else "not a lock file"
    raise RunFolderError(f"{path} is {what}: remove it, or choose a different folder")
