"""Words beside numbers: what multiplies them ("2 million"), and what they count ("30 km")."""

from __future__ import annotations

_SCALES: dict[int, str] = {
    12: "dozen dozens dutzend douzaine douzaines docena docenas",
    100: "hundred hundreds",
    1_000: "k thousand thousands tsd tausend mille mil тыс тысяча тысячи тысяч 千",
    10_000: "万 萬",
    100_000: "lakh lakhs",
    1_000_000: "million millions mio millionen millón millon millones млн миллион миллиона"
    " миллионов 百万",
    10_000_000: "crore crores 千万",
    100_000_000: "亿 億",
    1_000_000_000: "billion billions bn mrd milliarde milliarden milliard milliards млрд миллиард"
    " миллиарда миллиардов",
    10**12: "trillion trillions billionen billón billones 兆",
}
SCALE = {word: factor for factor, words in _SCALES.items() for word in words.split()}
"""What a number before such a word is multiplied by."""

# Units that are written at a number without a space; other letters there make a code of it.
ATTACHED = frozenset(
    """km m cm mm mi ft in yd kg g mg lb lbs oz t l ml cl dl h hr hrs hour hours min mins s sec
    secs ms d mph kmh kph w kw mw kwh v j kj n pa hz khz mhz ghz b kb mb gb tb px pt c f
    usd eur gbp chf cad aud ct cts""".split()
)
# Units of one quantity: two of them in a row ("5 feet 3 inches") are one value together.
_QUANTITIES = (
    "year month week day hour hr h minute min m second sec s jahr monat woche tag stunde std"
    " sekunde an mois semaine jour heure seconde",
    "kilometer kilometre km meter metre m centimeter centimetre cm millimeter mm mile mi yard yd"
    " foot feet ft inch inches in",
    "ton tonne kilogram kg gram g milligram mg stone pound lb ounce oz",
    "dollar cent pound penny pence euro rupee paise rupees",
    "liter litre l milliliter millilitre ml gallon quart pint cup",
    "degree minute second",
    "dozen",
    "hundred thousand million billion trillion",
)
_QUANTITY = [frozenset(words.split()) for words in _QUANTITIES]


def same_quantity(left: str, right: str) -> bool:
    """Whether two words are different units of one quantity."""
    one, other = (w.casefold().removesuffix("s") or w.casefold() for w in (left, right))
    return one != other and any(
        {left.casefold(), one} & units and {right.casefold(), other} & units for units in _QUANTITY
    )
