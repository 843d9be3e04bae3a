"""A teacher that replies from files: real outputs of large models, kept.

One line a reply: ``{"id", "teacher", "given_answer": bool, "text"}``. Sample k of an id
is its k-th distinct line, files in the order given. Chain-of-thought requests are
answered from lines with ``given_answer`` false, RP requests from lines with it true.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from teachback.errors import DataError
from teachback.files import read_jsonl, sha256_of
from teachback.files.rows import Row, bad_line, json_name, whole_characters
from teachback.records import Completion, Request
from teachback.teachers.prompts import Form
from teachback.teachers.protocol import Teacher

_FIELDS = {"id": (str, "text"), "teacher": (str, "text"), "text": (str, "text")} | {
    "given_answer": (bool, "true or false")
}


class RecordedTeacher(Teacher):
    """Replies from recordings; a request without a line is a failed completion.

    ``model`` is the name (or names, joined by ``+``) in the lines, then ``@`` and the
    first eight hexadecimal digits of a SHA-256 over the files: ``gpt-4o@1a2b3c4d``. A
    recording that has changed is another teacher, so that no store serves rows of the
    old one; asking a recording again costs nothing.

    Raises:
        DataError: A file cannot be read, or a line is not valid (names both).
    """

    concurrency = 1  # nothing to wait for
    free = True

    def __init__(self, files: Sequence[str | Path], *, form: Form = "chat") -> None:
        self.form = form
        self._texts: dict[tuple[str, bool], list[str]] = {}
        names: dict[str, None] = {}
        digest = hashlib.sha256()
        for file in files:
            for number, row in read_jsonl(file):
                _check(row, file, number)
                names[whole_characters(row["teacher"])] = None
                texts = self._texts.setdefault((row["id"], row["given_answer"]), [])
                if row["text"] not in texts:
                    texts.append(row["text"])
            digest.update(sha256_of(file).encode())
        if not names:
            raise DataError(f"{', '.join(map(str, files))}: there are no recorded lines")
        self.model = f"{'+'.join(names)}@{digest.hexdigest()[:8]}"

    async def complete(self, request: Request) -> Completion:
        """The recorded line for the request's id, kind and sample, as it was recorded."""
        if request.kind != "direct":  # a recording holds no bare answers
            texts = self._texts.get((request.example_id, request.given_answer), [])
            if request.sample < len(texts):
                return Completion(text=texts[request.sample])
        error = f"no recorded line: {request.example_id}, {request.kind}, sample {request.sample}"
        return Completion(text="", finish_reason="failed", error=error)


def _check(row: Row, file: str | Path, number: int) -> None:
    for name, (kind, needed) in _FIELDS.items():
        if name not in row:
            raise bad_line(file, number, f"the field {name!r} is missing")
        if not isinstance(row[name], kind):
            why = f"the field {name!r} must be {needed}, not {json_name(row[name])}"
            raise bad_line(file, number, why)
