"""Writing examples as a dataset file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from teachback.files import Row, write_jsonl
from teachback.questions import choices_of_file
from teachback.records import Example


def write_examples(path: str | Path, examples: Iterable[Example]) -> None:
    """Write ``examples`` of one kind as JSON lines, atomically; read with that kind, they are the
    same again, but that labels are those which occur.

    Raises:
        RunFolderError: the file cannot be written.
    """
    write_jsonl(path, map(_row, examples))


def _row(example: Example) -> Row:
    row: Row = {"id": example.id, "question": example.question}
    if example.choices and not choices_of_file(example):
        row["choices"] = list(example.choices)
    row["answer"] = example.answer
    further = {"context": example.context, "group": example.group}
    return row | {key: value for key, value in further.items() if value is not None}
