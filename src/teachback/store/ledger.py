"""The side of a completion store that money is counted from: SQL on its open database.

An attempt that may be billed is noted before it is sent, and struck out when its reply is
stored or when it turns out not to be billed. What is left are attempts under way and those
that ended without a reply; a killed run leaves them to the next one.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from teachback.costs import tokens
from teachback.records import Message, Request

# Apart from the store's schema: stores made before it get it when they are next written.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS charge (
    key BLOB PRIMARY KEY,
    teacher TEXT NOT NULL,
    times INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,  -- of one attempt, at most
    tokens_out INTEGER NOT NULL
) WITHOUT ROWID;
"""
_CHARGE = (
    "INSERT INTO charge VALUES (?, ?, 1, ?, ?) ON CONFLICT (key) DO UPDATE SET times = times + 1"
)
_USAGE = (
    "SELECT count(*), sum(tokens_in), sum(tokens_out), sum(tokens_cached), "
    "sum(tokens_in IS NULL OR tokens_out IS NULL) "
    "FROM reply JOIN shared ON shared.hash = reply.shared WHERE teacher = ?"
)
_UNCOUNTED = (
    "SELECT prefix, sampling, messages, tokens_in, tokens_out "
    "FROM reply JOIN shared ON shared.hash = reply.shared "
    "WHERE teacher = ? AND (tokens_in IS NULL OR tokens_out IS NULL)"
)
_LOST = (
    "SELECT sum(times), sum(times * tokens_in), sum(times * tokens_out) "
    "FROM charge WHERE teacher = ?"
)


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens that a teacher's replies in a store have used.

    Where the server did not count them (``uncounted`` replies) and for attempts that may have
    been billed without a reply (``lost``), the tokens are the most that they can be.
    """

    replies: int
    uncounted: int
    lost: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int


def create(db: sqlite3.Connection) -> None:
    """Make the table, where it is not there."""
    db.executescript(_SCHEMA)


def charge(db: sqlite3.Connection, key: bytes, teacher: str, request: Request) -> None:
    """One attempt more."""
    db.execute(_CHARGE, (key, teacher, *tokens.most(request)))


def uncharge(db: sqlite3.Connection, key: bytes) -> None:
    """One attempt less; in the caller's transaction."""
    db.execute("UPDATE charge SET times = times - 1 WHERE key = ?", (key,))
    db.execute("DELETE FROM charge WHERE key = ? AND times < 1", (key,))


def usage(db: sqlite3.Connection, teacher: str) -> Usage:
    """What this teacher's replies have used, and its attempts without one."""
    row = db.execute(_USAGE, (teacher,)).fetchone()
    replies, used_in, used_out, cached, uncounted = (value or 0 for value in row)
    if uncounted:
        for prefix, sampling, messages, *counted in db.execute(_UNCOUNTED, (teacher,)):
            turns = (Message(*turn) for part in (prefix, messages) for turn in json.loads(part))
            used_in += tokens.most_in(turns) if counted[0] is None else 0
            used_out += json.loads(sampling)[2] if counted[1] is None else 0
    lost = (0, 0, 0)
    if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'charge'").fetchone():
        lost = db.execute(_LOST, (teacher,)).fetchone()
    times, lost_in, lost_out = (value or 0 for value in lost)
    return Usage(replies, uncounted, times, used_in + lost_in, used_out + lost_out, cached)
