"""How many requests a remote server can take at once, found out while asking.

Additive increase, multiplicative decrease, as TCP does it (Jacobson 1988): the limit
doubles per round of replies until the first trouble, then grows by one per round; a
round with trouble halves it. A pause that the server asked for holds for all.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque


class Pressure:
    """A limit on requests in flight that finds its own level between 1 and ``most``.

    Use ``await enter()`` before a request, then ``went_well()`` or ``trouble(began)``, with the
    moment at which it was sent, and ``leave()`` in the end in any case. One event loop at a time.
    """

    def __init__(self, most: int, *, start: int = 4) -> None:
        self._most = max(1, most)
        self._limit = float(min(start, self._most))
        self._slow_start = True
        self._halved_at = -1.0
        self._paused_until = -1.0
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        """The most requests in flight right now."""
        return int(self._limit)

    async def enter(self) -> None:
        """Wait for a place."""
        while True:
            pause = self._paused_until - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            elif self._in_flight < self.limit:
                self._in_flight += 1
                return
            else:
                place = asyncio.get_running_loop().create_future()
                self._waiting.append(place)
                try:
                    await place
                except asyncio.CancelledError:
                    self._wake()  # the place may have been offered already: pass it on
                    raise

    def leave(self) -> None:
        """Give the place back."""
        self._in_flight -= 1
        self._wake()

    def went_well(self) -> None:
        """A reply arrived: room for more."""
        step = 1.0 if self._slow_start else 1 / self._limit
        self._limit = min(float(self._most), self._limit + step)
        self._wake()

    def trouble(self, began: float) -> None:
        """The server was overloaded or gone for the request sent at ``began``, by
        `time.monotonic`.

        Requests that were already in flight at the last halving say nothing new about
        the limit it left, so a burst of failures halves once, not down to one.
        """
        self._slow_start = False
        if began > self._halved_at:
            self._limit = max(1.0, self._limit / 2)
            self._halved_at = time.monotonic()

    def pause(self, seconds: float) -> None:
        """Nobody enters for so long; a longer pause in force stays."""
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def _wake(self) -> None:
        free = self.limit - self._in_flight
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1
