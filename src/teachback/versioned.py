"""Files of one record each, checked field by field as they are read; old forms are migrated.

Pydantic checks the records, which stay plain frozen dataclasses: their types are the description
of the file, and no reader is written out by hand. In its JSON mode it is strict (``"3"`` is no
number, nor is ``true``) and still takes a list for a tuple.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from teachback.errors import DataError
from teachback.files import read_json, write_json
from teachback.files.rows import Row

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    _T = TypeVar("_T", bound=DataclassInstance)
else:
    _T = TypeVar("_T")

Migration = Callable[[Row], Row]
"""From one version's form to the next one's. What a damaged row lacks, it leaves as it is: the
check comes after it."""


@dataclass(frozen=True)
class Versioned(Generic[_T]):
    """A kind of file, or of a row in JSON lines: a record and its ``version``.

    ``migrations[n]`` leads from version n to n + 1; a file without a version is of version 0.
    """

    record: type[_T]
    migrations: tuple[Migration, ...]

    @property
    def version(self) -> int:
        """The version that is written."""
        return len(self.migrations)

    def read(self, path: str | Path) -> _T:
        """The record in a file. Raises DataError naming the file and the field."""
        return self.of_row(read_json(path), str(path))

    def write(self, path: str | Path, record: _T) -> None:
        """Write a file of one record, atomically."""
        write_json(path, self.row(record))

    def of_row(self, row: Row, where: str) -> _T:
        """The record in a row of JSON; ``where`` it stands is named by the errors."""
        version = row.get("version", 0)
        if not isinstance(version, int) or isinstance(version, bool) or version < 0:
            raise DataError(f"{where}: the field 'version' must be a whole number, 0 or more")
        if version > self.version:
            raise DataError(
                f"{where}: this is version {version} of the file, and this teachback reads "
                f"versions up to {self.version}: upgrade teachback"
            )
        for migrate in self.migrations[version:]:
            row = migrate(row)
        return checked(self.record, row, where)

    def row(self, record: _T) -> Row:
        """The row of a record, its version first."""
        return {"version": self.version, **asdict(record)}


def checked(record: type[_T], row: Mapping[str, object], where: str) -> _T:
    """``row`` as a ``record``; raises DataError naming ``where`` and the field."""
    # Half of a surrogate pair, which a model can emit, is no Unicode and becomes "?".
    text = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")
    try:
        found: _T = _adapter(record).validate_json(text, strict=True)
    except ValidationError as error:
        raise DataError(f"{where}: {_problem(error, row)}") from None
    return found


@cache
def _adapter(record: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(record)


def _problem(error: ValidationError, row: object) -> str:
    """The first mistake, by the field's name as the file has it (``data.kind``)."""
    first = error.errors(include_url=False)[0]
    missing = first["type"] == "missing"
    place: list[str] = []
    for part in first["loc"]:
        if _has(row, part):
            row = row[part]  # type: ignore[index]
        elif not missing:
            break  # the name of one type of several, which no user knows
        place.append(str(part))
    field = ".".join(place)
    if missing:
        return f"the field {field!r} is missing"
    said = first["msg"].removeprefix("Value error, ")
    said = f"{said[:1].lower()}{said[1:]}"
    # What concerns several fields of the record is said of the record.
    return f"the field {field!r} is not valid: {said}" if field else said


def _has(row: object, part: int | str) -> bool:
    if isinstance(row, list):
        return isinstance(part, int) and part < len(row)
    return isinstance(row, dict) and part in row
