"""The names of a dataset's columns, where they are not the ones that are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from teachback.datasets.fields import KEYS
from teachback.datasets.tables import CHOICE_COLUMN, Scanned
from teachback.errors import ConfigError

Columns = Mapping[str, str]
"""Each key → the name that the data have for it: ``{"question": "prompt"}``."""


@dataclass(frozen=True, slots=True)
class Renaming:
    """Gives columns the names that are read. Empty: it changes nothing."""

    columns: Columns

    @classmethod
    def of(cls, columns: Columns | None) -> Renaming:
        """Raises ConfigError where ``columns`` names something that is not read."""
        for name, theirs in (columns or {}).items():
            if name not in KEYS and CHOICE_COLUMN.fullmatch(name) is None:
                near = get_close_matches(name, KEYS, 1)
                meant = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(KEYS)}"
                raise ConfigError(f"columns: {name!r} is not a key of a dataset; {meant}")
            if not isinstance(theirs, str):
                raise ConfigError(f"columns: {name!r} needs the name of one column, not {theirs!r}")
        return cls(dict(columns or {}))

    def header(self, header: Iterable[str]) -> list[str] | str:
        """The names of a table's columns; one that another takes the place of gets none. A text
        says which of the columns is not there."""
        names = list(header)
        for name, theirs in self.columns.items():
            if theirs not in names:
                return self.missing(name, theirs, names)
        ours = {theirs: name for name, theirs in self.columns.items()}
        return [ours.get(name, "" if name in ours.values() else name) for name in names]

    def rows(self, scanned: Iterable[Scanned]) -> Iterator[Scanned]:
        """The rows with their columns renamed; last, a reason where one was in no row."""
        if not self.columns:
            yield from scanned
            return
        absent = dict(self.columns)
        there: dict[str, None] = {}
        for line, row in scanned:
            if isinstance(row, str):
                yield line, row
                continue
            for name in [name for name, theirs in absent.items() if theirs in row]:
                del absent[name]
            if absent:
                there |= dict.fromkeys(row)
            taken = {theirs for theirs in self.columns.values() if theirs in row}
            named = {name: row[theirs] for name, theirs in self.columns.items() if theirs in row}
            kept = {k: v for k, v in row.items() if k not in taken and k not in named}
            yield line, {**kept, **named}
        if there:
            for name, theirs in absent.items():
                yield None, self.missing(name, theirs, there)

    @staticmethod
    def missing(name: str, theirs: str, there: Iterable[str]) -> str:
        """Why there is no column for ``name``."""
        return (
            f"there is no column {theirs!r}, which is to be read as {name!r}: the columns are "
            f"{', '.join(map(repr, there))}"
        )
