"""One pass over a dataset's rows: the question kind of the file, and everything wrong with it."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np

from teachback.datasets.columns import Columns
from teachback.datasets.examples import duplicate_warning, example_of
from teachback.datasets.fields import Draft, draft_of, told_apart, unread_keys
from teachback.datasets.sources import Source, counted, scan_rows
from teachback.files.rows import Row, bad_line
from teachback.questions import (
    KINDS,
    QuestionKind,
    candidates,
    kind_named,
    normalise,
    recognised_kind,
    unreadable,
)
from teachback.records import Example

_LONGEST_REASON = 400
_READINGS = 5
_EMPTY = {"line": "the file is empty: it has no rows", "row": "there are no rows"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or odd, in a file; ``line`` None means the file as a whole."""

    line: int | None
    reason: str

    def at(self, path: object, counted: str = "line") -> str:
        """The problem as one line that names the file, and what is ``counted`` in it."""
        if self.line is None:
            return f"{path}: {self.reason}"
        return str(bad_line(path, self.line, self.reason, counted))


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `check` found. The file can be read if there are no ``problems``."""

    path: str
    rows: int
    """Rows that are not blank, good and bad."""
    kind: str | None
    """None where no row could be read."""
    problems: tuple[Problem, ...]
    """At most one for each row, in the order of the file."""
    warnings: tuple[Problem, ...]
    labels: tuple[str, ...] = ()
    """The choices of every example, for a kind that takes them from the whole file: sorted."""
    readings: tuple[tuple[str, str], ...] = ()
    """Of a kind whose answers can be written in several ways: some answers as the file writes
    them, and as they are read; first those that differ."""
    counted: str = "line"
    """What the problems' ``line`` counts: lines of a file, or rows in memory."""


def check(
    source: Source, kind: str | None = None, *, columns: Columns | None = None
) -> CheckResult:
    """Find every bad row of a dataset, and what is odd but can be read.

    Raises:
        DataError: the file cannot be opened, or there is no such ``kind``.
        MissingExtraError: as `read_examples`.
    """
    return survey(source, kind, lambda _: None, columns)


def survey(
    source: Source,
    kind: str | None,
    keep: Callable[[Example], object],
    columns: Columns | None = None,
    *,
    one_label: bool = False,
) -> CheckResult:
    """`check`, which hands each example to ``keep`` as it goes: those of a file without problems,
    in its order, but for the labels, which only the whole file knows. ``one_label``: whether they
    may be a single one.

    Memory holds eight bytes a row, and what is wrong. A file in which an id may stand twice, or
    rows of several kinds, is gone through a second time to say where.

    Raises:
        DataError: the file cannot be opened, or there is no such ``kind``.
        MissingExtraError: as `read_examples`.
    """
    named = None if kind is None else kind_named(kind)
    found = _Pass(named, counted(source), 1 if one_label else 2)
    for line, row in scan_rows(source, columns):
        if line is None:
            found.of_file.append(str(row))
            continue
        found.rows += 1
        try:
            if isinstance(row, str):
                raise ValueError(row)
            keep(found.example(line, row))
        except ValueError as error:
            found.problems[line] = str(error)
    repeated = _repeated(found.id_hashes)
    if repeated or len(found.kinds) > 1:
        _look_again(source, found, repeated, columns)
    return found.result(source)


@dataclass
class _Pass:
    """What has been found so far."""

    named: QuestionKind | None
    """The kind that the user named."""
    counted: str
    """What the numbers of rows count."""
    least_labels: int = 2
    rows: int = 0
    of_file: list[str] = field(default_factory=list)
    """What is wrong with the file as a whole."""
    problems: dict[int, str] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    """Rows by the kind that each looks like by itself."""
    labels: dict[str, str] = field(default_factory=dict)
    """The labels of the file as first spelled, by their normal form."""
    id_hashes: array[int] = field(default_factory=lambda: array("q"))
    """In place of the ids: two equal ones may be an accident, unequal ones are not."""
    unread: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Keys that no step reads: the first line, and how many rows have it."""
    readings: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))
    """The first answers as written → as read: those that differ, and those that do not."""

    def example(self, line: int, row: Row) -> Example:
        """The example of one row, whose choices lack the labels; raises ValueError with what is
        wrong with it."""
        draft = draft_of(row)
        self.id_hashes.append(hash(draft.id))
        for key in unread_keys(row):
            first, count = self.unread.get(key, (line, 0))
            self.unread[key] = (first, count + 1)
        kind = self.named or recognised_kind(draft.answer, draft.choices)
        self.kinds[kind.name] += 1
        if self.named is None and (why := kind.ambiguity(draft.answer)) is not None:
            raise ValueError(why)
        example = example_of(draft, kind)
        if kind.choices_from == "file":
            spelling = self.labels.setdefault(normalise(example.answer), example.answer)
            if example.answer != spelling:
                above, here = told_apart(spelling, example.answer)
                raise ValueError(f"the label {here} is spelled {above} above")
        else:
            self._read_back(line, example)
        if kind.several_writings:
            self._note_reading(str(draft.answer), example.answer)
        if (odd := duplicate_warning(draft.choices)) is not None:
            self.warnings.append(_problem(line, odd))
        return example

    def _note_reading(self, written: str, read: str) -> None:
        notes = self.readings[written == read]
        if len(notes) < _READINGS:
            notes[written] = read

    def _read_back(self, line: int, example: Example) -> None:
        """Raises ValueError where a right answer would not be recognised in any format."""
        reason = unreadable(example, "text")
        if reason is None:
            return
        if not candidates(example) or unreadable(example, "both") is not None:
            raise ValueError(reason)
        self.warnings.append(_problem(line, f'{reason}; with answer_format = "both" it can be'))

    @property
    def kind(self) -> QuestionKind | None:
        """The kind of most rows, of the first row where there is no most."""
        if self.named is not None or not self.kinds:
            return self.named
        return KINDS[self.kinds.most_common(1)[0][0]]

    def result(self, source: Source) -> CheckResult:
        of_file = list(self.of_file)
        if not self.rows and not of_file:
            of_file.append(_EMPTY[self.counted])
        if 0 < len(self.labels) < self.least_labels:
            only = next(iter(self.labels.values()))
            of_file.append(
                f"every answer is {only!r}: labels need at least two different ones (a test file "
                "may do with one, where the training data has others)"
            )
        labels = tuple(sorted(self.labels.values()))
        if self.kind is not None:
            for label in labels:
                reason = unreadable(Example("", "", label, self.kind.name, labels), "text")
                of_file += [] if reason is None else [f"label {label!r}: {reason}"]
        unread = [
            _problem(line, f"the key {key!r} is ignored (in {count} of {self.rows} rows)")
            for key, (line, count) in sorted(self.unread.items())
        ]
        return CheckResult(
            path=str(source),
            rows=self.rows,
            kind=None if self.kind is None else self.kind.name,
            problems=(
                *(_problem(None, reason) for reason in of_file),
                *(_problem(line, self.problems[line]) for line in sorted(self.problems)),
            ),
            warnings=tuple(sorted([*unread, *self.warnings], key=lambda each: each.line or 0)),
            labels=labels,
            readings=tuple((self.readings[0] | self.readings[1]).items())[:_READINGS],
            counted=self.counted,
        )


def _repeated(hashes: array[int]) -> frozenset[int]:
    """The numbers that stand more than once in ``hashes``."""
    values, counts = np.unique(np.asarray(hashes, dtype=np.int64), return_counts=True)
    return frozenset(values[counts > 1].tolist())


def _look_again(
    source: Source, found: _Pass, repeated: Collection[int], columns: Columns | None
) -> None:
    """Say where ids stand twice (their hashes are among ``repeated``), and which rows are not of
    the kind of most."""
    kind = found.kind
    line_of_id: dict[str, int] = {}
    for line, row in scan_rows(source, columns):
        if line is None or isinstance(row, str):
            continue
        try:
            draft = draft_of(row)
        except ValueError:
            continue
        if hash(draft.id) in repeated:
            first = line_of_id.setdefault(draft.id, line)
            if first != line:
                found.problems[line] = (
                    f"duplicate id {draft.id!r}: {found.counted} {first} already has it"
                )
                continue
        own = found.named or recognised_kind(draft.answer, draft.choices)
        if kind is not None and own is not kind:
            found.problems[line] = _stray(draft, own, kind, found.kinds)


def _stray(draft: Draft, own: QuestionKind, kind: QuestionKind, kinds: Counter[str]) -> str:
    """Why a row that looks like ``own`` does not belong to a file of ``kind``."""
    others = f"{kinds[kind.name]} of {kinds.total()} rows have {kind.rows_have}"
    if bool(draft.choices) != (kind.choices_from == "row"):
        has = "has choices" if draft.choices else "has no choices"
        return f"mixed rows: this one {has}, and {others}"
    return (
        f"mixed rows: the answer {str(draft.answer)[:60]!r} reads as {own.name}, and {others} "
        "(kind = text takes them all as text)"
    )


def _problem(line: int | None, reason: str) -> Problem:
    """The reason in one line, at most `_LONGEST_REASON` characters of it."""
    plain = " ".join(reason.splitlines())
    return Problem(line, plain if len(plain) <= _LONGEST_REASON else f"{plain[:_LONGEST_REASON]}…")
