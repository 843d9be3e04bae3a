"""The command line's surroundings: what reaches the terminal, signals, closed streams, no home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mock_server import Asked, MockServer, Reply, said
from teachback.cli import cli
from teachback.store import CompletionStore
from teachback.system.progress import Progress
from teachback.system.terminal import visible
from tiny_run import question, recorded, write_data, write_lines

EVIL = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202egnp\u2066"
SHOWN = "\\x1b]0;owned\\x07\\x1b[2J\\r\\x9b31m\\u202egnp\\u2066"


def teachback(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def harmless(ended: Result) -> str:
    """What a command has said, in which a terminal finds nothing to obey."""
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    for stream in (ended.stdout, ended.stderr):
        assert visible(stream) == stream, repr(stream)
    return ended.output


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    return tmp_path


def test_what_a_terminal_would_obey_is_shown() -> None:
    assert visible(EVIL) == SHOWN
    assert visible("two\n\tlines, ä, שלום, 漢字, 👩‍💻") == "two\n\tlines, ä, שלום, 漢字, 👩‍💻"
    assert visible("\x00\x7f\x85\u2028\ud800") == "\\x00\\x7f\\x85\\u2028\\ud800"


def test_progress_shows_it_too(tmp_path: Path) -> None:
    with open(tmp_path / "said", "w+", encoding="utf-8") as stream:
        with Progress(stream).track(1, EVIL) as step:
            step.advance(note=EVIL)
        stream.seek(0)
        assert stream.read().count(SHOWN) == 2


def test_commands_that_print_what_datasets_hold(place: Path) -> None:
    rows = [{**question(n), "choices": None, "answer": f"{n % 2}{EVIL}"} for n in range(6)]
    for row in rows:
        del row["choices"]
    write_lines(place / "evil.jsonl", rows)
    assert SHOWN in harmless(teachback("data", "stats", "evil.jsonl", "--kind", "label"))
    write_lines(place / "evil.jsonl", [{**question(0), "id": EVIL}, {**question(1), "id": EVIL}])
    harmless(teachback("data", "check", "evil.jsonl"))
    named = place / f"{EVIL}.jsonl"
    write_lines(named, [question(0), question(0)])
    assert SHOWN in harmless(teachback("data", "check", str(named)))
    assert "\\u202egnp" in harmless(teachback("data", "stats", str(named)))
    out = place / f"out{EVIL}"
    told = teachback("export", "openai-finetune", "train.jsonl", "-o", str(out))
    assert SHOWN in harmless(told)


def test_commands_that_print_what_models_and_servers_say(place: Path) -> None:
    lines = [
        {**recorded(n, "red", given), "teacher": EVIL} for n in range(12) for given in (False, True)
    ]
    write_lines(
        place / "evil.jsonl",
        [{**line, "given_answer": bool(line["given_answer"])} for line in lines],
    )
    out = f"out{EVIL}"
    words = ("generate", "train.jsonl", "--teacher", "recorded:evil.jsonl", "-o", out)
    assert SHOWN in harmless(teachback(*words))
    assert SHOWN in harmless(teachback("select", out, "--strategy", "cote", "-o", f"2{EVIL}"))
    words = ("evaluate", "--teacher", "recorded:evil.jsonl", "test.jsonl", "-o", f"3{EVIL}")
    assert SHOWN in harmless(teachback(*words))
    compared = teachback("compare", f"3{EVIL}", f"3{EVIL}/")
    assert compared.exit_code == 2 or SHOWN in harmless(compared)

    def refuse(_: Asked) -> Reply:
        return Reply(400, json.dumps({"error": {"message": EVIL}}).encode())

    with MockServer(refuse) as server:
        words = ("generate", "train.jsonl", "--teacher", f"openai:m@{server.url}", "-o", "served")
        harmless(teachback(*words))


@pytest.mark.parametrize("command", ["run", "study", "ask", "report", "train", "prob"])
def test_errors_show_what_they_name(place: Path, command: str) -> None:
    words = {"ask": [EVIL, "Why?"], "prob": []}.get(command, [EVIL])
    extra = ["-o", "x", "--objective", "st"] if command == "train" else []
    told = harmless(teachback(command if command != "prob" else EVIL, *words, *extra))
    assert "u202e" in told


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal_ends_a_run_in_order(place: Path, name: str, code: int) -> None:
    asked: list[Asked] = []
    several = threading.Event()

    def slow(asking: Asked) -> Reply:
        asked.append(asking)
        if len(asked) == 4:
            several.set()
        return said("The answer is (A) red.", seconds=0.2)

    with MockServer(slow) as server:
        words = f"generate train.jsonl --teacher openai:m@{server.url} --exemplars none"
        command = [
            sys.executable,
            "-m",
            "teachback",
            *words.split(),
            "--concurrency",
            "1",
            "-o",
            "o",
        ]
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert several.wait(60)
        process.send_signal(signal.Signals[name])
        _, told = process.communicate(timeout=60)
        assert process.returncode == code, told
        (line,) = [one for one in told.splitlines() if one.startswith("teachback: ")]
        assert "the same command" in line
        with CompletionStore("o/completions.sqlite", read_only=True) as store:
            kept = len(store)
        assert kept >= 3
        before = len(asked)
        again = subprocess.run(command, capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stderr
        prompts = {each.prompt for each in asked[before:]}
        assert len(asked) - before == len(prompts)
        with CompletionStore("o/completions.sqlite", read_only=True) as store:
            assert len(store) == kept + len(prompts)


@pytest.mark.parametrize("ctrl_c", ["", "signal.signal(signal.SIGINT, signal.SIG_IGN)"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_meets_a_finaliser_is_not_lost(name: str, ctrl_c: str) -> None:
    """Python drops what is raised there, so that the command would go on."""
    program = (
        "import click, signal, sys, time, teachback.cli\n"
        f"{ctrl_c}\n"
        "class Slow:\n"
        "    def __del__(self):\n"
        "        time.sleep(0.5)\n"
        "@click.command()\n"
        "def dropping():\n"
        "    print('ready', flush=True)\n"
        "    for _ in range(20):\n"
        "        Slow()\n"
        "        time.sleep(0.5)\n"
        "teachback.cli.COMMANDS['dropping'] = ('__main__:dropping', '')\n"
        "sys.argv = ['teachback', 'dropping']\n"
        "teachback.cli.main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        number = signal.Signals[name]
        process.send_signal(number)
        _, told = process.communicate(timeout=15)  # undisturbed it takes 20 s
    assert process.returncode == 128 + number
    (line,) = told.split("\n")[1:-1]  # what a terminal shows of Ctrl-C stands before it
    assert line.startswith(f"teachback: ended by {name}")


def shell(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell that runs a script in which $T stands for the command."""
    command = f'T="{sys.executable} -m teachback"\n{script}'
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("$T data stats train.jsonl >&-", 0),
        ("$T data stats train.jsonl <&- >&- 2>&-", 0),
        ("$T data stats nothing 2>&-", 2),
        ("$T export openai-finetune train.jsonl -o chats.jsonl >&-", 0),
    ],
)
def test_closed_streams(place: Path, script: str, code: int) -> None:
    ended = shell(script)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    if "chats" in script:  # what is printed has not landed in the file
        assert all(
            line.startswith('{"messages"') for line in Path("chats.jsonl").read_text().splitlines()
        )


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("$T data stats train.jsonl > /dev/full", "the disk is full"),
        (
            "mkdir gone && cd gone && rmdir ../gone && $T generate x --teacher scripted -o o",
            "the working folder no longer exists",
        ),
        ("$T data check $'\\xff\\xfe.jsonl'", "is not UTF-8"),
        ("$T ask '~nouser/x' Why?", "nouser"),
        ("$T ask gguf:~nouser/x Why?", "nouser"),
        ("$T data check $(printf 'x%.0s' {1..300})", "File name too long"),
    ],
)
def test_what_the_system_refuses_is_a_line(place: Path, script: str, line: str) -> None:
    ended = shell(script)
    assert ended.returncode == 2, ended.stderr
    (told,) = ended.stderr.strip().splitlines()
    assert told.startswith("teachback: ")
    assert line in told


def test_no_home_and_no_entry_for_the_user(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def none(_: object) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", none)
    for name in ("HOME", "TEACHBACK_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert teachback("data", "check", "train.jsonl").exit_code == 0
    for words, line in (
        ("ask gguf:~/x.gguf Why?", "there is no such home folder"),
        ("ask ~/x Why?", "there is no such home folder"),
        ("ask pypi:gemma-3-270m Why?", "set TEACHBACK_CACHE"),
        ("data check ~/x.jsonl", "no such file"),
    ):
        ended = teachback(*words.split())
        assert ended.exit_code == 2, ended.exception
        assert line in harmless(ended)
