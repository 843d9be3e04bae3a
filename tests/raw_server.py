"""A server on loopback that writes whatever bytes a test wants, to break HTTP's rules with.

`RawServer(talk)` runs in a thread of its own. ``talk`` is a coroutine function, called for each
request with its `Turn`; the connection closes when it returns False.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Turn:
    """One request: its numbers in all and on its connection, from 0, its head, and its body."""

    number: int
    on_connection: int
    head: bytes
    body: dict[str, Any]
    writer: asyncio.StreamWriter

    @property
    def prompt(self) -> str:
        return str(self.body["messages"][-1]["content"])

    async def write(self, *pieces: bytes | float) -> None:
        """Bytes to send, and seconds to wait."""
        for piece in pieces:
            if isinstance(piece, bytes):
                self.writer.write(piece)
                await self.writer.drain()
            else:
                await asyncio.sleep(piece)


Talk = Callable[[Turn], Awaitable[bool]]


def response(body: bytes, *headers: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    """A whole response, with its length."""
    lines = [f"HTTP/{version} {status}", f"Content-Length: {len(body)}", *headers, "\r\n"]
    return "\r\n".join(lines).encode("latin-1") + body


def chat(text: str, **more: Any) -> bytes:
    """The body of a usual chat reply; ``more`` stands beside its choices."""
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], **more}).encode()


class RawServer:
    """A context manager."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.requests = self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    def __enter__(self) -> RawServer:
        self._thread.start()
        starting = asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        on_connection = 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                body = json.loads(await reader.readexactly(int(length)))
                turn = Turn(self.requests, on_connection, head, body, writer)
                self.requests += 1
                on_connection += 1
                if not await self._talk(turn):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if task.cancelling() else writer.close()
