"""Minutes of load on a served student: whether memory stays flat and all requests are answered.

    python -m bench.serving_load --student runs/demo/mt-cot/student --minutes 10

Clients ask at once for direct answers, explained answers, streams and log-probabilities; others
send what is refused, hang up while they are answered for, or send their request in small pieces.
Printed are what the replies' statuses were, the latencies, and the server's resident memory by
tenths of the time. ``--rise``: how many MiB the last tenth may lie above the second one (the first
is the warm-up); beyond it, or with any other reply than was to be expected, the exit code is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import psutil

from bench.common import head, machine, row, slow_99
from bench.served import Server, questions, serving


@dataclass(slots=True)
class Seen:
    """What came of it: (kind of client, status) → how often; seconds by kind; MiB over time."""

    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    memory: list[int] = field(default_factory=list)

    def add(self, kind: str, status: str, begun: float) -> None:
        self.statuses[kind, status] += 1
        self.seconds.setdefault(kind, []).append(time.perf_counter() - begun)


EXPECTED: dict[str, set[str]] = {
    "direct": {"200", "429"},
    "explained": {"200", "429"},
    "streamed": {"200", "429"},
    "measured": {"200", "429"},
    "refused": {"400", "413", "422"},
    "hung up": {"left"},
    "slow": {"200", "429"},
}
"""The kinds of clients, and the statuses that each is to get."""

_BAD = (b"{", b"[]", b'{"question": 3}', b'{"question": "x", "choices": ["a"]}', b"[" * 300_000)


def _body(number: int, kind: str) -> tuple[str, bytes]:
    example = _EXAMPLES[number % len(_EXAMPLES)]
    answer: dict[str, Any] = {"question": example.question, "choices": example.choices}
    answer["context"] = example.context
    match kind:
        case "explained" | "hung up":
            return "/v1/answer", json.dumps({**answer, "explain": True}).encode()
        case "streamed":
            message = {"role": "user", "content": example.question}
            asked = {"messages": [message], "stream": True, "max_tokens": 20}
            return "/v1/chat/completions", json.dumps(asked).encode()
        case "measured":
            told = {"prompt": example.question, "max_tokens": 1, "echo": True, "logprobs": 5}
            return "/v1/completions", json.dumps(told).encode()
        case "refused":
            return "/v1/answer", _BAD[number % len(_BAD)]
        case _:
            return "/v1/answer", json.dumps({**answer, "way": "direct"}).encode()


async def _ask(server: Server, number: int, kind: str, seen: Seen) -> None:
    path, body = _body(number, kind)
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection(server.host, server.port)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    try:
        if kind == "slow":
            for place in range(0, len(body), 40):
                writer.write((head if place == 0 else b"") + body[place : place + 40])
                await writer.drain()
                await asyncio.sleep(0.02)
        else:
            writer.write(head + body)
            await writer.drain()
        if kind == "hung up":
            await asyncio.sleep(0.05)
            seen.add(kind, "left", begun)
            return
        reply = await reader.read()
        seen.add(kind, reply[9:12].decode("ascii", "replace") or "nothing", begun)
    except ConnectionError:  # the server ends a request that is too large before it has it all
        seen.add(kind, "413" if kind == "refused" and len(body) > 1000 else "reset", begun)
    finally:
        writer.close()


async def _client(
    server: Server, kind: str, numbers: itertools.count[int], end: float, seen: Seen
) -> None:
    while time.perf_counter() < end:
        await _ask(server, next(numbers), kind, seen)
        if kind in ("refused", "hung up"):
            await asyncio.sleep(0.1)


async def _watch(server: Server, end: float, seconds: float, seen: Seen) -> None:
    process = psutil.Process(server.process.pid)
    while time.perf_counter() < end:
        seen.memory.append(process.memory_info().rss)
        await asyncio.sleep(seconds / 200)


async def load(server: Server, seconds: float, clients: int) -> Seen:
    """Clients of all kinds for ``seconds``, ``clients`` of each."""
    seen, numbers = Seen(), itertools.count()
    end = time.perf_counter() + seconds
    jobs: list[Awaitable[None]] = [
        _client(server, kind, numbers, end, seen) for kind in EXPECTED for _ in range(clients)
    ]
    await asyncio.gather(_watch(server, end, seconds, seen), *jobs)
    return seen


def tenths(memory: list[int]) -> list[float]:
    """The median resident MiB of each tenth of the time."""
    size = max(1, len(memory) // 10)
    parts = [memory[at : at + size] for at in range(0, size * 10, size)]
    return [statistics.median(part) / 2**20 for part in parts if part]


def report(seen: Seen, rise: float) -> bool:
    """Print the figures; whether all is as it is to be."""
    print(head("client", "statuses", "median s", "99% within s"))
    bad = False
    for kind, expected in EXPECTED.items():
        own = {status: n for (name, status), n in seen.statuses.items() if name == kind}
        bad |= not own.keys() <= expected or not own
        times = seen.seconds.get(kind, [0.0])
        said = ", ".join(f"{status}: {n}" for status, n in sorted(own.items()))
        print(row(kind, said, f"{statistics.median(times):.2f}", f"{slow_99(times):.2f}"))
    parts = tenths(seen.memory)
    print("MiB by tenths of the time: " + ", ".join(f"{part:.0f}" for part in parts))
    risen = parts[-1] - parts[1]
    print(f"from the second tenth to the last: {risen:+.1f} MiB (allowed: {rise:g})")
    return not bad and risen <= rise


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--student", required=True, help="a student's folder, or an export")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=3, help="of each kind")
    parser.add_argument("--rise", type=float, default=20.0, help="MiB")
    settings = parser.parse_args()
    with serving(settings.student) as server:
        seen = asyncio.run(load(server, 60 * settings.minutes, settings.clients))
        alive = server.process.poll() is None
    print(machine())
    sys.exit(0 if report(seen, settings.rise) and alive else 1)


_EXAMPLES = questions(40)

if __name__ == "__main__":
    main()
