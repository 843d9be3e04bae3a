"""TOML files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from teachback.errors import DataError
from teachback.files.reading import read_text
from teachback.files.rows import Row

_DEEPEST = 50
"""Levels of tables and lists within one another that a file may have; none needs ten."""

_MOST_DOTS = 1000
"""Dots in a key; the parser takes seconds for tens of thousands."""

_LONG_KEY = re.compile(
    rf"""\s*\[{{0,2}}(?:\s*(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')\s*\.){{{_MOST_DOTS}}}""", re.ASCII
)

_TOO_DEEP = "not valid TOML (nested too deeply)"


def read_toml(path: str | Path) -> Row:
    """The values of a TOML file.

    Raises:
        DataError: it cannot be read, is not TOML, is nested too deeply, or a text in it holds a NUL
            character.
    """
    return parse_toml(read_text(path), str(path))


def parse_toml(text: str, where: str) -> Row:
    """The values of a TOML text; raises as `read_toml`, naming ``where`` it stands."""
    if any(_LONG_KEY.match(line) for line in text.splitlines()):
        raise DataError(f"{where}: {_TOO_DEEP}")
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise DataError(f"{where}: {_TOO_DEEP}") from None
    except ValueError as error:  # TOMLDecodeError, and an integer of thousands of digits
        raise DataError(f"{where}: not valid TOML ({str(error).partition(';')[0]})") from None
    parts: list[tuple[object, int]] = [(values, 0)]
    while parts:
        part, depth = parts.pop()
        if depth > _DEEPEST:
            raise DataError(f"{where}: {_TOO_DEEP}")
        if isinstance(part, str) and "\0" in part:
            raise DataError(f"{where}: a text in it holds a NUL character: remove it")
        if isinstance(part, dict):
            parts += ((inner, depth + 1) for pair in part.items() for inner in pair)
        elif isinstance(part, list):
            parts += ((inner, depth + 1) for inner in part)
    return values
