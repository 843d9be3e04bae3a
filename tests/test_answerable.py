"""What may be answered in an evaluation of labels: not only those that the test file happens to
have, for its gold answers must not say what may be answered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import teachback as tb
from teachback.cli import cli
from teachback.config import EvaluateConfig, TeacherConfig, override, read_config
from teachback.datasets import answerable, read_evaluated, read_examples
from teachback.errors import DataError
from teachback.files import read_predictions
from teachback.inspection.inspected_run import inspected_runs
from teachback.records import Example, Request
from teachback.runs import pipeline
from teachback.runs.folders import test_in_train as shared_questions
from teachback.students.load import load
from teachback.studies.config import DatasetConfig
from teachback.studies.teacher_side import read_dataset
from teachback.teachers.scripted import ScriptedTeacher
from tiny import tiny_causal
from tiny_run import write_config, write_lines

pytestmark = pytest.mark.usefixtures("one_thread")

LABELS = ("dup", "fraud", "late", "ok")
"""Of the training data, as a file's are: sorted."""


def rows(answers: Iterable[str], name: str = "t") -> list[dict[str, Any]]:
    return [
        {"id": f"{name}{n}", "question": f"What is claim {name} {n}?", "answer": answer}
        for n, answer in enumerate(answers)
    ]


def labelled(*answers: str, labels: tuple[str, ...] = ()) -> list[Example]:
    choices = labels or tuple(sorted(set(answers)))
    return [Example(f"t{n}", "?", a, "label", choices) for n, a in enumerate(answers)]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: ``train.jsonl`` with all labels, mostly ``late``; ``test.jsonl`` with two
    of them, ``one.jsonl`` with one, ``new.jsonl`` with one that train lacks; a tiny student."""
    monkeypatch.chdir(tmp_path)
    write_lines(Path("train.jsonl"), rows([*LABELS * 3, *["late"] * 8], "q"))
    write_lines(Path("test.jsonl"), rows(["fraud", "ok", "fraud", "ok"]))
    write_lines(Path("one.jsonl"), rows(["ok", "ok"]))
    write_lines(Path("new.jsonl"), rows(["ok", "theft"]))
    write_lines(Path("teacher.jsonl"), [])
    tiny_causal("tiny", "gemma3")
    return tmp_path


@pytest.fixture
def student(work: Path) -> Path:
    """As one that was trained on ``train.jsonl``, which it was asked in an order of its own."""
    model = load("tiny", precision="fp32")
    own = {"kind": "label", "labels": LABELS[::-1], "objective": "st", "seed": 0}
    model.with_card(**own).save(work / "student")
    return work / "student"


def evaluate(*arguments: str) -> Result:
    arguments = ("evaluate", *arguments, "--kind", "label", "--precision", "fp32", "-o", "out")
    return CliRunner().invoke(cli, list(arguments))


def offered(file: str) -> set[tuple[str, ...]]:
    """The answers that had a probability, in their order."""
    return {tuple(p.probabilities or ()) for p in read_predictions(file)}


# ------------------------------------------------------------------ which, and in which order


def test_labels_of_training_come_first_and_in_their_order() -> None:
    said: list[str] = []
    asked = answerable(labelled("ok", "theft", "arson"), ("late", "ok", "fraud"), said.append)
    assert {one.choices for one in asked} == {("late", "ok", "fraud", "arson", "theft")}
    assert [one.answer for one in asked] == ["ok", "theft", "arson"]
    (line,) = said
    assert "training data lacks: arson, theft" in line
    assert answerable(asked, ("late", "ok", "fraud")) == asked
    assert answerable(labelled("ok", "fraud"), LABELS, said.append)[0].choices == LABELS
    assert len(said) == 1


def test_what_nothing_is_known_of_is_said() -> None:
    said: list[str] = []
    assert answerable(labelled("ok", "fraud"), (), said.append)[0].choices == ("fraud", "ok")
    assert "--train FILE" in said[0]
    with pytest.raises(DataError, match="nothing says which other labels there are"):
        answerable(labelled("ok", "ok"), ())


def test_a_label_is_spelled_in_one_way_in_training_and_test() -> None:
    with pytest.raises(DataError, match="'Late' of the test data is spelled 'late' in the train"):
        answerable(labelled("ok", "Late"), LABELS)


def test_other_kinds_keep_their_choices() -> None:
    examples = [Example("a", "?", "x", "multiple-choice", ("x", "y"))]
    assert answerable(examples, LABELS) == examples


# ------------------------------------------------------------------ where people meet it


def test_a_student_may_answer_every_label_that_it_was_trained_on(student: Path) -> None:
    shown = evaluate("student", "test.jsonl", "--train", "train.jsonl")
    assert shown.exit_code == 0, shown.output
    for name in ("predictions.jsonl", "predictions.untrained.jsonl"):
        assert offered(f"out/{name}") == {LABELS[::-1]}
    assert {p.answer for p in read_predictions("out/predictions.majority.jsonl")} == {"late"}


def test_a_student_that_prefers_what_the_test_file_lacks_is_wrong(
    student: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from teachback.students.model import StudentModel

    scores = StudentModel.scores

    def late(self: Any, model: Any, batch: Any, counts: Any) -> Any:
        assert counts == [len(LABELS)] * len(counts)
        return [
            [(0.0 if n == LABELS[::-1].index("late") else -5.0, length) for n, (_, length) in own]
            for own in ([*enumerate(one)] for one in scores(self, model, batch, counts))
        ]

    monkeypatch.setattr(StudentModel, "scores", late)
    found = tb.evaluate(
        str(student), "test.jsonl", kind="label", precision="fp32", baselines=False, explain=False
    )
    assert found.metrics.direct.accuracy == 0
    assert {p.answer for p in found.predictions} == {"late"}


def test_a_test_file_may_have_a_single_label(student: Path) -> None:
    shown = evaluate("student", "one.jsonl", "--no-baselines")
    assert shown.exit_code == 0, shown.output
    assert offered("out/predictions.jsonl") == {LABELS[::-1]}
    refused = evaluate("tiny", "one.jsonl", "--no-baselines")
    assert refused.exit_code == 2
    assert "Traceback" not in refused.output


def test_new_labels_are_named(student: Path) -> None:
    shown = evaluate("student", "new.jsonl", "--no-baselines")
    assert shown.exit_code == 0, shown.output
    assert "lacks: theft" in shown.stderr
    assert offered("out/predictions.jsonl") == {(*LABELS[::-1], "theft")}


def test_an_untrained_student_may_answer_the_labels_of_train(work: Path) -> None:
    shown = evaluate("tiny", "one.jsonl", "--train", "train.jsonl")
    assert shown.exit_code == 0, shown.output
    assert offered("out/predictions.jsonl") == {LABELS}


def test_a_run_and_what_looks_at_it_offer_the_labels_of_train(work: Path) -> None:
    write_config(work, work / "tiny", objective="st")
    config = override(read_config("run.toml"), "data", kind="label")
    pipeline.run(config, Path("run"))
    for name in ("predictions.jsonl", "predictions.untrained.jsonl"):
        assert offered(f"run/{name}") == {LABELS}
    file = Path("run/predictions.jsonl")
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    write_lines(file, [{**line, "explanation": "so", "explained_correct": True} for line in lines])
    (inspected,) = inspected_runs(["run"], kind="label")
    assert {one.choices for one in inspected.examples.values()} == {LABELS}


def test_a_prompted_teacher_is_told_the_labels_of_train(work: Path) -> None:
    asked: list[Request] = []

    def reply(request: Request) -> str:
        asked.append(request)
        return "The answer is late."

    found = tb.evaluate_teacher(
        ScriptedTeacher(reply),
        "test.jsonl",
        store="store.sqlite",
        train="train.jsonl",
        kind="label",
    )
    assert {p.answer for p in found.predictions} == {"late"}
    told = {request.prefix[0].content for request in asked if request.kind == "direct"}
    assert all("dup, fraud, late, ok" in one for one in told)
    assert told


def test_a_study_asks_with_the_labels_of_train_and_its_addresses_stay(work: Path) -> None:
    data = read_dataset(
        DatasetConfig(name="claims", train="train.jsonl", test="test.jsonl", kind="label")
    )
    assert {one.choices for one in data.test} == {LABELS}


def test_a_question_of_train_is_found_in_test_whatever_labels_the_two_have(work: Path) -> None:
    train = read_examples("train.jsonl", kind="label")
    write_lines(Path("shared.jsonl"), [{**row, "id": "s"} for row in rows(["ok"], "q")])
    assert shared_questions(train, read_evaluated("shared.jsonl", kind="label")) == 1


# ------------------------------------------------------------------ two kinds


def test_kinds_that_the_majority_label_cannot_compare_are_found_before_the_work(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(Path("test.jsonl"), [{**row, "answer": n} for n, row in enumerate(rows("abc"))])
    write_config(work, work / "tiny", objective="st")
    with pytest.raises(DataError, match=r"of the kind text and the test data of the kind number"):
        pipeline.run(read_config("run.toml"), Path("run"))
    assert not Path("run").exists()
    numbers, texts = read_examples("test.jsonl"), read_examples("train.jsonl")
    with pytest.raises(DataError, match=r"evaluate\.baselines = false"):
        pipeline.evaluate_student("nowhere", numbers, Path("out"), train=texts)
    with pytest.raises(DataError, match=r"evaluate\.baselines = false"):
        pipeline.evaluate_teacher(TeacherConfig(), numbers, Path("out"), train=texts)
    bare = EvaluateConfig(baselines=False, explain=False)
    outcome = pipeline.evaluate_student(
        "tiny", numbers, Path("out"), train=texts, evaluate=bare, precision="fp32"
    )
    assert list(outcome.metrics) == ["student"]
