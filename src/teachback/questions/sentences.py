"""A text in sentences: where they begin and end, in any of the scripts that mark it."""

from __future__ import annotations

import re
from collections.abc import Iterator

# A full stop that ends no sentence: "U.S. Navy", "St. Louis", "no. 5", "z. B.", also where a
# quotation mark, bold type or a brace opens before it: **Dr. Seuss**, \text{St. Paul}.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(.]|(?P<opened>[\"'“‘„«`*_{\[]))"
    r"(?:(?-i:[A-Z])|dr|mrs?|ms|st|jr|sr|vs|no|mt|ft|inc|ltd|co|corp|prof|gen|col|capt|lt|rev|etc"
    r"|approx|e\.g|i\.e|ca|bzw|usw|nr|art|fig|sra?|dra?)\.$",
    re.IGNORECASE,
)
_LIST_ITEM = re.compile(r"(?:^|\n)[\s*_#>-]*\(?[0-9]{1,2}\.$")  # "1. First"
# Words that begin a sentence even behind such a stop: "…, then K. Thus the code is K."
_BEGINS = re.compile(
    r"\s+(?:So|Thus|Therefore|Hence|The|This|That|These|Then|Now|Next|It|We|In|When|Putting|Joining"
    r"|Combining|From|A|An)\s"
)
_CLOSERS = r"[\"'”’»)\]*_}$]*(?:\\[)\]])?"
_END = re.compile(
    rf"(?P<stop>[.!?]+){_CLOSERS}(?=\s+(?![a-z])|\s*\Z)"
    rf"|(?P<missing>(?<=[a-z0-9)])[.!?])(?=[A-Z][a-z]|[0-9]\.\s?[A-Z])"
    r"|[。！？]+[」』”）]*"
    r"|\n+"
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences of ``text`` begin and end, white space around them left out. A line's
    end always ends one, a full stop where no abbreviation, number or list item does without.
    """
    return list(each_sentence(text))


def each_sentence(text: str) -> Iterator[tuple[int, int]]:
    """As `sentences`, one after the other."""
    begin = 0
    for end in _END.finditer(text):
        if _ends_none(text, end):
            continue
        if text[begin : end.end()].strip():
            yield _trimmed(text, begin, end.end())
        begin = end.end()
    if text[begin:].strip():
        yield _trimmed(text, begin, len(text))


def _ends_none(text: str, end: re.Match[str]) -> bool:
    """Whether the full stop is an abbreviation's, or a list item's."""
    if end["stop"] != ".":
        return False
    stop = end.end("stop")
    item = _LIST_ITEM.search(text, max(0, stop - 9), stop)
    return item is not None or abbreviates(text, stop)


def abbreviates(text: str, stop: int) -> bool:
    """Whether the full stop that ends at ``stop`` is an abbreviation's, behind which its sentence
    continues."""
    found = _ABBREVIATION.search(text, max(0, stop - 9), stop)
    # What was opened right before it is closed: "K." is all of a quotation.
    if found is None or (found["opened"] and not text[stop : stop + 1].isspace()):
        return False
    return _BEGINS.match(text, stop) is None


def sentence_end(text: str, at: int) -> int:
    """Where the sentence ends that the character before ``at`` belongs to; ``at`` where it ends
    one itself."""
    begin = max(0, at - 1)
    for end in _END.finditer(text, begin):
        # An answer that ends in a full stop of its own ends its sentence all the same.
        if _ends_none(text, end) and end.end("stop") > at:
            continue
        return end.start() if text[end.start()] == "\n" else end.end()
    return len(text)


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int]:
    inner = text[begin:end]
    return begin + len(inner) - len(inner.lstrip()), begin + len(inner.rstrip())
