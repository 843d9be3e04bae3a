"""SIGTERM and SIGHUP: they end a command as Ctrl-C does, in order and with a line."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_NAMES = ("SIGTERM", "SIGHUP")
_received: list[signal.Signals] = []

_SOON = 0.01
"""Seconds after which an interruption that was lost is raised again."""


def catch() -> None:
    """From now on they are raised as KeyboardInterrupt. One that is ignored, as ``nohup`` has it,
    stays ignored; a second one ends the process at once."""
    for name in _NAMES:
        number = signal.Signals.__members__.get(name)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _raise_again


def received() -> signal.Signals | None:
    """The one that has ended the command; None: none, it was Ctrl-C."""
    return _received[0] if _received else None


def _interrupt(number: int, _: FrameType | None) -> None:
    _received.append(signal.Signals(number))
    signal.signal(number, signal.SIG_DFL)
    if callable(signal.getsignal(signal.SIGINT)):
        # Whoever waits for Ctrl-C, as asyncio does, has its own way of ending.
        signal.raise_signal(signal.SIGINT)
    else:  # of a job in the background Ctrl-C is ignored
        raise KeyboardInterrupt


def _raise_again(lost: UnraisableHookArgs) -> None:
    """What Python calls with an exception that nothing can catch, since a finaliser or the like
    raised it: where that is the interruption, the command would go on as if there had been none."""
    if lost.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(lost)
        return
    number = signal.SIGINT
    if not callable(signal.getsignal(number)):
        number = received() or number
        signal.signal(number, _interrupt_now)
    threading.Timer(_SOON, _thread.interrupt_main, (number,)).start()


def _interrupt_now(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt
