"""The words that five languages write whole numbers in, spelled out up to 999.

Each table maps every accepted writing, in small letters, without accents and with spaces for
hyphens, to its value. A table is written out rather than understood: what it does not have is no
number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

Writings = Iterator[tuple[str, int]]


@dataclass(frozen=True)
class NumberWords:
    """How one language writes whole numbers.

    ``below_1000`` has the writings of 0 to 999; ``powers`` the words that multiply what stands
    before them; ``alone`` those of them that need nothing before them ("mille"). ``ands`` may
    stand behind a power ("a thousand and one"). ``articles`` are words that are one only behind
    one of ``only`` ("nur ein Korb"), or in front of a power ("eine Million"). ``compound``: words
    are run together ("zweiundvierzig").
    """

    below_1000: Mapping[str, int]
    powers: Mapping[str, int]
    alone: frozenset[str]
    ands: frozenset[str] = frozenset()
    signs: frozenset[str] = frozenset()
    articles: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    """Words before a number that counts nothing: "the two of them", "each one"."""
    not_before: frozenset[str] = frozenset()
    """Words behind one: "one of", "one another"."""
    goes_on: frozenset[str] = frozenset()
    """Words behind a number that make a different one of it: "two dozen", "two thirds"."""
    comma_after: tuple[str, ...] = ()
    """Powers that a comma may follow within a number."""
    compound: tuple[str, ...] = ()
    """The parts of words that are run together; empty where they are not."""

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word that stands in a writing, but for the articles."""
        words = {word for writing in self.below_1000 for word in writing.split()}
        return frozenset(words | set(self.powers)) - self.articles - self.ands


def _split(words: str) -> list[str]:
    return words.split()


# ---------------------------------------------------------------------------- English

_EN = _split(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen"""
)
_EN_TENS = _split("twenty thirty forty fifty sixty seventy eighty ninety")


def _english() -> Writings:
    yield "zero", 0
    yield "a", 1
    below_100 = [(word, value) for value, word in enumerate(_EN) if value]
    for tens, word in enumerate(_EN_TENS, 2):
        below_100.append((word, 10 * tens))
        below_100 += [(f"{word} {_EN[unit]}", 10 * tens + unit) for unit in range(1, 10)]
    yield from below_100
    for hundreds in range(1, 10):
        for written in (_EN[hundreds], "a") if hundreds == 1 else (_EN[hundreds],):
            yield f"{written} hundred", 100 * hundreds
            for rest, value in below_100:
                yield f"{written} hundred {rest}", 100 * hundreds + value
                yield f"{written} hundred and {rest}", 100 * hundreds + value


# ---------------------------------------------------------------------------- German

_DE = _split("null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf")
_DE_TENS = _split("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")


def _german() -> Writings:
    yield "null", 0
    stems = ["", "ein", *_DE[2:10]]
    below_100 = [(word, value) for value, word in enumerate(_DE) if value]
    teens = [*_DE[3:6], "sech", "sieb", *_DE[8:10]]
    below_100 += [(f"{stem}zehn", 13 + at) for at, stem in enumerate(teens)]
    for tens, word in enumerate(_DE_TENS, 2):
        for spelled in {word, word.replace("ß", "ss")}:
            below_100.append((spelled, 10 * tens))
            below_100 += [(f"{stems[u]}und{spelled}", 10 * tens + u) for u in range(1, 10)]
    yield from below_100
    yield from ((article, 1) for article in _DE_ARTICLES)
    for hundreds in range(1, 10):
        for stem in ("", "ein") if hundreds == 1 else (stems[hundreds],):
            yield f"{stem}hundert", 100 * hundreds
            for rest, value in [*below_100, ("ein", 1), ("eine", 1)]:
                yield f"{stem}hundert{rest}", 100 * hundreds + value
                yield f"{stem}hundertund{rest}", 100 * hundreds + value


_DE_ARTICLES = frozenset(_split("ein eine einen einem einer eines"))

# ---------------------------------------------------------------------------- French

_FR = _split(
    """zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze
    seize"""
)
_FR_ONES = ("un", "une")


def _french_below_100() -> Writings:
    below_20 = {value: [word] for value, word in enumerate(_FR) if value}
    below_20[1] = list(_FR_ONES)
    below_20 |= {17: ["dix sept"], 18: ["dix huit"], 19: ["dix neuf"]}
    for value, words in below_20.items():
        yield from ((word, value) for word in words)
    plain = {20: "vingt", 30: "trente", 40: "quarante", 50: "cinquante", 60: "soixante",
             70: "septante", 80: "huitante", 90: "nonante"}  # fmt: skip
    for tens, word in [*plain.items(), (80, "octante")]:
        yield word, tens
        yield from ((f"{word} et {one}", tens + 1) for one in _FR_ONES)
        yield from ((f"{word} {_FR[unit]}", tens + unit) for unit in range(2, 10))
    yield "soixante et onze", 71
    yield "quatre vingts", 80
    yield "quatre vingt", 80
    for unit, words in below_20.items():
        if unit >= 10 and unit != 11:
            yield from ((f"soixante {word}", 60 + unit) for word in words)
        yield from ((f"quatre vingt {word}", 80 + unit) for word in words)


def _french() -> Writings:
    yield "zero", 0
    below_100 = list(_french_below_100())
    yield from below_100
    for hundreds in range(1, 10):
        for head in (
            ("cent",) if hundreds == 1 else (f"{_FR[hundreds]} cent", f"{_FR[hundreds]} cents")
        ):
            yield head, 100 * hundreds
            yield from ((f"{head} {rest}", 100 * hundreds + value) for rest, value in below_100)


# ---------------------------------------------------------------------------- Spanish

_ES = _split(
    """cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince
    dieciséis diecisiete dieciocho diecinueve"""
)
_ES_TENS = _split("treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_ES_HUNDREDS = _split(
    """ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos
    novecientos"""
)
_ES_ONES = ("uno", "un", "una")


def _spanish() -> Writings:
    yield "cero", 0
    below_100 = [(word, value) for value, word in enumerate(_ES) if value]
    below_100 += [("un", 1), ("una", 1), ("veinte", 20)]
    below_100 += [(f"veinti{one}", 21) for one in _ES_ONES]
    below_100 += [(f"veinti{_ES[unit]}", 20 + unit) for unit in range(2, 10)]
    for tens, word in enumerate(_ES_TENS, 3):
        below_100.append((word, 10 * tens))
        below_100 += [(f"{word} y {one}", 10 * tens + 1) for one in _ES_ONES]
        below_100 += [(f"{word} y {_ES[unit]}", 10 * tens + unit) for unit in range(2, 10)]
    yield from below_100
    yield "cien", 100
    for hundreds, word in enumerate(_ES_HUNDREDS, 1):
        for head in {word, word.removesuffix("os") + "as"} if hundreds > 1 else (word,):
            if hundreds > 1:
                yield head, 100 * hundreds
            yield from ((f"{head} {rest}", 100 * hundreds + value) for rest, value in below_100)


# ---------------------------------------------------------------------------- Russian

_RU = _split(
    """ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать
    тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать"""
)
_RU_TENS = _split("двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто")
_RU_HUNDREDS = _split("сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот")
_RU_GENDERS = {1: ("один", "одна", "одно", "одну"), 2: ("два", "две")}


def _russian() -> Writings:
    yield "ноль", 0
    yield "нуль", 0
    units = [(w, u) for u in range(1, 10) for w in _RU_GENDERS.get(u, (_RU[u],))]
    below_100 = [*units, *((_RU[value], value) for value in range(10, 20))]
    for tens, word in enumerate(_RU_TENS, 2):
        below_100.append((word, 10 * tens))
        below_100 += [(f"{word} {unit}", 10 * tens + value) for unit, value in units]
    yield from below_100
    for hundreds, word in enumerate(_RU_HUNDREDS, 1):
        yield word, 100 * hundreds
        yield from ((f"{word} {rest}", 100 * hundreds + value) for rest, value in below_100)


def _powers(thousand: str, million: str, milliard: str) -> dict[str, int]:
    return {
        **dict.fromkeys(thousand.split(), 10**3),
        **dict.fromkeys(million.split(), 10**6),
        **dict.fromkeys(milliard.split(), 10**9),
    }


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def number_words_of(language: str) -> NumberWords | None:
    """The words of a language by its ISO 639-1 code; None where none are known."""
    build = _BUILT.get(language)
    return build() if build else None


def _in_english() -> NumberWords:
    return NumberWords(
        below_1000=dict(_english()),
        powers={**_powers("thousand", "million", "billion"), "trillion": 10**12},
        alone=frozenset(),
        ands=_set("and"),
        signs=_set("minus negative"),
        articles=_set("a"),
        comma_after=("thousand", "million", "billion"),
        not_after=_set(
            """no any each every this that which another other some the first last second right
            correct wrong point half of"""
        ),
        not_before=_set("""of another by can could must might may would should who that which"""),
        goes_on=_set(
            """dozen dozens score half halves third thirds quarter quarters fifth fifths tenth
            tenths point percent hundredths"""
        ),
    )


def _in_german() -> NumberWords:
    parts = {
        *_DE,
        *_DE_TENS,
        "ein",
        "sech",
        "sieb",
        "dreissig",
        "hundert",
        "tausend",
        "und",
        "eine",
    }
    return NumberWords(
        below_1000={folded(word): value for word, value in _german()},
        powers=_powers("tausend", "million millionen", "milliarde milliarden"),
        alone=_set("tausend"),
        ands=_set("und"),
        signs=_set("minus"),
        articles=_DE_ARTICLES,
        only=_set("nur genau lediglich noch bloß"),
        not_after=_set(
            "der die das den dem des jede jeder jedes je alle diese dieser diesen jene kein keine"
            " andere anderen ersten letzten beide halb komma von"
        ),
        not_before=_set("von der davon anderen einander"),
        goes_on=_set("dutzend drittel viertel fünftel zehntel halb halbe komma einhalb"),
        compound=tuple(sorted(map(folded, parts), key=len, reverse=True)),
    )


def _in_french() -> NumberWords:
    return NumberWords(
        below_1000={folded(word): value for word, value in _french()},
        powers=_powers("mille", "million millions", "milliard milliards"),
        alone=_set("mille"),
        ands=_set("et"),
        articles=frozenset(_FR_ONES),
        only=frozenset(
            (*"seulement exactement".split(), "reste qu'", "reste plus qu'", "n'y a qu'", "n'a qu'")
        ),
        not_after=_set(
            "les des ces ses mes leurs chaque aucun autres premiers premieres derniers dernieres"
            " moins plus virgule de"
        ),
        not_before=_set("d'entre"),
        goes_on=_set(
            "douzaine douzaines tiers quart quarts cinquième cinquièmes demi demie virgule fois"
        ),
    )


def _in_spanish() -> NumberWords:
    return NumberWords(
        below_1000={folded(word): value for word, value in _spanish()},
        powers=_powers("mil", "millon millones", ""),
        alone=_set("mil"),
        ands=_set("y"),
        articles=_set("un una"),
        only=_set("solo sólo solamente exactamente"),
        not_after=_set(
            "los las cada esos esas estos estas otros otras primeros primeras ultimos ultimas"
            " ningún menos más coma de"
        ),
        not_before=_set("de"),
        goes_on=_set(
            "docena docenas medio media tercio tercios cuarto cuartos quinto quintos coma veces"
        ),
    )


def _in_russian() -> NumberWords:
    return NumberWords(
        below_1000=dict(_russian()),
        powers=_powers(
            "тысяча тысячи тысяч тысячу",
            "миллион миллиона миллионов",
            "миллиард миллиарда миллиардов",
        ),
        alone=_set("тысяча тысячу миллион миллиард"),
        signs=_set("минус"),
        not_after=_set(
            "каждый каждая каждые эти те другие первые последние ни на плюс минус из все"
        ),
        not_before=_set("из"),
        goes_on=_set(
            "дюжина дюжины дюжин трети треть четверти четверть половиной целых и раза раз"
        ),
    )


_BUILT = {
    "en": _in_english,
    "de": _in_german,
    "fr": _in_french,
    "es": _in_spanish,
    "ru": _in_russian,
}

_ACCENTS = str.maketrans("àâäáçèêëéìîïíòôöóùûüúñ", "aaaaceeeeiiiioooouuuun")


def folded(text: str) -> str:
    """``text`` in small letters and without accents, each character at its place."""
    small = text.lower()
    return (small if len(small) == len(text) else text).translate(_ACCENTS)
