"""Numbers as people and models write them: each is read whole, or not at all.

Which sign divides the decimals is a convention (`DecimalSign`). What one piece of writing means:

    written                          point        comma        auto
    1234, 1'234, 1 234, 1_234        1234         1234         1234
    1,234,567                        1234567      no number    1234567
    1.234.567                        no number    1234567      1234567
    12,34,567 (Indian)               1234567      no number    1234567
    1,234.5                          1234.5       no number    1234.5
    1.234,5                          no number    1234.5       1234.5
    12.5, 1.2345, 0.123, 1234.567    as a decimal no number    as a decimal
    12,5, 1,2345, 0,123, 1234,567    no number    as a decimal as a decimal
    1.234                            1.234        1234         ambiguous
    1,234                            1234         1.234        ambiguous

"auto" takes a number that has one reading only; it is for datasets, where what is ambiguous can
be asked about. A reply is read by its dataset's convention, which is the point unless the
dataset says otherwise, as everywhere in this field.

The same in every convention: currency signs, percent signs and a unit word beside a number do
not count ("50%" is 50); fractions, mixed numbers, powers of ten and scale words ("2 million",
"3k", "2 dozen") are worked out exactly; digits of every script are digits. Ranges, lists, sums,
ratios, compound units ("1 hour 30 minutes"), dates, times, ordinals, versions, codes and numbers
of more than 60 digits are no single number.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from teachback.questions.canonical_numbers import MOST_DIGITS, canonical_number
from teachback.questions.number_characters import VULGAR, plain_characters
from teachback.questions.unit_words import ATTACHED, SCALE, same_quantity

DecimalSign = Literal["auto", "comma", "point"]

Trouble = Literal["ambiguous", "several numbers", "no number", "out of range"]


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """What stands at ``text[start:end]``, its sign, currency, percent sign and scale included.

    ``readings`` are canonical: one where the number is clear, two where it is ambiguous, none
    where it is no single number. ``trouble`` says what keeps it from being read.
    """

    start: int
    end: int
    readings: tuple[str, ...]
    trouble: Trouble | None = None

    @property
    def value(self) -> str | None:
        """The canonical number; None where it cannot be read."""
        return self.readings[0] if self.trouble is None else None


# ---------------------------------------------------------------------------- the patterns

_LETTER = r"A-Za-zÀ-ɏͰ-ϿЀ-ӿ"
_SEPARATOR = (
    r"(?:\{[,.]\}|,\\[!,]|\\[!,;:]|\\[ ]|~|[.,'_\u00a0\N{ARABIC DECIMAL SEPARATOR}"
    r"\N{ARABIC THOUSANDS SEPARATOR}]|[ ](?=[0-9]{3}(?![0-9])))"
)
_NUMERAL = rf"[0-9]+(?:{_SEPARATOR}[0-9]+)*"
_CURRENCY = r"(?:\\?\$|[€£¥₹₽₩¢₺₫₴₦฿₱₪])"
_CODE = r"(?:USD|EUR|GBP|CHF|JPY|INR|CAD|AUD|Rs\.?)"
_POWER = (
    r"\s{0,2}(?:×|x|\*|·|⋅|\\times|\\cdot)\s{0,2}10"
    r"(?:\s?\^\s?(?:\{\s?(?P<power1>[-+]?[0-9]{1,4})\s?\}|(?P<power2>[-+]?[0-9]{1,4}))"
    r"|(?P<power3>[-⁺⁻]?[⁰¹²³⁴-⁹]{1,4}))"
)
_NUMBER = re.compile(
    rf"""
    (?:(?P<word>(?:minus|negative)\s{{1,3}})|(?P<sign>[-+])(?P<gap>[ ]?))?
    (?:(?:US|NZ|HK|[ACS])?{_CURRENCY}\s?|(?<![{_LETTER}]){_CODE}\s?)?
    (?P<sign2>[-+])?
    (?:
        (?:(?P<whole1>[0-9]+)\s?)?\\[dtc]?frac\s?
            (?:\{{\s?(?P<top1>[-+]?[0-9]+)\s?\}}|(?P<top2>[0-9]))\s?
            (?:\{{\s?(?P<bottom1>[0-9]+)\s?\}}|(?P<bottom2>[0-9]))
        | (?:(?P<whole2>[0-9]+)[ \u00a0]?)?(?P<vulgar>[{"".join(VULGAR)}])
        | (?:(?P<whole3>[0-9]+)[ \u00a0])?(?P<top3>[0-9]+)[ ]?/[ ]?(?P<bottom3>[0-9]+)
            (?![0-9]|[.,'][0-9])
        | (?P<ten>10)(?:\^(?:\{{(?P<power4>[-+]?[0-9]{{1,4}})\}}|(?P<power5>[-+]?[0-9]{{1,4}}))
            |(?P<power6>[⁻⁺]?[⁰¹²³⁴-⁹]{{1,4}}))
        | (?P<numeral>{_NUMERAL}|(?<![0-9{_LETTER})])\.[0-9]+)
            (?:[eE](?P<exponent>[-+]?[0-9]{{1,4}})(?![0-9{_LETTER}])|{_POWER})?
    )
    (?P<percent>\s?(?:\\?%|per\s?cent\b))?
    (?P<scaled>[ \u00a0-]?(?P<scale>{"|".join(sorted(SCALE, key=len, reverse=True))})
        (?<=[万萬亿億千兆])|[ \u00a0-]?(?P<scale2>[{_LETTER}]{{1,12}})(?![{_LETTER}0-9]))?
    (?:\s?{_CURRENCY}(?![0-9])|\s?{_CODE}(?![{_LETTER}]))?
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Directly before a number: it is part of a word, a code, a formula or an inequality.
_PART_OF = re.compile(
    rf"(?:[{_LETTER}0-9⁰¹²³⁴-⁹½-¾_^√±#/<>≤≥⩽⩾]|[0-9][.,:'_]|[{_LETTER}][.:'@]|\\(?:sqrt|log|ln|frac|dfrac|tfrac)"
    rf"(?:\[[^\]]{{0,9}}\])?\{{?|\\(?:pm|leq?|geq?)\s?|[_^]\{{|[<>≤≥]\s)\Z"
)
# Before a sign that stands apart from its number: "is - 7", "20 - 6".
_SIGNED = re.compile(
    r"(?:[0-9=(:$,;%€£¥]|\\[(\[]|\b(?:is|are|was|be|equals|gives|gets?|of|and|or|to|by))\s*\Z",
    re.IGNORECASE,
)
# Directly after one: it goes on.
_GOES_ON = re.compile(
    rf"""[ ]?\^ | [⁰¹²³⁴-⁹⁺⁻] | /[ ]?[0-9] | :[0-9] | [.,'_][0-9] | [-][0-9]
    | \s?(?:\\(?:pi|sqrt|times|cdot|div|pm|mod)\b | [√π×÷·⋅])
    | \*\*[0-9] | \*[{_LETTER}0-9(\\] | [ ]\*[ ]  # a product or a power, not the end of bold type
    | (?:st|nd|rd|th)\b | \s?[ap]\.?m\b
    | \s?[-+](?=\s?[0-9(]) | [-][{_LETTER}]{{0,12}}[0-9] | \s?/\s?\(  | [({{]\s?[0-9]
    | \s?(?:º|ª) | ['][0-9] """,
    re.VERBOSE | re.IGNORECASE,
)
# Between two numbers: they are one range, list, sum, ratio or time.
_JOINS = re.compile(
    r"""\s*[(]?(?:[,;、，;/:~～+*×÷·⋅x&|-]|\\(?:times|cdot|div|pm|sim|ldots|dots)|—|\.{2,3}|…
    |,?\s*(?:and|or|to|through|und|oder|bis|et|ou|à|y|o|a|и|или|до|out\s+of|plus|minus|times|by
        |over|divided\s+by|multiplied\s+by|mod)
    |[到至或和から]{1,2})?\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_OR = re.compile(r"\s*,?\s+(?:or|oder|ou|o|или|i\.e\.)\s+", re.IGNORECASE)
_UNIT_JOINS = re.compile(
    rf"\s?(?P<unit>[{_LETTER}]{{1,12}})\.?(?P<joint>,?\s(?:and|und|et|y|и)\s|,?\s?)"
)
_UNIT = re.compile(rf"\s?([{_LETTER}]{{1,12}})")
_MONTH = (
    r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)(?:uary|ruary|ch|il|ust|ember|ober)?"
)
_DATE = re.compile(
    rf"""\b{_MONTH}\.?\s[0-9]{{1,2}}(?:st|nd|rd|th)?,?\s[0-9]{{4}}\b
    |\b[0-9]{{1,2}}(?:st|nd|rd|th)?\.?\s(?:of\s)?{_MONTH}\b\.?(?:,?\s[0-9]{{4}}\b)?
    |\b[0-9]{{1,4}}([-/.])[0-9]{{1,2}}\1[0-9]{{1,4}}\b
    |[0-9]{{1,4}}年[0-9]{{1,2}}月(?:[0-9]{{1,2}}日)?
    |\b[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}})?\b
    |(?<![0-9,.])\(?[0-9]{{3}}\)?(?P<mark>[-.])[0-9]{{3}}(?P=mark)[0-9]{{4}}\b""",
    re.VERBOSE | re.IGNORECASE,
)
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")


def _values(numeral: str, decimal: DecimalSign) -> tuple[Fraction, ...]:
    """What a numeral without its sign can mean: none, one, or two values."""
    marks = ""
    runs: list[str] = []
    at = 0
    for match in re.finditer("[0-9]+", numeral):
        if runs or match.start():
            marks += _mark(numeral[at : match.start()])
        runs.append(match[0])
        at = match.end()
    if len(marks) == len(runs):  # ".5"
        runs.insert(0, "0")
    signs = {"auto": "pc", "point": "p", "comma": "c"}[decimal]
    found: list[Fraction] = []
    for sign in signs:
        own = marks.replace("d", sign)  # the one sign that is a decimal sign everywhere
        whole, decimals = runs, ""
        if own.endswith(sign):
            own, whole, decimals = own[:-1], runs[:-1], runs[-1]
        if sign in own or not _grouped(own, whole):
            continue
        digits = "".join(whole)
        if len(digits.lstrip("0")) > MOST_DIGITS or len(decimals.rstrip("0")) > MOST_DIGITS:
            raise OverflowError
        value = Fraction(int(digits + decimals), 10 ** len(decimals))
        if value not in found:
            found.append(value)
    return tuple(found)


def _mark(separator: str) -> str:
    if separator in (",", "{,}"):
        return "c"
    if separator in (".", "{.}"):
        return "p"
    if separator == "\N{ARABIC DECIMAL SEPARATOR}":
        return "d"
    return {"'": "a", "_": "u"}.get(separator, "s")


def _grouped(marks: str, runs: list[str]) -> bool:
    """Whether ``marks`` divide the digits into groups as people do, or there are none."""
    if not marks:
        return True
    if len(set(marks)) > 1 or runs[0].startswith("0") or not len(runs[0]) <= 3:
        return False
    sizes = {len(run) for run in runs[1:-1]}
    if len(runs[-1]) != 3:
        return False
    return sizes <= {3} or (marks[0] == "c" and sizes == {2} and len(runs[0]) <= 2)


# ---------------------------------------------------------------------------- what is read


def find_numbers(text: str, decimal: DecimalSign = "point") -> list[WrittenNumber]:
    """The numbers of ``text`` in digits, in their order, each whole.

    Digits that belong to a word, a code or a formula are there too, without a reading.
    """
    plain = plain_characters(text)
    matches = list(_matches(plain))
    found = [_read(plain, match, decimal) for match in matches]
    for at, one in enumerate(found):
        if at + 1 < len(found) and _are_one(plain, one, found[at + 1]):
            found[at] = _unread(one)
            found[at + 1] = _unread(found[at + 1])
    dates = [match.span() for match in _DATE.finditer(plain)] if found else []
    for at, one in enumerate(found if dates else ()):
        last = bisect_left(dates, (one.end, 0)) - 1
        if last >= 0 and dates[last][1] > one.start:
            found[at] = _unread(one, "no number")
    return found


def read_number(text: str, decimal: DecimalSign = "auto") -> WrittenNumber:
    """``text`` (a dataset's cell), which is to be one number and nothing else: a sign, a currency
    sign, a percent sign, a scale word and LaTeX around it are part of it, other words are not.
    """
    plain = text.strip()
    for opening, closing in _AROUND:
        if plain.startswith(opening) and plain.endswith(closing):
            plain = plain[len(opening) : len(plain) - len(closing)].strip()
    found = find_numbers(plain, decimal)
    if len(found) == 1 and plain[: found[0].start] + plain[found[0].end :] in ("", "."):
        return found[0]
    several: Trouble = "several numbers" if len(found) > 1 else "no number"
    return WrittenNumber(0, len(text), (), several)


_AROUND = (
    ("**", "**"), ("`", "`"), ('"', '"'), ("'", "'"), ("“", "”"),
    ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("\\boxed{", "}"),
)  # fmt: skip


def _matches(plain: str) -> Iterator[re.Match[str]]:
    """The numbers' places. The pattern is tried only where one can begin."""
    end = 0
    for begin in _BEGIN.finditer(plain):
        if begin.start() >= end and (match := _NUMBER.match(plain, begin.start())):
            end = match.end()
            yield match


_BEGIN = re.compile(
    rf"""(?<![{_LETTER}])(?:minus|negative|USD|EUR|GBP|CHF|JPY|INR|CAD|AUD|Rs|US|NZ|HK|[ACS])\b
    |(?<![{_LETTER}])(?:US|NZ|HK|[ACS])(?=\$)|[-+](?=[ ]?[^\s]) | {_CURRENCY} | \\[dtc]?frac
    | [{"".join(VULGAR)}] | \.[0-9] | [0-9]""",
    re.VERBOSE | re.IGNORECASE,
)


def _read(plain: str, match: re.Match[str], decimal: DecimalSign) -> WrittenNumber:
    start, end = match.span()
    groups = match.groupdict()
    scale = 1
    if groups["scaled"]:
        word = (groups["scale"] or groups["scale2"]).casefold()
        attached = not groups["scaled"].startswith((" ", "\u00a0", "-"))
        if word in SCALE and not (word == "k" and not attached):
            scale = SCALE[word]
        elif word == "m" and attached and "$" in match[0] and groups["scaled"] == "M":
            scale = 10**6
        elif attached and word not in ATTACHED:
            return WrittenNumber(start, match.end("scaled"), (), "no number")
        else:
            end = match.start("scaled")  # a unit: it does not count
    before = plain[max(0, start - 20) : start]
    if groups["gap"] and not before.rsplit("\n", 1)[-1].strip():
        # "- 7" at a line's beginning: an item of a list, or seven below zero.
        return WrittenNumber(start, end, (), "no number")
    if groups["gap"] and not _SIGNED.search(before):
        # "14 pears - 7 for each": a dash between words.
        start, groups["sign"] = match.end("gap"), None
    signs = [s for s in (groups["sign"], groups["sign2"]) if s]
    if len(signs) > 1 or _PART_OF.search(before) or _GOES_ON.match(plain, end):
        return WrittenNumber(start, end, (), "no number")
    try:
        values = _of_groups(groups, decimal)
        negative = "-" in signs or (groups["word"] is not None)
        readings = tuple(
            canonical_number(-value * scale if negative else value * scale) for value in values
        )
    except (OverflowError, ValueError):
        return WrittenNumber(start, end, (), "out of range")
    except ZeroDivisionError:
        return WrittenNumber(start, end, (), "no number")
    return WrittenNumber(start, end, readings, _TROUBLES[len(readings)])


_TROUBLES: tuple[Trouble | None, ...] = ("no number", None, "ambiguous")  # by readings


def _of_groups(groups: dict[str, str | None], decimal: DecimalSign) -> tuple[Fraction, ...]:
    """The value of a match of _NUMBER without its sign and its scale.

    Raises OverflowError, ValueError (too many digits), ZeroDivisionError.
    """

    def first(*names: str) -> str | None:
        return next((groups[name] for name in names if groups[name] is not None), None)

    for text in groups.values():
        if text is not None and len(text) > 3 * MOST_DIGITS:
            raise OverflowError
    top, bottom = first("top1", "top2", "top3"), first("bottom1", "bottom2", "bottom3")
    whole = int(first("whole1", "whole2", "whole3") or 0)
    if top is not None and bottom is not None:
        if whole and not 0 < int(top) < int(bottom):
            return ()  # "3 7/2" is no mixed number
        return (whole + Fraction(int(top), int(bottom)),)
    if groups["vulgar"]:
        return (whole + VULGAR[groups["vulgar"]],)
    power = first("exponent", "power1", "power2", "power3", "power4", "power5", "power6")
    exponent = int(power.translate(_SUPERSCRIPT)) if power else 0
    if abs(exponent) > MOST_DIGITS:
        raise OverflowError
    if groups["ten"]:
        return (Fraction(10) ** exponent,)
    return tuple(v * Fraction(10) ** exponent for v in _values(groups["numeral"] or "", decimal))


def joins(gap: str) -> bool:
    """Whether what stands between two numbers makes one range, list, sum, ratio or time of them:
    "5 or 6", "5 to 6"."""
    return _JOINS.fullmatch(gap) is not None


def _are_one(plain: str, left: WrittenNumber, right: WrittenNumber) -> bool:
    """Whether two neighbours belong together: "3, 4", "3 to 4", "5 feet 3 inches"."""
    gap = plain[left.end : right.start]
    if left.value is not None and left.value == right.value and _OR.fullmatch(gap):
        return False  # one number, said twice: "180/3, or 60"
    if len(gap) > 40 or "\n" in gap.strip(" "):
        return False
    if joins(gap):
        return True
    units = _UNIT_JOINS.fullmatch(gap)
    if units is None:
        return False
    other = _UNIT.match(plain, right.end)
    if other is None:
        return False
    counted = units["joint"].strip(" ,") and units["unit"].casefold() != other[1].casefold()
    return bool(counted) or same_quantity(units["unit"], other[1])


def _unread(one: WrittenNumber, trouble: Trouble = "several numbers") -> WrittenNumber:
    return WrittenNumber(one.start, one.end, (), trouble)
