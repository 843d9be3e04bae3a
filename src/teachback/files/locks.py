"""One writer at a time: a lock file that dies with its process, however that ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class Held(Exception):
    """Another one holds the lock; ``holder`` is its process id, where it can be read."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class Lock:
    """Held from the constructor to `release`, by this object alone: the same process cannot
    take it twice. The file goes with it; one that a killed process left is no lock.

    On a file system without locks there is none, and nothing is said.

    Raises:
        Held: It is taken.
        OSError: The file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        while True:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _lock(self._file)
            except BlockingIOError:
                holder = os.read(self._file, 32).decode("ascii", "replace").strip("\0 ")
                os.close(self._file)
                raise Held(holder) from None
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    os.close(self._file)
                    raise
            if self._is_there():
                break
            os.close(self._file)  # released between our opening and our locking it
        os.ftruncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode("ascii"))

    def release(self) -> None:
        """Give it back. A second call does nothing."""
        if self._file < 0:
            return
        if sys.platform != "win32":  # removed while held, so that nobody else holds it then
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(self._file)
        self._file = -1

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        # A byte far beyond the content, which others must be able to read.
        os.lseek(file, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            raise BlockingIOError from None
        finally:
            os.lseek(file, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
