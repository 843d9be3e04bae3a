"""completions.sqlite: every reply, raw, committed as it arrives.

SQLite in WAL mode with ``synchronous=NORMAL``: what was committed survives the process
being killed at any moment. A power failure may cost the last seconds, never the file.

A reply's key is the SHA-256 of the teacher's model, the rendered messages, the sampling
parameters and the sample index; parsing is outside it, and so is the example's id. What
the requests of a run share (model, few-shot part, sampling) is stored once. Requests that
got no reply are kept apart, with the last error and a count; they are asked again.

Attempts that may be billed can be noted before they are sent (`CompletionStore.charge`), so
that what a killed run had in flight is known to the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from teachback.costs import tokens
from teachback.errors import DataError, RunFolderError, StoreError, shortened
from teachback.files import require_file
from teachback.files.locks import Held, Lock
from teachback.records import Completion, Message, Request, Sampling
from teachback.store import ledger
from teachback.store.ledger import Usage
from teachback.store.read_ahead import ReadAhead
from teachback.store.schema import (
    ALL,
    ANY_FAILURE,
    APPLICATION_ID,
    COMPLETION,
    PUT,
    PUT_FAILURE,
    PUT_SHARED,
    SCHEMA,
    VERSION,
)
from teachback.store.stored import (
    DAMAGED,
    completion_of,
    count_of,
    messages_of,
    sampling_of,
    text_of,
)

_BUSY_SECONDS = 30.0  # another process may be writing
_SHARED_KNOWN = 8  # shared parts whose hash is remembered: one of each kind is usual


@dataclass(frozen=True, slots=True)
class StoredReply:
    """One reply and what it was a reply to."""

    key: str
    teacher: str
    request: Request
    completion: Completion


@dataclass(frozen=True, slots=True)
class StoredFailure:
    """A request that was asked ``times`` times and never got a reply."""

    key: str
    example_id: str
    kind: str
    sample: int
    error: str
    times: int


class CompletionStore:
    """The replies of one run folder; a context manager. One object at a time may write.

    With ``read_only`` neither the file nor its write-ahead log changes. Where a killed
    run left such a log, SQLite may rebuild the log's index (``-shm``), which holds no data.

    Raises:
        StoreError: From the constructor and from every method: the file is missing (when
            read only), is not a completion store, is damaged, cannot be written, or is being
            written by another process.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self._shared: dict[tuple[int, int, str], tuple[object, object, bytes]] = {}
        self._known_shared: set[bytes] = set()
        # Whether there may be rows in ``failure``: others write them only while we just read.
        self._may_have_failed = True
        self._lock = None if read_only else self._take()
        try:
            with self._errors():
                self._db = self._connect(read_only)
                try:
                    self._check_or_create(read_only)
                except BaseException:
                    self._db.close()
                    raise
                if not read_only:
                    (self._may_have_failed,) = self._db.execute(ANY_FAILURE).fetchone()
                self._replies = ReadAhead(self._db, COMPLETION)
                self._present = ReadAhead(self._db, "1")
        except BaseException:
            self._release()
            raise

    def key(self, teacher: str, request: Request) -> str:
        """The request's key, 64 hexadecimal digits. ``teacher`` is the teacher's model."""
        return self._key(self._shared_hash(teacher, request), request).hex()

    def get(self, key: str) -> Completion | None:
        """The reply under a key; a failed completion if there was never one; None if it was
        never asked."""
        digest = bytes.fromhex(key)
        with self._reading():
            row = self._replies.ahead(digest) or self._replies.find(digest)
            if row is not None:
                return completion_of(row)
            if not self._may_have_failed:
                return None
            row = self._db.execute("SELECT error FROM failure WHERE key = ?", (digest,)).fetchone()
            error = None if row is None else text_of(row[0])
        return None if error is None else Completion("", finish_reason="failed", error=error)

    def __contains__(self, key: str) -> bool:
        """Whether there is a reply. A failure does not count."""
        digest = bytes.fromhex(key)
        if self._present.ahead(digest) or self._replies.ahead(digest):
            return True
        with self._errors():
            return self._present.find(digest) is not None

    def put(
        self,
        teacher: str,
        request: Request,
        completion: Completion,
        *,
        key: str | None = None,
        charged: bool = False,
    ) -> None:
        """Commit one completion. A key's first reply stays; a reply ends its failures and, with
        ``charged``, the one attempt that brought it. ``key``: the request's, where it is known."""
        shared = self._shared_hash(teacher, request)
        digest = self._key(shared, request) if key is None else bytes.fromhex(key)
        asked = (_storable(request.example_id), request.kind, request.sample)
        now = time.time()
        if completion.finish_reason == "failed":
            error = _storable(completion.error or "no reason was given")
            self._may_have_failed = True
            with self._errors():
                self._db.execute(PUT_FAILURE, (digest, *asked, error, now))
            return
        completion = tokens.checked(completion)
        thinking = None if completion.thinking is None else _storable(completion.thinking)
        reply = (
            *(digest, shared, *asked, _messages(request.messages), now),
            *(_storable(completion.text), completion.finish_reason, thinking),
            *(completion.tokens_in, completion.tokens_out, completion.tokens_cached),
            completion.seconds,
        )
        with self._errors():
            if shared in self._known_shared and not self._may_have_failed and not charged:
                self._db.execute(PUT, reply)  # a statement alone is a transaction
                return
            with self._transaction():
                if shared not in self._known_shared:
                    parts = (teacher, _messages(request.prefix), _sampling(request.sampling))
                    self._db.execute(PUT_SHARED, (shared, *parts))
                self._db.execute(PUT, reply)
                self._db.execute("DELETE FROM failure WHERE key = ?", (digest,))
                if charged:
                    ledger.uncharge(self._db, digest)
        self._known_shared.add(shared)

    def charge(self, teacher: str, request: Request) -> None:
        """Note, before it is sent, an attempt that may be billed."""
        key = self._key(self._shared_hash(teacher, request), request)
        with self._errors():
            ledger.charge(self._db, key, teacher, request)

    def uncharge(self, teacher: str, request: Request) -> None:
        """Take back one attempt that was not billed after all."""
        with self._errors(), self._transaction():
            ledger.uncharge(self._db, self._key(self._shared_hash(teacher, request), request))

    def usage(self, teacher: str) -> Usage:
        """What this teacher's replies have used, and its attempts that got none."""
        with self._reading():
            return ledger.usage(self._db, teacher)

    def __len__(self) -> int:
        """The number of replies."""
        with self._errors():
            return int(self._db.execute("SELECT count(*) FROM reply").fetchone()[0])

    def __iter__(self) -> Iterator[StoredReply]:
        """All replies in the order of arrival, one at a time."""
        parts: dict[bytes, tuple[str, tuple[Message, ...], Sampling]] = {}
        with self._reading():
            for digest, teacher, prefix, sampling in self._db.execute("SELECT * FROM shared"):
                parts[digest] = (text_of(teacher), messages_of(prefix), sampling_of(sampling))
            for row in self._db.execute(ALL):
                key, shared, example_id, kind, sample, messages, *completion = row
                teacher, few_shot, settings = parts[shared]
                request = Request(
                    text_of(example_id),
                    kind,
                    few_shot,
                    messages_of(messages),
                    settings,
                    count_of(sample),
                )
                yield StoredReply(key.hex(), teacher, request, completion_of(completion))

    def teachers(self) -> list[str]:
        """The models whose replies the store holds."""
        with self._reading():
            rows = self._db.execute("SELECT DISTINCT teacher FROM shared ORDER BY teacher")
            return [text_of(teacher) for (teacher,) in rows]

    def failures(self) -> Iterator[StoredFailure]:
        """The requests that have failed and have no reply."""
        with self._reading():
            rows = self._db.execute(
                "SELECT key, example_id, kind, sample, error, times FROM failure ORDER BY last"
            )
            for key, example_id, kind, sample, error, times in rows:
                yield StoredFailure(
                    key.hex(),
                    text_of(example_id),
                    text_of(kind),
                    count_of(sample),
                    text_of(error),
                    count_of(times),
                )

    def close(self) -> None:
        """Write the log back into the file, and close it."""
        try:
            with self._errors():
                self._db.close()
        finally:
            self._release()

    def __enter__(self) -> CompletionStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _shared_hash(self, teacher: str, request: Request) -> bytes:
        """The hash of what a run's requests share: of one kind, they hold the very same objects."""
        known = (id(request.prefix), id(request.sampling), teacher)
        found = self._shared.get(known)
        if found is not None:
            return found[2]
        parts = (teacher, _messages(request.prefix), _sampling(request.sampling))
        digest = hashlib.sha256(json.dumps(parts).encode("ascii")).digest()
        if len(self._shared) >= _SHARED_KNOWN:
            self._shared.clear()
        # With the objects themselves, so that no other one gets their identity.
        self._shared[known] = (request.prefix, request.sampling, digest)
        return digest

    def _key(self, shared: bytes, request: Request) -> bytes:
        own = f"{request.sample}\n{_messages(request.messages)}"
        return hashlib.sha256(shared + own.encode("ascii")).digest()

    def _take(self) -> Lock:
        """The lock beside the file: SQLite's own lets writers take turns, and two runs that do
        so would both pay for the same replies."""
        try:
            return Lock(self.path.with_name(f"{self.path.name}-lock"))
        except Held as held:
            raise StoreError(
                f"{self.path} is being written by {held.holder}: wait until it ends, or stop it, "
                "and then run the same command again"
            ) from None
        except RunFolderError as error:
            raise StoreError(f"{self.path} cannot be opened or used: {error}") from error

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _connect(self, read_only: bool) -> sqlite3.Connection:
        address = f"file:{quote(os.fsencode(self.path.absolute()))}"
        if read_only and not self.path.exists():
            raise StoreError(f"{self.path}: there is no such completion store")
        if self.path.exists():  # SQLite would wait for a pipe's other end
            try:
                require_file(self.path)
            except DataError as error:
                raise StoreError(str(error)) from None
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
        with self._reading():
            application = self._db.execute("PRAGMA application_id").fetchone()[0]
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            tables = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
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
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        if application != APPLICATION_ID:
            self._db.executescript(SCHEMA)
        ledger.create(self._db)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite rolls back by itself on a full disk
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
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
                    f"{self.path}: {error}: make room on the disk and rerun; what was stored "
                    "before is kept"
                ) from error
            raise StoreError(f"{self.path} cannot be opened or used: {error}") from error
        except sqlite3.ProgrammingError:  # ours, not the file's
            raise
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """`_errors`, and values that this program did not write."""
        try:
            with self._errors():
                yield
        except DAMAGED as error:
            raise self._damaged(str(error) or type(error).__name__) from error

    def _damaged(self, why: str) -> StoreError:
        return StoreError(
            f"{self.path} is damaged or is not a completion store ({shortened(why)}): name a "
            "different file, or move this one away and rerun"
        )


def _messages(messages: tuple[Message, ...]) -> str:
    """As JSON in ASCII: one text per meaning, whatever characters are in it."""
    turns = [f"[{_quoted(message.role)}, {_quoted(message.content)}]" for message in messages]
    return f"[{', '.join(turns)}]"


# As json.dumps writes a text; called for every request, and four times as fast.
_quoted = json.JSONEncoder().encode


def _sampling(sampling: Sampling) -> str:
    # As floats, so that temperature 0 and 0.0 are one.
    numbers = (float(sampling.temperature), float(sampling.top_p), sampling.max_tokens)
    return json.dumps((*numbers, sampling.stop))


def _storable(text: str) -> str:
    """JSON can carry half a surrogate pair, which SQLite cannot: replaced by a ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")
