"""Reading a dataset that has been checked: into memory, or from its file each time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from teachback.datasets.checking import CheckResult, survey
from teachback.datasets.examples import example_of
from teachback.datasets.fields import draft_of
from teachback.datasets.sources import scan_rows
from teachback.errors import DataError
from teachback.questions import KINDS
from teachback.records import Example
from teachback.references import parse_dataset


def read_examples(path: str | Path, *, kind: str | None = None) -> list[Example]:
    """Read a dataset: JSON lines, CSV, Parquet, or ``hf:owner/name[/config][:split]``.

    The question kind belongs to the file: all rows have choices (multiple-choice), or all
    answers are yes or no, or numbers, or other text. A file in which rows of one kind stand
    among those of another is an error, even where a few numbers stand among answers in text: one
    stray row must not turn a file of numbers into a file of text. ``kind`` settles it: ``text``
    takes every answer as text, ``label`` as one of a closed set, which is all the answers of
    the file, sorted, and becomes each example's ``choices``.

    Raises:
        DataError: a row is not valid (the message names the first lines and says how
            to see all), or the file cannot be read.
        MissingExtraError: Parquet or hub files without the packages that read them.
    """
    examples: list[Example] = []
    result = survey(path, kind, examples.append)
    _refuse(result)
    if result.labels:
        return [replace(example, choices=result.labels) for example in examples]
    return examples


def open_examples(path: str | Path, *, kind: str | None = None) -> Collection[Example]:
    """What `read_examples` reads, with the same checks, but read from the file each time that
    one goes through it: memory holds eight bytes an example during the check, and then nothing.

    A dataset of the hub, and what is not a plain file, is read into memory.

    Raises:
        DataError: as `read_examples`.
        MissingExtraError: as `read_examples`.
    """
    named = parse_dataset(str(path))
    if named.is_remote or not Path(path).is_file():
        return read_examples(path, kind=kind)
    result = survey(path, kind, lambda _: None)
    _refuse(result)
    assert result.kind is not None  # noqa: S101 - a file without rows has been refused
    return ExampleFile(path, result.kind, result.labels, result.rows)


@dataclass(frozen=True, slots=True)
class ExampleFile(Collection[Example]):
    """The examples of a file that was checked from end to end, in its order.

    Going through them raises DataError if the file is no longer what it was.
    """

    path: str | Path
    kind: str
    labels: tuple[str, ...]
    rows: int

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Example]:
        kind = KINDS[self.kind]
        count = 0
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

    def __contains__(self, example: object) -> bool:
        return any(each == example for each in self)

    def _changed(self) -> DataError:
        return DataError(f"{self.path} has changed since it was checked: run the command again")


def _refuse(result: CheckResult) -> None:
    """Raise DataError, naming the first problem and where others are, if there is one."""
    if not result.problems:
        return
    first, *others = result.problems
    more = ""
    if others:
        lines = [str(problem.line) for problem in others]
        named = ", ".join([*lines[:3], "…"] if len(lines) > 3 else lines)
        more = f" (and {len(others)} more, lines {named}; run `teachback data check {result.path}`)"
    raise DataError(first.at(result.path) + more)
