"""The openai teacher against a real server with faults, and a run killed at random."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kill_rounds import CONCURRENCY, kill_rounds
from mock_server import HANG, RESET, Asked, Behaviour, MockServer, Reply, refused, said
from teachback.errors import TeacherError
from teachback.explaining.asking import Asking, GenerationSummary
from teachback.records import Example
from teachback.store import CompletionStore
from teachback.teachers.openai import OpenAITeacher
from teachback.teachers.pressure import Pressure
from teachback.teachers.prompts import Prompts

OK = said("It does.\nThe answer is yes.")
KILL_ROUNDS = int(os.environ.get("TEACHBACK_KILL_ROUNDS", "10"))


def examples(number: int) -> list[Example]:
    return [Example(f"q{i}", f"Does {i} follow {i - 1}?", "yes", "yes-no") for i in range(number)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CompletionStore]:
    with CompletionStore(tmp_path / "completions.sqlite") as opened:
        yield opened


def run(
    store: CompletionStore, server: MockServer | str, number: int = 20, **options: Any
) -> GenerationSummary:
    url = server if isinstance(server, str) else server.url
    options = {"concurrency": 8, "first_wait": 0.002, "longest_wait": 0.05, **options}
    return Asking(
        teacher=OpenAITeacher("m", base_url=url, **options),
        prompts=Prompts(),
        strategy="cote",
        store=store,
    ).run(examples(number))


def every(nth: int, fault: Reply | str) -> Behaviour:
    """Each nth request meets the fault."""
    return lambda asked: fault if asked.number % nth == nth - 1 else OK


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refused(429, "slow down"), id="429"),
        pytest.param(refused(429, "slow down", retry_after="0"), id="429-retry-after-0"),
        pytest.param(refused(408, "too slow"), id="408"),
        pytest.param(refused(500, "oops"), id="500"),
        pytest.param(Reply(502, b"<html>Bad gateway", content_type="text/html"), id="502-html"),
        pytest.param(RESET, id="reset"),
        pytest.param(HANG, id="hang"),
        pytest.param(Reply(body=OK.body, cut=True), id="half-body"),
        pytest.param(Reply(body=OK.body[:40]), id="invalid-json"),
        pytest.param(Reply(body=b"\xff\xfe\x00"), id="not-utf-8"),
        pytest.param(Reply(body=b"[" * 200_000), id="deep-json"),
        pytest.param(Reply(body=b'{"choices": []}'), id="no-choices"),
        pytest.param(Reply(body=b'{"choices": [{"index": 0}]}'), id="no-message"),
        pytest.param(Reply(body=b'{"error": {"message": "upstream"}}'), id="error-as-200"),
        pytest.param(Reply(body=b"<html>Log in", content_type="text/html"), id="content-type"),
        pytest.param(Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"}), id="encoding"),
    ],
)
def test_passing_faults_cost_retries_and_nothing_else(
    store: CompletionStore, fault: Reply | str
) -> None:
    with MockServer(every(7, fault)) as server:
        summary = run(store, server, timeout=0.3)
    assert (summary.stored, summary.failed) == (20, 0)
    assert len(store) == 20
    assert len(server.asked) > 20


def test_an_empty_message_is_stored_as_it_is(store: CompletionStore) -> None:
    with MockServer(every(4, said(""))) as server:
        assert run(store, server).stored == 20
    assert sum(row.completion.text == "" for row in store) == 5
    assert len(server.asked) == 20


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Reply(body=b"<p>Hello", content_type="text/html"), "the body is not JSON (text/html)"),
        (Reply(body=b'{"choices": []}'), 'the reply has no choices: {"choices": []}'),
    ],
)
def test_a_bad_body_is_paid_for_three_times_at_most(
    store: CompletionStore, fault: Reply, error: str
) -> None:
    with MockServer(lambda asked: fault if "Does 3 " in asked.prompt else OK) as server:
        summary = run(store, server)
    assert (summary.stored, summary.failed) == (19, 1)
    assert Counter(asked.prompt for asked in server.asked)["Does 3 follow 2?"] == 3
    (failure,) = store.failures()
    assert failure.error.startswith(f"no reply in 3 attempts; last: {error}")
    with MockServer(lambda _asked: OK) as server:
        assert run(store, server).stored == 1
    assert list(store.failures()) == []


def test_a_refused_request_fails_at_once(store: CompletionStore) -> None:
    long = refused(400, "maximum context length exceeded\n" * 20)
    with MockServer(lambda asked: long if "Does 3 " in asked.prompt else OK) as server:
        summary = run(store, server)
    assert (summary.stored, summary.failed) == (19, 1)
    assert len(server.asked) == 20
    (failure,) = store.failures()
    assert failure.error.startswith("HTTP 400: maximum context length exceeded maximum")
    assert len(failure.error) < 220


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (refused(401, "Incorrect API key provided"), "HTTP 401: Incorrect API key provided"),
        (refused(403, "no access"), "HTTP 403: no access"),
        (refused(404, "The model `m` does not exist"), "HTTP 404: The model `m` does not exist"),
        (refused(429, "no quota", code="insufficient_quota"), "HTTP 429: no quota"),
        (refused(429, "come tomorrow", retry_after="86400"), "asks us to wait 86400 seconds"),
        (Reply(301, headers={"Location": "https://else/v1"}), "redirects to https://else/v1"),
    ],
)
def test_hopeless_answers_stop_the_run(store: CompletionStore, fault: Reply, says: str) -> None:
    with MockServer(lambda asked: OK if asked.number < 5 else fault) as server:
        with pytest.raises(TeacherError) as caught:
            run(store, server, number=500)
        assert f"teacher m at {server.url}: " in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert f"{len(store)} replies are stored" in str(caught.value)
    assert len(server.asked) < 20


def test_retry_after_holds_for_everyone(store: CompletionStore) -> None:
    fault = refused(429, "wait", retry_after="1")
    with MockServer(lambda asked: fault if asked.number == 10 else OK) as server:
        assert run(store, server, number=60).stored == 60
    times = [asked.at for asked in server.asked]
    longest = max(after - before for before, after in pairwise(times))
    assert 0.9 < longest < 3
    # What was in flight with the refused request may still come in; nothing else does.
    assert sum(at - times[10] < 0.9 for at in times[11:]) <= 8


def test_a_burst_of_500_and_the_level_found_again(store: CompletionStore) -> None:
    server: MockServer

    def behave(asked: Asked) -> Reply:
        if asked.number == 60:
            server.most_in_flight = 0  # from here on
        if 40 <= asked.number < 60:
            return refused(500, "oops")
        return Reply(body=OK.body, seconds=0.1)

    server = MockServer(behave)
    with server:
        summary = run(store, server, number=200, concurrency=16)
    assert (summary.stored, summary.failed) == (200, 0)
    assert 8 < server.most_in_flight <= 16


async def entered(pressure: Pressure) -> float:
    await pressure.enter()
    return time.monotonic()


def test_a_burst_halves_the_level_once() -> None:
    async def burst() -> list[int]:
        pressure = Pressure(64, start=16)
        began = [await entered(pressure) for _ in range(16)]
        levels = []
        for each in began:
            pressure.trouble(each)
            pressure.leave()
        levels.append(pressure.limit)
        pressure.trouble(await entered(pressure))
        levels.append(pressure.limit)
        for _ in range(4):  # one round of replies: one more
            pressure.went_well()
        levels.append(pressure.limit)
        return levels

    assert asyncio.run(burst()) == [8, 4, 4]


def test_the_level_falls_where_the_server_bears_little(store: CompletionStore) -> None:
    """A server that refuses whatever goes beyond 4 at a time."""
    server: MockServer

    def behave(_asked: Asked) -> Reply:
        slow = Reply(body=OK.body, seconds=0.01)
        return refused(429, "too many") if server.in_flight > 4 else slow

    server = MockServer(behave)
    with server:
        summary = run(store, server, number=300, concurrency=64, attempts=30)
    assert (summary.stored, summary.failed) == (300, 0)
    assert server.most_in_flight < 16  # of 64, and only while the level was sought
    refusals = len(server.asked) - 300
    assert refusals < 100


def test_a_server_that_only_fails_is_given_up_with_a_count(store: CompletionStore) -> None:
    with MockServer(lambda asked: OK if asked.number < 30 else refused(503, "down")) as server:
        with pytest.raises(TeacherError, match="10 requests in a row got no reply") as caught:
            run(store, server, number=200, attempts=3)
        assert "last: HTTP 503: down" in str(caught.value)
        assert f"{len(store)} replies are stored" in str(caught.value)
        stored = len(store)
        assert stored >= 30
        assert len(server.asked) < 150
        server.behave = lambda _asked: OK
        assert run(store, server, number=200).stored == 200 - stored


def test_patience_ends_a_run_that_hangs(store: CompletionStore) -> None:
    began = time.monotonic()
    with (
        MockServer(lambda asked: OK if asked.number < 5 else HANG) as server,
        pytest.raises(TeacherError, match=r"nothing succeeded for \d+ seconds; last: no reply wi"),
    ):
        run(store, server, number=100, timeout=0.1, patience=0.5, attempts=1000)
    assert time.monotonic() - began < 8
    assert len(store) == 5


def test_patience_begins_anew_after_a_pause() -> None:
    """As behind a served student, whose questions come now and then."""
    request = Prompts().request(examples(1)[0], "cote")

    async def now_and_then(url: str) -> list[str]:
        teacher = OpenAITeacher(
            "m", base_url=url, attempts=2, patience=0.3, first_wait=0.001, longest_wait=0.001
        )
        try:
            replies = [await teacher.complete(request)]
            await asyncio.sleep(0.5)
            replies.append(await teacher.complete(request))
        finally:
            await teacher.aclose()
        return [reply.finish_reason for reply in replies]

    with MockServer(lambda asked: refused(503) if asked.number < 3 else OK) as server:
        assert asyncio.run(now_and_then(server.url)) == ["failed", "stop"]


def test_refusing_every_request_ends_the_run(store: CompletionStore) -> None:
    with (
        MockServer(lambda _asked: refused(400, "temperature is not supported")) as server,
        pytest.raises(TeacherError, match="refused 50 requests and accepted none; last: HTTP 400"),
    ):
        run(store, server, number=1000)
    assert len(server.asked) < 70


def test_a_server_that_dies_and_comes_back(store: CompletionStore) -> None:
    slow = Reply(body=OK.body, seconds=0.01)
    with MockServer(lambda _asked: slow) as server:

        def outage() -> None:
            while len(server.asked) < 60:
                time.sleep(0.01)
            server.stop()
            time.sleep(0.5)
            server.start()

        thread = threading.Thread(target=outage)
        thread.start()
        summary = run(store, server, number=200, first_wait=0.05, longest_wait=0.4)
        thread.join()
    assert (summary.stored, summary.failed) == (200, 0)
    repeated = Counter(asked.prompt for asked in server.asked)
    assert sum(repeated.values()) - 200 <= 8  # those in flight when it died


def test_a_server_that_is_not_there_shows_soon(store: CompletionStore) -> None:
    with MockServer(lambda _asked: OK) as server:
        url = server.url
    with pytest.raises(TeacherError, match=r"it cannot be reached: connection: .*; 0 replies"):
        run(store, url, number=1000)


def test_dns_that_fails(store: CompletionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []

    def unknown(host: str, *_args: object, **_options: object) -> None:
        looked_up.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TeacherError, match=r"it cannot be reached: connection: .*not known"):
        run(store, "http://teacher.invalid/v1", number=1000)
    assert looked_up


@pytest.mark.slow
def test_killed_at_random_and_resumed(tmp_path: Path) -> None:
    """With more rounds, and as a table: ``python -m bench.kill_rounds``."""
    result = kill_rounds(tmp_path, KILL_ROUNDS)
    assert result.stored == result.needed  # one reply for each key, of which the store has one
    assert (result.lost, result.wrong, result.repeated_unduly) == (0, 0, 0)
    assert result.most_in_flight <= CONCURRENCY
    assert result.amid_requests >= KILL_ROUNDS / 2
    assert result.in_flight > 0  # some were cut off, or it was no test
