"""Numbers in words, whole or not at all, in the languages that are chosen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from teachback.questions import parse
from teachback.questions.number_ideographs import value_of
from teachback.questions.number_words import find_number_words
from teachback.questions.unit_words import SCALE
from teachback.records import Example, Language, ReplyReading

READ = [
    ("en", "a hundred apples", "a hundred", 100),
    ("en", "one thousand, two hundred and five", "one thousand, two hundred and five", 1205),
    ("en", "two billion", "two billion", 2_000_000_000),
    ("de", "es sind zweitausenddreihundertfünf", "zweitausenddreihundertfünf", 2305),
    ("de", "dreissig Hunde", "dreissig", 30),
    ("de", "eine Million", "eine Million", 1_000_000),
    ("de", "minus zwei", "minus zwei", -2),
    ("de", "zwölf Äpfel und ein Korb", "zwölf", 12),
    ("de", "nur noch ein Korb", "ein", 1),
    ("fr", "quatre-vingt-dix-sept billes", "quatre-vingt-dix-sept", 97),
    ("fr", "soixante et onze", "soixante et onze", 71),
    ("fr", "septante-deux", "septante-deux", 72),
    ("fr", "deux cent mille", "deux cent mille", 200_000),
    ("fr", "il ne reste qu'un panier", "un", 1),
    ("es", "quedan dieciseis", "dieciseis", 16),
    ("es", "mil doscientas", "mil doscientas", 1200),
    ("es", "veintiún días", "veintiún", 21),
    ("es", "un millón", "un millón", 1_000_000),
    ("ru", "осталось двадцать одно яблоко", "двадцать одно", 21),
    ("ru", "две тысячи пять рублей", "две тысячи пять", 2005),
    ("zh", "还剩下三百零五个苹果。", "三百零五", 305),
    ("zh", "一共有两千块", "两千", 2000),
    ("ja", "残りは十二個です。", "十二", 12),
    ("ja", "二万五千円", "二万五千", 25_000),
]


@pytest.mark.parametrize(("language", "text", "words", "value"), READ)
def test_a_number_in_words_is_read_whole(language: str, text: str, words: str, value: int) -> None:
    (found,) = find_number_words(text, (language,))
    assert (text[found.start : found.end], found.value) == (words, value)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "two and a half apples"),
        ("en", "five or six"),
        ("en", "ten minus three"),
        ("de", "fünf bis sechs"),
        ("ru", "пять или шесть"),
        ("en", "two dozen eggs"),
        ("en", "two thirds"),
        ("en", "two point five"),
        ("de", "zwei drei"),
        ("de", "zwei Dutzend"),
        ("de", "einhundert tausend tausend"),
        ("de", "zwei Komma fünf"),
        ("fr", "mille million"),
        ("fr", "cent deux cent"),
        ("fr", "deux douzaines"),
        ("es", "veinte treinta"),
        ("es", "dos docenas"),
        ("ru", "сто двести"),
        ("ru", "два три"),
        ("zh", "三二十个"),
        ("ja", "二百三百円"),
    ],
)
def test_what_is_no_single_number_has_no_value(language: str, text: str) -> None:
    assert [one.value for one in find_number_words(text, (language,))][:1] == [None]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Das ist ein Hund und eine Katze."),
        ("de", "die zwei von nebenan"),
        ("de", "zweieinhalb Stunden"),
        ("fr", "parce qu'un chien aboie"),
        ("es", "una casa"),
        ("ru", "один из них"),
        ("zh", "他们一起去。"),
        ("zh", "今天是星期三。"),
        ("zh", "第三个人"),
        ("en", "He has been there once."),
    ],
)
def test_words_that_do_not_count_are_no_numbers(language: str, text: str) -> None:
    assert find_number_words(text, (language,)) == []


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ru"])
@given(value=st.one_of(st.integers(2, 2_000), st.integers(2, 999_999_999)))
def test_what_is_written_out_is_read_back(language: str, value: int) -> None:
    written = num2words(value, lang=language)
    (found,) = find_number_words(written, (language,))
    assert (found.start, found.end, found.value) == (0, len(written), value)


@given(value=st.one_of(st.integers(0, 12_000), st.integers(0, 999_999_999)))
def test_japanese_numerals_are_read_back(value: int) -> None:
    assert value_of(num2words(value, lang="ja")) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("零", 0),
        ("十", 10),
        ("一百一十", 110),
        ("一百零一", 101),
        ("一千零一十", 1010),
        ("一万零五", 10_005),
        ("两万三千", 23_000),
        ("三亿零二万", 300_020_000),
        ("百二十", 120),
        ("百零", None),
        ("二三", None),
        ("十百", None),
        ("一万万", None),
        ("零五", None),
    ],
)
def test_chinese_numerals(written: str, value: int | None) -> None:
    assert value_of(written) == value


CONCLUDED: list[tuple[Language, str, str, str]] = [
    ("de", "Wie viele Äpfel bleiben?", "Es sind 20, acht isst er. Also bleiben zwölf Äpfel.", "12"),
    ("de", "Wie viele Körbe bleiben?", "Es waren 3. Es bleibt nur noch ein Korb.", "1"),
    (
        "fr",
        "Combien de billes a Paul ?",
        "Paul a 90 billes et en gagne sept. Donc Paul a quatre-vingt-dix-sept billes.",
        "97",
    ),
    (
        "es",
        "¿Cuántas manzanas quedan en la caja?",
        "Había 20 en la caja y se comen 4. Por lo tanto quedan dieciséis manzanas en la caja.",
        "16",
    ),
    ("ru", "Сколько яблок?", "Было 30, съели 9. Итак, осталось двадцать одно яблоко.", "21"),
    ("zh", "还剩下多少个苹果？", "一共有20个苹果，吃了8个。所以还剩下十二个苹果。", "12"),
    (
        "ja",
        "りんごはいくつ残りますか？",
        "20個から8個取った。したがって残りは十二個です。",
        "12",
    ),
]


@pytest.mark.parametrize(("language", "question", "text", "answer"), CONCLUDED)
def test_a_conclusion_in_words_is_read_in_its_language_and_in_no_other(
    language: Language, question: str, text: str, answer: str
) -> None:
    example = Example("n", question, answer, "number")
    own = parse(example, text, reading=ReplyReading("inferred", (language,)))
    assert (own.answer, own.pattern) == (answer, "inferred: number in words")
    assert parse(example, text, reading=ReplyReading("inferred", ("en",))).answer != answer


def test_an_announced_number_in_words_is_read() -> None:
    german = Example("n", "Wie viele Eier sind es?", "42", "number")
    assert parse(german, "Die Antwort ist zweiundvierzig.").answer == "42"
    english = Example("n", "How many eggs are there?", "12", "number")
    assert parse(english, "The answer is twelve eggs.").answer == "12"
    assert parse(english, "The answer is two dozen.").answer is None


def test_words_of_a_language_that_the_text_is_not_in_are_no_numbers() -> None:
    example = Example("n", "How many cents does it cost?", "1", "number")
    text = "It was more before. So it costs one cent."
    assert parse(example, text).answer == "1"
    assert find_number_words("one cent", ("en", "fr"))[0].value == 1
    assert SCALE["dozen"] == 12
