"""What a teacher is: a model's name and one method.

A teacher of your own is any object with these three attributes and this method; pass it
to ``generate`` as it is. Nothing is registered anywhere.
"""

from __future__ import annotations

from typing import Protocol

from teachback.prompts import Form
from teachback.records import Completion, Request


class Teacher(Protocol):
    """A large model that explains.

    Attributes:
        model: Its name. Part of the store's key, so whatever changes the replies to the
            same prompt must change this name too.
        form: Which prompts it wants.
        concurrency: The most requests it can usefully hold at once. Generation never has
            more in flight; a remote teacher finds its own level below it.

    A teacher that holds connections may also have ``async aclose()``; ``generate`` calls
    it at the end, and a later ``complete`` must open anew (the event loop is another).
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
