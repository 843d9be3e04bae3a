"""Texts that a served student continues: log-probabilities, streams, and clients that leave."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from aiohttp import ClientTimeout
from aiohttp.test_utils import TestClient, TestServer

from teachback.serving.app import Limits, Serving
from teachback.serving.engine import LanguageModel, StudentEngine
from teachback.students.causal import CausalStudent
from teachback.students.continuing import TorchContinuation
from teachback.students.generated import Token
from teachback.students.load import load
from tiny import tiny_causal

Scenario = Callable[[Any], Awaitable[Any]]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> CausalStudent:
    found = load(tiny_causal(tmp_path_factory.mktemp("texts") / "student"), precision="fp32")
    assert isinstance(found, CausalStudent)
    return found.with_card(objective="mt-cot", kind="multiple-choice", max_new_tokens=40)


class Scripted:
    """A language model that writes these tokens, each after ``pause`` seconds, and counts them."""

    def __init__(self, ids: Iterator[int] | Sequence[int], pause: float = 0.0) -> None:
        self._ids, self._pause = ids, pause
        self.written = 0

    def continued(
        self, ids: Sequence[int], limit: int, *, measure: bool = False, top: int = 0
    ) -> Iterator[Token]:
        if measure:
            yield Token(ids[0], None, ())
            yield from (Token(one, -0.5, ((one, -0.5),)[:top]) for one in ids[1:])
        for one in itertools.islice(self._ids, limit):
            time.sleep(self._pause)
            self.written += 1
            yield Token(one, -0.25, ((one, -0.25),)[:top])


def served(
    student: CausalStudent, language: LanguageModel, scenario: Scenario, seconds: float = 30.0
) -> Any:
    """What ``scenario`` makes of a client of a server of ``student`` with this language model."""

    async def run() -> Any:
        serving = Serving(
            StudentEngine(student, language), "student", limits=Limits(seconds=seconds)
        )
        server = TestServer(serving.application(None))
        async with TestClient(server) as client:
            found = await scenario(client)
        await serving.close()
        return found

    return asyncio.run(run())


def completion(student: CausalStudent, language: LanguageModel, **asked: Any) -> dict[str, Any]:
    async def scenario(client: Any) -> Any:
        return await (await client.post("/v1/completions", json=asked)).json()

    found: dict[str, Any] = served(student, language, scenario)
    return found


def test_log_probabilities_are_the_model_s_own(student: CausalStudent) -> None:
    text = "Question: What is it?"
    ids = student.tokenizer(text)["input_ids"]
    with torch.inference_mode():
        logits = student.model(input_ids=torch.tensor([ids])).logits[0].float()
    shares = torch.log_softmax(logits, dim=-1)
    language = TorchContinuation(student.with_shared_weights())
    reply = completion(student, language, prompt=text, max_tokens=1, echo=True, logprobs=3)
    told = reply["choices"][0]["logprobs"]
    places = range(len(ids) - 1)
    assert told["token_logprobs"][0] is None
    assert told["token_logprobs"][1:-1] == pytest.approx(
        [float(shares[at, ids[at + 1]]) for at in places], abs=1e-4
    )
    assert told["token_logprobs"][-1] == pytest.approx(float(shares[-1].max()), abs=1e-4)
    for at in places:
        best = shares[at].topk(3)
        own = told["tokens"][at + 1]
        top = dict(told["top_logprobs"][at + 1])
        names = [student.tokenizer.decode([one]) for one in best.indices.tolist()]
        assert set(top) == {*names, own}
        assert max(top.values()) == pytest.approx(float(best.values[0]), abs=1e-4)
    # The special token at the beginning is no part of the text.
    assert "".join(told["tokens"][1:-1]) == text
    assert told["text_offset"] == [0, *range(len(text) + 1)]


def test_a_prompt_with_its_end_token_alone_behind_it(student: CausalStudent) -> None:
    """A harness sums up all but the last log-probability: the end token has to be there."""
    asked = {"prompt": [2, 70, 71], "max_tokens": 1, "echo": True, "logprobs": 1}
    reply = completion(student, Scripted([student.end_id]), **asked)
    choice = reply["choices"][0]
    assert choice["logprobs"]["token_logprobs"] == [None, -0.5, -0.5, -0.25]
    assert choice["finish_reason"] == "stop"
    assert choice["text"] == student.tokenizer.decode([70, 71])


def events(body: str) -> list[Any]:
    return [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]


@pytest.mark.parametrize("chat", [True, False])
def test_a_stream_holds_every_token_s_log_probability(student: CausalStudent, chat: bool) -> None:
    ids = [one - ord("a") + 70 for one in b"abcdef"]
    path, asked = "/v1/completions", {"prompt": "x", "logprobs": 1}
    if chat:
        messages = [{"role": "user", "content": "x"}]
        path, asked = "/v1/chat/completions", {"messages": messages, "logprobs": True}
        asked["top_logprobs"] = 1

    async def scenario(client: Any) -> Any:
        body = {**asked, "stream": True, "max_tokens": 20}
        return await (await client.post(path, json=body)).text()

    body = served(student, Scripted([*ids, student.end_id]), scenario)
    assert body.endswith("data: [DONE]\n\n")
    told = [one["choices"][0]["logprobs"] for one in events(body)]
    if chat:
        tokens = [token for one in told if one for token in one["content"]]
        assert [token["logprob"] for token in tokens] == [-0.25] * 6
        assert all(token["top_logprobs"][0]["token"] == token["token"] for token in tokens)
    else:
        offsets = [offset for one in told if one for offset in one["text_offset"]]
        assert offsets == list(range(6))


def test_a_stream_that_takes_too_long_says_so(student: CausalStudent) -> None:
    async def scenario(client: Any) -> Any:
        body = {"prompt": "x", "stream": True, "max_tokens": 40}
        return await (await client.post("/v1/completions", json=body)).text()

    found = events(served(student, Scripted([70] * 40, 0.1), scenario, seconds=0.5))
    assert 1 <= len(found) - 1 < 10
    assert found[-1]["error"]["message"] == "no answer within 0.5 s"


@pytest.mark.parametrize(("asked", "expected"), [(0, 0), (None, 16), (5, 5), (1000, 40)])
def test_a_stream_has_the_limit_of_a_whole_completion(
    student: CausalStudent, asked: int | None, expected: int
) -> None:
    async def scenario(client: Any) -> list[int]:
        body = {"prompt": "x", "max_tokens": asked}
        whole = await (await client.post("/v1/completions", json=body)).json()
        usage = {"stream": True, "stream_options": {"include_usage": True}}
        streamed = await (await client.post("/v1/completions", json={**body, **usage})).text()
        return [one["usage"]["completion_tokens"] for one in (whole, events(streamed)[-1])]

    assert served(student, Scripted(itertools.repeat(70)), scenario) == [expected, expected]


@pytest.mark.parametrize("stop", [None, "?"])
def test_a_chat_is_stripped_streamed_too(student: CausalStudent, stop: str | None) -> None:
    ids = student.tokenizer("  ice  cream \n ?", add_special_tokens=False)["input_ids"]
    messages = [{"role": "user", "content": "x"}]

    async def scenario(client: Any) -> list[str]:
        body = {"messages": messages, "stop": stop}
        path = "/v1/chat/completions"
        whole = await (await client.post(path, json=body)).json()
        streamed = await (await client.post(path, json={**body, "stream": True})).text()
        parts = [one["choices"][0]["delta"].get("content", "") for one in events(streamed)]
        return [whole["choices"][0]["message"]["content"], "".join(parts)]

    expected = "ice  cream \n ?" if stop is None else "ice  cream"
    language = Scripted([*ids, student.end_id])
    assert served(student, language, scenario) == [expected, expected]


def test_a_fault_in_a_stream_is_its_last_event(student: CausalStudent) -> None:
    def broken() -> Iterator[int]:
        yield from (70, 71)
        raise ValueError("the engine is broken")

    async def scenario(client: Any) -> tuple[int, str, str]:
        body = {"prompt": "x", "stream": True}
        reply = await client.post("/v1/completions", json=body, timeout=ClientTimeout(10))
        text = await reply.text()
        return reply.status, text, await (await client.get("/health")).text()

    status, text, health = served(student, Scripted(broken()), scenario)
    assert status == 200
    assert events(text)[-1]["error"]["message"] == "internal error (ValueError)"
    assert events(text)[-1]["error"]["type"] == "server_error"
    assert "HTTP/1.1" not in text
    assert json.loads(health) == {"status": "ok"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_is_not_computed(student: CausalStudent, stream: bool) -> None:
    language = Scripted(itertools.repeat(70), 0.05)

    async def scenario(client: Any) -> int:
        body = {"prompt": "x", "stream": stream, "max_tokens": 40}
        with pytest.raises(asyncio.TimeoutError):
            async with client.post(
                "/v1/completions", json=body, timeout=ClientTimeout(0.4)
            ) as reply:
                await reply.text()
        await asyncio.sleep(0.3)
        written = language.written
        await asyncio.sleep(0.5)
        assert language.written == written
        return written

    assert 1 <= served(student, language, scenario) < 25
