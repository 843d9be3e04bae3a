"""Answers that were given in files: the downloads of the page, checked and brought together.

A download is JSON lines: first what it belongs to, then the revisions in the order made. A later
download of the same browser holds all of the earlier ones, so both may be merged in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from teachback.annotation.answers import AnswerStore, Revision
from teachback.annotation.plan import Plan
from teachback.annotation.screens import is_answer
from teachback.errors import DataError
from teachback.files import bad_line, read_jsonl
from teachback.files.rows import Row
from teachback.versioned import checked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """The first line of a download."""

    teachback: str
    version: int
    identity: str
    annotator: str
    browser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A revision in a download."""

    screen: str
    answers: dict[str, str] | None
    note: str
    seconds: float
    made: str
    source_number: int


@dataclass(frozen=True, slots=True)
class Merged:
    """How many revisions of an annotator a file had, and how many of them were new."""

    file: Path
    annotator: str
    revisions: int
    new: int


def merge(files: Sequence[Path], plan: Plan, answers: AnswerStore) -> list[Merged]:
    """Store the answers in ``files``; all of them, or none where one is not right.

    Raises DataError where a file is none of this annotation's, or two browsers have answered for
    one annotator: which of them counts is for people to say.
    """
    read = [(file, _revisions(file, plan)) for file in files]
    present = answers.revisions()
    sources = {(one.annotator, one.source): "the answers already there" for one in present}
    known = {(one.annotator, one.source, one.source_number): one for one in present}
    merged = []
    for file, revisions in read:
        for one in revisions:
            other = next(
                (
                    said
                    for (annotator, source), said in sources.items()
                    if annotator == one.annotator and source != one.source
                ),
                None,
            )
            if other is not None:
                raise DataError(
                    f"{file}: {one.annotator!r} answered in two places (this file and {other}): "
                    "merge one of them, and the other with -o into a folder of its own"
                )
            key = (one.annotator, one.source, one.source_number)
            if known.setdefault(key, one) != one:
                raise DataError(
                    f"{file}: answer {one.source_number} of {one.annotator!r} differs from the "
                    "one merged before: the file was changed after it was downloaded"
                )
            sources[one.annotator, one.source] = str(file)
        before = {(one.annotator, one.source, one.source_number) for one in present}
        new = sum((r.annotator, r.source, r.source_number) not in before for r in revisions)
        annotator = revisions[0].annotator if revisions else "nobody"
        merged.append(Merged(file, annotator, len(revisions), new))
    fresh = [one for one in known.values() if one not in present]
    answers.put(sorted(fresh, key=lambda one: (one.annotator, one.source_number)))
    return merged


def _revisions(file: Path, plan: Plan) -> list[Revision]:
    rows = list(read_jsonl(file))
    if not rows or rows[0][1].get("teachback") != "answers":
        raise DataError(
            f"{file} is not a file of answers: name a file that the page has downloaded"
        )
    head = checked(_Head, rows[0][1], f"{file}, line {rows[0][0]}")
    if head.identity != plan.identity or head.annotator not in plan.settings.annotators:
        raise DataError(
            f"{file} belongs to a different annotation: merge it into that one's folder"
        )
    screens = {screen.id: screen for screen in plan.of_annotator(head.annotator)}
    found: list[Revision] = []
    for line, row in rows[1:]:
        one = checked(_Line, _with_float(row), f"{file}, line {line}")
        screen = screens.get(one.screen)
        if screen is None:
            raise bad_line(file, line, f"there is no screen {one.screen[:40]!r} in this annotation")
        if one.answers is not None and not is_answer(plan, screen, one.answers):
            raise bad_line(file, line, "an answer is missing, or is not one of the options")
        if one.source_number != len(found) + 1:
            raise bad_line(file, line, "a line before this one is missing: download it again")
        found.append(
            Revision(
                annotator=head.annotator,
                screen=one.screen,
                answers=one.answers,
                note=one.note,
                seconds=one.seconds,
                made=one.made,
                source=head.browser,
                source_number=one.source_number,
            )
        )
    return found


def _with_float(row: Row) -> Row:
    """JavaScript writes 3.0 as 3."""
    seconds = row.get("seconds")
    if isinstance(seconds, int) and not isinstance(seconds, bool):
        return {**row, "seconds": float(seconds)}
    return row
