"""Where, in a free text, does the writer conclude? Shared by all question kinds.

Pure functions over strings. What a conclusion *means* is the kind's business; here it is
only found, cut out, and handed on.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Span:
    """A conclusion in a text: ``text[start:statement]`` announces, the line's rest states."""

    start: int
    statement: int
    line_end: int
    pattern: str = "last line"
    """What announces it, in words for a table of readings."""


InferredBy = Literal[
    "last number",
    "number in words",
    "quoted text",
    "text after a colon",
    "text after a verb",
    "last word",
    "marked choice",
    "named choice",
    "verdict",
    "opening verdict",
    "declared verdict",
]


@dataclass(frozen=True, slots=True)
class Inference:
    """An answer that nothing announced: canonical for its kind, the pattern that read it, and
    the concluding sentence, ``text[start:end]``."""

    answer: str
    by: InferredBy
    start: int
    end: int


STATEMENT_AT_MOST = 10_000
"""Characters. What is longer states no answer; a text of a megabyte may be one line."""


@dataclass(frozen=True, slots=True)
class MarkedEnding:
    """An answer in a form of its own that ends a text, and so concludes it without an announcement;
    ``text[start:]`` states it. None where what stands beside it says otherwise."""

    answer: str | None
    start: int


def last_line(text: str) -> Span | None:
    """The last line with something on it, as a conclusion that announces nothing."""
    stripped = text.rstrip()
    if not stripped:
        return None
    start = stripped.rfind("\n") + 1
    return Span(start, start, len(stripped))


def without(text: str, start: int, end: int) -> str:
    """``text`` less ``text[start:end]``, trimmed; what stood before and after stays, but for
    the comma that led to what was cut out ("It purrs, so the answer is B"), and for a heading
    that is left with nothing under it ("4. Conclusion: The answer is B").
    """
    before = _without_opener(text[:start].strip())
    if before.rstrip(_AFTER_HEADING).endswith(("Conclusion", "answer", "Answer")):
        before = before[:-200] + _BARE_HEADING.sub("", before[-200:]).rstrip()
    after = text[end:].lstrip(" \t*_.,;:)]}\"'").strip()
    return f"{before} {after}" if before and after else before.rstrip(" ,;:") or after


def _without_opener(text: str) -> str:
    """``text`` less marks of bold type, italics or a heading at its end that open what was cut
    out; those that close something before them stay ("the last letter is **a**")."""
    if not text.endswith(("*", "_", "#")):
        return text
    left = text.rstrip(text[-1])
    line = text[text.rfind("\n") + 1 :]
    apart = not left or left[-1].isspace()
    closes = not apart and line.count(text[len(left) :]) % 2 == 0
    return text if closes else left.rstrip()


_AFTER_HEADING = " \t\n\r\f\v*_:.,"
# At a line's beginning, or after a sentence (recorded replies often lack the line break).
_BARE_HEADING = re.compile(
    r"(?:^|(?<=[\n.!?)]))[ \t]*(?:[-•*#]+\s*|\(?\d{1,2}[.)]\s*|Step\s+\d{1,2}\s*[:.]\s*)?[*_]*"
    r"(?:In\s+)?(?:Conclusion|Final\s+answer|Answer)[*_]*\s*[:.,]?[*_]*\s*\Z"
)

EDGE = " \t\r\n.,;:!?\"'`*_“”‘’…。！？、，"
"""Punctuation, markup and white space around what is said."""
# What cannot be seen goes; curly quotes become straight ones.
_ALIKE: dict[int, str | None] = {
    **dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"), None),
    **dict.fromkeys(map(ord, "‘’‛′"), "'"),
    **dict.fromkeys(map(ord, "“”‟″"), '"'),
}
# How Unicode marks the characters that are another's look-alike.
_SAME_LOOK = ("<compat>", "<wide>", "<narrow>", "<noBreak>")

_LEADING_ARTICLE = re.compile(r"^(?:the|an|a)\s+(?=\S)")
_NOT_BLANK = re.compile(r"[^\s.,;:!?\"'`*_“”‘’…()\[\]{}$\\]")
_SENTENCE_END = re.compile(r"(?:(?<=[.!?])\s)|\n|\}")


def is_blank(text: str) -> bool:
    """Whether nothing but white space, punctuation and markup stands in ``text``."""
    return not _NOT_BLANK.search(text)


def appearance(text: str) -> str:
    """What a reader sees of a text: equal for two that look the same, however an accent, a quote,
    a ligature, a full-width letter or white space is encoded. Superscripts, fractions and
    circled digits look different from what they stand for, and stay.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", "".join(map(_plain_form, text.translate(_ALIKE))))
    return " ".join(text.split())


def _plain_form(character: str) -> str:
    """The usual form of a character that has another code for the same look."""
    if unicodedata.decomposition(character).startswith(_SAME_LOOK):
        return unicodedata.normalize("NFKC", character)
    return character


def normalise(text: str) -> str:
    """For comparing texts: case, runs of white space and outer punctuation do not count,
    nor do a leading article, the form of an apostrophe or quotation mark, characters that
    cannot be seen, and whether an accent is written as one character with its letter.
    """
    plain = appearance(text).casefold().strip(EDGE)
    return _LEADING_ARTICLE.sub("", plain)


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence, a line's end, or a closing brace."""
    match = _SENTENCE_END.search(text)
    return text[: match.start()] if match else text
