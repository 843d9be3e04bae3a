"""The choice or label that a text concludes with and does not announce.

Nothing is guessed: where a sentence denies, doubts or names several choices, there is none.
"""

from __future__ import annotations

import re

from teachback.questions.announcements import Announcements
from teachback.questions.choice_texts import named_within
from teachback.questions.conclusions import Inference, is_blank, normalise
from teachback.questions.last_sentences import LONGEST_SENTENCE, last_sentences
from teachback.questions.restated import SAID_AGAIN, share
from teachback.questions.sentences import sentences

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
    r"|goes\s+to|points\s+to|my\s+(?:pick|choice|vote))\b|\A\W*at\s+the\s+end\b",
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
    if ticked := _ticked(text, choices):
        return ticked
    for at, (begin, end) in enumerate(last[:3]):
        sentence = text[begin:end]
        named = _named(sentence, choices, lettered)
        if not named or found.is_aside(sentence):
            continue
        leads = found.concluding_words(sentence)
        cues = [match.span() for match in _CUES.finditer(sentence)]
        marked = _marked(sentence, len(choices)) if lettered else []
        ends_marked = lettered and _ends_in_mark(_without_choices(sentence, choices))
        led = (
            at == 0
            and len(named) == 1
            and _ends_with(sentence, named[0])
            and (share(question, sentence) > 0 or _SAID_OF.search(_before(sentence, named[0])))
        )
        if not (leads or cues or ends_marked or led) or sentence.endswith("?"):
            break
        clause = sentence[leads[-1][1] :] if leads and not cues else sentence
        uncontrasted = _CONTRAST.sub("", clause)
        if len(_named(uncontrasted, choices, lettered)) == 1:
            clause = uncontrasted
        unsaid = _without_choices(clause, choices)
        if _MAY.search(question):  # "Why might she sit?", "So she might sit to rest."
            unsaid = _MAY.sub("", unsaid)
        if found.denies(unsaid):
            return None
        in_clause = _named(clause, choices, lettered) or (named if cues else [])
        if len(in_clause) != 1 or _goes_through(text, last[at + 1 : at + 2], choices, named, found):
            return None
        return Inference(in_clause[0], "marked choice" if marked else "named choice", begin, end)
    return _opening_choice(text, choices) or _choice_said_again(
        question, text, last, choices, found
    )


def _opening_choice(text: str, choices: tuple[str, ...]) -> Inference | None:
    """The choice that is all of the first sentence: "Umbrella. An umbrella keeps …"."""
    spans = sentences(text[:LONGEST_SENTENCE])
    if len(spans) < 2:
        return None
    begin, end = spans[0]
    said = normalise(text[begin:end])
    named = [choice for choice in choices if len(choice) > 1 and normalise(choice) == said]
    return Inference(named[0], "named choice", begin, end) if len(named) == 1 else None


def _ticked(text: str, choices: tuple[str, ...]) -> Inference | None:
    """The one choice whose line has a tick, where the lines of others have crosses."""
    if not re.search("[❌✗✘]", text):
        return None
    ticked = list(re.finditer(r"[^\n]*[✅✔☑][^\n]*", text))
    named = _named(ticked[0][0], choices, lettered=False) if len(ticked) == 1 else []
    if len(named) != 1:
        return None
    return Inference(named[0], "marked choice", *ticked[0].span())


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


def _ends_with(sentence: str, choice: str) -> bool:
    """Whether ``choice`` ends ``sentence`` and is not all of it: "she should go to the doctor"."""
    at = sentence.casefold().rfind(choice.casefold())
    return at > 0 and not is_blank(sentence[:at]) and is_blank(sentence[at + len(choice) :])


def _before(sentence: str, choice: str) -> str:
    """What stands before ``choice``, which ends ``sentence``."""
    return sentence[: sentence.casefold().rfind(choice.casefold())]


# Right before a choice that ends its sentence; "a pet that is a dog" says nothing of the kind.
_SAID_OF = re.compile(
    r"(?<!that\s)(?<!which\s)(?<!who\s)\b(?:is|are|was|were)"
    r"\s+(?:(?:in|at|on|from|to|a|an|the)\s+){0,2}[*_\"]*\Z"
)
_MAY = re.compile(r"\b(?:might|may|could)\b", re.IGNORECASE)


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
