"""The question kinds: how a question is rendered, an answer written, read and compared.

To add a kind, write a subclass of :class:`QuestionKind` and put it into ``KINDS`` (`kinds`);
datasets name it with ``kind = "…"``. Nothing else needs to know of it.
"""

from __future__ import annotations

from teachback.questions.conclusions import (
    last_announced,
    normalise,
    plainly_said,
    surely_explained,
)
from teachback.questions.kind import QuestionKind, Reading
from teachback.questions.kinds import (
    KINDS,
    candidates,
    choices_of_file,
    count_name,
    kind_for_question,
    kind_named,
    kind_of,
    recognised_kind,
    render,
    same_answer,
    say_answer,
)
from teachback.questions.multiple_choice import MultipleChoice
from teachback.questions.parsing import Parsed, parse
from teachback.records import Example

__all__ = [
    "KINDS",
    "Parsed",
    "QuestionKind",
    "Reading",
    "candidates",
    "choices_of_file",
    "count_name",
    "kind_for_question",
    "kind_named",
    "kind_of",
    "normalise",
    "parse",
    "plain_conclusion",
    "recognised_kind",
    "render",
    "same_answer",
    "say_answer",
]


def plain_conclusion(example: Example, text: str) -> tuple[str, int] | None:
    """The answer that `parse` reads from ``text``, and a place up to which all of the text is
    explanation; None where only `parse` can tell. Some five times as fast."""
    explained = surely_explained(text)
    if explained <= 0:
        return None
    kind = kind_of(example)
    answer = None
    if isinstance(kind, MultipleChoice) and (said := plainly_said(text)) is not None:
        answer = kind.read_plain(example, said)
    if answer is None and (statement := last_announced(text)) is not None:
        answer = kind.read(example, statement).answer
    return None if answer is None else (answer, explained)
