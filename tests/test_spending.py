"""The cap on costs, held against what a server has billed, whatever went wrong."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mock_server import RESET, Asked, MockServer, Reply, choice, refused
from teachback.costs import tokens
from teachback.costs.prices import Price
from teachback.errors import ConfigError, CostCapError, TeacherError
from teachback.explaining.asking import Asking, GenerationSummary
from teachback.explaining.spending import Meter
from teachback.records import Completion, Example, Message, Request, Sampling
from teachback.store import CompletionStore
from teachback.teachers import Teacher
from teachback.teachers.openai import OpenAITeacher
from teachback.teachers.prompts import Prompts
from teachback.teachers.scripted import ScriptedTeacher

PRICE = Price(input=100.0, output=1000.0, cached=10.0, source="a test")
PROMPTS = Prompts(sampling=Sampling(max_tokens=40))
RIGHT = "It does.\nThe answer is yes."


def examples(number: int) -> list[Example]:
    return [Example(f"q{i:03}", f"Does {i:03} follow?", "yes", "yes-no") for i in range(number)]


MOST_IN, MOST_OUT = tokens.most(PROMPTS.request(examples(1)[0], "cote"))
WORST = PRICE.dollars(MOST_IN, MOST_OUT)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CompletionStore]:
    with CompletionStore(tmp_path / "completions.sqlite") as opened:
        yield opened


def run(store: CompletionStore, teacher: Any, meter: Meter, number: int = 50) -> GenerationSummary:
    return Asking(teacher=teacher, prompts=PROMPTS, strategy="cote", store=store, meter=meter).run(
        examples(number)
    )


def test_tokens_at_most_and_about_by_hand() -> None:
    turns = (Message("system", "abcd"), Message("user", "é" * 4))
    assert tokens.most_in(turns) == 4 + 8 + 2 * 12 + 100
    assert tokens.about_in(turns) == 1 + 2 + 2 * 4
    request = Request("q", "cote", turns[:1], turns[1:], Sampling(max_tokens=9))
    assert tokens.most(request) == (136, 9)
    tokens.most_in([Message("user", "\ud83d")])  # half a surrogate pair is counted too


def test_the_cap_by_hand(store: CompletionStore) -> None:
    reply = Completion(RIGHT, tokens_in=100, tokens_out=10, tokens_cached=80)
    cost = (20 * 100 + 80 * 10 + 10 * 1000) / 1e6
    # Room for four replies and then for a fifth request's cost, but not for its worst case.
    cap = 4 * cost + WORST * 0.99
    teacher = ScriptedTeacher(lambda _request: reply, model="m", concurrency=1)
    with pytest.raises(CostCapError) as caught:
        run(store, teacher, Meter(store, "m", PRICE, cap))
    assert len(teacher.asked) == len(store) == 4
    said = str(caught.value)
    assert f"${4 * cost:.4f} has been spent" in said
    assert f"may cost ${WORST:.4f}" in said
    assert "4 replies are stored (4 of them new, 0 requests failed)" in said
    assert store.usage("m").lost == 0

    # The next run under the same cap sends nothing; a higher cap goes on where it stopped.
    with pytest.raises(CostCapError):
        run(store, teacher, Meter(store, "m", PRICE, cap))
    assert len(teacher.asked) == 4
    meter = Meter(store, "m", PRICE, 1.0)
    summary = run(store, teacher, meter, number=10)
    assert (summary.already_stored, summary.stored) == (4, 6)
    assert meter.before == pytest.approx(4 * cost)
    assert meter.spent == pytest.approx(10 * cost)
    assert Meter(store, "m", PRICE).spent == pytest.approx(meter.spent)


def test_what_the_server_does_not_count_is_taken_at_its_most(store: CompletionStore) -> None:
    meter = Meter(store, "m", PRICE)
    run(store, ScriptedTeacher(lambda _request: RIGHT, model="m"), meter, number=3)
    assert meter.spent == pytest.approx(3 * WORST)
    assert Meter(store, "m", PRICE).before == pytest.approx(3 * WORST)


class Billing:
    """A server that bills what it has done, whether the client learns of it or not."""

    def __init__(self, faults: dict[int, Reply | str]) -> None:
        self.faults = faults  # by the request's number, modulo 10
        self.dollars = 0.0

    def __call__(self, asked: Asked) -> Reply | str:
        fault = self.faults.get(asked.number % 10)
        if isinstance(fault, Reply) and fault.status in (429, 500):
            return fault
        self.dollars += PRICE.dollars(MOST_IN, MOST_OUT) if fault else PRICE.dollars(90, 30)
        usage = {"prompt_tokens": 90, "completion_tokens": 30}
        message = {"message": {"role": "assistant", "content": RIGHT}}
        return fault or choice(message, usage=usage, seconds=0.005)


GATEWAY = Reply(502, b"<html>", content_type="text/html")
HALF = Reply(body=choice({"message": {"content": RIGHT}}).body, cut=True)
FAULTS: dict[int, Reply | str] = {
    1: RESET,
    3: refused(429, "slow down"),
    4: GATEWAY,
    6: HALF,
    7: refused(500, "oops"),
    8: Reply(body=b"not JSON"),
}
FILTERED = refused(400, "The prompt was filtered.", code="content_filter")
EVERY_SECOND: dict[int, Reply | str] = dict.fromkeys(range(1, 10, 2), FILTERED)


@pytest.mark.parametrize(
    "faults", [{}, FAULTS, EVERY_SECOND], ids=["well", "faults", "every second filtered"]
)
def test_no_server_ever_bills_more_than_the_cap(
    store: CompletionStore, faults: dict[int, Reply | str]
) -> None:
    bill = Billing(faults)
    cap = 30 * WORST
    with MockServer(bill) as server:
        for _ in range(2):  # a run and its resumption
            teacher = OpenAITeacher(
                "m", base_url=server.url, concurrency=8, first_wait=0.001, longest_wait=0.01
            )
            with pytest.raises(CostCapError):
                run(store, teacher, Meter(store, "m", PRICE, cap), number=400)
    known = Meter(store, "m", PRICE).spent
    assert bill.dollars <= known <= cap
    assert known > cap - WORST  # it was used as far as it went
    if not faults:
        assert known == pytest.approx(bill.dollars)


def test_what_is_not_billed_does_not_use_the_cap_up(store: CompletionStore) -> None:
    def behave(asked: Asked) -> Reply | str:
        return refused((429, 500, 503, 401)[min(asked.number // 5, 3)], "no")

    with MockServer(behave) as server:
        teacher = OpenAITeacher("m", base_url=server.url, first_wait=0.001, longest_wait=0.001)
        with pytest.raises(TeacherError):
            run(store, teacher, Meter(store, "m", PRICE, WORST * 100), number=4)
    teacher = OpenAITeacher("m", base_url="http://127.0.0.1:9/v1", first_wait=0.001)
    with pytest.raises(TeacherError, match="cannot be reached"):
        run(store, teacher, Meter(store, "m", PRICE, WORST * 100), number=4)
    assert store.usage("m").lost == 0


@pytest.mark.parametrize(
    ("fault", "stored", "usage"),
    [
        (FILTERED, 1, (1, 1)),  # billed, at Azure, and never counted
        (refused(400, "too long", code="context_length_exceeded"), 0, (0, 2)),
        (refused(400, "no such thing"), 0, (0, 1)),
    ],
    ids=["filtered", "too long", "refused"],
)
def test_a_refusal_after_a_lost_attempt(
    store: CompletionStore, fault: Reply, stored: int, usage: tuple[int, int]
) -> None:
    meter = Meter(store, "m", PRICE, 100 * WORST)
    with MockServer(lambda asked: fault if asked.number else GATEWAY) as server:
        teacher = OpenAITeacher("m", base_url=server.url, first_wait=0.001)
        assert run(store, teacher, meter, number=1).stored == stored
    used = store.usage("m")
    assert (used.uncounted, used.lost) == usage
    assert meter.spent == pytest.approx(sum(usage) * WORST)
    assert Meter(store, "m", PRICE).spent == pytest.approx(meter.spent)


class Unbilled(Teacher):
    """Loses its first attempt at each request, and gets its reply from one that costs nothing."""

    model = "m"
    concurrency = 1
    meters_itself = True

    async def complete(self, request: Request) -> Completion:
        assert self.meter is not None
        async with self.meter.attempt(request):
            pass
        async with self.meter.attempt(request) as attempt:
            attempt.billed = False
        return Completion("No.", "refused", tokens_in=0, tokens_out=0)


def test_a_reply_that_is_not_billed_takes_nothing_off_the_bill(store: CompletionStore) -> None:
    meter = Meter(store, "m", PRICE, 3.5 * WORST)
    with pytest.raises(CostCapError):
        run(store, Unbilled(), meter)
    # The third request's second attempt had no room.
    assert (len(store), store.usage("m").lost) == (2, 3)
    assert meter.spent == pytest.approx(3 * WORST)
    assert Meter(store, "m", PRICE).spent == pytest.approx(meter.spent)


def test_an_attempt_waits_for_those_in_flight(store: CompletionStore) -> None:
    """Room for one worst case at a time: nobody is turned away while another may leave room."""
    reply = Completion(RIGHT, tokens_in=1, tokens_out=1)
    teacher = ScriptedTeacher(lambda _request: reply, model="m", concurrency=8)
    summary = run(store, teacher, Meter(store, "m", PRICE, WORST * 1.5), number=20)
    assert summary.stored == 20


def test_a_killed_run_s_requests_count(tmp_path: Path) -> None:
    path = tmp_path / "completions.sqlite"
    script = (
        "import sys; from test_spending import *\n"
        "store = CompletionStore(sys.argv[1])\n"
        "teacher = OpenAITeacher('m', base_url=sys.argv[2], concurrency=3)\n"
        "run(store, teacher, Meter(store, 'm', PRICE, 10.0))"
    )
    with MockServer(lambda _asked: "hang") as server:
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(path), server.url], cwd=Path(__file__).parent
        )
        try:
            asyncio.run(_until(lambda: len(server.asked) >= 3))
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
    with CompletionStore(path) as store:
        assert store.usage("m").lost == 3
        assert Meter(store, "m", PRICE).before == pytest.approx(3 * WORST)
        with pytest.raises(CostCapError, match=re.escape(f"${3 * WORST:.4f} has been spent")):
            run(store, ScriptedTeacher([], model="m"), Meter(store, "m", PRICE, 3.5 * WORST))


async def _until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def test_a_prompt_beyond_the_price_is_not_sent_under_a_cap(store: CompletionStore) -> None:
    price = Price(1, 1, 1, "a test", most_in=MOST_IN - 1)
    teacher = ScriptedTeacher(lambda _request: RIGHT, model="m")
    with pytest.raises(ConfigError, match=f"may have {MOST_IN} tokens, and the known price"):
        run(store, teacher, Meter(store, "m", price, 1.0))
    assert teacher.asked == []
    assert run(store, teacher, Meter(store, "m", price), number=2).stored == 2


def test_an_unknown_price_is_counted_in_tokens(store: CompletionStore) -> None:
    with pytest.raises(ValueError, match="a cap needs a price"):
        Meter(store, "m", None, 1.0)
    meter = Meter(store, "m", None)
    run(store, ScriptedTeacher([Completion(RIGHT)], model="m"), meter, number=2)
    assert meter.spent == 0
    assert store.usage("m").lost == 1  # the script's end: it may have been billed
