"""Numbers are read whole or not at all: what people write, by hand and by the thousand."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachback.questions.canonical_numbers import canonical_number, same_number
from teachback.questions.number_words import find_number_words
from teachback.questions.written_numbers import DecimalSign, find_numbers, read_number

NBSP, NARROW, THIN = "\u00a0", "\u202f", "\u2009"

# What a cell means by the convention of the point, of the comma, and where none is known. Two
# numbers: ambiguous. None: it is no single number.
Means = str | tuple[str, str] | None
CELLS: list[tuple[str, Means, Means, Means]] = [
    # The decimal sign and grouping.
    ("12,5", None, "12.5", "12.5"),
    ("12.5", "12.5", None, "12.5"),
    ("1.234,50", None, "1234.5", "1234.5"),
    ("1,234.50", "1234.5", None, "1234.5"),
    ("1.234", "1.234", "1234", ("1.234", "1234")),
    ("1,234", "1234", "1.234", ("1234", "1.234")),
    ("-1,234", "-1234", "-1.234", ("-1234", "-1.234")),
    ("0,123", None, "0.123", "0.123"),
    ("0.123", "0.123", None, "0.123"),
    ("1234,567", None, "1234.567", "1234.567"),
    ("1,234,567", "1234567", None, "1234567"),
    ("1.234.567", None, "1234567", "1234567"),
    ("1.234.567,8", None, "1234567.8", "1234567.8"),
    ("12,34,567", "1234567", None, "1234567"),
    ("1,00,000.50", "100000.5", None, "100000.5"),
    ("1{,}234", "1234", "1.234", ("1234", "1.234")),
    ("3{,}14", None, "3.14", "3.14"),
    *(
        (f"1{sign}234", "1234", "1234", "1234")
        for sign in ("'", "’", NBSP, NARROW, THIN, " ", "_", "\\,", ",\\!", "~")
    ),
    (f"1{NARROW}234,5", None, "1234.5", "1234.5"),
    ("1'234.5", "1234.5", None, "1234.5"),
    ("1,23,45", None, None, None),
    ("1234,567,890", None, None, None),
    ("1'23", None, None, None),
    # Signs, currencies, percent signs, scale words.
    *(
        (text, value, value, value)
        for text, value in (
            ("5", "5"), ("-5", "-5"), ("+5", "5"), ("\u22125", "-5"), ("\u20135", "-5"),
            ("-$5", "-5"), ("$-5", "-5"), ("5 €", "5"), ("€5", "5"), ("US$ 5", "5"),
            ("Rs. 500", "500"), ("CHF 5", "5"), ("minus 5", "-5"), ("-0", "0"), ("007", "7"),
            ("50%", "50"), ("50 \\%", "50"), ("18 percent", "18"), ("５０％", "50"),
            ("2 million", "2000000"), ("3k", "3000"), ("$3M", "3000000"), ("2 dozen", "24"),
            ("2万", "20000"), ("3 Mrd", "3000000000"), ("5 crore", "50000000"),
            ("1/2", "0.5"), ("1/3", "1/3"), ("2/6", "1/3"), ("½", "0.5"), ("1½", "1.5"),
            ("3 1/2", "3.5"), ("-3 1/2", "-3.5"), ("1⁄2", "0.5"), ("\\frac{1}{2}", "0.5"),
            ("\\dfrac{1}{2}", "0.5"), ("\\tfrac12", "0.5"), ("3\\frac{1}{2}", "3.5"),
            ("$\\frac{-1}{4}$", "-0.25"), ("\\(\\frac{7}{2}\\)", "3.5"),
            ("1e-7", "0.0000001"), ("3 × 10^4", "30000"), ("3\\times10^{4}", "30000"),
            ("3\\cdot 10^{-2}", "0.03"), ("10^3", "1000"), ("10²", "100"), ("3 × 10⁴", "30000"),
            ("٤٢", "42"), ("４２", "42"), ("४२", "42"), ("$42$", "42"), ("**42**", "42"),
            ("5.", "5"), ("100000000000000000000", "100000000000000000000"),
        )
    ),
    # No single number.
    *(
        (text, None, None, None)
        for text in (
            "", "red", "3, 4", "3; 4", "3、4", "3-4", "3–4", "3 to 4", "3 or 4", "5 6", "3:4",
            "12:30", "2020-01-02", "1/2/2020", "May 5, 2020", "10 a.m.", "555-123-4567", "1.2.3",
            "v1.2", "KX-41", "A4", "5th", "2nd", "3x", "12 jars", "x = 5", "5 + 3", "5 × 3", "2^10",
            "5²", "√2", "2π", "±5", "<5", "> 5", "1/0", "3 7/2", "5'3", "1e400",
            "1 hour and 30 minutes",
            "9" * 61, "9" * 400, "1/" + "3" * 400, "∞", "nan", "inf", "--5", "1,2,3",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "point", "comma", "auto"), CELLS, ids=lambda v: str(v)[:30])
def test_a_cell_is_read_whole_or_not_at_all(
    text: str, point: Means, comma: Means, auto: Means
) -> None:
    meanings: dict[DecimalSign, Means] = {"point": point, "comma": comma, "auto": auto}
    for decimal, means in meanings.items():
        number = read_number(text, decimal)
        if isinstance(means, tuple):
            assert (number.readings, number.trouble) == (means, "ambiguous")
        else:
            assert number.value == means, decimal


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("She pays $18 per hour.", ["18"]),
        ("5 + 3 = 8", [None, None, "8"]),
        ("x = -8.", ["-8"]),
        ("100 - 50 = 50", [None, None, "50"]),
        ("So $3 \\cdot 6 = 18$.", [None, None, "18"]),
        ("\\boxed{18\\text{ apples}}", ["18"]),
        ("It takes 1 hour and 30 minutes.", [None, None]),
        ("It is 5 feet 3 inches.", [None, None]),
        ("12 apples and 5 pears", [None, None]),
        ("He has 12 apples. She has 5.", ["12", "5"]),
        ("between 3 and 4", [None, None]),
        ("答案是42个", ["42"]),
        ("答えは42です", ["42"]),
        ("Das sind 12km.", ["12"]),
        ("the COVID-19 years", [None]),
        ("It costs 1,234, which is much", ["1234"]),
        ("3 (or 4)", [None, None]),
        ("3 out of 4", [None, None]),
        ("He walks 30 km/h", ["30"]),
        ("2 million people", ["2000000"]),
        ("a 5-year plan", ["5"]),
        ("- 7 apples", [None]),
        ("14 pears – 7 for each", ["14", "7"]),
        ("20 – 6 = 14", [None, None, "14"]),
        ("it is - 7", ["-7"]),
        ("in 2020 300 people", [None]),
    ],
)
def test_the_numbers_of_a_text(text: str, values: list[str | None]) -> None:
    assert [number.value for number in find_numbers(text)] == values


def grouped(digits: str, sign: str) -> str:
    head = len(digits) % 3 or 3
    return sign.join([digits[:head], *(digits[at : at + 3] for at in range(head, len(digits), 3))])


def indian(digits: str) -> str:
    head, last = digits[:-3], digits[-3:]
    first = len(head) % 2 or 2
    return ",".join([head[:first], *(head[at : at + 2] for at in range(first, len(head), 2)), last])


INTEGERS = st.integers(min_value=0, max_value=10**25)
DECIMALS = st.text("0123456789", max_size=8)
SIGNS = st.sampled_from(["", "-", "+", "\u2212", "\u2013"])
AROUND = st.sampled_from(
    ["{}", "${}", "{} €", "{}%", "${}$", "\\({}\\)", "**{}**", "\\boxed{{{}}}", "USD {}"]
)
GROUPING = st.sampled_from(["", ",", "'", "’", " ", NBSP, NARROW, THIN, "\\,", ",\\!", "_", "i"])


@given(INTEGERS, DECIMALS, SIGNS, AROUND, GROUPING, st.booleans())
def test_a_number_in_any_convention_is_read_back(
    whole: int, decimals: str, sign: str, around: str, grouping: str, comma: bool
) -> None:
    digits = str(whole)
    if grouping == "i" and not comma and len(digits) > 3:
        digits = indian(digits)
    elif grouping not in ("", "i"):
        digits = grouped(digits, "." if comma and grouping == "," else grouping)
    written = digits + (f"{',' if comma else '.'}{decimals}" if decimals else "")
    value = Fraction(f"{'-' if sign in ('-', chr(0x2212), chr(0x2013)) else ''}{whole}.{decimals}0")
    text = around.format(sign + written)
    number = read_number(text, "comma" if comma else "point")
    assert number.value is not None
    assert Fraction(number.value) == value
    for other in read_number(text, "auto").readings:  # the right one is among them
        assert Fraction(other) == value or len(read_number(text, "auto").readings) == 2


@given(
    st.text("0123456789.,'_ -/:eE^%$€½²xk\u00a0\\", min_size=1, max_size=25),
    st.sampled_from(["auto", "comma", "point"]),
)
def test_no_number_is_read_out_of_a_longer_one(text: str, decimal: DecimalSign) -> None:
    """What touches a number that was read is no digit, and no sign that leads to one."""
    for number in find_numbers(text, decimal):
        assert 0 <= number.start < number.end <= len(text)
        if number.value is None:
            continue
        before, after = text[: number.start], text[number.end :]
        assert not before[-1:].isdecimal()
        assert not after[:1].isdecimal()
        for joint in (".", ",", "'", "_", "/", ":", "^", "-"):
            assert not (after.startswith(joint) and after[1:2].isdecimal())
            assert not (before.endswith(joint) and before[-2:-1].isdecimal())


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**6))
def test_the_canonical_form_is_exact(top: int, bottom: int) -> None:
    value = Fraction(top, bottom)
    written = canonical_number(value)
    assert Fraction(written) == value
    assert same_number(written, f"{top}/{bottom}")
    assert read_number(written, "point").value == written


def test_equal_numbers_are_the_same_and_near_ones_are_not() -> None:
    assert same_number("0.50", "1/2")
    assert same_number("1e3", "1000")
    assert not same_number("0.3333333333333333333", "1/3")
    assert not same_number("5", "red")
    assert not same_number("1/0", "1/0")


@pytest.mark.parametrize("huge", ["1e3000000", "1e999999999", "1E-999999999", "1" * 361, "1e61"])
def test_a_number_beyond_all_that_are_written_equals_none(huge: str) -> None:
    began = time.process_time()
    assert not same_number(huge, huge)
    assert not same_number("5", huge)
    assert time.process_time() - began < 0.5
    assert same_number("1e60", f"1{60 * '0'}")
    longest = canonical_number(Fraction(10**179 + 1, (10**59 + 1) * 2**60 * 5**60))
    assert same_number(longest, longest)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("twelve", [12]),
        ("forty-two apples", [42]),
        ("three hundred and five", [305]),
        ("two thousand and one", [2001]),
        ("minus seven", [-7]),
        ("only one crate", [1]),
        ("one of them", []),
        ("each one", []),
        ("no one", []),
        ("the two of them", []),
        ("two three", [None]),
        ("one and two", [None]),
        ("twenty eleven", [None]),
        ("someone often", []),
    ],
)
def test_numbers_in_words(text: str, values: list[int | None]) -> None:
    assert [one.value for one in find_number_words(text)] == values


@pytest.mark.parametrize("piece", ["1", "1,", "1 ", "- ", "5 x ", "$", "\\frac", "1 m ", "3 and "])
def test_long_texts_take_time_in_proportion(piece: str) -> None:
    def seconds(size: int) -> float:
        start = time.process_time()
        find_numbers(piece * (size // len(piece)))
        return time.process_time() - start

    assert seconds(40_000) < 12 * max(seconds(10_000), 0.05)
