"""One measured configuration, in a process of its own.

    python -m bench.training.worker JOB.json        started by bench.training.run, not by hand

Writes lines of JSON to the file descriptor named in the job: ``{"ready": true}`` once the
model is loaded. Then it waits for a line on standard input before every step, answers it
with that step's seconds, and at the end with its peak memory, shapes and versions. While other
configurations take their turn the process sleeps.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import warnings
from pathlib import Path

from bench import common
from bench.training.turns import Turns


def forget_peak() -> None:
    """Peak memory from here on: what loading took is not part of training."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    common.forget_peak()


def peak_bytes() -> int:
    """Of the GPU where there is one, otherwise of the process."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return common.peak_bytes()


def versions() -> dict[str, str]:
    import torch
    import transformers

    found = {"python": platform.python_version(), "torch": torch.__version__}
    found["transformers"] = transformers.__version__
    if "trl" in sys.modules:
        found["trl"] = sys.modules["trl"].__version__
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", type=Path, help="the job as JSON, written by bench.training.run")
    job = json.loads(parser.parse_args().job.read_text("utf-8"))
    warnings.filterwarnings("ignore")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # read when it is imported
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    import torch

    turns = Turns(job["descriptor"])
    torch.manual_seed(0)
    if job["kind"] == "losses":
        from bench.training import losses

        turns.say(ready=True)
        turns.wait()
        turns.say(losses=losses.of(job), versions=versions())
        return
    from bench.training import schemes, scoring

    shapes: list[dict[str, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        work = (scoring if job["kind"] == "score" else schemes).prepare(job, shapes, Path(folder))
        forget_peak()
        turns.say(ready=True)
        scores = work(turns)
    turns.say(peak=peak_bytes(), shapes=shapes, versions=versions(), scores=scores)


if __name__ == "__main__":
    main()
