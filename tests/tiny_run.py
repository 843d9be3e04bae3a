"""A whole run in small: twelve questions, a recorded teacher, a tiny student, seconds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TRAIN, TEST = 12, 6
COLOURS = ("red", "green", "blue")


def question(number: int, prefix: str = "q") -> dict[str, Any]:
    return {
        "id": f"{prefix}{number}",
        "question": f"Which colour is number {number}?",
        "choices": list(COLOURS),
        "answer": COLOURS[number % 3],
    }


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def recorded(number: int, answer: str, given: bool) -> dict[str, Any]:
    letter = "ABC"[COLOURS.index(answer)]
    text = f"Colours take turns, so {number} has this one.\nThe answer is ({letter}) {answer}."
    return {"id": f"q{number}", "teacher": "big", "given_answer": given, "text": text}


def write_data(folder: Path) -> Path:
    """``train.jsonl``, ``test.jsonl`` and ``teacher.jsonl`` in ``folder``.

    The teacher is right about even numbers, wrong about odd ones, and explains each of the
    latter when it is given the answer, but 11, about which it then says nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "train.jsonl", map(question, range(TRAIN)))
    write_lines(folder / "test.jsonl", (question(100 + n, "t") for n in range(TEST)))
    lines = [recorded(n, COLOURS[(n + n % 2) % 3], False) for n in range(TRAIN)]
    lines += [recorded(n, COLOURS[n % 3], True) for n in range(1, TRAIN - 1, 2)]
    write_lines(folder / "teacher.jsonl", lines)
    return folder


KEPT = TRAIN - 1
"""Explanations that CROP keeps of what `write_data` wrote; COTE keeps half of TRAIN."""


def write_config(folder: Path, student: Path, **train: Any) -> Path:
    """``run.toml`` beside the data, for a run of one epoch."""
    values = {"objective": "mt-cot", "epochs": 1, "batch_size": 4, **train}
    keys = "\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
    path = folder / "run.toml"
    path.write_text(
        f"""[data]
train = "train.jsonl"
test = "test.jsonl"
[teacher]
reference = "recorded:teacher.jsonl"
[student]
reference = {json.dumps(str(student))}
precision = "fp32"
max_target_tokens = 48
[train]
{keys}
[evaluate]
max_new_tokens = 8
""",
        "utf-8",
    )
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` with what it holds; SQLite's side files are left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }
