"""teachback's side: the questions, the same prompts for the peers, and the command."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from teachback.records import Example
from teachback.teachers.prompts import Prompts


def write_questions(path: Path, number: int) -> None:
    """A dataset of so many yes-no questions, all different."""
    with path.open("w", encoding="utf-8") as lines:
        for example in _examples(number):
            row = {"id": example.id, "question": example.question, "answer": "yes"}
            lines.write(f"{json.dumps(row)}\n")


def write_rows(path: Path, number: int) -> None:
    """The prompts that teachback makes of these questions: ``{"id", "system", "user"}``."""
    prompts = Prompts()
    with path.open("w", encoding="utf-8") as lines:
        for example in _examples(number):
            request = prompts.request(example, "cote")
            system, user = (*request.prefix, *request.messages)
            row = {"id": example.id, "system": system.content, "user": user.content}
            lines.write(f"{json.dumps(row)}\n")


def command(python: str, questions: Path, url: str, concurrency: int, folder: Path) -> list[str]:
    """The command as a user gives it; the same again resumes."""
    return [
        *(python, "-m", "teachback", "generate", str(questions)),
        *("--teacher", f"openai:mock@{url}", "--concurrency", str(concurrency)),
        *("--strategy", "cote", "--exemplars", "none", "-o", str(folder)),
    ]


def replies(folder: Path) -> int:
    """How many replies the store holds."""
    path = folder / "completions.sqlite"
    if not path.is_file():
        return 0
    with sqlite3.connect(path) as store:
        return int(store.execute("SELECT count(*) FROM reply").fetchone()[0])


def _examples(number: int) -> list[Example]:
    return [
        Example(
            id=f"kettle-{i}",
            question=f"Is kettle number {i} cooler an hour after it has boiled?",
            answer="yes",
            kind="yes-no",
        )
        for i in range(number)
    ]
