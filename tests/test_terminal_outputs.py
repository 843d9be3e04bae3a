"""Whatever models, files and folders say, no command hands a terminal anything to obey."""

from __future__ import annotations

import functools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from study_folder import MadeUp
from study_folder import write_study as write_made_up_study
from teachback.cli import cli
from teachback.desk import demo as desk_demo
from teachback.records import Prediction
from teachback.runs.evaluations import write_evaluation
from teachback.students.causal import CausalStudent
from teachback.students.generated import GeneratedText
from teachback.students.model import StudentModel
from teachback.system.terminal import visible
from tiny import tiny_causal
from tiny_run import COLOURS, question, write_config, write_data, write_lines

EVIL = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202egnp\u2066"
SHOWN = "\\x1b]0;owned\\x07\\x1b[2J\\r\\x9b31m\\u202egnp\\u2066"


ON_ONE_LINE = SHOWN.replace("\\r", " ")
"""In an error, which is one line whatever it names."""


def harmless(*words: str, code: int = 0) -> str:
    """What a command says on both streams, in which a terminal finds nothing to obey."""
    ended: Result = CliRunner().invoke(cli, list(words))
    assert ended.exit_code == code, (ended.output, ended.exception)
    for stream in (ended.stdout, ended.stderr):
        assert visible(stream) == stream, repr(stream)
    return ended.output


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def evil_student(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student in a folder of a bad name, that says nothing but `EVIL`."""

    def says(
        _: CausalStudent, sources: list[str], *__: object, **___: object
    ) -> list[GeneratedText]:
        return [GeneratedText(f"{EVIL} so it is {EVIL}.", 5, True)] * len(sources)

    monkeypatch.setattr(CausalStudent, "generate", says)
    monkeypatch.setattr(CausalStudent, "perform", StudentModel.perform)  # which asks `generate`
    return tiny_causal(place / f"s{EVIL}", "llama")


def test_ask(evil_student: Path) -> None:
    assert SHOWN in harmless("ask", str(evil_student), EVIL)
    words = ("ask", str(evil_student), "Why?", "--choice", EVIL, "--choice", "b", "--explain")
    assert harmless(*words).count(SHOWN) >= 2
    assert SHOWN in harmless("ask", f"{evil_student}/not", "Why?", code=2)


def test_run_and_what_it_shows(evil_student: Path, place: Path) -> None:
    for name in ("train", "test"):
        rows = [json.loads(line) for line in (place / f"{name}.jsonl").read_text().splitlines()]
        for row in rows:
            del row["choices"]
            row["answer"] += EVIL
        write_lines(place / f"{name}.jsonl", rows)
    config = write_config(place, evil_student, objective="st", epochs=1)
    text = config.read_text("utf-8").replace("[data]", '[data]\nkind = "label"')
    evil = place / f"{EVIL}.toml"
    evil.write_text(text, "utf-8")
    said = harmless("run", str(evil), "-o", f"out{EVIL}")
    assert said.count(SHOWN) >= 4  # a label each, and the folder


def test_demo(evil_student: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = functools.partial(desk_demo.demo, train_cases=104, test_cases=4, epochs=0.1)
    monkeypatch.setattr(desk_demo, "demo", small)
    said = harmless("demo", "--student", str(evil_student), "-o", f"demo{EVIL}")
    assert said.count(f"explanation: {SHOWN}") == 3
    assert f"All files: demo{SHOWN}" in said


def test_doctor(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    evil = EVIL.replace("\x00", "")
    for name in ("TEACHBACK_CACHE", "XDG_CACHE_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(place / evil))
    for name in ("PIP_INDEX_URL", "HF_ENDPOINT", "OPENAI_BASE_URL", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, evil)
    assert SHOWN in harmless("doctor")


def test_compare(place: Path) -> None:
    prediction = Prediction(
        id=EVIL,
        gold=EVIL,
        answer=EVIL,
        correct=True,
        unparsed=False,
        explanation=EVIL,
        explained_answer=EVIL,
        explained_correct=True,
    )
    runs = [f"a{EVIL}", f"b{EVIL}"]
    for number, run in enumerate(runs):
        answers = [replace(prediction, id=f"{EVIL}{n}", correct=n > number) for n in range(8)]
        write_evaluation(place / run, {"student": answers}, {}, "direct", "text")
    assert SHOWN in harmless("compare", *runs)
    json.loads(harmless("compare", *runs, "--json"))
    (place / runs[1] / "predictions.jsonl").write_text(json.dumps({"id": EVIL}), "utf-8")
    assert ON_ONE_LINE in harmless("compare", *runs, code=2)
    (place / runs[1] / "metrics.json").write_text(json.dumps({EVIL: EVIL, "way": EVIL}), "utf-8")
    assert ON_ONE_LINE in harmless("compare", *runs, code=2)


@pytest.mark.parametrize("form", ["html", "md", "csv"])
def test_report(place: Path, form: str) -> None:
    def edit(p: Prediction) -> Prediction:
        return replace(p, explanation=p.explanation and EVIL, answer=p.answer and EVIL)

    folder = place / f"study{EVIL}"
    ends = {("ST", 1): ("failed", EVIL)}
    made_up = MadeUp(datasets=(EVIL,), edit=edit, ends=ends)  # type: ignore[arg-type]
    write_made_up_study(folder, made_up)
    assert "gnp" in harmless("report", str(folder), "--format", form, "-o", "-")
    said = harmless("report", str(folder), "--format", form, "-o", f"{EVIL}.{form}")
    assert SHOWN in said
    shutil.rmtree(folder)
    assert ON_ONE_LINE in harmless("report", str(folder), "--format", form, code=2)


def test_study(place: Path, evil_student: Path) -> None:
    text = (
        f"[study]\nname = {json.dumps(EVIL)}\nobjectives = ['st']\ncontrols = ['majority']\n"
        f"students = [{json.dumps(str(evil_student))}]\nteachers = ['recorded:teacher.jsonl']\n"
        f"[[dataset]]\nname = {json.dumps(EVIL)}\ntrain = 'train.jsonl'\ntest = 'test.jsonl'\n"
    )
    (place / "study.toml").write_text(text, "utf-8")
    assert "gnp" in harmless("study", "study.toml", "--dry-run", "-o", f"out{EVIL}")
    (place / "study.toml").write_text(f"{text}{json.dumps(EVIL)} = 5\n", "utf-8")
    assert SHOWN in harmless("study", "study.toml", "-o", "out", code=2)


def test_data_and_export(place: Path) -> None:
    rows = [{**question(n), "choices": [*COLOURS, EVIL], "answer": EVIL} for n in range(4)]
    write_lines(place / "evil.jsonl", rows)
    harmless("data", "stats", "evil.jsonl")
    write_lines(place / "evil.jsonl", [{**rows[0], "answer": f"{EVIL}x"}, {**rows[1], EVIL: 1}])
    assert SHOWN in harmless("data", "check", "evil.jsonl", code=2)
    words = ("export", "openai-finetune", "train.jsonl", "--explanations")
    assert ON_ONE_LINE in harmless(*words, f"{EVIL}.jsonl", "-o", "chats.jsonl", code=2)
