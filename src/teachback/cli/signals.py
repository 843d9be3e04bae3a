"""SIGTERM and SIGHUP: they end a command as Ctrl-C does, in order and with a line."""

from __future__ import annotations

import signal
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP")
_received: list[signal.Signals] = []


def catch() -> None:
    """From now on they are raised as KeyboardInterrupt. One that is ignored, as ``nohup`` has it,
    stays ignored; a second one ends the process at once."""
    for name in _NAMES:
        number = signal.Signals.__members__.get(name)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


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
