"""What is cut out of a text with its conclusion, so that the explanation is left."""

from __future__ import annotations

import re

from teachback.questions.announcements import Announcements
from teachback.questions.conclusions import is_blank, without
from teachback.questions.sentences import each_sentence, sentence_end, sentences

# Characters before an announcement in which its sentence's beginning is looked for.
_LOOKED_AT = 2_000

_OPENERS = ("\\[", "\\(", "$$", "$", "**", "__")
_CLOSER = re.compile(r"[ \t\n]*(?:\\\]|\\\)|\$\$?|\*\*|__|\}|\)|\]|%|\\%)[.,]?")
_REASON = re.compile(
    r"\W{0,6}(?:because|since|as|for|due|given|weil|da|denn|car|parce|puisque|porque|ya\s+que|потому"
    r"|так\s+как|因为|由于)\b|[.,;:]?\s*(?:因为|由于)",
    re.IGNORECASE,
)
# The rule, number or bullet of a list item that held nothing but the conclusion.
_LEFT_ALONE = re.compile(r"(?:\n|(?<=[.!?。！？)])\s*)[ \t]*(?:[0-9]{1,2}[.)]|-{3,}|[-•*])\s*\Z")
_SETTING = re.compile(
    r"\A\W*(?:given|among|amongst|of|out\s+of|from|based\s+on|considering|after)\b", re.IGNORECASE
)


def without_announced(text: str, start: int, end: int, found: Announcements) -> str:
    """``text`` less its conclusion, which is announced at ``start`` and whose answer ends at
    ``end``: the concluding sentence goes whole, with unit words, LaTeX and what is said to the
    reader after it; genuine sentences after it stay.

    A clause before an announcement stays ("It purrs, so the answer is B"), unless it says nothing
    ("Therefore, among A through E, the answer is B"). Where nothing else is left, what follows
    the answer in its sentence stays ("The answer is B because it purrs").
    """
    begin = sentence_begin(text, start)
    before = text[begin:start]
    leads = found.concluding_words(before) if before.strip() else []
    after_lead = leads[0][1] if leads and is_blank(before[: leads[0][0]]) else 0
    says_nothing = is_blank(before[after_lead:]) or _SETTING.match(before[after_lead:])
    if len(before.split()) <= 12 and (says_nothing or _is_open(before)):
        start = begin
    opened = text[:start].rstrip(" \t\n")
    opener = next((mark for mark in _OPENERS if opened.endswith(mark)), None)
    if opener and _is_open(text[_line_begin(text, len(opened) - len(opener)) : start]):
        start = len(opened) - len(opener)
    last = sentence_end(text, end) if end < len(text) else end
    while closer := _CLOSER.match(text, last):
        last = closer.end()
    left = without(without_chatter(text, last, found), start, last)
    if is_blank(left):
        left = without(text, start, end) if _REASON.match(text, end) else ""
    return _LEFT_ALONE.sub("", left) if is_blank(text[last:]) else left


def without_sentence(text: str, begin: int, end: int, found: Announcements) -> str:
    """``text`` less ``text[begin:end]``, the sentence of an inferred conclusion. Where that is all
    there is, the clause before the last concluding word stays."""
    left = without(without_chatter(text, end, found), begin, end)
    if not is_blank(left):
        return _LEFT_ALONE.sub("", left) if is_blank(text[end:]) else left
    leads = [span for span in found.concluding_words(text[begin:end]) if span[0] > 0]
    clause = without(text, begin + leads[-1][0], end) if leads else ""
    return clause if len(clause.split()) > 2 or not clause.isascii() else ""


def sentence_begin(text: str, at: int) -> int:
    """Where the sentence begins that ``at`` stands in, or before."""
    tail = max(0, at - _LOOKED_AT, _line_begin(text, at))  # a line's end ends a sentence
    for begin, end in each_sentence(text[tail : at + 200]):
        if tail + end > at:
            return min(tail + begin, at)
    return at


def _line_begin(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _is_open(text: str) -> bool:
    """Whether LaTeX or bold type begins in ``text`` and does not end."""
    return (
        text.count("$") % 2 == 1
        or text.count("\\(") > text.count("\\)")
        or text.count("\\[") > text.count("\\]")
        or text.count("**") % 2 == 1
    )


_OPENING_TAG = re.compile(
    r"\A\s*<(?:[A-Z][a-z]{1,20}(?:[ _-][A-Z][a-z]{1,20}){1,3}"
    r"|(?i:solution|explanation|reasoning|thought|steps))>[ \t:]*\n?\s*(?=\S)"
)


def without_opening_tag(text: str) -> str:
    """``text`` less a tag that it opens with: "<Solution Path>"."""
    return _OPENING_TAG.sub("", text)


def without_chatter(text: str, at: int, found: Announcements) -> str:
    """``text`` less the sentences after ``at`` that speak to the reader."""
    after = text[at:]
    if not after.strip():
        return text
    for begin, end in reversed(sentences(after)):
        if found.is_chatter(after[begin:end]):
            after = after[:begin].rstrip() + after[end:]
    return text[:at] + after
