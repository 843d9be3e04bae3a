"""Damage to the files that commands read: bytes, values and places, drawn from a seed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import sqlite3
import struct
import tomllib
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w

from tiny_run import question

_DEEP = 100_000
_VALUES: tuple[Callable[[random.Random], Any], ...] = (
    lambda _: None,
    lambda _: True,
    lambda _: -1,
    lambda _: 0,
    lambda _: 0.5,
    lambda _: 2**63,
    lambda _: 10**400,
    lambda _: -(2**31) - 1,
    lambda _: 1e308,
    lambda _: "",
    lambda _: " ",
    lambda _: "x" * 50_000,
    lambda _: "../" * 100 + "etc/passwd",
    lambda _: "n" * 256,
    lambda _: "\x00",
    lambda _: "\x1b]0;title\x07\x1b[2J\r\u202e\x9b",
    lambda _: "\ud800",
    lambda _: "~nouser/x",
    lambda _: "/dev/zero",
    lambda _: [],
    lambda _: [[]],
    lambda _: {},
    lambda _: {"": None},
    lambda r: r.randrange(-5, 5),
    lambda r: r.choice(["yes", "A", "direct", "chosen", "text", "number", "nan", "1e999"]),
)
_RAW = (
    "[" * 400 + "]" * 400, '{"a":' * 400 + "1" + "}" * 400, "[" * 900 + "]" * 900,
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000, "[" * _DEEP,
    '{"a":' * _DEEP, '"' + "\\ud800" + '"', "1_000", "0x10", "+inf", "nan", "1979-05-27T07:32:00Z",
)  # fmt: skip
_BYTES = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x1b[2J",
    b"\r",
    b"\n",
    b"\x85",
    b"{",
    b"]",
    b'"',
)


def damage_bytes(content: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, whatever they mean."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        size = len(data)
        at = rng.randrange(size + 1)
        what = rng.randrange(6)
        if what == 0:
            del data[at:]
        elif what == 1:
            del data[at : at + rng.randrange(1, 64)]
        elif what == 2:
            data[at:at] = rng.choice(_BYTES) * rng.choice((1, 1, 3, 1000))
        elif what == 3:
            data[at:at] = data[: rng.randrange(1, 200)]
        elif size:
            for _ in range(rng.choice((1, 4, 40))):
                data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def damage_value(value: Any, rng: random.Random) -> Any:
    """The same tree with one node of it changed, taken away or added."""
    places = list(_places(value))
    if not places:
        return rng.choice(_VALUES)(rng)
    holder, key = rng.choice(places)
    what = rng.randrange(8)
    if what == 0:
        del holder[key]
    elif what == 1 and isinstance(holder, dict):
        holder[rng.choice(["", "version", "x" * 300, "\x1b[2J", "id"])] = rng.choice(_VALUES)(rng)
    elif what == 2 and isinstance(holder, dict):
        holder[f"{key}s"] = holder.pop(key)
    elif what == 3:
        holder[key] = [holder[key]]
    else:
        holder[key] = rng.choice(_VALUES)(rng)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def damage_json(content: bytes, rng: random.Random, lines: bool) -> bytes:
    """A JSON file, or one of JSON lines, that is still JSON, or nearly."""
    parts = content.decode().splitlines() if lines else [content.decode()]
    index = rng.randrange(len(parts))
    if rng.random() < 0.2:
        parts[index] = _with_raw(parts[index], rng)
    else:
        changed = damage_value(json.loads(parts[index]), rng) if parts[index] else ""
        parts[index] = json.dumps(changed, indent=None if lines else 2)
    if lines and rng.random() < 0.1:
        parts.insert(index, parts[index])
    return "\n".join([*parts, ""]).encode("utf-8", "surrogatepass")


def damage_toml(content: bytes, rng: random.Random) -> bytes:
    """A TOML file that is still TOML, or nearly."""
    text = content.decode()
    if rng.random() < 0.03:
        return f"{text}\n[{'.'.join('a' * rng.choice((100, 400, _DEEP)))}]\n".encode()
    if rng.random() < 0.4:
        return _with_raw(text, rng).encode("utf-8", "surrogatepass")
    with contextlib.suppress(TypeError, ValueError, UnicodeError):
        changed = damage_value(tomllib.loads(text), rng)
        return tomli_w.dumps(changed).encode()
    return damage_bytes(content, rng)


def _with_raw(text: str, rng: random.Random) -> str:
    """A value of a JSON or TOML text replaced by something that may not be one."""
    starts = [i + 2 for i in range(len(text) - 2) if text[i : i + 2] in (": ", "= ")]
    if not starts:
        return rng.choice(_RAW)
    start = rng.choice(starts)
    end = min((e for e in (text.find(c, start) for c in ",}\n") if e >= 0), default=len(text))
    return text[:start] + rng.choice(_RAW) + text[end:]


def damage_sqlite(file: Path, rng: random.Random) -> None:
    """An SQLite file that is still one, with a value that teachback never wrote."""
    db = sqlite3.connect(file, isolation_level=None)
    try:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        columns = [
            (table, row[1])
            for (table,) in tables
            for row in db.execute(f"PRAGMA table_info({table})")
        ]
        table, column = rng.choice(columns)
        value = rng.choice(
            [None, 5, -1, 2**62, 1.5, float("inf"), b"\xff\xfe", "", "[", "[[1]]", "[1,2,3,4]",
             "[" * 5000, "\x1b[2J", '[["user", 5]]', "[null,1,5,[]]", '[0.0, 1.0, "x", []]']
        )  # fmt: skip
        with contextlib.suppress(sqlite3.Error, OverflowError):
            if rng.random() < 0.15:
                renamed = f"ALTER TABLE {table} RENAME COLUMN {column} TO z"
                db.execute(rng.choice([f"DROP TABLE {table}", "PRAGMA user_version = 99", renamed]))
            elif rng.random() < 0.2:
                db.execute(f"UPDATE {table} SET {column} = CAST(X'FFFE80' AS TEXT)")
            else:
                db.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
    finally:
        db.close()


def damage_parquet(rng: random.Random) -> bytes:
    """Rows whose columns have types that nobody asked for."""
    rows = [question(number) for number in range(12)]
    arrays: list[Any] = [
        pa.array([2**62 + n for n in range(12)], pa.timestamp("ns")),
        pa.array([n * 1001 for n in range(12)], pa.time64("ns")),
        pa.array(list(range(12)), pa.duration("ns")),
        pa.array([float("nan")] * 12),
        pa.array([None] * 12),
        pa.array([b"\xff\xfe"] * 12, pa.binary()),
        pa.array([10**30] * 12, pa.decimal128(38, 0)),
        pa.array([[("a", 1)]] * 12, pa.map_(pa.string(), pa.int64())),
        pa.array([2**40] * 12, pa.date64()),
        pa.array(["a"] * 12).dictionary_encode(),
    ]
    table = pa.Table.from_pylist(rows)
    name = rng.choice(["extra", "id", "question", "choices", "answer", "group", "context"])
    column = rng.choice(arrays)
    if name in table.column_names:
        table = table.set_column(table.column_names.index(name), name, column)
    else:
        table = table.append_column(name, column)
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def damage_gguf(content: bytes, rng: random.Random) -> bytes:
    """A count or length at the beginning changed, or a tensor's number of dimensions."""
    data = bytearray(content)
    number = rng.choice([0, 1, 2, 5, 2**20, 2**31, 2**32 - 1, 2**40, 2**62, 2**64 - 1])
    name = b"blk.0.attn_q.weight"
    rank = data.find(name) + len(name)
    form, at = rng.choice(
        [
            ("<I", 4),
            ("<Q", 8),
            ("<Q", 16),
            ("<Q", 24),
            ("<Q", rng.randrange(24, 4000)),
            ("<I", rank),
        ]
    )
    struct.pack_into(form, data, at, number % (1 << 8 * struct.calcsize(form)))
    return bytes(data)


def damage_zip(content: bytes, rng: random.Random) -> bytes:
    """A zip file with one of its files damaged, taken away, written twice or under another name."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(out, "w") as changed:
        names = whole.namelist()
        chosen, how = rng.choice(names), rng.randrange(8)
        for name in names:
            text = whole.read(name)
            if name != chosen:
                changed.writestr(name, text)
            elif how == 0:
                continue
            elif how == 1:
                other = rng.choice(["../out", "/tmp/out", "a\\b", "x" * 300, " ", "C:x", names[0]])
                with warnings.catch_warnings():  # a name that stands there twice is the damage
                    warnings.simplefilter("ignore")
                    changed.writestr(other, text)
            elif how == 2 or not text:
                changed.writestr(name, damage_bytes(text, rng))
            elif name.endswith(".toml"):
                changed.writestr(name, damage_toml(text, rng))
            else:
                changed.writestr(name, damage_json(text, rng, name.endswith(".jsonl")))
    return out.getvalue()


def damage_safetensors(content: bytes, rng: random.Random) -> bytes:
    """The header changed: its length, or what it says of the tensors."""
    (length,) = struct.unpack_from("<Q", content)
    if rng.random() < 0.3:
        wrong = rng.choice([0, 1, length - 1, length + 1, len(content), 2**31, 2**62, 2**64 - 1])
        return struct.pack("<Q", wrong) + content[8:]
    header = damage_value(json.loads(content[8 : 8 + length]), rng)
    if rng.random() < 0.5:
        name = rng.choice(list(header) or ["x"])
        header[name] = {
            "dtype": rng.choice(["F32", "F16", "I64", "F8_E4M3", "BOOL", "X"]),
            "shape": rng.choice([[], [0], [1], [2**31, 2**31], [-1], [2**40], [48, 259]]),
            "data_offsets": rng.choice([[0, 0], [0, 4], [4, 0], [0, 2**62], [8, 16]]),
        }
    written = json.dumps(header).encode("utf-8", "replace")
    return struct.pack("<Q", len(written)) + written + content[8 + length :]


PLACES: dict[str, Callable[[Path], None]] = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "a dangling link": lambda path: path.symlink_to("nothing-there"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "zeros without end": lambda path: path.symlink_to("/dev/zero"),
    "memory": lambda path: path.symlink_to("/proc/self/mem"),
    "a terminal": lambda path: path.symlink_to("/dev/tty"),
    "10 GB of nothing": lambda path: _sparse(path),
    "empty": lambda path: path.touch(),
    "not there": lambda path: None,
}


def _sparse(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(10 << 30)


def damage(path: Path, rng: random.Random) -> str:
    """Damage a file in one way; returns in which."""
    content = path.read_bytes()
    suffix = path.suffix
    if rng.random() < 0.06:
        name = rng.choice(list(PLACES))
        path.unlink()
        PLACES[name](path)
        return name
    if rng.random() < 0.3 or suffix in (".csv", ".txt"):
        path.write_bytes(damage_bytes(content, rng))
        return "bytes"
    if suffix == ".sqlite":
        damage_sqlite(path, rng)
    elif suffix == ".parquet":
        path.write_bytes(damage_parquet(rng))
    elif suffix == ".gguf":
        path.write_bytes(damage_gguf(content, rng))
    elif suffix == ".safetensors":
        path.write_bytes(damage_safetensors(content, rng))
    elif suffix == ".zip":
        path.write_bytes(damage_zip(content, rng))
    elif suffix == ".toml":
        path.write_bytes(damage_toml(content, rng))
    else:
        path.write_bytes(damage_json(content, rng, suffix == ".jsonl"))
    return "values"
