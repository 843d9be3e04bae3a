"""Commands on damaged files and hostile arguments: made from a seed, run, and judged.

The test runs some thousands one after the other in its process. ``python -m bench.fuzz`` runs
this file with more, in forks of one process, whose memory is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import os
import random
import resource
import select
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import FrameType

import click
import psutil
import torch

from fuzz_damage import damage
from fuzz_files import TARGETS, Workspace, cells_here
from teachback.cli import cli
from teachback.system.terminal import visible

HANG = 10
"""Seconds after which a command counts as hanging."""

MEMORY = 1 << 30
"""Bytes that a command may take over what the process with the libraries has."""


@dataclass(frozen=True)
class Case:
    """One command, with what was done to the files before it."""

    words: tuple[str, ...]
    kind: str
    damage: str


@dataclass(frozen=True)
class Ended:
    """What a command came to; ``failed``: where, if with a traceback, or what else was wrong."""

    code: int
    said: str
    printed: str
    failed: str | None
    memory: int = 0
    """Bytes at most over those of the process with the libraries, where they are measured: of this
    command, or of one before it in the same process."""


Run = Callable[[list[str]], Ended]


@dataclass
class Tally:
    """What many cases came to."""

    cases: int = 0
    seconds: float = 0.0
    codes: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    time: Counter[str] = field(default_factory=Counter)
    """Seconds by kind."""
    slowest: float = 0.0
    memory: int = 0
    """The most bytes that a case took."""
    faults: dict[str, list[str]] = field(default_factory=dict)
    """Place or sort of a fault → the cases that showed it."""


# ---------------------------------------------------------------------- arguments

_ARGUMENTS = (
    "", " ", "-", "--", ".", "/", "nan", "inf", "-inf", "1e999", "-1", "0", "1" * 400, "1.5.5",
    "x" * 50_000, "n" * 256, "a/" * 3000, "~nouser/x", "~", "\x1b]0;t\x07\x1b[2J", "\u202e",
    "\udcff\udcfe", "a\x00b", "/dev/zero", "/proc/self/mem", "train.jsonl/x", "hf:", "hf:a/b:c/d",
    "recorded:", "gguf:", "gguf:train.jsonl", "pypi:x", "openai:", "openai:m@http://", "scripted",
    "run", "run/student", "train.jsonl", "tiny", "none", "auto", "\n", "a\nb", "%s", "{}", "*",
)  # fmt: skip
_SOUND = {
    "data check train.jsonl": 1,
    "data stats train.jsonl": 1,
    "generate train.jsonl --teacher recorded:teacher.jsonl -o OUT": 1,
    "generate train.jsonl --teacher recorded:teacher.jsonl --pilot 3 -o OUT": 1,
    "generate train.jsonl --teacher scripted --dry-run": 1,
    "select run --strategy cote -o OUT": 1,
    "evaluate --teacher recorded:teacher.jsonl test.jsonl -o OUT": 1,
    "compare run run2": 1,
    "compare run run2 --json": 1,
    "report studied -o -": 0.4,
    "report studied --format csv -o OUT": 1,
    "study run study.toml --dry-run": 0.4,
    "export openai-finetune train.jsonl -o OUT": 1,
    "data desk -o OUT": 1,
    "data import commonsenseqa csqa.jsonl -o OUT": 1,
    "run run.toml -o run": 0.1,
    "ask tiny Why? --choice a --choice b": 0.3,
    "train train.jsonl --objective st --student tiny --precision fp32 --epochs 1 -o OUT": 0.05,
}
"""Commands that succeed, and how often each is chosen: some take longer."""
_SLOW_OPTIONS = ("--help", "--train-cases", "--test-cases", "--engine", "--keep-students")


def hostile_words(rng: random.Random) -> list[str]:
    """A sound command with a word replaced, or an option more."""
    words = rng.choices(list(_SOUND), list(_SOUND.values()))[0].split()
    places = [i for i, word in enumerate(words) if i > 0 and not word.startswith("-")]
    value = rng.choice(_ARGUMENTS)
    if rng.random() < 0.5:
        words[rng.choice(places)] = value
        return words
    command: click.Command | None = cli.get_command(click.Context(cli), words[0])
    if isinstance(command, click.Group):
        command = command.commands[words[1]]
    assert command is not None
    options = [
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if not parameter.is_flag and option not in _SLOW_OPTIONS
    ]
    return [*words, rng.choice(options), value] if options else [*words, value]


# ---------------------------------------------------------------------- running


class Hung(BaseException):
    """A command took longer than `HANG`."""


def in_process(words: list[str]) -> Ended:
    """Run a command here."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="replace"), io.StringIO()

    def stop(_: int, frame: FrameType | None) -> None:
        raise Hung("".join(traceback.format_stack(frame)[-1:]))

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANG)
    ceiling = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(
        resource.RLIMIT_DATA, (psutil.Process().memory_info().vms + MEMORY, ceiling[1])
    )
    failed: str | None = None
    code = 0
    try:
        with cells_here(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main(words)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except Hung as hung:
        code, failed = -1, f"hangs at {_place(hung)}"
    except BaseException as error:
        code, failed = 1, f"{type(error).__name__} at {_place(error)}: {str(error)[:100]!r}"
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_DATA, ceiling)
        signal.signal(signal.SIGALRM, before)
    out.flush()
    printed = out.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]
    return Ended(code, err.getvalue(), printed, failed)


class Forks:
    """Runs commands in forks of this process, each of `LIFE` commands or until one goes wrong. A
    command that does not end in time is killed, as in a library that lets no signal through."""

    LIFE = 50

    def __init__(self) -> None:
        self._child = self._done = 0

    def run(self, words: list[str]) -> Ended:
        if not self._child:
            self._fork()
        self._done += 1
        self._told.write(f"{json.dumps(words)}\n")
        self._told.flush()
        ready, _, _ = select.select([self._heard], [], [], HANG + 5)
        line = self._heard.readline() if ready else ""
        if line:
            ended = Ended(**json.loads(line))
            if ended.memory > MEMORY:
                ended = replace(ended, failed=f"{ended.memory >> 20} MiB of memory: {words[0]}")
            if ended.failed or self._done == self.LIFE:
                self.close()
            return ended
        status = self.close()
        how = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        failed = f"killed by {how}" if ready else "hangs where no signal is seen"
        return Ended(-1, "", "", f"{failed}: {words[0]}")

    def close(self) -> int:
        """End the fork; how it ended."""
        if not self._child:
            return 0
        self._told.close()
        self._heard.close()
        ended, status = os.waitpid(self._child, os.WNOHANG)
        if not ended:
            time.sleep(0.05)  # one that dies may not be dead yet
            ended, status = os.waitpid(self._child, os.WNOHANG)
        if not ended:
            os.kill(self._child, signal.SIGKILL)
            _, status = os.waitpid(self._child, 0)
        self._child = 0
        return os.waitstatus_to_exitcode(status)

    def _fork(self) -> None:
        to_read, to_tell = os.pipe()
        to_hear, to_answer = os.pipe()
        self._done = 0
        self._child = os.fork()
        if self._child:
            os.close(to_read)
            os.close(to_answer)
            self._told = os.fdopen(to_tell, "w", encoding="utf-8")
            self._heard = os.fdopen(to_hear, encoding="utf-8")
            return
        os.close(to_tell)
        own = psutil.Process().memory_info().rss
        with (
            open(to_read, encoding="utf-8") as asked,
            open(to_answer, "w", encoding="utf-8") as out,
        ):
            for line in asked:
                ended = in_process(json.loads(line))
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                out.write(f"{json.dumps(asdict(replace(ended, memory=max(0, peak - own))))}\n")
                out.flush()
        os._exit(0)


def _place(error: BaseException) -> str:
    """The last line of this package in a traceback, and the function of the library under it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/teachback/" in f.filename]
    place = own[-1] if own else frames[-1]
    return f"{place.filename.rpartition('/src/')[2]}:{place.lineno} ({frames[-1].name})"


def fault_of(case: Case, ended: Ended, seconds: float) -> str | None:
    """What is wrong with how a command ended, whatever it was given; None: nothing."""
    told = [line for line in ended.said.splitlines() if line.startswith("teachback: ")]
    if ended.failed is not None:
        return ended.failed
    if ended.code not in (0, 1, 2):
        return f"exit code {ended.code}"
    if ended.code and len(told) != 1:
        return f"{len(told)} lines of an error: {case.words[0]}"
    if "Traceback" in ended.said:
        return "a traceback in the messages"
    for stream, text in (("error", ended.said), ("output", ended.printed)):
        if visible(text) != text:
            return f"an escape on standard {stream}: {case.words[0]}"
    if any(len(line) > 2100 for line in told):
        return "a message of thousands of characters"
    if "not enough memory" in ended.said:
        return f"memory: {case.words[0]}"
    return f"hangs: {case.words[0]}" if seconds > HANG else None


def make_case(number: int, seed: int, space: Workspace) -> Case:
    """Case ``number``, its damage done to the files of ``space``."""
    rng = random.Random(f"{seed}-{number}")
    if rng.random() < 0.25:
        words = [word.replace("OUT", "new") for word in hostile_words(rng)]
        return Case(tuple(words), "arguments", "")
    target = rng.choices(TARGETS, [one.share for one in TARGETS])[0]
    how = damage(space.found(target.file), rng)
    return Case(words_of(target.file, rng.choice(target.commands)), target.name, how)


def words_of(file: str, command: str) -> tuple[str, ...]:
    """A target's command as its words."""
    return tuple(w.replace("OUT", "new").replace("{}", file) for w in command.split())


def fuzz(cases: int, seed: int, space: Workspace, run: Run = in_process, first: int = 0) -> Tally:
    """Run so many cases in ``space``, which is as it was afterwards."""
    tally, began = Tally(), time.monotonic()
    here = Path.cwd()
    os.chdir(space.place)
    try:
        for number in range(first, first + cases):
            case = make_case(number, seed, space)
            started = time.monotonic()
            ended = run(list(case.words))
            seconds = time.monotonic() - started
            space.restore()
            tally.cases += 1
            tally.codes[ended.code] += 1
            tally.kinds[case.kind] += 1
            tally.time[case.kind] += time.monotonic() - started
            tally.slowest = max(tally.slowest, seconds)
            tally.memory = max(tally.memory, ended.memory)
            if (fault := fault_of(case, ended, seconds)) is not None:
                words = [word if len(word) < 200 else f"{word[:60]}…" for word in case.words]
                tally.faults.setdefault(fault, []).append(
                    f"case {number}: {words} [{case.kind}: {case.damage}] exit {ended.code} "
                    f"{ended.said[-300:]!r}"
                )
    finally:
        os.chdir(here)
    tally.seconds = time.monotonic() - began
    return tally


def warm_up(space: Workspace) -> dict[str, Ended]:
    """Run every command on sound files, which also loads what commands load: by command."""
    here, found = Path.cwd(), {}
    space.restore()
    try:
        for target in TARGETS:
            for command in target.commands:
                words = words_of(target.file, command)
                found[" ".join(words)] = in_process(list(words))
                space.restore()
    finally:
        os.chdir(here)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--in-process", action="store_true")
    given = parser.parse_args()
    os.environ["TEACHBACK_OFFLINE"] = "1"
    # A fork has none of the threads that the libraries have started, and waits for them for ever.
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        os.environ["TEACHBACK_CACHE"] = f"{temporary}/cache"
        space = Workspace(Path(temporary) / "space")
        space.make()
        warm_up(space)
        gc.collect()
        gc.freeze()  # what is there stays shared with the forks
        libraries = psutil.Process().memory_info().rss
        forks = Forks()
        run = in_process if given.in_process else forks.run
        tally = fuzz(given.cases, given.seed, space, run, given.first)
        forks.close()
        os.chdir("/")
    figures = {"cases": tally.cases, "seconds": tally.seconds, "slowest": tally.slowest}
    figures |= {"codes": tally.codes, "kinds": tally.kinds, "faults": tally.faults}
    print(json.dumps({**figures, "memory": tally.memory, "libraries": libraries}))


if __name__ == "__main__":
    main()
