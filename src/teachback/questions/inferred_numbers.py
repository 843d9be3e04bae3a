"""The number that a text concludes with and does not announce."""

from __future__ import annotations

import re

from teachback.questions.announcements import Announcements
from teachback.questions.conclusions import Inference
from teachback.questions.languages import languages_of
from teachback.questions.last_sentences import concludes, last_sentences
from teachback.questions.number_words import NumberInWords, find_number_words
from teachback.questions.written_numbers import DecimalSign, find_numbers

# Before a number that is the result, even if the question knows it.
_RESULT = re.compile(
    r"(?:=|≈|\b(?:is|are|was|were|be|leaves?|left\s+with|gives?(?:\s+us)?|equals?|makes?|gets?|yields?"
    r"|(?<!who\s)(?<!which\s)(?:has|have)"
    r"|ist|sind|hat|haben|bleibt|bleiben|kostet|kosten|ergibt|ergeben"
    r"|est|sont|font|reste|restent|coûte|coûtent|es|son|quedan?|tiene|tienen|cuesta|cuestan"
    r"|останется|остаётся|остается|осталось|остались|получится|получается|получим)\b"
    r"|是|为|有|剩下?|得到?|は)"
    r"\s*(?:(?:only|just|about|exactly|still|now|a\s+total\s+of|nur|noch|genau|also|somit|damit|folglich"
    r"|seulement|exactement|donc|solo|exactamente|entonces|только|ровно|значит|итак|共|了|只)\s*){0,3}"
    r"[*_$\\(]*\Z",
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
    spoken = _spoken(question, text, found)
    for begin, end in last_sentences(text, found):
        sentence = text[begin:end]
        if found.is_aside(sentence):
            continue
        sentence = _up_to_asked(question, _without_aside(sentence, decimal), decimal)
        sentence = _result_in_words(question, sentence, found, spoken) or sentence
        numbers = find_numbers(sentence, decimal)
        if not numbers:
            words = find_number_words(sentence, spoken)
            if words and (
                concludes(sentence, found) or _is_result(question, sentence, words, spoken)
            ):
                last = words[-1]
                denied = _DENIED.search(sentence[max(0, last.start - 12) : last.start])
                if last.value is None or denied or sentence.endswith("?"):
                    return None
                return Inference(str(last.value), "number in words", begin, end)
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


def _spoken(question: str, text: str, found: Announcements) -> tuple[str, ...]:
    """Of the languages that are read, those that the text is written in: the "cent" of "one cent"
    is no French hundred."""
    written = languages_of(f"{question}\n{text[-20_000:]}"[-20_000:])
    return tuple(language for language in found.languages if language in written)


def _result_in_words(
    question: str, sentence: str, found: Announcements, spoken: tuple[str, ...]
) -> str | None:
    """The clause behind the last concluding word, where it has a result in words and no digits:
    "there are 13 baskets, *so each has three rolls*"."""
    leads = found.concluding_words(sentence)
    clause = sentence[leads[-1][0] :] if leads else ""
    words = find_number_words(clause, spoken)
    if not words or _DIGITS.search(clause) or not _is_result(question, clause, words, spoken):
        return None
    return clause


def _is_result(
    question: str, sentence: str, words: list[NumberInWords], spoken: tuple[str, ...]
) -> bool:
    """Whether the one number in words of ``sentence`` stands right behind a verb that gives a
    result ("each friend gets nine"), and the question does not know it."""
    if len(words) != 1 or not _RESULT.search(sentence[: words[0].start]):
        return False
    value = words[0].value
    known = {one.value for one in find_numbers(question)}
    known.update(str(other.value) for other in find_number_words(question, spoken))
    return value is not None and str(value) not in known


_COMPARES = re.compile(r"\b(?:less|more|fewer|greater|than|double|twice|half)\b", re.IGNORECASE)
_WHICH = re.compile(
    r",\s+(?:which\s+(?:is|was|makes|means|would)|or|i\.e\.|that\s+is)\b.*\Z",
    re.IGNORECASE | re.DOTALL,
)
# The reason of what stands before: "she needs 7 bags, because 7 x 5 = 35".
_REASON = re.compile(
    r"(?:,?\s+(?:because|weil|parce\s+que|porque|потому\s+что)"
    r"|,\s+(?:since|as|da|denn|car|puisque|ya\s+que|pues|так\s+как|ведь))\s.*\Z",
    re.IGNORECASE | re.DOTALL,
)
_BRACKETED_END = re.compile(r"\s*\([^()=]*\)\W*\Z")
_HOW_MUCH = re.compile(r"\bhow\s+much\s+([^\W\d_]+)", re.IGNORECASE)
_HOW_MANY = re.compile(r"\bhow\s+many\s+(?:more\s+|other\s+)?([^\W\d_]+)", re.IGNORECASE)


def _without_aside(sentence: str, decimal: DecimalSign) -> str:
    """``sentence`` less what at its end only comments on the number before it: a reason, a
    bracket, a comparison."""
    reasoned = _REASON.sub("", sentence)
    if find_numbers(reasoned, decimal):
        sentence = reasoned
    head = _BRACKETED_END.sub("", sentence)
    if numbers := find_numbers(relative := _WHICH.sub("", head), decimal):
        compares = _COMPARES.search(head[len(relative) :])
        led = _RESULT.search(relative[: numbers[-1].start])
        head = relative if compares or led else head
    return head if find_numbers(head, decimal) else sentence


def _up_to_asked(question: str, sentence: str, decimal: DecimalSign) -> str:
    """``sentence`` up to the thing that the question counts, where the number that counts it
    stands right before it: "8 goats" of "8 goats and 12 chickens"."""
    if amount := _HOW_MUCH.search(question):
        said = re.search(rf"\b{re.escape(amount[1])}\s+(?:is|was|=)\s", sentence, re.IGNORECASE)
        numbers = find_numbers(sentence, decimal) if said else []
        ends = [one.end for one in numbers if said and 0 <= one.start - said.end() <= 2]
        return sentence[: ends[0]] if ends else sentence
    asked = [match[1] for match in _HOW_MANY.finditer(question)]
    if len(asked) != 1 or sentence.endswith("?"):
        return sentence
    counted = re.compile(rf"[0-9]\s+(?:\w+\s+)?{re.escape(asked[0])}\b", re.IGNORECASE)
    places = list(counted.finditer(sentence))
    if len(places) != 1 or len(find_numbers(sentence, decimal)) < 2:
        return sentence
    after = sentence[places[0].end() :]
    return sentence[: places[0].end()] if re.match(r",?\s+and\b|\s?[:(]", after) else sentence
