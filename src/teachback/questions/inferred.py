"""The conclusion of a text that announces none, as the field reads it: flexible extraction.

Chains that were not asked for in our form end in "So there is only one crate left." or "Joining
the initials gives us "tbmk"." What they conclude is inferred from the last sentences, and counted
apart from what is announced; where more than one answer is possible, none is inferred.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from teachback.questions.number_words import find_number_words
from teachback.questions.sentences import Sentence, is_chatter, sentences
from teachback.questions.written_numbers import WrittenNumber, find_numbers

_LAST = 3  # sentences that may conclude

_THEREFORE = re.compile(
    r"""[\s*_>#"“(-]*(?:and\s+|but\s+)?(?:so|therefore|thus|hence|consequently|accordingly|finally
    |overall|altogether|in\s+(?:conclusion|summary|total|all|the\s+end)|as\s+a\s+result|ultimately
    |that\s+(?:means|leaves|makes|gives)|this\s+(?:means|leaves|makes|gives)|we\s+(?:get|conclude)
    |also|somit|daher|deshalb|folglich|donc|ainsi|por\s+lo\s+tanto|entonces|así\s+que
    |поэтому|значит|итак|следовательно)\b|[\s*_]*(?:所以|因此|故|よって|したがって|だから)""",
    re.IGNORECASE | re.VERBOSE,
)
_DENIED = re.compile(
    r"\b(?:not|never|neither|nor|rather\s+than|instead\s+of|unlike|except|without|cannot|no\s+longer"
    r"|nicht|kein\w*|pas|sin)\b|n['’]t\b|不|没",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"""“([^“”\n]{1,80})”|«\s?([^«»\n]{1,80}?)\s?»|「([^」\n]{1,80})」|"([^"\n]{1,80})"
    |(?<![\w])'([^'\n]{1,80})'(?!\w)|`([^`\n]{1,80})`|\*\*([^*\n]{1,80})\*\*""",
    re.VERBOSE,
)
# What follows is what the writer came to. The last of them in the sentence counts.
_CONCLUDING_VERB = re.compile(
    r"""\b(?:is|are|was|be|becomes?|equals?|gives?(?:\s+us)?|gave(?:\s+us)?|yields?|makes?|made|spells?
    |reads?|results?\s+in|leads?\s+to|get|gets|got|obtain|have|has|forms?|produces?|leaves?(?:\s+us)?
    (?:\s+with)?|remains?|shows?|says?|means|called|named|ist|lautet|ergibt|est|donne|es|da|resulta)\b
    \s*:?\s+|(?:是|为|等于|得到|です)\s*:?\s*|[:=]\s+""",
    re.IGNORECASE | re.VERBOSE,
)
_LEADING = re.compile(
    r"\A(?:(?:the|a|an|still|now|then|also|therefore|thus|exactly|simply|just|only|equal\s+to|indeed"
    r"|simply\s+put)\s+|(?:word|string|code|letters?|answer|result|phrase|name)s?\s*:?\s+)+",
    re.IGNORECASE,
)
_TRAILING = " \t.,;:!?…。！？*_\"'“”‘’`"
_MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Inferred:
    """What a sentence of a text concludes: the statement that a kind can read, the sentence that
    states it, and by what it was found."""

    statement: str
    sentence: Sentence
    pattern: str


def last_number(text: str) -> Inferred | None:
    """The last number of the last sentence that has one; what stands after the sentence's last
    equals sign counts before it, and what stands in brackets only where nothing else does."""
    for sentence in _backwards(text, most=len(text)):
        found = _numbers_of(sentence.text)
        if found:
            said = found[-1]
            return None if said is None else Inferred(said, sentence, "last number")
    return None


def named_choice(text: str, named: Sequence[str], sentence: Sentence) -> Inferred | None:
    """The one choice that a concluding sentence names (``named`` are all those that it names)."""
    if len(named) != 1 or _DENIED.search(sentence.text):
        return None
    return Inferred(named[0], sentence, "named choice")


def concluding_sentences(text: str) -> list[Sentence]:
    """The sentences that may conclude ``text``, the last first: those of the last three that
    begin with "so", "therefore", …."""
    return [s for s in _backwards(text, most=_LAST) if _THEREFORE.match(s.text)]


def last_string(text: str) -> Inferred | None:
    """The quoted string, or the words after a concluding verb, of the last concluding sentence."""
    candidates = _backwards(text, most=_LAST)
    for place, sentence in enumerate(candidates):
        draws = _THEREFORE.match(sentence.text) is not None
        if place and not draws:
            continue
        if _DENIED.search(sentence.text):
            return None
        if (quoted := _quoted(sentence.text)) is not None:
            return Inferred(quoted, sentence, "quoted string")
        verbs = [v for v in _CONCLUDING_VERB.finditer(sentence.text) if draws or _comes_to(v[0])]
        if not verbs:
            continue
        said = sentence.text[verbs[-1].end() :].strip(_TRAILING)
        said = _LEADING.sub("", said).strip(_TRAILING)
        if said and len(said.split()) <= _MOST_WORDS:
            return Inferred(said, sentence, "after a concluding verb")
    return None


def _comes_to(verb: str) -> bool:
    """Whether a verb says by itself that what follows was come to: "gives", but not "is"."""
    return (
        re.match(r"(?:gi|gave|yield|result|lead|spell|obtain|produc|equal|ergibt|=|得到)", verb)
        is not None
    )


def _backwards(text: str, most: int) -> list[Sentence]:
    """The last sentences, the last first, politeness at the end left out."""
    found = sentences(text)
    while found and (is_chatter(found[-1].text) or not re.search(r"\w", found[-1].text)):
        found.pop()
    return found[::-1][:most]


def _numbers_of(sentence: str) -> list[str | None]:
    """The numbers of a sentence as far as they count; None for one that cannot be read."""
    at = sentence.rfind("=") + 1
    tail = _read_in(sentence[at:]) if at else []
    if tail:
        return tail[:1]  # "3 · 5 = 15 jars in 3 hours"
    bare = re.sub(r"\([^()]*\)", lambda m: " " * len(m[0]), sentence)
    return _read_in(bare) or _read_in(sentence)


def _read_in(part: str) -> list[str | None]:
    numbers: list[tuple[int, str | None]] = [
        (one.start, one.value) for one in find_numbers(part) if _counts(part, one)
    ]
    numbers += [
        (start, None if value is None else str(value))
        for start, _, value in find_number_words(part)
    ]
    return [value for _, value in sorted(numbers, key=lambda pair: pair[0])]


def _counts(part: str, one: WrittenNumber) -> bool:
    """Whether it is a quantity: "Step 3:", "1." at a line's beginning and "(2)" only number."""
    before, after = part[: one.start], part[one.end :]
    if re.search(r"\b(?:step|option|choice|question|part|equation|day|chapter)\s*\Z", before, re.I):
        return False
    return not (not before.strip(" *_#-") and re.match(r"[.)]\s+\S", after))


def _quoted(sentence: str) -> str | None:
    """The last quoted string; the first, where the sentence begins by naming it."""
    found = [
        (match.start(), match.end(), next(group for group in match.groups() if group is not None))
        for match in _QUOTED.finditer(sentence)
    ]
    found = [one for one in found if one[2].strip(_TRAILING)]
    if not found:
        return None
    opening = found[0]
    begins = not re.search(r"\w", _THEREFORE.sub("", sentence[: opening[0]]))
    if begins and re.match(r"\s*(?:is|are)\s+(?:the|our|what)\b", sentence[opening[1] :]):
        return opening[2].strip()
    return found[-1][2].strip().strip(_TRAILING)
