"""Asks a teacher for what a store does not hold yet.

A pool of workers pulls requests from the examples as they stream by: memory does not grow
with their number. Each reply is committed before the next request is asked, so a run can
be stopped at any moment; a rerun asks for what is missing and nothing else. How many requests
a remote teacher can take at once is its own concern.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

from teachback.costs import tokens
from teachback.errors import ConfigError, CostCapError, TeacherError
from teachback.explaining.missing_requests import MissingRequest, MissingRequests, RequestMaker
from teachback.explaining.selection import SelectionRules
from teachback.explaining.spending import Meter
from teachback.records import Completion, Example, Request, RequestKind, Strategy
from teachback.store import CompletionStore
from teachback.system.event_loops import run_to_end
from teachback.system.progress import SILENT, Progress, Step, no_notice
from teachback.teachers import Teacher

_GRACE_SECONDS = 5.0  # for what is in flight when a run is stopped


@dataclass(slots=True)
class GenerationSummary:
    """What a run did. Tokens are those of this run's replies, where the server counts them.

    ``needed`` requests = ``already_stored`` + ``stored`` + ``failed``, in a run that ended
    by itself; CROP's RP requests are needed only where COTE was not kept.
    """

    needed: int = 0
    already_stored: int = 0
    stored: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    seconds: float = 0.0

    @property
    def in_store(self) -> int:
        """How many of this run's requests have a reply by now."""
        return self.already_stored + self.stored

    def plus(self, later: GenerationSummary) -> GenerationSummary:
        """This one and a later one, as if they had been one run."""
        names = [each.name for each in fields(self)]
        return GenerationSummary(**{n: getattr(self, n) + getattr(later, n) for n in names})


class GenerationInterrupted(KeyboardInterrupt):
    """Ctrl-C, after what was in flight has been kept; says how to continue.

    A KeyboardInterrupt, so that nothing mistakes a half-asked dataset for a whole one.
    """

    def __init__(self, summary: GenerationSummary) -> None:
        super().__init__(f"interrupted: {_stored(summary)}")
        self.summary = summary


@dataclass(frozen=True, kw_only=True)
class Asking:
    """All that asking a teacher takes but the examples.

    COTE and RP: ``samples`` requests per example. CROP: COTE for each example and then, if
    none of its samples is kept, RP. A failed completion is not kept; like every failure it
    is asked again by the next run.

    Attributes:
        teacher: Who is asked.
        prompts: Makes the requests.
        strategy: ``cote``, ``rp`` or ``crop``; or ``direct``, for a prompting baseline.
        store: Gets every reply as it arrives.
        samples: Requests of a kind per example; a later, larger number asks the difference.
        rules: Decide for ``crop`` which COTE replies are kept.
        concurrency: Requests in flight at most; by default what the teacher can use.
        meter: Counts what this costs, and may have a cap.
        progress: Counts examples.
        catches_interrupts: Whether Ctrl-C stops it in order and raises GenerationInterrupted; only
            for an event loop that runs nothing else. Elsewhere it is cancelled.
    """

    teacher: Teacher
    prompts: RequestMaker
    strategy: Strategy | RequestKind
    store: CompletionStore
    samples: int = 1
    rules: SelectionRules = field(default_factory=SelectionRules)
    concurrency: int | None = None
    meter: Meter | None = None
    progress: Progress = SILENT
    catches_interrupts: bool = False

    def run(self, examples: Iterable[Example]) -> GenerationSummary:
        """Ask for all that the strategy needs and the store lacks. Each example is read once; the
        teacher's connections are closed at the end.

        Raises:
            CostCapError: The next request may pass the meter's cap; says as much as TeacherError.
            TeacherError: The teacher could not continue; says what is stored and how to continue.
            GenerationInterrupted: Ctrl-C. Asking stops at once; replies in flight are kept if
                they arrive within a few seconds, or until a second Ctrl-C.
            StoreError: The store cannot be written.

        Where an event loop is running (in a notebook, say), it asks in a thread of its own.
        """
        alone = replace(self, catches_interrupts=True)
        return run_to_end(closing(self.teacher, alone.run_async(examples)))

    async def run_async(self, examples: Iterable[Example]) -> GenerationSummary:
        """`run` for a caller with an event loop; leaves the teacher open, and Ctrl-C to the caller
        unless ``catches_interrupts`` is set. Cancelled, it stops as after Ctrl-C."""
        teacher = self.teacher
        total = len(examples) if isinstance(examples, Sized) else None
        with self.progress.track(total, f"asking {teacher.model}", unit="examples") as step:
            missing = MissingRequests(
                teacher.model,
                self.prompts,
                self.strategy,
                self.store,
                self.rules,
                self.samples,
                step,
            )
            run = _Run(teacher, missing, self.meter, step, self.catches_interrupts)
            workers = min(self.concurrency or teacher.concurrency, teacher.concurrency)
            with _attended(teacher, self.meter, step):
                return await run.work(examples, max(1, workers))


async def closing(
    teacher: Teacher, asking: Coroutine[Any, Any, GenerationSummary]
) -> GenerationSummary:
    """What ``asking`` returns, with the teacher's connections closed behind it. Raises ConfigError
    where the teacher is being asked already: its meter and its connections are for one at a time.
    """
    if teacher.is_being_asked:
        asking.close()
        raise ConfigError(
            f"teacher {teacher.model} is being asked by another call: give each call a teacher of "
            "its own, or await one before the next"
        )
    teacher.is_being_asked = True
    try:
        return await asking
    finally:
        try:
            await teacher.aclose()
        finally:
            teacher.is_being_asked = False


@contextmanager
def _attended(teacher: Teacher, meter: Meter | None, step: Step) -> Iterator[None]:
    """For as long as ``teacher`` is asked, give it the meter and listen to what it says."""
    teacher.meter, teacher.notice = meter, step.say
    try:
        yield
    finally:
        teacher.meter, teacher.notice = None, no_notice


@dataclass
class _Run:
    """One run's state, shared by its workers."""

    teacher: Teacher
    missing: MissingRequests
    meter: Meter | None
    step: Step
    catches_interrupts: bool
    summary: GenerationSummary = field(default_factory=GenerationSummary)

    def __post_init__(self) -> None:
        self._asking: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._error: Exception | None = None  # the first; others follow from it
        self._stopping = False
        self._interrupted = False

    async def work(self, examples: Iterable[Example], workers: int) -> GenerationSummary:
        began = time.monotonic()
        first_round = self.missing.first_round(examples)
        pulling = asyncio.Lock()
        self._tasks = [
            asyncio.create_task(self._worker(first_round, pulling)) for _ in range(workers)
        ]
        try:
            with self._on_interrupt():
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
                if any(not task.done() for task in self._tasks):
                    self._stop()
                await asyncio.wait(self._tasks)
        except asyncio.CancelledError:
            self._stop()
            await asyncio.wait(self._tasks)
            self._count()
            raise asyncio.CancelledError(f"interrupted: {_stored(self.summary)}") from None
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self.summary.seconds = time.monotonic() - began
            self._count()
        if isinstance(self._error, TeacherError | CostCapError):
            message = f"{self._error}; {_stored(self.summary)}"
            raise type(self._error)(message) from self._error
        if self._error is not None:
            raise self._error
        if self._interrupted:
            raise GenerationInterrupted(self.summary)
        return self.summary

    def _count(self) -> None:
        self.summary.needed = self.missing.needed
        self.summary.already_stored = self.missing.already_stored

    async def _worker(
        self, first_round: Iterator[MissingRequest | None], pulling: asyncio.Lock
    ) -> None:
        try:
            while not self._stopping:
                async with pulling:
                    missing = next(first_round, _END)
                    while missing is None:
                        await asyncio.sleep(0)
                        missing = next(first_round, _END)
                if isinstance(missing, _End):
                    return
                await self._finish(missing)
        except Exception as error:
            self._error = self._error or error
            raise

    async def _finish(self, missing: MissingRequest) -> None:
        """One request, and the second round of an example whose last first one this was."""
        unfinished = missing.of
        await self._ask(missing)
        unfinished.left -= 1
        if unfinished.left:
            return
        if missing.request.kind == "cote" and self.missing.strategy == "crop":
            for backup in self.missing.second_round(unfinished):
                if self._stopping:
                    return
                await self._ask(backup)
        self.step.advance()

    async def _ask(self, missing: MissingRequest) -> None:
        """Ask, store, count. The same prompt under two ids is asked once."""
        request, key = missing.request, missing.key
        while twin := self._asking.get(key):
            await twin.wait()
        if self.missing.is_stored(missing):
            return
        replied = self._asking[key] = asyncio.Event()
        try:
            completion = tokens.checked(await self._complete(request))
            if self.meter is None:
                self.missing.store.put(self.teacher.model, request, completion, key=key)
            else:
                self.meter.keep(request, completion, key)
        finally:
            del self._asking[key]
            replied.set()
        self.missing.replied(missing, completion)
        summary = self.summary
        if completion.finish_reason == "failed":
            summary.failed += 1
            return
        summary.stored += 1
        summary.tokens_in += completion.tokens_in or 0
        summary.tokens_out += completion.tokens_out or 0
        summary.tokens_cached += completion.tokens_cached or 0

    async def _complete(self, request: Request) -> Completion:
        if self.meter is None or self.teacher.meters_itself:
            return await self.teacher.complete(request)
        async with self.meter.attempt(request):
            return await self.teacher.complete(request)

    def _stop(self) -> None:
        """Ask nothing more; the second time, wait no longer for what is in flight."""
        grace = 0.0 if self._stopping else _GRACE_SECONDS
        self._stopping = True
        asyncio.get_running_loop().call_later(grace, self._cancel)

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    @contextmanager
    def _on_interrupt(self) -> Iterator[None]:
        """Ctrl-C stops this run in order, where that is wanted and a signal can be caught."""
        loop = asyncio.get_running_loop()

        def interrupt() -> None:
            self._interrupted = True
            self._stop()

        in_main_thread = threading.current_thread() is threading.main_thread()
        if not (self.catches_interrupts and in_main_thread):
            yield
            return
        before = signal.getsignal(signal.SIGINT)
        try:
            loop.add_signal_handler(signal.SIGINT, interrupt)
        except NotImplementedError:  # Windows: asyncio cancels the run at once
            yield
            return
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            if before is not None:  # asyncio.run's own, as a rule
                signal.signal(signal.SIGINT, before)


class _End:
    """The end of the requests; None means something else."""


_END = _End()


def _stored(summary: GenerationSummary) -> str:
    return (
        f"{summary.in_store} replies are stored ({summary.stored} of them new, {summary.failed} "
        "requests failed); the same command asks only for what is missing"
    )
