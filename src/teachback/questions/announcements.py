"""Where a text announces its conclusion, in the languages that are asked for.

The words stand in `teachback.questions.wordings`; here they become patterns, once for each set of
languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from teachback.questions.conclusions import STATEMENT_AT_MOST, Span
from teachback.questions.wording import Wording
from teachback.questions.wordings import WORDINGS

_LETTER = r"A-Za-zÀ-ɏͰ-ϿЀ-ӿ"
_MARKUP = r"(?:[*_]{1,3})?"
_BETWEEN = " ,:，、："
_EDGE = " \t\r\n.,;:!?\"'`*_“”‘’…。！？、，"
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
_ADVERB_BEFORE_NOT = (
    "definitely", "clearly", "certainly", "probably", "obviously", "simply", "therefore", "also",
)  # fmt: skip
# A verdict goes on so; "no one", "no more than" deny what follows and are none.
_SINCE = ("because", "since", "as", "it", "they", "he", "she", "we", "you", "this", "that", "there")
# A sentence in brackets, of several words and without a result.
_ALL_BRACKETED = re.compile(r"\W*\((?:[^()=\s]+\s+){3,}[^()=]*\)\W*\Z")
# Case folding makes other letters of these, or of one two: no search in small letters finds them.
_FOLDED = re.compile("[ſıİ\u212a]")


def _any(phrases: Iterable[str]) -> str:
    """A pattern for any of ``phrases``, the longer ones first; one that never matches for none."""
    ordered = sorted(set(phrases), key=len, reverse=True)
    return "|".join(r"\s+".join(map(re.escape, p.split())) for p in ordered) or "(?!)"


@dataclass(frozen=True, slots=True)
class _Ending:
    """Phrases that change what is announced right behind them: "if", "the wrong"."""

    phrases: tuple[str, ...]
    between: tuple[str, ...]
    """What may stand between a phrase and the announcement: "if *that* the answer is"."""
    spaced: bool

    @classmethod
    def of(cls, phrases: Iterable[str], between: Iterable[str], spaced: bool) -> _Ending:
        join = " " if spaced else ""
        first, then = (
            tuple(sorted({join.join(p.lower().split()) for p in some}, key=len, reverse=True))
            for some in (phrases, between)
        )
        return cls(first, then, spaced)

    def precedes(self, text: str, at: int) -> bool:
        """Whether one of the phrases ends right before ``at``."""
        before = (" " if self.spaced else "").join(text[max(0, at - 60) : at].lower().split())
        before = before.rstrip(_BETWEEN)
        if self._ends(before, self.phrases):
            return True
        last = next((word for word in self.between if self._ends(before, (word,))), None)
        return last is not None and self._ends(
            before.removesuffix(last).rstrip(_BETWEEN), self.phrases
        )

    def _ends(self, before: str, phrases: tuple[str, ...]) -> bool:
        if not before.endswith(phrases):
            return False
        return not self.spaced or any(
            before.endswith(phrase) and not before[: -len(phrase)][-1:].isalpha()
            for phrase in phrases
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Patterns:
    """What one language's wording becomes."""

    nouns: tuple[str, ...]
    announced: re.Pattern[str]
    copula_first: re.Pattern[str] | None
    lead: re.Pattern[str]
    headed: re.Pattern[str]
    inverted: re.Pattern[str]
    negated: re.Pattern[str]
    negated_after: re.Pattern[str] | None
    other: _Ending
    supposed: _Ending
    verdict_end: re.Pattern[str]
    chatter: re.Pattern[str]
    aside: re.Pattern[str]
    denial: re.Pattern[str]
    withdrawal: re.Pattern[str]
    negator: re.Pattern[str] | None
    hedge: re.Pattern[str]
    greeting: re.Pattern[str]
    explaining: re.Pattern[str]
    leads: re.Pattern[str]
    results: re.Pattern[str]
    states: re.Pattern[str]
    combining: re.Pattern[str]
    verdict_at: re.Pattern[str]
    verdict_first: re.Pattern[str]
    verdict_of: re.Pattern[str]


def _patterns(words: Wording) -> _Patterns:
    gap, some = (r"\s+", r"\s{1,3}") if words.spaced else (r"\s*", r"\s{0,3}")
    open_, close = (rf"(?<![{_LETTER}])", r"\b") if words.spaced else ("", "")
    verdict_ended = r"(?![\w'’-])" if words.spaced else ""
    spaced_before, space = (r"(?<=\s)", r"\s") if words.spaced else ("", "")
    comma = r"[\s,:，、：]{0,9}"
    nouns = _any(words.nouns)
    for noun, before in words.qualified_nouns.items():
        nouns += rf"|{noun}(?<={before}\s{noun})"
    colon = rf"[{re.escape(words.colons)}]"
    copula = rf"(?:{_any(words.copulas)})(?:{gap}(?:{_any(words.adverbs)}))?"
    ended = r"(?!\w)" if words.spaced else ""
    flags = re.IGNORECASE
    announced = re.compile(
        rf"{open_}(?:{nouns})(?:{some}(?:{_any(words.after_noun)}))?"
        rf"(?:{some}(?:{_any(words.of)}){some}(?:{_any(words.which)}){close}[^.:：。\n]{{0,40}}?)?"
        rf"{_MARKUP}\s{{0,3}}"
        rf"(?:(?:{spaced_before}(?:{copula}){ended}{_MARKUP}\s*"
        rf"(?:(?:{_any(words.that)}){close})?\s*{colon}?)|\s{{0,3}}{colon})"
        rf"{_MARKUP}[ \t]*(?:\n\s*(?=\S))?",
        flags,
    )
    determiner = rf"(?:{_any(words.determiners)}){gap}"
    adjectives = rf"(?:(?:{_any(words.adjectives)}){gap}){{0,3}}"
    the = rf"(?:{determiner})?{adjectives}"
    # "(C) is the answer", not "(C) is answer"; where there are no such words, without.
    inverted_the = determiner + adjectives if words.spaced and words.determiners else the
    copula_first = None
    if words.copula_first:
        adverb = rf"(?:(?:{_any(words.adverbs)}){gap})?"
        copula_first = re.compile(
            rf"{open_}(?:{_any(words.copula_first)}){gap}{adverb}{determiner}"
            rf"{adjectives}(?P<noun>{nouns})\b"
            rf"{_MARKUP}\s*{colon}?{_MARKUP}[ \t]*(?=\S)",
            flags,
        )
        the = rf"(?:(?:{_any(words.copula_first)}){gap}{adverb})?{the}"
    # "… the DNAThe answer is": some replies lack the space, or the full stop, before it.
    joined = r"|(?<=\w)(?=(?-i:[A-Z][a-z]))" if words.spaced else ""
    lead = re.compile(
        rf"(?:{open_}{joined})(?:\#{{1,6}}\s{{0,9}})?{_MARKUP}(?:(?:{_any(words.leads)}){close}{comma}"
        rf"(?:then\b[\s,]{{0,9}})?)?(?:(?:{_any(words.concluding)}){comma})?{the}\Z",
        flags,
    )
    return _Patterns(
        nouns=(*words.nouns, *words.qualified_nouns),
        announced=announced,
        copula_first=copula_first,
        lead=lead,
        headed=re.compile(
            rf"(?mi)^[ \t#*_]{{0,20}}(?:{_any(words.headings)})[ \t#*_\r]{{0,20}}\n\s*(?=\S)"
        ),
        inverted=re.compile(
            rf"\([A-Z]\)[^.。\n()]{{0,80}}?{space}(?:{_any(words.is_the)}){gap}"
            rf"(?:(?:{_any(words.adverbs)}){gap})?{inverted_the}(?:{nouns}){close}"
        ),
        negated=re.compile(
            rf"(?:[\s*_\"'“‘`]*(?:{_any(_ADVERB_BEFORE_NOT)})\b)?[\s*_\"'“‘`]*(?:{_any(words.negations)})"
            rf"{close}(?!{some}(?:\w+ly\s+)?(?:{_any(words.no_negations)}))",
            flags,
        ),
        negated_after=re.compile(_any(words.negations_after)) if words.negations_after else None,
        other=_Ending.of(words.other, words.nouns, words.spaced),
        supposed=_Ending.of(words.suppositions, words.that, words.spaced),
        verdict_end=re.compile(
            rf"(?:{open_}(?:{_any(words.leads)}){comma}(?:(?:{_any(words.it_is)}){gap})?"
            rf"|{open_}(?:{_any(words.statement_is)}){gap}(?:(?:{_any(words.adverbs)}){gap})?)"
            rf"[*_\"'“‘]{{0,3}}(?P<verdict>{_any(words.verdicts)})\Z",
            flags,
        ),
        chatter=re.compile(rf"\W*(?:{_any(words.chatter)})", flags),
        aside=re.compile(rf"\W*(?:{_any(words.asides)})", flags),
        denial=re.compile(
            rf"(?:{open_}|(?=n['’]t))(?:{_any(words.denials)})(?!\w)"
            if words.spaced
            else _any(words.denials),
            flags,
        ),
        withdrawal=re.compile(rf"{open_}(?:{_any(words.withdrawals)}){close}", flags),
        negator=re.compile(rf"(?:{open_}|(?=n['’]t))(?:{_any(words.negators)})(?!\w)", flags)
        if words.negators
        else None,
        hedge=re.compile(rf"{open_}(?:{_any(words.hedges)})(?!\w)", flags),
        greeting=re.compile(rf"\W*(?:{_any(words.greetings)})(?!\w)", flags),
        explaining=re.compile(rf"[^\w\n]*(?:{_any(words.explaining)})(?!\w)", flags),
        leads=re.compile(rf"{open_}(?:{_any(words.leads)}){close}", flags),
        results=re.compile(rf"{open_}(?:{_any(words.results)}){close}", flags),
        states=re.compile(rf"{open_}(?:{_any(words.states)}){close}", flags),
        combining=re.compile(rf"{open_}(?:{_any(words.combining)}){close}", flags),
        verdict_at=re.compile(
            rf"[\s*_\"'“‘「(\[{{$]*(?:\\(?:text|mathrm|textbf|mathbf)\{{)?(?:(?:{_any(words.adverbs)})"
            rf"{comma})?(?P<verdict>{_any(words.verdicts)}){verdict_ended}",
            flags,
        ),
        verdict_first=re.compile(
            rf"[\s*_\"'“‘(#>-]*(?:(?:{_any(words.leads)}){close}{comma})?[*_\"'“‘]{{0,3}}"
            rf"(?P<verdict>{_any(words.verdicts)})(?P<sign>[*_\"'”’]{{0,3}}\s{{0,2}}"
            rf"(?:[,.!;:。，！：]|[-–—]|$|\n|{_any(_SINCE)}))",
            flags,
        ),
        verdict_of=re.compile(
            rf"{open_}(?:{_any(words.statement_is)}){gap}(?:(?:{_any(words.adverbs)}){gap})?"
            rf"[*_\"'“‘]{{0,3}}(?P<verdict>{_any(words.verdicts)})(?!\w)",
            flags,
        ),
    )


class Announcements:
    """Where texts conclude, as the writers of some languages say it."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        self.languages = languages
        self.wordings = tuple(WORDINGS[language] for language in languages)
        self._all = tuple(_patterns(wording) for wording in self.wordings)
        self._nouns = tuple((noun, own) for own in self._all for noun in own.nouns)
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
        spans: list[tuple[int, int, _Patterns | None]] = [*found]
        plain = text.lower()
        folded = len(plain) != len(text) or bool(not text.isascii() and _FOLDED.search(text))
        if folded:
            there = self._all
        else:
            there = tuple(dict.fromkeys([own for noun, own in self._nouns if noun in plain]))
        for own in there:
            spans += _found(text, None if folded else plain, own)
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

    def verdict_end(self, text: str) -> Span | None:
        """A yes or no that ends the text as its verdict: "…, hence it's false." """
        stripped = text[-400:].rstrip(_EDGE)
        shift = max(0, len(text) - 400)
        for own in self._all:
            if match := own.verdict_end.search(stripped):
                return Span(
                    shift + match.start(), shift + match.start("verdict"), shift + len(stripped)
                )
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
            match = own.verdict_first.match(sentence) or own.verdict_of.search(sentence)
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


def _found(text: str, plain: str | None, own: _Patterns) -> list[tuple[int, int, _Patterns | None]]:
    """Where announcements start and end; with its patterns, where a noun announces. Patterns are
    tried only where ``plain``, the text in small letters, has a noun; None: anywhere."""
    spans: list[tuple[int, int, _Patterns | None]] = []
    if plain is None:
        matches = own.announced.finditer(text)
    else:
        places = sorted(at for noun in own.nouns for at in _places(plain, noun))
        matches = _at(own.announced, text, places)
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


EVERY_LANGUAGE = announcements(tuple(WORDINGS))
"""All that are known. Replies are read with it: what announces a conclusion in one language means
nothing else in another, so nobody has to say which language a file is in."""
