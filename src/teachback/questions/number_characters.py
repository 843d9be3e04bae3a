"""The characters that numbers are written in, over all scripts: digits, signs, fractions."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

VULGAR = {
    character: Fraction(unicodedata.numeric(character)).limit_denominator(10)
    for character in "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
}
_MINUS = "-\N{MINUS SIGN}\N{EN DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{SMALL HYPHEN-MINUS}"
_PLAIN = {
    **dict.fromkeys("\N{FULLWIDTH HYPHEN-MINUS}\N{SUPERSCRIPT MINUS}" + _MINUS, "-"),
    **dict.fromkeys("\N{FULLWIDTH PLUS SIGN}", "+"),
    **dict.fromkeys("’ʼ＇′\N{MODIFIER LETTER APOSTROPHE}", "'"),
    **dict.fromkeys("\u00a0\u2007\u2008\u2009\u200a\u202f\u205f", "\u00a0"),
    **dict.fromkeys("\N{FULLWIDTH PERCENT SIGN}\N{ARABIC PERCENT SIGN}", "%"),
    **dict.fromkeys("\N{FRACTION SLASH}\N{DIVISION SLASH}\N{FULLWIDTH SOLIDUS}", "/"),
    "\N{FULLWIDTH DOLLAR SIGN}": "$",
    "\N{FULLWIDTH YEN SIGN}": "¥",
}
_FULL_WIDTH = re.compile(r"(?<=[０-９])([，．])(?=[０-９])")
_OTHER = re.compile(r"[^\x00-\x7f]")


def plain_characters(text: str) -> str:
    """``text`` in the characters that `teachback.questions.written_numbers` knows, each at its
    place."""
    if text.isascii():
        return text
    text = _FULL_WIDTH.sub(lambda match: "," if match[1] == "，" else ".", text)

    def plain(match: re.Match[str]) -> str:
        character = match[0]
        digit = unicodedata.decimal(character, None)
        return _PLAIN.get(character, character) if digit is None else str(digit)

    return _OTHER.sub(plain, text)
