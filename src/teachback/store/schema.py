"""A completion store's tables, and the SQL on them: see `teachback.store`."""

from __future__ import annotations

APPLICATION_ID = 0x54426B43  # "TBkC"
VERSION = 1

SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE shared (
    hash BLOB PRIMARY KEY,
    teacher TEXT NOT NULL,
    prefix TEXT NOT NULL,    -- JSON: [[role, content], …]
    sampling TEXT NOT NULL   -- JSON: [temperature, top_p, max_tokens, [stop, …]]
) WITHOUT ROWID;
CREATE TABLE reply (
    number INTEGER PRIMARY KEY,  -- in the order of arrival
    key BLOB NOT NULL UNIQUE,
    shared BLOB NOT NULL REFERENCES shared,
    example_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    sample INTEGER NOT NULL,
    messages TEXT NOT NULL,      -- JSON: [[role, content], …], without the few-shot part
    arrived REAL NOT NULL,       -- seconds since 1970, UTC
    text TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    thinking TEXT,
    tokens_in INTEGER,
    tokens_out INTEGER,
    tokens_cached INTEGER,
    seconds REAL
);
CREATE TABLE failure (
    key BLOB PRIMARY KEY,
    example_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    sample INTEGER NOT NULL,
    error TEXT NOT NULL,
    times INTEGER NOT NULL,
    last REAL NOT NULL
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
COMMIT;
"""

COMPLETION = "text, finish_reason, thinking, tokens_in, tokens_out, tokens_cached, seconds"
ALL = (
    f"SELECT key, shared, example_id, kind, sample, messages, {COMPLETION} "  # noqa: S608
    "FROM reply ORDER BY number"
)
PUT = (
    "INSERT INTO reply (key, shared, example_id, kind, sample, messages, arrived, text, "
    "finish_reason, thinking, tokens_in, tokens_out, tokens_cached, seconds) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
)
PUT_SHARED = "INSERT INTO shared VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
PUT_FAILURE = (
    "INSERT INTO failure VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT (key) DO UPDATE "
    "SET error = excluded.error, times = times + 1, last = excluded.last"
)
ANY_FAILURE = "SELECT EXISTS (SELECT 1 FROM failure)"
