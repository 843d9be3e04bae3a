"""Where, in a free text, does the writer conclude? Shared by all question kinds.

Pure functions over strings. What a conclusion *means* is the kind's business; here it is
only found, cut out, and handed on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
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
]


@dataclass(frozen=True, slots=True)
class Inference:
    """An answer that nothing announced: canonical for its kind, the pattern that read it, and
    the concluding sentence, ``text[start:end]``."""

    answer: str
    by: InferredBy
    start: int
    end: int


# Characters. What is longer states no answer; a text of a megabyte may be one line.
STATEMENT_AT_MOST = 10_000

# "… answer to this question would therefore be: …", from the noun on. What leads up to it is
# matched backwards from there (_LEAD), for the one that counts alone: searching for an optional
# lead at every position of a text costs five times as much.
_ANNOUNCED = re.compile(
    r"""
    (?<![A-Za-z])(?:answer|option|choice|statement(?<=true\sstatement))
    (?:\s{1,3}(?:choice|option|here))?
    (?:\s{1,3}(?:to|for|from|of|among|in)\s{1,3}(?:the|this|these|that|your|all|given|above)\b
        [^.:\n]{0,40}?)?
    (?:[*_]{1,3})?\s{0,3}
    (?:
        (?:\s(?:is|was|must\s+be|should\s+be|would\s+be|will\s+be|has\s+to\s+be|can\s+only\s+be
            |would\s+therefore\s+be|is\s+therefore|is\s+thus|is\s+clearly|is\s+most\s+likely
            |is\s+probably|remains|becomes)\b(?:[*_]{1,3})?\s*(?:that\b)?\s*[:=]?)
        | \s{0,3}[:=]
    )
    (?:[*_]{1,3})?[ \t]*(?:\n\s*(?=\S))?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NOUNS = ("answer", "option", "choice", "statement")
# Where case does not count, these match s, i, i and k.
_FOLDED = ("ſ", "ı", "İ", "\u212a")
_LEAD = re.compile(
    r"""
    (?<![A-Za-z])
    (?:\#{1,6}\s{0,9})?(?:[*_]{1,3})?                               # markdown before it
    (?:(?:and\s+)?(?:so|therefore|thus|hence|accordingly|consequently|in\s+conclusion
        |in\s+summary|finally|overall|as\s+a\s+result)\b[\s,:]{0,9}(?:then\b[\s,]{0,9})?)?
    (?:(?:we|I)\s+(?:can\s+|may\s+)?(?:conclude|infer|deduce|determine)\s+(?:that\s+)?)?
    (?:(?:the|my|our|your|this)\s+)?
    (?:(?:final|correct|true|best|right|only|most|likely|plausible|logical|suitable|appropriate
        |accurate|fitting|reasonable|probable|direct|single|overall|closest|remaining)\s+){0,3}
    \Z
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NO_LEAD = re.compile(r".*[^A-Za-z\s#*_,:]", re.IGNORECASE | re.DOTALL)
# "## Answer", alone on its line.
_HEADED = re.compile(
    r"(?mi)^[ \t#*_]{0,20}(?:(?:final|correct)[ ])?answer[ \t#*_\r]{0,20}\n\s*(?=\S)"
)
_HEADING_END = re.compile(r"answer[ \t#*_\r]{0,20}\n", re.IGNORECASE)
# GSM8K's "#### 42", but not the fourth-level heading of a text in markdown.
_HASHES = re.compile(
    r"(?mi)^[ \t]*\#{4}[ \t]+(?!\W{0,3}(?:explanation|reason|step|analysis|conclu|solution|note"
    r"|summary|question|final|answer|option|choice))"
)
_BOXED = re.compile(r"\\boxed\s*\{")
# "(C) Karl is the correct answer."
_INVERTED = re.compile(
    r"""\([A-Z]\)[^.\n()]{0,80}?\s(?:is|would\s+be|must\s+be)\s+(?:therefore\s+)?
    (?:the|my|our)\s+(?:(?:final|correct|best|right|most|likely|only)\s+){0,3}
    (?:answer|option|choice)\b""",
    re.VERBOSE,
)
# "… so at the end Alice has (B) The Odyssey.": a marked answer that ends the text.
_MARKED_END = re.compile(r"\((?:(?:choice|option)\s)?[A-Z]\)[^()\n]{0,80}\Z")
# "… hence it's false.", "The statement is true.": a verdict that ends the text.
_VERDICT_END = re.compile(
    r"""(?:\b(?:so|therefore|thus|hence|consequently)[\s,]{1,3}(?:(?:it|this|that)(?:['’]s|\s+is)\s+)?
        |\b(?:the|this)\s+(?:statement|claim|assertion|premise|proposition)\s+is\s+
            (?:therefore\s+)?)
    [*_"'“‘]{0,3}(?P<verdict>yes|no|true|false)\Z""",
    re.IGNORECASE | re.VERBOSE,
)
# "The answer is not B" concludes nothing; "the answer is not among the options" does.
_NEGATED = re.compile(
    r"""(?:[\s*_"'“‘`]*(?:definitely|clearly|certainly|probably|obviously|simply|therefore|also)\b)?
    [\s*_"'“‘`]*(?:not(?!\s+(?:\w+ly\s+)?(?:listed|given|among|provided|available|present|in|any
        |here|clear|known|certain|determined|possible|obvious))|never)\b""",
    re.IGNORECASE | re.VERBOSE,
)
# Directly before the noun: "each option: …", "the wrong answer is …".
_OTHER_NOUN = re.compile(
    r"""\b(?:no|any|each|every|which|what|another|other|wrong|incorrect|false|bad|worst|unlikely
    |least\s+\w{1,20}|not\s+the|not\s+the\s+(?:right|correct|best))\s+(?:answer\s+)?\Z""",
    re.IGNORECASE | re.VERBOSE,
)
# Before all of it: "if the answer is …", "one might think the answer is …".
_SUPPOSED = re.compile(
    r"""\b(?:if|whether|unless|suppose|supposing|assuming
    |(?:(?:one|you|some|many|people|someone)\s+(?:might|may|could|would)|(?:is|are|do|does|did|ca|can)?n['’]t
        |cannot|not|never|wrong\s+to|tempting\s+to)\s+(?:\w{1,20}\s+)?
        (?:think|believe|say|claim|guess|mean|assume|suggest|conclude)(?:\s+that)?)\s+\Z""",
    re.IGNORECASE | re.VERBOSE,
)


def announced(text: str) -> Iterator[Span]:
    """The announced conclusions of ``text``, the last one first: "the answer is …",
    "Answer: …", "#### …" (GSM8K) and "\\boxed{…}".

    Suppositions ("if the answer is …") and answers that are not the writer's ("the wrong
    answer is …", "each option: …") are left out. At most 200 are looked at.
    """
    found = _found(text)
    nouns = {statement for _, statement, is_noun in found if is_noun}
    for start, statement, _ in reversed(found[-200:]):
        if statement in nouns:
            if _is_other(text, start):
                continue
            start = _lead_start(text, start)
            if _is_supposed(text, start):
                continue
        yield Span(start, statement, _line_end(text, statement))


def _line_end(text: str, statement: int) -> int:
    end = text.find("\n", statement, statement + STATEMENT_AT_MOST)
    return end if end >= 0 else min(len(text), statement + STATEMENT_AT_MOST)


def _found(text: str) -> list[tuple[int, int, bool]]:
    """Where announcements start and end, in the order of their ends, and whether by a noun. The
    patterns are tried only where they can match."""
    if _is_folded(text):
        nouns, headed, inverted = None, True, True
    else:
        plain = _searched(text)
        nouns = sorted(at for noun in _NOUNS for at in _places(plain, noun))
        headed = any(_HEADING_END.match(text, at) for at in nouns)
        inverted = bool(nouns) and -1 < text.find("(") < nouns[-1]
    matches = _ANNOUNCED.finditer(text) if nouns is None else _matches(text, nouns)
    found = [(match.start(), match.end(), True) for match in matches]
    for pattern, possible in (
        (_HEADED, headed),
        (_HASHES, "####" in text),
        (_BOXED, "\\boxed" in text),
    ):
        if possible:
            found += [(*match.span(), False) for match in pattern.finditer(text)]
    if inverted:
        found += [(match.start(), match.start(), False) for match in _INVERTED.finditer(text)]
    found.sort(key=lambda span: span[1])
    return found


def _is_folded(text: str) -> bool:
    if text.isascii():
        return False
    long_s, dotless, dotted, kelvin = _FOLDED  # a loop would take longer than the search
    return long_s in text or dotless in text or dotted in text or kelvin in text


def _places(plain: str, noun: str) -> Iterator[int]:
    at = plain.find(noun)
    while at >= 0:
        yield at
        at = plain.find(noun, at + 1)


def _matches(text: str, nouns: list[int]) -> Iterator[re.Match[str]]:
    """What _ANNOUNCED.finditer finds, which begins with one of ``nouns``."""
    end = 0
    for at in nouns:
        if at >= end and (match := _ANNOUNCED.match(text, at)):
            end = match.end()
            yield match


def _is_other(text: str, start: int) -> bool:
    """Whether the noun at ``start`` is not the writer's answer: "each option: …"."""
    return _OTHER_NOUN.search(text, max(0, start - 40), start) is not None


def _lead_start(text: str, start: int) -> int:
    """Where what leads up to the noun at ``start`` begins."""
    begin = max(0, start - 100)
    # No lead spans such a character, so that looking at what stands before it finds nothing.
    foreign = _NO_LEAD.match(text, begin, start)
    lead = _LEAD.search(text, foreign.end() if foreign else begin, start)
    return lead.start() if lead else start


def _is_supposed(text: str, start: int) -> bool:
    """Whether what stands before ``start`` makes a supposition of it: "if the answer is …"."""
    before = text[max(0, start - 40) : start].rstrip()
    if not before or not before[-1].isalpha():  # it ends in a word
        return False
    return _SUPPOSED.search(text, max(0, start - 40), start) is not None


def _searched(text: str) -> str:
    """``text`` to look for nouns in: of the same length, in lower case."""
    plain = text if text.isascii() else text.encode("ascii", "replace").decode("ascii")
    return plain.lower()


def negated(statement: str, at: int = 0) -> bool:
    """Whether ``statement`` says what the answer is *not* ("not B"), which concludes nothing.

    "Not among the options" is a conclusion, though it names no answer.
    """
    return _NEGATED.match(statement, at) is not None


def marked_end(text: str) -> Span | None:
    """A bracketed letter with its text that ends the text: "… Alice has (B) The Odyssey." """
    stripped = text.rstrip(_EDGE)
    match = _MARKED_END.search(stripped)
    return Span(match.start(), match.start(), len(stripped)) if match else None


def verdict_end(text: str) -> Span | None:
    """A yes or no that ends the text as its verdict: "…, hence it's false." """
    stripped = text[-400:].rstrip(_EDGE)
    match = _VERDICT_END.search(stripped)
    if match is None:
        return None
    shift = max(0, len(text) - 400)
    return Span(shift + match.start(), shift + match.start("verdict"), shift + len(stripped))


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
    before = text[:start].strip().rstrip("*_#").rstrip()
    if before.rstrip(_AFTER_HEADING).endswith(("Conclusion", "answer", "Answer")):
        before = before[:-200] + _BARE_HEADING.sub("", before[-200:]).rstrip()
    after = text[end:].lstrip(" \t*_.,;:)]}\"'").strip()
    return f"{before} {after}" if before and after else before.rstrip(" ,;:") or after


_AFTER_HEADING = " \t\n\r\f\v*_:.,"
# At a line's beginning, or after a sentence (recorded replies often lack the line break).
_BARE_HEADING = re.compile(
    r"(?:^|(?<=[\n.!?)]))[ \t]*(?:[-•*#]+\s*|\(?\d{1,2}[.)]\s*|Step\s+\d{1,2}\s*[:.]\s*)?[*_]*"
    r"(?:In\s+)?(?:Conclusion|Final\s+answer|Answer)[*_]*\s*[:.,]?[*_]*\s*\Z"
)

_EDGE = " \t\r\n.,;:!?\"'`*_“”‘’…。！？、"
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
    plain = appearance(text).casefold().strip(_EDGE)
    return _LEADING_ARTICLE.sub("", plain)


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence, a line's end, or a closing brace."""
    match = _SENTENCE_END.search(text)
    return text[: match.start()] if match else text
