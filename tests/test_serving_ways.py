"""What a served answer says of itself: its way, and probabilities that are calibrated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from teachback.config import EvaluateConfig
from teachback.evaluation.adaptive import margin_of
from teachback.evaluation.calibration import calibrated
from teachback.evaluation.ways import in_way
from teachback.records import Example
from teachback.serving.app import Serving
from teachback.serving.engine import StudentEngine
from teachback.serving.fall_back import find_threshold
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.systems import predict
from test_serving import questions, rated
from tiny import tiny_causal


@pytest.fixture
def student(tmp_path: Path) -> StudentModel:
    return load(tiny_causal(tmp_path / "student")).with_card(
        objective="mt-cot", kind="multiple-choice", max_new_tokens=12, way="explained"
    )


def answered(
    student: StudentModel, examples: Sequence[Example], **asked: Any
) -> list[dict[str, Any]]:
    """The bodies of the replies of a server that is asked so, in the examples' order."""

    async def scenario() -> list[dict[str, Any]]:
        serving = Serving(StudentEngine(student, None), "student")
        found = []
        async with TestClient(TestServer(serving.application(None))) as client:
            for example in examples:
                body = {"question": example.question, "choices": example.choices, **asked}
                found.append(await (await client.post("/v1/answer", json=body)).json())
        await serving.close()
        return found

    return asyncio.run(scenario())


def test_probabilities_are_calibrated_as_the_card_says(student: StudentModel) -> None:
    examples = questions(10)
    plain, _ = predict(student, examples, EvaluateConfig())
    before = answered(student, examples, way="direct")
    student.with_card(temperature=3.0)
    after = answered(student, examples, way="direct")
    assert not any(reply["calibrated"] for reply in before)
    for prediction, raw, reply in zip(plain, before, after, strict=True):
        assert raw["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-4)
        expected = calibrated(prediction.probabilities or {}, 3.0)
        assert reply["calibrated"]
        assert reply["probabilities"] == pytest.approx(expected, abs=1e-4)
        assert reply["confidence"] == pytest.approx(max(expected.values()), abs=1e-4)
        assert reply["answer"] == raw["answer"] == prediction.answer


def test_the_threshold_of_falling_back_is_one_of_calibrated_probabilities() -> None:
    # At T = 2, two answers p and 1 - p become sqrt(p) and sqrt(1 - p), normalised: 0.9 → 0.75.
    sure = [(0.9, True)] * 150 + [(0.6, n % 2 == 0) for n in range(150)]
    found = find_threshold(*rated(sure), 0.95, temperature=2.0)
    assert found.below == pytest.approx(0.75)
    assert found.kept == 150


@pytest.mark.parametrize("explain", [False, True])
def test_the_adaptive_way_explains_what_it_is_unsure_of(
    student: StudentModel, explain: bool
) -> None:
    examples = questions(20)
    predictions, _ = predict(student, examples, EvaluateConfig(explain=True))
    threshold = median(margin_of(p) for p in predictions)
    # A temperature changes margins, but not what is explained.
    student.with_card(threshold=threshold, temperature=3.0)
    expected = in_way(predictions, "adaptive", threshold=threshold)
    replies = answered(student, examples, way="adaptive", explain=explain)
    assert [reply["answer"] for reply in replies] == [p.answer for p in expected]
    unsure = [margin_of(p) < threshold for p in predictions]
    assert [reply["way"] == "explained" for reply in replies] == unsure
    assert any(unsure)
    assert not all(unsure)
    assert [reply["explanation"] is not None for reply in replies] == [explain] * 20


def test_without_a_threshold_there_is_no_adaptive_way(student: StudentModel) -> None:
    reply = answered(student, questions(1), way="adaptive")[0]
    assert "no threshold for the adaptive way" in reply["error"]["message"]
