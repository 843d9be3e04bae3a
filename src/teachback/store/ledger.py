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
# Stores may hold what no server can have counted, as `tokens.checked` says: that is unknown.
_IS_COUNT = f"typeof({{0}}) = 'integer' AND {{0}} BETWEEN 0 AND {tokens.MOST_COUNTED}"
_CACHED = f"CASE WHEN {_IS_COUNT.format('tokens_cached')} THEN tokens_cached END"
_COUNTED = f"""
WITH counted AS (
    SELECT prefix, sampling, messages,
        CASE WHEN {_IS_COUNT.format("tokens_in")} AND tokens_in >= coalesce({_CACHED}, 0)
            THEN tokens_in END AS tokens_in,
        CASE WHEN {_IS_COUNT.format("tokens_out")} THEN tokens_out END AS tokens_out,
        {_CACHED} AS tokens_cached
    FROM reply JOIN shared ON shared.hash = reply.shared WHERE teacher = ?
)
"""  # noqa: S608
_USAGE = (
    f"{_COUNTED} SELECT count(*), sum(tokens_in), sum(tokens_out), "  # noqa: S608
    "sum(CASE WHEN tokens_in IS NOT NULL THEN tokens_cached END), "
    "sum(tokens_in IS NULL OR tokens_out IS NULL) FROM counted"
)
_UNCOUNTED = (
    f"{_COUNTED} SELECT prefix, sampling, messages, tokens_in, tokens_out "  # noqa: S608
    "FROM counted WHERE tokens_in IS NULL OR tokens_out IS NULL"
)
_LOST = "SELECT times, tokens_in, tokens_out FROM charge WHERE teacher = ?"


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
    lost = 0
    if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'charge'").fetchone():
        for times, most_in, most_out in db.execute(_LOST, (teacher,)):
            lost += times
            used_in += times * most_in
            used_out += times * most_out
    return Usage(replies, uncounted, lost, used_in, used_out, cached)
