"""A dataset read from its file each time that one goes through it, not held in memory."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from teachback.datasets.checking import form_of, read_examples
from teachback.datasets.fields import canonical, draft_of, example_of
from teachback.datasets.sources import scan_rows
from teachback.errors import DataError
from teachback.questions import KINDS, normalise
from teachback.records import Example
from teachback.references import parse_dataset

_MANY = 100_000


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
        count = 0
        for _, row in scan_rows(self.path):
            if isinstance(row, str):
                raise self._changed()
            try:
                example = example_of(draft_of(row), self.kind, self.labels)
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


def open_examples(path: str | Path, *, kind: str | None = None) -> Collection[Example]:
    """What `read_examples` reads, with the same checks, but read anew each time that one goes
    through it: memory holds eight bytes an example while they are checked, and then nothing.

    A dataset of the hub, and what is no plain file, is read into memory.

    Raises:
        DataError, ReferenceError_, MissingExtraError: as `read_examples`.
    """
    named = parse_dataset(str(path))
    if named.is_remote or not Path(path).is_file():
        return read_examples(path, kind=kind)
    return _checked(path, kind) or read_examples(path, kind=kind)


def _checked(path: str | Path, kind: str | None) -> ExampleFile | None:
    """None where anything is wrong, or might be: then `read_examples` says what."""
    if kind is not None and kind not in KINDS:
        return None
    # An id's hash in place of the id: two equal ones may be an accident, unequal ids are not.
    hashes = array("q")
    labels: dict[str, str] = {}
    form = kind
    for _, row in scan_rows(path):
        if isinstance(row, str):
            return None
        try:
            draft = draft_of(row)
            form = form or form_of(draft)
            if kind is None and form_of(draft) != form:
                return None
            if form == "label":
                label = canonical(draft, form)
                if draft.choices or labels.setdefault(normalise(label), label) != label:
                    return None
            else:
                example_of(draft, form)
        except ValueError:
            return None
        hashes.append(hash(draft.id))
    if form is None or not hashes or not _all_different(hashes) or len(labels) == 1:
        return None
    return ExampleFile(path, form, tuple(sorted(labels.values())), len(hashes))


def _all_different(numbers: array[int]) -> bool:
    if len(numbers) <= _MANY:
        return len(set(numbers)) == len(numbers)
    import numpy as np  # a set of a million numbers would take a hundred megabytes

    ordered = np.sort(np.frombuffer(numbers, dtype=np.int64))
    return not bool((ordered[1:] == ordered[:-1]).any())
