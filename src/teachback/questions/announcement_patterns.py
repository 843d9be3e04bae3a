"""What a language's wording becomes: the patterns that find announcements in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from teachback.questions.wording import Wording

_LETTER = r"A-Za-zÀ-ɏͰ-ϿЀ-ӿ"
_MARKUP = r"(?:[*_]{1,3})?"
_BETWEEN = " ,:，、："
_COMMA = r"[\s,:，、：]{0,9}"
_FLAGS = re.IGNORECASE
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
    """The patterns of the language that ``words`` are of."""
    pieces = _Pieces(words)
    return Patterns(
        nouns=(*words.nouns, *words.qualified_nouns),
        announced=_announced(pieces),
        copula_first=_copula_first(pieces) if words.copula_first else None,
        lead=_lead(pieces),
        headed=re.compile(
            rf"(?mi)^[ \t#*_]{{0,20}}(?:{any_of(words.headings)})[ \t#*_\r]{{0,20}}\n\s*(?=\S)"
        ),
        inverted=_inverted(pieces),
        negated=_negated(pieces),
        negated_after=re.compile(any_of(words.negations_after)) if words.negations_after else None,
        other=Ending.of(words.other, words.nouns, words.spaced),
        supposed=Ending.of(words.suppositions, words.that, words.spaced),
        verdict_end=_verdict_end(pieces),
        chatter=re.compile(rf"\W*(?:{any_of(words.chatter)})", _FLAGS),
        aside=re.compile(rf"\W*(?:{any_of(words.asides)})", _FLAGS),
        denial=pieces.denying(words.denials),
        withdrawal=pieces.anywhere(words.withdrawals),
        negator=pieces.denying(words.negators) if words.negators else None,
        hedge=re.compile(rf"{pieces.opens}(?:{any_of(words.hedges)})(?!\w)", _FLAGS),
        greeting=re.compile(rf"\W*(?:{any_of(words.greetings)})(?!\w)", _FLAGS),
        explaining=re.compile(rf"[^\w\n]*(?:{any_of(words.explaining)})(?!\w)", _FLAGS),
        leads=pieces.anywhere(words.leads),
        results=pieces.anywhere(words.results),
        states=pieces.anywhere(words.states),
        combining=pieces.anywhere(words.combining),
        verdict_at=_verdict_at(pieces),
        verdict_first=_verdict_first(pieces),
        verdict_of=_verdict_of(pieces),
        verdict_clause=re.compile(
            rf"[,，、:：—–]\s*[*_]{{0,3}}{pieces.verdict}[*_]{{0,3}}[,，、—–]", _FLAGS
        ),
        verb_behind=re.compile(rf"[\s*_]*(?:{any_of(words.verbs_behind)})[。.!！]?\s*\Z", _FLAGS),
    )


class _Pieces:
    """What the patterns of one language are put together from. Where white space does not divide
    words, nothing can be asked of what stands around one."""

    def __init__(self, words: Wording) -> None:
        spaced = words.spaced
        self.words = words
        self.gap = r"\s+" if spaced else r"\s*"
        self.some = r"\s{1,3}" if spaced else r"\s{0,3}"
        self.opens = rf"(?<![{_LETTER}])" if spaced else ""
        self.closes = r"\b" if spaced else ""
        self.colon = rf"[{re.escape(words.colons)}]"
        self.nouns = any_of(words.nouns)
        for noun, before in words.qualified_nouns.items():
            self.nouns += rf"|{noun}(?<={before}\s{noun})"
        self.adverb = rf"(?:(?:{any_of(words.adverbs)}){self.gap})?"
        self.determiner = rf"(?:{any_of(words.determiners)}){self.gap}"
        self.adjectives = rf"(?:(?:{any_of(words.adjectives)}){self.gap}){{0,3}}"
        self.verdict = rf"(?P<verdict>{any_of(words.verdicts)})"

    def anywhere(self, phrases: Iterable[str]) -> re.Pattern[str]:
        """Any of ``phrases``, as whole words."""
        return re.compile(rf"{self.opens}(?:{any_of(phrases)}){self.closes}", _FLAGS)

    def denying(self, phrases: Iterable[str]) -> re.Pattern[str]:
        """Any of ``phrases``; in "isn't" what denies is the word's end."""
        if not self.words.spaced:
            return re.compile(any_of(phrases), _FLAGS)
        return re.compile(rf"(?:{self.opens}|(?=n['’]t))(?:{any_of(phrases)})(?!\w)", _FLAGS)


def _announced(pieces: _Pieces) -> re.Pattern[str]:
    """ "the answer to this question is probably:" """
    words, gap, some = pieces.words, pieces.gap, pieces.some
    copula = rf"(?:{any_of(words.copulas)})(?:{gap}(?:{any_of(words.adverbs)}))?"
    before, ended = (r"(?<=\s)", r"(?!\w)") if words.spaced else ("", "")
    return re.compile(
        rf"{pieces.opens}(?:{pieces.nouns})(?:{some}(?:{any_of(words.after_noun)}))?"
        rf"(?:{some}(?:{any_of(words.of)}){some}(?:{any_of(words.which)}){pieces.closes}[^.:：。\n]{{0,40}}?)?"
        rf"{_MARKUP}\s{{0,3}}"
        rf"(?:(?:{before}(?:{copula}){ended}{_MARKUP}\s*"
        rf"(?:(?:{any_of(words.that)}){pieces.closes})?\s*{pieces.colon}?)|\s{{0,3}}{pieces.colon})"
        rf"{_MARKUP}[ \t]*(?:\n\s*(?=\S))?",
        _FLAGS,
    )


def _copula_first(pieces: _Pieces) -> re.Pattern[str]:
    """ "Somit ist die Antwort" """
    return re.compile(
        rf"{pieces.opens}(?:{any_of(pieces.words.copula_first)}){pieces.gap}{pieces.adverb}"
        rf"{pieces.determiner}{pieces.adjectives}(?P<noun>{pieces.nouns})\b"
        rf"{_MARKUP}\s*{pieces.colon}?{_MARKUP}[ \t]*(?=\S)",
        _FLAGS,
    )


def _lead(pieces: _Pieces) -> re.Pattern[str]:
    """What may stand before an announcement, at the end of the text before it: "So the final"."""
    words = pieces.words
    the = rf"(?:{pieces.determiner})?{pieces.adjectives}"
    if words.copula_first:
        the = rf"(?:(?:{any_of(words.copula_first)}){pieces.gap}{pieces.adverb})?{the}"
    # "… the DNAThe answer is": some replies lack the space, or the full stop, before it.
    joined = r"|(?<=\w)(?=(?-i:[A-Z][a-z]))" if words.spaced else ""
    return re.compile(
        rf"(?:{pieces.opens}{joined})(?:\#{{1,6}}\s{{0,9}})?{_MARKUP}"
        rf"(?:(?:{any_of(words.leads)}){pieces.closes}{_COMMA}"
        rf"(?:then\b[\s,]{{0,9}})?)?(?:(?:{any_of(words.concluding)}){_COMMA})?{the}\Z",
        _FLAGS,
    )


def _inverted(pieces: _Pieces) -> re.Pattern[str]:
    """ "(C) … is the answer", and not "(C) is answer"; where there are no such words, without."""
    words = pieces.words
    the = pieces.determiner + pieces.adjectives
    if not (words.spaced and words.determiners):
        the = rf"(?:{pieces.determiner})?{pieces.adjectives}"
    space = r"\s" if words.spaced else ""
    return re.compile(
        rf"\([A-Z]\)[^.。\n()]{{0,80}}?{space}(?:{any_of(words.is_the)}){pieces.gap}"
        rf"{pieces.adverb}{the}(?:{pieces.nouns}){pieces.closes}"
    )


def _negated(pieces: _Pieces) -> re.Pattern[str]:
    """At a statement's beginning: "definitely not"."""
    words = pieces.words
    return re.compile(
        rf"(?:[\s*_\"'“‘`]*(?:{any_of(_ADVERB_BEFORE_NOT)})\b)?[\s*_\"'“‘`]*(?:{any_of(words.negations)})"
        rf"{pieces.closes}(?!{pieces.some}(?:\w+ly\s+)?(?:{any_of(words.no_negations)}))",
        _FLAGS,
    )


def _verdict_end(pieces: _Pieces) -> re.Pattern[str]:
    """At a text's end: "hence it is false"."""
    words, gap, opens = pieces.words, pieces.gap, pieces.opens
    return re.compile(
        rf"(?:{opens}(?:{any_of(words.leads)}){_COMMA}(?:(?:{any_of(words.it_is)}){gap})?"
        rf"|{opens}(?:{any_of(words.statement_is)}){gap}{pieces.adverb})"
        rf"[*_\"'“‘]{{0,3}}{pieces.verdict}\Z",
        _FLAGS,
    )


def _verdict_at(pieces: _Pieces) -> re.Pattern[str]:
    """Right behind an announcement: "probably yes"."""
    words = pieces.words
    ended = r"(?![\w'’-])" if words.spaced else ""
    return re.compile(
        rf"[\s*_\"'“‘「(\[{{$]*(?:\\(?:text|mathrm|textbf|mathbf)\{{)?(?:(?:{any_of(words.adverbs)})"
        rf"{_COMMA})?{pieces.verdict}{ended}",
        _FLAGS,
    )


def _verdict_first(pieces: _Pieces) -> re.Pattern[str]:
    """At a sentence's beginning: "So yes, because"."""
    return re.compile(
        rf"[\s*_\"'“‘(#>-]*(?:(?:{any_of(pieces.words.leads)}){pieces.closes}{_COMMA})?"
        rf"[*_\"'“‘]{{0,3}}{pieces.verdict}(?P<sign>[*_\"'”’]{{0,3}}\s{{0,2}}"
        rf"(?:[,.!;:。，、！：]|[-–—]|$|\n|{any_of(_SINCE)}))",
        _FLAGS,
    )


def _verdict_of(pieces: _Pieces) -> re.Pattern[str]:
    """ "the statement is false" """
    return re.compile(
        rf"{pieces.opens}(?:{any_of(pieces.words.statement_is)}){pieces.gap}{pieces.adverb}"
        rf"[*_\"'“‘]{{0,3}}{pieces.verdict}(?!\w)",
        _FLAGS,
    )
