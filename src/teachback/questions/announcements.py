"""Where a text announces its conclusion, in the languages that are asked for.

The words stand in `teachback.questions.wordings`; here they become patterns, once for each set of
languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from teachback.questions.announcement_patterns import Patterns, patterns_of
from teachback.questions.conclusions import EDGE, STATEMENT_AT_MOST, MarkedEnding, Span
from teachback.questions.wordings import WORDINGS

# GSM8K's "#### 42", but not the fourth-level heading of a text in markdown.
_HASHES = re.compile(
    r"(?mi)^[ \t]*\#{4}[ \t]+(?!\W{0,3}(?:explanation|reason|step|analysis|conclu|solution|note"
    r"|summary|question|final|answer|option|choice))"
)
_BOXED = re.compile(r"\\boxed\s*\{")
# An answer in a tag, "<answer>B</answer>" (not before it: "The answer is A <answer>"), or in a
# field: "answer": "B".
_TAGGED = re.compile(r"(?i)<(?:final[ _-]?)?answer>\s{0,9}(?=[^\s<.])")
_FIELD = re.compile(r"(?i)\"(?:final[ _-]?)?answer\"\s{0,3}:\s{0,3}\"?")
_SIGNS = ((_HASHES, "####"), (_BOXED, "\\boxed"), (_TAGGED, ">"), (_FIELD, '":'))
"""What announces by a sign, and what stands in each text that has it."""
_SHOWN = {"####": "####", "\\boxed": "\\boxed{…}", ">": "<answer>", '":': "an answer field"}
# A sentence in brackets, of several words and without a result.
_ALL_BRACKETED = re.compile(r"\W*\((?:[^()=\s]+\s+){3,}[^()=]*\)\W*\Z")
# Case folding makes other letters of these, or of one two: no search in small letters finds them.
_FOLDED = re.compile("[ſıİ\u212a]")


class Announcements:
    """Where texts conclude, as the writers of some languages say it."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        self.languages = languages
        self.wordings = tuple(WORDINGS[language] for language in languages)
        self._all = tuple(patterns_of(wording) for wording in self.wordings)
        self.verdicts: Mapping[str, str] = {
            word: answer for wording in self.wordings for word, answer in wording.verdicts.items()
        }
        """Words for yes and no in small letters, and which of them each is."""

    def announced(self, text: str) -> Iterator[Span]:
        """The announced conclusions of ``text``, the last one first: "the answer is …",
        "Answer: …", "#### …" (GSM8K) and "\\boxed{…}".

        Suppositions ("if the answer is …") and answers that are not the writer's ("the wrong
        answer is …", "each option: …") are left out. At most 200 are looked at.
        """
        found = [
            (match.start(), match.end(), None)
            for pattern, sign in _SIGNS
            if sign in text
            for match in pattern.finditer(text)
        ]
        spans: list[tuple[int, int, Patterns | None]] = [*found]
        plain = text.lower()
        folded = len(plain) != len(text) or bool(not text.isascii() and _FOLDED.search(text))
        for own in self._all:
            nouns_there = [noun for noun in own.nouns if noun in plain]
            if folded:
                spans += _found(text, own, own.announced.finditer(text))
            elif nouns_there:
                places = sorted(at for noun in nouns_there for at in _places(plain, noun))
                spans += _found(text, own, _at(own.announced, text, places))
        spans.sort(key=lambda span: span[1])
        nouns = {end: own for _, end, own in spans if own is not None}
        for start, statement, _ in reversed(spans[-200:]):
            announcing = nouns.get(statement)
            if announcing is not None:
                if announcing.other.precedes(text, start):
                    continue
                lead = announcing.lead.search(text, _lead_from(text, start), start)
                start = lead.start() if lead else start
                if announcing.supposed.precedes(text, start):
                    continue
            line_end = text.find("\n", statement, statement + STATEMENT_AT_MOST)
            if line_end < 0:
                line_end = min(len(text), statement + STATEMENT_AT_MOST)
            named = "the answer is …"
            if announcing is None:
                mark = text[start:statement]
                named = next((shown for sign, shown in _SHOWN.items() if sign in mark), named)
            yield Span(start, statement, line_end, named)

    def negated(self, statement: str, at: int = 0) -> bool:
        """Whether ``statement`` says what the answer is *not* ("not B"), which concludes nothing.

        "Not among the options" is a conclusion, though it names no answer.
        """
        if any(own.negated.match(statement, at) for own in self._all):
            return True
        sentence = re.split(r"[\n。.]", statement[at : at + 200], maxsplit=1)[0]
        return any(own.negated_after and own.negated_after.search(sentence) for own in self._all)

    def verdict_end(self, text: str) -> MarkedEnding | None:
        """A yes or no that ends the text as its verdict: "…, hence it's false." """
        stripped = text[-400:].rstrip(EDGE)
        shift = max(0, len(text) - 400)
        for own in self._all:
            if match := own.verdict_end.search(stripped):
                word = " ".join(match["verdict"].casefold().split())
                return MarkedEnding(self.verdicts[word], shift + match.start())
        return None

    def is_chatter(self, sentence: str) -> bool:
        """Whether a sentence after the answer speaks to the reader: "I hope this helps!" """
        return any(own.chatter.match(sentence) for own in self._all)

    def is_aside(self, sentence: str) -> bool:
        """Whether a sentence checks or comments on the conclusion before it: "Check: …" """
        return _ALL_BRACKETED.match(sentence) is not None or any(
            own.aside.match(sentence) for own in self._all
        )

    def denies(self, text: str) -> bool:
        """Whether some word of ``text`` makes what it names no conclusion: "not", "or", "if"."""
        return any(own.denial.search(text) for own in self._all)

    def withdrawal(self, sentence: str) -> str | None:
        """What in ``sentence`` takes back every conclusion ("cannot be determined"), or None."""
        matches = (own.withdrawal.search(sentence) for own in self._all)
        return next((match[0] for match in matches if match), None)

    def negations(self, clause: str) -> int:
        """How many words of ``clause`` say that something is not so, in the language of most."""
        return max(len(own.negator.findall(clause)) if own.negator else 0 for own in self._all)

    def hedges(self, sentence: str) -> bool:
        """Whether ``sentence`` leaves open what it speaks of: "perhaps", "it depends"."""
        return any(own.hedge.search(sentence) for own in self._all)

    def greets(self, sentence: str) -> bool:
        """Whether ``sentence`` comes before any answer: "Sure!", "Let's work this out." """
        return any(own.greeting.match(sentence) for own in self._all)

    def explains(self, sentence: str) -> bool:
        """Whether ``sentence`` begins the reasons of what stands before: "Here's the breakdown"."""
        return any(own.explaining.match(sentence) for own in self._all)

    def concluding_words(self, sentence: str) -> list[tuple[int, int]]:
        """Where words stand that lead to a conclusion: "so", "therefore"; in their order."""
        return sorted(m.span() for own in self._all for m in own.leads.finditer(sentence))

    def result_words(self, sentence: str, *, weak: bool = False) -> list[tuple[int, int]]:
        """Where verbs and phrases stand that lead to a result: "gives us", "spells"; the ``weak``
        ones too ("is"), which lead to one in a concluding sentence only. In the order of their
        ends."""
        found = {m.span() for own in self._all for m in own.results.finditer(sentence)}
        if weak:
            found |= {m.span() for own in self._all for m in own.states.finditer(sentence)}
        return sorted(found, key=lambda span: span[1])

    def ends_statement(self, sentence: str, at: int) -> bool:
        """Whether ``sentence`` ends at ``at`` with a verb behind what it states: 「…」です。"""
        return any(own.verb_behind.match(sentence, at) for own in self._all)

    def is_combining(self, sentence: str) -> bool:
        """Whether a sentence puts the parts of an answer together: "Concatenating them is …"."""
        return any(own.combining.search(sentence) for own in self._all)

    def verdict_at(self, statement: str) -> tuple[str | None, int]:
        """The yes or no that a stated answer begins with, and where it ends there; for the words
        of other languages, English having subtleties of its own ("no more than two")."""
        for wording, own in zip(self.wordings, self._all, strict=True):
            if wording is not WORDINGS["en"] and (match := own.verdict_at.match(statement)):
                return self.verdicts[match["verdict"].casefold()], match.end()
        return None, 0

    def verdict(self, sentence: str) -> str | None:
        """The yes or no that ``sentence`` opens with, or finds of a statement; None for none."""
        for own in self._all:
            match = (
                own.verdict_first.match(sentence)
                or own.verdict_of.search(sentence)
                or own.verdict_clause.search(sentence)
            )
            if match:
                return self.verdicts[" ".join(match["verdict"].casefold().split())]
        return None


def _lead_from(text: str, start: int) -> int:
    """Where to look for what leads up to a noun: not beyond the sentence's beginning, since no
    lead spans it, so that looking finds nothing there."""
    begin = max(0, start - 100)
    for at in range(start - 1, begin - 1, -1):
        character = text[at]
        if not (character.isalpha() or character.isspace() or character in "#*_,:，、：—–-'’"):
            return at + 1
    return begin


def _found(
    text: str, own: Patterns, matches: Iterator[re.Match[str]]
) -> list[tuple[int, int, Patterns | None]]:
    """Where announcements start and end; with its patterns, where a noun announces (``matches``),
    whose other forms ``text`` may have too."""
    spans: list[tuple[int, int, Patterns | None]] = []
    spans += [(match.start(), match.end(), own) for match in matches]
    if own.copula_first is not None:
        spans += [
            (match.start("noun"), match.end(), own) for match in own.copula_first.finditer(text)
        ]
    if "\n" in text:
        spans += [(match.start(), match.end(), None) for match in own.headed.finditer(text)]
    if "(" in text:
        spans += [(match.start(), match.start(), None) for match in own.inverted.finditer(text)]
    return spans


def _places(plain: str, noun: str) -> Iterator[int]:
    at = plain.find(noun)
    while at >= 0:
        yield at
        at = plain.find(noun, at + 1)


def _at(pattern: re.Pattern[str], text: str, places: list[int]) -> Iterator[re.Match[str]]:
    """What ``pattern.finditer`` finds, which begins at one of ``places``."""
    end = 0
    for at in places:
        if at >= end and (match := pattern.match(text, at)):
            end = match.end()
            yield match


@lru_cache(maxsize=64)
def announcements(languages: tuple[str, ...] = ("en",)) -> Announcements:
    """For a set of languages (of ``WORDINGS``), always with English."""
    return Announcements(tuple(dict.fromkeys(("en", *languages))))


def in_every_language() -> Announcements:
    """For all that are known: what announces a conclusion in one language means nothing else in
    another. Not made before it is needed, since that takes a third of a second."""
    return announcements(tuple(WORDINGS))
