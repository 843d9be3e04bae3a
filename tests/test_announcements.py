"""Where a text announces its conclusion, in seven languages."""

from __future__ import annotations

from typing import Literal, get_args

import pytest

from teachback.questions import parse
from teachback.questions.announcements import announcements
from teachback.questions.languages import languages_of, settled_languages
from teachback.questions.wordings import WORDINGS
from teachback.records import (
    LANGUAGES,
    Conclusions,
    Example,
    Exemplar,
    Language,
    ReplyReading,
)

ALL = announcements(tuple(WORDINGS))


def stated(text: str, *languages: str) -> str | None:
    """What the last announced conclusion states."""
    span = next(announcements(languages).announced(text), None)
    return None if span is None else text[span.statement : span.line_end]


@pytest.mark.parametrize(
    ("language", "text", "statement"),
    [
        ("en", "It purrs. Therefore, the correct answer to this question is: (B)", "(B)"),
        ("en", "It purrs.\n\n**Final Answer:** B", "B"),
        ("en", "It purrs. (B) a cat is the correct answer.", "(B) a cat is the correct answer."),
        ("de", "Sie schnurrt. Die richtige Antwort lautet: (B) Katze", "(B) Katze"),
        ("de", "Sie schnurrt. Somit ist die Antwort 42.", "42."),
        ("de", "Daher ist die richtige Lösung also 12,5.", "also 12,5."),
        ("de", "Sie schnurrt.\n**Antwort:** B", "B"),
        ("de", "Die Antwort auf die Frage ist nein.", "nein."),
        ("fr", "Il ronronne. Donc, la bonne réponse est (B).", "(B)."),
        ("fr", "Réponse finale : 42", "42"),
        ("fr", "La réponse est donc oui.", "oui."),
        ("es", "Ronronea. Por lo tanto, la respuesta correcta es (B).", "(B)."),
        ("es", "Respuesta: no", "no"),
        ("ru", "Итак, правильный ответ: 42", "42"),
        ("ru", "Ответ — (B)", "(B)"),
        ("zh", "因此，正确答案是42。", "42。"),
        ("zh", "所以答案：B", "B"),
        ("zh", "综上所述，答案为(B)", "(B)"),
        ("ja", "したがって、答えは42です。", "42です。"),
        ("ja", "答え：B", "B"),
        ("ja", "正解は(B)です", "(B)です"),
    ],
)
def test_what_is_announced(language: str, text: str, statement: str) -> None:
    assert stated(text, language) == statement


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "If the answer is B, it purrs."),
        ("en", "The wrong answer is B."),
        ("de", "Wenn die Antwort B ist, schnurrt sie. Falls die Antwort ist: B"),
        ("de", "Die falsche Antwort ist B."),
        ("fr", "Si la réponse est B"),
        ("es", "Ninguna respuesta es B."),
        ("ru", "Неправильный ответ: B"),
        ("zh", "如果答案是B"),
        ("zh", "错误的答案是B"),
        ("ja", "間違った答えはBです"),
        ("de", "Auf dem Tisch liegt B."),
    ],
)
def test_what_is_not(language: str, text: str) -> None:
    assert stated(text, language) is None


@pytest.mark.parametrize(
    ("language", "statement", "denied"),
    [
        ("en", "not B", True),
        ("en", "not among the options", False),
        ("de", "nicht B", True),
        ("de", "nicht angegeben", False),
        ("fr", "pas B", True),
        ("es", "no está", False),
        ("ru", "не B", True),
        ("zh", "不是B", True),
        ("ja", "Bではありません。", True),
        ("ja", "Bです。", False),
    ],
)
def test_what_denies(language: str, statement: str, denied: bool) -> None:
    assert announcements((language,)).negated(statement) == denied


@pytest.mark.parametrize(
    ("language", "text", "verdict"),
    [
        ("en", "Birds fly, hence it's true.", "yes"),
        ("de", "Vögel fliegen. Also ist das richtig.", "yes"),
        ("fr", "Donc, c'est faux.", "no"),
        ("es", "Por lo tanto, es verdadero.", "yes"),
        ("ru", "Следовательно, это верно.", "yes"),
        ("zh", "因此，这是错误", "no"),
        ("ja", "したがって、それは正しい。", "yes"),
        ("en", "Some say yes.", None),
        ("de", "Manche sagen ja.", None),
    ],
)
def test_a_verdict_that_ends_the_text(language: str, text: str, verdict: str | None) -> None:
    ending = announcements((language,)).verdict_end(text)
    assert (ending and ending.answer) == verdict


def test_the_conclusion_begins_with_what_leads_up_to_it() -> None:
    for text, begins in [
        ("It purrs, so the answer is B.", "so the answer"),
        ("Sie schnurrt. Somit ist die Antwort 42.", "Somit ist"),
        ("它会叫。因此，正确答案是42。", "因此"),
        ("Он мурлычет. Итак, правильный ответ: 42", "Итак"),
    ]:
        span = next(ALL.announced(text))
        assert text[span.start :].startswith(begins)


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("How many apples are there?", ("en",)),
        ("Wie viele Äpfel liegen auf dem Tisch, und wie viele davon sind nicht rot?", ("en", "de")),
        ("Combien de pommes y a-t-il dans le panier et sur la table?", ("en", "fr")),
        ("¿Cuántas manzanas hay en la mesa y cuántas en el suelo?", ("en", "es")),
        ("Сколько яблок лежит на столе?", ("en", "ru")),
        ("什么动物会喵喵叫？", ("en", "zh")),
        ("どの動物がニャーと鳴きますか。", ("en", "ja")),
        ("Who met Las Vegas and El Nino on a tour with the band?", ("en",)),
    ],
)
def test_the_languages_of_a_text(text: str, languages: tuple[str, ...]) -> None:
    assert languages_of(text) == languages


GERMAN = Exemplar(Example("e", "Was ist rot?", "Tomate", "text"), "Die Tomate ist rot und rund.")


@pytest.mark.parametrize(
    ("chosen", "questions", "exemplars", "languages"),
    [
        ("auto", ["What is red?"], [], ("en",)),
        ("auto", ["What is red?"], [GERMAN], ("en", "de")),
        ("auto", ["Was ist rot und nicht rund?"], [], ("en", "de")),
        ("auto", [], [], ("en",)),
        ("auto", ["What is red?"] * 30 + ["Что на столе?"], [], ("en",)),
        ("auto", ["What is red?"] * 19 + ["Что на столе?"], [], ("en", "ru")),
        (("en", "fr"), ["Was ist rot und nicht rund?"], [GERMAN], ("en", "fr")),
    ],
)
def test_the_languages_that_auto_comes_to(
    chosen: Literal["auto"] | tuple[Language, ...],
    questions: list[str],
    exemplars: list[Exemplar],
    languages: tuple[str, ...],
) -> None:
    examples = [Example("x", question, "Tomate", "text") for question in questions]
    assert settled_languages(chosen, examples, exemplars) == languages


@pytest.mark.parametrize("conclusions", get_args(Conclusions))
def test_a_conclusion_counts_in_the_languages_that_are_read(conclusions: Conclusions) -> None:
    example = Example("x", "Wie viele?", "12", "number")
    text = "Drei Kisten zu je 4 Dosen. Die Antwort lautet: 12 Dosen. Das war in 2 Minuten getan."
    german, english = (
        parse(example, text, reading=ReplyReading(conclusions, languages))
        for languages in (("en", "de"), ("en",))
    )
    assert german.answer == "12"
    assert english.answer == (None if conclusions == "announced" else "2")


def test_the_table_has_the_languages_that_can_be_chosen() -> None:
    assert set(WORDINGS) == set(LANGUAGES)


def test_every_wording_is_in_small_letters_and_names_yes_and_no() -> None:
    for language, wording in WORDINGS.items():
        assert set(wording.verdicts.values()) == {"yes", "no"}, language
        for words in (wording.nouns, wording.leads, tuple(wording.verdicts), wording.results):
            assert words == tuple(word.lower() for word in words)
            assert len(set(words)) == len(words), language
