"""Reading and writing the files of a run folder: JSON lines, JSON, text, the manifest.

Every write is atomic: a temporary file in the same folder, flushed to the disk, then
renamed over its goal. A reader sees the old file or the new one, never half of one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Any, NoReturn

from teachback.errors import DataError, RunFolderError
from teachback.files.rows import (
    Row,
    bad_line,
    explanation_of,
    json_name,
    prediction_of,
    rejection_of,
    row_of,
)
from teachback.records import Explanation, Prediction, Rejection

MAX_LINE_BYTES = 8 * 1024 * 1024
"""The longest line that is read; a longer one is a wrong file, not a long question."""

RUN_FILES = (
    "config.toml",
    "manifest.json",
    "completions.sqlite",
    "completions.sqlite-wal",
    "completions.sqlite-shm",
    "completions.sqlite-lock",
    "explanations.jsonl",
    "rejections.jsonl",
    "selection.json",
    "checkpoints",
    "student",
    "predictions.jsonl",
    "predictions.untrained.jsonl",
    "predictions.majority.jsonl",
    "metrics.json",
)
"""What a run folder may hold; nothing else in such a folder is ever removed."""

_PACKAGES = (
    "accelerate",
    "aiohttp",
    "gguf",
    "numpy",
    "peft",
    "pyarrow",
    "pydantic",
    "safetensors",
    "scipy",
    "sentencepiece",
    "tokenizers",
    "torch",
    "transformers",
)


def read_jsonl(path: str | Path) -> Iterator[tuple[int, Row]]:
    """Yield ``(line number, object)`` for each line that is not blank; lines count from 1.

    Raises:
        DataError: at the first line that cannot be read, or if the file cannot be.
    """
    for number, row in scan_jsonl(path):
        if isinstance(row, DataError):
            raise row
        yield number, row


def scan_jsonl(path: str | Path) -> Iterator[tuple[int, Row | DataError]]:
    """Like `read_jsonl`, but go on after a bad line, yielding its error in its place.

    Memory stays bounded by `MAX_LINE_BYTES`, whatever the file holds.

    Raises:
        DataError: if the file itself cannot be read.
    """
    with _reading(path) as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE_BYTES)
                limit = MAX_LINE_BYTES // 2**20
                yield number, bad_line(path, number, f"the line is longer than {limit} MiB")
                continue
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip():
                yield number, _parse_line(path, number, line)


def read_json(path: str | Path) -> Row:
    """Read a file that holds one JSON object (``manifest.json``, ``metrics.json``).

    Raises:
        DataError: the file is missing, is not UTF-8, or does not hold a JSON object.
    """
    with _reading(path) as file:
        content = file.read()
    row = _parse_object(content)
    if isinstance(row, str):
        raise DataError(f"{path}: {row}")
    return row


def write_jsonl(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line, atomically. If ``rows`` raises, nothing is written.

    Raises:
        RunFolderError: the file cannot be written (disk full, no permission, …).
    """
    with writing_jsonl(path) as put:
        for row in rows:
            put(row)


@contextlib.contextmanager
def writing_jsonl(path: str | Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A function that writes one JSON object a line; the file is there when the block ends, and
    not if it raises. Raises as `write_jsonl` does."""
    with _writing(path) as file:

        def put(row: Mapping[str, Any]) -> None:
            file.write(_encode(row, indent=None))

        yield put


def write_json(path: str | Path, value: Mapping[str, Any]) -> None:
    """Write one indented JSON object, atomically.

    Raises:
        RunFolderError: the file cannot be written (disk full, no permission, …).
    """
    with _writing(path) as file:
        file.write(_encode(value, indent=2))


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8 and exactly as it is (no line-end translation), atomically.

    Raises:
        RunFolderError: the file cannot be written (disk full, no permission, …).
    """
    with _writing(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def read_explanations(path: str | Path) -> list[Explanation]:
    """Read ``explanations.jsonl``; keys that are not an explanation's are ignored.

    Raises:
        DataError: the file cannot be read, or a line lacks a field or has a wrong one.
    """
    return [explanation_of(row, path, line) for line, row in read_jsonl(path)]


def write_explanations(path: str | Path, explanations: Iterable[Explanation]) -> None:
    """Write ``explanations.jsonl``, atomically; raises as `write_jsonl` does."""
    write_jsonl(path, map(row_of, explanations))


def read_rejections(path: str | Path) -> list[Rejection]:
    """Read ``rejections.jsonl``; raises as `read_explanations` does."""
    return [rejection_of(row, path, line) for line, row in read_jsonl(path)]


def write_rejections(path: str | Path, rejections: Iterable[Rejection]) -> None:
    """Write ``rejections.jsonl``, atomically; raises as `write_jsonl` does."""
    write_jsonl(path, map(row_of, rejections))


def read_predictions(path: str | Path) -> list[Prediction]:
    """Read ``predictions.jsonl``; raises as `read_explanations` does."""
    return [prediction_of(row, path, line) for line, row in read_jsonl(path)]


def write_predictions(path: str | Path, predictions: Iterable[Prediction]) -> None:
    """Write ``predictions.jsonl``, atomically; raises as `write_jsonl` does."""
    write_jsonl(path, map(row_of, predictions))


def new_folder(path: str | Path, overwrite: bool, names: Iterable[str] = RUN_FILES) -> Path:
    """Make sure that ``path`` is a folder in which none of ``names`` stands yet.

    ``names`` is what the caller is about to write there. What stands in the way is an
    error, or is removed if ``overwrite`` is set; other files in the folder are left
    alone, so that ``--overwrite`` on a wrong folder costs nothing.

    Raises:
        RunFolderError: something is in the way, or the folder cannot be made or cleared.
    """
    folder = Path(path)
    try:
        if folder.exists() and not folder.is_dir():
            raise RunFolderError(f"{folder} is a file: choose a folder's name for the output")
        folder.mkdir(parents=True, exist_ok=True)
        in_the_way = [name for name in names if os.path.lexists(folder / name)]
        if in_the_way and not overwrite:
            raise RunFolderError(
                f"{folder} already holds {', '.join(in_the_way)}: "
                "choose another folder, or pass --overwrite to replace what is there"
            )
        for name in in_the_way:
            goal = folder / name
            if goal.is_dir() and not goal.is_symlink():
                shutil.rmtree(goal)
            else:
                goal.unlink()
    except OSError as error:
        raise write_error(error, folder) from error
    return folder


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal; of a folder, over its files' names and hashes.

    Raises:
        DataError: the file or folder cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        with _reading(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for inner in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{inner.relative_to(path).as_posix()}\0{sha256_of(inner)}\n".encode())
    return digest.hexdigest()


def manifest(
    inputs: Mapping[str, Path],
    seeds: Mapping[str, int],
    extra: Mapping[str, Any] | None = None,
) -> Row:
    """What one needs to know to repeat a run: versions, seeds, hashes of the inputs, date.

    No package is imported for its version. ``extra`` is added at the top level.

    Raises:
        DataError: an input cannot be read.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "teachback": package_version("teachback"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {
            name: version for name in _PACKAGES if (version := package_version(name)) is not None
        },
        "seeds": dict(seeds),
        "inputs": {
            name: {"path": str(path), "sha256": sha256_of(path)} for name, path in inputs.items()
        },
        **(extra or {}),
    }


def package_version(name: str) -> str | None:
    """The installed version of a distribution, or None; the package is not imported."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def is_disk_full(error: OSError) -> bool:
    """Whether ``error`` means that there is no room left (disk or quota)."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def write_error(error: OSError, path: str | Path) -> RunFolderError:
    """The one-line error for an ``OSError`` met while writing ``path``."""
    if is_disk_full(error):
        return RunFolderError(
            f"the disk is full: {path} was not written; what stood there before is unchanged; "
            "free some space and run the command again"
        )
    return RunFolderError(f"cannot write {path}: {error.strerror or error}")


# Reading


@contextlib.contextmanager
def _reading(path: str | Path) -> Iterator[BufferedReader]:
    """Open ``path``, with every ``OSError`` inside turned into a `DataError`."""
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder, and a file is needed") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _parse_line(path: str | Path, number: int, line: bytes) -> Row | DataError:
    row = _parse_object(line.rstrip(b"\r\n"))
    return bad_line(path, number, row) if isinstance(row, str) else row


def _parse_object(content: bytes) -> Row | str:
    """The JSON object in ``content``, or what is wrong with it."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "the file is UTF-16: save it as UTF-8"
        return f"not UTF-8 at byte {error.start + 1}: save the file as UTF-8"
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}"
        return f"not valid JSON ({error.msg} at {where})"
    except RecursionError:
        return "not valid JSON here (nested too deeply)"
    except ValueError as error:  # NaN, Infinity, or an integer of thousands of digits
        return f"not valid JSON ({str(error).partition(';')[0]})"
    if not isinstance(value, dict):
        return f"a JSON object {{…}} is needed, not {json_name(value)}"
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Writing


def _encode(value: Mapping[str, Any], indent: int | None) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:
        # A model can emit half of a surrogate pair; only its escape fits into UTF-8.
        return f"{json.dumps(value, allow_nan=False, indent=indent)}\n".encode()


@contextlib.contextmanager
def _writing(path: str | Path) -> Iterator[BufferedWriter]:
    """A file to write, which takes the place of ``path`` only once it is safely on disk."""
    goal = Path(path)
    temporary = goal.with_name(f".{goal.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            goal.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, goal)
            _sync_folder(goal.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise write_error(error, goal) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can (not on Windows)."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
