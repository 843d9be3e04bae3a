"""References, recordings, the script, and what an OpenAI-compatible server's replies mean."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import teachback as tb
from mock_server import Asked, MockServer, Reply, choice, refused, said
from teachback.errors import DataError, ReferenceError_, TeacherError, UsageError
from teachback.explaining.session import TeacherSetup
from teachback.records import Completion, Example, Message, Request, RequestKind, Sampling
from teachback.teachers import open_teacher
from teachback.teachers.markers import split_thinking
from teachback.teachers.openai import OpenAITeacher
from teachback.teachers.prompts import Form, Prompts
from teachback.teachers.protocol import Teacher
from teachback.teachers.recorded import RecordedTeacher
from teachback.teachers.replies import retry_after
from teachback.teachers.scripted import ScriptedTeacher
from teachback.teachers.stored import StoredTeacher

KEY = "sk-planted-0123456789abcdef"


def request(
    example_id: str = "q1",
    kind: RequestKind = "cote",
    sample: int = 0,
    sampling: Sampling | None = None,
) -> Request:
    prefix = (Message("system", "Explain."), Message("user", "1?"), Message("assistant", "One."))
    own = (Message("user", f"Question {example_id}?"),)
    return Request(example_id, kind, prefix, own, sampling or Sampling(), sample)


def ask(teacher: Any, *requests: Request) -> list[Completion]:
    async def run() -> list[Completion]:
        try:
            return [await teacher.complete(each) for each in requests or (request(),)]
        finally:
            await teacher.aclose()

    return asyncio.run(run())


def replied(behave: Callable[[Asked], Reply | str] | Reply, **options: Any) -> Completion:
    """What a teacher makes of one server's reply."""
    with MockServer(behave if callable(behave) else lambda _asked: behave) as server:
        teacher = OpenAITeacher("m", base_url=server.url, first_wait=0.001, **options)
        return ask(teacher)[0]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_API_KEY_FILE", "TEACHBACK_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


# A teacher of one's own


def test_the_documented_teacher_of_ones_own_is_asked(tmp_path: Path) -> None:
    doc = inspect.getdoc(Teacher)
    assert doc is not None
    example = doc.partition("::\n")[2].partition("Everything but")[0]
    assert example.count("\n") < 15
    names: dict[str, Any] = {}
    exec(textwrap.dedent(example), names)  # ours, from the docstring
    own = names["MyTeacher"]()
    assert isinstance(own, Teacher)
    question = Example("q", "What floats?", "ice", "multiple-choice", ("ice", "a stone"))
    found = tb.generate([question], teacher=own, store=tmp_path / "s.sqlite")
    (explanation,) = found.explanations
    assert (explanation.teacher, explanation.text) == (
        "my-model-2026-11",
        "Water freezes when it is cold.",
    )
    # What it costs is not known, and it says that it counted tokens.
    with TeacherSetup(own, Prompts()).open(tmp_path / "s.sqlite") as session:
        assert session.price is None
        assert session.bill().uncounted == 0
        assert session.store.usage(own.model).tokens_out == 15


class Other:
    """All that a teacher has, and none."""

    model, form, concurrency = "other", "chat", 1

    async def complete(self, _request: Request) -> Completion:
        raise AssertionError


def test_what_is_no_teacher_is_said(tmp_path: Path) -> None:
    question = Example("q", "Does ice float?", "yes", "yes-no")
    with pytest.raises(UsageError, match=r"the teacher is a Other: .* derived from teachback\.Tea"):
        tb.generate([question], teacher=Other(), store=tmp_path / "s.sqlite")  # type: ignore[arg-type]
    assert not (tmp_path / "s.sqlite").exists()


def test_what_teachers_declare(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text('{"id": "q", "teacher": "m", "given_answer": true, "text": "So."}\n', "utf-8")
    recorded, scripted = open_teacher(f"recorded:{file}"), open_teacher("scripted")
    for free in (recorded, scripted):
        assert (free.free, free.address, free.meters_itself) == (True, None, False)
    assert recorded.concurrency == 1
    server = open_teacher("openai:m@http://127.0.0.1:9/v1?a=b")
    assert (server.free, server.meters_itself) == (False, True)
    assert server.address == "http://127.0.0.1:9/v1?a=b"
    stored = StoredTeacher("m", form="text")
    assert (stored.model, stored.form, stored.free) == ("m", "text", True)
    with pytest.raises(TeacherError, match="only its stored replies"):
        ask(stored)


# References


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("opnai:gpt-4o", "did you mean openai:MODEL[@http://host/v1]?"),
        ("Recorded:a.jsonl", "did you mean recorded:FILE[,FILE…]?"),
        ("gpt-4o", "did you mean openai:gpt-4o?"),
        (
            "claude:x",
            "gguf:FILE, pypi:NAME or recorded:FILE[,FILE…]",
        ),
        ("gguf:model.gguf", "there is no GGUF file model.gguf"),
        ("pypi:claude", "choose one of pypi:gemma-3-270m"),
        ("recorded:", "write recorded:FILE[,FILE…]"),
        ("openai:", "write openai:MODEL[@http://host/v1]"),
        ("openai:gpt-4o", "set OPENAI_API_KEY"),
        ("openai:m@http://", "not an address"),
    ],
)
def test_a_reference_that_leads_nowhere_says_what_exists(reference: str, says: str) -> None:
    with pytest.raises(ReferenceError_) as caught:
        open_teacher(reference).check_ready()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_s_name_may_hold_an_at_sign() -> None:
    teacher = open_teacher("openai:org/m@rev@http://127.0.0.1:1/v1", form="text", concurrency=3)
    assert (teacher.model, teacher.form, teacher.concurrency) == ("org/m@rev", "text", 3)


def test_offline_allows_loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for reference in (
        "openai:gpt-4o",
        "openai:m@https://example.org/v1",
        "openai:m@http://10.0.0.1",
    ):
        with pytest.raises(ReferenceError_, match="TEACHBACK_OFFLINE is set"):
            open_teacher(reference)
    for host in ("127.0.0.1:9", "localhost:9", "[::1]:9"):
        open_teacher(f"openai:m@http://{host}/v1")
    monkeypatch.setenv("TEACHBACK_OFFLINE", "0")
    open_teacher("openai:gpt-4o")


def test_scripted_by_reference() -> None:
    assert ask(open_teacher("scripted:The answer is no."))[0].text == "The answer is no."
    assert "The answer is" in ask(open_teacher("scripted"))[0].text


# Recordings


def line(example_id: str, text: str, *, given: bool = False, teacher: str = "gpt-4o") -> str:
    row = {"id": example_id, "teacher": teacher, "given_answer": given, "text": text}
    return json.dumps(row) + "\n"


def test_sample_k_is_the_kth_distinct_line(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text(line("q1", "one") + line("q1", "one") + line("q1", "given", given=True) + "\n")
    second.write_text(line("q1", "one") + line("q1", "two"))
    teacher = open_teacher(f"recorded:{first},{second}")
    replies = ask(
        teacher,
        request(),
        request(sample=1),
        request(sample=2),
        request(kind="rp"),
        request(kind="direct"),
        request("q2"),
    )
    assert [reply.text for reply in replies] == ["one", "two", "", "given", "", ""]
    assert [reply.finish_reason for reply in replies[2:]] == ["failed", "stop", "failed", "failed"]
    assert replies[5].error == "no recorded line: q2, cote, sample 0"


def test_a_changed_recording_is_another_teacher(tmp_path: Path) -> None:
    file, copy = tmp_path / "a.jsonl", tmp_path / "copy.jsonl"
    file.write_text(line("q1", "one") + line("q2", "x", teacher="llama"))
    copy.write_bytes(file.read_bytes())
    before = RecordedTeacher([file]).model
    assert before.startswith("gpt-4o+llama@")
    assert RecordedTeacher([copy]).model == before
    file.write_text(line("q1", "One") + line("q2", "x", teacher="llama"))
    assert RecordedTeacher([file]).model != before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"id": "q1"}\n', "line 1: the field 'teacher' is missing"),
        (line("q1", "x").encode() + b"{}\n", "line 2: the field 'id' is missing"),
        (b'{"id": "q", "teacher": "t", "given_answer": "no", "text": ""}', "true or false, not te"),
        (b"nonsense\n", "line 1"),
        (b"", "there are no recorded lines"),
        (None, "there is no such file"),
    ],
)
def test_a_bad_recording_names_file_and_line(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "bad.jsonl"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_teacher(f"recorded:{file}")
    assert str(file) in str(caught.value)
    assert says in str(caught.value)


def test_real_recordings(shared_data: Path) -> None:
    folder = shared_data / "obqa" / "teacher"
    teacher = RecordedTeacher([folder / "gpt-4o.cote.jsonl", folder / "gpt-4o.rp.jsonl"])
    cote, rp, missing = ask(
        teacher,
        request("obqa-00000"),
        request("obqa-00000", "rp"),
        request("obqa-01977"),  # known to have no line
    )
    assert cote.text
    assert rp.text
    assert cote.text != rp.text
    assert missing.finish_reason == "failed"
    assert teacher.model.split("@")[0] == "gpt-4o"


# The script


def test_the_script_replies_in_order_and_remembers() -> None:
    truncated = Completion("half", finish_reason="length")
    teacher = ScriptedTeacher(["one", truncated])
    asked = [request("a"), request("b"), request("c")]
    assert [reply.text for reply in ask(teacher, *asked)] == ["one", "half", ""]
    assert teacher.asked == asked
    assert ask(teacher)[0].error == "the script is at its end"
    with pytest.raises(TeacherError, match="gone"):
        ask(ScriptedTeacher(lambda _request: TeacherError("gone")))


# What is sent


def test_a_chat_request_as_it_is_sent() -> None:
    with MockServer(lambda _asked: said("ok")) as server:
        teacher = OpenAITeacher("m", base_url=server.url, api_key=KEY)
        ask(teacher, request(sampling=Sampling(0.7, 0.9, 64, ("\n\n",))))
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Explain."},
            {"role": "user", "content": "1?"},
            {"role": "assistant", "content": "One."},
            {"role": "user", "content": "Question q1?"},
        ],
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 64,
        "stop": ["\n\n"],
    }


def test_a_text_request_as_it_is_sent() -> None:
    with MockServer(lambda _asked: choice({"text": " because"})) as server:
        teacher = OpenAITeacher("m", base_url=server.url + "/", form="text")
        prompt = Request("q", "cote", (Message("text", "A\n\n"),), (Message("text", "B"),))
        (reply,) = ask(teacher, prompt)
    (asked,) = server.asked
    assert reply.text == " because"
    assert asked.path == "/v1/completions"
    assert "authorization" not in asked.headers
    assert asked.body == {"model": "m", "prompt": "A\n\nB", "temperature": 0.0, "max_tokens": 512}


@pytest.mark.parametrize("form", ["chat", "text"])
def test_the_shared_part_is_that_of_each_request(form: Form) -> None:
    """It is rendered once: requests of many kinds, in turn, get their own."""
    role: Any = "user" if form == "chat" else "text"
    shared = [
        ((Message(role, f'"{i}" ü\n\ud83d'), Message(role, "\\")), Sampling(max_tokens=i + 1))
        for i in range(12)
    ]
    shared.append(((), Sampling(stop=("\n",))))
    asked = [
        Request(f"q{i}", "cote", prefix, (Message(role, f'\ude00 "{i}"'),), sampling)
        for i in range(2)
        for prefix, sampling in shared
    ]
    with MockServer(lambda _asked: choice({"text": "", "message": {}})) as server:
        ask(OpenAITeacher("m", base_url=server.url, form=form), *asked)
    for request_, seen in zip(asked, server.asked, strict=True):
        contents = [message.content for message in (*request_.prefix, *request_.messages)]
        if form == "chat":
            assert seen.body["messages"] == [{"role": role, "content": c} for c in contents]
        else:
            # JSON has no two halves of a pair that are not one character.
            assert seen.body["prompt"] == json.loads(json.dumps("".join(contents)))
        assert seen.body["max_tokens"] == request_.sampling.max_tokens
        assert ("stop" in seen.body) == bool(request_.sampling.stop)


# What comes back


def test_usage_and_length() -> None:
    usage = {
        "prompt_tokens": 900,
        "completion_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 896},
    }
    content = {"message": {"content": "cut o"}}
    reply = replied(choice(content, finish_reason="length", usage=usage))
    assert (reply.text, reply.finish_reason) == ("cut o", "length")
    assert (reply.tokens_in, reply.tokens_out, reply.tokens_cached) == (900, 12, 896)
    assert reply.seconds is not None
    assert reply.seconds > 0
    assert replied(choice(content, usage={"prompt_tokens": "many"})).tokens_in is None


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (said(None, refusal="I must not."), "I must not."),
        (choice({"message": {"content": "Bu"}}, finish_reason="content_filter"), "Bu"),
        (refused(400, "filtered", code="content_filter"), ""),
    ],
)
def test_refusals_are_refused(reply: Reply, text: str) -> None:
    completion = replied(reply)
    assert (completion.text, completion.finish_reason, completion.error) == (text, "refused", None)


def test_an_empty_message_is_an_empty_completion() -> None:
    for content in ("", None):
        assert replied(said(content)).finish_reason == "stop"
        assert replied(said(content)).text == ""


def test_thinking_is_kept_apart() -> None:
    for name in ("reasoning_content", "reasoning"):
        completion = replied(said("Yes.", **{name: "Hm."}))
        assert (completion.text, completion.thinking) == ("Yes.", "Hm.")
    assert split_thinking("Hm.</think>Yes.") == ("Yes.", "Hm.")
    assert split_thinking("<think>Hm, and then it was cut") == ("", "Hm, and then it was cut")
    assert split_thinking("I think so.") == ("I think so.", None)


def test_content_in_parts_and_half_a_surrogate_pair() -> None:
    assert replied(said([{"type": "text", "text": "A"}, {"text": "B"}])).text == "AB"  # type: ignore[arg-type]
    body = b'{"choices": [{"message": {"content": "half \\ud83d"}}]}'
    assert replied(Reply(body=body)).text == "half \ud83d"


def test_retry_after_forms() -> None:
    now = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
    assert retry_after({"retry-after": "7"}, now) == 7
    assert retry_after({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, now) == 30
    assert retry_after({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, now) == 0
    assert retry_after({"retry-after-ms": "250", "retry-after": "1"}, now) == 0.25
    for nonsense in ("soon", "inf", "nan"):
        assert retry_after({"retry-after": nonsense}, now) is None
    assert retry_after({}, now) is None


# Keys


def test_the_key_comes_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment-000000")
    with MockServer(lambda _asked: said("ok")) as server:
        reference = f"openai:m@{server.url}"
        ask(open_teacher(reference, api_key_file=file))
        ask(open_teacher(reference))
        monkeypatch.delenv("OPENAI_API_KEY")
        monkeypatch.setenv("OPENAI_API_KEY_FILE", str(file))
        ask(open_teacher(reference))
    sent = [asked.headers["authorization"].removeprefix("Bearer ") for asked in server.asked]
    assert sent == [KEY, "sk-of-the-environment-000000", KEY]
    with pytest.raises(ReferenceError_, match=r"nowhere cannot be read: No such file"):
        open_teacher("openai:m", api_key_file=tmp_path / "nowhere")


def test_a_key_that_no_header_can_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ünsinn\nx")
    with pytest.raises(ReferenceError_, match="characters that no key has") as caught:
        open_teacher("openai:m")
    assert "sinn" not in str(caught.value)


def test_the_key_appears_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    def echo(asked: Asked) -> Reply:
        key = asked.headers["authorization"]
        return [
            refused(400, f"bad request with {key}"),
            refused(500, f"trouble with {key}"),
            said(f"your key is {key}"),
            refused(401, f"wrong key {key}"),
        ][asked.number]

    with caplog.at_level(logging.DEBUG), MockServer(echo) as server:
        teacher = OpenAITeacher("m", base_url=server.url, api_key=KEY, first_wait=0.001)
        failed, text = ask(teacher, request(), request())
        with pytest.raises(TeacherError) as caught:
            ask(teacher)
    assert failed.error == "HTTP 400: bad request with Bearer [key]"
    assert text.text == "your key is Bearer [key]"
    assert "wrong key Bearer [key]" in str(caught.value)
    seen = [str(caught.value), repr(caught.value), repr(vars(teacher)["_line"]), caplog.text]
    assert not any(KEY in each for each in seen)


def test_a_password_in_the_address_is_not_shown() -> None:
    with MockServer(lambda _asked: refused(404, "no such model")) as server:
        address = server.url.replace("//", "//me:secret-word@")
        with pytest.raises(TeacherError, match="no such model") as caught:
            ask(OpenAITeacher("m", base_url=address))
        assert "secret-word" not in str(caught.value)
        # A reference would be written into config.toml.
        with pytest.raises(ReferenceError_, match="addresses are written to files") as refusal:
            open_teacher(f"openai:m@{address}")
    assert "secret-word" not in str(refusal.value)
