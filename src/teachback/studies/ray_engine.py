"""Cells on a Ray cluster: each a task with its CPUs and, where there are any, a GPU.

A task takes the cell's files with it and brings its results back, so nodes need not share a
disk; what they need is teachback in this version, and local student weights at the same path. On
the node the cell is a process of its own, as on one machine. A node that dies takes its cells'
work with it, and Ray starts them again elsewhere. Which cluster: ``RAY_ADDRESS``, else the one
that runs on this machine, else one of this machine's cores that Ray starts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from teachback.errors import MissingExtraError, UsageError
from teachback.files import package_version
from teachback.references import parse_dataset
from teachback.studies.engines import LOG, Ended, cell_command, process_environment, why
from teachback.studies.schema import TASK_FILE, CellTask
from teachback.system.telemetry import no_telemetry

_RETRIES = 3
"""How often a cell is started again after its node or its worker died."""

_MOST_THREADS = 4
"""Threads of a cell by default: small students gain little from more."""

_OWN = ("explanations", "trimmed_base")
"""Files that a cell's task names itself; the others stand in its configuration."""


@dataclass
class RayEngine:
    """``slots`` unset: as many cells as the cluster has room for when the study begins."""

    slots: int = 0
    threads: int = 0
    name: str = field(default="ray", init=False)

    def __post_init__(self) -> None:
        try:
            with no_telemetry():
                import ray
        except ImportError:
            raise MissingExtraError("ray", "ray", "--engine ray") from None
        self._ray = ray
        try:
            ray.init(logging_level="ERROR", log_to_driver=False, ignore_reinit_error=True)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise UsageError(
                f"no Ray cluster can be reached ({str(error).splitlines()[0]}): start one with "
                "ray start --head, or set RAY_ADDRESS"
            ) from error
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        smallest = min(int(node.get("CPU", 0)) for node in nodes)
        self.threads = self.threads or max(1, min(_MOST_THREADS, smallest))
        if all(node.get("CPU", 0) < self.threads for node in nodes):
            raise UsageError(f"no node of the Ray cluster has {self.threads} CPUs: lower --threads")
        self._gpus = sum(int(node.get("GPU", 0)) for node in nodes)
        room = self._gpus or sum(int(node.get("CPU", 0)) // self.threads for node in nodes)
        self.slots = self.slots or max(1, room)
        self._blobs: dict[str, Any] = {}
        self._running: dict[Any, Path] = {}

    def start(self, folder: Path, gpu: bool) -> None:
        task = TASK_FILE.read(folder / "task.json")
        inputs = {
            f"{name}{Path(file).suffix}": file
            for name, file in _files_of(task).items()
            if name in _OWN or not parse_dataset(file).is_remote
        }
        blobs = [self._blob(path) for path in inputs.values()]
        job = self._ray.remote(_run).options(
            num_cpus=self.threads,
            num_gpus=1 if gpu and self._gpus else 0,
            max_retries=_RETRIES,
            retry_exceptions=False,
            name=folder.name,
        )
        version = package_version("teachback")
        cell = (folder / "cell.json").read_text("utf-8")
        reference = job.remote(folder.name, cell, task, self.threads, version, list(inputs), *blobs)
        self._running[reference] = folder

    def _blob(self, path: str) -> Any:
        """The file in Ray's store, put there once."""
        if path not in self._blobs:
            self._blobs[path] = self._ray.put(Path(path).read_bytes())
        return self._blobs[path]

    def ended(self, timeout: float) -> list[Ended]:
        if not self._running:
            return []
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout)
        return [self._receive(reference) for reference in ready]

    def _receive(self, reference: Any) -> Ended:
        folder = self._running.pop(reference)
        try:
            error, files = self._ray.get(reference)
        except (self._ray.exceptions.RayError, UsageError) as failure:
            lines = str(failure).strip().splitlines() or [type(failure).__name__]
            return Ended(folder.name, f"its Ray task failed: {lines[-1]}")
        last = "result.json"
        for name in sorted(files, key=lambda name: name == last):
            goal = folder / name
            goal.parent.mkdir(parents=True, exist_ok=True)
            partial = goal.with_name(f".{goal.name}.tmp")
            partial.write_bytes(files[name])
            os.replace(partial, goal)
        return Ended(folder.name, error)

    def stop(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._running.clear()
        self._ray.shutdown()


def _files_of(task: CellTask) -> dict[str, str]:
    """The files that a cell reads: ``train``, ``test`` and, where it has them, `_OWN`."""
    data = cast("Mapping[str, str]", task.config["data"])
    own = {"explanations": task.explanations, "trimmed_base": task.trimmed_base}
    return {
        **{name: data[name] for name in ("train", "test")},
        **{name: file for name, file in own.items() if file is not None},
    }


def _moved(task: CellTask, places: Mapping[str, str]) -> CellTask:
    """The task with those of its files that ``places`` names where they lie on this node."""
    data = dict(cast("Mapping[str, object]", task.config["data"]))
    data |= {name: place for name, place in places.items() if name not in _OWN}
    return replace(
        task,
        config={**task.config, "data": data},
        explanations=places.get("explanations", task.explanations),
        trimmed_base=places.get("trimmed_base", task.trimmed_base),
    )


def _run(
    name: str,
    cell: str,
    task: CellTask,
    threads: int,
    version: str | None,
    inputs: Sequence[str],
    *blobs: bytes,
) -> tuple[str | None, dict[str, bytes]]:
    """On the node: the cell's process in a folder of its own, and all that it leaves."""
    if (here := package_version("teachback")) != version:
        raise UsageError(f"this node has teachback {here}, but the study uses {version}")
    root = Path(tempfile.mkdtemp(prefix="teachback-"))
    try:
        folder = root / name
        folder.mkdir()
        for file, blob in zip(inputs, blobs, strict=True):
            (root / file).write_bytes(blob)
        (folder / "cell.json").write_text(cell, "utf-8")
        places = {Path(file).stem: str(root / file) for file in inputs}
        TASK_FILE.write(folder / "task.json", _moved(task, places))
        with open(folder / LOG, "wb") as log:
            # Its standard input closes with this worker, and it ends then.
            process = subprocess.Popen(  # noqa: S603
                cell_command(folder),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=process_environment(threads),
            )
            code = process.wait()
        left = [path for path in folder.rglob("*") if path.is_file()]
        kept = {str(path.relative_to(folder)): path.read_bytes() for path in left}
        for known in ("cell.json", "task.json", "lock"):
            kept.pop(known, None)
        return why(code), kept
    finally:
        shutil.rmtree(root, ignore_errors=True)
