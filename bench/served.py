"""A server in a process of its own, how it is asked, and the figures of what it answered."""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import psutil

from bench.common import slow_99
from teachback import desk

if TYPE_CHECKING:
    from teachback.records import Example

Body = Mapping[str, Any]
"""A request's JSON."""
Clock = Literal["wall", "processor"]
"""What seconds are counted by: the time that passes, or that in which a server's process (of all
its threads) has a core, which other work on the machine touches less."""


def questions(count: int) -> list[Example]:
    return list(desk.test_cases(count))


@dataclass(frozen=True, slots=True)
class Server:
    """A server of its own process, which was started at ``started`` by its ``clock``."""

    host: str
    port: int
    process: subprocess.Popen[str]
    started: float
    clock: Clock

    def now(self) -> float:
        """Seconds, by its clock."""
        if self.clock == "wall":
            return time.perf_counter()
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def ask(self, path: str, body: Body) -> tuple[float, int]:
        """Seconds and the status of one request, on a connection of its own."""
        begun = self.now()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=300)
        try:
            kind = {"Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), kind)
            reply = connection.getresponse()
            reply.read()
            return self.now() - begun, reply.status
        finally:
            connection.close()

    def mebibytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss / 2**20)


@contextmanager
def started(*words: str, clock: Clock = "wall") -> Iterator[Server]:
    """``python -m words``, once it has printed "… on http://HOST:PORT/ …"; ended afterwards."""
    begun = time.perf_counter() if clock == "wall" else 0.0
    process = subprocess.Popen(
        [sys.executable, "-m", *words], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        while " on http" not in (line := process.stdout.readline()):
            if not line:
                sys.exit(f"{' '.join(words)} ended")
        address = urlsplit(line.split(" on ")[1].split()[0])
        yield Server(str(address.hostname), int(address.port or 0), process, begun, clock)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def serving(path: str, precision: str = "auto", clock: Clock = "wall") -> Iterator[Server]:
    """`teachback serve` of a student or an export."""
    words = ("teachback", "serve", path, "--port", "0", "--precision", precision)
    with started(*words, clock=clock) as server:
        yield server


def answer_body(example: Example, way: str) -> Body:
    return {
        "question": example.question,
        "choices": example.choices,
        "context": example.context,
        "way": way,
    }


def one_at_a_time(server: Server, path: str, bodies: Sequence[Body]) -> dict[str, Any]:
    """The first of ``bodies`` twice, first as what warms the server up."""
    server.ask(path, bodies[0])
    first = server.now() - server.started
    times = [server.ask(path, body)[0] for body in bodies]
    return {
        "start to first answer s": round(first, 2),
        "median ms": round(1000 * statistics.median(times), 1),
        "memory MiB": server.mebibytes(),
    }


def at_once(server: Server, path: str, bodies: Sequence[Body]) -> dict[str, Any]:
    """Each of ``bodies`` by a client of its own, all at the same moment. Only answers (status 200)
    count in the rate and in p99, which is what a client waited, whatever the clock; all else is an
    error."""
    answered: list[float] = []

    def client(number: int) -> None:
        waited = time.perf_counter()
        with suppress(OSError, http.client.HTTPException):  # no reply: counted as an error below
            _, status = server.ask(path, bodies[number])
            if status == HTTPStatus.OK:
                answered.append(time.perf_counter() - waited)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(len(bodies))]
    begun = server.now()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = server.now() - begun
    return {
        "answers/s": round(len(answered) / seconds, 3),
        "p99 s": round(slow_99(answered), 2) if answered else None,
        "errors": len(bodies) - len(answered),
        "memory MiB": server.mebibytes(),
    }
