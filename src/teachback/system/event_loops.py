"""Running a coroutine to its end, from plain code: also where an event loop runs already, as in
a notebook."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from typing import Any, TypeVar

_T = TypeVar("_T")

_LOOK_SECONDS = 0.5
"""How often the waiting thread looks up, where its wait is not broken off by Ctrl-C (Windows)."""


def run_to_end(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """What ``coroutine`` returns or raises.

    Where an event loop is running in this thread, the coroutine gets a thread and a loop of its
    own, and this one waits. Ctrl-C then cancels the coroutine; once that has come to its end,
    KeyboardInterrupt is raised with the words that it was left with. A second Ctrl-C cancels
    again.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    return _in_a_thread(coroutine)


def signalled() -> asyncio.Event:
    """What is set by SIGINT and SIGTERM from now on, in the running loop; a second signal ends the
    process at once."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def first() -> None:
        ended.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    try:
        for number in numbers:
            loop.add_signal_handler(number, first)
    except (NotImplementedError, RuntimeError):
        pass  # Windows, or not the main thread: KeyboardInterrupt ends it
    return ended


def _in_a_thread(coroutine: Coroutine[Any, Any, _T]) -> _T:
    outcome: Future[_T] = Future()
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()

    async def run() -> _T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs is a task's
        running.set_result((asyncio.get_running_loop(), task))
        return await coroutine

    def work() -> None:
        try:
            outcome.set_result(asyncio.run(run()))
        except BaseException as error:
            outcome.set_exception(error)

    # With the caller's context: what is printed goes to the notebook's cell.
    threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()
    interrupted = False
    while not outcome.done():
        try:
            wait([outcome], _LOOK_SECONDS)
        except KeyboardInterrupt:
            interrupted = True
            loop, task = running.result()
            if not outcome.done():
                loop.call_soon_threadsafe(task.cancel)
    try:
        return outcome.result()
    except asyncio.CancelledError as error:
        if interrupted:
            raise KeyboardInterrupt(*error.args) from None
        raise
