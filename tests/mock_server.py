"""A real HTTP server on loopback that speaks OpenAI's protocol, faults included.

`MockServer(behave)` runs in a thread of its own. ``behave`` is called for each request
with its `Asked` and returns what to do: a `Reply`, or one of the faults below.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request as the server got it. ``number`` counts from 0."""

    number: int
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float

    @property
    def prompt(self) -> str:
        """The last turn, or the whole text prompt."""
        if "prompt" in self.body:
            return str(self.body["prompt"])
        return str(self.body["messages"][-1]["content"])


@dataclass(frozen=True)
class Reply:
    """An HTTP response. ``cut`` sends half the body and closes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    cut: bool = False
    content_type: str = "application/json"


RESET = "reset"  # the connection breaks without a response
HANG = "hang"  # no response, ever

Behaviour = Callable[[Asked], "Reply | str"]


def said(text: str | None, *, seconds: float = 0.0, **message: object) -> Reply:
    """A usual chat reply; further keywords go into the message."""
    return choice({"message": {"role": "assistant", "content": text, **message}}, seconds=seconds)


def choice(
    content: Mapping[str, object],
    *,
    finish_reason: str = "stop",
    usage: Mapping[str, object] | None = None,
    seconds: float = 0.0,
) -> Reply:
    """A reply with one choice."""
    data = {"choices": [{"index": 0, "finish_reason": finish_reason, **content}], "usage": usage}
    return Reply(body=json.dumps(data).encode(), seconds=seconds)


def refused(status: int, message: str = "no", *, code: str | None = None, **headers: str) -> Reply:
    """An error as OpenAI words it; ``retry_after="1"`` becomes the header Retry-After."""
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, body, headers=named)


class MockServer:
    """A context manager; ``asked`` is its log. `stop` and `start` keep the port."""

    def __init__(self, behave: Behaviour, *, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self._tls = tls
        self.asked: list[Asked] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self.connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        self._call(self._start())

    def stop(self) -> None:
        self._call(self._stop())

    def __enter__(self) -> MockServer:
        self._thread.start()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=10)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self._port, ssl=self._tls
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for connection in self.connections:
            connection.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.connections.discard(task)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its response; whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        asked = Asked(len(self.asked), head[0].split()[1], headers, body, time.monotonic())
        self.asked.append(asked)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._respond(self.behave(asked), writer)
        finally:
            self.in_flight -= 1

    async def _respond(self, reply: Reply | str, writer: asyncio.StreamWriter) -> bool:
        if reply == HANG:
            await asyncio.sleep(3600)
        if not isinstance(reply, Reply):
            # Linger of zero seconds: closing sends RST instead of FIN.
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if reply.seconds:
            await asyncio.sleep(reply.seconds)
        lines = [
            f"HTTP/1.1 {reply.status} -",
            f"Content-Type: {reply.content_type}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
            "\r\n",
        ]
        sent = reply.body[: len(reply.body) // 2] if reply.cut else reply.body
        writer.write("\r\n".join(lines).encode("latin-1") + sent)
        await writer.drain()
        if reply.cut:
            writer.close()
        return not reply.cut
