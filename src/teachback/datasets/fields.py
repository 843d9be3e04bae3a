"""What a dataset row must hold: names, types and values of its fields."""

from __future__ import annotations

from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from teachback.files.rows import Row, json_name, whole_number
from teachback.questions import appearance

KEYS = ("id", "question", "choices", "answer", "context", "group", "explanation")
MOST_CHOICES = 26
"""Choices are named by the letters A to Z."""

_KEYS = frozenset(KEYS)
# Names that other datasets give to what is missing here; a slip of spelling is found anyway.
_FOREIGN_NAMES = {
    "options": "choices",
    "answerkey": "answer",
    "label": "answer",
    "target": "answer",
    "qid": "id",
}

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
        raise ValueError(f"the {name} contains a NUL character")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"the {name} has characters that are not UTF-8: save the file as UTF-8"
        ) from None
    return value


def _text(row: Row, key: str) -> str | None:
    value = row.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"the {key} must be text, not {json_name(value)}")
    return _checked(key, value)


def _name(row: Row, key: str) -> str | None:
    whole = whole_number(row.get(key))
    return _text(row, key) if whole is None else str(whole)


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
        raise ValueError(
            f"at most {MOST_CHOICES} choices have a letter, and this row has {len(value)}"
        )
    choices = [_checked("choice", _choice(choice)).strip() for choice in value]
    seen: dict[str, str] = {}
    for choice in choices:
        plain = appearance(choice).casefold()
        if plain in seen:
            first, second = told_apart(seen[plain], choice)
            raise ValueError(f"duplicate choices: {first} and {second}")
        seen[plain] = choice
    return tuple(choices)


def told_apart(first: str, second: str) -> tuple[str, str]:
    """Two texts for a message; where they look the same, with the codes in which they differ."""
    if first.split() != second.split() and appearance(first) == appearance(second):
        return ascii(first), ascii(second)
    return repr(first), repr(second)


def _choice(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"each choice must be text, not {json_name(value)}")
    return str(value)
