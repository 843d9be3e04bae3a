"""Progress as a user sees it: a bar on a terminal, few plain lines elsewhere, or nothing."""

from __future__ import annotations

import io

import pytest

from teachback.system.progress import SILENT, Progress, clock_text


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run_steps(progress: Progress, clock: Clock, count: int, seconds: float) -> None:
    with progress.track(count, "generate", unit="requests") as step:
        for _ in range(count):
            clock.now += seconds
            step.advance()


def test_plain_lines_name_count_rate_and_time_left() -> None:
    clock, stream = Clock(), io.StringIO()
    run_steps(Progress(stream, clock=clock), clock, count=480, seconds=0.5)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "generate: 20/480 requests (4%), 2/s, 3:50 left"
    assert lines[-2] == "generate: 460/480 requests (96%), 2/s, 0:10 left"
    assert lines[-1] == "generate: 480/480 requests (100%), done in 4:00, 2/s"
    assert len(lines) == 24  # one each ten seconds, the last of them the final line


def test_quick_steps_get_a_line_each_tenth_but_not_within_a_second() -> None:
    clock, stream = Clock(), io.StringIO()
    run_steps(Progress(stream, clock=clock), clock, count=100, seconds=0.25)
    shares = [line.split("(")[1].split(")")[0] for line in stream.getvalue().splitlines()]
    assert shares == [f"{share}%" for share in range(10, 101, 10)]
    instant = io.StringIO()
    run_steps(Progress(instant, clock=clock), clock, count=1000, seconds=0.0001)
    assert instant.getvalue() == "generate: 1000/1000 requests (100%), done in 0:00, 10000/s\n"


def test_quiet_prints_the_last_line_alone_even_on_a_terminal() -> None:
    clock, stream = Clock(), Terminal()
    run_steps(Progress(stream, quiet=True, clock=clock), clock, count=100, seconds=1)
    assert stream.getvalue() == "generate: 100/100 requests (100%), done in 1:40, 1/s\n"


def test_a_terminal_gets_a_bar_with_rate_and_time_left() -> None:
    stream = Terminal()
    with Progress(stream).track(4, "train", done=2) as step:
        step.advance(2, note="loss 1.25")
    shown = stream.getvalue()
    assert "\rtrain:" in shown
    assert "2/4" in shown
    assert shown.splitlines()[-1].startswith("train: 4/4 (100%), done in 0:00, ")
    assert shown.endswith(", loss 1.25\n")


def test_what_a_resumed_step_had_done_before_does_not_count_as_speed() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(stream, clock=clock).track(100, "train", done=50) as step:
        clock.now += 10
        step.advance(10, note="loss 0.5")
    first, last = stream.getvalue().splitlines()
    assert first == "train: 60/100 (60%), 1/s, 0:40 left, loss 0.5"
    assert last == "train: 60/100 (60%), done in 0:10, 1/s, loss 0.5"


def test_an_error_ends_the_step_as_stopped() -> None:
    clock, stream = Clock(), io.StringIO()

    def work() -> None:
        with Progress(stream, clock=clock).track(100, "train") as step:
            clock.now += 4
            step.advance()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert stream.getvalue() == "train: 1/100 (1%), stopped after 0:04, 0.25/s\n"


def test_an_unknown_total_shows_the_count() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(stream, clock=clock).track(None, "read") as step:
        clock.now += 20
        step.advance(5)
    first, last = stream.getvalue().splitlines()
    assert first == "read: 5, 0.25/s"
    assert last == "read: 5, done in 0:20, 0.25/s"


def test_no_work_is_no_division_by_zero() -> None:
    stream = io.StringIO()
    assert list(Progress(stream, clock=Clock()).over([], "score")) == []
    assert stream.getvalue() == "score: 0, done in 0:00\n"


def test_over_counts_what_passes_through() -> None:
    stream = io.StringIO()
    assert list(Progress(stream, clock=Clock()).over("abc", "score")) == ["a", "b", "c"]
    assert stream.getvalue() == "score: 3/3 (100%), done in 0:00\n"


def test_the_library_default_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    run_steps(SILENT, Clock(), count=30, seconds=60)
    assert capsys.readouterr() == ("", "")


def test_clock_text() -> None:
    assert [clock_text(seconds) for seconds in (-1, 0.4, 59.6, 116, 7400)] == [
        "0:00",
        "0:00",
        "1:00",
        "1:56",
        "2:03:20",
    ]
