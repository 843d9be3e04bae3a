"""A plain load generator: so many connections, each asking again as soon as it has a reply.

It does next to nothing per request, so the rate that it reaches is the server's ceiling.

    python -m bench.teacher_client.load URL --number 20000 --concurrency 64
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit


class Asker(asyncio.Protocol):
    """One connection."""

    def __init__(self, left: list[int], request: bytes, done: asyncio.Future[None]) -> None:
        self._left, self._request, self._done = left, request, done
        self._got, self._expected = 0, 0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        if not self._left[0]:
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
            return
        self._left[0] -= 1
        number = b"%012d" % self._left[0]  # a body of its own for each
        self._transport.write(self._request.replace(b"NUMBER_OF_IT", number))

    def data_received(self, data: bytes) -> None:
        if not self._expected:  # the head comes in one piece on loopback
            head, _, _ = data.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._expected = len(head) + 4 + int(length)
        self._got += len(data)
        if self._got >= self._expected:
            self._got = self._expected = 0
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed"))


async def load(url: str, number: int, concurrency: int) -> float:
    """Requests per second over all of them."""
    address = urlsplit(url)
    body = json.dumps(
        {
            "model": "mock",
            "messages": [
                {"role": "system", "content": "Answer the question. " * 20},
                {"role": "user", "content": "Does NUMBER_OF_IT follow?"},
            ],
            "max_tokens": 512,
        }
    ).encode()
    head = (
        f"POST {address.path}/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    host, port = address.hostname, address.port
    if host is None or port is None:
        raise SystemExit(f"{url} names no host and port; give http://HOST:PORT/v1")
    left, done = [number], [loop.create_future() for _ in range(concurrency)]
    began = time.monotonic()
    for each in done:
        await loop.create_connection(partial(Asker, left, head.encode() + body, each), host, port)
    await asyncio.gather(*done)
    return number / (time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="up to and including /v1")
    parser.add_argument("--number", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=64)
    options = parser.parse_args()
    print(f"{asyncio.run(load(options.url, options.number, options.concurrency)):.0f}")


if __name__ == "__main__":
    main()
