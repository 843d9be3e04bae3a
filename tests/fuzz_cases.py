"""Commands on damaged files and hostile arguments: made from a seed, run, and judged.

A test runs some thousands in the process; ``python -m bench.fuzz`` runs this file with more, each
in a process of its own with a limit on memory.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import click
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w

from teachback.cli import cli
from teachback.files import write_jsonl
from teachback.studies.cell import run_cell
from teachback.studies.config import read_study
from teachback.studies.engines import Ended
from teachback.studies.running import plan_study, run_study
from tiny import tiny_causal
from tiny_gguf import tiny_gguf
from tiny_run import question, write_config, write_data

HANG = 10
"""Seconds after which a command counts as hanging."""

MEMORY = 1 << 30
"""Bytes of a command's own, over what loading the libraries takes."""

STUDY = """[study]
objectives = ["st", "mt-cot"]
controls = ["majority", "teacher-direct"]
seeds = [0]
teachers = ["recorded:teacher.jsonl"]
students = ["tiny"]
[[dataset]]
name = "colours"
train = "train.jsonl"
test = "test.jsonl"
[student]
precision = "fp32"
[train]
epochs = 1
[evaluate]
explain = false
"""


@dataclass(frozen=True)
class Target:
    """A file to damage, and the commands that read it; OUT stands for a new folder."""

    name: str
    file: str
    commands: tuple[str, ...]
    share: float = 1.0
    """How often it is chosen, against others: what loads a model takes longer."""


_DATA = (
    "data check {}",
    "data stats {}",
    "generate {} --teacher scripted --dry-run",
    "export openai-finetune {} -o OUT",
    "evaluate --teacher recorded:teacher.jsonl {} -o OUT",
    "data import commonsenseqa {} -o OUT",
    "data import gsm8k {} -o OUT",
)

TARGETS = (
    Target("dataset, JSON lines", "train.jsonl", _DATA, 3),
    Target("dataset, CSV", "train.csv", _DATA[:4], 2),
    Target("dataset, Parquet", "train.parquet", _DATA[:4], 2),
    Target(
        "exemplars",
        "exemplars.jsonl",
        ("generate train.jsonl --teacher scripted --dry-run --exemplars {}",),
    ),
    Target(
        "instructions",
        "policy.txt",
        ("generate train.jsonl --teacher scripted --dry-run --instructions {}",),
        0.3,
    ),
    Target(
        "recording", "teacher.jsonl", ("generate train.jsonl --teacher recorded:{} -o OUT",), 1.5
    ),
    Target(
        "prices, TOML",
        "prices.toml",
        ("generate train.jsonl --teacher openai:m@https://x.invalid/v1 --dry-run --prices {}",),
    ),
    Target(
        "prices, JSON",
        "prices.json",
        ("generate train.jsonl --teacher openai:m@https://x.invalid/v1 --dry-run --prices {}",),
    ),
    Target("configuration", "run.toml", ("run {} -o run",), 3),
    Target("study file", "study.toml", ("study {} --dry-run", "study {} -o studied"), 3),
    Target(
        "explanations",
        "run/explanations.jsonl",
        ("export openai-finetune train.jsonl --explanations {} -o OUT",),
    ),
    Target("explanations of a run", "run/explanations.jsonl", ("run run.toml -o run",), 0.5),
    Target(
        "store",
        "run/completions.sqlite",
        (
            "select run --strategy crop -o OUT",
            "select run --strategy cote -o OUT",
            "generate train.jsonl --teacher recorded:teacher.jsonl --dry-run -o run",
        ),
        3,
    ),
    Target(
        "a run's configuration",
        "run/config.toml",
        ("run run.toml -o run", "select run --strategy rp -o OUT"),
    ),
    Target("manifest", "run/manifest.json", ("run run.toml -o run",)),
    Target("metrics", "run/metrics.json", ("run run.toml -o run", "compare run run2"), 2),
    Target("predictions", "run/predictions.jsonl", ("run run.toml -o run", "compare run run2"), 2),
    Target(
        "predictions of a baseline", "run/predictions.untrained.jsonl", ("run run.toml -o run",)
    ),
    *(
        Target(name, f"studied/{name}", ("report studied", "study study.toml -o studied"), 0.7)
        for name in (
            "cells.jsonl",
            "family.json",
            "manifest.json",
            "study.toml",
            "verdicts.json",
            "CELL/cell.json",
            "CELL/result.json",
            "CELL/metrics.json",
            "CELL/predictions.jsonl",
            "MATERIAL/selection.json",
            "TEACHER/cost.json",
        )
    ),
    Target(
        "student card", "run/student/teachback.json", ("ask run Why? --choice a --choice b",), 0.12
    ),
    Target("training record", "run/student/training.json", ("run run.toml -o run",), 0.3),
    Target("student's configuration", "tiny/config.json", ("ask tiny Why?",), 0.08),
    Target("tokenizer", "tiny/tokenizer.json", ("ask tiny Why?",), 0.04),
    Target("tokenizer's configuration", "tiny/tokenizer_config.json", ("ask tiny Why?",), 0.04),
    Target("generation settings", "tiny/generation_config.json", ("ask tiny Why?",), 0.04),
    Target("weights", "tiny/model.safetensors", ("ask tiny Why?",), 0.08),
    Target("GGUF", "tiny.gguf", ("ask gguf:{} Why?",), 0.25),
    Target(
        "checkpoints' mark",
        "half/checkpoints/run.json",
        ("train train.jsonl --objective st --student tiny --epochs 0.1 --precision fp32 -o half",),
        0.08,
    ),
)


@dataclass(frozen=True)
class Case:
    """One command, with what was done to the files before it."""

    words: tuple[str, ...]
    kind: str
    damage: str


@dataclass
class Outcome:
    """How a case ended; ``fault`` None: as it should."""

    case: Case
    code: int
    seconds: float
    fault: str | None
    said: str


@dataclass
class Tally:
    """What many cases came to."""

    cases: int = 0
    seconds: float = 0.0
    codes: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    faults: dict[str, list[str]] = field(default_factory=dict)
    """Place or sort of a fault → the cases that showed it."""


@dataclass
class HereEngine:
    """Runs the cells of a study in this very process, which has the libraries loaded."""

    name: str = "local"
    slots: int = 1
    threads: int = 1
    finished: list[Ended] = field(default_factory=list)

    def start(self, folder: Path, gpu: bool) -> None:
        run_cell(folder)
        self.finished.append(Ended(folder.name, None))

    def ended(self, timeout: float) -> list[Ended]:
        found, self.finished = self.finished, []
        return found

    def stop(self) -> None:
        pass


def materials(folder: Path) -> Path:
    """Everything that commands read, sound, made by the commands themselves; this becomes the
    working folder."""
    write_data(folder)
    os.chdir(folder)
    rows = [question(number) for number in range(12)]
    lines = ["id,question,choice_a,choice_b,choice_c,answer"]
    lines += [f"{r['id']},{r['question']},red,green,blue,{r['answer']}" for r in rows]
    Path("train.csv").write_text("\n".join(lines) + "\n", "utf-8")
    pq.write_table(pa.Table.from_pylist(rows), "train.parquet")
    exemplars = [{**question(100 + n), "explanation": "They take turns."} for n in range(3)]
    write_jsonl("exemplars.jsonl", exemplars)
    Path("policy.txt").write_text("Colours take turns.\n", "utf-8")
    prices = {"m": {"input": 1.0, "output": 2.0, "cached": 0.5}}
    Path("prices.toml").write_text(tomli_w.dumps(prices), "utf-8")
    Path("prices.json").write_text(json.dumps(prices), "utf-8")
    Path("study.toml").write_text(STUDY, "utf-8")
    tiny_causal(Path("tiny"))
    tiny_gguf(Path("tiny.gguf"))
    write_config(folder, Path("tiny"))
    code, said, error = in_process(["run", "run.toml", "-o", "run"], limit=300)
    if code or error:
        raise AssertionError(said)
    run_study(plan_study(read_study("study.toml")), Path("studied"), HereEngine())
    shutil.copytree("run", "run2", ignore=shutil.ignore_patterns("student"))
    Path("half/checkpoints").mkdir(parents=True)
    Path("half/checkpoints/run.json").write_text('{"identity": "of another"}\n', "utf-8")
    return folder


# ---------------------------------------------------------------------- damage

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
        changed = damage_value(json.loads(parts[index]), rng)
        parts[index] = json.dumps(changed, indent=None if lines else 2)
    if lines and rng.random() < 0.1:
        parts.insert(index, parts[index])
    return "\n".join([*parts, ""]).encode("utf-8", "surrogatepass")


def damage_toml(content: bytes, rng: random.Random) -> bytes:
    """A TOML file that is still TOML, or nearly."""
    text = content.decode()
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
    """A store that is still an SQLite file, with a value that teachback never wrote."""
    db = sqlite3.connect(file, isolation_level=None)
    try:
        columns = [
            (table, row[1])
            for table in ("reply", "shared")
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
    """The counts and lengths at the beginning changed."""
    data = bytearray(content)
    number = rng.choice([0, 1, 2, 5, 2**20, 2**31, 2**32 - 1, 2**40, 2**62, 2**64 - 1])
    at = rng.choice([4, 8, 16, 24, rng.randrange(24, 4000)])
    struct.pack_into("<I" if at == 4 else "<Q", data, at, number % (1 << (32 if at == 4 else 64)))
    return bytes(data)


_PLACES: dict[str, Callable[[Path], None]] = {
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
        name = rng.choice(list(_PLACES))
        path.unlink()
        _PLACES[name](path)
        return name
    if rng.random() < 0.3 or suffix in (".csv", ".txt", ".safetensors"):
        path.write_bytes(damage_bytes(content, rng))
        return "bytes"
    if suffix == ".sqlite":
        damage_sqlite(path, rng)
    elif suffix == ".parquet":
        path.write_bytes(damage_parquet(rng))
    elif suffix == ".gguf":
        path.write_bytes(damage_gguf(content, rng))
    elif suffix == ".toml":
        path.write_bytes(damage_toml(content, rng))
    else:
        path.write_bytes(damage_json(content, rng, suffix == ".jsonl"))
    return "values"


# ---------------------------------------------------------------------- arguments

_ARGUMENTS = (
    "", " ", "-", "--", ".", "/", "nan", "inf", "-inf", "1e999", "-1", "0", "1" * 400, "1.5.5",
    "x" * 50_000, "n" * 256, "a/" * 3000, "~nouser/x", "~", "\x1b]0;t\x07\x1b[2J", "\u202e",
    "\udcff\udcfe", "a\x00b", "/dev/zero", "/proc/self/mem", "train.jsonl/x", "hf:", "hf:a/b:c/d",
    "recorded:", "gguf:", "gguf:train.jsonl", "pypi:x", "openai:", "openai:m@http://", "scripted",
    "run", "run/student", "train.jsonl", "tiny", "none", "auto", "\n", "a\nb", "%s", "{}", "*",
)  # fmt: skip
_SOUND = (
    "data check train.jsonl",
    "data stats train.jsonl",
    "generate train.jsonl --teacher recorded:teacher.jsonl -o OUT",
    "generate train.jsonl --teacher recorded:teacher.jsonl --pilot 3 -o OUT",
    "generate train.jsonl --teacher scripted --dry-run",
    "select run --strategy cote -o OUT",
    "evaluate --teacher recorded:teacher.jsonl test.jsonl -o OUT",
    "compare run run2",
    "compare run run2 --json",
    "report studied -o -",
    "report studied --format csv -o OUT",
    "study study.toml --dry-run",
    "export openai-finetune train.jsonl -o OUT",
    "data desk -o OUT",
    "data import commonsenseqa train.jsonl -o OUT",
    "run run.toml -o run",
    "ask nowhere Why?",
    "train train.jsonl --objective st --student nowhere -o OUT",
)
_SLOW_OPTIONS = ("--help", "--train-cases", "--test-cases", "--engine", "--keep-students")


def hostile_words(rng: random.Random) -> list[str]:
    """A sound command with a word replaced, or an option more."""
    words = rng.choice(_SOUND).split()
    places = [i for i, word in enumerate(words) if i > 0 and not word.startswith("-")]
    value = rng.choice(_ARGUMENTS)
    if rng.random() < 0.5:
        words[rng.choice(places)] = value
        return words
    command: click.Command | None = cli.get_command(click.Context(cli), words[0])
    if isinstance(command, click.Group):
        command = command.commands[words[1]]
    assert command is not None
    options = [
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if not parameter.is_flag and option not in _SLOW_OPTIONS
    ]
    return [*words, rng.choice(options), value] if options else [*words, value]


# ---------------------------------------------------------------------- running


class Hung(BaseException):
    """A command took longer than `HANG`."""


def in_process(words: list[str], limit: int = HANG) -> tuple[int, str, str | None]:
    """Run a command here: its exit code, what it said on stderr, and where it failed if it did
    so with a traceback."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="replace"), io.StringIO()

    def stop(_: int, frame: FrameType | None) -> None:
        raise Hung("".join(traceback.format_stack(frame)[-1:]))

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(limit)
    ceiling = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(
        resource.RLIMIT_DATA, (psutil.Process().memory_info().vms + MEMORY, ceiling[1])
    )
    where: str | None = None
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main(words)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except Hung as hung:
        code, where = -1, f"hangs at {_place(hung)}"
    except BaseException as error:
        code, where = 1, f"{type(error).__name__} at {_place(error)}: {str(error)[:100]!r}"
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_DATA, ceiling)
        signal.signal(signal.SIGALRM, before)
    out.flush()
    printed = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    if "report" not in words and "\x1b" in printed:
        where = where or "an escape on standard output"
    return code, err.getvalue(), where


def in_subprocess(words: list[str]) -> tuple[int, str, str | None]:
    """The same in a process of its own, whose memory is limited."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY + _LIBRARIES, MEMORY + _LIBRARIES))

    command = [sys.executable, "-m", "teachback", *words]
    try:
        ended = subprocess.run(
            command, capture_output=True, timeout=3 * HANG, preexec_fn=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, "", f"hangs: {words[0]}"
    except (ValueError, OSError) as error:  # a NUL or too long: no system takes such arguments
        return 2, f"teachback: {error}", None
    said = ended.stderr.decode("utf-8", "replace")
    where = None
    if "Traceback (most recent call last)" in said:
        lines = said.strip().splitlines()
        places = [
            one.strip() for one in lines if "/teachback/" in one and one.strip()[:4] == "File"
        ]
        where = f"{lines[-1][:100]} at {places[-1].rpartition('/src/')[2] if places else '?'}"
    elif "not enough memory" in said:
        where = f"memory: {words[0]}"
    elif "report" not in words and b"\x1b" in ended.stdout:
        where = "an escape on standard output"
    return ended.returncode, said, where


_LIBRARIES = 1 << 30
"""Bytes that torch and others map as they are loaded."""


def _place(error: BaseException) -> str:
    """The last line of this package in a traceback, and the function of the library under it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/teachback/" in f.filename]
    place = own[-1] if own else frames[-1]
    return f"{place.filename.rpartition('/src/')[2]}:{place.lineno} ({frames[-1].name})"


def judged(case: Case, ran: tuple[int, str, str | None], seconds: float) -> Outcome:
    """Whether a command ended as one must, whatever it is given."""
    code, said, fault = ran
    told = [line for line in said.splitlines() if line.startswith("teachback: ")]
    if fault is None:
        if code not in (0, 1, 2):
            fault = f"exit code {code}"
        elif code and len(told) != 1:
            fault = f"{len(told)} lines of an error: {case.words[0]}"
        elif "Traceback" in said:
            fault = "a traceback in the messages"
        elif "\x1b" in said or "\x9b" in said or "\u202e" in said:
            fault = "an escape on standard error"
        elif any(len(line) > 2100 for line in told):
            fault = "a message of thousands of characters"
        elif seconds > HANG:
            fault = f"hangs: {' '.join(case.words)[:80]}"
    return Outcome(case, code, seconds, fault, said[-1500:])


def run_case(
    number: int,
    seed: int,
    pristine: Path,
    run: Callable[..., Any],
    libraries: bool = True,
) -> Outcome:
    """Make case ``number`` in a fresh copy of the files, run it, and judge it."""
    rng = random.Random(f"{seed}-{number}")
    place = pristine.parent / f"case-{os.getpid()}"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(pristine, place, symlinks=True, copy_function=_cheap_copy)
    os.chdir(place)
    if rng.random() < 0.25:
        words = [word.replace("OUT", "new") for word in hostile_words(rng)]
        case = Case(tuple(words), "arguments", "")
    else:
        targets = [one for one in TARGETS if libraries or not one.file.startswith("tiny/")]
        target = rng.choices(targets, [one.share for one in targets])[0]
        path = _found(place, target.file)
        own = path.read_bytes()  # no longer the hard link of the pristine one
        path.unlink()
        path.write_bytes(own)
        how = damage(path, rng)
        template = rng.choice(target.commands)
        words = [w.replace("OUT", "new").replace("{}", target.file) for w in template.split()]
        case = Case(tuple(words), target.name, f"{target.file}: {how}")
    started = time.monotonic()
    ran = run(list(case.words))
    return judged(case, ran, time.monotonic() - started)


_LINKED = (".safetensors", ".gguf")


def _cheap_copy(source: str, goal: str) -> None:
    if source.endswith(_LINKED):
        os.link(source, goal)
    else:
        shutil.copyfile(source, goal)


def _found(place: Path, file: str) -> Path:
    """The file of a study's folder whose place has a hash in it."""
    for name, pattern in (
        ("CELL", "cells/*"), ("MATERIAL", "material/*"), ("TEACHER", "teachers/*"),
    ):  # fmt: skip
        if name in file:
            folder, _, rest = file.partition(f"{name}/")
            found = sorted(p for p in (place / folder).glob(f"{pattern}/{rest}"))
            return found[0]
    return place / file


def fuzz(
    cases: int,
    seed: int,
    pristine: Path,
    run: Callable[..., Any] = in_process,
    first: int = 0,
    libraries: bool = True,
) -> Tally:
    """Run so many cases; ``libraries``: also on a student folder's files that only the model
    libraries read."""
    tally, began = Tally(), time.monotonic()
    here = Path.cwd()
    try:
        for number in range(first, first + cases):
            outcome = run_case(number, seed, pristine, run, libraries)
            tally.cases += 1
            tally.codes[outcome.code] += 1
            tally.kinds[outcome.case.kind] += 1
            tally.slowest = max(tally.slowest, outcome.seconds)
            if outcome.fault is not None:
                shown = [
                    word if len(word) < 200 else f"{word[:60]}…" for word in outcome.case.words
                ]
                tally.faults.setdefault(outcome.fault, []).append(
                    f"case {number}: {shown} [{outcome.case.damage}] exit {outcome.code} "
                    f"{outcome.said[-300:]!r}"
                )
    finally:
        os.chdir(here)
    tally.seconds = time.monotonic() - began
    return tally


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--in-process", action="store_true")
    parser.add_argument("--pristine", type=Path)
    given = parser.parse_args()
    os.environ["TEACHBACK_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        os.environ["TEACHBACK_CACHE"] = f"{temporary}/cache"
        pristine = given.pristine or materials(Path(temporary) / "pristine")
        run = in_process if given.in_process else in_subprocess
        tally = fuzz(given.cases, given.seed, pristine, run, given.first)
    print(
        json.dumps(
            {
                "cases": tally.cases,
                "seconds": tally.seconds,
                "slowest": tally.slowest,
                "codes": dict(tally.codes),
                "kinds": dict(tally.kinds),
                "faults": tally.faults,
            }
        )
    )


if __name__ == "__main__":
    main()
