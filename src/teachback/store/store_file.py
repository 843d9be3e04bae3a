"""The file of a store: opened, locked, checked or created; its errors as one line each."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from teachback.errors import DataError, RunFolderError, StoreError, shortened
from teachback.files import is_there, require_file
from teachback.files.locks import Held, Lock
from teachback.store import ledger
from teachback.store.schema import APPLICATION_ID, SCHEMA, VERSION
from teachback.store.stored import DAMAGED

_BUSY_SECONDS = 30.0  # another process may be writing


class StoreFile:
    """An open store: ``db`` is its connection, in which each statement commits by itself.

    Raises StoreError where the file is missing (when read only), is not a store, is damaged,
    cannot be written, or is being written by another process.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self._lock = None if read_only else self._take()
        try:
            with self.errors():
                self.db = self._connect(read_only)
                try:
                    self._check_or_create(read_only)
                except BaseException:
                    self.db.close()
                    raise
        except BaseException:
            self._release()
            raise

    def _take(self) -> Lock:
        """The lock beside the file: SQLite's own lets writers take turns, and two runs that do
        so would both pay for the same replies."""
        try:
            return Lock(self.path.with_name(f"{self.path.name}-lock"))
        except Held as held:
            raise StoreError(held.told_of(self.path)) from None
        except RunFolderError as error:
            raise StoreError(f"{self.path} cannot be opened or used: {error}") from error

    def close(self) -> None:
        """Write the log back into the file, and close it."""
        try:
            with self.errors():
                self.db.close()
        finally:
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _connect(self, read_only: bool) -> sqlite3.Connection:
        address = f"file:{quote(os.fsencode(self.path.absolute()))}"
        try:
            present = is_there(self.path)
            if present:  # SQLite would wait for a pipe's other end
                require_file(self.path)
        except DataError as error:
            raise StoreError(str(error)) from None
        if read_only and not present:
            raise StoreError(f"{self.path}: there is no such completion store")
        if read_only:
            log = self.path.with_name(self.path.name + "-wal")
            # Without a log nobody is writing, and immutable keeps SQLite from making one.
            whole = not log.exists() or log.stat().st_size == 0
            address += "?mode=ro&immutable=1" if whole else "?mode=ro"
        # One thread at a time, but not always the same: see `teachback.system.event_loops`.
        return sqlite3.connect(
            address,
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )

    def _check_or_create(self, read_only: bool) -> None:
        with self.reading():
            application = self.db.execute("PRAGMA application_id").fetchone()[0]
            version = self.db.execute("PRAGMA user_version").fetchone()[0]
            tables = self.db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if application == APPLICATION_ID:
            if version > VERSION:
                raise StoreError(
                    f"{self.path}: written by a newer teachback (version {version} of the store, "
                    f"this one knows {VERSION}); upgrade teachback"
                )
        elif application or tables or read_only:
            raise StoreError(
                f"{self.path}: not a teachback completion store: name a different file"
            )
        if read_only:
            return
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        if application != APPLICATION_ID:
            self.db.executescript(SCHEMA)
        ledger.create(self.db)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is written within, or none of it."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # SQLite rolls back by itself on a full disk
                self.db.execute("ROLLBACK")
            raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        """SQLite's errors as one line that says what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            # What Python's own module cannot read (a text that is not UTF-8) has no code.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
            if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB):
                raise self._damaged(str(error)) from error
            if code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise StoreError(
                    f"{self.path}: {error}: free some space and run the command again; what was "
                    "stored before is kept"
                ) from error
            raise StoreError(f"{self.path} cannot be opened or used: {error}") from error
        except sqlite3.ProgrammingError:  # ours, not the file's
            raise
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """`_errors`, and values that this program did not write."""
        try:
            with self.errors():
                yield
        except DAMAGED as error:
            raise self._damaged(str(error) or type(error).__name__) from error

    def _damaged(self, why: str) -> StoreError:
        return StoreError(
            f"{self.path} is damaged or is not a completion store ({shortened(why)}): name a "
            "different file, or move this one away and run the command again"
        )
