"""A configuration from a TOML file or from plain values, and back.

Every problem is one line that names the file, the key, what is wrong and, for an unknown key, the
one that was probably meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from teachback import files
from teachback.config.sections import READING_KEYS, SECTIONS, Config, ConfigSection
from teachback.errors import ConfigError, DataError, ReferenceError_, quoted
from teachback.references import anchor, parse_dataset, parse_student, parse_teacher


def _exemplars(text: str, folder: Path) -> str:
    """The name of a built-in set is no file's: it has neither a suffix nor a folder."""
    path = Path(text)
    return anchor(text, folder) if path.suffix or path.name != text else text


_ANCHORED: dict[tuple[str, str], Callable[[str, Path], str]] = {
    ("data", "train"): lambda text, folder: str(parse_dataset(text).anchored(folder)),
    ("data", "test"): lambda text, folder: str(parse_dataset(text).anchored(folder)),
    ("teacher", "reference"): lambda text, folder: str(parse_teacher(text).anchored(folder)),
    ("teacher", "instructions"): anchor,
    ("teacher", "prices"): anchor,
    ("teacher", "exemplars"): _exemplars,
    ("student", "reference"): lambda text, folder: str(parse_student(text).anchored(folder)),
}
"""The keys that name files, and how their values are meant from a folder."""


def read_config(path: str | Path, *, anchored: bool = True) -> Config:
    """Read a TOML configuration. Relative files are relative to the configuration's folder;
    those of a run folder's own ``config.toml`` to the working folder (``anchored=False``).

    Raises ConfigError naming the file, the key, what is wrong and, for an unknown key, the
    one that was probably meant; ReferenceError_ for a teacher, student or dataset that is not
    written as one.
    """
    path = Path(path)
    return parse_config(read_toml(path), source=str(path), folder=path.parent if anchored else None)


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file. Raises ConfigError where it cannot be read."""
    try:
        return files.read_toml(path)
    except DataError as error:
        raise ConfigError(str(error)) from None


def parse_config(
    values: dict[str, Any], *, source: str = "config", folder: Path | None = None
) -> Config:
    """A Config from plain values, its files meant from ``folder``; errors as in
    :func:`read_config`."""
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {first_problem(error)}") from None
    return config if folder is None else _anchored(config, folder, source)


def override(config: Config, section: str, **values: Any) -> Config:
    """``config`` with some keys of a section changed and checked; None leaves a key alone."""
    changed = config.model_dump(exclude_none=True)
    given = {key: value for key, value in values.items() if value is not None}
    changed[section] |= given
    alike = read_alike(changed, given) if section == "selection" else changed
    return parse_config(alike, source="the command's options")


def read_alike(values: dict[str, Any], selection: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with ``[evaluate]`` reading as ``selection`` says, for commands that set only
    that: what is compared is read in one way."""
    shared = {key: selection[key] for key in READING_KEYS if key in selection}
    return {**values, "evaluate": {**values.get("evaluate", {}), **shared}}


def _anchored(config: Config, folder: Path, source: str) -> Config:
    """The same files by absolute names, so that a run can be continued from any folder."""
    changes: dict[str, dict[str, str]] = {}
    for (section, key), meant_from in _ANCHORED.items():
        value = getattr(getattr(config, section), key)
        if value is not None:
            try:
                changes.setdefault(section, {})[key] = meant_from(value, folder)
            except ReferenceError_ as error:
                raise ReferenceError_(f"{source}: {section}.{key}: {error}") from None
    updated = {
        section: getattr(config, section).model_copy(update=values)
        for section, values in changes.items()
    }
    return config.model_copy(update=updated)


def first_problem(
    error: ValidationError,
    within: tuple[str, ...] = (),
    sections: Mapping[str, type[ConfigSection]] = SECTIONS,
) -> str:
    """The first of a validation's problems in one line, for a file of these ``sections``."""
    problems = error.errors()
    problem = problems[0]
    where = _key_of(problem, within)
    key = ".".join(where)
    if problem["type"] == "extra_forbidden":
        known = list(sections) if len(where) == 1 else list(sections[where[0]].model_fields)
        near = difflib.get_close_matches(where[-1], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        text = f"unknown key {key!r}; {hint}"
    elif problem["type"] == "model_type":
        text = f"{key} must be a table of keys: [{key}]"
    elif problem["type"] == "missing":
        text = f"the key {key!r} is missing"
    else:
        why = problem["msg"].removeprefix("Value error, ")
        what = f"{key} = {quoted(problem['input'])}: " if where else ""  # what two keys come to
        text = f"{what}{why[:1].lower()}{why[1:]}"
    # A value that may be of several types has a problem with each of them.
    more = len({tuple(_key_of(one, within)) for one in problems}) - 1
    return f"{text} (and {more} more)" if more else text


def _key_of(problem: ErrorDetails, within: tuple[str, ...]) -> list[str]:
    """Section, key and, of a list, the number; what follows names types, and no key."""
    where = [*within, *(str(part) for part in problem["loc"])]
    table = 3 if len(where) > 1 and where[1].isdigit() else 2
    numbers = list(takewhile(str.isdigit, where[table:]))
    return [*where[:table], *numbers]


def section(
    name: str,
    values: dict[str, Any],
    source: str,
    sections: Mapping[str, type[ConfigSection]] = SECTIONS,
) -> Any:
    """One of ``sections`` from plain values. Raises ConfigError as :func:`read_config` does."""
    try:
        return sections[name].model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {first_problem(error, (name,), sections)}") from None


def write_config(config: Config) -> str:
    """The configuration as TOML; unset keys are left out, since TOML has no null."""
    return tomli_w.dumps(config.model_dump(exclude_none=True))
