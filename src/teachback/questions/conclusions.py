"""Where, in a free text, does the writer conclude? Shared by all question kinds.

Pure functions over strings. What a conclusion *means* is the kind's business; here it is
only found, cut out, and handed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A conclusion in a text: ``text[start:statement]`` announces, the line's rest states."""

    start: int
    statement: int
    line_end: int


# "So, the most likely correct answer to this question would therefore be: …"
_ANNOUNCED = re.compile(
    r"""
    (?<![A-Za-z])
    (?:\#{1,6}\s*)?(?:[*_]{1,3})?                                  # markdown before it
    (?:(?:and\s+)?(?:so|therefore|thus|hence|accordingly|consequently|in\s+conclusion
        |in\s+summary|finally|overall|as\s+a\s+result)\b[\s,:]*(?:then\b[\s,]*)?)?
    (?:(?:the|my|our|your|this)\s+)?
    (?:(?:final|correct|true|best|right|only|most|likely|plausible|logical|suitable|appropriate
        |accurate|fitting|reasonable|probable|direct|single|overall)\s+){0,3}
    (?:answer|option|choice|(?<=true\s)statement)
    (?:\s+(?:choice|option|here))?
    (?:\s+(?:to|for|from|of|among|in)\s+(?:the|this|these|that|your|all|given|above)\b
        [^.:\n]{0,40}?)?
    (?:[*_]{1,3})?\s*
    (?:
        (?:\s(?:is|was|must\s+be|should\s+be|would\s+be|will\s+be|has\s+to\s+be|can\s+only\s+be
            |would\s+therefore\s+be|is\s+therefore|is\s+thus|is\s+clearly|is\s+most\s+likely
            |is\s+probably|remains|becomes)\b(?:[*_]{1,3})?\s*(?:that\b)?\s*[:=]?)
        | \s*[:=]
    )
    (?:[*_]{1,3})?[ \t]*(?:\n\s*(?=\S))?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_HASHES = re.compile(r"(?m)^[ \t]*\#{4}[ \t]+")
_BOXED = re.compile(r"\\boxed\s*\{")
# "(C) Karl is the correct answer."
_INVERTED = re.compile(
    r"""(?P<statement>\([A-Z]\)[^.\n()]{0,80}?)\s+(?:is|would\s+be|must\s+be)\s+(?:therefore\s+)?
    (?:the|my|our)\s+(?:(?:final|correct|best|right|most|likely|only)\s+){0,3}
    (?:answer|option|choice)\b""",
    re.VERBOSE,
)
# "… so at the end Alice has (B) The Odyssey.": a marked answer that ends the text.
_MARKED_END = re.compile(r"\(([A-Z])\)[^()\n]{0,80}$")
# "The answer is not B" concludes nothing; "the answer is not among the options" does.
_NEGATED = re.compile(
    r"(?:not(?!\s+(?:\w+ly\s+)?(?:listed|given|among|provided|available|present|in|any))"
    r"|isn't|never)\b",
    re.IGNORECASE,
)


def announced(text: str) -> Iterator[Span]:
    """Every announced conclusion of ``text``, in order: "the answer is …", "Answer: …",
    "#### …" (GSM8K) and "\\boxed{…}". Negated ones ("the answer is not B") are left out.
    """
    found: list[Span] = []
    for pattern in (_ANNOUNCED, _HASHES, _BOXED):
        for match in pattern.finditer(text):
            newline = text.find("\n", match.end())
            found.append(Span(*match.span(), len(text) if newline < 0 else newline))
    found += [Span(m.start(), m.start(), m.end()) for m in _INVERTED.finditer(text)]
    for span in sorted(found, key=lambda span: span.statement):
        if not _NEGATED.match(text, span.statement):
            yield span


def marked_end(text: str) -> Span | None:
    """A bracketed letter with its text that ends the text: "… Alice has (B) The Odyssey." """
    stripped = text.rstrip(_EDGE)
    match = _MARKED_END.search(stripped)
    return Span(match.start(), match.start(), len(stripped)) if match else None


def last_line(text: str) -> Span | None:
    """The last line with something on it, as a conclusion that announces nothing."""
    stripped = text.rstrip()
    if not stripped:
        return None
    start = stripped.rfind("\n") + 1
    return Span(start, start, len(stripped))


def without(text: str, start: int, end: int) -> str:
    """``text`` less ``text[start:end]``, trimmed; what stood before and after stays."""
    before = text[:start].strip().rstrip("*_#").rstrip()
    after = text[end:].lstrip(" \t*_.,;:)]}\"'").strip()
    return f"{before} {after}".strip() if before and after else before or after


_EDGE = " \t\r\n.,;:!?\"'`*_“”‘’…"


def normalise(text: str) -> str:
    """For comparing texts: case, runs of white space and outer punctuation do not count,
    nor does a leading article.
    """
    plain = " ".join(text.split()).casefold().strip(_EDGE)
    return re.sub(r"^(?:the|an|a)\s+(?=\S)", "", plain)


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence, a line's end, or a closing brace."""
    match = re.search(r"(?:(?<=[.!?])\s)|\n|\}", text)
    return text[: match.start()] if match else text
