"""What servers really reply, at a real server: endings, failures, bodies, refused parameters."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mock_server import Asked, MockServer, Reply, choice, said
from teachback.errors import TeacherError
from teachback.exemplars import choose
from teachback.explaining.asking import Asking, GenerationSummary
from teachback.records import Completion, Example, Sampling
from teachback.store import CompletionStore
from teachback.system.progress import Progress
from teachback.teachers.openai import OpenAITeacher
from teachback.teachers.prompts import Form, Prompts

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
        summary = Asking(teacher=teacher, prompts=prompts, strategy="cote", store=store).run([RAIN])
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


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_s_lines_end_where_its_protocol_says(store: CompletionStore, end: str) -> None:
    text = "One\u2028two\u2029three\x85four."
    chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
    body = f"data: {json.dumps(chunk, ensure_ascii=False)}{end}{end}data: [DONE]{end}{end}"
    reply = Reply(body=body.encode(), content_type="text/event-stream")
    assert asked_of(reply, store)[1].text == text


def test_a_text_stream_is_read(store: CompletionStore) -> None:
    parts = [{"choices": [{"index": 0, "text": text}]} for text in (" It ", "rains.")]
    assert asked_of(stream(*parts), store, Prompts(form="text"))[1].text == " It rains."


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (stream(*CHUNKS[:3], done=False), "the event stream broke off (text/event-st"),
        (stream(CHUNKS[2], {"error": UPSTREAM}), "the server failed: Upstream provider failed"),
        (Reply(body=b"data: {half\n\ndata: [DONE]"), "a part of the event stream is not JSON"),
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


# What a server refuses


def refusal(message: str, *, param: str | None = None, status: int = 400) -> Reply:
    return Reply(status, json.dumps({"error": {"message": message, "param": param}}).encode())


NEWER = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completio"
NEWER += "n_tokens' instead."
PYDANTIC = Reply(
    422,
    json.dumps(
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "temperature"],
                    "msg": "Extra inputs are not permitted",
                }
            ]
        }
    ).encode(),
)


def many(
    behave: Callable[[Asked], Reply],
    store: CompletionStore,
    *,
    form: Form = "chat",
    **sampling: Any,
) -> tuple[GenerationSummary, str, list[Asked]]:
    """Twenty questions, eight at a time: the summary, what the user saw, what was sent."""
    examples = [replace(RAIN, id=f"r{i}", question=f"Whence rain {i}?") for i in range(20)]
    prompts = Prompts(form=form, sampling=Sampling(**sampling))
    seen = io.StringIO()
    with MockServer(behave) as server:
        teacher = OpenAITeacher(
            "m", base_url=server.url, first_wait=0.001, form=form, concurrency=8
        )
        summary = Asking(
            teacher=teacher, prompts=prompts, strategy="cote", store=store, progress=Progress(seen)
        ).run(examples)
    # The store's key is what was asked for, whatever was sent.
    assert all(store.key("m", prompts.request(each, "cote")) in store for each in examples)
    return summary, seen.getvalue(), server.asked


@pytest.mark.parametrize(
    ("name", "fault", "wanted", "says"),
    [
        (
            "max_tokens",
            refusal(NEWER, param="max_tokens"),
            {"max_completion_tokens": 512, "temperature": 0.0},
            "the server refuses max_tokens: max_completion_tokens is sent instead",
        ),
        (
            "max_tokens",
            refusal(NEWER),
            {"max_completion_tokens": 512, "temperature": 0.0},
            "the server refuses max_tokens: max_completion_tokens is sent instead",
        ),
        (
            "temperature",
            refusal("Unsupported value: 'temperature' does not support 0.0.", param="temperature"),
            {"max_tokens": 512},
            "the server refuses temperature = 0: it is not sent, and replies are sampled",
        ),
        ("temperature", PYDANTIC, {"max_tokens": 512}, "the server refuses temperature = 0"),
        (
            "temperature",
            refusal("invalid temperature: only 1 is allowed for this model"),
            {"max_tokens": 512},
            "the server refuses temperature = 0",
        ),
        (
            "top_p",
            refusal("`top_p` cannot be specified for this model"),
            {"max_tokens": 512, "temperature": 0.0},
            "the server refuses top_p = 0.9",
        ),
    ],
)
def test_a_refused_parameter_is_sent_otherwise_by_all(
    store: CompletionStore, name: str, fault: Reply, wanted: dict[str, object], says: str
) -> None:
    def behave(asked: Asked) -> Reply:
        return fault if name in asked.body else OK

    top_p = 0.9 if name == "top_p" else 1.0
    summary, seen, asked = many(behave, store, top_p=top_p)
    assert (summary.stored, summary.failed) == (20, 0)
    assert seen.count("the server refuses") == 1
    assert says in seen
    parts = {
        key: value for key, value in asked[-1].body.items() if key not in ("model", "messages")
    }
    assert parts == wanted
    assert len(asked) <= 20 + 8  # those in flight when it was learnt


def test_the_other_name_of_the_limit_is_tried_once(store: CompletionStore) -> None:
    def behave(asked: Asked) -> Reply:
        name = "max_tokens" if "max_tokens" in asked.body else "max_completion_tokens"
        return refusal(f"Unknown parameter: {name}")

    with MockServer(behave) as server:
        teacher = OpenAITeacher("m", base_url=server.url)
        summary = Asking(teacher=teacher, prompts=Prompts(), strategy="cote", store=store).run(
            [RAIN]
        )
    assert (summary.failed, len(server.asked)) == (1, 2)


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 512. This model supports at most 256 tokens.",
        "This model's maximum context length is 40 tokens, and max_tokens is 512",
        "temperature must be between 0 and 1 for this model, other values are not supported",
        "the content of messages is not supported",
    ],
)
def test_a_value_that_is_not_possible_is_the_user_s_to_change(
    store: CompletionStore, message: str
) -> None:
    summary, held = asked_of(refusal(message), store)
    assert (summary.failed, held.error) == (1, f"HTTP 400: {message}")


BOILS = "At what temperature does water boil, and what says the system message?"


@pytest.mark.parametrize(
    "message",
    [
        f"Your prompt is not allowed by our policy: '{BOILS}'",
        "Your prompt is not allowed by our policy: 'At what temperature does water…'",
        "A prompt about temperature is not allowed by our policy",
    ],
)
def test_what_a_refusal_repeats_of_the_prompt_changes_nothing(
    store: CompletionStore, message: str
) -> None:
    def behave(asked: Asked) -> Reply:
        return refusal(message) if BOILS in asked.prompt else OK

    seen = io.StringIO()
    with MockServer(behave) as server:
        summary = Asking(
            teacher=OpenAITeacher("m", base_url=server.url, concurrency=1),
            prompts=Prompts(),
            strategy="cote",
            store=store,
            progress=Progress(seen),
        ).run([replace(RAIN, id="boils", question=BOILS), RAIN])
    assert (summary.stored, summary.failed) == (1, 1)
    assert "refuses" not in seen.getvalue()
    sent = [(each.body["temperature"], each.body["messages"][0]["role"]) for each in server.asked]
    assert sent == [(0.0, "system")] * 2


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported value: 'temperature' does not support 0.0.",
        "invalid temperature: only 1 is allowed for this model",
        "temperature is not supported with this model",
        "Unknown parameter: temperature",
        "Unrecognized request argument supplied: temperature",
        "temperature: Extra inputs are not permitted",
    ],
)
def test_a_refused_parameter_may_be_a_word_of_the_question(
    store: CompletionStore, message: str
) -> None:
    def behave(asked: Asked) -> Reply:
        return refusal(message) if "temperature" in asked.body else OK

    with MockServer(behave) as server:
        summary = Asking(
            teacher=OpenAITeacher("m", base_url=server.url),
            prompts=Prompts(),
            strategy="cote",
            store=store,
        ).run([replace(RAIN, question=BOILS)])
    assert (summary.stored, len(server.asked)) == (1, 2)


def test_stop_sequences_that_are_refused_are_applied_here(store: CompletionStore) -> None:
    def behave(asked: Asked) -> Reply:
        if "stop" in asked.body:
            return refusal("'stop' is not supported with this model.", param="stop")
        return choice({"text": " It rains. The answer is (A)\nQuestion: What is stone?\n(B)"})

    summary, seen, _ = many(behave, store, form="text")
    assert summary.stored == 20
    assert "the server refuses stop: it is not sent, and replies are cut here instead" in seen
    assert {row.completion.text for row in store} == {" It rains. The answer is (A)"}


@pytest.mark.parametrize("exemplars", [0, 2])
@pytest.mark.parametrize(
    "fault",
    [
        refusal("System role not supported"),
        refusal("Jinja Exception: System role not supported", status=500),
        refusal("Conversation roles must alternate user/assistant/user/assistant/..."),
        Reply(400, b'{"object": "error", "message": "The system message is not allowed."}'),
    ],
)
def test_a_system_turn_that_is_refused_is_folded(
    store: CompletionStore, fault: Reply, exemplars: int
) -> None:
    def behave(asked: Asked) -> Reply:
        return fault if asked.body["messages"][0]["role"] == "system" else OK

    shown = tuple(choose("openbookqa", "multiple-choice"))[:exemplars]
    seen = io.StringIO()
    asked: list[list[dict[str, str]]] = []
    for folds in (False, True):
        prompts = Prompts(exemplars=shown, fold_system=folds)
        with MockServer(behave) as server:
            summary = Asking(
                teacher=OpenAITeacher("m", base_url=server.url),
                prompts=prompts,
                strategy="cote",
                store=store,
                progress=Progress(seen),
            ).run([RAIN])
        assert (summary.stored, summary.failed) == (1, 0)
        asked.append(server.asked[-1].body["messages"])
    # The same as the user's own --system fold, under the key of what was asked for.
    assert asked[0] == asked[1]
    assert len(store) == 2
    assert seen.getvalue().count("as --system fold does") == 1


# Addresses


def at_v1_alone(asked: Asked) -> Reply:
    right = asked.path in ("/v1/chat/completions", "/v1/completions")
    text = Reply(404, b"404 page not found", content_type="text/plain")
    return choice({"text": GOOD, "message": {"content": GOOD}}) if right else text


@pytest.mark.parametrize("form", ["chat", "text"])
@pytest.mark.parametrize("ending", ["", "/", "/chat/completions", "/completions", "/completions/"])
def test_an_address_may_end_in_the_path_that_is_asked(
    store: CompletionStore, form: Form, ending: str
) -> None:
    seen = io.StringIO()
    with MockServer(at_v1_alone) as server:
        teacher = OpenAITeacher("m", base_url=server.url + ending, form=form)
        summary = Asking(
            teacher=teacher,
            prompts=Prompts(form=form),
            strategy="cote",
            store=store,
            progress=Progress(seen),
        ).run([RAIN])
    assert summary.stored == 1
    assert ("that part is left out" in seen.getvalue()) == (len(ending) > 1)
    assert (teacher.address or "").rstrip("/") == server.url


def test_a_path_that_the_server_does_not_know_is_shown(store: CompletionStore) -> None:
    with MockServer(at_v1_alone) as server:
        base = server.url.removesuffix("/v1")
        asks = [base, f"{server.url}/openai/v1", f"{base}/?version=1"]
        said_ = []
        for url in asks:
            with pytest.raises(TeacherError) as caught:
                Asking(
                    teacher=OpenAITeacher("m", base_url=url),
                    prompts=Prompts(),
                    strategy="cote",
                    store=store,
                ).run([RAIN])
            said_.append(str(caught.value))
    assert f"asked: {base}/chat/completions; check the address: does it end in /v1" in said_[0]
    assert f"as in openai:m@{base}/v1?" in said_[0]
    assert f"asked: {server.url}/openai/v1/chat/completions; check the address: it" in said_[1]
    assert f"asked: {base}/chat/completions?version=1; check the address: does it" in said_[2]
    assert f"as in openai:m@{base}/v1?version=1?" in said_[2]
