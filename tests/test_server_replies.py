"""What servers really reply, at a real server: endings, failures, bodies, refused parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mock_server import MockServer, Reply, choice, said
from teachback.explaining.asking import GenerationSummary, generate
from teachback.records import Completion, Example
from teachback.store import CompletionStore
from teachback.teachers.openai import OpenAITeacher
from teachback.teachers.prompts import Prompts

GOOD = "Plants drink rain.\nThe answer is (A) clouds."
OK = said(GOOD)
RAIN = Example("r", "Where does rain come from?", "clouds", "multiple-choice", ("clouds", "stones"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CompletionStore]:
    with CompletionStore(tmp_path / "completions.sqlite") as opened:
        yield opened


def asked_of(
    reply: Reply, store: CompletionStore, prompts: Prompts | None = None
) -> tuple[GenerationSummary, Completion]:
    """One question to a server that always gives this reply; and what the store then holds."""
    prompts = prompts or Prompts()
    with MockServer(lambda _asked: reply) as server:
        teacher = OpenAITeacher("m", base_url=server.url, first_wait=0.001, form=prompts.form)
        summary = generate([RAIN], teacher=teacher, prompts=prompts, strategy="cote", store=store)
    held = store.get(store.key("m", prompts.request(RAIN, "cote")))
    assert held is not None
    return summary, held


def ended(reason: Any, text: str | None = GOOD, **more: Any) -> Reply:
    return choice({"message": {"content": text}, **more}, finish_reason=reason)


# How a reply ended


UPSTREAM = {"code": 502, "message": "Upstream provider failed"}


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (ended("error", "", error=UPSTREAM), "the server failed: Upstream provider failed"),
        (ended("error", "Plants drink. The answer is (A)"), "broke off (finish_reason error)"),
        (ended("stop", "", native_finish_reason="network_error"), "finish_reason network_error"),
        (ended("stop", "Half", native_finish_reason="MALFORMED_RESPONSE"), "MALFORMED_RESPONSE"),
        (ended("insufficient_system_resource", "Half"), "insufficient_system_resource"),
        (ended("abort", "Half"), "abort"),
        (ended("timed_out", "Half"), "timed_out"),
        (ended({"type": "cancelled"}, "Half"), "cancelled"),
        (ended("brand_new", ""), "the reply is empty and did not end (finish_reason brand_new)"),
        (ended(None, None), "the reply is empty and did not end"),
        (ended(7, ""), "finish_reason 7"),
        (ended(["stop"], " "), "the reply is empty"),
    ],
)
def test_a_reply_that_broke_off_is_a_failure_and_is_asked_again(
    store: CompletionStore, failure: Reply, says: str
) -> None:
    summary, held = asked_of(failure, store)
    assert (summary.stored, summary.failed) == (0, 1)
    assert says in (held.error or "")
    summary, held = asked_of(OK, store)  # the same command, and the server is well again
    assert (summary.stored, held.text, held.finish_reason) == (1, GOOD, "stop")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("FinishReason.STOP", "stop"),
        ({"type": "stop", "matched": 7}, "stop"),
        (None, "stop"),
        (3, "stop"),
        ("brand_new", "stop"),  # with a whole text, a word that nobody knows is no failure
        ("MAX_TOKENS", "length"),
        ("model_context_window_exceeded", "length"),
        ("context_length_exceeded", "length"),
        ("SAFETY", "refused"),
        ("content-filter", "refused"),
    ],
)
def test_endings_by_other_names(store: CompletionStore, reason: Any, finish: str) -> None:
    summary, held = asked_of(ended(reason), store)
    assert (summary.stored, held.text, held.finish_reason) == (1, GOOD, finish)


def test_the_worse_of_two_endings_counts(store: CompletionStore) -> None:
    _, held = asked_of(ended("stop", GOOD, native_finish_reason="MAX_TOKENS"), store)
    assert held.finish_reason == "length"


# Bodies


CHUNKS: list[dict[str, Any]] = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]},
    {"choices": [{"index": 0, "delta": {"content": "Plants drink rain.\n"}}]},
    {"choices": [{"index": 0, "delta": {"content": "The answer is (A) clouds."}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
    {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}},
]


def stream(*chunks: dict[str, Any], done: bool = True) -> Reply:
    lines = [": waiting", *(f"data: {json.dumps(chunk)}" for chunk in chunks)]
    body = "\n\n".join([*lines, *["data: [DONE]"] * done, ""]).encode()
    return Reply(body=body, content_type="text/event-stream")


def test_a_stream_that_was_not_asked_for_is_read(store: CompletionStore) -> None:
    _, held = asked_of(stream(*CHUNKS), store)
    assert (held.text, held.thinking, held.finish_reason) == (GOOD, "Hm.", "length")
    assert (held.tokens_in, held.tokens_out) == (7, 5)


def test_a_text_stream_is_read(store: CompletionStore) -> None:
    parts = [{"choices": [{"index": 0, "text": text}]} for text in (" It ", "rains.")]
    assert asked_of(stream(*parts), store, Prompts(form="text"))[1].text == " It rains."


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (stream(*CHUNKS[:3], done=False), "a stream of events came, and broke off (text/event-st"),
        (stream(CHUNKS[2], {"error": UPSTREAM}), "the server failed: Upstream provider failed"),
        (Reply(body=b"data: {half\n\ndata: [DONE]"), "a part of it is not JSON"),
    ],
)
def test_a_stream_that_broke_off_is_a_failure(
    store: CompletionStore, reply: Reply, says: str
) -> None:
    summary, held = asked_of(reply, store)
    assert summary.failed == 1
    assert says in (held.error or "")


COFFEE = "Café rain.\nThe answer is (A) clouds."


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("utf-8", "application/json"),
        ("utf-8-sig", "application/json"),
        ("utf-16", "application/json"),
        ("latin-1", "application/json; charset=iso-8859-1"),
        ("utf-8", "application/json; charset=iso-8859-1"),  # declared by a default, and wrong
        ("utf-8", "application/json; charset=nonsense"),
    ],
)
def test_bodies_in_other_encodings(
    store: CompletionStore, encoding: str, content_type: str
) -> None:
    data = {"choices": [{"message": {"content": COFFEE}, "finish_reason": "stop"}]}
    body = ("\n\n  \n" + json.dumps(data, ensure_ascii=False)).encode(encoding)
    _, held = asked_of(Reply(body=body, content_type=content_type), store)
    assert held.text == COFFEE


@pytest.mark.parametrize(
    ("count", "tokens"),
    [(100.0, 100), ("100", 100), (100, 100), (1.5, None), (-1, None), (True, None), ("x", None)],
)
def test_counts_of_tokens_as_servers_write_them(
    store: CompletionStore, count: object, tokens: int | None
) -> None:
    reply = choice({"message": {"content": GOOD}}, usage={"completion_tokens": count})
    assert asked_of(reply, store)[1].tokens_out == tokens


def test_thinking_among_the_parts_of_a_content(store: CompletionStore) -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]},
        {"type": "text", "text": GOOD},
    ]
    held = asked_of(said(parts), store)[1]  # type: ignore[arg-type]
    assert (held.text, held.thinking) == (GOOD, "hmm")
