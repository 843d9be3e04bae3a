"""What several scripts need: paths, a part in its own process, peak memory, tables, rows.

Imports neither torch nor transformers, so that every script answers ``--help`` at once.
"""

from __future__ import annotations

import asyncio
import json
import math
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teachback import desk
from teachback.explaining.selection import ExplanationKind, Selection, SelectionRules, select
from teachback.files import read_json, read_predictions
from teachback.records import Completion, Example, Explanation, Prediction, Request, Strategy
from teachback.system.machine import cores, processor
from teachback.teachers.recorded import RecordedTeacher

ROOT = Path(__file__).parents[1]
"""The repository."""
DATA = ROOT.parent / "shared" / "data"
"""The real data, which lie beside a checkout."""
OUT = ROOT / "bench" / "out"
"""Where scripts write what is not asked for elsewhere; git ignores it."""
STUDENT = "pypi:gemma-3-270m"


def machine() -> str:
    """The line that stands above a script's figures."""
    found = processor()
    features = f" ({', '.join(found.notable)})" if found.notable else ""
    return (
        f"{found.name}{features}, {cores()} cores, {platform.platform()}, "
        f"Python {platform.python_version()}"
    )


def need_data(folder: Path = DATA) -> Path:
    """``folder``, if the real data are there; otherwise the script ends."""
    if not folder.is_dir():
        sys.exit(f"{folder} is not there; this benchmark needs the real data")
    return folder


# ------------------------------------------------------------------ processes and their memory


class PartFailedError(RuntimeError):
    """A part that ran in its own process failed; the text is the last line that it printed."""


def part(module: str, *words: str | Path) -> dict[str, Any]:
    """Run ``python -m module words`` and return the JSON object that is its last line.

    Raises PartFailedError if it fails.
    """
    command = [sys.executable, "-m", module, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise PartFailedError(said[-1])
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def forget_peak() -> None:
    """Let `peak_bytes` count from here on. Linux; elsewhere nothing happens."""
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    except OSError:
        return


def peak_bytes() -> int:
    """The most resident memory that this process has held, in bytes."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


# ------------------------------------------------------------------ tables


def slow_99(seconds: Sequence[float]) -> float:
    """What 99 of 100 of ``seconds`` (not empty) do not exceed: by rank, rounded up."""
    return sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1]


def row(*cells: object) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def head(*cells: str) -> str:
    """The first two lines of a Markdown table."""
    return f"{row(*cells)}\n|{'---|' * len(cells)}"


# ------------------------------------------------------------------ rows


def explained_by_rule(cases: Sequence[desk.Case]) -> list[Explanation]:
    """The rule engine's explanation of each of the desk's cases."""
    return [
        Explanation(
            case.example.id,
            "cote",
            0,
            desk.RULE_ENGINE,
            desk.rule_explanation(case.facts),
            case.example.answer,
        )
        for case in cases
    ]


def selected(
    examples: Sequence[Example],
    recordings: Sequence[Path],
    strategy: Strategy,
    samples: int,
    rules: SelectionRules | None = None,
) -> Selection:
    """What selection makes of a recorded teacher's replies to ``examples``."""
    teacher = RecordedTeacher(recordings)

    def lookup(example: Example, asked: ExplanationKind, sample: int) -> Completion:
        return asyncio.run(teacher.complete(Request(example.id, asked, (), (), sample=sample)))

    return select(
        examples,
        lookup,
        strategy=strategy,
        teacher=teacher.model,
        samples=samples,
        rules=rules,
    )


@dataclass(frozen=True, slots=True)
class FinishedCell:
    """A cell of a study that has its predictions. ``spec`` is its ``cell.json``."""

    folder: Path
    spec: dict[str, Any]
    predictions: list[Prediction]


def finished_cells(study: Path, objective: str | None = None) -> Iterator[FinishedCell]:
    """The finished cells of a study folder, if ``objective`` is given those that have it."""
    for folder in sorted((study / "cells").iterdir()):
        if not (folder / "predictions.jsonl").is_file():
            continue
        spec = read_json(folder / "cell.json")
        if objective is None or spec.get("objective") == objective:
            yield FinishedCell(folder, spec, read_predictions(folder / "predictions.jsonl"))
