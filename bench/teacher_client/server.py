"""A mock OpenAI-compatible server: every chat request gets one 60-token reply after a wait.

One process, one event loop, plain asyncio protocols: it looks for the end of the body and at
nothing in it, so that what is measured is the client. It logs when each request arrived, how
many were in flight at most, and how many different bodies there were.

    python -m bench.teacher_client.server --latency 0.05        prints its port

``GET /log`` returns the log and starts a new one. Times are those of the system's monotonic
clock, which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from hashlib import blake2b
from typing import Any

WORDS = (
    "A kettle that has just boiled gives its heat to the cooler air around it, and it goes on "
    "doing so until both are equally warm. Nothing adds heat to it meanwhile. What was hot is "
    "therefore cooler an hour later, as anyone who has forgotten a cup of tea on a table knows."
)
REPLY = f"{WORDS}\nThe answer is yes."

_BODY = json.dumps(
    {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "mock",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": REPLY},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 60, "total_tokens": 160},
    }
).encode()


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


_RESPONSE = _response(_BODY)


class Log:
    """What the server saw since the log was last read."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.arrived: list[float] = []  # seconds, monotonic
        self.bodies: set[bytes] = set()
        self.empty = 0  # requests without messages
        self.in_flight = 0
        self.most_in_flight = 0
        self.connections = 0
        self.other: list[str] = []  # request lines that asked for something else

    def read(self) -> bytes:
        seen = {
            "arrived": self.arrived,
            "different_bodies": len(self.bodies),
            "most_in_flight": self.most_in_flight,
            "empty": self.empty,
            "connections": self.connections,
            "other": self.other,
        }
        self.clear()
        return json.dumps(seen).encode()


class Connection(asyncio.Protocol):
    """One client's connection, kept open; requests on it come one after another."""

    def __init__(self, log: Log, latency: float) -> None:
        self._log, self._latency = log, latency
        self._loop = asyncio.get_running_loop()
        self._read = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._log.connections += 1

    def data_received(self, data: bytes) -> None:
        data = self._read + data if self._read else data
        head_end = data.find(b"\r\n\r\n")
        if head_end < 0:
            self._read = data
            return
        head = data[:head_end].lower()
        at = head.find(b"\r\ncontent-length:")
        end = head_end + 4
        if at >= 0:
            length = head[at + 17 :].partition(b"\r\n")[0]
            end += int(length)
        if len(data) < end:
            self._read = data
            if b"\r\nexpect: 100-continue" in head:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self._read = data[end:]
        self._asked(head, data[head_end + 4 : end])

    def _asked(self, head: bytes, body: bytes) -> None:
        log = self._log
        if b"/chat/completions " not in head.partition(b"\r\n")[0]:
            line = head.partition(b"\r\n")[0].decode("latin-1")
            if line.startswith("get /log "):
                log.connections -= 1
                self._transport.write(_response(log.read()))
            else:
                log.other.append(line)
                self._transport.write(_response(b'{"object": "list", "data": []}'))
            return
        if len(body) < 200 and b'"messages": []' in body:  # asks for rate limits, not for a reply
            log.empty += 1
            self._transport.write(_RESPONSE)
            return
        log.arrived.append(time.monotonic())
        log.bodies.add(blake2b(body, digest_size=16).digest())
        log.in_flight += 1
        log.most_in_flight = max(log.most_in_flight, log.in_flight)
        if self._latency:
            self._loop.call_later(self._latency, self._reply)
        else:
            self._reply()

    def _reply(self) -> None:
        self._log.in_flight -= 1
        if not self._transport.is_closing():
            self._transport.write(_RESPONSE)


async def serve(port: int, latency: float) -> None:
    loop = asyncio.get_running_loop()
    log, over = Log(), asyncio.Event()
    server = await loop.create_server(lambda: Connection(log, latency), "127.0.0.1", port)
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, over.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await over.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before the reply")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.latency))


if __name__ == "__main__":
    main()
