"""What a language's wording becomes: the patterns that find announcements in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from teachback.questions.wording import Wording

_LETTER = r"A-Za-zÀ-ɏͰ-ϿЀ-ӿ"
_MARKUP = r"(?:[*_]{1,3})?"
_BETWEEN = " ,:，、："
_ADVERB_BEFORE_NOT = (
    "definitely", "clearly", "certainly", "probably", "obviously", "simply", "therefore", "also",
)  # fmt: skip
# A verdict goes on so; "no one", "no more than" deny what follows and are none.
_SINCE = ("because", "since", "as", "it", "they", "he", "she", "we", "you", "this", "that", "there")


def any_of(phrases: Iterable[str]) -> str:
    """A pattern for any of ``phrases``, the longer ones first; one that never matches for none."""
    ordered = sorted(set(phrases), key=len, reverse=True)
    return "|".join(r"\s+".join(map(re.escape, p.split())) for p in ordered) or "(?!)"


@dataclass(frozen=True, slots=True)
class Ending:
    """Phrases that change what is announced right behind them: "if", "the wrong"."""

    phrases: tuple[str, ...]
    between: tuple[str, ...]
    """What may stand between a phrase and the announcement: "if *that* the answer is"."""
    spaced: bool

    @classmethod
    def of(cls, phrases: Iterable[str], between: Iterable[str], spaced: bool) -> Ending:
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
class Patterns:
    """What one language's wording becomes."""

    nouns: tuple[str, ...]
    announced: re.Pattern[str]
    copula_first: re.Pattern[str] | None
    lead: re.Pattern[str]
    headed: re.Pattern[str]
    inverted: re.Pattern[str]
    negated: re.Pattern[str]
    negated_after: re.Pattern[str] | None
    other: Ending
    supposed: Ending
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
    verdict_clause: re.Pattern[str]
    verb_behind: re.Pattern[str]


def patterns_of(words: Wording) -> Patterns:
    gap, some = (r"\s+", r"\s{1,3}") if words.spaced else (r"\s*", r"\s{0,3}")
    open_, close = (rf"(?<![{_LETTER}])", r"\b") if words.spaced else ("", "")
    verdict_ended = r"(?![\w'’-])" if words.spaced else ""
    spaced_before, space = (r"(?<=\s)", r"\s") if words.spaced else ("", "")
    comma = r"[\s,:，、：]{0,9}"
    nouns = any_of(words.nouns)
    for noun, before in words.qualified_nouns.items():
        nouns += rf"|{noun}(?<={before}\s{noun})"
    colon = rf"[{re.escape(words.colons)}]"
    copula = rf"(?:{any_of(words.copulas)})(?:{gap}(?:{any_of(words.adverbs)}))?"
    ended = r"(?!\w)" if words.spaced else ""
    flags = re.IGNORECASE
    announced = re.compile(
        rf"{open_}(?:{nouns})(?:{some}(?:{any_of(words.after_noun)}))?"
        rf"(?:{some}(?:{any_of(words.of)}){some}(?:{any_of(words.which)}){close}[^.:：。\n]{{0,40}}?)?"
        rf"{_MARKUP}\s{{0,3}}"
        rf"(?:(?:{spaced_before}(?:{copula}){ended}{_MARKUP}\s*"
        rf"(?:(?:{any_of(words.that)}){close})?\s*{colon}?)|\s{{0,3}}{colon})"
        rf"{_MARKUP}[ \t]*(?:\n\s*(?=\S))?",
        flags,
    )
    determiner = rf"(?:{any_of(words.determiners)}){gap}"
    adjectives = rf"(?:(?:{any_of(words.adjectives)}){gap}){{0,3}}"
    the = rf"(?:{determiner})?{adjectives}"
    # "(C) is the answer", not "(C) is answer"; where there are no such words, without.
    inverted_the = determiner + adjectives if words.spaced and words.determiners else the
    copula_first = None
    if words.copula_first:
        adverb = rf"(?:(?:{any_of(words.adverbs)}){gap})?"
        copula_first = re.compile(
            rf"{open_}(?:{any_of(words.copula_first)}){gap}{adverb}{determiner}"
            rf"{adjectives}(?P<noun>{nouns})\b"
            rf"{_MARKUP}\s*{colon}?{_MARKUP}[ \t]*(?=\S)",
            flags,
        )
        the = rf"(?:(?:{any_of(words.copula_first)}){gap}{adverb})?{the}"
    # "… the DNAThe answer is": some replies lack the space, or the full stop, before it.
    joined = r"|(?<=\w)(?=(?-i:[A-Z][a-z]))" if words.spaced else ""
    lead = re.compile(
        rf"(?:{open_}{joined})(?:\#{{1,6}}\s{{0,9}})?{_MARKUP}(?:(?:{any_of(words.leads)}){close}{comma}"
        rf"(?:then\b[\s,]{{0,9}})?)?(?:(?:{any_of(words.concluding)}){comma})?{the}\Z",
        flags,
    )
    return Patterns(
        nouns=(*words.nouns, *words.qualified_nouns),
        announced=announced,
        copula_first=copula_first,
        lead=lead,
        headed=re.compile(
            rf"(?mi)^[ \t#*_]{{0,20}}(?:{any_of(words.headings)})[ \t#*_\r]{{0,20}}\n\s*(?=\S)"
        ),
        inverted=re.compile(
            rf"\([A-Z]\)[^.。\n()]{{0,80}}?{space}(?:{any_of(words.is_the)}){gap}"
            rf"(?:(?:{any_of(words.adverbs)}){gap})?{inverted_the}(?:{nouns}){close}"
        ),
        negated=re.compile(
            rf"(?:[\s*_\"'“‘`]*(?:{any_of(_ADVERB_BEFORE_NOT)})\b)?[\s*_\"'“‘`]*(?:{any_of(words.negations)})"
            rf"{close}(?!{some}(?:\w+ly\s+)?(?:{any_of(words.no_negations)}))",
            flags,
        ),
        negated_after=re.compile(any_of(words.negations_after)) if words.negations_after else None,
        other=Ending.of(words.other, words.nouns, words.spaced),
        supposed=Ending.of(words.suppositions, words.that, words.spaced),
        verdict_end=re.compile(
            rf"(?:{open_}(?:{any_of(words.leads)}){comma}(?:(?:{any_of(words.it_is)}){gap})?"
            rf"|{open_}(?:{any_of(words.statement_is)}){gap}(?:(?:{any_of(words.adverbs)}){gap})?)"
            rf"[*_\"'“‘]{{0,3}}(?P<verdict>{any_of(words.verdicts)})\Z",
            flags,
        ),
        chatter=re.compile(rf"\W*(?:{any_of(words.chatter)})", flags),
        aside=re.compile(rf"\W*(?:{any_of(words.asides)})", flags),
        denial=re.compile(
            rf"(?:{open_}|(?=n['’]t))(?:{any_of(words.denials)})(?!\w)"
            if words.spaced
            else any_of(words.denials),
            flags,
        ),
        withdrawal=re.compile(rf"{open_}(?:{any_of(words.withdrawals)}){close}", flags),
        negator=re.compile(
            rf"(?:{open_}|(?=n['’]t))(?:{any_of(words.negators)})(?!\w)"
            if words.spaced
            else any_of(words.negators),
            flags,
        )
        if words.negators
        else None,
        hedge=re.compile(rf"{open_}(?:{any_of(words.hedges)})(?!\w)", flags),
        greeting=re.compile(rf"\W*(?:{any_of(words.greetings)})(?!\w)", flags),
        explaining=re.compile(rf"[^\w\n]*(?:{any_of(words.explaining)})(?!\w)", flags),
        leads=re.compile(rf"{open_}(?:{any_of(words.leads)}){close}", flags),
        results=re.compile(rf"{open_}(?:{any_of(words.results)}){close}", flags),
        states=re.compile(rf"{open_}(?:{any_of(words.states)}){close}", flags),
        combining=re.compile(rf"{open_}(?:{any_of(words.combining)}){close}", flags),
        verdict_at=re.compile(
            rf"[\s*_\"'“‘「(\[{{$]*(?:\\(?:text|mathrm|textbf|mathbf)\{{)?(?:(?:{any_of(words.adverbs)})"
            rf"{comma})?(?P<verdict>{any_of(words.verdicts)}){verdict_ended}",
            flags,
        ),
        verdict_first=re.compile(
            rf"[\s*_\"'“‘(#>-]*(?:(?:{any_of(words.leads)}){close}{comma})?[*_\"'“‘]{{0,3}}"
            rf"(?P<verdict>{any_of(words.verdicts)})(?P<sign>[*_\"'”’]{{0,3}}\s{{0,2}}"
            rf"(?:[,.!;:。，、！：]|[-–—]|$|\n|{any_of(_SINCE)}))",
            flags,
        ),
        verdict_of=re.compile(
            rf"{open_}(?:{any_of(words.statement_is)}){gap}(?:(?:{any_of(words.adverbs)}){gap})?"
            rf"[*_\"'“‘]{{0,3}}(?P<verdict>{any_of(words.verdicts)})(?!\w)",
            flags,
        ),
        verdict_clause=re.compile(
            rf"[,，、:：—–]\s*[*_]{{0,3}}(?P<verdict>{any_of(words.verdicts)})[*_]{{0,3}}[,，、—–]",
            flags,
        ),
        verb_behind=re.compile(rf"[\s*_]*(?:{any_of(words.verbs_behind)})[。.!！]?\s*\Z", flags),
    )
