"""What a dataset row must hold: names, types and values of its fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from teachback.files.rows import Row, json_name
from teachback.questions import KINDS, normalise
from teachback.records import Example

KEYS = ("id", "question", "choices", "answer", "context", "group", "explanation")
MOST_CHOICES = 26
"""Choices are named by the letters A to Z."""

_KEYS = frozenset(KEYS)
_WITHOUT_CHOICES = frozenset(("yes-no", "number", "text", "label"))
# Names that other datasets give to what is missing here; a slip of spelling is found anyway.
_FOREIGN_NAMES = {
    "options": "choices",
    "answerkey": "answer",
    "label": "answer",
    "target": "answer",
    "qid": "id",
}
# What `normalise` may take off: only such choices can be the same without being duplicates.
_TRIMMED = re.compile(r"^(?:the|an|a)\s|^[\W_]|[\W_]$", re.IGNORECASE)

Answer = str | bool | int | float | Decimal


class Draft(NamedTuple):
    """A row with the right fields, before its question kind is known."""

    id: str
    question: str
    answer: Answer
    choices: tuple[str, ...]
    context: str | None
    group: str | None


def draft_of(row: Row) -> Draft:
    """Check the fields of a row.

    A field that is null counts as left out. Whole numbers are taken as ids, groups and
    choices, as spreadsheets and exports write them.

    Raises:
        ValueError: the row cannot be used; the message says why.
    """
    unknown = row.keys() - _KEYS
    if unknown:
        absent = tuple(key for key in KEYS if row.get(key) is None)
        for key in sorted(unknown):
            meant = _meant(key, absent)
            if meant is not None and row[key] is not None:
                raise ValueError(f"unknown key {key!r} (did you mean {meant!r}?)")
    draft = Draft(
        id=_needed("id", _name(row, "id")),
        question=_needed("question", _text(row, "question")),
        answer=_answer(row),
        choices=_choices(row),
        context=_text(row, "context"),
        group=_name(row, "group"),
    )
    _text(row, "explanation")
    return draft


def unread_keys(row: Row) -> set[str]:
    """Keys that no step reads and that no known key was mistaken for."""
    unknown = row.keys() - _KEYS
    return {key for key in unknown if row[key] is not None} if unknown else unknown


def example_of(draft: Draft, kind: str, labels: Sequence[str] = ()) -> Example:
    """The example of a draft, once the kind of its file is known.

    Raises:
        ValueError: the row is not of this kind; the message says why.
    """
    if kind == "multiple-choice" and not draft.choices:
        raise ValueError("the choices are missing")
    if kind in _WITHOUT_CHOICES and draft.choices:
        raise ValueError(f"the row has choices, and the kind of the file is {kind}")
    choices = tuple(labels) if kind == "label" else draft.choices
    return Example(
        id=draft.id,
        question=draft.question,
        answer=canonical(draft, kind),
        kind=kind,
        choices=choices,
        context=draft.context,
        group=draft.group,
    )


def example_from_row(row: Row, kind: str, *, labels: Sequence[str] = ()) -> Example:
    """The example that one row holds, for readers of files with rows like these.

    ``labels`` are all labels of the file, for kind ``label``.

    Raises:
        ValueError: the row is not an example of this kind; the message says why.
    """
    return example_of(draft_of(row), kind, labels)


def canonical(draft: Draft, kind: str) -> str:
    """The answer of a draft as ``kind`` writes it; raises ValueError with the reason."""
    value = draft.answer
    if isinstance(value, bool) and kind in ("text", "label"):
        value = str(value).lower()
    try:
        return KINDS[kind].canonical(value, draft.choices)
    except ValueError as error:
        if kind == "multiple-choice" and isinstance(value, int):
            raise ValueError(
                f"{error} (an answer is a choice's text or its letter, not its position)"
            ) from None
        raise


def duplicate_warning(choices: Sequence[str]) -> str | None:
    """Two choices that count as one answer when compared, though both may be meant."""
    if not any(map(_TRIMMED.search, choices)):
        return None
    seen: dict[str, str] = {}
    for choice in choices:
        plain = normalise(choice)
        if plain in seen:
            return (
                f"the choices {seen[plain]!r} and {choice!r} differ only in an article or in "
                "punctuation: they count as the same answer"
            )
        seen[plain] = choice
    return None


@lru_cache(maxsize=4096)
def _meant(key: str, absent: tuple[str, ...]) -> str | None:
    """The absent key that ``key`` seems to stand for."""
    plain = key.casefold()
    foreign = _FOREIGN_NAMES.get(plain)
    if foreign in absent:
        return foreign
    close = get_close_matches(plain, absent, 1, 0.75)
    return close[0] if close else None


def _checked(name: str, value: str) -> str:
    if not value or value.isspace():
        raise ValueError(f"the {name} is empty")
    if "\0" in value:
        raise ValueError(f"the {name} holds a NUL character")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the {name} holds what is not UTF-8: save the file as UTF-8") from None
    return value


def _text(row: Row, key: str) -> str | None:
    value = row.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"the {key} must be text, not {json_name(value)}")
    return _checked(key, value)


def _name(row: Row, key: str) -> str | None:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(row, key)


def _needed(key: str, value: str | None) -> str:
    if value is None:
        raise ValueError(f"the {key} is missing")
    return value


def _answer(row: Row) -> Answer:
    value = row.get("answer")
    if value is None:
        raise ValueError("the answer is missing")
    if isinstance(value, str):
        return _checked("answer", value)
    if isinstance(value, bool | int | float | Decimal):
        return value
    raise ValueError(f"the answer must be text, a number, or true or false, not {json_name(value)}")


def _choices(row: Row) -> tuple[str, ...]:
    value: Any = row.get("choices")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ValueError(f"the choices must be a list of texts, not {json_name(value)}")
    if len(value) < 2:
        raise ValueError(f"at least 2 choices are needed, not {len(value)}")
    if len(value) > MOST_CHOICES:
        raise ValueError(f"at most {MOST_CHOICES} choices have a letter, and here are {len(value)}")
    choices = [_checked("choice", _choice(choice)).strip() for choice in value]
    seen: dict[str, str] = {}
    for choice in choices:
        plain = " ".join(choice.split()).casefold()
        if plain in seen:
            raise ValueError(f"duplicate choices: {seen[plain]!r} and {choice!r}")
        seen[plain] = choice
    return tuple(choices)


def _choice(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"each choice must be text, not {json_name(value)}")
    return str(value)
