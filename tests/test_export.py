"""Training files for hosted fine-tuning: what stands in them, and that it is evaluated alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mock_server import Asked, MockServer, Reply, said
from teachback.cli import cli
from teachback.files import read_explanations, read_predictions
from teachback.questions import parse, same_answer
from teachback.records import Example
from tiny_run import COLOURS, KEPT, TEST, TRAIN, question, write_data, write_lines


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(write_data(tmp_path))
    return tmp_path


def export(*args: str) -> Result:
    command = ["export", "openai-finetune", "train.jsonl", "-o", "chats.jsonl", *args]
    return CliRunner().invoke(cli, command)


def chats() -> list[list[tuple[str, str]]]:
    lines = Path("chats.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert all(set(row) == {"messages"} for row in rows)
    return [[(turn["role"], turn["content"]) for turn in row["messages"]] for row in rows]


def test_answers_only(work: Path) -> None:
    done = export()
    assert done.exit_code == 0
    assert done.output.splitlines()[0] == "chats.jsonl: 12 chats from 12 examples"
    assert done.output.splitlines()[1].startswith(
        "to evaluate the model trained on it: teachback evaluate --teacher openai:MODEL "
        "--exemplars none"
    )
    found = chats()
    assert [[role for role, _ in chat] for chat in found] == [["system", "user", "assistant"]] * 12
    assert len({chat[0][1] for chat in found}) == 1
    assert "without an explanation" in found[0][0][1]
    assert found[1][1][1].startswith("Which colour is number 1?")
    assert found[1][2][1] == "The answer is (B) green."


def test_answers_with_explanations(work: Path) -> None:
    CliRunner().invoke(
        cli,
        ["generate", "train.jsonl", "--teacher", "recorded:teacher.jsonl", "-o", "explained"],
    )
    done = export("--explanations", "explained/explanations.jsonl")
    assert done.exit_code == 0
    assert done.output.splitlines()[:2] == [
        f"chats.jsonl: {KEPT} chats from {TRAIN} examples",
        "left out: 1 examples without an explanation",
    ]
    found = chats()
    (kept,) = [e for e in read_explanations("explained/explanations.jsonl") if e.id == "q3"]
    assert found[3][-1] == ("assistant", f"{kept.text}\nThe answer is (A) red.")
    # A teacher is asked in no other words, and what it writes is read back as it was meant.
    row = question(3)
    example = Example("q3", row["question"], row["answer"], "multiple-choice", COLOURS)
    parsed = parse(example, found[3][-1][1])
    assert parsed.explanation == kept.text
    assert same_answer(example, parsed.answer)


def test_what_was_exported_is_asked_in_the_same_words(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(work / "policy.txt", [])
    Path("policy.txt").write_text("Colours take turns.\n", "utf-8")
    export("--instructions", "policy.txt")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
    asked: list[Sequence[dict[str, Any]]] = []

    def reply(request: Asked) -> Reply:
        asked.append(request.body["messages"])
        return said("The answer is (A) red.")

    with MockServer(reply) as server:
        done = CliRunner().invoke(
            cli,
            [
                *("evaluate", "test.jsonl", "--teacher", f"openai:ft:mine@{server.url}"),
                *("--exemplars", "none", "--instructions", "policy.txt", "--no-explain"),
                *("-o", "out"),
            ],
        )
    assert done.exit_code == 0, done.output
    assert len(read_predictions("out/predictions.jsonl")) == TEST
    (own,) = {turns[0]["content"] for turns in asked}
    assert own == chats()[0][0][1]
    assert own.startswith("Colours take turns.\n\n")
    assert [turn["role"] for turn in asked[0]] == ["system", "user"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--explanations", "none.jsonl"), "none.jsonl: there is no such file"),
        (("--explanations", "other.jsonl"), "no explanation belongs to an example in this dataset"),
        (("--instructions", "none.txt"), "none.txt: there is no such file"),
        (("--exemplars", "nonesuch"), "nonesuch"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    arguments: tuple[str, ...], told: str, work: Path
) -> None:
    row = {"id": "x", "strategy": "rp", "sample": 0, "teacher": "t", "text": "So.", "answer": None}
    write_lines(work / "other.jsonl", [row])
    done = export(*arguments)
    assert done.exit_code == 2
    assert told in done.output
    assert len(done.output.splitlines()) == 1
    assert not Path("chats.jsonl").exists()


def test_nothing_is_overwritten_unasked(work: Path) -> None:
    Path("chats.jsonl").write_text("mine", "utf-8")
    done = export()
    assert (done.exit_code, Path("chats.jsonl").read_text("utf-8")) == (2, "mine")
    assert export("--overwrite").exit_code == 0
    assert len(chats()) == TRAIN
