"""completions.sqlite: every reply, its text as it came, committed as it arrives.

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
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from teachback.costs import tokens
from teachback.files.rows import whole_characters
from teachback.records import Completion, Message, Request, Sampling
from teachback.store import ledger
from teachback.store.ledger import Usage
from teachback.store.read_ahead import ReadAhead
from teachback.store.schema import (
    ALL,
    ANY_FAILURE,
    COMPLETION,
    PUT,
    PUT_FAILURE,
    PUT_SHARED,
)
from teachback.store.store_file import StoreFile
from teachback.store.stored import (
    completion_of,
    count_of,
    messages_of,
    sampling_of,
    text_of,
)

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
        self._file = StoreFile(self.path, read_only=read_only)
        self._db = self._file.db
        if not read_only:
            try:
                with self._file.errors():
                    (self._may_have_failed,) = self._db.execute(ANY_FAILURE).fetchone()
            except BaseException:
                self._file.close()
                raise
        self._replies = ReadAhead(self._db, COMPLETION)
        self._present = ReadAhead(self._db, "1")

    def key(self, teacher: str, request: Request) -> str:
        """The request's key, 64 hexadecimal digits. ``teacher`` is the teacher's model."""
        return self._key(self._shared_hash(teacher, request), request).hex()

    def get(self, key: str) -> Completion | None:
        """The reply under a key; a failed completion if there was never one; None if it was
        never asked."""
        digest = bytes.fromhex(key)
        with self._file.reading():
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
        with self._file.errors():
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
        asked = (whole_characters(request.example_id), request.kind, request.sample)
        now = time.time()
        if completion.finish_reason == "failed":
            error = whole_characters(completion.error or "no reason was given")
            self._may_have_failed = True
            with self._file.errors():
                self._db.execute(PUT_FAILURE, (digest, *asked, error, now))
            return
        completion = tokens.checked(completion)
        thinking = None if completion.thinking is None else whole_characters(completion.thinking)
        reply = (
            *(digest, shared, *asked, _messages(request.messages), now),
            *(whole_characters(completion.text), completion.finish_reason, thinking),
            *(completion.tokens_in, completion.tokens_out, completion.tokens_cached),
            completion.seconds,
        )
        with self._file.errors():
            if shared in self._known_shared and not self._may_have_failed and not charged:
                self._db.execute(PUT, reply)  # a statement alone is a transaction
                return
            with self._file.transaction():
                if shared not in self._known_shared:
                    parts = (
                        whole_characters(teacher),
                        _messages(request.prefix),
                        _sampling(request.sampling),
                    )
                    self._db.execute(PUT_SHARED, (shared, *parts))
                self._db.execute(PUT, reply)
                self._db.execute("DELETE FROM failure WHERE key = ?", (digest,))
                if charged:
                    ledger.uncharge(self._db, digest)
        self._known_shared.add(shared)

    def charge(self, teacher: str, request: Request) -> None:
        """Note, before it is sent, an attempt that may be billed."""
        key = self._key(self._shared_hash(teacher, request), request)
        with self._file.errors():
            ledger.charge(self._db, key, teacher, request)

    def uncharge(self, teacher: str, request: Request) -> None:
        """Take back one attempt that was not billed after all."""
        with self._file.errors(), self._file.transaction():
            ledger.uncharge(self._db, self._key(self._shared_hash(teacher, request), request))

    def usage(self, teacher: str) -> Usage:
        """What this teacher's replies have used, and its attempts that got none."""
        with self._file.reading():
            return ledger.usage(self._db, teacher)

    def __len__(self) -> int:
        """The number of replies."""
        with self._file.errors():
            return int(self._db.execute("SELECT count(*) FROM reply").fetchone()[0])

    def __iter__(self) -> Iterator[StoredReply]:
        """All replies in the order of arrival, one at a time."""
        parts: dict[bytes, tuple[str, tuple[Message, ...], Sampling]] = {}
        with self._file.reading():
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
        with self._file.reading():
            rows = self._db.execute("SELECT DISTINCT teacher FROM shared ORDER BY teacher")
            return [text_of(teacher) for (teacher,) in rows]

    def failures(self) -> Iterator[StoredFailure]:
        """The requests that have failed and have no reply."""
        with self._file.reading():
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
        self._file.close()

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
