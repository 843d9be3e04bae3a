"""The completion store: keys, replies, failures, foreign and damaged files, a full disk."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from teachback.errors import StoreError
from teachback.records import Completion, Message, Request, Sampling
from teachback.store import CompletionStore
from teachback.store.ledger import Usage

PREFIX = (Message("system", "Explain."), Message("user", "1?"), Message("assistant", "One."))
FAILED = Completion("", finish_reason="failed", error="HTTP 500: no")


def request(number: int = 1, *, sample: int = 0) -> Request:
    own = (Message("user", f"Question {number}?"),)
    return Request(f"q{number}", "cote", PREFIX, own, Sampling(), sample)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "completions.sqlite"


def test_a_reply_comes_back_as_it_was(path: Path) -> None:
    reply = Completion("Das heißt \0 ja.", "length", "Hm.", 900, 12, 896, 0.25)
    with CompletionStore(path) as store:
        store.put("m", request(), reply)
    with CompletionStore(path) as store:
        key = store.key("m", request())
        assert key in store
        assert store.get(key) == reply
        assert len(store) == 1
        (row,) = store
    assert (row.key, row.teacher, row.request, row.completion) == (key, "m", request(), reply)


def test_the_key_is_teacher_messages_sampling_and_sample(path: Path) -> None:
    base = request()
    others = [
        ("other", base),
        ("m", replace(base, sample=1)),
        ("m", replace(base, messages=(Message("user", "Another?"),))),
        ("m", replace(base, messages=(Message("system", "Question 1?"),))),
        ("m", replace(base, prefix=(Message("system", "Explain well."), *PREFIX[1:]))),
        ("m", replace(base, prefix=(), messages=(*PREFIX, *base.messages))),
        ("m", replace(base, sampling=Sampling(temperature=0.7))),
        ("m", replace(base, sampling=Sampling(top_p=0.9))),
        ("m", replace(base, sampling=Sampling(max_tokens=9))),
        ("m", replace(base, sampling=Sampling(stop=("\n",)))),
    ]
    with CompletionStore(path) as store:
        keys = {store.key(model, each) for model, each in [("m", base), *others]}
        same = replace(
            base, example_id="q9", prefix=(*PREFIX[:1], *PREFIX[1:]), sampling=Sampling(0, 1)
        )
        assert len(keys) == 11
        assert store.key("m", same) == store.key("m", base)


def test_the_key_is_stable(path: Path) -> None:
    """A changed key would make every store in the world worthless."""
    with CompletionStore(path) as store:
        key = store.key("gpt-4o", request(7, sample=2))
    assert key == "1d85f99ffe359f22d77069bb777411ede2724a668b9da6ab4106ce2babf73534"


def test_the_key_is_of_what_json_writes(path: Path) -> None:
    odd = 'Ä "quoted" \\ \0 \x7f \u2028 😀 \ud83d'
    asked = replace(request(), messages=(Message("system", odd), Message("user", odd)), sample=3)
    shared = json.dumps(
        ("m", json.dumps([[m.role, m.content] for m in PREFIX]), "[0.0, 1.0, 512, []]")
    )
    own = "3\n" + json.dumps([["system", odd], ["user", odd]])
    digest = sha256(sha256(shared.encode()).digest() + own.encode())
    with CompletionStore(path) as store:
        assert store.key("m", asked) == digest.hexdigest()


@pytest.mark.parametrize("order", ["as asked", "backwards", "shuffled", "two stretches"])
def test_replies_are_found_in_any_order(path: Path, order: str) -> None:
    numbers = list(range(1500))
    with CompletionStore(path) as store:
        for number in numbers:
            store.put("m", request(number), Completion(f"Because {number}."))
    if order == "backwards":
        numbers.reverse()
    elif order == "shuffled":
        random.Random(1).shuffle(numbers)
    elif order == "two stretches":
        numbers = [n for pair in zip(numbers[:750], numbers[750:], strict=True) for n in pair]
    with CompletionStore(path, read_only=True) as store:
        for number in numbers:
            found = store.get(store.key("m", request(number)))
            assert found is not None
            assert found.text == f"Because {number}."
            assert store.key("m", request(number)) in store
            assert store.get(store.key("m", request(-1 - number))) is None
            assert store.key("m", request(-1 - number)) not in store


def test_the_few_shot_part_is_stored_once(path: Path) -> None:
    with CompletionStore(path) as store:
        for number in range(50):
            store.put("m", request(number), Completion("Because."))
    assert path.read_bytes().count(b"One.") == 1


def test_the_first_reply_stays(path: Path) -> None:
    with CompletionStore(path) as store:
        store.put("m", request(), Completion("first"))
        store.put("m", request(), Completion("second"))
        store.put("m", request(2), Completion("other"))
        assert [row.completion.text for row in store] == ["first", "other"]


def test_failures_are_kept_apart_until_a_reply(path: Path) -> None:
    with CompletionStore(path) as store:
        key = store.key("m", request())
        assert store.get(key) is None
        store.put("m", request(), FAILED)
        store.put("m", request(), replace(FAILED, error="HTTP 503: later"))
        assert key not in store
        assert len(store) == 0
        assert store.get(key) == replace(FAILED, error="HTTP 503: later")
        (failure,) = store.failures()
        assert (failure.example_id, failure.error, failure.times) == ("q1", "HTTP 503: later", 2)
        store.put("m", request(), Completion("at last"))
        assert store.get(key) == Completion("at last")
        assert list(store.failures()) == []


def test_half_a_surrogate_pair_is_replaced(path: Path) -> None:
    odd = replace(request(), example_id="q\ud83d", messages=(Message("user", "\ud83d?"),))
    with CompletionStore(path) as store:
        store.put("m", odd, Completion("so \ud83d.", thinking="\ud83d"))
        stored = store.get(store.key("m", odd))
    assert stored == Completion("so ?.", thinking="?")


def test_reading_writes_nothing(path: Path) -> None:
    with CompletionStore(path) as store:
        store.put("m", request(), Completion("because"))
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    with CompletionStore(path, read_only=True) as store:
        assert len(store) == 1
        with pytest.raises(StoreError, match="readonly"):
            store.put("m", request(2), Completion("x"))
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before


def test_reading_after_a_kill_leaves_file_and_log_alone(path: Path) -> None:
    script = (
        "import os, sys; from test_store import *\n"
        "store = CompletionStore(sys.argv[1])\n"
        "store.put('m', request(), Completion('because'))\n"
        "os.kill(os.getpid(), 9)"
    )
    run(script, path, expect=-9)
    files = [path, path.with_name(path.name + "-wal")]
    before = [file.read_bytes() for file in files]
    assert len(before[1]) > 0
    with CompletionStore(path, read_only=True) as store:
        assert [row.completion.text for row in store] == ["because"]
    assert [file.read_bytes() for file in files] == before
    with CompletionStore(path) as store:
        assert len(store) == 1


def test_a_reader_beside_a_writer(path: Path) -> None:
    with CompletionStore(path) as writer:
        writer.put("m", request(), Completion("because"))
        with CompletionStore(path, read_only=True) as reader:
            assert len(reader) == 1
            writer.put("m", request(2), Completion("therefore"))
            assert len(reader) == 2


def test_one_writer_at_a_time(path: Path) -> None:
    script = (
        "import sys; from test_store import *\n"
        "try:\n    CompletionStore(sys.argv[1]).close()\n"
        "except StoreError as error:\n    print(error)"
    )
    with CompletionStore(path):
        told = f"{path} is being written by process {os.getpid()}: wait until it ends, or stop it"
        assert run(script, path).startswith(told)
        with pytest.raises(StoreError, match="is being written"):
            CompletionStore(path)
    assert run(script, path) == ""
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_killed_writer_holds_no_lock(path: Path) -> None:
    script = (
        "import os, signal, sys; from test_store import *\n"
        "store = CompletionStore(sys.argv[1])\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    run(script, path, expect=-9)
    assert path.with_name(f"{path.name}-lock").exists()
    with CompletionStore(path) as store:
        store.put("m", request(), Completion("because"))
    assert not path.with_name(f"{path.name}-lock").exists()


def test_usage_by_hand(path: Path) -> None:
    turns = (Message("user", "é" * 10),)
    one = Request("q", "cote", (Message("system", "abc"),), turns, Sampling(max_tokens=50))
    most_in = 3 + 20 + 2 * 12 + 100  # UTF-8 bytes, two turns, one request
    with CompletionStore(path) as store:
        counted = Completion("a", tokens_in=7, tokens_out=2, tokens_cached=5)
        store.put("m", one, counted)
        store.put("m", replace(one, sample=1), Completion("b", tokens_in=8))
        store.put("other", one, counted)
        assert store.usage("m") == Usage(2, 1, 0, 15, 52, 5)
        for _ in range(3):
            store.charge("m", replace(one, sample=2))
        store.uncharge("m", replace(one, sample=2))
        assert store.usage("m") == Usage(2, 1, 2, 15 + 2 * most_in, 52 + 100, 5)
        # The reply ends the attempt that brought it; the other one may be billed too.
        store.put("m", replace(one, sample=2), counted, charged=True)
        assert store.usage("m") == Usage(3, 1, 1, 22 + most_in, 54 + 50, 10)
        assert store.usage("nobody") == Usage(0, 0, 0, 0, 0, 0)


def test_a_store_without_the_later_table_is_read_and_gets_it(path: Path) -> None:
    CompletionStore(path).close()
    older = sqlite3.connect(path)
    older.execute("DROP TABLE charge")
    older.close()
    with CompletionStore(path, read_only=True) as store:
        assert store.usage("m").lost == 0
    with CompletionStore(path) as store:
        store.charge("m", request())
        assert store.usage("m").lost == 1


def test_a_store_with_a_table_of_an_earlier_version_is_read_and_written(path: Path) -> None:
    with CompletionStore(path) as store:
        store.put("m", request(), Completion("because"))
    earlier = sqlite3.connect(path)
    earlier.execute("CREATE TABLE settled (digest BLOB PRIMARY KEY, requests INTEGER NOT NULL)")
    earlier.execute("INSERT INTO settled VALUES (?, ?)", (b"1", 7))
    earlier.commit()
    earlier.close()
    with CompletionStore(path, read_only=True) as store:
        assert store.get(store.key("m", request())) == Completion("because")
    with CompletionStore(path) as store:
        store.put("m", request(2), Completion("therefore"))
        assert [row.completion.text for row in store] == ["because", "therefore"]


@pytest.mark.parametrize("read_only", [False, True])
def test_foreign_and_damaged_files(path: Path, read_only: bool) -> None:
    def refused(says: str) -> None:
        before = path.read_bytes() if path.is_file() else None
        with pytest.raises(StoreError, match=says) as caught:
            CompletionStore(path, read_only=read_only)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
        assert before is None or path.read_bytes() == before

    path.write_text("this is no database, but a text that is long enough to be one" * 20)
    refused("damaged or is not a completion store")
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (a)")
    other.close()
    refused("not a teachback completion store")
    path.unlink()
    CompletionStore(path).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    refused("newer teachback")
    path.unlink()
    path.mkdir()
    refused("is a folder, and a file is needed")


def test_reading_what_is_not_there(path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such completion store"):
        CompletionStore(path, read_only=True)
    assert not path.exists()


def test_damage_in_the_middle_is_one_line(path: Path) -> None:
    with CompletionStore(path) as store:
        for number in range(300):
            store.put("m", request(number), Completion("because " * 40))
    content = bytearray(path.read_bytes())
    content[4096:-4096] = os.urandom(len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"), CompletionStore(path) as store:
        list(store)


def test_a_full_disk_keeps_what_was_stored(path: Path) -> None:
    script = (
        "import resource, sys; from test_store import *\n"
        "store = CompletionStore(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "stored = 0\n"
        "try:\n"
        "    for number in range(10_000):\n"
        "        store.put('m', request(number), Completion('because ' * 40))\n"
        "        stored += 1\n"
        "except StoreError as error:\n"
        "    print(stored, error)"
    )
    stored, _, message = run(script, path).partition(" ")
    assert "free some space and run the command again; what was stored before is kept" in message
    assert int(stored) > 10
    with CompletionStore(path) as store:
        assert len(store) == int(stored)
        store.put("m", request(10_001), Completion("room again"))


def run(script: str, path: Path, expect: int = 0) -> str:
    """Run a script that imports this module in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, done.stderr
    return done.stdout.strip()
