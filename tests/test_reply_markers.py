"""Marks of chat templates in replies: what a student is trained on holds none of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mock_server import MockServer, Reply, choice, said
from teachback.cli import cli
from teachback.explaining.selection import decide
from teachback.records import Completion, Example, Explanation
from teachback.store import CompletionStore
from teachback.teachers.markers import apart

SAID = "Plants drink rain that falls from clouds."
GOOD = f"{SAID}\nThe answer is (A) clouds."
RAIN = Example("r", "Where does rain come from?", "clouds", "multiple-choice", ("clouds", "stones"))
THOUGHT = "User asks about rain. The answer is (B)? It is clouds."
ANALYSIS = f"<|channel|>analysis<|message|>{THOUGHT}<|end|>"
NEXT = "\n\nQuestion: What is stone made of?\n(A) clouds\n(B) stones\nThe answer is (B) stones."


@pytest.mark.parametrize(
    ("raw", "thinking"),
    [
        (GOOD, None),
        (f"{ANALYSIS}<|start|>assistant<|channel|>final<|message|>{GOOD}", THOUGHT),
        (f"<|start|>assistant<|channel|>final<|message|>{GOOD}<|return|>", None),
        (f"{ANALYSIS}<|channel|>final <|constrain|>text<|message|>{GOOD}<|return|>", THOUGHT),
        (f"analysis{THOUGHT}assistantfinal{GOOD}", THOUGHT),
        (f"assistantanalysis{THOUGHT}assistantfinal{GOOD}", THOUGHT),
        (f"assistantfinal{GOOD}", None),
        (f"{GOOD}<|im_end|>", None),
        (f"{GOOD}<|im_end|>\n<|im_start|>user\nWhat is stone?<|im_end|>", None),
        (f"<|im_start|>assistant\n{GOOD}\n<|im_end|>", None),
        (f"{GOOD}\n<|im_start|>user\nAnd stone? The answer is (B).", None),
        (f"<|start_header_id|>assistant<|end_header_id|>\n\n{GOOD}<|eot_id|>", None),
        (f"<s> {GOOD} </s>", None),
        (f"{GOOD}</s>Question: and stone? The answer is (B)", None),
        (f"[/INST] {GOOD}</s><s>[INST] And stone? [/INST] The answer is (B)", None),
        (f"{GOOD} [/INST]", None),
        (f"{GOOD}<end_of_turn>\n<start_of_turn>user\nAnd stone?", None),
        (f"{GOOD}<｜end▁of▁sentence｜>", None),
        (f"<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{GOOD}<|END_OF_TURN_TOKEN|>", None),
        (f"<think>{THOUGHT}</think>\n{GOOD}<|im_end|>", THOUGHT),
        (f"<|im_start|>assistant\n<think>\n{THOUGHT}\n</think>\n\n{GOOD}", THOUGHT),
        (f"{THOUGHT}</think>{GOOD}", THOUGHT),
        (f"{THOUGHT} </think> {GOOD}", THOUGHT),
        (f"{THOUGHT} </think>{GOOD}", THOUGHT),
        (f"[THINK]{THOUGHT}[/THINK]{GOOD}", THOUGHT),
        (f"<thinking>{THOUGHT}</thinking>{GOOD}", THOUGHT),
        (f"◁think▷{THOUGHT}◁/think▷{GOOD}", THOUGHT),
        (GOOD + NEXT, None),
        (f"{GOOD}\n\n**Question 2:** And stone?\nThe answer is (B) stones.", None),
    ],
)
def test_what_is_trained_on_holds_no_marks(raw: str, thinking: str | None) -> None:
    verdict = decide(RAIN, "cote", 0, "m", Completion(raw))
    assert isinstance(verdict, Explanation), verdict
    assert (verdict.text, verdict.answer) == (SAID, "clouds")
    assert apart(raw)[1] == thinking


@pytest.mark.parametrize(
    "text",
    [
        "The token </s> marks the end of a text, and <|im_end|> that of a turn.",
        "A turn ends with `<|im_end|>`; a text ends with '</s>'.",
        "In a prompt, [INST] opens the question, and what closes it is [/INST].",
        "It was <s>stones</s> clouds that it fell from.",
        "A model thinks between the tags <think> and </think>, which are taken out.",
        "The closing tag is </think>, as the model wrote.",
        "What closes it is the tag </think> of the template.",
        "A tag, '</think>' here, ends its thinking.",
        "analysis of rain shows that it falls from clouds.",
        "analysis: rain falls from clouds.",
        "Question: where does it rain from?\nFrom clouds.",
        "One may ask\nQuestion: why clouds?\nBecause water condenses there.",
    ],
)
def test_a_text_that_speaks_of_marks_keeps_them(text: str) -> None:
    assert apart(text) == (text, None)
    verdict = decide(RAIN, "cote", 0, "m", Completion(f"{text}\nThe answer is (A) clouds."))
    assert isinstance(verdict, Explanation)
    assert verdict.text == text


@pytest.mark.parametrize(
    "raw", [f"<think>{THOUGHT}", ANALYSIS.removesuffix("<|end|>"), f"analysis{THOUGHT}"]
)
def test_thinking_that_was_cut_off_leaves_no_text(raw: str) -> None:
    assert apart(raw) == ("", THOUGHT)


def generated(reply: Reply, folder: Path) -> tuple[str, list[dict[str, object]], list[str]]:
    """`teachback generate` at a server: what it printed, the explanations, the rejections."""
    data = folder / "rain.jsonl"
    row = {"id": "r", "question": RAIN.question, "choices": RAIN.choices, "answer": "clouds"}
    data.write_text(json.dumps(row) + "\n", "utf-8")
    with MockServer(lambda _asked: reply) as server:
        arguments = ["generate", str(data), "--teacher", f"openai:m@{server.url}"]
        result = CliRunner().invoke(
            cli, [*arguments, "--strategy", "cote", "-o", str(folder / "out")]
        )
    assert result.exit_code == 0, result.output
    rows = [
        [json.loads(line) for line in (folder / "out" / name).read_text("utf-8").splitlines()]
        for name in ("explanations.jsonl", "rejections.jsonl")
    ]
    return result.output, rows[0], [row["reason"] for row in rows[1]]


def test_marks_go_on_the_command_line_too(tmp_path: Path) -> None:
    harmony = f"{ANALYSIS}<|start|>assistant<|channel|>final<|message|>{GOOD}"
    _, (row,), _ = generated(said(harmony), tmp_path)
    assert row["text"] == SAID


def test_the_store_keeps_the_text_as_it_came(tmp_path: Path) -> None:
    raw = f" <think>{THOUGHT}</think>\n\n  {GOOD}\n<|im_end|>\n"
    _, (row,), _ = generated(said(raw), tmp_path)
    assert row["text"] == SAID
    with CompletionStore(tmp_path / "out" / "completions.sqlite", read_only=True) as store:
        (held,) = store
    assert (held.completion.text, held.completion.thinking) == (raw, None)


@pytest.mark.parametrize(
    "message", [{"content": None, "reasoning_content": "Hm. " * 9}, {"content": "<think>Hm. "}]
)
def test_tokens_lost_to_thinking_are_truncation(tmp_path: Path, message: dict[str, object]) -> None:
    output, kept, reasons = generated(
        choice({"message": message}, finish_reason="length"), tmp_path
    )
    assert (kept, reasons) == ([], ["truncated"])
    assert "in their thinking or in their text" in output
    assert "--max-tokens" in output
