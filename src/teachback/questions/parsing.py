"""A text is split into its explanation and its concluding answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from teachback.questions.announcements import Announcements, announcements
from teachback.questions.conclusions import (
    STATEMENT_AT_MOST,
    Inference,
    Span,
    is_blank,
    last_line,
    without,
)
from teachback.questions.cutting import (
    sentence_begin,
    without_announced,
    without_chatter,
    without_opening_tag,
    without_sentence,
)
from teachback.questions.kind import StatedAnswer
from teachback.questions.kinds import kind_of
from teachback.questions.last_sentences import explained_opening, last_sentences, takes_back
from teachback.questions.sentences import sentence_end
from teachback.records import EVERY_CONCLUSION, Example, ReplyReading

_INFERRED = "inferred: "


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text split into its explanation and its concluding answer (None: unparsed)."""

    explanation: str
    answer: str | None
    concluded: bool
    """Whether the text draws any conclusion at all, readable or not."""
    pattern: str | None = None
    """By what the conclusion was found, in words; None where none was. That of a conclusion that
    nothing announced begins with "inferred: "."""


def parse(
    example: Example,
    text: str,
    *,
    bare: bool = False,
    answer_first: bool = False,
    reading: ReplyReading = EVERY_CONCLUSION,
) -> Parsed:
    """Split ``text`` into explanation and conclusion.

    The last announced conclusion counts ("the answer is …", "Answer: …", "#### …"), with
    the equal ones right before it. Without one, the last line counts if it is nothing but an
    answer, or ends in a marked one. ``bare``: the text is expected to be an answer alone (a
    direct answer), so without an announcement its first line is read as one.
    ``answer_first``: a text that opens with an announced answer (MT-Ra) answers with that one,
    whatever its explanation concludes on the way. ``reading``: where nothing is announced, a
    conclusion may be ``inferred`` from the last sentences (see `QuestionKind.infer`), and in
    which languages; one reading for all that is compared.

    The concluding sentence is no part of the explanation; sentences after it are, unless they
    speak to the reader ("I hope this helps!").
    """
    parsed = _split(example, text, bare, answer_first, reading)
    if not parsed.explanation.startswith("<"):
        return parsed
    return replace(parsed, explanation=without_opening_tag(parsed.explanation))


def _split(
    example: Example, text: str, bare: bool, answer_first: bool, reading: ReplyReading
) -> Parsed:
    kind = kind_of(example)
    found = announcements(reading.languages)
    spans = found.announced(text)
    if answer_first:
        opening = [span for span in spans if not text[: span.start].strip()]
        spans = iter(opening) if opening else found.announced(text)
    denied = False
    for span in spans:
        statement = text[span.statement : span.line_end]
        answered = kind.read(example, statement)
        if answered.answer is None and found.negated(statement):
            denied = True
            continue
        end = span.statement + answered.length
        start = span.start
        if not answer_first:
            start = _first_alike(example, text, start, spans, answered)
        left = without_announced(text, start, end, found)
        return Parsed(left, answered.answer, True, span.pattern)
    if bare:
        line = text.strip().split("\n", 1)[0]
        answered = kind.read(example, line)
        rest = without(text.strip(), 0, answered.length)
        return Parsed(rest, answered.answer, bool(line), "bare answer" if line else None)
    parsed = _unannounced(example, text, found)
    if denied or reading.conclusions == "announced" or kind.marked_ending(example, text, found):
        return parsed
    first = _explained_opening(example, text, found)
    if parsed.concluded and (first is None or not _ends_in_step(text, found)):
        return parsed
    inference = first or _inferred(example, text, found)
    if inference is None:
        return parsed
    left = without_sentence(text, inference.start, inference.end, found)
    # A chain of one sentence shows its step in it ("40 / 5 = 8 stickers each."), and stays.
    return Parsed(left or text.strip(), inference.answer, True, f"{_INFERRED}{inference.by}")


def _inferred(example: Example, text: str, found: Announcements) -> Inference | None:
    """What ``text`` concludes without an announcement, unless it takes that back."""
    if takes_back(example.question, text, found):
        return None
    return kind_of(example).infer(example, text, found)


def _explained_opening(example: Example, text: str, found: Announcements) -> Inference | None:
    """What a text answers in its first sentence, where the others explain that and none of the
    last two concludes otherwise."""
    end = explained_opening(text, found)
    if end is None or any(
        found.concluding_words(text[b:e]) for b, e in last_sentences(text, found)[:2] if b >= end
    ):
        return None
    return _inferred(example, text[:end], found)


_STEP = re.compile(r"\s*(?:[-•*]\s|[0-9]{1,2}[.)]\s)|[^\n]*=")


def _ends_in_step(text: str, found: Announcements) -> bool:
    """Whether the last line that says anything to the point is a step: an item, or a sum."""
    span = last_line(without_chatter(text, 0, found))
    return span is not None and _STEP.match(text, span.start) is not None


def _first_alike(
    example: Example, text: str, start: int, spans: Iterator[Span], reading: StatedAnswer
) -> int:
    """Where the run of equal conclusions that ends at ``start`` begins: "Therefore, the answer
    is B. The answer is B." says it twice, and neither belongs to the explanation.
    """
    kind = kind_of(example)
    for span in spans:
        earlier = kind.read(example, text[span.statement : span.line_end])
        between = text[sentence_end(text, span.statement + earlier.length) : start]
        if reading.answer is None or earlier.answer != reading.answer or not is_blank(between):
            break
        # "The given answer is B": no clause of its own that could be cut out.
        before = text[max(0, span.start - 20) : span.start].rstrip(" \t")
        if before and before[-1] not in ",.;:!?)\n":
            break
        start = span.start
    return start


def _unannounced(example: Example, text: str, found: Announcements) -> Parsed:
    """A conclusion without an announcement: an answer alone on the last line, or a marked one
    that ends the text.
    """
    kind = kind_of(example)
    text = without_chatter(text, 0, found)
    span = last_line(text)
    if span is None:
        return Parsed("", None, False)
    line = text[span.start : span.line_end]
    if kind.last_line_concludes and len(line) <= STATEMENT_AT_MOST:
        answered = kind.read(example, line)
        if answered.answer is not None and answered.opens and is_blank(line[answered.length :]):
            return Parsed(text[: span.start].strip(), answered.answer, True, span.pattern)
    ending = kind.marked_ending(example, text, found)
    if ending is not None and ending.answer is not None:
        # Mostly the marked answer is part of a sentence of the explanation, and stays in it.
        left = _without_bare_ending(text, ending.start, found)
        return Parsed(left, ending.answer, True, "marked ending")
    return Parsed(text.strip(), None, False)


def _without_bare_ending(text: str, start: int, found: Announcements) -> str:
    """``text`` less its last sentence, in which the marked answer stands at ``start``, where that
    says nothing else ("So, yes.", "Thus, (C)."); all of it where the sentence says more."""
    begin = sentence_begin(text, start)
    before = text[begin:start]
    for lead_begin, lead_end in reversed(found.concluding_words(before)):
        before = before[:lead_begin] + before[lead_end:]
    if not is_blank(before):
        return text.strip()
    return without_sentence(text, begin, len(text), found) or text.strip()
