"""Progress of long work: a bar on a terminal, plain lines elsewhere, silence by default.

The command line makes one `Progress` and passes it down. Library functions take
``progress: Progress = SILENT`` and never print by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Never, TextIO, TypeVar

from teachback.system.terminal import visible

if TYPE_CHECKING:
    from tqdm import tqdm

Notice = Callable[[str], None]
"""Gets a line for the user, without a line end: what takes a while, what is unusual."""

_T = TypeVar("_T")

_LINE_SECONDS = 10.0
"""A plain line at least this often, as long as work advances…"""

_LINE_SHARE = 0.1
"""…and whenever this share more of the work is done…"""

_LINE_PAUSE = 1.0
"""…but never sooner than this after the last one (seconds)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where progress goes. ``stream`` None: nowhere; ``quiet``: one last line per step."""

    stream: TextIO | None = None
    quiet: bool = False
    clock: Callable[[], float] = time.monotonic

    def track(self, total: int | None, what: str, *, unit: str = "", done: int = 0) -> Step:
        """Start a step of ``total`` units (None: not known), to be used in a ``with`` block.

        ``done`` units were done before (a resumed run): they count, but not in the rate.
        """
        return Step(self, total, what, unit, done)

    def over(
        self, items: Iterable[_T], what: str, *, unit: str = "", total: int | None = None
    ) -> Iterator[_T]:
        """Yield from ``items``, counting each when the next one is asked for."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        with self.track(total, what, unit=unit) as step:
            for item in items:
                yield item
                step.advance()


SILENT = Progress()
"""The default of library functions: nothing is shown."""


def no_notice(_line: str) -> None:
    """The default of library functions: nothing is said."""


class Step:
    """One long step under way. Not thread-safe; call it from one thread or event loop."""

    def __init__(
        self, progress: Progress, total: int | None, what: str, unit: str, done: int
    ) -> None:
        self._stream, self._quiet, self._clock = progress.stream, progress.quiet, progress.clock
        self._total, self._what, self._unit = total, visible(what), unit
        self._done = self._done_before = self._line_done = done
        self._started = self._line_time = self._clock()
        self._note = ""
        self._left: float | None = None
        self._bar: tqdm[Never] | None = None

    def __enter__(self) -> Step:
        self._started = self._line_time = self._clock()
        if self._stream is not None and not self._quiet and self._stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._total,
                initial=self._done,
                desc=self._what,
                unit=f" {self._unit}" if self._unit else "",
                file=self._stream,
                dynamic_ncols=True,
                leave=False,
            )
        return self

    def advance(self, n: int = 1, note: str = "", *, left: float | None = None) -> None:
        """``n`` more units are done; ``note`` (``loss 1.23``) stands at the end of the line.
        ``left``: seconds that remain, where the units are too unlike for the rate to tell.
        """
        self._done += n
        note = visible(note)
        self._note = note or self._note
        self._left = self._left if left is None else left
        if self._bar is not None:
            if self._left is not None:
                self._bar.bar_format = "{l_bar}{bar}| {n_fmt}/{total_fmt}{unit}{postfix}"
                note = f"{self._note}, {clock_text(self._left)} left"
            if note:
                self._bar.set_postfix_str(note, refresh=self._left is not None)
            self._bar.update(n)
        elif self._stream is not None and not self._quiet and self._line_is_due():
            self._line_time, self._line_done = self._clock(), self._done
            self._print(self._line())

    def say(self, line: str) -> None:
        """A `Notice` while this step is under way."""
        if self._bar is not None:
            self._bar.write(line, file=self._stream)
        else:
            self._print(line)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        self._print(self._last_line("done in" if kind is None else "stopped after"))

    def _line_is_due(self) -> bool:
        if self._done == self._total:
            return False  # the last line follows at once
        pause = self._clock() - self._line_time
        share = 0.0
        if self._total:
            share = (self._done - self._line_done) / self._total
        return pause >= _LINE_SECONDS or (pause >= _LINE_PAUSE and share >= _LINE_SHARE)

    def _rate(self) -> float | None:
        """Units a second since this step began, or None as long as that says nothing."""
        seconds = self._clock() - self._started
        done = self._done - self._done_before
        return done / seconds if done > 0 and seconds > 0 else None

    def _line(self) -> str:
        parts = [self._count()]
        rate = self._rate()
        if self._left is not None:
            parts.append(f"{clock_text(self._left)} left")
        elif rate is not None:
            parts.append(self._rate_text(rate))
            if self._total is not None:
                parts.append(f"{clock_text((self._total - self._done) / rate)} left")
        return self._join(parts)

    def _last_line(self, ending: str) -> str:
        parts = [self._count(), f"{ending} {clock_text(self._clock() - self._started)}"]
        rate = self._rate()
        if rate is not None:
            parts.append(self._rate_text(rate))
        return self._join(parts)

    def _join(self, parts: list[str]) -> str:
        return f"{self._what}: {', '.join([*parts, self._note] if self._note else parts)}"

    def _count(self) -> str:
        unit = f" {self._unit}" if self._unit else ""
        if not self._total:
            return f"{self._done}{unit}"
        return f"{self._done}/{self._total}{unit} ({self._done / self._total:.0%})"

    def _rate_text(self, rate: float) -> str:
        return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.2g}/s"

    def _print(self, line: str) -> None:
        if self._stream is not None:
            self._stream.write(f"{line}\n")
            self._stream.flush()


def clock_text(seconds: float) -> str:
    """``1:56`` or ``2:03:20``, rounded to the second."""
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
