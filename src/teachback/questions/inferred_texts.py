"""The short text that a text concludes with and does not announce."""

from __future__ import annotations

import re

from teachback.questions.announcements import Announcements
from teachback.questions.conclusions import Inference, is_blank
from teachback.questions.last_sentences import last_sentences
from teachback.questions.restated import SAID_AGAIN, asking_sentence, content_words, share

_LONGEST_TEXT_ANSWER = 60

_QUOTED = re.compile(
    r"[\"“«„]([^\"“”«»„\n]{1,60})[\"”»“]|(?<![\w])['‘]([^'‘’\n]{1,60})['’](?![\w])|`([^`\n]{1,60})`"
    r"|(?<!\w)\*\*([^*\n]{1,60})\*\*(?!\w)|(?<![*\w])\*([^\s*][^*\n]{0,58})\*(?![*\w])|\\text\{([^{}\n]{1,60})\}|「([^」\n]{1,60})」|『([^』\n]{1,60})』"
)
_MARKS = " \t*_`\"'“”‘’«»„「」『』.,;:!?。！？、，…$"
# A line that is one word, or ends in one behind an arrow or an equals sign.
_SHOWN = re.compile(r"(?:\A|(?:->|→|=>|=)\s*)[*_`$]{0,3}([^\s=>→]{1,40}?)[*_`$]{0,3}[.。]?\Z")
_LITTLE = re.compile(
    r"(?:(?:now|still|only|just|simply|therefore|thus|then|finally|also|the|a|an|that|:|=|→|->)\s+)+",
    re.IGNORECASE,
)


def infer_text(question: str, text: str, found: Announcements) -> Inference | None:
    """The quoted or last string after a concluding verb, of the last sentence ("… gives us
    "tbmk".", "Thus the code reads: KX-41"); else that of a sentence that says again what is asked
    ("The symbol of sodium is Na. It comes from …").
    """
    last = last_sentences(text, found)
    for at, (begin, end) in enumerate(last[:2]):
        sentence = text[begin:end]
        if found.is_aside(sentence):
            continue
        if sentence.endswith("?"):
            return None
        inference = (
            _text_of(sentence, begin, end, found)
            or _labelled(sentence, begin, end, found)
            or _below_colon(text, last[at : at + 2], found)
            or _said_of_it(question, sentence, begin, end, found)
            or _said_of_asked(question, sentence, begin, end, found)
        )
        if inference is not None:
            return inference
        if found.denies(sentence):
            return None
        if _QUOTED.search(sentence):
            if len(last) == 1:
                return None
            break
    for begin, end in last:
        sentence = text[begin:end]
        if share(question, sentence) >= SAID_AGAIN and not sentence.endswith("?"):
            return _after_verb(sentence, begin, end, found)
    return None


_LABEL = re.compile(
    r"\A\W*(?P<label>[^\W\d_][\w '’]{0,30}?)[*_]*\s*(?::|=|→|->)[*_\s]*(?P<rest>\S.*)\Z"
)


def _labelled(sentence: str, begin: int, end: int, found: Announcements) -> Inference | None:
    """A short text behind a label: "Result: enost"."""
    match = _LABEL.match(sentence)
    if match is None or found.denies(sentence) or len(match["label"].split()) > 5:
        return None
    answer = match["rest"].strip(_MARKS)
    if not _is_short(answer, 4):
        return None
    return Inference(answer, "text after a colon", begin, end)


def _below_colon(text: str, spans: list[tuple[int, int]], found: Announcements) -> Inference | None:
    """A short text on a line of its own, below one that ends in a colon: "The phrase is:"."""
    if len(spans) < 2:
        return None
    (begin, end), (before, before_end) = spans
    head = text[before:before_end]
    answer = text[begin:end].strip(_MARKS)
    if not head.endswith((":", "：")) or found.denies(head) or not _is_short(answer, 6):
        return None
    return Inference(answer, "text after a colon", before, end)


_OF_IT = re.compile(
    r"\A\W*(?:so\s+)?(?:that|this|the|its|their)\s+(?P<subject>\w+(?:\s+\w+)?)\s+(?:is|was)\s+(?P<rest>.+)\Z",
    re.IGNORECASE,
)
# The form that a question asks a date in, and what is written in it.
_DATE_FORM = re.compile(r"\b(?:MM/DD/YYYY|DD/MM/YYYY|YYYY-MM-DD|DD\.MM\.YYYY)\b", re.IGNORECASE)


def _said_of_it(
    question: str, sentence: str, begin: int, end: int, found: Announcements
) -> Inference | None:
    """What a sentence says of the thing that is asked about ("That ball is green."), or the one
    date in the form that is asked for."""
    if found.denies(sentence):
        return None
    if form := _DATE_FORM.search(question):
        written = re.sub(r"[A-Za-z]", "[0-9]", form[0]).replace(".", r"\.")
        dates = set(re.findall(rf"(?<![0-9]){written}(?![0-9])", sentence))
        return Inference(dates.pop(), "last word", begin, end) if len(dates) == 1 else None
    match = _OF_IT.match(sentence)
    if match is None or not set(content_words(match["subject"])) <= set(content_words(question)):
        return None
    answer = match["rest"].strip(_MARKS)
    if not _is_short(answer, 3) or _ARTICLE.match(answer):
        return None
    return Inference(answer, "text after a verb", begin, end)


_ASKED_OF = re.compile(
    r"\b(?:what|which|who)\b(?:\s+\w+){0,2}?\s+(?:is|was|are|were|will\s+be)\s+(?:it\s+)?(?P<subject>[^?,;]+)\?",
    re.IGNORECASE,
)
_STATED_OF = re.compile(
    r"\A\W*(?:(?:so|thus|therefore|hence|that\s+means)\b[\s,]+)?(?P<subject>[^,;:]+?)\s+(?:is|was|are|were|will\s+be|must\s+be"
    r"|must\s+have\s+been|would\s+be)\s+(?:a\s+)?(?P<rest>.+)\Z",
    re.IGNORECASE,
)


def _said_of_asked(
    question: str, sentence: str, begin: int, end: int, found: Announcements
) -> Inference | None:
    """What the sentence says of the very thing that is asked about: "Yesterday was Friday" of
    "…, what day was yesterday?"."""
    asked = _ASKED_OF.search(asking_sentence(question))
    stated = _STATED_OF.match(sentence)
    if asked is None or stated is None or found.denies(sentence):
        return None
    words = set(content_words(asked["subject"]))
    if not words or words != set(content_words(stated["subject"])):
        return None
    answer = stated["rest"].strip(_MARKS)
    if not _is_short(answer, 3) or _ARTICLE.match(answer):
        return None
    return Inference(answer, "text after a verb", begin, end)


_ARTICLE = re.compile(r"(?:a|an|the)\s", re.IGNORECASE)


def _after_verb(sentence: str, begin: int, end: int, found: Announcements) -> Inference | None:
    """What stands behind the last verb that leads to a result."""
    results = found.result_words(sentence, weak=True)
    if not results or found.denies(sentence):
        return None
    rest = re.split(r",\s|\s[—–(-]|;", sentence[results[-1][1] :].lstrip(), maxsplit=1)[0]
    answer = _LITTLE.sub("", rest, count=1).strip(_MARKS)
    return Inference(answer, "text after a verb", begin, end) if _is_short(answer, 5) else None


def _text_of(sentence: str, begin: int, end: int, found: Announcements) -> Inference | None:
    leads = found.concluding_words(sentence)
    quoted = list(_QUOTED.finditer(sentence))
    results = found.result_words(sentence, weak=True)
    if quoted:
        last = quoted[-1]
        answer = _inner(last)
        before = sentence[: last.start()]
        verbs = [span for span in results if span[1] <= last.start()]
        led = verbs or before.rstrip().endswith((":", "=", "→"))
        whole = is_blank(before + sentence[last.end() :])
        if whole and (label := _LABEL.match(answer)):  # "**Classification: spam**"
            answer = label["rest"].strip(_MARKS)
        alike = {_inner(one).casefold() for one in quoted}
        unsaid = _OR_QUOTED.sub("", before)  # "it is n-a-p, or "nap""
        denied = found.denies(unsaid[verbs[-1][0] if verbs else 0 :])
        marked = len(quoted) == 1 and last[0][0] in "*`"  # so the writer marks it out
        led = led or found.ends_statement(sentence, last.end())
        if not answer or denied or not (led or whole or (leads and len(alike) == 1) or marked):
            return None
        return Inference(answer, "quoted text", begin, end)
    if chosen := _IT_IS.match(sentence):
        return Inference(chosen[1].strip(_MARKS), "text after a verb", begin, end)
    head, colon, rest = sentence.rpartition(": ")
    ended = bool(colon and results and any(span[1] == len(head.rstrip()) for span in results))
    shown = _SHOWN.search(sentence)
    if shown is not None and not found.denies(sentence):
        return Inference(shown[1].strip(_MARKS), "last word", begin, end)
    if not (leads or ended or found.result_words(sentence) or found.is_combining(sentence)):
        return None
    if colon and not found.denies(head):
        answer = rest.strip(_MARKS)
        if _is_short(answer, 6):
            return Inference(answer, "text after a colon", begin, end)
    if leads and (not results or leads[-1][0] >= results[-1][1]):
        return _behind_lead(sentence, begin, end, leads[-1], found)
    if not results:
        return None
    stated = sentence[: _clause_end(sentence, results[-1][1])]
    answer = _LITTLE.sub("", stated[results[-1][1] :].lstrip(), count=1).strip(_MARKS)
    if not _is_short(answer, 4) or found.denies(stated[leads[-1][1] if leads else 0 :]):
        return None
    return Inference(answer, "text after a verb", begin, end)


def _behind_lead(
    sentence: str, begin: int, end: int, lead: tuple[int, int], found: Announcements
) -> Inference | None:
    """One or two words behind the concluding word in a sentence: "Das Buch gehört somit Clara"."""
    answer = sentence[lead[1] :].strip(_MARKS)
    before = sentence[: lead[0]].rstrip()
    if not before or not before[-1].isalnum() or not _is_short(answer, 2) or found.denies(sentence):
        return None
    return Inference(answer, "last word", begin, end)


def _clause_end(sentence: str, at: int) -> int:
    """Where what begins at ``at`` ends, before "…, or in small letters: …"."""
    end = _OR_SO.search(sentence, at)
    return end.start() if end else len(sentence)


_OR_QUOTED = re.compile(r",\s+or\s*\Z")
_OR_SO = re.compile(r",\s+(?:or|i\.e\.|that\s+is|which)\b", re.IGNORECASE)
_IT_IS = re.compile(r"\W*((?:\S+\s+){1,4}?)it\s+is\W*\Z", re.IGNORECASE)  # "Pink it is!"


def _inner(quoted: re.Match[str]) -> str:
    inner: str = next(filter(None, quoted.groups()))
    return inner.strip(_MARKS)


def _is_short(answer: str, words: int) -> bool:
    return 0 < len(answer) <= _LONGEST_TEXT_ANSWER and len(answer.split()) <= words
