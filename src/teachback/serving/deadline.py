"""How long one request may take: everything that is done for it ends at one time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Self, TypeVar

from teachback.serving.requests import Refusal

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of a request that was given ``seconds``, by the running loop's clock."""

    seconds: float
    end: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(seconds, asyncio.get_running_loop().time() + seconds)

    async def wait_for(self, awaited: Awaitable[_Found]) -> _Found:
        """What ``awaited`` comes to. At the end it is cancelled, and Refusal raised (504)."""
        try:
            async with asyncio.timeout_at(self.end) as scope:
                return await awaited
        except TimeoutError:
            if not scope.expired():  # one of its own
                raise
            raise Refusal(504, f"no answer within {self.seconds:g} s") from None
