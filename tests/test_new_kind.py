"""A question kind defined here alone goes through every step: nothing else has to know of it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from itertools import permutations
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pytest
from click.testing import CliRunner

import teachback as tb
from teachback.cli.data import data
from teachback.datasets import check, open_examples, read_examples, stats
from teachback.errors import DataError
from teachback.evaluation import majority_label
from teachback.exemplars import for_kind
from teachback.objectives import training_examples
from teachback.questions import KINDS, QuestionKind, StatedAnswer, parse
from teachback.records import Example, Request
from teachback.students.card import StudentCard
from teachback.students.student import Student
from teachback.teachers.prompts import Prompts
from teachback.teachers.scripted import ScriptedTeacher
from tiny import tiny_causal

_ISO = re.compile(r"\d{4}-\d\d-\d\d")


class Date(QuestionKind):
    """Days, written as 2024-02-29; recognised in files that name no kind."""

    name = "date"
    rows_have = "a date as the answer"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        try:
            return datetime.strptime(str(value).strip(), "%Y-%m-%d").date().isoformat()
        except ValueError:
            raise ValueError(f"the answer {value!r} is not a date like 2024-02-29") from None

    def recognises(self, value: Any, choices: tuple[str, ...]) -> bool:
        return not choices and self.accepts(value, choices)

    def conclusion_form(self, choices: tuple[str, ...]) -> str:
        return "The answer is DATE. Here DATE is like 2024-02-29."

    def read(self, example: Example, statement: str) -> StatedAnswer:
        found = _ISO.search(statement)
        if found is None or not self.accepts(found.group(), ()):
            return StatedAnswer(None, len(statement))
        return StatedAnswer(
            found.group(), found.end(), opens=not statement[: found.start()].strip()
        )


class Ordering(QuestionKind):
    """Choices to be put in order ("C, A, B"); a dataset has to name the kind."""

    name = "ordering"
    choices_from = "row"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        letters = re.findall(r"[A-Z]", str(value))
        if sorted(letters) != list(ascii_uppercase[: len(choices)]):
            raise ValueError(f"the answer {value!r} does not name each choice once")
        return ", ".join(letters)

    def render(self, example: Example) -> str:
        lines = [f"({x}) {y}" for x, y in zip(ascii_uppercase, example.choices, strict=False)]
        return "\n".join([super().render(example), *lines])

    def candidates(self, example: Example) -> tuple[str, ...]:
        letters = ascii_uppercase[: len(example.choices)]
        return tuple(", ".join(order) for order in permutations(letters))

    def read(self, example: Example, statement: str) -> StatedAnswer:
        found = re.match(r"\s*([A-Z](?:, [A-Z])*)\b", statement)
        if found is None or found.group(1) not in self.candidates(example):
            return StatedAnswer(None, len(statement))
        return StatedAnswer(found.group(1), found.end())


@pytest.fixture(autouse=True)
def two_more_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Date(), Ordering()):
        monkeypatch.setitem(KINDS, kind.name, kind)


@pytest.fixture(scope="module")
def student_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_causal(tmp_path_factory.mktemp("tiny"), "llama")


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


DATES = ["2024-02-29", "2023-12-31", "2024-02-29", "1999-01-01"]


def date_rows() -> list[dict[str, Any]]:
    return [
        {"id": f"d{n}", "question": f"Which day, {n}?", "answer": day}
        for n, day in enumerate(DATES)
    ]


def ordering_rows() -> list[dict[str, Any]]:
    things = ["a mouse", "a dog", "a horse"]
    orders = ["A, B, C", "C B A", "C, B, A", "B, A, C"]
    return [
        {"id": f"o{n}", "question": f"Which is larger, {n}?", "choices": things, "answer": order}
        for n, order in enumerate(orders)
    ]


def test_a_dataset_of_dates_is_recognised_and_a_stray_row_named(tmp_path: Path) -> None:
    path = written(tmp_path / "dates.jsonl", date_rows())
    for read in (read_examples, open_examples):
        assert [(e.kind, e.answer) for e in read(path)] == [("date", day) for day in DATES]
    strays = [*date_rows(), {"id": "x", "question": "Which?", "answer": "someday"}]
    result = check(written(tmp_path / "strays.jsonl", strays))
    assert result.kind == "date"
    assert [(problem.line, problem.reason) for problem in result.problems] == [
        (
            5,
            "mixed rows: the answer 'someday' reads as text, and 4 of 5 rows have a date as the "
            "answer (kind = text takes them all as text)",
        )
    ]
    named = check(tmp_path / "strays.jsonl", "date")
    (problem,) = named.problems
    assert problem.reason == "the answer 'someday' is not a date like 2024-02-29"
    assert stats(read_examples(path)).balance == {}


def test_a_kind_with_choices_of_its_own_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "orders.jsonl", ordering_rows())
    examples = read_examples(path, kind="ordering")
    assert [e.answer for e in examples] == ["A, B, C", "C, B, A", "C, B, A", "B, A, C"]
    shown = CliRunner().invoke(data, ["stats", str(path), "--kind", "ordering"])
    assert "question kind   ordering" in shown.stdout
    assert "gold C, B, A    2 (50.0%)" in shown.stdout
    bare = written(tmp_path / "bare.jsonl", [{"id": "1", "question": "Which?", "answer": "A"}])
    assert [p.reason for p in check(bare, "ordering").problems] == ["the choices are missing"]


@pytest.mark.slow
def test_dates_from_the_teacher_to_the_student(tmp_path: Path, student_folder: Path) -> None:
    examples = read_examples(written(tmp_path / "dates.jsonl", date_rows()))
    shown = {"id": "x", "question": "When was it?", "answer": "2001-01-01"}
    exemplars = written(tmp_path / "shown.jsonl", [{**shown, "explanation": "It was new year."}])

    def reply(request: Request) -> str:
        prompt = "\n".join(m.content for m in (*request.prefix, *request.messages))
        assert "in exactly this form: The answer is DATE. Here DATE is like 2024-02-29." in prompt
        assert "It was new year.\nThe answer is 2001-01-01." in prompt
        return "It is a leap day.\nThe answer is 2024-02-29."

    selection = tb.generate(
        examples,
        teacher=ScriptedTeacher(reply),
        strategy="cote",
        store=tmp_path / "store.sqlite",
        exemplars=str(exemplars),
    )
    assert [(e.id, e.text, e.answer) for e in selection.explanations] == [
        ("d0", "It is a leap day.", "2024-02-29"),
        ("d2", "It is a leap day.", "2024-02-29"),
    ]
    assert {r.reason for r in selection.rejections} == {"wrong-answer"}
    assert selection.counts.yield_per_label == {}
    assert for_kind("date") == []

    own = {e.id: [e] for e in selection.explanations}
    pairs = [p for t in training_examples(examples, own, objective="mt-cot") for p in t.pairs]
    assert [(p.role, p.target) for p in pairs if p.id == "d0"] == [
        ("answer", "2024-02-29"),
        ("explanation", "It is a leap day. So the answer is 2024-02-29."),
    ]
    for pair in pairs:
        example = next(e for e in examples if e.id == pair.id)
        assert parse(example, pair.target, bare=pair.role == "answer").answer == example.answer

    student = tb.train(
        examples,
        selection.explanations,
        student=str(student_folder),
        epochs=1,
    )
    assert (student.card.kind, student.card.labels) == ("date", ())
    evaluated = tb.evaluate(student, examples)
    # Random weights write no date.
    assert [p.unparsed for p in evaluated.predictions] == [True] * 4
    assert (evaluated.metrics.kind, evaluated.metrics.direct.unparsed) == ("date", 4)
    assert student.answer("When?").answer is None

    majority = majority_label(examples, examples)
    assert [p.answer for p in majority] == ["2024-02-29"] * 4
    assert [p.correct for p in majority] == [True, False, True, False]


def test_orderings_are_prompted_scored_and_counted(tmp_path: Path, student_folder: Path) -> None:
    path = written(tmp_path / "orders.jsonl", ordering_rows())
    examples = read_examples(path, kind="ordering")
    request = Prompts().request(examples[0], "rp")
    assert request.messages[0].content == (
        "Which is larger, 0?\n(A) a mouse\n(B) a dog\n(C) a horse\nThe correct answer is A, B, C."
    )
    selection = tb.generate(
        examples,
        teacher=ScriptedTeacher(lambda _: "Horses are large.\nThe answer is C, B, A."),
        strategy="cote",
        store=tmp_path / "store.sqlite",
    )
    counted = selection.counts.yield_per_label
    assert counted == {"A, B, C": (0, 1), "B, A, C": (0, 1), "C, B, A": (2, 2)}

    student = Student.load(student_folder)
    student.model.card = StudentCard(base="tiny", family="causal", kind="ordering")
    evaluated = tb.evaluate(student, examples, explain=False)
    for prediction in evaluated.predictions:
        assert prediction.probabilities is not None
        assert len(prediction.probabilities) == 6
        assert prediction.answer == max(prediction.probabilities, key=prediction.probabilities.get)  # type: ignore[arg-type]
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
    asked = student.answer("Which is larger?", choices=["a flea", "a cow"])
    assert asked.answer in ("A, B", "B, A")
    with pytest.raises(DataError, match="answers ordering questions: give two or more"):
        student.answer("Which is larger?")
    assert {p.answer for p in majority_label(examples, examples)} == {"C, B, A"}
