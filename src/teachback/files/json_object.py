"""Files that hold one JSON object, and JSON objects as bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from teachback.errors import DataError, shortened
from teachback.files.atomic import writing
from teachback.files.reading import Wrong, decoded, read_bytes
from teachback.files.rows import Row, json_name

_MOST_DIGITS = 308
"""Digits of the largest whole number that a float holds."""


def read_json(path: str | Path) -> Row:
    """Read a file that holds one JSON object (``manifest.json``, ``metrics.json``).

    Raises:
        DataError: the file is missing, is not UTF-8, or does not hold a JSON object.
    """
    row = parse_object(read_bytes(path))
    if isinstance(row, str):
        raise DataError(f"{path}: {row}")
    return row


def write_json(path: str | Path, value: Mapping[str, Any]) -> None:
    """Write one indented JSON object, atomically.

    Raises:
        RunFolderError: the file cannot be written (disk full, no permission, …).
    """
    with writing(path) as file:
        file.write(encode(value, indent=2))


def parse_object(content: bytes) -> Row | str:
    """The JSON object in ``content``, or what is wrong with it."""
    text = decoded(content)
    if isinstance(text, Wrong):
        return text.why
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_float, parse_int=_whole)
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}"
        return f"not valid JSON ({error.msg} at {where})"
    except RecursionError:
        return "not valid JSON here (nested too deeply)"
    except ValueError as error:  # NaN, Infinity, or a number beyond a float
        return f"not valid JSON ({str(error).partition(';')[0]})"
    if not isinstance(value, dict):
        return f"a JSON object {{…}} is needed, not {json_name(value)}"
    return value


def encode(value: Mapping[str, Any], indent: int | None) -> bytes:
    """The object as UTF-8, with a line end; on one line if ``indent`` is None."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:
        # A model can emit half of a surrogate pair; only its escape fits into UTF-8.
        return f"{json.dumps(value, allow_nan=False, indent=indent)}\n".encode()


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{shortened(text)} is too large for a number")
    return value


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:  # no float holds it, and whoever computes with it fails
        raise ValueError(f"{shortened(text)} is too large for a number")
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
