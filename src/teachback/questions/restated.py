"""A sentence that answers a question in the question's own words: "He was not alive then"."""

from __future__ import annotations

import re

from teachback.questions.announcements import Announcements
from teachback.questions.sentences import sentences

# Words that say nothing of what is asked about.
_LITTLE = frozenset(
    """a an the and of in on at to for from with by as is are was were be been being am do does did
    has have had can could will would shall should may might must there it its this that
    these those they them their he she his her him you your we our i my one what which who
    whom whose when where why how many much some any than then so therefore thus hence if
    ever really actually possible possibly likely true also still just only always about
    into out up whether not no n't der die das ein eine und ist sind war hat kann la le les
    un une et est el los las una es y de du des
    吗 呢 的 了 是 会 有 在 不 没 か は が を に の で と も す""".split()
)
# How much of a question's words a sentence has that answers it in them.
SAID_AGAIN = 0.6
# A word; of writing without spaces between words, a character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_DIGIT = {
    word: str(value)
    for value, word in enumerate("zero one two three four five six seven eight nine ten".split())
    if word != "one"
}
_PRONOUN = re.compile(
    r"\b(?:it|they|he|she|this|that|these|those|you|one|we|there|such|er|sie|es|il|elle)\b", re.I
)
# Where one clause ends and another one begins.
_CLAUSES = re.compile(
    r"[,;:]\s|[，；：、]|\s[—–-]\s|—|\b(?=(?:because|since|but|although|though|whereas|while|weil|aber)\b)",
    re.IGNORECASE,
)
_SUBORDINATE = re.compile(
    r"\W*(?:because|since|although|though|even\s+though|whereas|while|given|as|if|when|despite|for"
    r"|weil|obwohl|da|wenn)\b",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"\([^()]*\)")


def content_words(text: str) -> list[str]:
    """The words of ``text`` that carry its meaning, without their endings, in their order."""
    words = (_DIGIT.get(word, word) for word in map(str.casefold, _WORD.findall(text)))
    return [_stem(word) for word in words if word not in _LITTLE]


def _stem(word: str) -> str:
    for ending in ("ies", "ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


_QUOTED = re.compile(r"[\"“«„][^\"”»“]{1,200}[\"”»“]")


def share(question: str, sentence: str) -> float:
    """Which part of the question's content words stand in ``sentence``; those of a text that it
    quotes ("the third word of "old ships"") do not count, unless it has no other ones."""
    asked = set(content_words(_QUOTED.sub(" ", question))) or set(content_words(question))
    return len(asked & set(content_words(sentence))) / len(asked) if asked else 0.0


def asking_sentence(question: str) -> str:
    """The last sentence of ``question`` that ends in a question mark; all of it without one. What
    stands before it tells what the case is, and is not asked about."""
    asking = [
        question[begin:end]
        for begin, end in sentences(question)
        if question[begin:end].endswith(("?", "？"))
    ]
    return asking[-1] if asking else question


def tells_case(question: str) -> bool:
    """Whether something stands before the sentence that asks: "A coin is heads up. …" """
    return asking_sentence(question) != question.strip()


# Where one of two holds, the other one does not.
_OPPOSITES = (
    ("head", "tail"), ("odd", "even"), ("open", "clos"), ("full", "empty"), ("alive", "dead"),
    ("legal", "illegal"), ("same", "different"), ("equal", "unequal"), ("pass", "fail"),
)  # fmt: skip
_OPPOSITE = {_stem(a): _stem(b) for pair in _OPPOSITES for a, b in (pair, pair[::-1])}


def _with_opposite(asked: list[str], said: list[str]) -> str | None:
    """The one word of ``asked`` whose opposite is ``said`` in its place."""
    turned = [word for word in asked if word not in said and _OPPOSITE.get(word) in said]
    return turned[0] if len(turned) == 1 else None


def declared(
    question: str, sentence: str, found: Announcements, *, whole: bool = False
) -> str | None:
    """The yes or no that ``sentence`` gives by affirming or negating what ``question`` asks; None
    where it says something else, leaves it open, or where the question negates something itself.

    To affirm takes all that is asked about, in its order; what a pronoun may stand for, at the
    question's beginning, may be missing, unless the ``whole`` question is to be said again.
    """
    question = asking_sentence(question)
    asked = list(dict.fromkeys(content_words(question)))
    if not asked or sentence.rstrip("*_ ").endswith("?") or found.negations(question):
        return None
    if found.hedges(sentence):
        return None
    best: tuple[tuple[int, bool], str] | None = None
    for clause in _CLAUSES.split(_BRACKETED.sub("", sentence)):
        if _SUBORDINATE.match(clause):
            continue
        said = content_words(clause)
        turned_word = _with_opposite(asked, said)
        common = [word for word in asked if word in said or word == turned_word]
        places = [said.index(word) for word in common if word in said]
        score = (len(common), places == sorted(places))
        if common and (best is None or score >= best[0]):
            best = (score, clause)
    if best is None:
        return None
    clause, said = best[1], content_words(best[1])
    opposite = _with_opposite(asked, said)
    if opposite is not None:
        said = [opposite if word == _OPPOSITE[opposite] else word for word in said]
    common = [word for word in asked if word in said]
    pronoun = _PRONOUN.search(clause) is not None
    turned = _turned_round(question, clause)
    if negations := found.negations(clause):
        if opposite is not None:
            return None
        enough = negations == 1 and not turned and (3 * len(common) >= len(asked) or pronoun)
        return "no" if enough else None
    missing = [at for at, word in enumerate(asked) if word not in said]
    prefix = pronoun and missing == list(range(len(missing))) and 2 * len(common) >= len(asked)
    if missing and (whole or not (prefix or 5 * len(missing) <= len(asked))):
        return None
    if turned or opposite is not None:
        return "no" if not (turned and opposite) else None
    in_order = [said.index(word) for word in common]
    if " than " in clause and in_order != sorted(in_order):
        return None
    return "yes"


def _turned_round(question: str, clause: str) -> bool:
    """Whether ``clause`` compares the other way: "B is longer than A" of "Is A longer than B?" """
    if " than " not in question or " than " not in clause:
        return False
    (first, second), (left, right) = (
        [set(content_words(side)) for side in text.split(" than ", 1)]
        for text in (question, clause)
    )
    second, first = second - first, first - second
    return bool(first & right) and bool(second & left)
