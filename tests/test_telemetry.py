"""Nothing calls out: each library that may be used, in a process whose every connection is seen."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from teachback.system.telemetry import no_telemetry

TESTS = Path(__file__).parent
CALLS = "connect,sendto,sendmsg,sendmmsg,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2"

GGUF = """
from pathlib import Path
from test_gguf_teacher import ask, request_of
from teachback.teachers.gguf import GgufTeacher
from tiny_gguf import tiny_gguf
file = tiny_gguf(Path("tiny.gguf"))
(reply,) = ask(GgufTeacher(file, engine={!r}), [request_of("What melts?")])
assert reply.tokens_out, reply
"""
SCRIPTS = {
    "openvino_genai": GGUF.format("openvino"),
    "xllamacpp": GGUF.format("llama.cpp"),
    "nncf": """
from pathlib import Path
from exported import questions, student
from teachback.cli import cli
from teachback.export.openvino_student import OpenVinoStudent
own = student(Path(), "llama")
words = ["export", str(own), "--to", "openvino", "-o", "out", "--check", str(questions(Path()))]
words += ["--questions", "16", "--explained", "2", "--allow-drift"]
cli(words, standalone_mode=False)
assert OpenVinoStudent(Path("out")).scores("What melts?", ["ice", "stone"])
""",
    "transformers": """
from tiny import tiny_causal
from tiny_run import write_data
from pathlib import Path
import teachback as tb
write_data(Path())
examples = tb.read_examples("train.jsonl")
base = str(tiny_causal("base"))
student = tb.train(examples, student=base, objective="st", folder="out", lora=True, epochs=1)
student.answer("What melts?", choices=("ice", "stone"), explain=True)
""",
    "aiohttp": """
from mock_server import MockServer, said
from teachback.cli import cli
from tiny_run import write_data
from pathlib import Path
write_data(Path())
with MockServer(lambda _asked: said("The answer is (A).")) as server:
    words = ["generate", "train.jsonl", "--teacher", f"openai:gpt-4o@{server.url}", "-o", "out"]
    cli(words, standalone_mode=False)
""",
    "genai_prices": """
from teachback.costs.prices import find_price
assert find_price("gpt-4o", "https://api.openai.com/v1").input
""",
    "huggingface_hub": """
import os, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
agents = []
class Hub(BaseHTTPRequestHandler):
    def do_GET(self):
        agents.append(self.headers["User-Agent"])
        self.send_error(404)
server = HTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
import huggingface_hub, teachback as tb  # as a user may have imported it before
try:
    tb.read_examples("hf:a/b")
except tb.errors.DataError:
    pass
assert agents and not any("torch/" in agent or "agent/" in agent for agent in agents), agents
""",
    "pyarrow": """
import pyarrow, pyarrow.parquet, teachback as tb
rows = {"id": ["a"], "question": ["Does it melt?"], "answer": ["yes"]}
pyarrow.parquet.write_table(pyarrow.table(rows), "rows.parquet")
assert len(list(tb.read_examples("rows.parquet"))) == 1
""",
}


def traced(tmp_path: Path, script: str) -> tuple[list[str], list[str]]:
    """The addresses that a process and its children contacted, and the paths that they made."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    if subprocess.run(["strace", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    for name in ("home", "work", "tmp", "cache"):
        (tmp_path / name).mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "RAY_", "TEACHBACK_", "XDG_", "CI"))
    }
    environment |= {
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "tmp"),
        "TEACHBACK_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join((str(TESTS), *filter(None, sys.path))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    log = tmp_path / "trace"
    command = ["strace", "-f", "--seccomp-bpf", "-s", "300", "-e", f"trace={CALLS}", "-o", str(log)]
    done = subprocess.run(
        [*command, sys.executable, "-c", script],
        cwd=tmp_path / "work",
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    contacted, made = [], []
    for line in log.read_text("utf-8", "replace").splitlines():
        if address := re.search(r'inet(?:_addr\(|6?_pton\(AF_INET6, )"([^"]+)"', line):
            contacted.append(address[1])
        path = re.search(r'"([^"]*)"', line)
        if path and re.search(r" (mkdir|rename|creat)|O_CREAT", line) and " = -1 " not in line:
            made.append(str((tmp_path / "work" / path[1]).resolve()))
    return contacted, made


@pytest.mark.parametrize(
    "library",
    [
        pytest.param(each, marks=[pytest.mark.slow] if each == "transformers" else [])
        for each in SCRIPTS
    ],
)
def test_no_library_calls_out_or_leaves_files(tmp_path: Path, library: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    contacted, made = traced(tmp_path, SCRIPTS[library])
    assert [to for to in contacted if not to.startswith("127.") and to != "::1"] == []
    assert [path for path in made if not path.startswith((str(tmp_path), "/dev/"))] == []
    assert list((tmp_path / "home").rglob("*")) == []
    if library == "aiohttp":
        assert "127.0.0.1" in contacted  # the trace sees what there is
        assert str(tmp_path / "work" / "out") in made


def test_python_users_have_no_telemetry_either(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import os, sys, huggingface_hub.constants as hub\n"
        "from teachback.system.telemetry import no_telemetry\n"
        "before = dict(os.environ)\n"
        "import teachback, teachback.cli, teachback.datasets.hub, teachback.studies.ray_engine\n"
        "assert dict(os.environ) == before, 'an import has a side effect'\n"
        "assert not hub.HF_HUB_DISABLE_TELEMETRY\n"
        "with no_telemetry():\n"
        "    try:\n"
        "        import openvino_telemetry\n"
        "    except ImportError: print('blocked')\n"
        "print(hub.HF_HUB_DISABLE_TELEMETRY, os.environ['RAY_USAGE_STATS_ENABLED'])\n"
        "print('openvino_telemetry' in sys.modules)\n"
    )
    for name in ("HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["blocked", "True", "0", "False"]


def test_a_user_s_own_setting_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    with no_telemetry():
        pass
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "1"
