"""A student behind HTTP: real requests on loopback to a student with random weights."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib import error, request

import openai
import pytest
from aiohttp.test_utils import TestClient, TestServer

from teachback.config import EvaluateConfig, SelectionConfig, TeacherConfig
from teachback.errors import DataError, TeacherError
from teachback.evaluation.ways import in_way
from teachback.explaining.session import TeacherSetup
from teachback.records import Completion, Example, Prediction, Request
from teachback.serving.app import Serving
from teachback.serving.deadline import Deadline
from teachback.serving.engine import StudentEngine
from teachback.serving.fall_back import FallBack, find_threshold, lower_bound
from teachback.serving.lanes import Lane
from teachback.serving.requests import Refusal
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.systems import predict
from teachback.teachers import Teacher
from tests.raw_server import RawServer, Turn
from tests.tiny import tiny_causal

CHOICES = ("a plant", "an animal", "a stone", "the sea")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's folder; it answers multiple choice, and explains before it concludes."""
    place = tiny_causal(tmp_path_factory.mktemp("served") / "student")
    model = load(place)
    model.with_card(objective="mt-cot", kind="multiple-choice", max_new_tokens=12, way="explained")
    model.card.save(place)
    return place


@pytest.fixture(scope="module")
def student(folder: Path) -> StudentModel:
    return load(folder)


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with running(folder) as (address, _):
        yield address


class running:
    """``teachback serve`` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._command = [
            sys.executable,
            "-m",
            "teachback",
            "serve",
            str(folder),
            "--port",
            "0",
            *arguments,
        ]

    def __enter__(self) -> tuple[str, subprocess.Popen[str]]:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        while "serving" not in (line := self._process.stdout.readline()):
            assert line, self._process.stderr.read()
        return line.split(" on ")[1].split()[0], self._process

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=60)


def ask(address: str, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **headers}
    try:
        with request.urlopen(request.Request(address + path, data, sent), timeout=60) as reply:
            return reply.status, json.load(reply)
    except error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def questions(count: int) -> list[Example]:
    """Questions whose choices of one length differ, so that random weights choose now this one,
    now that one."""
    draw = random.Random(3)
    made = []
    for n in range(count):
        choices = tuple("".join(draw.sample("abcdefghijklmnop", 5)) for _ in range(4))
        question = f"What is number {n * n}?"
        made.append(Example(f"q{n}", question, choices[n % 4], "multiple-choice", choices))
    return made


def test_served_answers_are_those_of_evaluate_in_all_ways(
    address: str, student: StudentModel
) -> None:
    examples = questions(100)
    predictions, _ = predict(student, examples, EvaluateConfig(explain=True))
    served = {}
    for way in ("direct", "explained", "chosen"):
        expected = [p.answer for p in in_way(predictions, way, chosen=student.card.way)]
        served[way] = []
        bodies = [
            {"question": each.question, "choices": each.choices, "way": way, "explain": True}
            for each in examples
        ]
        with ThreadPoolExecutor(20) as clients:  # so batches, of whatever size
            replies = clients.map(lambda body: ask(address, "v1/answer", body), bodies)
        for (status, reply), prediction in zip(replies, predictions, strict=True):
            assert status == 200
            served[way].append(reply["answer"])
            assert reply["explanation"] == prediction.explanation
            assert reply["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-4)
        assert served[way] == expected
    assert len(set(served["direct"])) == 100
    places = {e.choices.index(a) for e, a in zip(examples, served["direct"], strict=True)}
    assert len(places) > 1


def test_the_official_client_works_unchanged(address: str, student: StudentModel) -> None:
    client = openai.OpenAI(base_url=address + "v1", api_key="none", max_retries=0)
    model = client.models.list().data[0].id
    messages: Any = [{"role": "user", "content": "What is it?\n(A) a\n(B) b"}]
    whole = client.chat.completions.create(
        model=model, messages=messages, max_tokens=6, logprobs=True, top_logprobs=1
    )
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 6
    assert whole.choices[0].finish_reason == "length"
    assert whole.choices[0].logprobs is not None
    assert len(whole.choices[0].logprobs.content or []) == 6
    text = student.generate(["What is it?\n(A) a\n(B) b"], "explanation", 6)[0].text
    assert whole.choices[0].message.content == text
    stream = client.chat.completions.create(
        model=model,
        messages=messages,
        max_tokens=6,
        stream=True,
        stream_options={"include_usage": True},
    )
    parts = list(stream)
    said = "".join(p.choices[0].delta.content or "" for p in parts if p.choices)
    assert said == text
    assert parts[-1].usage is not None
    assert parts[-1].usage.completion_tokens == 6
    plain = client.completions.create(model=model, prompt="Water", max_tokens=8).choices[0].text
    stop = plain[3]
    cut = client.completions.create(model=model, prompt="Water", max_tokens=8, stop=stop)
    assert cut.choices[0].text == plain[: plain.index(stop)]
    assert cut.choices[0].finish_reason == "stop"
    with pytest.raises(openai.UnprocessableEntityError):
        client.completions.create(model=model, prompt="Water", n=2)


def test_echoed_log_probabilities_are_those_of_the_scores(
    address: str, student: StudentModel
) -> None:
    source, target = "What is it?", "a stone"
    before = (*student.source_ids(source, "answer"), *student.marker_ids("answer"))
    own = student.text_ids(target)
    _, reply = ask(
        address,
        "v1/completions",
        {"prompt": [*before, *own], "max_tokens": 1, "echo": True, "logprobs": 1},
    )
    logprobs = reply["choices"][0]["logprobs"]
    shares = logprobs["token_logprobs"]
    assert shares[0] is None
    assert len(shares) == len(before) + len(own) + 1
    _, ended = ask(
        address,
        "v1/completions",
        {"prompt": [*before, *own, student.end_id], "max_tokens": 0, "echo": True, "logprobs": 1},
    )
    end = ended["choices"][0]["logprobs"]["token_logprobs"][-1]
    score, _ = student.log_probabilities([source], [[target]])[0][0]
    assert sum(shares[len(before) : -1]) + end == pytest.approx(score, abs=1e-3)


def test_typed_questions_about_a_state_are_decided(address: str, student: StudentModel) -> None:
    criteria = {"calm": "a polite message", "angry": None}
    body: dict[str, Any] = {
        "model": "student",
        "state": "A note.",
        "questions": {"tone": {"type": "choice", "instructions": "Which?", "criteria": criteria}},
    }
    status, reply = ask(address, "v1/systemone", body)
    assert status == 200
    texts = ("calm: a polite message", "angry")
    example = Example("t", "Which?", texts[0], "multiple-choice", texts, "A note.")
    shares = predict(student, [example], EvaluateConfig())[0][0].probabilities or {}
    said = reply["answers"]["tone"]
    assert list(said["probabilities"].values()) == pytest.approx(list(shares.values()), abs=1e-4)
    assert said["confidence"] == pytest.approx(2 * max(shares.values()) - 1, abs=1e-3)
    assert said["choice"] == max(said["probabilities"], key=said["probabilities"].get)
    body["questions"]["tone"]["criteria"] = {"calm": None}
    assert ask(address, "v1/systemone", body)[0] == 422


def test_refusals_have_their_status(address: str) -> None:
    good: dict[str, Any] = {"question": "What?", "choices": ["a", "b"]}
    assert ask(address, "v1/answer", good)[0] == 200
    assert ask(address, "v1/answer", good, Host="elsewhere:1")[0] == 403
    assert ask(address, "v1/answer", good, Origin="http://elsewhere")[0] == 403
    assert ask(address, "v1/answer", good, **{"Content-Type": "text/plain"})[0] == 415
    assert ask(address, "v1/answer", {**good, "question": "word " * 400})[0] == 413
    assert ask(address, "v1/answer", b"[" * 300_000)[0] == 413
    assert ask(address, "v1/answer", {**good, "choices": []})[0] == 422
    assert ask(address, "v1/answer", {**good, "choices": ["a", "a"]})[0] == 422
    assert ask(address, "v1/other", good)[0] == 404
    assert ask(address, "health", good)[0] == 405


def _malformed(draw: random.Random) -> bytes:
    bad: list[Any] = [
        None,
        3,
        -1.5,
        True,
        [],
        {},
        "",
        " \t",
        "\0",
        [1],
        ["a"],
        {"a": 1},
        "x" * 9000,
    ]
    body: Any = {"question": "What?", "choices": ["a", "b"]}
    kind = draw.randrange(8)
    if kind == 0:
        body["question"] = draw.choice([one for one in bad if one != "\0"])
    elif kind == 1:
        body["choices"] = draw.choice([*bad, ["a"] * 1000, ["a", None], ["a", ""]])
    elif kind == 2:
        body[f"unknown{draw.random()}"] = 1
    elif kind == 3:
        body["question"] = "half \ud83d"
    elif kind == 4:
        return b"[" * draw.randrange(1, 100_000)
    elif kind == 5:
        return draw.randbytes(draw.randrange(200))
    elif kind == 6:
        options: list[Any] = [{"": None, "b": None}, {"a: b": None, "a": "b"}, {" ": "a", "b": ""}]
        criteria = draw.choice([*bad, *options, {"a": None, "a ": None}, {"a": 1, "b": 2}])
        question = {"type": "choice", "instructions": "Which?", "criteria": criteria}
        body = {"state": draw.choice(["", {}, "A note."]), "questions": {"q": question}}
    else:
        body = draw.choice(bad)
    return json.dumps(body).encode()


def test_a_thousand_malformed_requests_are_refused_and_the_server_lives_on(address: str) -> None:
    draw = random.Random(7)
    paths = ["v1/answer", "v1/chat/completions", "v1/completions", "v1/systemone"]
    for number in range(1000):
        status, reply = ask(address, paths[number % 4], _malformed(draw))
        assert 400 <= status < 500, reply
        assert "Traceback" not in reply["error"]["message"]
    assert ask(address, "v1/answer", bytes(10 * 1024 * 1024))[0] == 413
    assert ask(address, "v1/answer", {"question": "What?", "choices": ["a", "b"]})[0] == 200


def test_slow_and_leaving_clients_do_no_harm(address: str) -> None:
    host, port = address.split("//")[1].rstrip("/").split(":")
    lines = f"POST /v1/answer HTTP/1.1\r\nHost: {host}:{port}\r\n"
    slow = [socket.create_connection((host, int(port))) for _ in range(20)]
    for one in slow:
        one.sendall(
            f"{lines}Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{{".encode()
        )
    body = json.dumps({"question": "What?", "choices": ["a", "b"], "explain": True})
    for _ in range(20):
        with socket.create_connection((host, int(port))) as leaving:
            leaving.sendall(
                f"{lines}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                f"{body}".encode()
            )
    assert ask(address, "v1/answer", json.loads(body))[0] == 200
    for one in slow:
        one.close()


def test_what_is_told_about_the_server(address: str) -> None:
    def read(path: str) -> str:
        with request.urlopen(address + path, timeout=60) as reply:
            return str(reply.read().decode())

    ask(address, "v1/answer", {"question": "What?", "choices": ["a", "b"], "way": "direct"})
    assert json.loads(read("health")) == {"status": "ok"}
    assert 'teachback_answers_total{by="student",way="direct"}' in read("metrics")
    described = json.loads(read("openapi.json"))
    body = described["paths"]["/v1/answer"]["post"]["requestBody"]["content"]["application/json"]
    name = body["schema"]["$ref"].rpartition("/")[2]
    assert described["components"]["schemas"][name]["required"] == ["question"]
    assert "http" not in read("").replace("http-equiv", "")


def test_sigterm_under_load_loses_no_accepted_answer(folder: Path) -> None:
    with running(folder) as (address, process):
        found: list[int | str] = []

        def one(number: int) -> None:
            body = {"question": f"What is {number}?", "choices": CHOICES, "explain": True}
            try:
                found.append(ask(address, "v1/answer", body)[0])
            except (error.URLError, ConnectionError) as lost:
                found.append(str(lost))

        threads = [threading.Thread(target=one, args=(n,)) for n in range(24)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with request.urlopen(address + "metrics", timeout=30) as reply:
                text = reply.read().decode()
            waiting = [x for x in text.splitlines() if x.startswith('teachback_queue{lane="expl')]
            if found or float(waiting[0].split()[1]) > 8:
                break
        time.sleep(0.3)  # all of them are accepted
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert process.wait(timeout=60) == 0
        assert found == [200] * 24


def test_a_second_signal_ends_what_the_first_one_waits_for(folder: Path, tmp_path: Path) -> None:
    async def hang(turn: Turn) -> bool:
        await turn.write(60.0)
        return False

    body = {"question": "What?", "choices": CHOICES, "way": "direct"}
    found: list[tuple[int, dict[str, Any]]] = []
    with RawServer(hang) as teacher:
        arguments = ["--fall-back-to", f"openai:large@{teacher.url}", "--below", "1"]
        store = str(tmp_path / "fall-back.sqlite")
        with running(folder, *arguments, "--store", store, "--timeout", "4") as (address, process):
            asking = threading.Thread(target=lambda: found.append(ask(address, "v1/answer", body)))
            asking.start()
            deadline = time.monotonic() + 30
            while not teacher.requests and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.stdout is not None
            while "stopping" not in process.stdout.readline():
                pass
            # It still listens, and says so.
            with request.urlopen(address + "health", timeout=30) as reply:
                assert json.load(reply) == {"status": "stopping"}
            assert ask(address, "v1/answer", body)[0] == 503
            asking.join()
            assert found[0][0] == 200
            assert "no answer within 4 s" in found[0][1]["note"]
            time.sleep(0.5)
            assert process.poll() is None  # the teacher is still asked
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == -signal.SIGTERM


def test_a_key_guards_everything_but_health(folder: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("0123456789abcdef0123\n")
    body = {"question": "What?", "choices": ["a", "b"]}
    with running(folder, "--api-key-file", str(key)) as (address, _):
        assert ask(address, "v1/answer", body)[0] == 401
        assert ask(address, "v1/answer", body, Authorization="Bearer 0123")[0] == 401
        with_key = {"Authorization": "Bearer 0123456789abcdef0123"}
        assert ask(address, "v1/answer", body, **with_key)[0] == 200
        for path in ("metrics", "v1/models", "openapi.json"):
            with pytest.raises(error.HTTPError) as refused:
                request.urlopen(address + path, timeout=30)
            refused.value.close()
            assert refused.value.code == 401
        with request.urlopen(address + "health", timeout=30) as health:
            assert health.status == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "--api-key-file"),
        (["--below", "0.5"], "--fall-back-to"),
        (["--labelled", "rows.jsonl"], "--fall-back-to"),
        (["--store", "kept.sqlite"], "--fall-back-to"),
        (["--max-cost", "0"], "--fall-back-to"),
        (
            ["--fall-back-to", "scripted", "--below", "0.5", "--labelled", "rows.jsonl"],
            "--target-accuracy",
        ),
        (["--fall-back-to", "scripted"], "--below"),
        (["--fall-back-to", "scripted", "--target-accuracy", "0.9"], "--labelled"),
    ],
)
def test_bad_options_are_one_line(folder: Path, arguments: list[str], said: str) -> None:
    command = [sys.executable, "-m", "teachback", "serve", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_full_queue_is_refused_with_the_time_to_wait() -> None:
    async def scenario() -> list[Any]:
        release = threading.Event()

        def work(jobs: Any) -> list[tuple[int, int | Exception]]:
            release.wait(10)
            return [(place, int(job)) for place, job in enumerate(jobs)]

        lane: Lane[int, int] = Lane("test", work, at_once=1, most_waiting=2)
        soon = Deadline.after(30)
        tasks = [asyncio.create_task(lane.ask(0, soon))]
        await asyncio.sleep(0.05)
        tasks += [asyncio.create_task(lane.ask(n, soon)) for n in range(1, 4)]
        await asyncio.sleep(0.05)
        tasks[1].cancel()  # a client that leaves makes room, and is not computed
        release.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await lane.close()
        return found

    first, left, second, refused = asyncio.run(scenario())
    assert (first, second) == (0, 2)
    assert isinstance(left, asyncio.CancelledError)
    assert isinstance(refused, Refusal)
    assert refused.status == 429
    assert (refused.retry_after or 0) >= 1


def test_nobody_waits_for_the_others_of_a_batch() -> None:
    async def scenario() -> list[Any]:
        begin, release = threading.Event(), threading.Event()

        def work(jobs: Any) -> Iterator[tuple[int, int | Exception]]:
            begin.wait(10)
            yield 1, 10 * jobs[1]
            if len(jobs) == 3:
                release.wait(10)
                raise ValueError("a bug")

        lane: Lane[int, int] = Lane("test", work, at_once=3, most_waiting=9)
        soon = Deadline.after(30)
        tasks = [asyncio.create_task(lane.ask(n, soon)) for n in range(1, 6)]
        await asyncio.sleep(0.05)
        begin.set()
        first = await tasks[1]
        assert not any(task.done() for task in tasks if task is not tasks[1])
        release.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await lane.close()
        return [first, *found]

    first, *found = asyncio.run(scenario())
    assert first == found[1] == 20
    assert found[4] == 50  # the lane goes on
    assert [str(found[place]) for place in (0, 2)] == ["a bug", "a bug"]
    assert str(found[3]) == "a job of a batch got no result"


def rated(sure: list[tuple[float, bool]]) -> tuple[list[Prediction], list[bool]]:
    """Predictions of two choices with these probabilities, and which of them are right."""
    predictions = [
        Prediction(
            id=str(n),
            gold="a",
            answer="a" if right else "b",
            correct=right,
            unparsed=False,
            probabilities={"a" if right else "b": share, "c": 1 - share},
        )
        for n, (share, right) in enumerate(sure)
    ]
    return predictions, [right for _, right in sure]


def test_the_threshold_keeps_what_is_right_by_its_lower_bound() -> None:
    # Clopper and Pearson: all of n right has the lower bound error ** (1 / n).
    assert lower_bound(100, 100) == pytest.approx(0.05 ** (1 / 100))
    assert lower_bound(0, 10) == 0.0
    sure = [(0.9, True)] * 150 + [(0.6, n % 2 == 0) for n in range(150)]
    found = find_threshold(*rated(sure), 0.95)
    assert found.below == pytest.approx(0.9)
    assert found.share == pytest.approx(0.5)
    assert found.lower == pytest.approx((0.05 / 20) ** (1 / 150))
    assert find_threshold(*rated([(0.9, True)] * 300), 0.95).below == 0.0
    with pytest.raises(DataError, match="100 labelled questions"):
        find_threshold(*rated(sure[:99]), 0.5)
    with pytest.raises(DataError, match="no threshold"):
        find_threshold(*rated([(0.9, False)] * 300), 0.95)


class _Teacher(Teacher):
    """A teacher that always gives the same reply, or fails."""

    model = "fixed"
    free = True

    def __init__(self, reply: str | None) -> None:
        self._reply = reply

    async def complete(self, request: Request) -> Completion:
        if self._reply is None:
            raise TeacherError("the server is gone")
        return Completion(self._reply)


def test_the_teacher_behind_a_student_is_read_in_the_language_of_the_question(
    tmp_path: Path,
) -> None:
    setup = TeacherSetup.from_config(
        TeacherConfig(), SelectionConfig(), "number", opened=_Teacher("Die Antwort ist zwölf.")
    )
    behind = FallBack(setup, tmp_path / "fall-back.sqlite", 1.0)
    german = Example("g", "Wie viele Eier sind es, und wie viele in der Kiste?", "12", "number")
    english = Example("e", "How many eggs are in the crate?", "12", "number")
    (_, first), (_, second) = behind.ask([german, english])
    assert first == "12"
    assert isinstance(second, DataError)


@pytest.mark.parametrize(
    ("reply", "below", "by", "noted"),
    [
        ("The answer is (B) an animal.", 1.0, "teacher", False),
        ("The answer is (B) an animal.", 0.0, "student", False),
        (None, 1.0, "student", True),
    ],
)
def test_unsure_answers_go_to_the_teacher(
    student: StudentModel, tmp_path: Path, reply: str | None, below: float, by: str, noted: bool
) -> None:
    setup = TeacherSetup.from_config(
        TeacherConfig(), SelectionConfig(), "multiple-choice", opened=_Teacher(reply)
    )
    behind = FallBack(setup, tmp_path / "fall-back.sqlite", below)

    async def scenario() -> dict[str, Any]:
        serving = Serving(StudentEngine(student, None), "student", fall_back=behind)
        async with TestClient(TestServer(serving.application(None))) as client:
            body = {"question": "What?", "choices": CHOICES, "way": "direct"}
            found: dict[str, Any] = await (await client.post("/v1/answer", json=body)).json()
        await serving.close()
        return found

    found = asyncio.run(scenario())
    assert found["answered_by"] == by
    assert found["answer"] == ("an animal" if by == "teacher" else found["direct_answer"])
    assert (found["note"] is not None) == noted
