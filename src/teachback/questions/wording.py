"""The words of one language that announce, deny, take back and explain a conclusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one language, in small letters.

    In "Therefore, the final answer to this question is probably (B)", "therefore" is one of the
    ``leads``, "the" of the ``determiners``, "final" of the ``adjectives``, "answer" of the
    ``nouns``, "to" and "this" open a qualification (``of``, ``which``), "is" is a ``copulas`` and
    "probably" one of the ``adverbs``. Everything may be empty but ``nouns``.
    """

    nouns: tuple[str, ...]
    copulas: tuple[str, ...]
    leads: tuple[str, ...]
    spaced: bool = True
    """Whether white space divides its words."""
    qualified_nouns: Mapping[str, str] = field(default_factory=dict)
    """Nouns that announce behind one word only: "the true statement is …"."""
    after_noun: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    which: tuple[str, ...] = ()
    adverbs: tuple[str, ...] = ()
    that: tuple[str, ...] = ()
    colons: str = ":="
    concluding: tuple[str, ...] = ()
    """ "we can conclude that" """
    determiners: tuple[str, ...] = ()
    adjectives: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    """Alone on a line, above the answer; also those that are left behind without one."""
    copula_first: tuple[str, ...] = ()
    """ "Somit ist die Antwort …" """
    is_the: tuple[str, ...] = ()
    """ "(C) … is the answer" """
    negations: tuple[str, ...] = ()
    """At a statement's beginning: "not B"."""
    negations_after: tuple[str, ...] = ()
    """Behind what they deny: 「Bではない」."""
    no_negations: tuple[str, ...] = ()
    """What follows a negation that is a conclusion all the same: "not among the options"."""
    other: tuple[str, ...] = ()
    """Before a noun that is not the writer's answer: "each", "wrong"."""
    suppositions: tuple[str, ...] = ()
    """Before all of it: "if", "one might think"."""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    """Words for yes and no, and which of them it is."""
    it_is: tuple[str, ...] = ()
    """Between a lead and a verdict: "hence it is false"."""
    statement_is: tuple[str, ...] = ()
    """ "the statement is", before a verdict."""
    results: tuple[str, ...] = ()
    """Verbs and phrases that lead to a result by themselves: "gives us", "spells", "reads"."""
    states: tuple[str, ...] = ()
    """Verbs that lead to one in a sentence that concludes: "so the code is KX-41"."""
    verbs_behind: tuple[str, ...] = ()
    """Verbs that end a statement behind what it states: 「…」です。"""
    combining: tuple[str, ...] = ()
    """Words of a sentence that puts the parts of an answer together: "concatenating"."""
    chatter: tuple[str, ...] = ()
    """How sentences to the reader begin that follow an answer: "I hope this helps"."""
    asides: tuple[str, ...] = ()
    """How sentences begin that check or comment on a conclusion that stands before them."""
    denials: tuple[str, ...] = ()
    """Words anywhere in a sentence that make what it names no conclusion: "not", "neither"."""
    withdrawals: tuple[str, ...] = ()
    """What takes back every conclusion before it: "cannot be determined", "I don't know"."""
    negators: tuple[str, ...] = ()
    """Words that turn a statement round: "He was *not* alive". Empty: none is understood."""
    hedges: tuple[str, ...] = ()
    """Words that keep a sentence from settling anything: "perhaps", "it depends"."""
    greetings: tuple[str, ...] = ()
    """How sentences begin before any answer: "Sure!" """
    explaining: tuple[str, ...] = ()
    """How what follows an answer begins that was given first: "Here's the breakdown"."""
