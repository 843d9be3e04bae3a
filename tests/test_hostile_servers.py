"""Servers that break HTTP's rules, lie about tokens, or send without end."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raw_server import RawServer, Talk, Turn, chat, response
from teachback.costs import tokens
from teachback.costs.prices import Price
from teachback.errors import CostCapError
from teachback.explaining.asking import Asking, GenerationSummary
from teachback.explaining.spending import Meter
from teachback.records import Completion, Example, Sampling
from teachback.store import CompletionStore
from teachback.teachers.bodies import text_of
from teachback.teachers.openai import OpenAITeacher
from teachback.teachers.prompts import Prompts
from teachback.teachers.replies import retry_after

NUMBER = 20
PROMPTS = Prompts(sampling=Sampling(max_tokens=40))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CompletionStore]:
    with CompletionStore(tmp_path / "completions.sqlite") as opened:
        yield opened


def examples(number: int) -> list[Example]:
    return [Example(f"q{i}", f"Does {i} follow?", "yes", "yes-no") for i in range(number)]


def ask(
    store: CompletionStore,
    url: str,
    number: int = NUMBER,
    *,
    model: str = "m",
    meter: Meter | None = None,
    **options: Any,
) -> GenerationSummary:
    options = {"concurrency": 2, "first_wait": 0.002, "longest_wait": 0.01, **options}
    return Asking(
        teacher=OpenAITeacher(model, base_url=url, **options),
        prompts=PROMPTS,
        strategy="cote",
        store=store,
        meter=meter,
    ).run(examples(number))


def right(turn: Turn) -> bytes:
    """The reply to this very question."""
    asked = re.findall(r"Does (\d+) follow", turn.prompt)[-1]
    return chat(f"About {asked}.\nThe answer is yes.")


def wrong(store: CompletionStore) -> int:
    """How many stored replies are to another question."""
    return sum(f"About {row.request.example_id[1:]}." not in row.completion.text for row in store)


# A reply to another question


async def unasked_in_one_piece(turn: Turn) -> bool:
    await turn.write(2 * response(right(turn)))
    return True


async def unasked_at_once(turn: Turn) -> bool:
    await turn.write(response(right(turn)), response(right(turn)))
    return True


async def unasked_while_idle(turn: Turn) -> bool:
    await turn.write(response(right(turn)), 0.05, response(right(turn)))
    return True


async def unasked_by_the_third(turn: Turn) -> bool:
    """Clean at first, so that the server is trusted."""
    await turn.write(response(right(turn)) * (2 if turn.on_connection == 2 else 1))
    return True


async def unasked_error_while_idle(turn: Turn) -> bool:
    await turn.write(response(right(turn)), 0.05, response(b"", status="408 Request Timeout"))
    return True


async def body_longer_than_its_length(turn: Turn) -> bool:
    body = right(turn)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    await turn.write(head + body, 0.02, response(right(turn)) + b"and more")
    return True


async def early_hints_after_the_response(turn: Turn) -> bool:
    await turn.write(response(right(turn)), b"HTTP/1.1 103 Early Hints\r\n\r\n")
    return True


UNASKED = [
    unasked_in_one_piece,
    unasked_at_once,
    unasked_while_idle,
    unasked_by_the_third,
    unasked_error_while_idle,
    body_longer_than_its_length,
    early_hints_after_the_response,
]


@pytest.mark.parametrize("talk", UNASKED)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_reply_is_taken_for_another_question_s(
    store: CompletionStore, talk: Talk, concurrency: int
) -> None:
    with RawServer(talk) as server:
        summary = ask(store, server.url, concurrency=concurrency)
    assert (summary.stored, wrong(store)) == (NUMBER, 0)


async def interim_responses_first(turn: Turn) -> bool:
    await turn.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + b"HTTP/1.1 103 -\r\nLink: a\r\n\r\n")
    await turn.write(response(right(turn)))
    return True


async def http_1_0(turn: Turn) -> bool:
    await turn.write(b"HTTP/1.0 200 OK\r\n\r\n" + right(turn))
    return False


async def http_1_0_kept(turn: Turn) -> bool:
    await turn.write(response(right(turn), "Connection: keep-alive", version="1.0"))
    return True


async def without_a_length(turn: Turn) -> bool:
    await turn.write(b"HTTP/1.1 200 OK\r\n\r\n" + right(turn))
    return False


async def closing_after_each(turn: Turn) -> bool:
    await turn.write(response(right(turn), "Connection: close"))
    return False


async def chunked(turn: Turn) -> bool:
    body = right(turn)
    await turn.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for at in range(0, len(body), 9):
        piece = body[at : at + 9]
        await turn.write(f"{len(piece):x};note=1\r\n".encode() + piece + b"\r\n")
    await turn.write(b"0\r\nTrailer-Of: it\r\n\r\n")
    return True


@pytest.mark.parametrize(
    "talk",
    [
        interim_responses_first,
        http_1_0,
        http_1_0_kept,
        without_a_length,
        closing_after_each,
        chunked,
    ],
)
def test_unusual_servers_are_asked_once_for_each_reply(store: CompletionStore, talk: Talk) -> None:
    with RawServer(talk) as server:
        summary = ask(store, server.url)
        kept = talk in (interim_responses_first, http_1_0_kept, chunked)
        assert (server.requests, server.connections) == (NUMBER, 2 if kept else NUMBER)
    assert (summary.stored, wrong(store)) == (NUMBER, 0)


# Without end

ZEROS = bytes(1_000_000)
PACKED = zlib.compress(bytes(200_000_000))
BOMB = gzip.compress(bytes(200_000_000), 1)
GZIP = "Content-Encoding: gzip"


async def endless(turn: Turn) -> bool:
    await turn.write(f"HTTP/1.1 {turn.body['model']} -\r\n\r\n".encode())
    for _ in range(3000):
        await turn.write(ZEROS)
    return False


async def endless_chunks(turn: Turn) -> bool:
    await turn.write(
        f"HTTP/1.1 {turn.body['model']} -\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    for _ in range(3000):
        await turn.write(b"f4240\r\n" + ZEROS + b"\r\n")
    return False


async def bomb(turn: Turn) -> bool:
    await turn.write(response(BOMB, GZIP, status=f"{turn.body['model']} -"))
    return True


async def bomb_of_deflate(turn: Turn) -> bool:
    deflate = "Content-Encoding: deflate"
    await turn.write(response(PACKED, deflate, status=f"{turn.body['model']} -"))
    return True


async def endless_headers(turn: Turn) -> bool:
    await turn.write(f"HTTP/1.1 {turn.body['model']} -\r\n".encode())
    for number in range(300_000):
        await turn.write(b"X-%d: %s\r\n" % (number, b"x" * 4000))
    return False


async def endless_header(turn: Turn) -> bool:
    await turn.write(f"HTTP/1.1 {turn.body['model']} -\r\nX: ".encode())
    for _ in range(3000):
        await turn.write(b"x" * 1_000_000)
    return False


async def endless_status_line(turn: Turn) -> bool:
    await turn.write(f"HTTP/1.1 {turn.body['model']} ".encode())
    for _ in range(3000):
        await turn.write(b"x" * 1_000_000)
    return False


async def endless_trailers(turn: Turn) -> bool:
    head = f"HTTP/1.1 {turn.body['model']} -\r\nTransfer-Encoding: chunked\r\n\r\n"
    await turn.write(head.encode() + b"2\r\n{}\r\n0\r\n")
    for number in range(300_000):
        await turn.write(b"X-%d: %s\r\n" % (number, b"x" * 4000))
    return False


async def endless_interim_responses(turn: Turn) -> bool:
    for _ in range(20_000):
        await turn.write(b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n" * 1000)
    return False


async def header_of_a_megabyte(turn: Turn) -> bool:
    await turn.write(
        response(b"{}", f"Retry-After: {'9' * 1_000_000}", status=f"{turn.body['model']} -")
    )
    return True


WITHOUT_END = [
    endless,
    endless_chunks,
    bomb,
    bomb_of_deflate,
    endless_headers,
    endless_header,
    endless_status_line,
    endless_trailers,
    endless_interim_responses,
    header_of_a_megabyte,
]
ASKING = """
import json, sys
from test_hostile_servers import *
from teachback.errors import TeacherError

for number, (name, status, url) in enumerate(json.loads(sys.argv[2])):
    with CompletionStore(f"{sys.argv[1]}/{number}.sqlite") as store:
        said = []
        try:
            ask(store, url, 2, model=status, timeout=1, max_reply_mb=1, attempts=2)
        except TeacherError as error:
            said.append(str(error))
        said += [failure.error for failure in store.failures()]
        # Not ru_maxrss: it begins with the memory of the process that was forked.
        with open("/proc/self/status") as status_file:
            peak = next(int(line.split()[1]) for line in status_file if line.startswith("VmHWM"))
        print(json.dumps([name, status, len(store), said, peak]))
"""


@pytest.mark.timeout(120)
def test_what_has_no_end_takes_no_memory(tmp_path: Path) -> None:
    with ExitStack() as running:
        cases = []
        for talk in WITHOUT_END:
            url = running.enter_context(RawServer(talk)).url
            cases += [(talk.__name__, status, url) for status in ("200", "429")]
        done = subprocess.run(
            [sys.executable, "-c", ASKING, str(tmp_path), json.dumps(cases)],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [tuple(row[:3]) for row in rows] == [(name, status, 0) for name, status, _ in cases]
    for name, status, _, said, peak in rows:
        assert peak < 400_000, name  # kilobytes; 150,000 of them are Python's and the libraries'
        assert said, name
        assert len(said[0]) < 600
        if name in ("endless", "endless_chunks", "bomb", "bomb_of_deflate"):
            told = {"200": "the body is longer than 1 MB (teacher.max_reply_mb)", "429": "HTTP 429"}
            assert told[status] in said[0]


def test_a_reply_as_long_as_allowed_is_taken_whole(store: CompletionStore) -> None:
    async def talk(turn: Turn) -> bool:
        text = "x" * (1_000_000 - len(chat("")))
        longer = turn.prompt.count("Does 1 ")
        await turn.write(response(gzip.compress(chat(text + "x" * longer)), GZIP))
        return True

    with RawServer(talk) as server:
        summary = ask(store, server.url, 2, max_reply_mb=1)
    assert (summary.stored, summary.failed) == (1, 1)
    (failure,) = store.failures()
    assert failure.example_id == "q1"


@pytest.mark.parametrize(
    "charset",
    ["punycode", "idna", "unicode_escape", "hex", "zlib", "undefined", "no", "utf-7", "''"],
)
def test_a_declared_character_set_that_is_none(store: CompletionStore, charset: str) -> None:
    async def talk(turn: Turn) -> bool:
        body = (b"\xff" + b"a-9" * 300_000) if turn.number == 0 else right(turn)
        await turn.write(response(body, f"Content-Type: text/plain; charset={charset}"))
        return True

    began = time.monotonic()
    with RawServer(talk) as server:
        assert ask(store, server.url, 3).stored == 3
    assert time.monotonic() - began < 10


CHARSETS = ("utf-16", "utf_7", "punycode", "cp037", "x", "utf-8''a", "\0")


@settings(deadline=None)
@given(
    st.binary(),
    st.text() | st.sampled_from(CHARSETS).map("a/b; charset={}".format),
    st.sampled_from(CHARSETS),
)
def test_any_body_is_some_text(body: bytes, content_type: str, charset: str) -> None:
    assert isinstance(text_of(body, content_type), str)
    assert isinstance(text_of(body, f"{content_type}; charset*={charset}"), str)


# Token counts

PRICE = Price(input=100.0, output=1000.0, cached=10.0, source="a test")
MOST_IN, MOST_OUT = tokens.most(PROMPTS.request(examples(1)[0], "cote"))
WORST = PRICE.dollars(MOST_IN, MOST_OUT)

USAGES = {
    "more cached than there are": (
        {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 9}},
        PRICE.dollars(MOST_IN, 7),
    ),
    "cached ones of an unknown number": (
        {"completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 10**6}},
        PRICE.dollars(MOST_IN, 7),
    ),
    "below nothing": ({"prompt_tokens": -9, "completion_tokens": -9}, WORST),
    "2**62": ({"prompt_tokens": 2**62, "completion_tokens": 2**62}, WORST),
    "2**63": ({"prompt_tokens": 2**63, "completion_tokens": 7}, PRICE.dollars(MOST_IN, 7)),
    "10**400": ({"prompt_tokens": 5, "completion_tokens": 10**400}, PRICE.dollars(5, MOST_OUT)),
    "no whole numbers": ({"prompt_tokens": 1.5, "completion_tokens": "seven"}, WORST),
    "truths": ({"prompt_tokens": True, "completion_tokens": False}, WORST),
    "more than in all": (
        {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 6},
        WORST,
    ),
    "more reasoning than output": (
        {
            "prompt_tokens": 5,
            "completion_tokens": 7,
            "completion_tokens_details": {"reasoning_tokens": 8},
        },
        PRICE.dollars(5, MOST_OUT),
    ),
    "as it should be": (
        {
            "prompt_tokens": 5,
            "completion_tokens": 7,
            "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 6},
        },
        (1 * 100 + 4 * 10 + 7 * 1000) / 1e6,
    ),
    "no table": ([5, 7], WORST),
}


@pytest.mark.parametrize("name", USAGES)
def test_counts_that_cannot_be_are_taken_at_their_most(store: CompletionStore, name: str) -> None:
    usage, cost = USAGES[name]

    async def talk(turn: Turn) -> bool:
        await turn.write(response(chat("The answer is yes.", usage=usage)))
        return True

    with RawServer(talk) as server:
        meter = Meter(store, "m", PRICE)
        assert ask(store, server.url, 2, meter=meter).stored == 2
    assert meter.spent == pytest.approx(2 * cost)
    assert Meter(store, "m", PRICE).before == pytest.approx(2 * cost)


def test_no_counts_pass_the_cap(store: CompletionStore) -> None:
    """A server that says what would make its replies cost less than nothing."""
    usage = {"prompt_tokens": 1, "completion_tokens": 0} | {
        "prompt_tokens_details": {"cached_tokens": 10**8}
    }

    async def talk(turn: Turn) -> bool:
        await turn.write(response(chat("The answer is yes.", usage=usage)))
        return True

    with RawServer(talk) as server, pytest.raises(CostCapError):
        ask(store, server.url, 50, meter=Meter(store, "m", PRICE, 10 * WORST))
    assert len(store) * PRICE.dollars(MOST_IN, 0) <= 10 * WORST


def test_a_store_with_counts_that_cannot_be_is_read(store: CompletionStore) -> None:
    """As an earlier version has written them."""
    requests = [PROMPTS.request(example, "cote") for example in examples(5)]
    for request in requests:
        store.put("m", request, Completion("yes", tokens_in=5, tokens_out=7, tokens_cached=4))
    counts = [(2**62, 2**62, 0), (2**62, -1, None), (5, 7, 9), ("five", 1.5, b"4"), (5, 7, -1)]
    with closing(sqlite3.connect(store.path)) as db, db:
        for number, row in enumerate(counts, start=1):
            db.execute(
                "UPDATE reply SET tokens_in = ?, tokens_out = ?, tokens_cached = ? "
                "WHERE number = ?",
                (*row, number),
            )
    used = store.usage("m")
    assert (used.replies, used.uncounted, used.tokens_cached) == (5, 4, 0)
    assert used.tokens_in == 4 * MOST_IN + 5
    assert used.tokens_out == 3 * MOST_OUT + 2 * 7
    assert Meter(store, "m", PRICE).before == pytest.approx(PRICE.dollars(*_sums(used)))


def _sums(used: Any) -> tuple[int, int]:
    return used.tokens_in, used.tokens_out


@given(
    st.builds(
        Completion,
        text=st.just("x"),
        tokens_in=st.none() | st.integers(),
        tokens_out=st.none() | st.integers(),
        tokens_cached=st.none() | st.integers(),
    )
)
def test_no_reply_costs_less_than_nothing(completion: Completion) -> None:
    found = tokens.checked(completion)
    counts = (found.tokens_in, found.tokens_out, found.tokens_cached)
    assert all(count is None or 0 <= count <= 10**9 for count in counts)
    assert tokens.checked(found) == found
    most = PRICE.dollars(
        MOST_IN if found.tokens_in is None else found.tokens_in,
        MOST_OUT if found.tokens_out is None else found.tokens_out,
    )
    cost = PRICE.dollars(
        MOST_IN if found.tokens_in is None else found.tokens_in,
        MOST_OUT if found.tokens_out is None else found.tokens_out,
        found.tokens_cached or 0,
    )
    assert 0 <= cost <= most


# Retry-After

DATES = [
    "Fri, 31 Dec 9999999 23:59:59 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 01 Jan 0000 00:00:00 GMT",
    "Mon, 01 Jan -5 00:00:00 GMT",
    "Mon, 01 Jan 2030 00:00:00 +9999",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Mon, 99 Jan 2030 99:99:99 GMT",
]


@pytest.mark.parametrize("value", [*DATES, "nan", "inf", "-inf", "1e300", "-1e300", "9" * 5000])
@pytest.mark.parametrize("header", ["Retry-After", "Retry-After-Ms"])
def test_an_absurd_wait_is_none(store: CompletionStore, header: str, value: str) -> None:
    async def talk(turn: Turn) -> bool:
        slow = response(b"{}", f"{header}: {value}", status="429 -")
        await turn.write(slow if turn.number == 0 else response(right(turn)))
        return True

    with RawServer(talk) as server:
        assert ask(store, server.url, 3).stored == 3


@given(st.text() | st.sampled_from(DATES) | st.from_regex(r"\A\w{3}, \d+ \w{3} -?\d+ \d+:\d+:\d+"))
def test_any_retry_after_is_a_sensible_wait_or_none(value: str) -> None:
    for name in ("retry-after", "retry-after-ms"):
        wait = retry_after({name: value})
        assert wait is None or 0 <= wait <= 1e9


def test_the_other_header_counts_where_the_first_says_nothing() -> None:
    assert retry_after({"retry-after-ms": "soon", "retry-after": "7"}) == 7
    assert retry_after({"retry-after-ms": "1500", "retry-after": "7"}) == 1.5
    assert retry_after({"retry-after": "-3"}) == 0
