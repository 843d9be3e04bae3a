"""What holds for a served request whatever it asks: one deadline, one log, one set of hosts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from teachback.config import SelectionConfig, TeacherConfig
from teachback.explaining.session import TeacherSetup
from teachback.records import Answer, Completion, Request
from teachback.serving.app import Limits, Serving
from teachback.serving.engine import Continuation, Question, StudentEngine
from teachback.serving.fall_back import FallBack
from teachback.students.causal import CausalStudent
from teachback.students.continuing import TorchContinuation
from teachback.students.load import load
from teachback.system.loopback import own_hosts
from teachback.teachers import Teacher
from tiny import tiny_causal

PAUSE = 0.3
SECONDS = 0.5
ANSWERED = {"question": "What?", "choices": ["a", "b"]}
CHOICE = {"type": "choice", "instructions": "Which?", "criteria": {"calm": None, "angry": None}}


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> CausalStudent:
    found = load(tiny_causal(tmp_path_factory.mktemp("requests") / "student"), precision="fp32")
    assert isinstance(found, CausalStudent)
    return found.with_card(
        objective="mt-cot", kind="multiple-choice", max_new_tokens=12, threshold=1.1
    )


class Slow(StudentEngine):
    """It takes `PAUSE` seconds longer for every batch."""

    def answer_directly(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer]]:
        time.sleep(PAUSE)
        return super().answer_directly(questions)

    def explain(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer]]:
        time.sleep(PAUSE)
        return super().explain(questions)

    def continue_texts(self, jobs: Sequence[Continuation]) -> Iterator[tuple[int, int]]:
        time.sleep(PAUSE)
        return super().continue_texts(jobs)


class SlowTeacher(Teacher):
    """It replies after a second."""

    model = "slow"
    free = True

    async def complete(self, request: Request) -> Completion:
        await asyncio.sleep(1)
        return Completion("The answer is (A).")


def asked(serving: Serving, scenario: Callable[[Any], Awaitable[Any]], port: int = 0) -> Any:
    """What ``scenario`` makes of a client of ``serving``; ``port``: where it is to be found."""

    async def run() -> Any:
        hosts = own_hosts(port) if port else None
        async with TestClient(TestServer(serving.application(hosts))) as client:
            found = await scenario(client)
        await serving.close()
        return found

    return asyncio.run(run())


def engine(student: CausalStudent, kind: type[StudentEngine] = StudentEngine) -> StudentEngine:
    return kind(student, TorchContinuation(student.with_shared_weights()))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/systemone", {"state": "A note.", "questions": dict.fromkeys("abcdef", CHOICE)}),
        ("/v1/answer", {**ANSWERED, "way": "adaptive"}),
        ("/v1/completions", {"prompt": ["a"] * 8, "max_tokens": 1}),
    ],
)
def test_a_request_of_many_parts_has_one_deadline(
    student: CausalStudent, path: str, body: dict[str, Any]
) -> None:
    async def scenario(client: Any) -> tuple[int, dict[str, Any], float]:
        started = time.monotonic()
        reply = await client.post(path, json=body)
        return reply.status, await reply.json(), time.monotonic() - started

    serving = Serving(engine(student, Slow), "student", limits=Limits(seconds=SECONDS))
    status, said, seconds = asked(serving, scenario)
    assert status == 504
    assert said["error"]["message"] == "no answer within 0.5 s"
    assert SECONDS <= seconds < 2 * PAUSE + SECONDS


def test_the_teacher_has_what_the_student_left_of_the_time(
    student: CausalStudent, tmp_path: Path
) -> None:
    setup = TeacherSetup.from_config(
        TeacherConfig(), SelectionConfig(), "multiple-choice", opened=SlowTeacher()
    )

    async def scenario(client: Any) -> tuple[dict[str, Any], float]:
        started = time.monotonic()
        reply = await client.post("/v1/answer", json=ANSWERED)
        return await reply.json(), time.monotonic() - started

    serving = Serving(
        engine(student, Slow),
        "student",
        limits=Limits(seconds=SECONDS),
        fall_back=FallBack(setup, tmp_path / "fall-back.sqlite", 1.0),
    )
    found, seconds = asked(serving, scenario)
    assert found["answered_by"] == "student"
    assert "no answer within 0.5 s" in found["note"]
    assert SECONDS <= seconds < PAUSE + SECONDS


def test_a_body_that_does_not_come_ends_at_the_deadline(student: CausalStudent) -> None:
    async def scenario(client: Any) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(
            b"POST /v1/answer HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 50\r\n\r\n{"
        )
        line = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        return line

    serving = Serving(engine(student), "student", limits=Limits(seconds=SECONDS))
    assert asked(serving, scenario).startswith(b"HTTP/1.1 504")


def test_every_question_is_printed(student: CausalStudent) -> None:
    printed: list[str] = []
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who asks größer?"},
    ]

    async def scenario(client: Any) -> None:
        for path, body in (
            ("/v1/answer", {**ANSWERED, "context": "A note."}),
            ("/v1/systemone", {"state": {"a": 1}, "questions": {"q": CHOICE, "r": CHOICE}}),
            ("/v1/chat/completions", {"messages": messages, "max_tokens": 1}),
            ("/v1/completions", {"prompt": ["Water", "Wine"], "max_tokens": 1}),
            ("/v1/completions", {"prompt": [70, 71], "max_tokens": 1, "stream": True}),
        ):
            assert (await client.post(path, json=body)).status == 200

    asked(Serving(engine(student), "student", log=printed.append), scenario)
    choice = {"question": "Which?", "choices": ["calm", "angry"], "context": '{"a": 1}'}
    assert [json.loads(line) for line in printed] == [
        {**ANSWERED, "context": "A note."},
        choice,
        choice,
        {"question": "Be brief.\n\nWho asks größer?"},
        {"prompt": ["Water", "Wine"]},
        {"prompt": [70, 71]},
    ]
    assert "größer" in printed[3]


@pytest.mark.parametrize(
    ("port", "host", "status"),
    [
        (80, "localhost", 200),
        (80, "127.0.0.1", 200),
        (80, "localhost:80", 200),
        (80, "elsewhere", 403),
        (8000, "localhost:8000", 200),
        (8000, "localhost", 403),
        (8000, "localhost:80", 403),
    ],
)
def test_clients_leave_the_port_out_where_it_is_http_s_own(
    student: CausalStudent, port: int, host: str, status: int
) -> None:
    async def scenario(client: Any) -> int:
        own = {"Host": host, "Origin": f"http://{host}"}
        return int((await client.get("/health", headers=own)).status)

    assert asked(Serving(engine(student), "student"), scenario, port) == status


def test_a_state_is_read_as_it_is_written(student: CausalStudent) -> None:
    state = {"größe": "zwölf", "名": ["é"]}

    async def scenario(client: Any) -> list[Any]:
        found = []
        for said in (state, json.dumps(state, ensure_ascii=False)):
            body = {"state": said, "questions": {"q": CHOICE}}
            found.append(await (await client.post("/v1/systemone", json=body)).json())
        return found

    first, second = asked(Serving(engine(student), "student"), scenario)
    assert "answers" in first
    assert first == second


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ({"": None, "b": None}, "questions.q.criteria: an option has no name"),
        ({" ": "calm", "b": None}, "questions.q.criteria: an option has no name"),
        ({"a: b": None, "a": "b", "c": None}, "questions.q: choices: two of them are the same"),
        ({"a": None, "a ": None}, "questions.q: choices: two of them are the same"),
        ({"a": None}, "questions.q.criteria: give 2 to 26 options"),
        ({"a": "word " * 500, "b": None}, "questions.q: the question has"),
    ],
)
def test_options_are_told_apart(
    student: CausalStudent, criteria: dict[str, str | None], said: str
) -> None:
    async def scenario(client: Any) -> tuple[int, Any]:
        body = {"state": "A note.", "questions": {"q": {**CHOICE, "criteria": criteria}}}
        reply = await client.post("/v1/systemone", json=body)
        return reply.status, await reply.json()

    status, reply = asked(Serving(engine(student), "student"), scenario)
    assert status in (413, 422)
    assert said in reply["error"]["message"]
