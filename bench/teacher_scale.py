"""A million examples through the real generation and the real store, with a scripted teacher.

    python -m bench.teacher_scale                  everything, 1,000,000 examples (about 20 minutes)
    python -m bench.teacher_scale --number 100000  the same, smaller
    python -m bench.teacher_scale --only library   or: --only command

*library*: `teachback.explaining.asking.Asking` over a generator of examples. CROP and then RP
fill a store each; peak memory on the way, replies a second, bytes a reply. Then finished runs are
resumed: COTE, RP and CROP. *command*: the same number of rows in a file through ``teachback
generate`` (COTE), and through it again: peak memory and seconds, selection and files included.

Every part runs in a process of its own, one after the other. Question and reply texts are our
own, made by seed; nine replies in ten conclude as the prompt asks, the others in two more ways; a
tenth of COTE's conclusions are wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

from bench.common import machine, part, peak_bytes
from teachback.exemplars import choose
from teachback.explaining.asking import Asking
from teachback.records import Completion, Example, Request
from teachback.store import CompletionStore
from teachback.teachers.prompts import Prompts
from teachback.teachers.scripted import ScriptedTeacher

FLAT, PUT, SKIP = 1.10, 5_000, 10_000
"""The goals: peak memory at the end over that at a tenth, replies and skipped requests a second."""

WORDS = """water light stone river winter garden engine window bridge copper forest animal kitchen
station teacher hammer pocket valley island mirror ladder basket candle harbor meadow tunnel needle
blanket feather orchard thunder magnet pebble lantern compass anchor cotton marble""".split()
REASONS = (
    "The question is about the {0}, and a {0} is found where there is a {1}.",
    "A {0} does not need a {1}, which leaves less to choose from.",
    "Since the {0} is near the {1}, it can't be far from the {2}.",
    "People usually keep a {0} beside the {1} when the {2} is in use.",
    "That rules out the {1}, because it has no {2}.",
)
CONCLUSIONS = (
    *("\nThe answer is ({letter}) {text}.",) * 13,  # what the prompt asks for
    *("\nTherefore, the answer is ({letter}) {text}.",) * 5,
    " So the correct answer is {letter}.",
    "\n\n**Answer: ({letter}) {text}**",
)


def examples(number: int) -> Iterator[Example]:
    """Multiple-choice questions with five choices, one after the other."""
    rng = random.Random(20261122)
    words = WORDS * 2
    for index in range(number):
        name = f"scale-{index:07}"
        place = int(rng.random() * len(WORDS))
        first, second, *choices = words[place : place + 7]
        question = (
            f"In town {index}, somebody leaves the {first} and looks for a {second}. "
            "What is most likely to be found there?"
        )
        answer = choices[crc32(name.encode()) % 5]
        yield Example(name, question, answer, "multiple-choice", tuple(choices))


def reply(request: Request) -> Completion:
    """A reply of about 60 words that depends on nothing but the request."""
    dice = crc32(request.example_id.encode())
    choices = [line[4:] for line in request.messages[-1].content.split("\n")[1:6]]
    right = request.kind == "rp" or dice // 5 % 10 > 0
    chosen = (dice + (not right)) % 5
    words = [WORDS[(dice >> shift) % len(WORDS)] for shift in range(5)]
    reasons = " ".join(REASONS[(dice + k) % len(REASONS)].format(*words[k % 3 :]) for k in range(4))
    conclusion = CONCLUSIONS[dice // 50 % len(CONCLUSIONS)]
    text = reasons + conclusion.format(letter="ABCDE"[chosen], text=choices[chosen])
    text = text if dice % 4 else text.replace("'", "’")
    return Completion(text, tokens_in=900, tokens_out=80, tokens_cached=850, seconds=0.5)


def prompts() -> Prompts:
    return Prompts(exemplars=tuple(choose(None, "multiple-choice")))


def peak_mib() -> float:
    return peak_bytes() / 2**20


def run(path: Path, strategy: Any, number: int) -> dict[str, Any]:
    """Ask what ``path`` lacks; peak memory when so many examples had been read."""
    marks = {number // 10, number * 3 // 10}
    peaks: dict[int, float] = {0: peak_mib()}

    def watched() -> Iterator[Example]:
        for count, example in enumerate(examples(number)):
            if count in marks:
                peaks[count] = peak_mib()
            yield example

    teacher = ScriptedTeacher(reply, model="scripted-scale", remember=False)
    with CompletionStore(path) as store:
        summary = Asking(teacher=teacher, prompts=prompts(), strategy=strategy, store=store).run(
            watched()
        )
    peaks[number] = peak_mib()
    return {
        "stored": summary.stored,
        "skipped": summary.already_stored,
        "seconds": summary.seconds,
        "peaks": {str(count): round(mib, 1) for count, mib in peaks.items()},
    }


def measured(*words: str | Path) -> dict[str, Any]:
    """`run` in a process of its own."""
    return part("bench.teacher_scale", "--part", *words)


def flat(peaks: dict[str, float]) -> str:
    counts = [count for count in peaks if count != "0"]
    growth = peaks[counts[-1]] / peaks[counts[0]]
    shown = ", ".join(f"{peaks[count]:.0f} MiB at {int(count):,}" for count in peaks)
    return f"peak memory {shown} [{met(growth <= FLAT)}: flat within {FLAT - 1:.0%}]"


def met(goal: bool) -> str:
    return "met" if goal else "NOT MET"


def library(folder: Path, number: int) -> None:
    for strategy in ("crop", "rp"):
        path = folder / f"{strategy}.sqlite"
        filled = measured(strategy, path, str(number))
        rate = filled["stored"] / filled["seconds"]
        print(
            f"{strategy}: {filled['stored']:,} replies stored in {filled['seconds']:.0f} s, "
            f"{rate:,.0f}/s [{met(rate >= PUT)}: {PUT:,}/s]\n  {flat(filled['peaks'])}"
        )
        print(f"  {sizes(path)}", flush=True)
        for again in ("crop", "cote") if strategy == "crop" else ("rp",):
            resumed = measured(again, path, str(number))
            rate = resumed["skipped"] / resumed["seconds"]
            print(
                f"{again}, resumed: {resumed['skipped']:,} finished requests skipped in "
                f"{resumed['seconds']:.1f} s, {rate:,.0f}/s [{met(rate >= SKIP)}: {SKIP:,}/s], "
                f"{resumed['stored']} asked again\n  {flat(resumed['peaks'])}",
                flush=True,
            )


def sizes(path: Path) -> str:
    """What the store takes, and how often the few-shot part stands in it."""
    database = sqlite3.connect(path)
    (replies,) = database.execute("SELECT count(*) FROM reply").fetchone()
    own = "length(CAST(messages AS BLOB)) + length(CAST(text AS BLOB))"
    (mean,) = database.execute(f"SELECT avg({own}) FROM reply").fetchone()
    shared = database.execute("SELECT length(CAST(prefix AS BLOB)) FROM shared").fetchall()
    database.close()
    total = path.stat().st_size
    few_shot = sum(size for (size,) in shared)
    return (
        f"store: {total / 1e6:,.0f} MB, {total / replies:.0f} bytes a reply, of which question and "
        f"reply text {mean:.0f}; the few-shot part ({few_shot / len(shared):,.0f} bytes) stands in "
        f"it {len(shared)} time(s), {few_shot / replies:.3f} bytes a reply"
    )


def command(folder: Path, number: int) -> None:
    data = folder / "data.jsonl"
    with data.open("w", encoding="utf-8") as file:
        for each in examples(number):
            row = {"id": each.id, "question": each.question, "choices": each.choices}
            file.write(json.dumps({**row, "answer": each.answer}) + "\n")
    text = REASONS[0].format(*WORDS) + " " + REASONS[3].format(*WORDS) + "\nThe answer is (A)."
    out = folder / "out"
    for what in ("first run", "finished run again"):
        words = ["generate", str(data), "--teacher", f"scripted:{text}", "--strategy", "cote"]
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "teachback", "--quiet", *words, "-o", str(out)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        if process.returncode:
            sys.exit(f"teachback generate ended with {process.returncode}")
        requests = next(line for line in said.splitlines() if line.startswith("requests:"))
        print(
            f"teachback generate, {number:,} rows of a {data.stat().st_size / 1e6:,.0f} MB file, "
            f"{what}: {seconds:.0f} s, {number / seconds:,.0f} examples/s, peak memory "
            f"{used.ru_maxrss / 1024:.0f} MiB\n  {requests}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["library", "command"])
    parser.add_argument("--folder", type=Path, help="where the stores go; unset: a temporary one")
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        strategy, path, number = given.part
        print(json.dumps(run(Path(path), strategy, int(number))))
        return
    print(f"{machine()}, SQLite {sqlite3.sqlite_version}; {given.number:,} examples", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="teacher-scale-", dir=given.folder))
    try:
        if given.only != "command":
            library(folder, given.number)
        if given.only != "library":
            command(folder, given.number)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
