"""The table of the question kinds, and what is asked of an example's own kind."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from teachback.errors import DataError
from teachback.questions.free_text import Text
from teachback.questions.kind import QuestionKind
from teachback.questions.labels import Label
from teachback.questions.multiple_choice import MultipleChoice
from teachback.questions.numbers import Number
from teachback.questions.yes_no import YesNo
from teachback.records import AnswerFormat, Example

_TEXT = Text()

KINDS: dict[str, QuestionKind] = {
    "multiple-choice": MultipleChoice(),
    "yes-no": YesNo(),
    "number": Number("number", "point"),
    "number-comma": Number("number-comma", "comma"),
    "text": _TEXT,
    "label": Label(),
}
"""By the name that datasets use. Where the user names no kind, the first one that recognises a
row takes it, and text takes what no kind recognises."""


def kind_of(example: Example) -> QuestionKind:
    return KINDS[example.kind]


def kind_named(name: str) -> QuestionKind:
    """The kind that a user means by ``name``; raises DataError where there is none."""
    if name not in KINDS:
        close = get_close_matches(name, KINDS, 1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        raise DataError(f"no question kind {name!r}{meant}: choose one of {', '.join(KINDS)}")
    return KINDS[name]


def recognised_kind(value: Any, choices: tuple[str, ...]) -> QuestionKind:
    """The kind that a dataset row looks like by its answer and its choices."""
    return next((kind for kind in KINDS.values() if kind.recognises(value, choices)), _TEXT)


def kind_for_question(trained: str, choices: Sequence[str]) -> QuestionKind | None:
    """The kind of one question put to a student of the kind ``trained``: that one, unless the
    question brings choices that it does not take. None where there is no such kind."""
    own = KINDS.get(trained)
    if not choices or (own is not None and own.choices_from == "row"):
        return own
    return recognised_kind("", tuple(choices))


def render(example: Example) -> str:
    """The question as every model sees it: context, question, lettered choices."""
    return kind_of(example).render(example)


def candidates(example: Example) -> tuple[str, ...]:
    """All possible answers in canonical form; empty for numbers and free text."""
    return kind_of(example).candidates(example)


def has_labels(example: Example) -> bool:
    """Whether the example's choices are those of its whole file: labels."""
    return kind_of(example).choices_from == "file"


def choices_of_file(example: Example) -> tuple[str, ...]:
    """The example's choices where they are those of its whole file (labels); else none."""
    return example.choices if has_labels(example) else ()


def say_answer(example: Example, answer: str, answer_format: AnswerFormat = "text") -> str:
    """A canonical answer as a model is to write it."""
    return kind_of(example).say(example, answer, answer_format)


def same_answer(example: Example, answer: str | None) -> bool:
    """Whether ``answer`` (canonical, None = unparsed) is the example's gold answer."""
    return answer is not None and kind_of(example).same(answer, example.answer)


def count_name(example: Example) -> str | None:
    """What tables count the example under: its gold answer, the letter of that for multiple
    choice. None where the answers cannot be listed."""
    kind = kind_of(example)
    possible = kind.candidates(example)
    return kind.count_names(example)[possible.index(example.answer)] if possible else None
