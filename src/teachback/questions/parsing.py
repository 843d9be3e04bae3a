"""A text is split into its explanation and its concluding answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from teachback.questions.conclusions import (
    STATEMENT_AT_MOST,
    Span,
    announced,
    is_blank,
    last_line,
    negated,
    without,
)
from teachback.questions.kind import Reading
from teachback.questions.kinds import kind_of
from teachback.records import Example


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text split into its explanation and its concluding answer (None: unparsed)."""

    explanation: str
    answer: str | None
    concluded: bool
    """Whether the text draws any conclusion at all, readable or not."""


def parse(example: Example, text: str, *, bare: bool = False, answer_first: bool = False) -> Parsed:
    """Split ``text`` into explanation and conclusion.

    The last announced conclusion counts ("the answer is …", "Answer: …", "#### …"), with
    the equal ones right before it. Without one, the last line counts if it is nothing but an
    answer, or ends in a marked one. ``bare``: the text is expected to be an answer alone (a
    direct answer), so without an announcement its first line is read as one.
    ``answer_first``: a text that opens with an announced answer (MT-Ra) answers with that one,
    whatever its explanation concludes on the way.
    """
    kind = kind_of(example)
    spans = announced(text)
    if answer_first:
        opening = [span for span in spans if not text[: span.start].strip()]
        spans = iter(opening) if opening else announced(text)
    for span in spans:
        statement = text[span.statement : span.line_end]
        reading = kind.read(example, statement)
        if reading.answer is None and negated(statement):
            continue
        end = span.statement + reading.length
        start = (
            span.start if answer_first else _first_alike(example, text, span.start, spans, reading)
        )
        return Parsed(without(text, start, end), reading.answer, True)
    if bare:
        line = text.strip().split("\n", 1)[0]
        reading = kind.read(example, line)
        return Parsed(without(text.strip(), 0, reading.length), reading.answer, bool(line))
    return _unannounced(example, text)


def _first_alike(
    example: Example, text: str, start: int, spans: Iterator[Span], reading: Reading
) -> int:
    """Where the run of equal conclusions that ends at ``start`` begins: "Therefore, the answer
    is B. The answer is B." says it twice, and neither belongs to the explanation.
    """
    kind = kind_of(example)
    for span in spans:
        earlier = kind.read(example, text[span.statement : span.line_end])
        between = text[span.statement + earlier.length : start]
        if reading.answer is None or earlier.answer != reading.answer or not is_blank(between):
            break
        # "The given answer is B": no clause of its own that could be cut out.
        before = text[max(0, span.start - 20) : span.start].rstrip(" \t")
        if before and before[-1] not in ",.;:!?)\n":
            break
        start = span.start
    return start


def _unannounced(example: Example, text: str) -> Parsed:
    """A conclusion without an announcement: an answer alone on the last line, or a marked one
    that ends the text.
    """
    kind = kind_of(example)
    span = last_line(text)
    if span is None:
        return Parsed("", None, False)
    line = text[span.start : span.line_end]
    if kind.last_line_concludes and len(line) <= STATEMENT_AT_MOST:
        reading = kind.read(example, line)
        if reading.answer is not None and reading.opens and is_blank(line[reading.length :]):
            return Parsed(text[: span.start].strip(), reading.answer, True)
    end_span = kind.marked_ending(text)
    if end_span is not None:
        reading = kind.read(example, text[end_span.statement : end_span.line_end])
        # Nothing is cut out: the marked answer is part of a sentence of the explanation.
        return Parsed(text.strip(), reading.answer, reading.answer is not None)
    return Parsed(text.strip(), None, False)
