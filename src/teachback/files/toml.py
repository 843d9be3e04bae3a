"""TOML files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from teachback.errors import DataError
from teachback.files.reading import read_text
from teachback.files.rows import Row


def read_toml(path: str | Path) -> Row:
    """The values of a TOML file.

    Raises:
        DataError: it cannot be read, is not TOML, or a text in it holds a NUL character.
    """
    return parse_toml(read_text(path), str(path))


def parse_toml(text: str, where: str) -> Row:
    """The values of a TOML text; raises as `read_toml`, naming ``where`` it stands."""
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise DataError(f"{where}: not valid TOML (nested too deeply)") from None
    except ValueError as error:  # TOMLDecodeError, and an integer of thousands of digits
        raise DataError(f"{where}: not valid TOML ({str(error).partition(';')[0]})") from None
    if any("\0" in part for part in _texts(values)):
        raise DataError(f"{where}: a text in it holds a NUL character: remove it")
    return values


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
