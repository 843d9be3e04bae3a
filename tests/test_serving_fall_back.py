"""``serve --fall-back-to`` on the command line: the threshold is of the answers that are served."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from teachback.cli import cli
from teachback.records import Example
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.systems import predict
from tiny import tiny_causal

LABELS = ("late", "ok")


def student(folder: Path, kind: str, objective: str = "mt-cot") -> StudentModel:
    model = load(tiny_causal(folder))
    labels = LABELS if kind == "label" else ()
    model.with_card(objective=objective, kind=kind, labels=labels, max_new_tokens=12)
    model.card.save(folder)
    return model


def begun(folder: Path, *arguments: str) -> Result:
    """What ``serve`` prints until it finds that its port is taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = ["serve", str(folder), "--port", port, "--fall-back-to", "scripted", *arguments]
        done = CliRunner().invoke(cli, command)
    assert done.exit_code == 2, done.output
    return done


def test_labelled_questions_are_read_as_the_student_s_kind(tmp_path: Path) -> None:
    """The surest 90 of 120 answers are right: 0.9364, their lower bound, is above the target."""
    model = student(tmp_path / "student", "label")
    asked = [Example(f"q{n}", f"Report {n * n}", "ok", "label", LABELS) for n in range(120)]
    found, _ = predict(model, asked)
    ranked = sorted(found, key=lambda one: max((one.probabilities or {}).values()), reverse=True)
    rows = [
        {
            "id": one.id,
            "question": next(e.question for e in asked if e.id == one.id),
            "answer": one.answer if place < 90 else next(x for x in LABELS if x != one.answer),
        }
        for place, one in enumerate(ranked)
    ]
    assert {row["answer"] for row in rows} == set(LABELS)
    file = tmp_path / "labelled.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    done = begun(tmp_path / "student", "--target-accuracy", "0.9", "--labelled", str(file))
    assert "the teacher is asked: 25.0% of 120 labelled questions" in done.stdout
    assert "of the 90 others the student has 100.0% right (at least 93.6%)" in done.stdout


@pytest.mark.parametrize(
    ("kind", "objective", "reason"),
    [
        ("number", "mt-cot", "answers to number questions are generated"),
        ("number-comma", "st", "answers to number-comma questions are generated"),
        ("text", "mt-cot", "answers to text questions are generated"),
        ("yes-no", "cot", "this student answers by explaining"),
    ],
)
def test_answers_without_a_probability_are_named(
    tmp_path: Path, kind: str, objective: str, reason: str
) -> None:
    folder = tmp_path / "student"
    student(folder, kind, objective)
    first, *_ = begun(folder, "--below", "0.9").stderr.splitlines()
    assert first.startswith("--below: ")
    assert reason in first
    answer = {"number": "3", "number-comma": "3,5", "text": "a stone", "yes-no": "yes"}[kind]
    file = tmp_path / "labelled.jsonl"
    row = {"id": "a", "question": "What?", "answer": answer}
    file.write_text(json.dumps(row) + "\n", "utf-8")
    refused = begun(folder, "--target-accuracy", "0.9", "--labelled", str(file)).stderr
    assert reason in refused
    assert len(refused.splitlines()) == 1


@pytest.mark.parametrize("kind", ["yes-no", "multiple-choice", "label"])
def test_answers_with_a_probability_go_without_a_word(tmp_path: Path, kind: str) -> None:
    student(tmp_path / "student", kind)
    done = begun(tmp_path / "student", "--below", "0.9")
    assert "cannot be used" in done.stderr
    assert len(done.stderr.splitlines()) == 1
