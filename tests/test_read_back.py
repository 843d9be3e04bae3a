"""What prompts ask for and objectives write is read back as gold, or refused beforehand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from teachback.cli import cli
from teachback.datasets import check
from teachback.objectives import explanation_target
from teachback.questions import KINDS, candidates, parse, same_answer, say_answer, unreadable
from teachback.records import AnswerFormat, Example, Exemplar, Objective
from teachback.teachers.prompts import reply_of

FORMATS: tuple[AnswerFormat, ...] = ("text", "letter", "both")
OBJECTIVES: tuple[Objective, ...] = ("mt-cot", "mt-ra", "cot")
WHY = "We look at each of them and it follows"


def asked(kind: str, gold: str, choices: Sequence[str] = ()) -> Example:
    return Example("x", "Which?", KINDS[kind].canonical(gold, tuple(choices)), kind, tuple(choices))


def misread(example: Example, answer_format: AnswerFormat) -> list[str]:
    """The sentences of a perfect student or teacher that are not read as gold."""
    wrong = []
    for objective in OBJECTIVES:
        text = explanation_target(example, WHY, objective, answer_format)
        if not same_answer(example, parse(example, text, answer_first=objective == "mt-ra").answer):
            wrong.append(text)
    if not candidates(example):
        bare = say_answer(example, example.answer, answer_format)
        if not same_answer(example, parse(example, bare, bare=True).answer):
            wrong.append(bare)
    if answer_format == "both":  # as prompts show it
        text = reply_of(Exemplar(example, WHY), "cote")
        if not same_answer(example, parse(example, text).answer):
            wrong.append(text)
    return wrong


READABLE: tuple[tuple[str, ...], ...] = (
    ("-30", "+30", "0", "15", "-15"),
    ("-1", "0", "1"),
    ("+", "-"),
    ("$", "€"),
    ("$5", "$50", "5"),
    ("猫", "狗", "鸟"),
    ("北京", "上海", "北京市"),
    ("π", "τ"),
    ("да", "нет", "не знаю"),
    ("ใช่", "ไม่ใช่"),
    ("نعم", "لا"),
    ("It is red. It is big.", "It is red.", "It is big."),
    ("Mr. Smith went home. Then he slept.", "Dr. No stayed."),
    ("<5", "5-10", ">10"),
    ("U.S.", "U.K.", "U.S"),
    ("C++", "C#", "F#"),
    ("none", "some", "all"),
    ("not guilty", "guilty"),
    ("cannot be determined", "it can"),
    ("“quoted”", "plain"),
    ("A: B", "A/B"),
    ("x = 5", "x = -5"),
    ("1/2", "-1/2"),
    ("café", "cafe"),
    ("10 a.m.", "10 p.m."),
)


@pytest.mark.parametrize("choices", READABLE, ids=lambda choices: choices[0])
@pytest.mark.parametrize("kind", ["multiple-choice", "label"])
def test_choices_that_are_read_back(kind: str, choices: tuple[str, ...]) -> None:
    for gold in choices:
        example = asked(kind, gold, choices)
        for answer_format in FORMATS if kind == "multiple-choice" else FORMATS[:1]:
            assert misread(example, answer_format) == [], (gold, answer_format)
            assert unreadable(example, answer_format) is None


@pytest.mark.parametrize(
    ("choices", "gold", "answer_format"),
    [
        (("C", "C++", "C#"), "C", "text"),
        (("C", "C++", "C#"), "C#", "letter"),
        (("no correct answer", "A"), "A", "text"),
    ],
)
def test_a_letter_that_is_another_choices_text(
    choices: tuple[str, ...], gold: str, answer_format: AnswerFormat
) -> None:
    """Nobody could tell which is meant; both together leave no doubt."""
    example = asked("multiple-choice", gold, choices)
    reason = unreadable(example, answer_format)
    assert reason is not None
    assert reason.endswith("is read as no answer")
    assert unreadable(example, "both") is None


def test_a_number_is_no_part_of_a_signed_one() -> None:
    example = asked("multiple-choice", "15", ("15", "30", "-30"))
    for text in ("The answer is -15.", "The answer is (A) -15.", "So the answer is clearly -15."):
        assert parse(example, text).answer is None, text
    assert parse(example, "The answer is clearly -30.").answer == "-30"
    assert parse(example, "The answer is B - 30.").answer == "30"


def test_a_word_of_another_script_is_found_within_a_sentence() -> None:
    example = asked("multiple-choice", "北京", ("北京", "上海"))
    assert parse(example, "The answer is clearly 北京市.").answer == "北京"
    assert parse(example, "The answer is clearly 北京, not 上海.").answer == "北京"
    assert parse(example, "The answer is clearly 北京 or 上海.").answer is None


@pytest.mark.parametrize(
    "text",
    [
        "It lies on the Seine.\n\\boxed{Paris}",
        "It lies on the Seine.\n\\boxed{\\text{Paris}}",
        "The answer is $Paris$.",
        "The answer is \\(Paris\\).",
        "The answer is **Paris**.",
        "The answer is “Paris”.",
        "The answer is Paris。",
    ],
)
def test_text_is_read_without_what_typesets_it(text: str) -> None:
    assert parse(asked("text", "Paris"), text).answer == "Paris"


def test_texts_that_look_the_same_are_the_same() -> None:
    for left, right in [("don't", "don’t"), ("café", "cafe\u0301"), ("a\u200bb", "ab")]:
        example = asked("text", left)
        assert same_answer(example, parse(example, f"So the answer is {right}.").answer)
    assert not same_answer(asked("text", "café"), "cafe")


def test_the_check_refuses_answers_that_cannot_be_recognised(tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    answers = ["Paris", "It is red. It is big.", "Answer: 5", "..."]
    rows = [{"id": str(n), "question": "?", "answer": a} for n, a in enumerate(answers)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    done = CliRunner().invoke(cli, ["data", "check", str(file)])
    assert done.exit_code == 2
    assert (
        "line 2: the right answer cannot be recognised: “The answer is It is red. It is big.” "
        in (done.output)
    )
    assert "is read as 'It is red'" in done.output
    assert "line 3" in done.output
    assert "line 4" in done.output
    assert "line 1:" not in done.output


def test_the_check_warns_where_one_format_alone_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    row = {"id": "a", "question": "?", "choices": ["C", "C++", "C#"], "answer": "C"}
    file.write_text(json.dumps(row) + "\n", "utf-8")
    found = check(file)
    assert found.problems == ()
    (warning,) = found.warnings
    assert 'with answer_format = "both" it can be' in str(warning)


SCRIPTS = st.one_of(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=12),
    st.text(st.characters(min_codepoint=0x400, max_codepoint=0x4FF), min_size=1, max_size=8),
    st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x4FFF), min_size=1, max_size=4),
    st.text(st.characters(min_codepoint=0x5D0, max_codepoint=0x6FF), min_size=1, max_size=8),
    st.text(st.characters(min_codepoint=0x3041, max_codepoint=0x30FF), min_size=1, max_size=6),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
    st.integers(-999, 999).map(str),
)


@given(choices=st.lists(SCRIPTS, min_size=2, max_size=5), gold=st.integers(0, 4))
@settings(max_examples=400, deadline=None)
def test_any_choices_are_read_back_or_refused(choices: list[str], gold: int) -> None:
    plain = tuple(dict.fromkeys(c.strip() for c in choices if c.strip()))
    if len(plain) < 2:
        return
    answer = plain[gold % len(plain)]
    for kind in ("multiple-choice", "label"):
        try:
            example = asked(kind, answer, plain)
        except ValueError:  # two choices that look the same
            continue
        for answer_format in FORMATS if kind == "multiple-choice" else FORMATS[:1]:
            if unreadable(example, answer_format) is None:
                assert misread(example, answer_format) == []


@given(gold=st.one_of(SCRIPTS, st.text(min_size=1, max_size=30)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_back_or_refused(gold: str) -> None:
    if not gold.strip():
        return
    example = asked("text", gold)
    if unreadable(example, "text") is None:
        assert misread(example, "text") == []


@given(gold=st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9)))
@settings(max_examples=200, deadline=None)
def test_any_number_is_read_back(gold: object) -> None:
    for kind in ("number", "number-comma"):
        written = str(gold).replace(".", ",") if kind == "number-comma" else str(gold)
        example = asked(kind, written)
        assert unreadable(example, "text") is None
        assert misread(example, "text") == []
