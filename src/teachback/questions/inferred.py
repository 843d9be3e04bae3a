"""What a text concludes that announces nothing: a number, a choice or a label, a short text.

Nothing is guessed: where a sentence denies, doubts or names several answers, there is none.
"""

from __future__ import annotations

import re

from teachback.questions.announcements import Announcements
from teachback.questions.choice_texts import named_within
from teachback.questions.conclusions import Inference, is_blank
from teachback.questions.last_sentences import concludes, last_sentences
from teachback.questions.number_words import find_number_words
from teachback.questions.restated import share
from teachback.questions.written_numbers import DecimalSign, find_numbers

_LONGEST_TEXT_ANSWER = 60
# How much of a question's words a sentence has that answers it in them.
SAID_AGAIN = 0.6

# ---------------------------------------------------------------------------- numbers

# Before a number that is the result, even if the question knows it.
_RESULT = re.compile(
    r"(?:=|≈|\b(?:is|are|was|were|be|leaves?|left\s+with|gives?(?:\s+us)?|equals?|makes?|gets?|yields?"
    r"|(?<!who\s)(?<!which\s)(?:has|have)|ist|sind|est|sont|es|son)\b|是|为|は)"
    r"\s*(?:only|just|about|exactly|still|now|a\s+total\s+of)?\s*[*_$\\(]*\Z",
    re.IGNORECASE,
)
# After a number that only compares: "which is 6 fewer than before".
_COMPARED = re.compile(r"\s+(?:\w+\s+)?(?:fewer|more|less|greater|per|each)\b", re.IGNORECASE)
_DIGITS = re.compile("[0-9]+")
_DENIED = re.compile(r"(?:\bnot|n['’]t|\bnever|\bnicht|\bpas|\bне|不是)\s*\Z", re.IGNORECASE)


def infer_number(
    question: str, text: str, found: Announcements, decimal: DecimalSign = "point"
) -> Inference | None:
    """The last number of the last sentence that has one.

    Where that one stands in the question, and only says what the result is counted by ("24 for
    each of the 3 children", "8 hours to drive 480 miles"), it is the last that does not.
    """
    for begin, end in last_sentences(text, found):
        sentence = text[begin:end]
        if found.is_aside(sentence):
            continue
        sentence = _up_to_asked(question, _without_aside(sentence, decimal), decimal)
        numbers = find_numbers(sentence, decimal)
        if not numbers:
            words = find_number_words(sentence)
            if words and concludes(sentence, found):
                start, _, value = words[-1]
                denied = _DENIED.search(sentence[max(0, start - 12) : start])
                if value is None or denied or sentence.endswith("?"):
                    return None
                return Inference(str(value), "number in words", begin, end)
            continue
        if sentence.endswith("?"):
            return None
        chosen = numbers[-1]
        led = _RESULT.search(sentence[: chosen.start])
        if len(numbers) > 1 and (not led or _COMPARED.match(sentence, chosen.end)):
            given = {one.value for one in find_numbers(question)}
            given.update(_DIGITS.findall(question))  # of "5 thousand" the 5 too
            new = [one for one in numbers if one.value is not None and one.value not in given]
            if chosen.value in given and new:
                chosen = new[-1]
        if chosen.value is None or _DENIED.search(sentence, 0, chosen.start):
            return None
        return Inference(chosen.value, "last number", begin, end)
    return None


_BRACKETED_END = re.compile(r"\s*\([^()=]*\)\W*\Z")
_HOW_MANY = re.compile(r"\bhow\s+many\s+(?:more\s+|other\s+)?([^\W\d_]+)", re.IGNORECASE)


def _without_aside(sentence: str, decimal: DecimalSign) -> str:
    """``sentence`` less a bracket at its end that only comments on the number before it."""
    head = _BRACKETED_END.sub("", sentence)
    return head if find_numbers(head, decimal) else sentence


def _up_to_asked(question: str, sentence: str, decimal: DecimalSign) -> str:
    """``sentence`` up to the thing that the question counts, where the number that counts it
    stands right before it: "8 goats" of "8 goats and 12 chickens"."""
    asked = [match[1] for match in _HOW_MANY.finditer(question)]
    if len(asked) != 1 or sentence.endswith("?"):
        return sentence
    counted = re.compile(rf"[0-9]\s+(?:\w+\s+)?{re.escape(asked[0])}\b", re.IGNORECASE)
    places = list(counted.finditer(sentence))
    if len(places) != 1 or len(find_numbers(sentence, decimal)) < 2:
        return sentence
    after = sentence[places[0].end() :]
    return sentence[: places[0].end()] if re.match(r",?\s+and\b|\s?[:(]", after) else sentence


# ---------------------------------------------------------------------------- choices and labels

_MARK = re.compile(
    r"[(\[（]\s*(?:(?:choice|option)\s+)?([A-Z])\s*[)\]）]"
    r"|\b(?:choice|option|answer|letter|Option|Choice|Answer|Letter)\s+[*_]{0,3}([A-Z])\b"
    r"|\A\W*([A-Z])\W*\Z|\b(?:leav(?:es|ing)|left\s+with|is|it['’]s|with)\s+(?:only\s+|just\s+)?[*_]{0,3}([A-Z])\W*\Z"
    r"|(?:^|(?<=\s))[*_]{2}\(?([A-Z])[).:]?(?:\s[^*_\n]{1,80})?[*_]{2}"
    r"|(?:^|(?<=\s))([B-Z])\)\s"
)
_CUES = re.compile(
    r"\b(?:most\s+likely|best\s+(?:fits|matches|describes|answers|choice|option|explanation)"
    r"|is\s+the\s+(?:only\s+)?one|fits|is\s+correct|correct\s+(?:answer|choice|option)|makes\s+the\s+most\s+sense|most\s+(?:appropriate|suitable"
    r"|plausible|logical|reasonable|accurate)|I(?:['’]d|\s+would)?\s+(?:choose|pick|select|go\s+with)"
    r"|we\s+(?:choose|pick|select)|what(?:['’]s|\s+is)\s+left|what\s+remains|that\s+leaves|leaves\s+(?:us\s+)?(?:only|with)"
    r"|remains|only\s+\w+(?:\s+\w+)?\s+(?:left|remaining)|is\s+what|must\s+be|has\s+to\s+be|the\s+best|works\s+best"
    r"|goes\s+to|points\s+to|my\s+(?:pick|choice|vote))\b",
    re.IGNORECASE,
)
# A contrast at a sentence's end, which names what the conclusion is not.
_CONTRAST = re.compile(
    r",?\s*\b(?:(?:and|while|but)\s+)?(?:not\b|rather\s+than\b|instead\s+of\b|unlike\b"
    r"|(?:the|all)\s+(?:\w+\s+){0,2}(?:others?|rest|remaining)\b).*\Z",
    re.IGNORECASE | re.DOTALL,
)


def infer_choice(
    question: str, text: str, choices: tuple[str, ...], found: Announcements, *, lettered: bool
) -> Inference | None:
    """The one choice that the last concluding sentence names, by its letter's mark or its text.

    Only a sentence that leads to a conclusion ("so …", "… is most likely") names one, or one that
    ends in a marked letter and does not begin with it ("option D is …" goes through the options);
    it must not deny anything ("so it is not a dog").
    """
    last = last_sentences(text, found)
    for at, (begin, end) in enumerate(last[:3]):
        sentence = text[begin:end]
        named = _named(sentence, choices, lettered)
        if not named or found.is_aside(sentence):
            continue
        leads = found.concluding_words(sentence)
        cues = [match.span() for match in _CUES.finditer(sentence)]
        marked = _marked(sentence, len(choices)) if lettered else []
        ends_marked = lettered and _ends_in_mark(_without_choices(sentence, choices))
        led = at == 0 and len(named) == 1 and _ends_led(sentence, named[0])
        if not (leads or cues or ends_marked or led) or sentence.endswith("?"):
            break
        clause = sentence[leads[-1][1] :] if leads and not cues else sentence
        uncontrasted = _CONTRAST.sub("", clause)
        if len(_named(uncontrasted, choices, lettered)) == 1:
            clause = uncontrasted
        if found.denies(_without_choices(clause, choices)):
            return None
        in_clause = _named(clause, choices, lettered) or (named if cues else [])
        if len(in_clause) != 1 or _goes_through(text, last[at + 1 : at + 2], choices, named, found):
            return None
        return Inference(in_clause[0], "marked choice" if marked else "named choice", begin, end)
    return _choice_said_again(question, text, last, choices, found)


def _choice_said_again(
    question: str,
    text: str,
    last: list[tuple[int, int]],
    choices: tuple[str, ...],
    found: Announcements,
) -> Inference | None:
    """The one choice that a sentence names which says again what is asked; None where two such
    sentences name different ones."""
    said: dict[str, tuple[int, int]] = {}
    for begin, end in last:
        sentence = text[begin:end]
        named = _named(sentence, choices, lettered=False)
        if len(named) != 1 or share(question, sentence) < SAID_AGAIN or sentence.endswith("?"):
            continue
        if found.denies(_without_choices(sentence, choices)) or found.hedges(sentence):
            return None
        said.setdefault(named[0], (begin, end))
    if len(said) != 1:
        return None
    answer, (begin, end) = next(iter(said.items()))
    return Inference(answer, "named choice", begin, end)


def _goes_through(
    text: str,
    before: list[tuple[int, int]],
    choices: tuple[str, ...],
    named: list[str],
    found: Announcements,
) -> bool:
    """Whether the sentence before concludes of one other choice: the text goes through them."""
    for begin, end in before:
        earlier = _named(text[begin:end], choices, lettered=False)
        if len(earlier) == 1 and earlier != named and found.concluding_words(text[begin:end]):
            return True
    return False


def _ends_led(sentence: str, choice: str) -> bool:
    """Whether ``choice`` ends ``sentence``, behind what leads to it: "the one we want is wind"."""
    at = sentence.casefold().rfind(choice.casefold())
    return at > 0 and not is_blank(sentence[:at]) and is_blank(sentence[at + len(choice) :])


def _without_choices(clause: str, choices: tuple[str, ...]) -> str:
    """``clause`` less the choices' own words, which may deny: "not guilty"."""
    for choice in sorted(choices, key=len, reverse=True):
        clause = re.sub(rf"(?<!\w){re.escape(choice)}(?!\w)", " … ", clause, flags=re.IGNORECASE)
    return clause


def _ends_in_mark(sentence: str) -> bool:
    """Whether a marked letter ends ``sentence`` (choices' texts are "…" in it), and begins it only
    where it is all there is."""
    marks = list(_MARK.finditer(f"{sentence} "))
    if not marks or not is_blank(sentence[marks[-1].end() :]):
        return False
    between = sentence[marks[0].end() : marks[-1].start()] if len(marks) > 1 else ""
    return not is_blank(sentence[: marks[0].start()]) or is_blank(between)


def _marked(sentence: str, count: int) -> list[int]:
    letters = (next(filter(None, match.groups())) for match in _MARK.finditer(sentence))
    return list(dict.fromkeys(at for at in (ord(c) - ord("A") for c in letters) if at < count))


def _named(sentence: str, choices: tuple[str, ...], lettered: bool) -> list[str]:
    marked = [choices[at] for at in _marked(sentence, len(choices))] if lettered else []
    texts = tuple(choice for choice in choices if len(choice) > 1 or not choice.isascii())
    return list(dict.fromkeys([*marked, *named_within(sentence, texts)]))


# ---------------------------------------------------------------------------- free text

_QUOTED = re.compile(
    r"[\"“«„]([^\"“”«»„\n]{1,60})[\"”»“]|(?<![\w])['‘]([^'‘’\n]{1,60})['’](?![\w])|`([^`\n]{1,60})`"
    r"|\*\*([^*\n]{1,60})\*\*|(?<![*\w])\*([^\s*][^*\n]{0,58})\*(?![*\w])|\\text\{([^{}\n]{1,60})\}|「([^」\n]{1,60})」|『([^』\n]{1,60})』"
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
        inference = _text_of(sentence, begin, end, found) or _labelled(sentence, begin, end, found)
        if inference is not None:
            return inference
        if found.denies(sentence):
            return None
        if _QUOTED.search(sentence) and at == 0 and len(last) == 1:
            return None
    for begin, end in last:
        sentence = text[begin:end]
        if share(question, sentence) >= SAID_AGAIN and not sentence.endswith("?"):
            return _after_verb(sentence, begin, end, found)
    return None


_LABEL = re.compile(
    r"\A\W*(?P<label>[^\W\d_][\w ]{0,30}?)[*_]*\s*(?::|=|→|->)[*_\s]*(?P<rest>\S.*)\Z"
)


def _labelled(sentence: str, begin: int, end: int, found: Announcements) -> Inference | None:
    """A short text behind a label: "Result: enost"."""
    match = _LABEL.match(sentence)
    if match is None or found.denies(sentence) or len(match["label"].split()) > 3:
        return None
    answer = match["rest"].strip(_MARKS)
    if not _is_short(answer, 4):
        return None
    return Inference(answer, "text after a colon", begin, end)


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
        alike = {_inner(one).casefold() for one in quoted}
        denied = found.denies(before[verbs[-1][0] if verbs else 0 :])
        if not answer or denied or not (led or whole or (leads and len(alike) == 1)):
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
    if not results or (leads and leads[-1][0] >= results[-1][1]):
        return None
    answer = _LITTLE.sub("", sentence[results[-1][1] :].lstrip(), count=1).strip(_MARKS)
    if not _is_short(answer, 4) or found.denies(sentence[leads[-1][1] if leads else 0 :]):
        return None
    return Inference(answer, "text after a verb", begin, end)


_IT_IS = re.compile(r"\W*((?:\S+\s+){1,4}?)it\s+is\W*\Z", re.IGNORECASE)  # "Pink it is!"


def _inner(quoted: re.Match[str]) -> str:
    inner: str = next(filter(None, quoted.groups()))
    return inner.strip(_MARKS)


def _is_short(answer: str, words: int) -> bool:
    return 0 < len(answer) <= _LONGEST_TEXT_ANSWER and len(answer.split()) <= words
