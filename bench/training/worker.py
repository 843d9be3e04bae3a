"""One measured configuration, in a process of its own.

    python worker.py JOB.json        started by run.py; not for hand use

Speaks lines of JSON on the file descriptor named in the job: ``{"ready": true}`` once the
model is loaded, then waits for a line on standard input before every step and answers it
with that step's seconds, and at last its peak memory, shapes and versions. While other
configurations take their turn the process sleeps.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

import torch


class Turns:
    """The talk with run.py: waits for its turn, measures, reports."""

    def __init__(self, descriptor: int) -> None:
        self.out = os.fdopen(descriptor, "w", buffering=1)
        self.began = self.cpu = 0.0

    def say(self, **values: Any) -> None:
        self.out.write(json.dumps(values) + "\n")

    def wait(self) -> bool:
        """True when it is this process's turn, False when it is not wanted any more."""
        line = sys.stdin.readline()
        if not line:
            sys.exit(1)  # the parent is gone
        self.cpu, self.began = time.process_time(), time.perf_counter()
        return line.strip() == "go"

    def done(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.say(
            seconds=time.perf_counter() - self.began, cpu_seconds=time.process_time() - self.cpu
        )


def forget_peak() -> None:
    """Peak memory from here on: what loading took at its height is no matter of training."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_bytes() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        status = Path("/proc/self/status").read_text("ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def versions() -> dict[str, str]:
    import transformers

    found = {"python": platform.python_version(), "torch": torch.__version__}
    found["transformers"] = transformers.__version__
    if "trl" in sys.modules:
        found["trl"] = sys.modules["trl"].__version__
    return found


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    turns = Turns(job["descriptor"])
    sys.path.insert(0, str(Path(__file__).parent))
    torch.manual_seed(0)
    if job["kind"] == "losses":
        import losses

        turns.say(ready=True)
        turns.wait()
        turns.say(losses=losses.of(job), versions=versions())
        return
    import scoring
    import training

    shapes: list[dict[str, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        work = (scoring if job["kind"] == "score" else training).prepare(job, shapes, Path(folder))
        forget_peak()
        turns.say(ready=True)
        work(turns)
    scores = getattr(work, "scores", None)
    turns.say(peak=peak_bytes(), shapes=shapes, versions=versions(), scores=scores)


if __name__ == "__main__":
    main()
