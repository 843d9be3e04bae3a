"""Lanes: bounded queues in front of the model, each with one worker thread.

Explanations take a hundred times what a direct answer takes, so these wait in lanes of their own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from teachback.serving.deadline import Deadline
from teachback.serving.requests import Refusal

_TOGETHER = 0.02
"""Seconds that the first job of a batch waits for others that arrive with it: alone, it would make
them wait for all of its own time."""

_Job = TypeVar("_Job")
_Done = TypeVar("_Done")


class Lane(Generic[_Job, _Done]):
    """Work that is done ``at_once`` jobs at a time, with at most ``most_waiting`` in the queue.

    ``work`` runs in the lane's thread and gives each job's place with its result, or with the
    exception, as soon as it is there: a client does not wait for the others of its batch. A job
    whose client is gone before its turn is not computed.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[_Job]], Iterable[tuple[int, _Done | Exception]]],
        *,
        at_once: int,
        most_waiting: int,
    ) -> None:
        self.name = name
        self._work = work
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[_Job, asyncio.Future[_Done]]] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"lane-{name}")
        self._worker: asyncio.Task[None] | None = None
        self._seconds = 1.0

    @property
    def waiting(self) -> int:
        """Jobs in the queue whose clients still wait."""
        return sum(not future.done() for _, future in self._waiting)

    def count_waiting(self) -> float:
        """As `waiting`, for a gauge."""
        return float(self.waiting)

    async def ask(self, job: _Job, deadline: Deadline) -> _Done:
        """What ``work`` makes of ``job``. Raises Refusal: 429 where the queue is full, 504 at the
        ``deadline``; and what ``work`` gave as an exception."""
        if self.waiting >= self._most_waiting:
            batches = -(-self.waiting // self._at_once)
            wait = min(60, max(1, round(batches * self._seconds)))
            raise Refusal(429, f"too many requests are waiting: try again in {wait} s", wait)
        if self._worker is None:
            self._worker = asyncio.create_task(self._run())
        future: asyncio.Future[_Done] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, future))
        self._arrived.set()
        return await deadline.wait_for(future)

    async def close(self) -> None:
        """Finish what waits, then end the worker, after the batch that it is at. The loop goes on
        meanwhile, so that signals arrive."""
        while self.waiting:
            await asyncio.sleep(0.02)
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._arrived.is_set():
                await self._arrived.wait()
                if self._at_once > 1:
                    await asyncio.sleep(_TOGETHER)
            batch: list[tuple[_Job, asyncio.Future[_Done]]] = []
            while self._waiting and len(batch) < self._at_once:
                job, future = self._waiting.popleft()
                if not future.done():
                    batch.append((job, future))
            if not batch:
                self._arrived.clear()
                continue
            started = loop.time()
            missing: Exception = RuntimeError("a job of a batch got no result")
            try:
                await loop.run_in_executor(self._thread, self._compute, batch, loop)
            except Exception as error:  # a bug in one batch must not end the lane
                missing = error
            self._seconds += 0.2 * (loop.time() - started - self._seconds)
            for _, future in batch:
                _settle(future, missing)

    def _compute(
        self,
        batch: Sequence[tuple[_Job, asyncio.Future[_Done]]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """In the lane's thread. The loop settles in the order in which it is called, so all results
        are there before it learns that the batch is done."""
        for place, done in self._work([job for job, _ in batch]):
            loop.call_soon_threadsafe(_settle, batch[place][1], done)


def _settle(future: asyncio.Future[_Done], done: _Done | Exception) -> None:
    if future.done():
        return
    if isinstance(done, Exception):
        future.set_exception(done)
    else:
        future.set_result(done)
