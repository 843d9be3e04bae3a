"""Several processes that train one student: their shares, what they agree on, and their end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from ranks import Ranks
from teachback.config import StudentConfig, TrainConfig
from teachback.errors import UsageError
from teachback.records import Example, Explanation
from teachback.students.load import load
from teachback.students.rows import EncodedExample, Row
from teachback.system import launch
from teachback.training import TrainingResult, processes, train
from teachback.training.batches import EffectiveBatches, share

pytestmark = pytest.mark.usefixtures("one_thread")

EXAMPLES = [
    Example(f"q{i}", f"Is {i} even?", "no" if i % 2 else "yes", "yes-no") for i in range(15)
]
EXPLANATIONS = [
    Explanation(f"q{i}", "cote", 0, "t", f"It is {i}. " + "So " * i, "yes") for i in range(15)
]


def run(folder: Path, student: Path, **values: Any) -> TrainingResult:
    return train(
        EXAMPLES,
        EXPLANATIONS,
        folder,
        train_config=TrainConfig(**{"epochs": 2, "batch_size": 4, "learning_rate": 1e-3} | values),
        student_config=StudentConfig(
            reference=str(student), precision="fp32", max_target_tokens=48
        ),
    )


def difference(left: Path, right: Path) -> float:
    name = "adapter_model.safetensors"
    if not (left / "student" / name).is_file():
        name = "model.safetensors"
    one, other = (load_file(folder / "student" / name) for folder in (left, right))
    assert one.keys() == other.keys()
    return max(float((one[key] - other[key]).abs().max()) for key in one)


# ------------------------------------------------------------------ batches and shares


def of_lengths(*lengths: int) -> list[EncodedExample]:
    return [EncodedExample(str(n), (Row((0,) * n, ()),)) for n in lengths]


def test_an_epoch_holds_every_example_once_and_comes_again_the_same() -> None:
    examples = of_lengths(*range(1, 31))
    for window in (1, 3, 100):
        batches = EffectiveBatches(examples, 4, seed=5, window=window)
        epochs = []
        for epoch in range(3):
            batches.set_epoch(epoch)
            epochs.append([[e.id for e in batch["examples"]] for batch in batches])
        for epoch in epochs:
            assert [len(batch) for batch in epoch] == [4] * 7 + [2]
            assert len(epoch) == len(batches)
            assert sorted(int(i) for batch in epoch for i in batch) == list(range(1, 31))
        assert epochs[0] != epochs[1] != epochs[2]
        batches.set_epoch(1)  # as a run that goes on from its first epoch
        assert [[e.id for e in batch["examples"]] for batch in batches] == epochs[1]
        other = EffectiveBatches(examples, 4, seed=6, window=window)
        assert [[e.id for e in batch["examples"]] for batch in other] != epochs[0]


def test_a_window_brings_like_lengths_together_and_draws_their_order() -> None:
    examples = of_lengths(*range(1, 31))
    plain = EffectiveBatches(examples, 4, seed=5).numbers()
    windowed = EffectiveBatches(examples, 4, seed=5, window=3).numbers()
    # Batches 0 to 2, 3 to 5 and 6 hold what they would hold unsorted, put together by length.
    for begin, end in ((0, 3), (3, 6), (6, 7)):
        drawn = sorted(n for batch in plain[begin:end] for n in batch)
        assert sorted(n for batch in windowed[begin:end] for n in batch) == drawn
        parts = sorted(windowed[begin:end])
        assert [n for batch in parts for n in batch] == drawn
    assert windowed[:6] != sorted(windowed[:3]) + sorted(windowed[3:6])
    # What is left over is what was drawn last, not the longest.
    assert windowed[7] == plain[7]


def test_shares_make_up_the_batch_and_are_about_as_long() -> None:
    rows = [Row((n,) * n, ()) for n in (5, 40, 7, 12, 33, 8, 21)]
    assert share(rows, 0, 1) == rows
    for count in (2, 3, 9):
        shares = [share(rows, process, count) for process in range(count)]
        assert sorted(len(row) for part in shares for row in part) == sorted(map(len, rows))
        tokens = [sum(map(len, part)) for part in shares]
        assert max(tokens) - min(tokens) <= 40
    assert [sum(map(len, share(rows, p, 2))) for p in (0, 1)] == [65, 61]
    assert [share(rows, p, 9) for p in (7, 8)] == [[], []]


# ------------------------------------------------------------------ the launchers' environment


def test_a_process_that_no_launcher_started_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert (launch.processes(), launch.process()) == (1, 0)
    monkeypatch.setenv("WORLD_SIZE", "4")  # as a scheduler tells each machine
    monkeypatch.setenv("RANK", "2")
    assert (launch.processes(), launch.process()) == (1, 0)
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert (launch.processes(), launch.process()) == (4, 2)
    assert not launch.is_first()


# ------------------------------------------------------------------ agreeing


def agreeing() -> None:
    processes.begin()
    number = launch.process()
    assert processes.gathered(number) == [0, 1]
    assert processes.own_share("abcde") == ("ace", "bd")[number]
    assert processes.mean((2.0, 5.0)[number], (3, 1)[number]) == 2.75
    with processes.agreed():
        pass
    for mistake in (UsageError("no such file"), ValueError("oh")):
        try:
            with processes.agreed():
                if number == 1:
                    raise mistake
        except (UsageError, ValueError) as error:
            print(type(error).__name__, error)


def test_an_error_in_one_process_is_an_error_in_all(tmp_path: Path) -> None:
    ranks = Ranks(agreeing, folder=tmp_path)
    ranks.check()
    assert ranks.said(0, "out").splitlines() == [
        "UsageError process 1: no such file",
        "UsageError process 1: ValueError: oh",
    ]
    assert ranks.said(1, "out").splitlines() == ["UsageError no such file", "ValueError oh"]


def command(*arguments: str) -> None:
    from teachback import cli

    cli._FIRST_SPEAKS = 0.1
    sys.argv = ["teachback", *arguments]
    cli.main()


def test_a_mistake_is_told_once_and_ends_all_processes_with_2(llama: Path, tmp_path: Path) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text(
        "".join(f'{{"id": "q{i}", "question": "Is it {i}?", "answer": true}}\n' for i in range(9)),
        "utf-8",
    )
    nothing = tmp_path / "explanations.jsonl"
    nothing.write_text("", "utf-8")
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "config.toml").write_text("[data]\n", "utf-8")
    always = ("train", str(data), "--student", str(llama))
    for arguments, told in (
        ((*always, "--objective", "nothing", "-o", "x"), "Invalid value for '--objective'"),
        (("train", "nowhere.jsonl", *always[2:], "--objective", "st", "-o", "x"), "no such file"),
        # Found by the first process alone, which is the one that looks at the folder.
        ((*always, "--objective", "st", "-o", str(taken)), "belongs to a run with a different"),
        # Found within training.
        (
            (
                *always,
                "--objective",
                "mt-cot",
                "--explanations",
                str(nothing),
                "-o",
                str(tmp_path / "n"),
            ),
            "no training example has an explanation",
        ),
        (("evaluate", str(llama), str(data), "-o", "x"), "runs in one process"),
    ):
        ranks = Ranks(command, *arguments, folder=tmp_path / "said")
        assert ranks.wait(60) == [2, 2]
        (line,) = ranks.said(0).splitlines()
        assert line.startswith("teachback: ")
        assert told in line
        assert ranks.said(1) == ranks.said(1, "out") == ranks.said(0, "out") == ""


# ------------------------------------------------------------------ a whole run


@pytest.mark.slow
def test_the_command_under_torchrun_trains_the_same_student(llama: Path, tmp_path: Path) -> None:
    data, explained = tmp_path / "train.jsonl", tmp_path / "explanations.jsonl"
    with data.open("w") as rows:
        for e in EXAMPLES:
            rows.write(json.dumps({"id": e.id, "question": e.question, "answer": e.answer}) + "\n")
    with explained.open("w") as rows:
        for e in EXPLANATIONS:
            rows.write(
                json.dumps(
                    {
                        "id": e.id,
                        "strategy": "cote",
                        "sample": 0,
                        "teacher": "t",
                        "text": e.text,
                        "answer": e.answer,
                    }
                )
                + "\n"
            )
    line = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
        *("-m", "teachback", "--quiet", "train", data, "--explanations", explained),
        *("--student", llama, "--epochs", "2", "--batch-size", "4", "--learning-rate", "1e-3"),
        *("--precision", "fp32", "--max-target-tokens", "48", "-o", tmp_path / "two"),
    ]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        list(map(str, line)), env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    alone = run(tmp_path / "one", llama)
    assert difference(tmp_path / "one", tmp_path / "two") < 1e-6
    record = json.loads((tmp_path / "two" / "student" / "training.json").read_text("utf-8"))
    assert record["processes"] == 2
    for own, other in zip(record["history"], alone.history, strict=True):
        assert own == pytest.approx(other, rel=1e-6)
    # Told once, by the first.
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["epoch 1", "epoch 2", "on valid"]
    assert len(lines) == 4
    assert done.stderr.count("train mt-cot:") == 1
    assert load(tmp_path / "two" / "student").card == alone.student.card


def long_run(folder: Path, student: Path) -> None:
    # Dropout, so that the random states of both processes count.
    values = {"lora": True, "lora_rank": 4, "lora_dropout": 0.3, "objective": "mt-re"}
    result = run(folder, student, epochs=5, learning_rate=1e-2, patience=0, **values)
    # All processes return the same.
    told = (result.history, result.student.card)
    assert processes.gathered(told) == [told, told]
    assert (result.folder / "training.json").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_run_of_two_processes_ends_as_if_nothing_had_happened(
    llama: Path, tmp_path: Path
) -> None:
    killed = Ranks(long_run, tmp_path / "killed", llama, folder=tmp_path / "a")
    until = time.monotonic() + 120
    while not list((tmp_path / "killed").glob("checkpoints/*/trainer_state.json")):
        assert time.monotonic() < until
        assert all(process.is_alive() for process in killed.processes), killed.said(0)
        time.sleep(0.002)
    killed.kill()
    assert -signal.SIGKILL in killed.wait()  # the other may have ended for want of it
    assert not (tmp_path / "killed" / "student").exists()
    Ranks(long_run, tmp_path / "killed", llama, folder=tmp_path / "b").check()
    Ranks(long_run, tmp_path / "straight", llama, folder=tmp_path / "c").check()
    assert difference(tmp_path / "killed", tmp_path / "straight") <= 1e-7
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["student"]
