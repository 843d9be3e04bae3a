"""What a teacher is: a model's name, one method, and what it says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from teachback.records import Completion, Request
from teachback.system.progress import Notice, no_notice
from teachback.teachers.prompts import Form


@dataclass(slots=True)
class Attempt:
    """One sending of a request. ``billed``: it may be paid for; set it to False where it
    certainly is not (refused, or never sent)."""

    billed: bool = True


class AttemptMeter(Protocol):
    """Counts what attempts cost, and stops those that could cost too much."""

    def attempt(self, request: Request) -> AbstractAsyncContextManager[Attempt]:
        """To be held around each attempt. May wait, or raise `CostCapError`."""
        ...


class Teacher(ABC):
    """A large model that explains.

    Derive a teacher of your own from this class and pass an object of it to
    `teachback.generate`; nothing is registered anywhere. The whole of one::

        import teachback as tb
        from teachback.records import Completion


        class MyTeacher(tb.Teacher):
            model = "my-model-2026-11"

            async def complete(self, request):
                prompt = [(m.role, m.content) for m in (*request.prefix, *request.messages)]
                reply = "Water freezes when it is cold.\\nThe answer is (A) ice."
                return Completion(reply, tokens_in=len(str(prompt)) // 4, tokens_out=15)

    Everything but ``model`` and ``complete`` has a default:

    Attributes:
        model: Its name. Part of the store's key, so whatever changes the replies to the
            same prompt must change this name too.
        form: The form of prompt that it takes, ``chat`` or ``text``.
        concurrency: The most requests it can usefully hold at once. Generation never has
            more in flight; a remote teacher finds its own level below it.
        address: The URL of the server that it asks, by which its price is found; None where
            it asks none.
        free: Whether nothing is ever paid for its replies (a recording, a model in this
            process). Where it is False and no server is named, what it costs is unknown.
        meters_itself: Whether ``complete`` may send a request several times and holds
            ``meter`` around each attempt. Where it is False, a call counts as one attempt.
        meter: Set while requests are asked that may cost money; for a teacher that
            ``meters_itself``.
        changes: What it sends differently from what was asked, since its server refuses it, in
            sentences for the user.
        is_being_asked: Set while a run asks it: a second run at the same time is refused.
        notice: Set while requests are asked: gets a line for the user about what is unusual.
    """

    model: str
    form: Form = "chat"
    concurrency: int = 8
    address: str | None = None
    free: bool = False
    meters_itself: bool = False
    meter: AttemptMeter | None = None
    changes: Sequence[str] = ()
    is_being_asked: bool = False
    notice: Notice = staticmethod(no_notice)

    @abstractmethod
    async def complete(self, request: Request) -> Completion:
        """Reply to one request.

        Whatever concerns this one request alone comes back as a completion with
        ``finish_reason="failed"`` and an ``error``; it is asked again by the next run.

        Raises:
            TeacherError: No other request can succeed either (a wrong key, a server that
                is gone). The run stops; what is stored stays.
        """

    def check_ready(self) -> None:  # noqa: B027 - most teachers need nothing
        """Make sure, before anything is asked or written, that it can be asked at all. What only
        counts, estimates or reads a store does not call this.

        Raises:
            ReferenceError_: It cannot, because a key is missing, say.
        """

    async def aclose(self) -> None:  # noqa: B027 - most teachers hold nothing open
        """Release whatever it holds open. A later ``complete`` opens it again, possibly in a
        different event loop."""
