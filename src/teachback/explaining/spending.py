"""What a run costs, and the cap on it.

The cap holds over a store and all runs into it: what its replies have cost, as the server
counted them; the worst case of every attempt that may have been billed without a reply (a
time-out, a broken connection, a body that is no reply, a process killed while it waited); the
worst case of the attempts in flight; and that of the next one. An attempt that would pass it
is not sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from teachback.costs import tokens
from teachback.costs.prices import Price
from teachback.errors import ConfigError, CostCapError
from teachback.records import Completion, Request
from teachback.store import CompletionStore
from teachback.teachers.protocol import Attempt


@dataclass(frozen=True, slots=True)
class Bill:
    """US dollars, at most: of this run, and of all replies of the teacher in the store. Neither
    is known without a ``price``. ``lost`` attempts brought no reply and may have been billed all
    the same; for ``uncounted`` replies the server gave no token counts.
    """

    price: Price | None
    run: float
    total: float
    lost: int = 0
    uncounted: int = 0


class Meter:
    """Counts what the requests to one teacher cost; with ``cap``, stops before that is exceeded.

    Args:
        store: Notes every attempt before it is sent.
        teacher: The teacher's model.
        price: None where it is unknown: attempts are noted all the same.
        cap: US dollars, over all replies of this teacher in the store. Needs a price.
    """

    def __init__(
        self, store: CompletionStore, teacher: str, price: Price | None, cap: float | None = None
    ) -> None:
        if cap is not None and price is None:
            raise ValueError("a cap needs a price")
        self.price, self.cap = price, cap
        self._store, self._teacher = store, teacher
        self._spent = self.before = self._stored()
        self._in_flight = 0
        self._at_stake = 0.0  # dollars that those in flight cost at most
        # Whose last attempt may be billed, and stands at its worst case until its reply is kept.
        self._unsettled: set[Request] = set()
        self._changed = asyncio.Event()

    @property
    def spent(self) -> float:
        """US dollars by now, at most; 0 where the price is unknown. ``before``: at the start."""
        return self._spent

    @asynccontextmanager
    async def attempt(self, request: Request) -> AsyncIterator[Attempt]:
        """Around one attempt at ``request``; waits while those in flight may leave it room.

        Raises:
            CostCapError: It may pass the cap. Nothing was sent.
            ConfigError: There is a cap, and the prompt is longer than the price holds for.
        """
        worst = self._worst(request)
        while self.cap is not None and self._spent + self._at_stake + worst > self.cap:
            if not self._in_flight:
                raise CostCapError(
                    f"the cap of ${self.cap:g} is reached: ${self._spent:.4f} has been spent, and "
                    f"the next request may cost ${worst:.4f}; raise --max-cost to continue"
                )
            await self._changed.wait()
        self._store.charge(self._teacher, request)
        self._unsettled.discard(request)
        self._in_flight += 1
        self._at_stake += worst
        attempt = Attempt()
        try:
            yield attempt
        finally:
            self._in_flight -= 1
            self._at_stake -= worst
            if attempt.billed:
                self._spent += worst  # until `keep` knows better
                self._unsettled.add(request)
            else:
                self._store.uncharge(self._teacher, request)
            # Those who wait look again after this task has kept its reply: no await between.
            self._changed.set()
            self._changed = asyncio.Event()

    def keep(self, request: Request, completion: Completion, key: str) -> None:
        """Store what the last attempt at ``request`` brought. Where that attempt may be billed,
        what its reply cost takes the place of its worst case; earlier attempts stay as they are.
        """
        charged = request in self._unsettled and completion.finish_reason != "failed"
        self._unsettled.discard(request)
        self._store.put(self._teacher, request, completion, key=key, charged=charged)
        if self.price is None or not charged:
            return
        completion = tokens.checked(completion)
        most_in, most_out = tokens.most(request)
        self._spent += self.price.dollars(
            most_in if completion.tokens_in is None else completion.tokens_in,
            most_out if completion.tokens_out is None else completion.tokens_out,
            completion.tokens_cached or 0,
        )
        self._spent -= self._worst(request)

    def _worst(self, request: Request) -> float:
        """What one attempt costs at most."""
        if self.price is None:
            return 0.0
        most_in, most_out = tokens.most(request)
        limit = self.price.most_in
        if self.cap is not None and limit is not None and most_in > limit:
            raise ConfigError(
                f"example {request.example_id!r}: its prompt may have {most_in} tokens, and the "
                f"known price of {self._teacher} holds up to {limit}: give its price in a file of "
                "prices (--prices)"
            )
        return self.price.dollars(most_in, most_out)

    def _stored(self) -> float:
        """What the store's replies have cost, and at most its attempts without one."""
        if self.price is None:
            return 0.0
        used = self._store.usage(self._teacher)
        return self.price.dollars(used.tokens_in, used.tokens_out, used.tokens_cached)
