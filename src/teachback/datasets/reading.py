"""Reading a dataset that has been checked: into memory, or from its file each time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard

from teachback.datasets.checking import CheckResult, survey
from teachback.datasets.columns import Columns
from teachback.datasets.examples import example_of
from teachback.datasets.fields import draft_of
from teachback.datasets.rows_in_memory import Table, rows_in_memory
from teachback.datasets.sources import Source, scan_rows
from teachback.errors import ConfigError, DataError
from teachback.files import is_file
from teachback.questions import KINDS, kind_named
from teachback.records import Example
from teachback.references import parse_dataset

Data = str | Path | Sequence[Example] | Table
"""Labelled questions: a file or ``hf:owner/name``, examples that were read before, a list of
dictionaries, a ``datasets.Dataset``, or a frame of pandas or polars."""


def read_examples(
    data: Data, *, kind: str | None = None, columns: Columns | None = None
) -> list[Example]:
    """Read a dataset: JSON lines, CSV, Parquet, ``hf:owner/name[/config][:split]``, or rows that
    are in memory already (a list of dictionaries, a ``datasets.Dataset``, a frame of pandas or
    polars). Examples are checked and returned unchanged.

    ``columns``: the data's own names for the keys, where they differ:
    ``{"question": "prompt", "answer": "label"}``.

    The question kind belongs to the file: all rows have choices (multiple-choice), or all
    answers are yes or no, or numbers, or other text. A file in which rows of one kind stand
    among those of another is an error, even where a few numbers stand among answers in text: one
    stray row must not turn a file of numbers into a file of text. ``kind`` settles it: ``text``
    takes every answer as text, ``label`` as one of a closed set, which is all the answers of
    the file, sorted, and becomes each example's ``choices``.

    Raises:
        DataError: a row is not valid (the message names the first lines and says how
            to see all), or the file cannot be read.
        ConfigError: ``columns`` has a name that is not read; or examples are given with a
            ``kind`` or ``columns``, which they have already.
        MissingExtraError: Parquet or hub files without the packages that read them.
    """
    source = rows_of(data)
    if isinstance(source, list):
        return _checked(source, kind, columns)
    return examples_in(source, kind=kind, columns=columns)


def read_evaluated(
    data: Data, *, kind: str | None = None, columns: Columns | None = None
) -> list[Example]:
    """`read_examples`, of data that is evaluated and not trained on: it may have a single label.
    What may be answered to it: `teachback.datasets.answerable.answerable`."""
    source = rows_of(data)
    if isinstance(source, list):
        return _checked(source, kind, columns)
    return examples_in(source, kind=kind, columns=columns, one_label=True)


def examples_in(
    source: Source,
    *,
    kind: str | None = None,
    columns: Columns | None = None,
    one_label: bool = False,
) -> list[Example]:
    """`read_examples`, of what is no examples yet; ``one_label``: as for `read_evaluated`."""
    examples: list[Example] = []
    result = survey(source, kind, examples.append, columns, one_label=one_label)
    _refuse(result)
    if result.labels:
        return [replace(example, choices=result.labels) for example in examples]
    return examples


def rows_of(data: Data) -> Source | list[Example]:
    """The file or the rows that ``data`` are, or the examples in it. Raises DataError where it
    is none of these."""
    if isinstance(data, str | Path):
        return data
    if isinstance(data, Sequence) and _are_examples(data):
        return list(data)
    return rows_in_memory(data, "the data")


def _are_examples(data: Sequence[object]) -> TypeGuard[Sequence[Example]]:
    """Whether examples are among ``data``; what else stands there is a mistake among examples."""
    return any(isinstance(one, Example) for one in data)


def _checked(
    examples: Sequence[Example], kind: str | None, columns: Columns | None
) -> list[Example]:
    """Examples that a user may have made or put together."""
    if columns is not None:
        raise ConfigError("columns: these are examples, whose fields have their names already")
    first = next(one for one in examples if isinstance(one, Example))
    if kind is not None and kind_named(kind).name != first.kind:
        raise ConfigError(
            f"kind: these are examples of the kind {first.kind} already; read the rows they come "
            f"from as {kind}"
        )
    kind_named(first.kind)
    rows: dict[str, int] = {}
    for row, one in enumerate(examples, 1):
        if not isinstance(one, Example):
            raise DataError(
                f"the data, row {row}: this is not an Example, and others are: give only Examples, "
                "or only rows"
            )
        if one.kind != first.kind:
            raise DataError(
                f"the data, row {row}: the example {one.id!r} is of the kind {one.kind}, and the "
                f"first of the kind {first.kind}"
            )
        if rows.setdefault(one.id, row) != row:
            raise DataError(
                f"the data, row {row}: duplicate id {one.id!r}: row {rows[one.id]} already has it"
            )
    return list(examples)


def open_examples(path: str | Path, *, kind: str | None = None) -> Collection[Example]:
    """What `read_examples` reads, with the same checks, but read from the file each time that
    one goes through it: memory holds eight bytes an example during the check, and then nothing.

    A dataset of the hub, and what is not a plain file, is read into memory.

    Raises:
        DataError: as `read_examples`.
        MissingExtraError: as `read_examples`.
    """
    named = parse_dataset(str(path))
    if named.is_remote or not is_file(path):
        return read_examples(path, kind=kind)
    version = _version(path)
    result = survey(path, kind, lambda _: None)
    _refuse(result)
    assert result.kind is not None  # noqa: S101 - a file without rows has been refused
    return ExampleFile(path, result.kind, result.labels, result.rows, version)


@dataclass(frozen=True, slots=True)
class ExampleFile(Collection[Example]):
    """The examples of a file that was checked from end to end, in its order.

    Going through them raises DataError if the file has changed: its rows are no longer the same
    number of valid ones, or its size or the time of its last change (``version``) is different.
    """

    path: str | Path
    kind: str
    labels: tuple[str, ...]
    rows: int
    version: tuple[int, int]

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Example]:
        kind = KINDS[self.kind]
        count = 0
        self._check_version()
        for _, row in scan_rows(self.path):
            if isinstance(row, str):
                raise self._changed()
            try:
                example = example_of(draft_of(row), kind, self.labels)
            except ValueError:
                raise self._changed() from None
            count += 1
            yield example
        if count != self.rows:
            raise self._changed()
        self._check_version()

    def __contains__(self, example: object) -> bool:
        return any(each == example for each in self)

    def _check_version(self) -> None:
        if _version(self.path) != self.version:
            raise self._changed()

    def _changed(self) -> DataError:
        return DataError(f"{self.path} has changed since it was checked: run the command again")


def _version(path: str | Path) -> tuple[int, int]:
    """A file's size in bytes and the time of its last change in nanoseconds; zeros without one."""
    try:
        found = Path(path).stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _refuse(result: CheckResult) -> None:
    """Raise DataError, naming the first problem and where others are, if there is one."""
    if not result.problems:
        return
    first, *others = result.problems
    more = ""
    if others:
        lines = [str(problem.line) for problem in others]
        named = ", ".join([*lines[:3], "…"] if len(lines) > 3 else lines)
        more = f" (and {len(others)} more, {result.counted}s {named}"
        in_file = result.counted == "line"
        more += f"; run `teachback data check {result.path}`)" if in_file else ")"
    raise DataError(first.at(result.path, result.counted) + more)
