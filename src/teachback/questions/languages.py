"""Words that announce a conclusion, and yes and no, in languages other than English.

They are always looked for: no announcement of one language means another thing in English, so no
setting has to say which language a file is in. To add a language, add its row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """``announcing``: what stands right before an answer, to the letter but for case.
    ``yes``, ``no``: what answers a question of that kind, alone."""

    announcing: tuple[str, ...]
    yes: tuple[str, ...]
    no: tuple[str, ...]


LANGUAGES: Mapping[str, Language] = {
    "de": Language(
        announcing=(
            "die antwort ist", "die antwort lautet", "die richtige antwort ist",
            "die richtige antwort lautet", "antwort", "die lösung ist", "die lösung lautet",
            "endgültige antwort", "das ergebnis ist", "das ergebnis lautet",
        ),
        yes=("ja", "wahr", "richtig"),
        no=("nein", "falsch"),
    ),
    "fr": Language(
        announcing=(
            "la réponse est", "la bonne réponse est", "la réponse correcte est",
            "la réponse finale est", "réponse", "réponse finale", "le résultat est",
        ),
        yes=("oui", "vrai"),
        no=("non", "faux"),
    ),
    "es": Language(
        announcing=(
            "la respuesta es", "la respuesta correcta es", "la respuesta final es", "respuesta",
            "respuesta final", "el resultado es",
        ),
        yes=("sí", "si", "verdadero"),
        no=("no", "falso"),
    ),
    "zh": Language(
        announcing=(
            "答案是", "答案为", "正确答案是", "正确答案为", "最终答案是", "最终答案为", "答案应该是",
            "答案",
        ),
        yes=("是", "是的", "对", "正确", "真"),
        no=("否", "不是", "不", "不对", "错误", "假"),
    ),
    "ja": Language(
        announcing=("答えは", "正解は", "解答は", "答え", "正解"),
        yes=("はい", "正しい", "真"),
        no=("いいえ", "正しくない", "偽"),
    ),
    "ru": Language(
        announcing=(
            "ответ", "правильный ответ", "окончательный ответ", "итоговый ответ", "верный ответ",
        ),
        yes=("да", "верно", "правда", "истина"),
        no=("нет", "неверно", "ложь"),
    ),
}  # fmt: skip

_COLON_NEEDED = frozenset(
    ("antwort", "réponse", "respuesta", "答案", "答え", "正解", "ответ", "endgültige antwort",
     "réponse finale", "respuesta final", "правильный ответ", "окончательный ответ",
     "итоговый ответ", "верный ответ")
)  # fmt: skip
"""Nouns, which announce an answer only with a colon or dash behind them."""


def _announcement(words: str) -> str:
    plain = re.escape(words).replace(r"\ ", r"\s+")
    ends = r"[*_]{0,3}\s*[:：=—–]" if words in _COLON_NEEDED else r"(?:[*_]{0,3}\s*[:：])?"
    return plain + ends


_LONGEST_FIRST = sorted(
    {words for language in LANGUAGES.values() for words in language.announcing},
    key=len,
    reverse=True,
)
_LEAD = (
    r"(?:(?:also|somit|daher|deshalb|donc|ainsi|alors|por\s+lo\s+tanto|entonces|así\s+que|поэтому"
    r"|значит|итак|следовательно|所以|因此|综上所述|よって|したがって|つまり)[\s,，、:]*)?"
)
_UNSPACED = "|".join(_announcement(w) for w in _LONGEST_FIRST if w[0] >= "\u3000")
_SPACED = "|".join(_announcement(w) for w in _LONGEST_FIRST if w[0] < "\u3000")
ANNOUNCED = re.compile(
    rf"(?:[*_]{{1,3}})?{_LEAD}(?:{_UNSPACED}|(?<![^\W_])(?:{_SPACED}))"
    r"(?:[*_]{1,3})?[ \t]*(?:\n\s*(?=\S))?",
    re.IGNORECASE,
)
"""An announcement of any of the languages, up to the answer."""

YES: frozenset[str] = frozenset(w for language in LANGUAGES.values() for w in language.yes)
NO: frozenset[str] = frozenset(w for language in LANGUAGES.values() for w in language.no)
