"""What is asked, in which order, what a rerun asks, and how a run stops."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from teachback.errors import DataError, StoreError, TeacherError
from teachback.explaining.asking import (
    Asking,
    GenerationInterrupted,
    GenerationSummary,
)
from teachback.explaining.selection import Choose, SelectionRules, select
from teachback.files import read_jsonl
from teachback.records import Completion, Example, Request, Strategy
from teachback.store import CompletionStore
from teachback.teachers import Teacher
from teachback.teachers.prompts import Prompts
from teachback.teachers.recorded import RecordedTeacher
from teachback.teachers.scripted import ScriptedTeacher

PROMPTS = Prompts()
RIGHT, WRONG = "It does.\nThe answer is yes.", "It does not.\nThe answer is no."


def examples(number: int) -> list[Example]:
    return [Example(f"q{i}", f"Does {i} follow {i - 1}?", "yes", "yes-no") for i in range(number)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CompletionStore]:
    with CompletionStore(tmp_path / "completions.sqlite") as opened:
        yield opened


def run(store: CompletionStore, teacher: Any, **options: Any) -> GenerationSummary:
    options = {"strategy": "cote", "examples": examples(10), **options}
    asked = options.pop("examples")
    return Asking(teacher=teacher, prompts=PROMPTS, store=store, **options).run(asked)


def asked(teacher: ScriptedTeacher) -> list[tuple[str, str, int]]:
    return sorted((each.example_id, each.kind, each.sample) for each in teacher.asked)


@pytest.mark.parametrize("strategy", ["cote", "rp"])
def test_every_example_and_sample_is_asked_once(store: CompletionStore, strategy: str) -> None:
    teacher = ScriptedTeacher(lambda _request: RIGHT)
    summary = run(store, teacher, strategy=strategy, samples=3)
    assert asked(teacher) == [(f"q{i}", strategy, k) for i in range(10) for k in range(3)]
    assert (summary.needed, summary.stored, summary.already_stored, summary.failed) == (
        30,
        30,
        0,
        0,
    )
    assert len(store) == 30


def test_a_rerun_asks_only_what_is_missing(store: CompletionStore) -> None:
    run(store, ScriptedTeacher(lambda _request: RIGHT), examples=examples(6))
    teacher = ScriptedTeacher(lambda _request: RIGHT)
    summary = run(store, teacher, samples=2)
    assert asked(teacher) == sorted(
        [(f"q{i}", "cote", 1) for i in range(10)] + [(f"q{i}", "cote", 0) for i in range(6, 10)]
    )
    assert (summary.needed, summary.stored, summary.already_stored) == (20, 14, 6)
    again = ScriptedTeacher([])
    assert run(store, again, samples=2).already_stored == 20
    assert again.asked == []


def test_another_teacher_is_asked_anew(store: CompletionStore) -> None:
    run(store, ScriptedTeacher(lambda _request: RIGHT))
    other = ScriptedTeacher(lambda _request: RIGHT, model="other")
    assert run(store, other).stored == 10


def by_id(request: Request) -> str | Completion:
    """q0 right; q1 right in its second sample; q2 wrong; q3 failed without the answer."""
    if request.kind == "rp" or request.example_id == "q0":
        return RIGHT
    if request.example_id == "q3":
        return Completion("", finish_reason="failed", error="no")
    return RIGHT if (request.example_id, request.sample) == ("q1", 1) else WRONG


@pytest.mark.parametrize("concurrency", [1, 8])
def test_crop_asks_rp_only_where_no_cote_sample_is_kept(
    store: CompletionStore, concurrency: int
) -> None:
    teacher = ScriptedTeacher(by_id)
    summary = run(
        store, teacher, examples=examples(4), strategy="crop", samples=2, concurrency=concurrency
    )
    assert [each for each in asked(teacher) if each[1] == "rp"] == [
        ("q2", "rp", 0),
        ("q2", "rp", 1),
        ("q3", "rp", 0),
        ("q3", "rp", 1),
    ]
    assert (summary.needed, summary.stored, summary.failed) == (12, 10, 2)
    # The rerun asks the failed ones again, and nothing else.
    again = ScriptedTeacher(by_id)
    summary = run(store, again, examples=examples(4), strategy="crop", samples=2)
    assert asked(again) == [("q3", "cote", 0), ("q3", "cote", 1)]
    assert (summary.needed, summary.already_stored, summary.failed) == (12, 10, 2)


def test_crop_after_cote_asks_the_backup_alone(store: CompletionStore) -> None:
    run(store, ScriptedTeacher(by_id), examples=examples(3))
    teacher = ScriptedTeacher(by_id)
    run(store, teacher, examples=examples(3), strategy="crop")
    assert asked(teacher) == [("q1", "rp", 0), ("q2", "rp", 0)]


def outvoted(request: Request) -> str:
    """q0 is right in one sample of three and wrong alike in the others."""
    right = request.kind == "rp" or request.example_id != "q0" or request.sample == 1
    return RIGHT if right else WRONG


@pytest.mark.parametrize("choose", ["first", "all", "shortest", "agreed"])
def test_crop_asks_exactly_what_selection_needs(store: CompletionStore, choose: Choose) -> None:
    rules = SelectionRules(choose=choose)

    teacher = ScriptedTeacher(outvoted)
    run(store, teacher, examples=examples(3), strategy="crop", samples=3, rules=rules)
    selected = select(
        examples(3),
        lambda e, kind, k: store.get(store.key("scripted", PROMPTS.request(e, kind, k))),
        strategy="crop",
        teacher="scripted",
        samples=3,
        rules=rules,
    )
    assert selected.not_asked == ()
    assert {e.id for e in selected.explanations} == {"q0", "q1", "q2"}
    backups = [each for each in asked(teacher) if each[1] == "rp"]
    assert backups == ([("q0", "rp", k) for k in range(3)] if choose == "agreed" else [])
    assert len(selected.explanations) + len(selected.rejections) == len(store)
    # Stored replies lead to the same verdict as fresh ones.
    again = ScriptedTeacher([])
    run(store, again, examples=examples(3), strategy="crop", samples=3, rules=rules)
    assert again.asked == []


def test_the_same_question_under_two_ids_is_asked_once(store: CompletionStore) -> None:
    (one,) = examples(1)
    twins = [one, Example("twin", one.question, one.answer, one.kind)]
    teacher = ScriptedTeacher(lambda request: WRONG if request.kind == "cote" else RIGHT)
    summary = run(store, teacher, examples=twins, strategy="crop")
    assert [each.kind for each in teacher.asked] == ["cote", "rp"]
    assert (summary.needed, summary.stored, summary.already_stored) == (4, 2, 2)


def test_tokens_are_summed(store: CompletionStore) -> None:
    reply = Completion(RIGHT, tokens_in=100, tokens_out=7, tokens_cached=90)
    summary = run(store, ScriptedTeacher(lambda _request: reply))
    assert (summary.tokens_in, summary.tokens_out, summary.tokens_cached) == (1000, 70, 900)


class Slow(Teacher):
    """Notes how many requests are in flight, and how many examples were read ahead."""

    model, concurrency = "slow", 16

    def __init__(self) -> None:
        self.in_flight = self.most = self.done = self.read = self.ahead = 0

    def examples(self) -> Iterator[Example]:
        for example in examples(200):
            self.read += 1
            self.ahead = max(self.ahead, self.read - self.done)
            yield example

    async def complete(self, _request: Request) -> Completion:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await asyncio.sleep(0.02)
        self.in_flight -= 1
        self.done += 1
        return Completion(RIGHT)


@pytest.mark.parametrize(("given", "most"), [(None, 16), (5, 5), (99, 16)])
def test_concurrency_is_bounded_and_nothing_is_read_ahead(
    store: CompletionStore, given: int | None, most: int
) -> None:
    teacher = Slow()
    run(store, teacher, examples=teacher.examples(), concurrency=given)
    assert teacher.most == most
    assert teacher.ahead <= most
    assert len(store) == 200


def test_a_hopeless_teacher_stops_the_run_with_a_count(store: CompletionStore) -> None:
    replies: list[Any] = [RIGHT] * 25 + [TeacherError("teacher m at http://x: HTTP 401: no")]
    with pytest.raises(TeacherError) as caught:
        run(store, ScriptedTeacher(replies, concurrency=1), examples=examples(100))
    assert str(caught.value) == (
        "teacher m at http://x: HTTP 401: no; 25 replies are stored (25 of them new, 0 requests "
        "failed); the same command asks only for what is missing"
    )
    assert len(store) == 25
    rest = ScriptedTeacher(lambda _request: RIGHT)
    assert run(store, rest, examples=examples(100)).stored == 75


def test_replies_in_flight_are_kept_when_another_request_is_hopeless(
    store: CompletionStore,
) -> None:
    class Gone(Slow):
        async def complete(self, request: Request) -> Completion:
            if request.example_id == "q3":
                raise TeacherError("gone")
            await asyncio.sleep(0.05)
            return Completion(RIGHT)

    with pytest.raises(TeacherError, match="gone; 3 replies are stored"):
        run(store, Gone(), examples=examples(100), concurrency=4)


def test_errors_of_others_are_not_swallowed(store: CompletionStore) -> None:
    def broken() -> Iterator[Example]:
        yield from examples(3)
        raise DataError("data.jsonl, line 4: no")

    with pytest.raises(DataError, match="line 4"):
        run(store, ScriptedTeacher(lambda _request: RIGHT), examples=broken())
    with pytest.raises(ValueError, match="a bug"):
        run(store, ScriptedTeacher([ValueError("a bug")]), examples=examples(20)[5:])
    with closing(sqlite3.connect(store.path)) as other:
        other.execute("DROP TABLE reply")
    with pytest.raises(StoreError, match="no such table"):
        run(store, ScriptedTeacher(lambda _request: RIGHT), examples=examples(500))


def test_it_runs_within_an_event_loop(store: CompletionStore) -> None:
    async def notebook() -> GenerationSummary:
        assert run(store, ScriptedTeacher(lambda _request: RIGHT), examples=examples(2)).stored == 2
        with pytest.raises(TeacherError, match=r"gone; 2 replies are stored \(0 of them new"):
            run(store, ScriptedTeacher([TeacherError("gone")]), examples=examples(3))
        return await Asking(
            teacher=ScriptedTeacher(lambda _request: RIGHT),
            prompts=PROMPTS,
            strategy="cote",
            store=store,
        ).run_async(examples(3))

    assert asyncio.run(notebook()).stored == 1


def as_in_a_notebook(call: Callable[[], object]) -> None:
    """Call within an event loop that leaves Ctrl-C to Python, as a notebook's does."""

    async def cell() -> object:
        return call()

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(cell())
    finally:
        loop.close()


class Interrupting(Slow):
    """Sends Ctrl-C while it is being asked for the 20th time."""

    def __init__(self, *, seconds: float, times: int = 1) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.seconds, self.times = seconds, times

    async def complete(self, request: Request) -> Completion:
        self.asked[request.example_id] += 1
        if self.asked.total() == 20:
            for k in range(self.times):
                threading.Timer(0.1 * k, os.kill, (os.getpid(), signal.SIGINT)).start()
        await asyncio.sleep(self.seconds if self.asked.total() >= 20 else 0)
        return Completion(RIGHT)


@pytest.mark.parametrize(("times", "seconds", "kept"), [(1, 0.3, 20), (2, 60, 19)])
def test_ctrl_c_within_an_event_loop(
    store: CompletionStore, times: int, seconds: float, kept: int
) -> None:
    teacher = Interrupting(seconds=seconds, times=times)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught:
        as_in_a_notebook(lambda: run(store, teacher, examples=examples(100), concurrency=1))
    assert len(store) == kept
    if times == 1:  # what was in flight is kept, and counted
        assert str(caught.value).startswith(f"interrupted: {kept} replies are stored")
    assert time.monotonic() - began < 4
    rest = ScriptedTeacher(lambda _request: RIGHT, model=teacher.model)
    assert run(store, rest, examples=examples(100)).stored == 100 - kept


def test_cancelling_keeps_what_arrives(store: CompletionStore) -> None:
    teacher = Slow()

    async def main() -> None:
        asking = asyncio.create_task(
            Asking(
                teacher=teacher, prompts=PROMPTS, strategy="cote", store=store, concurrency=4
            ).run_async(examples(100))
        )
        while not teacher.in_flight:
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError, match="interrupted: 4 replies are stored"):
            await asking

    asyncio.run(main())
    assert len(store) == 4


def test_ctrl_c_keeps_what_arrives(store: CompletionStore) -> None:
    before = signal.getsignal(signal.SIGINT)
    teacher = Interrupting(seconds=0.5)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(store, teacher, examples=examples(500), concurrency=4)
    assert isinstance(caught.value, GenerationInterrupted)
    assert teacher.asked.total() < 30
    assert len(store) == teacher.asked.total() == caught.value.summary.stored
    assert "the same command asks only for what is missing" in str(caught.value)
    assert signal.getsignal(signal.SIGINT) is before
    rest = ScriptedTeacher(lambda _request: RIGHT, model="slow")
    assert run(store, rest, examples=examples(500)).stored == 500 - teacher.asked.total()


def test_a_second_ctrl_c_waits_for_nothing(store: CompletionStore) -> None:
    teacher = Interrupting(seconds=60, times=2)
    began = time.monotonic()
    with pytest.raises(GenerationInterrupted):
        run(store, teacher, examples=examples(500), concurrency=4)
    assert time.monotonic() - began < 4
    assert 16 <= len(store) < teacher.asked.total()


@pytest.mark.parametrize("strategy", ["cote", "rp", "crop"])
def test_recordings_through_store_and_selection_add_up(
    store: CompletionStore, shared_data: Path, strategy: Strategy
) -> None:
    folder = shared_data / "obqa"
    rows = [row for _, row in read_jsonl(folder / "train.jsonl")][1900:2100]
    data = [
        Example(row["id"], row["question"], row["answer"], "multiple-choice", tuple(row["choices"]))
        for row in rows
    ]
    recordings = [folder / "teacher" / f"gpt-4o.{kind}.jsonl" for kind in ("cote", "rp")]
    teacher = RecordedTeacher(recordings)
    summary = run(store, teacher, examples=data, strategy=strategy)
    result = select(
        data,
        lambda example, kind, sample: store.get(
            store.key(teacher.model, PROMPTS.request(example, kind, sample))
        ),
        strategy=strategy,
        teacher=teacher.model,
    )
    assert result.not_asked == ()
    assert len(result.explanations) + len(result.rejections) == summary.needed
    failed = [rejection.id for rejection in result.rejections if rejection.reason == "failed"]
    assert failed == ["obqa-01977"] * (2 if strategy == "crop" else 1)  # it has no line at all
    if strategy == "crop":
        assert 200 < summary.needed < 240
