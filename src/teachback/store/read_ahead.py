"""Finding stored replies by key about as fast as reading them one after the other.

A finished run is skipped by looking up its every key. A key is a hash, so that each look-up
walks an index to a random place; but requests are looked up in about the order in which their
replies arrived. So one that is found brings its neighbours into memory, which the next ones
then find there. Replies never change, so what was read ahead stays true.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any

_LEAST, _MOST = 16, 512
"""Replies read at once: many while that helps, few where keys come in another order."""

_MARGIN = 4
"""One in so many is read from before the one that was found: replies overtake each other."""


class ReadAhead:
    """Rows of the table ``reply`` by key: ``columns`` of them, as SQL.

    Memory holds the rows read last, at most 1,024.
    """

    def __init__(self, db: sqlite3.Connection, columns: str) -> None:
        self._db = db
        self._near = f"SELECT key, {columns} FROM reply WHERE number >= ? ORDER BY number LIMIT ?"  # noqa: S608
        # The stretch of replies that was used last, and the one before: two kinds of requests
        # may have been asked in two runs.
        self._ahead, self._other = _Stretch(), _Stretch()

    def ahead(self, key: bytes) -> tuple[Any, ...] | None:
        """The row under a key, if it was read ahead; asks no database."""
        row = self._ahead.rows.get(key)
        if row is None:
            row = self._other.rows.get(key)
            if row is None:
                return None
            self._ahead, self._other = self._other, self._ahead
        self._ahead.used += 1
        return row

    def find(self, key: bytes) -> tuple[Any, ...] | None:
        """The row under a key that was not read ahead, and with it its neighbours; None where
        there is none."""
        found = self._db.execute("SELECT number FROM reply WHERE key = ?", (key,)).fetchone()
        if found is None:
            return None
        number, old = found[0], self._other
        helped = 3 * old.used >= old.size
        size = min(_MOST, 2 * old.size) if helped else max(_LEAST, old.size // 2)
        rows = self._db.execute(self._near, (number - size // _MARGIN, size))
        self._other = self._ahead
        self._ahead = _Stretch({row[0]: row[1:] for row in rows}, size)
        return self._ahead.rows[key]


@dataclass(slots=True)
class _Stretch:
    """Replies that arrived one after the other: ``size`` were asked for, and ``used`` of them
    looked up."""

    rows: dict[bytes, tuple[Any, ...]] = field(default_factory=dict)
    size: int = _LEAST
    used: int = 0
