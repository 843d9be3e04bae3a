"""The commands as a user meets them: the chain of them, and each mistake in one line."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from teachback.cli import cli
from teachback.config import EvaluateConfig
from teachback.datasets import read_examples
from teachback.evaluation.adaptive import margin_of
from teachback.files import read_explanations, read_predictions, write_predictions
from teachback.records import Prediction
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.systems import predict
from teachback.teachers.recorded import RecordedTeacher
from tiny import tiny_t5
from tiny_run import (
    KEPT,
    TRAIN,
    contents,
    question,
    recorded,
    write_config,
    write_data,
    write_lines,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with data."""
    monkeypatch.chdir(write_data(tmp_path))
    return tmp_path


def teachback(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def done(*args: str | Path) -> str:
    """What a command that must succeed has printed."""
    ended = teachback(*args)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def refused(*args: str | Path) -> str:
    """The one line of a user's error."""
    ended = teachback(*args)
    assert ended.exit_code == 2, (ended.output, ended.exception)
    assert ended.stdout == ""
    assert isinstance(ended.exception, SystemExit)
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("teachback: ")
    assert "Traceback" not in ended.stderr
    return last.removeprefix("teachback: ")


TRAIN_OPTIONS = (
    *("--precision", "fp32", "--epochs", "1", "--batch-size", "4"),
    *("--max-target-tokens", "48"),
)


# ------------------------------------------------------------------ what works


def test_the_adaptive_way_explains_what_is_unsure_and_comes_to_the_same(
    llama: Path, work: Path
) -> None:
    asked = read_examples(work / "test.jsonl")
    student = load(llama, precision="fp32").with_card(objective="mt-cot", max_new_tokens=6)
    predictions, _ = predict(student, asked, EvaluateConfig(explain=False))
    margins = sorted(map(margin_of, predictions))
    threshold = (margins[2] + margins[3]) / 2
    student.with_card(threshold=threshold, kind="multiple-choice").save(work / "some")
    evaluate = ("evaluate", "some", "test.jsonl", "--no-baselines", "--precision", "fp32")
    shown = done(*evaluate, "--way", "adaptive", "-o", "adaptive")
    assert "student: adaptive (exploratory) " in shown
    assert ", 50% of it explained" in shown
    assert " for adaptive ones" in shown
    partly = read_predictions(work / "adaptive" / "predictions.jsonl")
    unsure = [p.id for p in predictions if margin_of(p) < threshold]
    assert [p.id for p in partly if p.explanation is not None] == unsure
    shown = done(*evaluate, "-o", "both")
    assert "; about " in shown  # its seconds were not measured
    shown = done("compare", "both", "adaptive", "--way", "adaptive")
    assert "explains" in shown.splitlines()[0]
    figures = json.loads(done("compare", "both", "adaptive", "--way", "adaptive", "--json"))
    assert (figures[0]["way"], figures[0]["difference"], figures[0]["discordance"]) == (
        "adaptive",
        0,
        0,
    )
    question = (asked[0].question, *(f"--choice={colour}" for colour in asked[0].choices))
    told = done("ask", "some", *question, "--precision", "fp32", "--way", "adaptive")
    assert "\nway: " in told
    said = refused(*evaluate, "--no-explain", "--way", "adaptive", "-o", "out")
    assert "it needs explain" in said
    student.with_card(threshold=None).save(work / "none")
    said = refused("evaluate", "none", "test.jsonl", "--way", "adaptive", "-o", "out")
    assert said.startswith("way: this student has no threshold for the adaptive way")
    assert not (work / "out").exists()


@pytest.mark.parametrize("family", ["causal", "seq2seq"])
def test_the_commands_one_after_the_other(family: str, llama: Path, work: Path) -> None:
    student = llama if family == "causal" else tiny_t5(work / "tiny")
    shown = done("generate", "train.jsonl", "--teacher", "recorded:teacher.jsonl", "-o", "gen")
    assert f"examples with an explanation: {KEPT} of {TRAIN}" in shown
    assert "wrong-answer" in shown
    assert f"requests: {TRAIN + KEPT - TRAIN // 2} new, 0 stored before, 1 failed" in shown
    strict = ("--reading", "announced", "--languages", "en")
    done("generate", "train.jsonl", "--teacher", "recorded:teacher.jsonl", *strict, "-o", "strict")
    manifest = json.loads((work / "strict" / "manifest.json").read_text())
    assert manifest["reading"] == {"conclusions": "announced", "languages": ["en"]}
    again = done("generate", "train.jsonl", "--teacher", "recorded:teacher.jsonl", "-o", "gen")
    assert "requests: 0 new" in again

    shown = done("select", "gen", "--strategy", "cote", "--languages", "fr,de", "-o", "cote")
    for folder, languages in (("gen", ["en"]), ("cote", ["en", "de", "fr"])):
        manifest = json.loads((work / folder / "manifest.json").read_text())
        assert manifest["reading"] == {"conclusions": "inferred", "languages": languages}
    assert f"examples with an explanation: {TRAIN // 2} of {TRAIN}" in shown
    assert len(read_explanations(work / "cote" / "explanations.jsonl")) == TRAIN // 2

    options = ("--student", student, *TRAIN_OPTIONS)
    shown = done("train", "train.jsonl", "--objective", "st", *options, "-o", "st")
    assert "epoch 1: valid loss " in shown
    explanations = ("--explanations", "gen/explanations.jsonl")
    shown = done("train", "train.jsonl", *explanations, *options, "--lora", "-o", "mt")
    assert "on valid: direct " in shown

    for name in ("st", "mt"):
        shown = done(
            *("evaluate", name, "test.jsonl", "--train", "train.jsonl", "--precision", "fp32"),
            *("--max-new-tokens", "6", "-o", f"{name}-test"),
        )
        assert shown.splitlines()[1].startswith("student ")
        assert "untrained" in shown
        assert "majority" in shown
        assert "s and 0 generated tokens for 1,000 direct answers" in shown

    shown = done("compare", "st-test", "mt-test")
    assert "exact McNemar p = " in shown
    figures = json.loads(done("compare", "st-test", "mt-test", "--way", "direct", "--json"))
    (difference,) = figures
    right = [
        sum(p.correct for p in read_predictions(work / name / "predictions.jsonl"))
        for name in ("st-test", "mt-test")
    ]
    assert difference["difference"] == pytest.approx((right[1] - right[0]) / 6)

    asked = ("ask", "mt", "Which colour is number 7?", "--precision", "fp32")
    chosen = [f"--choice={colour}" for colour in ("red", "green", "blue")]
    shown = done(*asked, *chosen, "--explain")
    assert shown.startswith("answer: ")
    assert "explanation: " in shown


def test_run_and_run_again(llama: Path, work: Path) -> None:
    config = write_config(work, llama)
    config.write_text(config.read_text().replace("[teacher]", '[teacher]\nprices = "p.toml"'))
    model = RecordedTeacher([work / "teacher.jsonl"]).model
    (work / "p.toml").write_text(f'["{model}"]\ninput = 1.0\noutput = 1.0\n')
    shown = done("run", "run.toml")
    out = work / "runs" / "run-mt-cot-0"
    bill, *rest = shown.splitlines()
    assert re.match(r"cost: (\$0\.\d+) in this run, \1 in all, \$.* per kept explanation", bill)
    rest = rest[[line.startswith("prices per million") for line in rest].index(True) + 1 :]
    assert "student" in shown
    assert "gold label" in shown
    assert shown.endswith(f"all files: {out.relative_to(work)}\n")
    before = contents(out)
    assert done("run", "run.toml").splitlines()[0] == rest[0]  # nothing was asked, so no bill
    assert contents(out) == before
    done("run", "run.toml", "--objective", "st", "--seed", "2")
    assert (work / "runs" / "run-st-2" / "metrics.json").is_file()
    # Runs of one objective, a folder per seed, are one system.
    done("run", "run.toml", "--objective", "st", "--seed", "0")
    done("run", "run.toml", "--seed", "2")
    for name in ("st", "mt-cot"):
        (work / name).mkdir()
        for seed in ("0", "2"):
            (work / "runs" / f"run-{name}-{seed}").rename(work / name / seed)
    (found,) = json.loads(done("compare", "st", "mt-cot", "--way", "direct", "--json"))
    assert [seed["seed"] for seed in found["seeds"]] == [0, 2]


def test_a_teacher_is_evaluated_by_prompting(work: Path) -> None:
    shown = done("evaluate", "train.jsonl", "--teacher", "recorded:teacher.jsonl", "-o", "out")
    assert shown.splitlines()[1].split()[:2] == ["teacher", str(TRAIN)]
    assert " 0.500 " in shown


def test_a_student_that_explains_better_is_asked_to_explain(llama: Path, work: Path) -> None:
    student = load(llama, precision="fp32").with_card(
        way="explained", objective="mt-cot", kind="yes-no", max_target_tokens=8
    )
    student.save(work / "student")
    shown = done("ask", "student", "Is it?", "--precision", "fp32")
    assert shown == "answer: (unparsed)\n"  # its random words conclude nothing


def evaluated(folder: Path, way: str, direct: str, explained: str) -> None:
    """An evaluated run of yes-no questions; ``1``: right, one character for each question."""
    folder.mkdir()
    rows = [
        Prediction(
            f"q{n}",
            "yes",
            "yes" if d == "1" else "no",
            d == "1",
            False,
            explanation="So.",
            explained_answer="yes" if e == "1" else "no",
            explained_correct=e == "1",
        )
        for n, (d, e) in enumerate(zip(direct, explained, strict=True))
    ]
    write_predictions(folder / "predictions.jsonl", rows)
    (folder / "metrics.json").write_text(json.dumps({"kind": "yes-no", "way": way}))


def test_runs_are_compared_in_each_way(work: Path) -> None:
    evaluated(work / "st", "direct", "1111100000", "1100000000")
    evaluated(work / "mt", "explained", "1111110000", "1111111110")
    for way, difference in (("direct", 0.1), ("explained", 0.7), ("chosen", 0.4)):
        (found,) = json.loads(done("compare", "st", "mt", "--way", way, "--json"))
        assert (found["a"], found["b"], found["way"]) == ("mt", "st", way)
        assert found["difference"] == pytest.approx(difference)
    shown = done("compare", "st", "mt")
    assert "mt minus st (direct answers): +10.0 points" in shown
    assert "mt minus st (each in its chosen way): +40.0 points" in shown
    assert (
        "seed 0, mt against st (each in its chosen way): only mt is right on 4, only st on 0"
        in shown
    )


def test_one_test_does_not_count_twice(work: Path) -> None:
    evaluated(work / "st", "direct", "0000000000", "0000000000")
    evaluated(work / "mt", "direct", "1111111110", "0000000000")
    evaluated(work / "cot", "explained", "1111111110", "1111111110")  # one answer by either way
    for other in ("mt", "cot"):
        (alone,) = json.loads(done("compare", "st", other, "--way", "direct", "--json"))
        (both,) = json.loads(done("compare", "st", other, "--json"))
        assert both == alone
        assert both["p_holm"] == both["p"]
    evaluated(work / "other", "explained", "1111111110", "1111111111")
    ways = [row["way"] for row in json.loads(done("compare", "st", "mt", "other", "--json"))]
    assert ways == ["direct", "direct", "chosen"]


def test_nothing_is_compared_with_itself(work: Path) -> None:
    evaluated(work / "st", "direct", "10", "10")
    evaluated(work / "mt", "direct", "11", "11")
    for runs in (("st", "st"), ("st", "mt", "./mt/"), ("st", "mt/../st")):
        assert "is given twice" in refused("compare", *runs)


def test_runs_are_named_by_the_end_of_their_paths(work: Path) -> None:
    for name in ("st", "mt"):
        (work / "long" / "way" / name).mkdir(parents=True)
    evaluated(work / "long" / "way" / "st" / "test", "direct", "1111111111", "1111111111")
    evaluated(work / "long" / "way" / "mt" / "test", "direct", "0000000000", "0000000000")
    shown = done("compare", "long/way/mt/test/", "long/way/st/test")
    assert "st/test minus mt/test (direct answers): +100.0 points" in shown
    assert "long" not in shown
    # One seed shows something of these two students, and nothing of students trained anew.
    assert "1 seed, 10 items: shown of these two students, st/test is better." in shown
    assert "long/way" not in done("compare", "long/way/st/test", "./long/way/st/../mt/test")


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ({"reading": "inferred"}, {"reading": "announced"}, "all of them with the same --reading"),
        ({"languages": ["en"]}, {"languages": ["en", "de"]}, "read in en and some in en, de: "),
        (
            {"choice_score": "sum"},
            {"choice_score": "mean"},
            "all of them with the same --choice-score",
        ),
        ({"languages": ["en"]}, {}, None),
        ({"languages": ["en"]}, {"languages": ["en"]}, None),
    ],
)
def test_runs_that_were_read_in_two_ways_are_not_compared(
    work: Path, one: dict[str, Any], other: dict[str, Any], message: str | None
) -> None:
    for name, asked in (("st", one), ("mt", other)):
        evaluated(work / name, "direct", "10", "10")
        row = json.loads((work / name / "metrics.json").read_text())
        (work / name / "metrics.json").write_text(json.dumps({**row, **asked}))
    if message is None:
        done("compare", "st", "mt")
    else:
        assert message in refused("compare", "st", "mt")


def test_a_way_that_does_not_exist_is_refused(work: Path) -> None:
    evaluated(work / "st", "direct", "10", "10")
    evaluated(work / "mt", "guessed", "11", "11")
    message = refused("compare", "st", "st", "--way", "nonsense")
    for way in ("'both'", "'direct'", "'explained'", "'chosen'"):
        assert way in message
    assert "metrics.json: there is no way of answering 'guessed': choose direct or explained" in (
        refused("compare", "st", "mt")
    )


# ------------------------------------------------------------------ help


def test_help_of_every_command_imports_no_torch() -> None:
    program = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from teachback.cli import cli\n"
        "for name in cli.list_commands(None):\n"
        "    ended = CliRunner().invoke(cli, [name, '--help'])\n"
        "    assert ended.exit_code == 0, ended.output\n"
        "    assert 'Usage: teachback ' + name in ended.output, ended.output\n"
        "for inner in ('check', 'stats', 'import', ):\n"
        "    assert CliRunner().invoke(cli, ['data', inner, '--help']).exit_code == 0\n"
        "print(*sys.modules)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert not {"torch", "transformers", "peft"} & set(ended.stdout.split())


# ------------------------------------------------------------------ mistakes in the data


def bad_data(work: Path) -> dict[str, tuple[bytes, str]]:
    good = [json.dumps(question(n)).encode() for n in range(4)]

    def lines(*rows: bytes) -> bytes:
        return b"".join(row + b"\n" for row in rows)

    def changed(number: int, **values: Any) -> bytes:
        return json.dumps({**question(number), **values}).encode()

    umlaut = changed(2, question="schön?").replace(rb"\u00f6", b"\xf6")
    return {
        "not-a-choice": (lines(*good, changed(5, answer="pink")), "line 5: the answer 'pink'"),
        "duplicate-id": (lines(*good, good[1]), "line 5: "),
        "duplicate-choice": (lines(*good, changed(6, choices=["red", "red"])), "line 5: "),
        "empty": (b"", "bad.jsonl"),
        "long": (lines(*good, changed(7, question="x" * 9_000_000)), "line 5: the line is longer"),
        "latin-1": (lines(*good[:2], umlaut), "line 3: not UTF-8"),
        "utf-16": (lines(*good).decode().encode("utf-16"), "UTF-16"),
        "no-json": (lines(*good, b'{"id": '), "line 5: not valid JSON"),
        "mixed-kinds": (lines(*good, b'{"id":"n","question":"?","answer":3}'), "line 5"),
    }


@pytest.mark.parametrize("mistake", list(bad_data(Path())))
@pytest.mark.parametrize("command", ["generate", "train", "run", "evaluate"])
def test_bad_data_are_one_line(mistake: str, command: str, llama: Path, work: Path) -> None:
    content, told = bad_data(work)[mistake]
    (work / "bad.jsonl").write_bytes(content)
    config = write_config(work, llama).read_text("utf-8")
    (work / "run.toml").write_text(config.replace("train.jsonl", "bad.jsonl"), "utf-8")
    (work / "out").mkdir()
    (work / "out" / "kept.txt").write_text("was here before", "utf-8")
    before = contents(work)
    arguments: dict[str, tuple[str | Path, ...]] = {
        "generate": ("generate", "bad.jsonl", "--teacher", "recorded:teacher.jsonl"),
        "train": ("train", "bad.jsonl", "--objective", "st", "--student", llama),
        "run": ("run", "run.toml"),
        "evaluate": ("evaluate", llama, "bad.jsonl"),
    }
    line = refused(*arguments[command], "-o", "out")
    assert "bad.jsonl" in line
    assert told in line
    assert len(line) < 500
    # Nothing is begun that the mended file would then be refused for.
    assert contents(work) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("data", "check", "nowhere.jsonl"),
        ("data", "stats", "nowhere.jsonl"),
        ("generate", "nowhere.jsonl", "--teacher", "recorded:teacher.jsonl", "-o", "out"),
        ("generate", "train.jsonl", "--teacher", "recorded:nowhere.jsonl", "-o", "out"),
        ("train", "nowhere.jsonl", "--objective", "st", "-o", "out"),
        ("train", "train.jsonl", "--explanations", "nowhere.jsonl", "-o", "out"),
        ("evaluate", "nowhere", "test.jsonl", "-o", "out"),
        ("run", "nowhere.toml", "-o", "out"),
        ("study", "nowhere.toml", "-o", "out"),
        ("export", "openai-finetune", "nowhere.jsonl", "-o", "out"),
        ("compare", "nowhere", "either"),
        ("select", "nowhere", "-o", "out"),
        ("ask", "nowhere", "Why?"),
    ],
)
def test_a_missing_file_is_named(arguments: tuple[str, ...], work: Path) -> None:
    line = refused(*arguments)
    assert "nowhere" in line
    assert not (work / "out").exists()


# ------------------------------------------------------------------ other mistakes


def test_a_key_that_does_not_exist(llama: Path, work: Path) -> None:
    path = write_config(work, llama, epocs=3)
    assert refused("run", path) == f"{path}: unknown key 'train.epocs'; did you mean 'epochs'?"
    assert not (work / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("generate", "train.jsonl", "--teacher", "opnai:x", "-o", "o"), "did you mean openai:"),
        (("generate", "train.jsonl", "-o", "o"), "Missing option '--teacher'"),
        (
            ("generate", "train.jsonl", "--teacher", "scripted", "--size", "many", "-o", "o"),
            "neither a count nor a fraction",
        ),
        (
            ("generate", "train.jsonl", "--teacher", "scripted", "--size", "99", "-o", "o"),
            "99 rows cannot be drawn from 12",
        ),
        (
            ("generate", "train.jsonl", "--teacher", "scripted", "--samples", "0", "-o", "o"),
            "'--samples': 0 is not in the range 1<=x<=1000",
        ),
        (
            ("generate", "train.jsonl", "--teacher", "scripted", "--exemplars", "none2", "-o", "o"),
            "none2",
        ),
        (("train", "train.jsonl", "-o", "o"), "mt-cot learns from explanations"),
        (
            ("train", "train.jsonl", "--objective", "st", "--alpha", "2", "-o", "o"),
            "'--alpha': 2.0 is not in the range 0<=x<=1",
        ),
        (
            ("train", "train.jsonl", "--objective", "st", "--student", "train.jsonl", "-o", "o"),
            "is a file, and a student is a folder",
        ),
        (
            ("train", "train.jsonl", "--objective", "st", "--student", "data", "-o", "o"),
            "data is not a student",
        ),
        (("evaluate", "data", "test.jsonl", "-o", "o"), "data is not a student"),
        (("evaluate", "test.jsonl", "-o", "o"), "give STUDENT and then DATA"),
        (
            ("evaluate", "data", "test.jsonl", "--train", "test.jsonl", "-o", "o"),
            "are also in --train test.jsonl: evaluate on different questions",
        ),
        (("ask", "data", "Why?"), "data is not a student"),
        (("compare", "data"), "give two or more runs"),
        (("compare", "data", "data"), "data holds no evaluation"),
        (("select", "data", "-o", "o"), "not a folder that teachback generate wrote"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    arguments: tuple[str, ...], told: str, work: Path
) -> None:
    (work / "data").mkdir()
    before = contents(work)
    assert told in refused(*arguments)
    after = contents(work)
    assert before.items() <= after.items()
    # At most the resolved configuration has been written, nothing that looks like a result.
    assert {Path(name).name for name in after.keys() - before.keys()} <= {
        "config.toml",
        "manifest.json",
        "run.json",
    }


def test_a_teacher_that_answers_nothing(work: Path) -> None:
    line = refused("generate", "train.jsonl", "--teacher", "scripted: ", "-o", "out")
    assert "the teacher scripted:  answered nothing: of 24 requests" in line
    # What it did reply is stored all the same, and another reference is asked anew.
    assert (work / "out" / "completions.sqlite").is_file()
    assert not (work / "out" / "explanations.jsonl").exists()


def test_a_student_asked_without_its_choices(llama: Path, work: Path) -> None:
    load(llama).with_card(kind="multiple-choice", objective="st").save(work / "student")
    assert "give two or more choices" in refused("ask", "student", "Which?")


def test_another_run_s_folder_is_not_written_into(work: Path) -> None:
    teacher = ("--teacher", "recorded:teacher.jsonl")
    done("generate", "train.jsonl", *teacher, "-o", "out")
    before = contents(work)
    line = refused("generate", "train.jsonl", *teacher, "--strategy", "rp", "-o", "out")
    assert "belongs to a run with a different configuration" in line
    assert contents(work) == before
    done("generate", "train.jsonl", *teacher, "--strategy", "rp", "-o", "out", "--overwrite")
    write_lines(work / "teacher.jsonl", [recorded(0, "red", False)])
    write_lines(work / "train.jsonl", map(question, range(1, TRAIN)))
    line = refused("generate", "train.jsonl", *teacher, "--strategy", "rp", "-o", "out")
    assert "begun on different data" in line


def test_an_evaluation_is_not_overwritten_unasked(llama: Path, work: Path) -> None:
    evaluate = ("evaluate", llama, "test.jsonl", "--no-explain", "--precision", "fp32", "-o", "out")
    done(*evaluate)
    before = contents(work)
    assert "already holds metrics.json, predictions.jsonl" in refused(*evaluate)
    assert contents(work) == before
    done(*evaluate, "--overwrite")


def test_a_file_where_a_folder_is_needed(llama: Path, work: Path) -> None:
    evaluate = ("evaluate", llama, "test.jsonl", "--no-explain", "--precision", "fp32")
    assert "test.jsonl is a file" in refused(*evaluate, "-o", "test.jsonl")


# ------------------------------------------------------------------ a full disk

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_while_files_are_written(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = ("generate", "train.jsonl", "--teacher", "recorded:teacher.jsonl", "-o", "out")
    done(*generate)
    before = contents(work)

    def full(_descriptor: int) -> None:
        raise FULL

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        line = refused(*generate)
    assert line.startswith("the disk is full: out/")
    after = contents(work)
    # The store counts the failed request once more; its replies are not touched.
    del before["out/completions.sqlite"], after["out/completions.sqlite"]
    assert after == before
    assert "requests: 0 new" in done(*generate)


def test_a_full_disk_while_a_student_is_saved(
    llama: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = ("train", "train.jsonl", "--objective", "st", "--student", llama, *TRAIN_OPTIONS)
    done(*train, "-o", "out")
    before = contents(work)

    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("Error while serializing: I/O error: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(StudentModel, "save", full)
        assert refused(*train, "-o", "other").startswith("the disk is full")
    assert before.items() <= contents(work).items()
    assert not (work / "other" / "student").exists()
    assert list((work / "other" / "checkpoints").glob("checkpoint-*"))
    done(*train, "-o", "other")
    assert sorted(path.name for path in (work / "other").iterdir()) == [
        "config.toml",
        "manifest.json",
        "student",
    ]


def test_a_full_disk_while_an_evaluation_is_written(
    llama: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise FULL

    evaluate = ("evaluate", llama, "test.jsonl", "--no-explain", "--precision", "fp32", "-o", "out")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        assert refused(*evaluate).startswith("the disk is full: out/predictions.jsonl")
    assert not list((work / "out").iterdir())
    shutil.rmtree(work / "out")
    done(*evaluate)
