"""A teacher that thinks before it answers, as a prompting baseline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from mock_server import Asked, MockServer, Reply, choice
from teachback.cli import cli
from teachback.explaining.session import TeacherSetup
from teachback.files import read_predictions
from teachback.records import Example, Sampling
from teachback.systems import predict_by_prompting
from teachback.teachers.openai import OpenAITeacher
from teachback.teachers.prompts import Prompts

GOOD = "Plants drink rain.\nThe answer is (A) clouds."
CHOICES = ("clouds", "stones")
RAIN = [
    Example(f"r{i}", f"Whence rain {i}?", "clouds", "multiple-choice", CHOICES) for i in range(3)
]


def thinks(tokens: int) -> Callable[[Asked], Reply]:
    """A model that needs ``tokens`` before it says anything."""

    def behave(asked: Asked) -> Reply:
        most = asked.body["max_tokens"]
        usage = {"prompt_tokens": 100, "completion_tokens": min(most, tokens + 20)}
        if most <= tokens:
            message = {"content": None, "reasoning_content": "Hm. " * 8}
            return choice({"message": message}, finish_reason="length", usage=usage)
        return choice({"message": {"content": GOOD, "reasoning_content": "Hm."}}, usage=usage)

    return behave


def evaluated(folder: Path, server: MockServer, *options: str) -> tuple[str, dict[str, object]]:
    data = folder / "rain.jsonl"
    rows = [
        {"id": e.id, "question": e.question, "choices": CHOICES, "answer": "clouds"} for e in RAIN
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    words = ["evaluate", str(data), "--teacher", f"openai:m@{server.url}", "--overwrite"]
    result = CliRunner().invoke(cli, [*words, "-o", str(folder / "out"), *options])
    assert result.exit_code == 0, result.output
    metrics = json.loads((folder / "out" / "metrics.json").read_text("utf-8"))
    return result.output, metrics["systems"]["teacher"]


def test_a_direct_question_gets_room_to_think(tmp_path: Path) -> None:
    with MockServer(thinks(300)) as server:
        output, metrics = evaluated(tmp_path, server)
        sent = sorted(asked.body["max_tokens"] for asked in server.asked)
        assert sent == [32] * 3 + [512] * 6
        evaluated(tmp_path, server)
        assert len(server.asked) == 9  # all of it is stored
    direct = metrics["direct"]
    assert isinstance(direct, dict)
    assert (direct["accuracy"], direct["unparsed"], direct["cut_off"]) == (1.0, 0, 0)
    assert "cut off" not in output


def test_what_is_cut_off_even_so_is_counted_apart(tmp_path: Path) -> None:
    with MockServer(thinks(600)) as server:
        output, metrics = evaluated(tmp_path, server)
        assert "teacher: 3 of 3 direct answers were cut off by the limit on tokens" in output
        assert "teacher: 3 of 3 explained answers were cut off" in output
        assert "larger --max-tokens" in output
        for way in ("direct", "explained"):
            figures = metrics[way]
            assert isinstance(figures, dict)
            assert (figures["accuracy"], figures["unparsed"], figures["cut_off"]) == (0.0, 3, 3)
        (first, *_) = read_predictions(tmp_path / "out" / "predictions.jsonl")
        assert (first.cut_off, first.explained_cut_off, first.unparsed) == (True, True, True)
        output, _ = evaluated(tmp_path, server, "--max-tokens", "700")
    assert "cut off" not in output


def test_a_model_that_does_not_obey_is_not_given_more(tmp_path: Path) -> None:
    """It would write a chain of thought, which is no direct answer."""

    def behave(asked: Asked) -> Reply:
        cut = asked.body["max_tokens"] == 32
        text = "Let me see. Rain falls from" if cut else GOOD
        return choice({"message": {"content": text}}, finish_reason="length" if cut else "stop")

    with MockServer(behave) as server:
        output, _ = evaluated(tmp_path, server)
        assert len(server.asked) == 6
    assert "3 of 3 direct answers were cut off" in output
    assert "explained answers were cut off" not in output


@pytest.mark.parametrize("cap", [None, 10.0])
def test_both_questions_are_paid_and_counted(tmp_path: Path, cap: float | None) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('["m"]\ninput = 1000\noutput = 1000\n', "utf-8")  # 0.1 cents a token
    prompts = Prompts(sampling=Sampling(max_tokens=400))
    with MockServer(thinks(300)) as server:
        teacher = OpenAITeacher("m", base_url=server.url)
        setup = TeacherSetup(teacher, prompts, prices=prices, max_cost=cap)
        with setup.open(tmp_path / "s.sqlite") as session:
            predictions = predict_by_prompting(session, RAIN, explain=False)
            # (100 + 32) tokens for the first, (100 + 320) for the second question of each.
            assert session.bill().run == pytest.approx(3 * (0.132 + 0.420))
            again = session.ask(RAIN, "direct", samples=1)
    assert [p.correct for p in predictions] == [True] * 3
    assert (again.needed, again.already_stored, again.stored) == (6, 6, 0)
