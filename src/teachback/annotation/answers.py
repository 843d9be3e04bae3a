"""answers.sqlite: what people answered, every answer a new revision that is never changed.

SQLite in WAL mode with ``synchronous=FULL``: an answer is on the disk before the next screen is
shown. An undo is a revision without answers. Of a screen, its last revision stands.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from teachback.annotation.plan import Plan
from teachback.annotation.screens import is_answer
from teachback.errors import DataError, StoreError
from teachback.versioned import checked

APPLICATION_ID = 0x54426B41  # "TBkA"
VERSION = 1

SERVED = "server"
"""The source of answers that came through the server."""

_READ = tuple("annotator screen answers note seconds made source source_number".split())
_DAMAGED = "another program has changed the file: restore it from a copy"

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE revision (
    number INTEGER PRIMARY KEY,     -- in the order of arrival
    annotator TEXT NOT NULL,
    screen TEXT NOT NULL,
    position INTEGER NOT NULL,      -- of the screen among the annotator's, from 1
    shown TEXT NOT NULL,            -- JSON: the systems in the order shown
    answers TEXT,                   -- JSON: criterion → value; null: taken back
    note TEXT NOT NULL,
    seconds REAL NOT NULL,          -- with the page in use
    made TEXT NOT NULL,             -- UTC, ISO 8601
    source TEXT NOT NULL,           -- 'server', or the browser of a file
    source_number INTEGER NOT NULL, -- in the order of that source
    UNIQUE (annotator, source, source_number)
);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Revision:
    """One answer to a screen, or (``answers`` None) that the one before was taken back.

    ``seconds``: with the page in use, pauses left out. ``source_number`` counts the revisions of
    one source, from 1.
    """

    annotator: str
    screen: str
    answers: Mapping[str, str] | None
    note: str
    seconds: float
    made: str
    source: str
    source_number: int


def standing(revisions: Iterable[Revision]) -> dict[str, Revision]:
    """Screen → its last revision, where that was not taken back; in the order of answering."""
    found: dict[str, Revision] = {}
    for revision in revisions:
        found.pop(revision.screen, None)
        if revision.answers is not None:
            found[revision.screen] = revision
    return found


class AnswerStore:
    """The answers of one annotation; a context manager.

    Raises:
        StoreError: from the constructor and every method: the file is no store of answers, is
            damaged, or cannot be written.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path = path
        self._plan = plan
        self._screens = {screen.id: screen for screen in plan.screens}
        self._places: dict[str, tuple[int, tuple[str, ...]]] = {}
        for annotator in plan.settings.annotators:
            for position, screen in enumerate(plan.of_annotator(annotator), 1):
                names = tuple(plan.systems[number].name for number in screen.systems)
                self._places[screen.id] = position, names
        with self._errors():
            self._db = sqlite3.connect(path, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> AnswerStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._db.close()

    def revisions(self, annotator: str | None = None) -> list[Revision]:
        """All revisions, or one annotator's, in the order of arrival."""
        with self._errors():
            rows = self._db.execute(
                f"SELECT number, {', '.join(_READ)} "  # noqa: S608
                "FROM revision WHERE annotator = ? OR ? IS NULL ORDER BY number",
                (annotator, annotator),
            ).fetchall()
        return [self._revision(*row) for row in rows]

    def _revision(self, number: int, *columns: object) -> Revision:
        """A row as what it holds, checked: a damaged file may hold anything."""
        row = dict(zip(_READ, columns, strict=True))
        try:
            if isinstance(row["answers"], str):
                row["answers"] = json.loads(row["answers"])
            one = checked(Revision, row, f"answer {number}")
        except (DataError, TypeError, ValueError, RecursionError) as error:
            raise StoreError(f"{self.path}: {error}: {_DAMAGED}") from None
        screen = self._screens.get(one.screen)
        if screen is None or screen.annotator != one.annotator:
            raise StoreError(
                f"{self.path}: answer {number} belongs to no screen of this annotation: {_DAMAGED}"
            )
        if one.answers is not None and not is_answer(self._plan, screen, one.answers):
            raise StoreError(f"{self.path}: answer {number} is not one of the options: {_DAMAGED}")
        return one

    def put(self, revisions: Sequence[Revision]) -> None:
        """Commit these, all or none. One that is there already stays as it is."""
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for one in revisions:
                    self._db.execute(
                        "INSERT INTO revision (annotator, screen, position, shown, answers, note, "
                        "seconds, made, source, source_number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
                        "?) ON CONFLICT DO NOTHING",
                        self._row(one),
                    )
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def _row(self, one: Revision) -> tuple[str | int | float | None, ...]:
        position, names = self._places[one.screen]
        answers = None if one.answers is None else json.dumps(dict(one.answers))
        note = one.note.encode("utf-8", "replace").decode()
        return (
            *(one.annotator, one.screen, position, json.dumps(names), answers, note),
            *(one.seconds, one.made, one.source, one.source_number),
        )

    def _prepare(self) -> None:
        (identity,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and (identity, version) != (APPLICATION_ID, VERSION):
            raise StoreError(
                f"{self.path} is not a store of answers that this version of teachback reads: "
                "choose a different folder"
            )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if not tables:
            self._db.executescript(_SCHEMA)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"{self.path}: {error}; what was stored before is kept") from error
