"""A teacher that says what its script holds, for tests and benchmarks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from teachback.records import Completion, Request
from teachback.teachers.prompts import Form
from teachback.teachers.protocol import Teacher

Reply = str | Completion | BaseException
"""A text, a whole completion, or an error to raise."""


class ScriptedTeacher(Teacher):
    """Replies from a queue or a function, and remembers in ``asked`` what it was asked.

    ``script`` is a function of the request, or replies to be given in order; when they
    run out, completions fail. An exception among the replies is raised. Without
    ``remember``, ``asked`` stays empty and memory does not grow.
    """

    free = True

    def __init__(
        self,
        script: Callable[[Request], Reply] | Iterable[Reply],
        *,
        model: str = "scripted",
        form: Form = "chat",
        concurrency: int = 8,
        remember: bool = True,
    ) -> None:
        self.model = model
        self.form = form
        self.concurrency = concurrency
        self.asked: list[Request] = []
        self._remember = remember
        if callable(script):
            self._next = script
        else:
            queue = deque(script)
            end = Completion(text="", finish_reason="failed", error="the script is at its end")
            self._next = lambda _request: queue.popleft() if queue else end

    async def complete(self, request: Request) -> Completion:
        """The next reply of the script. Raises it, if it is an exception."""
        if self._remember:
            self.asked.append(request)
        await asyncio.sleep(0)  # let others be asked meanwhile, as with a real teacher
        reply = self._next(request)
        if isinstance(reply, BaseException):
            raise reply
        return Completion(text=reply) if isinstance(reply, str) else reply
