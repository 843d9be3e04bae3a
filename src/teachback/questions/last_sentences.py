"""The sentences in which a text concludes that announces nothing: its last ones, or its first."""

from __future__ import annotations

import re
from itertools import pairwise

from teachback.questions.announcements import Announcements
from teachback.questions.conclusions import is_blank
from teachback.questions.restated import content_words
from teachback.questions.sentences import sentences

# How far from the end a conclusion is looked for.
SENTENCES_LOOKED_AT = 6
LONGEST_SENTENCE = 2_000


_PICTURES = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]")


def last_sentences(text: str, found: Announcements) -> list[tuple[int, int]]:
    """The sentences that may conclude, the last one first: none that speaks to the reader."""
    tail = max(0, len(text) - 20_000)
    spans = [(tail + begin, tail + end) for begin, end in sentences(text[tail:])]
    kept = [
        (begin, end)
        for begin, end in spans
        if end - begin <= LONGEST_SENTENCE
        and not is_blank(_PICTURES.sub("", text[begin:end]))
        and not found.is_chatter(text[begin:end])
    ]
    return kept[: -SENTENCES_LOOKED_AT - 1 : -1]


def takes_back(question: str, text: str, found: Announcements) -> bool:
    """Whether one of the last three sentences takes back what was concluded ("that can't be
    determined"), unless that is what the question asks about."""
    asked = set(content_words(question))
    for begin, end in last_sentences(text, found)[:3]:
        withdrawal = found.withdrawal(text[begin:end])
        if withdrawal and not asked & set(content_words(withdrawal)):
            return True
    return False


def explained_opening(text: str, found: Announcements) -> int | None:
    """Where the first sentence ends, if it gives an answer that the others then explain: the next
    one begins so ("Here's the breakdown"). None where it does not."""
    for (begin, end), (begin_next, end_next) in pairwise(sentences(text[:LONGEST_SENTENCE])[:3]):
        if found.greets(text[begin:end]):
            return None
        if found.explains(text[begin_next:end_next]):
            return end
    return None


def concludes(sentence: str, found: Announcements) -> bool:
    """Whether a sentence opens with a word that leads to a conclusion."""
    words = found.concluding_words(sentence)
    return bool(words) and not re.search(r"\w", sentence[: words[0][0]])
