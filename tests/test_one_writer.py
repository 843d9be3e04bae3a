"""One writer at a time in a folder: a refused command changes nothing in it, whichever it is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mock_server import Asked, MockServer, Reply, said
from teachback.cli import cli
from teachback.errors import RunFolderError
from teachback.files import one_writer
from tiny import tiny_causal
from tiny_run import contents, write_config, write_data

HOLD = (
    "import sys, time; from teachback.files import one_writer\n"
    "with one_writer(sys.argv[1]):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(60)\n"
)
STUDY = """[study]
objectives = ["st", "mt-cot"]
controls = ["majority"]
seeds = [0]
teachers = ["recorded:teacher.jsonl"]
students = ["tiny"]
[[dataset]]
name = "colours"
train = "train.jsonl"
test = "test.jsonl"
[train]
epochs = 1
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, a student, configurations, and a finished run in ``out``."""
    folder = write_data(tmp_path_factory.mktemp("place"))
    tiny_causal(folder / "tiny")
    write_config(folder, folder / "tiny")
    (folder / "study.toml").write_text(STUDY, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(cli, ["run", "run.toml", "-o", "out"])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def holder(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The id of another process that is writing into ``out``."""
    monkeypatch.chdir(place)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, "out"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.kill()


@pytest.mark.parametrize(
    "words",
    [
        "run run.toml -o out --overwrite",
        "run run.toml -o out --overwrite --objective st",
        "generate train.jsonl --teacher recorded:teacher.jsonl -o out --overwrite",
        "generate train.jsonl --teacher recorded:teacher.jsonl -o out --pilot 3 --overwrite",
        "select out --strategy cote -o out --overwrite",
        "train train.jsonl --objective st --student tiny -o out --overwrite",
        "evaluate tiny test.jsonl -o out --overwrite",
        "evaluate --teacher recorded:teacher.jsonl test.jsonl -o out --overwrite",
        "study study.toml -o out",
        "demo --student tiny -o out --overwrite",
        "data desk -o out --overwrite",
        "export openai-finetune train.jsonl -o out/predictions.jsonl --overwrite",
    ],
)
def test_a_command_that_is_refused_changes_nothing(holder: int, words: str) -> None:
    before = contents(Path("out"))
    ended = CliRunner().invoke(cli, words.split())
    assert ended.exit_code == 2, ended.output
    assert f"out is being written by process {holder}: wait until it ends" in ended.stderr
    assert contents(Path("out")) == before


def test_run_beside_a_run_that_is_working(place: Path, tmp_path: Path) -> None:
    """The case itself: one run asks its teacher while another wants its folder."""
    asked = threading.Event()

    def slow(asking: Asked) -> Reply:
        asked.set()
        return said("The answer is (A) red.", seconds=0.5)

    with MockServer(slow) as server:
        for name, seed in (("a", 0), ("b", 1)):
            text = (place / "run.toml").read_text("utf-8")
            text = text.replace("recorded:teacher.jsonl", f"openai:m@{server.url}")
            text = text.replace("[train]", f"[train]\nseed = {seed}").replace(
                "[student]", 'exemplars = "none"\nconcurrency = 1\n[student]'
            )
            (place / f"{name}.toml").write_text(text, "utf-8")
        command = [sys.executable, "-m", "teachback", "--quiet", "run"]
        environment = {**os.environ, "OPENAI_API_KEY": "none"}
        with subprocess.Popen(
            [*command, str(place / "a.toml"), "-o", str(tmp_path / "out")],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as first:
            assert asked.wait(60)
            config = (tmp_path / "out" / "config.toml").read_bytes()
            second = subprocess.run(
                [*command, str(place / "b.toml"), "-o", str(tmp_path / "out"), "--overwrite"],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            first.kill()
    assert second.returncode == 2
    assert f"being written by process {first.pid}" in second.stderr
    assert (tmp_path / "out" / "config.toml").read_bytes() == config


@pytest.mark.slow
def test_three_trainings_at_once_leave_one_student(place: Path, tmp_path: Path) -> None:
    words = "train train.jsonl --objective st --student tiny --epochs 1 --precision fp32 -o"
    command = [sys.executable, "-m", "teachback", *words.split(), str(tmp_path / "out")]
    several = [
        subprocess.Popen(
            command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    ended = [process.communicate() for process in several]
    codes = sorted(process.returncode for process in several)
    lines = [error.splitlines()[-1] for _, error in ended]
    assert 0 in codes, lines
    assert set(codes) <= {0, 2}, lines
    for process, line in zip(several, lines, strict=True):
        if process.returncode:
            assert "is being written by process" in line or "already holds student" in line
    assert (tmp_path / "out" / "student" / "training.json").is_file()
    assert not (tmp_path / "out" / "lock").exists()


def test_a_step_goes_on_within_another_and_a_thread_does_not(tmp_path: Path) -> None:
    refused: list[str] = []

    def other() -> None:
        try:
            with one_writer(tmp_path / "a"):
                pass
        except RunFolderError as error:
            refused.append(str(error))

    with one_writer(tmp_path / "a"):
        with one_writer(tmp_path / "b" / ".." / "a"), one_writer(tmp_path / "b"):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    with one_writer(tmp_path / "a"):
        assert (tmp_path / "a" / "lock").is_file()
    assert not (tmp_path / "a" / "lock").exists()


def test_patience_outlasts_a_writer_that_ends(tmp_path: Path) -> None:
    def briefly() -> None:
        with one_writer(tmp_path):
            entered.set()
            time.sleep(0.3)

    entered = threading.Event()
    thread = threading.Thread(target=briefly)
    thread.start()
    entered.wait()
    with one_writer(tmp_path, patience=20):
        pass
    thread.join()


@pytest.mark.parametrize(
    ("made", "line"),
    [
        ("a file", "out is a file: choose a folder"),
        ("below a file", "out is a file: choose a folder"),
        ("a dangling link", "out is a broken link: remove it"),
        ("too long", "File name too long"),
        ("no right", "Permission denied"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        "run run.toml",
        "generate train.jsonl --teacher recorded:teacher.jsonl",
        "generate train.jsonl --teacher recorded:teacher.jsonl --pilot 3",
        "select SOURCE --strategy cote",
        "train train.jsonl --objective st --student tiny",
        "evaluate tiny test.jsonl",
        "study study.toml",
        "demo --student tiny",
        "data desk",
    ],
)
def test_an_output_that_is_no_folder_is_one_line(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str, line: str, words: str
) -> None:
    monkeypatch.chdir(place)
    out = tmp_path / "out"
    if made == "a dangling link":
        out.symlink_to(tmp_path / "nowhere" / "at-all")
    elif made == "no right":
        # Rights do not bind the superuser, who often runs tests: the system's refusal instead.
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", str(out))

        monkeypatch.setattr(Path, "mkdir", refuse)
    elif made != "too long":
        out.write_text("mine", "utf-8")
    goal = {"below a file": out / "inner", "too long": tmp_path / ("x" * 256)}.get(made, out)
    words = words.replace("SOURCE", str(place / "out"))
    ended = CliRunner().invoke(cli, [*words.split(), "-o", str(goal)])
    assert ended.exit_code == 2, ended.output
    told = [one for one in ended.stderr.splitlines() if one.startswith("teachback: ")]
    assert len(told) == 1
    assert line in told[0]
    if "file" in made:
        assert out.read_text("utf-8") == "mine"
