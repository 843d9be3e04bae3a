"""Connections that are kept between requests, and used again only while they are clean.

HTTP has no numbers that tell which request a response belongs to: what comes first on a connection
after a request is taken for the response. So a server that sends more than one response to a
request, or a body longer than it said, would have the rest of it taken for the reply to another
question. A connection with unread bytes is therefore never used again, and its server is given a
new connection for each request from then on.

What such a server sends late would come after the next request. So after a server's first
response nothing more is asked for `TRIAL_SECONDS`, once, in which the rest shows itself.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError

TRIAL_SECONDS = 0.2
"""How long a server is watched after its first response, before it is asked more."""


class WatchedResponse(aiohttp.ClientResponse):
    """A response that knows its connection after it was given back, too."""

    protocol: ResponseHandler | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        self.protocol = connection.protocol
        return await super().start(connection)


class CleanConnector(aiohttp.TCPConnector):
    """Hands out kept connections that are clean, and new ones; for one server, which is tried for
    ``trial_seconds``."""

    def __init__(self, trial_seconds: float = TRIAL_SECONDS, **options: Any) -> None:
        super().__init__(**options)
        self._trial_seconds = trial_seconds
        self._uses: WeakKeyDictionary[ResponseHandler, int] = WeakKeyDictionary()
        self._first_response: float | None = None  # when it had come
        self._is_tried = False
        self._keeps = True

    async def connect(self, *arguments: Any, **options: Any) -> Connection:
        await self._trial()
        while True:
            connection = await super().connect(*arguments, **options)
            protocol = connection.protocol
            if protocol is None:  # never of a connection just handed out
                continue
            uses = self._uses[protocol] = self._uses.get(protocol, 0) + 1
            if uses == 1:
                return connection
            try:
                await asyncio.sleep(0)  # the event loop looks for what can be read …
                await asyncio.sleep(0)  # … and has read it
            except BaseException:
                connection.close()
                raise
            if _has_unread(protocol):
                self._keeps = False
            if self._keeps and protocol.is_connected() and not protocol.should_close:
                return connection
            connection.close()

    def has_ended(self, response: aiohttp.ClientResponse) -> bool:
        """Say that a response has been read to its end. False where it may belong to an earlier
        request: more stands behind it, and the connection had been used before."""
        if self._first_response is None:
            self._first_response = time.monotonic()
        protocol = response.protocol if isinstance(response, WatchedResponse) else None
        if protocol is None or not _has_unread(protocol):
            return True
        self._keeps = False
        return self._uses.get(protocol, 0) < 2

    async def _trial(self) -> None:
        """Wait until the first response's trial is over."""
        if self._first_response is None or self._is_tried:
            return
        await asyncio.sleep(self._first_response + self._trial_seconds - time.monotonic())
        self._is_tried = True
        if any(map(_has_unread, self._uses)):
            self._keeps = False


def _has_unread(protocol: ResponseHandler) -> bool:
    """Whether there are responses that nobody asked for, or bytes that are none."""
    return len(protocol) > 0 or isinstance(protocol.exception(), HttpProcessingError)
