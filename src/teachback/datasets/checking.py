"""Reading a dataset: the question kind of a file, every bad row, the examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from teachback.datasets.fields import (
    Draft,
    canonical,
    draft_of,
    duplicate_warning,
    example_of,
    unread_keys,
)
from teachback.datasets.sources import scan_rows
from teachback.errors import DataError
from teachback.files.rows import bad_line
from teachback.questions import KINDS, normalise
from teachback.records import Example

_LONGEST_REASON = 400
_IN_WORDS = {
    "multiple-choice": "choices",
    "yes-no": "yes or no as the answer",
    "number": "a number as the answer",
    "text": "text as the answer",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or odd, in a file; ``line`` None means the file as a whole."""

    line: int | None
    reason: str

    def at(self, path: str | Path) -> str:
        """The problem as one line that names the file."""
        if self.line is None:
            return f"{path}: {self.reason}"
        return str(bad_line(path, self.line, self.reason))


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


def read_examples(path: str | Path, *, kind: str | None = None) -> list[Example]:
    """Read a dataset: JSON lines, CSV, Parquet, or ``hf:owner/name[/config][:split]``.

    The question kind belongs to the file: all rows have choices (multiple-choice), or all
    answers are yes or no, or numbers, or other text. A file in which rows of one kind stand
    among those of another is an error, also a few numbers among answers in text: one stray
    row must not turn a file of numbers into a file of text. ``kind`` settles it: ``text``
    takes every answer as text, ``label`` as one of a closed set, which is all the answers of
    the file, sorted, and becomes each example's ``choices``.

    Raises:
        DataError: a row is not as it must be (the message names the first lines and says how
            to see all), or the file cannot be read.
        MissingExtraError: Parquet or hub files without the packages that read them.
    """
    examples, result = _scan(path, kind)
    if not result.problems:
        return examples
    first, *others = result.problems
    more = ""
    if others:
        lines = [str(problem.line) for problem in others]
        named = ", ".join([*lines[:3], "…"] if len(lines) > 3 else lines)
        more = f" (and {len(others)} more, lines {named}; run `teachback data check {path}`)"
    raise DataError(first.at(path) + more)


def check(path: str | Path, kind: str | None = None) -> CheckResult:
    """Find every bad row of a dataset, and what is odd but can be read.

    Raises:
        DataError: the file cannot be opened, or there is no such ``kind``.
        MissingExtraError: as `read_examples`.
    """
    return _scan(path, kind)[1]


def _scan(path: str | Path, kind: str | None) -> tuple[list[Example], CheckResult]:
    if kind is not None and kind not in KINDS:
        close = get_close_matches(kind, KINDS, 1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        raise DataError(f"no question kind {kind!r}{meant}: choose one of {', '.join(KINDS)}")
    rows, drafts, problems, warnings = _drafts(path)
    examples: list[Example] = []
    if drafts:
        forms = [form_of(draft) for _, draft in drafts] if kind is None else [kind] * len(drafts)
        counts = Counter(forms)
        # The kind of most rows, of the first row where there is no most; the others are strays.
        kind = counts.most_common(1)[0][0]
        labels = _labels(drafts, problems) if kind == "label" else {}
        spellings = tuple(sorted(labels.values()))
        for (line, draft), form in zip(drafts, forms, strict=True):
            try:
                if form != kind:
                    raise ValueError(_stray(draft, form, kind, counts))
                example = example_of(draft, kind, spellings)
                if labels and example.answer != labels[normalise(example.answer)]:
                    spelling = labels[normalise(example.answer)]
                    raise ValueError(f"the label {example.answer!r} is spelled {spelling!r} above")
            except ValueError as error:
                problems.append(Problem(line, _one_line(str(error))))
                continue
            examples.append(example)
            odd = duplicate_warning(draft.choices)
            if odd:
                warnings.append(Problem(line, _one_line(odd)))
    for found in (problems, warnings):
        found.sort(key=lambda problem: problem.line or 0)
    return examples, CheckResult(str(path), rows, kind, tuple(problems), tuple(warnings))


def _drafts(
    path: str | Path,
) -> tuple[int, list[tuple[int, Draft]], list[Problem], list[Problem]]:
    """All rows (their number, those with the right fields by line) and what is wrong or odd."""
    rows = 0
    drafts: list[tuple[int, Draft]] = []
    problems: list[Problem] = []
    line_of_id: dict[str, int] = {}
    unread: dict[str, list[int]] = {}
    for line, row in scan_rows(path):
        rows += line is not None
        if isinstance(row, str) or line is None:
            problems.append(Problem(line, _one_line(str(row))))
            continue
        try:
            draft = draft_of(row)
            first = line_of_id.setdefault(draft.id, line)
            if first != line:
                raise ValueError(f"duplicate id {draft.id!r}: it stands on line {first} already")
        except ValueError as error:
            problems.append(Problem(line, _one_line(str(error))))
            continue
        drafts.append((line, draft))
        for key in unread_keys(row):
            unread.setdefault(key, []).append(line)
    if not rows and not problems:
        problems.append(Problem(None, "the file is empty: it has no row"))
    warnings = [
        Problem(lines[0], f"the key {key!r} is not read (in {len(lines)} of {rows} rows)")
        for key, lines in sorted(unread.items())
    ]
    return rows, drafts, problems, warnings


def form_of(draft: Draft) -> str:
    """The kind that a row looks like by itself."""
    if draft.choices:
        return "multiple-choice"
    for kind in ("yes-no", "number"):
        try:
            canonical(draft, kind)
        except ValueError:
            continue
        return kind
    return "text"


def _stray(draft: Draft, form: str, kind: str, counts: Counter[str]) -> str:
    """Why a row that looks like ``form`` does not belong to a file of ``kind``."""
    others = f"{counts[kind]} of {counts.total()} rows have {_IN_WORDS[kind]}"
    if "multiple-choice" in (form, kind):
        has = "has choices" if form == "multiple-choice" else "has no choices"
        return f"mixed rows: this one {has}, and {others}"
    return (
        f"mixed rows: the answer {str(draft.answer)[:60]!r} reads as {form}, and {others} "
        "(kind = text takes them all as text)"
    )


def _labels(drafts: Sequence[tuple[int, Draft]], problems: list[Problem]) -> dict[str, str]:
    """The labels of a file as first spelled, by their normal form."""
    labels: dict[str, str] = {}
    for _, draft in drafts:
        label = canonical(draft, "label")
        labels.setdefault(normalise(label), label)
    if len(labels) == 1:
        only = next(iter(labels.values()))
        problems.append(Problem(None, f"all answers are {only!r}, and a label is one of several"))
    return labels


def _one_line(reason: str) -> str:
    plain = " ".join(reason.splitlines())
    return plain if len(plain) <= _LONGEST_REASON else f"{plain[:_LONGEST_REASON]}…"
