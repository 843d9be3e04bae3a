"""Which of the languages that announcements are known in a text is written in."""

from __future__ import annotations

import re

_LETTER = r"A-Za-zÀ-ɏͰ-ϿЀ-ӿ"

# Frequent little words that tell the languages of the Latin script apart.
_FREQUENT = {
    "de": frozenset("der die das und ist nicht ein eine wie viele von mit auf wird hat".split()),
    "fr": frozenset("le la les des et est une dans combien quel quelle pour avec qui sur".split()),
    "es": frozenset("el los las y es una en cuántos cuántas qué para con cuál del por que".split()),
}
_WORD = re.compile(rf"[{_LETTER}]+")


def languages_of(text: str) -> tuple[str, ...]:
    """The languages of ``WORDINGS`` that ``text`` (questions, exemplars) is written in, by its
    script and its frequent words; English alone where none of the others shows."""
    found = ["en"]
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
