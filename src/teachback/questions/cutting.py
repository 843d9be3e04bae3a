"""What an explanation keeps of the sentence that concludes it: nothing.

The student writes a conclusion of its own. What is left of the teacher's ("dollars.", a closing
bracket of LaTeX, "I hope this helps!") would be learnt as part of the explanation.
"""

from __future__ import annotations

import re

from teachback.questions.sentences import is_chatter, sentence_end, sentences

# A reason that the concluding sentence gives is explanation: "(B), because plants need light."
_REASON = re.compile(
    r"""[\s,;:–—(-]*(?:because|since|as|for(?=\s+(?:it|they|he|she|we|the)\b)|due\s+to|given|which|where
    |so\s+that|while|whereas|when|if|and|but|weil|da|denn|car|parce|porque|ya\s+que|因为|потому)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_MARKUP_AFTER = re.compile(r"(?:[ \t]*(?:\\[\])]|[*_}$\])\"”’»`]))+")
_STOP = re.compile(r"[*_\"'”’)\]}$`]*(?:[.!?](?=[\s*_\"'”’)\]}$`\\]|\Z)|。)")
_OPENING = re.compile(r"(?:\\[\[(]|\$\$?|\*\*|\\boxed\{|\\text\{|[\s{(\"“*_`])+\Z")
# "Therefore, among A through E, " leads up to the conclusion and says nothing else.
_LEADS_UP = re.compile(
    r"(?:so|therefore|thus|hence|consequently|accordingly|finally|overall|in\s+(?:conclusion|summary)"
    r"|as\s+a\s+result)\b[^.!?\n]{0,60},\s*\Z",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"\b(?:because|since|as|is|are|was|were|has|have|had|will|would|can|could|must|should|need\w*"
    r"|does|do|did)\b|=",
    re.IGNORECASE,
)


def conclusion_begins(text: str, start: int) -> int:
    """Where a conclusion that is announced at ``start`` begins: with the brackets of LaTeX that
    open right before it, and with words that do nothing but lead up to it."""
    opening = _OPENING.search(text, max(0, start - 40), start)
    begin = opening.start() if opening and opening[0].strip() else start
    sentence = max(text.rfind(stop, 0, begin) + len(stop) for stop in (". ", "\n", "! ", "? "))
    lead = text[sentence:begin]
    if _LEADS_UP.match(lead.lstrip(" *_#")) and not _CLAUSE.search(lead):
        return sentence
    return begin


def conclusion_ends(text: str, end: int) -> int:
    """Where the sentence of a conclusion whose answer ends at ``end`` is over: at its full stop,
    with the markup that closes there; at the answer itself where a reason follows it."""
    if _REASON.match(text, end):
        return end
    if text[end - 1 : end] in (".", "!", "?", "。"):  # the answer was read with its full stop
        return end
    stop = _STOP.match(text, end)  # "B." is no initial here
    over = stop.end() if stop else sentence_end(text, end)
    while (markup := _MARKUP_AFTER.match(text, over)) and markup.end() > over:
        over = markup.end()
    closing = re.compile(r"\s*\\[\])]").match(text, over)
    return closing.end() if closing else over


def without_chatter(explanation: str) -> str:
    """``explanation`` less politeness at its end ("I hope this helps!")."""
    found = sentences(explanation)
    kept = len(found)
    while kept and is_chatter(found[kept - 1].text):
        kept -= 1
    return explanation if kept == len(found) else explanation[: found[kept].start].rstrip()


def states_a_step(sentence: str) -> bool:
    """Whether a concluding sentence shows how it comes to its answer ("3 + 4 = 7"): then it is
    explanation too, and stays."""
    return re.search(r"\w\s*=\s*[-+\w$€£]", sentence) is not None
