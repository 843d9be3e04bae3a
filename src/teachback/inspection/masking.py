"""The choices' texts and letters masked in an explanation, so that it does not name its answer."""

from __future__ import annotations

import re
from string import ascii_uppercase

from teachback.questions import candidates
from teachback.records import Example

MASK = "[choice]"

# After a letter that is one: no letter, digit or ending of an abbreviation ("A's", "A.M.").
_ENDS = r"(?![^\W_]|['’][^\W_]|[.&-][^\W_])"
_NAMED = r"\b(?i:options?|choices?|letters?|answers?)"
_SPACE = r"[\s*_\"'“‘]"
_WORD_AFTER = re.compile(r"\s+[\"“*_\[]*([^\W_]+(?:-[^\W_]+)*)")

_JUDGED = (
    r"\s+(?:is|was)\s+(?:not\s+)?(?:the\s+)?(?:only\s+|most\s+)?"
    r"(?:correct|right|wrong|incorrect|best|true|false|likely|answer)\b"
)

_BEGINNING = re.compile(r"(?:\A|[.!?:;\n\"“‘(\[])[\s*_\"“‘]*\Z")
"""What may stand before an article in a capital."""

_AFTER_LETTER = frozenset(
    """because since as is isn was wasn are and or but which that for not it this these the so if
    though although whereas instead than does doesn has cannot could would should makes seems fits
    matches describes follows says also only est es ist""".split()
)
"""Words that do not follow an article (of "isn't", the part before the apostrophe)."""


def mask_choices(text: str, example: Example) -> str:
    """``text`` with the question's possible answers, and the letters that stand for them, masked.

    Such a letter is in brackets or before one, is named ("option b", "the answer is B"), or is a
    capital that stands alone; a word of one letter ("A robot needs power") is none.
    """
    listed = sorted(candidates(example), key=len, reverse=True)
    if not listed:
        return text
    texts = "|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in listed)
    text = re.sub(texts, MASK, text, flags=re.IGNORECASE)
    if not example.choices:
        return text
    capitals = ascii_uppercase[: len(example.choices)]
    return _letter_marks(capitals).sub(_masked, text)


def _letter_marks(capitals: str) -> re.Pattern[str]:
    """What marks one of ``capitals``; the group ``alone`` is a letter that may be a word."""
    capital, either = f"[{capitals}]", f"[{capitals}{capitals.lower()}]"
    return re.compile(
        rf"(?<!\w)[(\[（]\s*(?:(?i:option|choice)\s+)?{either}\s*[)\]）]"
        rf"|(?<![\w(])(?:{either}\)|{capital}:)"
        rf"|(?P<named>{_NAMED}{_SPACE}+){capital}{_ENDS}"
        rf"|(?<![^\W_]){either}(?={_JUDGED})"
        rf"|(?P<said>{_NAMED}(?:['’]s)?(?:\s+(?i:is|was|(?:would|should|must)\s+be))?[:]?{_SPACE}+)"
        rf"(?P<alone>{either}){_ENDS}"
        rf"|(?<![^\W_])(?<![.&’-])(?P<capital>{capital}){_ENDS}"
    )


def _masked(found: re.Match[str]) -> str:
    lead = found["named"] or found["said"] or ""
    letter = found["alone"] or found["capital"]
    if letter is not None and letter in "aAI" and _is_word(letter, found):
        return found[0]
    return f"{lead}{MASK}"


def _is_word(letter: str, found: re.Match[str]) -> bool:
    """Whether the letter that ``found`` ends with is an article, or "I". Within a sentence an
    article is no capital, except in titles."""
    following = _WORD_AFTER.match(found.string, found.end())
    if following is None or following[1].casefold() in _AFTER_LETTER:
        return False
    before = found.string[: found.end() - 1]
    return letter != "A" or following[1][0].isupper() or bool(_BEGINNING.search(before))
