"""Which of the languages that conclusions are read in a text, or a dataset, is written in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Literal

from teachback.records import LANGUAGES, Example, Exemplar, Language

_LETTER = r"A-Za-zÀ-ɏͰ-ϿЀ-ӿ"

# Frequent little words that tell the languages of the Latin script apart.
_FREQUENT: dict[Language, frozenset[str]] = {
    "de": frozenset(
        """der die das und ist nicht ein eine wie viele von mit auf wird hat es sind wir den dem im
        zu für aus werden""".split()
    ),
    "fr": frozenset(
        """le la les des et est une dans combien quel quelle pour avec qui sur il elle de du aux
        ne pas donc""".split()
    ),
    "es": frozenset(
        """el los las y es una en cuántos cuántas qué para con cuál del por que de se hay un
        al entonces""".split()
    ),
}
_WORD = re.compile(rf"[{_LETTER}]+")
# Questions that are looked at, and the share of them that shows a language.
_LOOKED_AT = 200
_SHARE = 20


def languages_of(text: str) -> tuple[Language, ...]:
    """The languages that ``text`` is written in, by its script and its frequent words; English
    alone where none of the others shows."""
    found: list[Language] = ["en"]
    sample = text[:20_000]
    if re.search(r"[぀-ヿ]", sample):
        found.append("ja")
    elif re.search(r"[一-鿿]", sample):
        found.append("zh")
    if re.search(r"[а-яА-Я]{3}", sample):
        found.append("ru")
    words = [word.casefold() for word in _WORD.findall(sample)]
    for language, frequent in _FREQUENT.items():
        hits = sum(word in frequent for word in words)
        if hits >= 2 and hits * 5 >= len(words):
            found.append(language)
    return tuple(found)


def settled_languages(
    chosen: tuple[Language, ...] | Literal["auto"],
    examples: Iterable[Example],
    exemplars: Iterable[Exemplar] = (),
) -> tuple[Language, ...]:
    """What ``auto`` comes to: English, the languages of the exemplars, and those of one in twenty
    of the questions (the first 200 are looked at). Whatever else is ``chosen`` stays.
    """
    if chosen != "auto":
        return chosen
    found = {"en"}
    for one in exemplars:
        found.update(languages_of(f"{_written(one.example)} {one.explanation}"))
    shown = [languages_of(_written(example)) for example in islice(examples, _LOOKED_AT)]
    for language in LANGUAGES:
        if _SHARE * sum(language in one for one in shown) >= max(len(shown), 1):
            found.add(language)
    return tuple(language for language in LANGUAGES if language in found)


def _written(example: Example) -> str:
    return f"{example.context or ''} {example.question}"
