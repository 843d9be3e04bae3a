"""A text's sentences, as far as finding its conclusion takes them apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A full stop that ends no sentence: "Mr. Lee", "no. 5", "e.g. this", "J. K. Rowling".
_ABBREVIATED = re.compile(
    r"(?:\b(?:[A-Za-z]|mr|mrs|ms|dr|st|jr|sr|vs|no|mt|prof|gen|col|capt|lt|rev|etc|approx|e\.g|i\.e|cf"
    r"|inc|ltd|co|corp|dept|fig|eq|vol|min|max|bzw|ca|ggf|evtl|vgl|z\.B)\.|\b\d{1,2}\.)\Z",
    re.IGNORECASE,
)
_CLOSING = r"[\"'”’»)\]*_`}$]*"
_END = re.compile(rf"[.!?…]+{_CLOSING}(?=\s|\Z)|[。！？]+[”」』）]*|\n+", re.MULTILINE)

# Politeness after the conclusion, which belongs to no explanation.
_CHATTER = re.compile(
    r"""[\s*_>#-]*(?:
    (?:i\s+|we\s+)?(?:really\s+)?hope\s+(?:this|that|it)\b
    | let\s+me\s+know\b | feel\s+free\b | please\s+(?:let|feel|note\s+that\s+i)\b
    | if\s+you\s+(?:have|need|want|would\s+like)\b | is\s+there\s+anything\s+else\b
    | (?:happy|glad)\s+to\s+help\b | (?:good\s+luck|have\s+a\s+(?:nice|great|good))\b
    | do\s+you\s+(?:have|need|want)\b | would\s+you\s+like\b | thanks?\b | you['’]re\s+welcome\b
    | ich\s+hoffe\b | j['’]espère\b | espero\s+que\b | 希望 | надеюсь\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text[start:end]``, its closing full stop included, white space around it not."""

    start: int
    end: int
    text: str


def sentences(text: str) -> list[Sentence]:
    """The sentences of ``text`` in order; a line's end is a sentence's end too."""
    found: list[Sentence] = []
    begin = 0
    for match in _END.finditer(text):
        stop = text[match.start() : match.start() + 1]
        if stop == "." and _ABBREVIATED.search(text, max(0, match.start() - 8), match.start() + 1):
            continue
        _add(found, text, begin, match.end())
        begin = match.end()
    _add(found, text, begin, len(text))
    return found


def sentence_end(text: str, at: int) -> int:
    """Where the sentence that ``text[at]`` belongs to ends, its full stop included."""
    for match in _END.finditer(text, at):
        stop = text[match.start() : match.start() + 1]
        if stop == "." and _ABBREVIATED.search(text, max(0, match.start() - 8), match.start() + 1):
            continue
        return match.start() if stop == "\n" else match.end()
    return len(text)


def is_chatter(sentence: str) -> bool:
    """Whether a sentence is politeness ("I hope this helps!") and says nothing of the matter."""
    return _CHATTER.match(sentence) is not None


def _add(found: list[Sentence], text: str, begin: int, end: int) -> None:
    own = text[begin:end]
    stripped = own.strip()
    if stripped:
        start = begin + len(own) - len(own.lstrip())
        found.append(Sentence(start, start + len(stripped), stripped))
