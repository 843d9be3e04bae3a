"""Whole numbers in Chinese and Japanese characters: 四十二, 三百零五, 一万二千.

A number is read whole or not at all: what is not written as people write it (三二十, 百零) has no
value.
"""

from __future__ import annotations

import re

_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")}
_UNITS = {"千": 1_000, "百": 100, "十": 10}
_MYRIADS = {"億": 10**8, "万": 10**4}
_SAME = str.maketrans("〇两兩亿萬", "零二二億万")

# A run of numerals that counts: behind nothing that makes an ordinal, a weekday or a word of it,
# and before a counter, a mark or the end.
_COUNTED = re.compile(
    r"(?<![第星期周週其之统統唯同单單每零〇一二两兩三四五六七八九十百千万萬亿億])"
    r"(?P<digits>[零〇一二两兩三四五六七八九十百千万萬亿億]+)"
    r"(?=[个個只隻本张張条條块塊元人名位件辆輛颗顆朵棵支枝把双雙对對头頭匹盒箱袋瓶杯页頁岁歲米厘公克升斤里天小分秒周週"
    r"つ冊枚円匹羽台杯本歳時日分秒キメグ]|\s*[。．.、，,！!；;）)」』\n]|\s*\Z)"
)


def find_ideographs(text: str) -> list[tuple[int, int, int | None]]:
    """The numbers of ``text`` in Chinese or Japanese characters that count something: start, end,
    and the value; None for what is no single number."""
    return [(*match.span("digits"), value_of(match["digits"])) for match in _COUNTED.finditer(text)]


def value_of(written: str) -> int | None:
    """The value of a number in characters; None where nobody writes one so."""
    plain = written.translate(_SAME)
    total, rest = 0, plain
    for sign, factor in _MYRIADS.items():
        head, found, tail = rest.partition(sign)
        if not found:
            continue
        many = _below_10_000(head)
        if not many:
            return None
        total, rest = total + many * factor, tail
    if rest:
        small = _below_10_000(rest.removeprefix("零") if total else rest)
        if small is None or (total and not small):
            return None
        total += small
    return total if plain in _writings(total) else None


def _below_10_000(written: str) -> int | None:
    """What the characters add up to, in whatever order; `_writings` says whether they may."""
    if written == "零":
        return 0
    total, digit = 0, None
    for character in written:
        if character in _UNITS:
            total += (1 if digit is None else digit) * _UNITS[character]
            digit = None
        elif character == "零":
            continue
        elif digit is None and character in _DIGITS:
            digit = _DIGITS[character]
        else:
            return None
    return total + (digit or 0)


def _writings(value: int) -> set[str]:
    """How ``value`` is written: in Chinese with 零 for places that are left out, in Japanese
    without, and without 一 before 十, 百 or 千."""
    if value == 0:
        return {"零"}
    parts = []
    rest = value
    for sign, factor in (*_MYRIADS.items(), ("", 1)):
        many, rest = divmod(rest, factor)
        parts.append((many, sign))
    chinese = ""
    gap = False
    for many, sign in parts:
        if many:
            chinese += "零" * bool(chinese and (gap or many < 1_000)) + _chinese(many) + sign
        gap = bool(chinese) and not many
    japanese = "".join(_japanese(many, ones) + sign for many, sign in parts if many for ones in "1")
    bare = "".join(_japanese(many, "") + sign for many, sign in parts if many)
    found = {chinese, japanese, bare}
    return found | {one.removeprefix("一") for one in found if one.startswith("一十")}


def _chinese(many: int) -> str:
    written, gap = "", False
    for sign, size in (*_UNITS.items(), ("", 1)):
        digit, many = divmod(many, size)
        if digit:
            written += "零" * (gap and bool(written)) + "零一二三四五六七八九"[digit] + sign
        gap = bool(written) and not digit
    return written


def _japanese(many: int, ones: str) -> str:
    """With 一 before 千, 百 and 十 where ``ones`` is not empty."""
    written = ""
    for sign, size in (*_UNITS.items(), ("", 1)):
        digit, many = divmod(many, size)
        if digit:
            written += "" if digit == 1 and sign and not ones else "零一二三四五六七八九"[digit]
            written += sign
    return written
