"""The yes or no that a text concludes with and does not announce."""

from __future__ import annotations

import re

from teachback.questions.announcements import Announcements
from teachback.questions.conclusions import Inference
from teachback.questions.last_sentences import LONGEST_SENTENCE, concludes, last_sentences
from teachback.questions.restated import declared, tells_case
from teachback.questions.sentences import sentences

# A verdict that ends its sentence behind a mark or a verb of saying: "…: yes.", "I'd say no".
_AT_THE_END = re.compile(
    r"(?:[:=→—–]|->|=>|\s-\s|\b(?:say|answer(?:ed)?|said|is|be|a|with|to|thus|so|hence|then|says))"
    r"[\s*_\"'“‘]*(?:a\s+(?:clear|firm|definite|resounding|simple)\s+)?(?P<verdict>yes|no|true|false)\W*\Z",
    re.IGNORECASE,
)


def infer_yes_no(question: str, text: str, found: Announcements) -> Inference | None:
    """The verdict that one of the last sentences opens or ends with ("So yes, …", "…: no."),
    finds ("the statement is false"), or gives by affirming or negating what is asked ("he was not
    alive then"); or that the text itself opens with. None where two of them disagree.
    """
    closing = _closing_verdict(question, text, found)
    opening = _opening_verdict(question, text, found)
    if closing and opening and closing.answer != opening.answer:
        return None
    if closing and (closing.start or closing.by == "declared verdict"):
        return closing
    return opening


def _closing_verdict(question: str, text: str, found: Announcements) -> Inference | None:
    last = last_sentences(text, found)
    ending = found.verdict_end(text)
    if ending and ending.answer and last and last[0][0] <= ending.start < last[0][1]:
        return Inference(ending.answer, "verdict", *last[0])
    for begin, end in last[:2]:
        sentence = text[begin:end]
        if found.is_aside(sentence):
            continue
        verdict = found.verdict(sentence)
        opened = concludes(sentence, found) or "statement" in sentence or begin == 0
        opened = opened or (begin == last[0][0] and not found.hedges(sentence))
        if verdict and (opened or sentence.rstrip("*_.!").count(" ") == 0):
            return Inference(verdict, "verdict", begin, end)
        if (ended := _AT_THE_END.search(sentence)) and not found.hedges(sentence):
            return Inference(found.verdicts[ended["verdict"].casefold()], "verdict", begin, end)
        # The last sentence only, where the question tells a case: others may tell it again.
        settles = begin == last[0][0] or not tells_case(question)
        if settles and (said := declared(question, sentence, found)):
            return Inference(said, "declared verdict", begin, end)
        if found.hedges(sentence) or found.denies(sentence) or sentence.endswith("?"):
            return None
    return None


def _opening_verdict(question: str, text: str, found: Announcements) -> Inference | None:
    spans = sentences(text[:LONGEST_SENTENCE])
    if len(spans) < 2:
        return None
    begin, end = spans[0]
    verdict = found.verdict(text[begin:end])
    if verdict is None and not tells_case(question):
        # Where the question tells a case first, a first sentence like this tells it again.
        verdict = declared(question, text[begin:end], found, whole=True)
    return Inference(verdict, "opening verdict", begin, end) if verdict else None
