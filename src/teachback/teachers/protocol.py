"""What a teacher is: a model's name and one method.

A teacher of your own is any object with these three attributes and this method; pass it
to ``generate`` as it is. Nothing is registered anywhere.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from teachback.records import Completion, Request
from teachback.teachers.prompts import Form


@dataclass(slots=True)
class Attempt:
    """One sending of a request. ``billed``: it may be paid for; set it to False where it
    certainly is not (refused, or never sent)."""

    billed: bool = True


class Meter(Protocol):
    """Counts what attempts cost, and stops those that could cost too much."""

    def attempt(self, request: Request) -> AbstractAsyncContextManager[Attempt]:
        """To be held around each attempt. May wait, or raise `CostCapError`."""
        ...


class Teacher(Protocol):
    """A large model that explains.

    Attributes:
        model: Its name. Part of the store's key, so whatever changes the replies to the
            same prompt must change this name too.
        form: Which prompts it wants.
        concurrency: The most requests it can usefully hold at once. Generation never has
            more in flight; a remote teacher finds its own level below it.

    A teacher that holds connections may also have ``async aclose()``; ``generate`` calls
    it at the end, and a later ``complete`` must open anew (the event loop is another). One
    that tries again by itself should have ``meter: Meter | None = None``: ``generate`` sets
    it where calls cost money; without it, a call of ``complete`` counts as one attempt. One
    that asks a server has its URL as ``address``, by which the price is found.
    """

    model: str
    form: Form
    concurrency: int

    async def complete(self, request: Request) -> Completion:
        """Reply to one request.

        Whatever concerns this one request alone comes back as a completion with
        ``finish_reason="failed"`` and an ``error``; it is asked again by the next run.

        Raises:
            TeacherError: No other request can succeed either (a wrong key, a server that
                is gone). The run stops; what is stored stays.
        """
        ...
