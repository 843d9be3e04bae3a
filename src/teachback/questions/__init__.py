"""The question kinds: how a question is rendered, an answer written, read and compared.

To add a kind, write a class with the methods of :class:`QuestionKind` and put it into
``KINDS``; datasets name it with ``kind = "…"``. Nothing else needs to know of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from teachback.questions.conclusions import announced, last_line, marked_end, normalise, without
from teachback.questions.kind import QuestionKind, Reading
from teachback.questions.multiple_choice import Label, MultipleChoice
from teachback.questions.open_ended import Number, Text, YesNo
from teachback.records import AnswerFormat, Example

__all__ = [
    "KINDS",
    "Parsed",
    "QuestionKind",
    "Reading",
    "candidates",
    "kind_of",
    "normalise",
    "parse",
    "render",
    "same_answer",
    "say_answer",
]

KINDS: dict[str, QuestionKind] = {
    "multiple-choice": MultipleChoice(),
    "yes-no": YesNo(),
    "number": Number(),
    "text": Text(),
    "label": Label(),
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text split into its explanation and its concluding answer (None: unparsed)."""

    explanation: str
    answer: str | None
    concluded: bool
    """Whether the text draws any conclusion at all, readable or not."""


def kind_of(example: Example) -> QuestionKind:
    return KINDS[example.kind]


def render(example: Example) -> str:
    """The question as every model sees it: context, question, lettered choices."""
    return kind_of(example).render(example)


def candidates(example: Example) -> tuple[str, ...]:
    """All possible answers in canonical form; empty for numbers and free text."""
    return kind_of(example).candidates(example)


def say_answer(example: Example, answer: str, answer_format: AnswerFormat = "text") -> str:
    """A canonical answer as a model is to write it."""
    return kind_of(example).say(example, answer, answer_format)


def same_answer(example: Example, answer: str | None) -> bool:
    """Whether ``answer`` (canonical, None = unparsed) is the example's gold answer."""
    return answer is not None and kind_of(example).same(answer, example.answer)


def parse(example: Example, text: str, *, bare: bool = False) -> Parsed:
    """Split ``text`` into explanation and conclusion.

    The last announced conclusion counts ("the answer is …", "Answer: …", "#### …"). Without
    one, the last line counts if it is nothing but an answer. ``bare``: the text is expected
    to be an answer alone (a direct answer), so without an announcement its first line is
    read as one.
    """
    kind = kind_of(example)
    span = None
    for span in announced(text):  # noqa: B007 - the last one counts
        pass
    if span is not None:
        reading = kind.read(example, text[span.statement : span.line_end])
        end = span.statement + reading.length
        return Parsed(without(text, span.start, end), reading.answer, True)
    if bare:
        line = text.strip().split("\n", 1)[0]
        reading = kind.read(example, line)
        return Parsed(without(text.strip(), 0, reading.length), reading.answer, bool(line))
    line_span = last_line(text)
    if line_span is None:
        return Parsed("", None, False)
    line = text[line_span.start : line_span.line_end]
    if kind.name != "text":  # any line of free text would pass for an answer
        reading = kind.read(example, line)
        if reading.answer is not None and not without(line, 0, reading.length).strip(" .)*_\"'"):
            return Parsed(text[: line_span.start].strip(), reading.answer, True)
    end_span = marked_end(text)
    if end_span is not None and kind.name == "multiple-choice":
        reading = kind.read(example, text[end_span.start : end_span.line_end])
        # Nothing is cut out: the marked answer is part of a sentence of the explanation.
        return Parsed(text.strip(), reading.answer, reading.answer is not None)
    return Parsed(text.strip(), None, False)
