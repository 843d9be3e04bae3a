"""Studies on a real Ray cluster of two nodes on this machine, one of which is killed."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from teachback.cli import cli
from teachback.files import read_json, read_jsonl
from test_study import write_study
from tiny import tiny_causal
from tiny_run import write_data

HAS_RAY = importlib.util.find_spec("ray") is not None


@pytest.mark.skipif(HAS_RAY, reason="says what is said where Ray is not installed")
def test_without_ray_the_extra_is_named(tmp_path: Path) -> None:
    from click.testing import CliRunner

    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny")
    study = write_study(tmp_path, objectives=["st"])
    shown = CliRunner().invoke(cli, ["study", str(study), "--engine", "ray"])
    assert shown.exit_code == 2
    assert shown.output == (
        "teachback: --engine ray needs the package 'ray': pip install 'teachback[ray]'\n"
    )


class Cluster:
    """A head, which runs no cells, and two nodes with room for one cell each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as RayCluster

        self._ray = RayCluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False},
        )
        self.nodes = [self._ray.add_node(num_cpus=1) for _ in range(2)]
        self._ray.wait_for_nodes()
        self.address = self._ray.address

    def close(self) -> None:
        self._ray.shutdown()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_health_check_period_ms", "500")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "3")
    made = Cluster()
    yield made
    made.close()


def study(folder: Path, out: str, *options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "teachback", "study", "study.toml", "-o", out, *options],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def results(out: Path) -> dict[str, dict[str, Any]]:
    rows = [row for _, row in read_jsonl(out / "cells.jsonl")]
    return {row["hash"]: row for row in rows}


def training_under(raylet: int) -> dict[int, Path]:
    """The processes of one node that have saved a checkpoint by now, and their folders."""
    command = ["ps", "-ewwo", "pid,ppid,args"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()[1:]]
    parents = {int(pid): int(parent) for pid, parent, _ in rows}
    found = {}
    for pid, parent, arguments in rows:
        words = arguments.split()
        if "teachback.studies.cell" not in words:
            continue
        above = int(parent)
        while above in parents and above != raylet:
            above = parents[above]
        folder = Path(words[words.index("teachback.studies.cell") + 1])
        if above == raylet and any(folder.glob("checkpoints/checkpoint-*")):
            found[int(pid)] = folder
    return found


def is_there(pid: int) -> bool:
    try:
        return "teachback" in Path(f"/proc/{pid}/cmdline").read_text("utf-8")
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="needs Ray: pip install 'teachback[ray]'")
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_a_node_killed_in_the_middle_costs_nothing_but_time(
    tmp_path: Path, cluster: Cluster
) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    write_study(tmp_path, controls=["untrained", "majority", "equal-time"], seeds=[0, 1], epochs=60)
    process = study(
        tmp_path, "ray", "--engine", "ray", "--threads", "1", RAY_ADDRESS=cluster.address
    )
    done = tmp_path / "ray" / "cells"

    def wait(what: Callable[[], object]) -> None:
        deadline = time.monotonic() + 300
        while not what():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)

    wait(lambda: len(list(done.glob("*/result.json"))) >= 3)
    node = cluster.nodes[1].all_processes["raylet"][0].process.pid
    wait(lambda: training_under(node))
    ((cell, folder),) = training_under(node).items()
    os.kill(node, signal.SIGKILL)  # its workers notice and end, and their processes with them
    wait(lambda: not is_there(cell))
    assert not (done / folder.name / "result.json").exists()
    output, _ = process.communicate(timeout=400)
    assert process.returncode == 0, output
    assert "8 cells: 8 done (8 in this run)" in output

    local = study(tmp_path, "local", "--jobs", "2", "--threads", "1")
    output, _ = local.communicate(timeout=400)
    assert local.returncode == 0, output
    assert set(results(tmp_path / "ray")) == set(results(tmp_path / "local"))
    for name in results(tmp_path / "ray"):
        on_ray, here = (tmp_path / engine / "cells" / name for engine in ("ray", "local"))
        told = read_json(on_ray / "result.json")
        assert (told["engine"], told["threads"]) == ("ray", 1)
        assert (on_ray / "predictions.jsonl").read_bytes() == (
            here / "predictions.jsonl"
        ).read_bytes()
        theirs, ours = (read_json(folder / "metrics.json") for folder in (on_ray, here))
        assert theirs["systems"] == ours["systems"]
        for key in ("history", "steps", "way", "valid"):
            assert told[key] == read_json(here / "result.json")[key]
    verdicts = [
        json.loads((tmp_path / engine / "verdicts.json").read_text("utf-8"))
        for engine in ("ray", "local")
    ]
    assert verdicts[0] == verdicts[1]
