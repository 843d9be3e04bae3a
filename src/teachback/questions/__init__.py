"""The question kinds: how a question is rendered, an answer written, read and compared.

To add a kind, write a subclass of :class:`QuestionKind` and put it into ``KINDS`` (`kinds`);
datasets name it with ``kind = "…"``. Nothing else needs to know of it.
"""

from __future__ import annotations

from teachback.questions.conclusions import appearance, normalise
from teachback.questions.kind import QuestionKind, StatedAnswer
from teachback.questions.kinds import (
    KINDS,
    candidates,
    choices_of_file,
    count_name,
    has_labels,
    kind_for_question,
    kind_named,
    kind_of,
    recognised_kind,
    render,
    same_answer,
    say_answer,
)
from teachback.questions.parsing import Parsed, parse
from teachback.questions.read_back import stated, unreadable

__all__ = [
    "KINDS",
    "Parsed",
    "QuestionKind",
    "StatedAnswer",
    "appearance",
    "candidates",
    "choices_of_file",
    "count_name",
    "has_labels",
    "kind_for_question",
    "kind_named",
    "kind_of",
    "normalise",
    "parse",
    "recognised_kind",
    "render",
    "same_answer",
    "say_answer",
    "stated",
    "unreadable",
]
