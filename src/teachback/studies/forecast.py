"""How long cells take and what they leave on disk: measured where possible, else roughly.

The rough figure counts tokens (a quarter of the characters) and takes the speeds below; cells
that have finished in the folder correct it, those of the same system first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from statistics import mean, median

from teachback.errors import DataError
from teachback.files import read_explanations
from teachback.modelfiles.wheels import KNOWN
from teachback.objectives import OBJECTIVES
from teachback.questions import render
from teachback.records import Example
from teachback.references import WheelsReference, parse_student
from teachback.studies.config import StudyFile
from teachback.studies.planned import PlannedCell, StudyDataset
from teachback.studies.schema import CellResult, result_of

TRAINED = 190.0
"""Tokens a second in training, two threads: bench/RESULTS.md, the demo's ST, 480 passes over
one example of about 78 tokens in 198 s, valid included."""

SCORED = 760.0
"""Question tokens a second when choices are scored: the demo, 90 s for 1,000 answers."""

GENERATED = 124.0
"""Tokens a second in explaining, batches of 32: the demo, 68,675 tokens in 553 s."""

BASIS = (
    "from a token count and the demo's speed: Gemma 3 270M, two cores that multiply bf16 "
    "natively; other students and machines are faster or slower, a GPU far faster"
)

_EXPLANATION = 80.0  # tokens, as long as no explanation is there to be counted
_EQUAL = 1.2  # ST's time over MT-CoT's at equal compute: bench/RESULTS.md, the desk study
_LOADING = 12.0  # seconds to start, to load a student and to read the data
_PREDICTION = 250  # bytes of a prediction without its explanation
_LONGEST_HEADER = 100 * 2**20  # bytes, as the safetensors library has it


@dataclass
class Forecast:
    """Times of a study's cells, corrected by those that have finished."""

    study: StudyFile
    data: Mapping[str, StudyDataset]
    folder: Path
    threads: int
    _ratios: dict[str, list[float]] = field(default_factory=dict, init=False)
    _lengths: dict[str, float] = field(default_factory=dict, init=False)
    _counts: dict[str, float] = field(default_factory=dict, init=False)

    def learn(self, cell: PlannedCell, result: CellResult) -> None:
        """Take a finished cell's time into account."""
        if result.status == "done" and result.seconds and not result.resumed:
            ratio = result.seconds / self.rough(cell)
            self._ratios.setdefault(self._kind(cell), []).append(ratio)

    def learn_all(self, cells: Iterable[PlannedCell]) -> None:
        """Take all cells that have finished in the folder into account."""
        for cell in cells:
            result = result_of(self.folder, cell.hash)
            if result is not None:
                self.learn(cell, result)

    def seconds(self, cell: PlannedCell) -> tuple[float, bool]:
        """How long a cell takes, and whether finished cells of its kind say so."""
        own = self._ratios.get(self._kind(cell))
        if own:
            return self.rough(cell) * median(own), True
        known = [r for kind, found in self._ratios.items() if kind[0] == "+" for r in found]
        trains = cell.trains or cell.control == "untrained"
        return self.rough(cell) * (median(known) if known and trains else 1.0), False

    def _kind(self, cell: PlannedCell) -> str:
        spec = cell.spec
        searches = " search" if cell.search else ""
        return f"{'+' if cell.trains else '-'} {spec.system} {spec.student}{searches}"

    def rough(self, cell: PlannedCell) -> float:
        """Seconds by the token count alone."""
        spec, data = cell.spec, self.data[cell.spec.dataset]
        if cell.control == "majority":
            return 1.0
        if spec.student is None:
            return float(len(data.test)) * 0.05
        source = _tokens(data.train)
        speed = self.threads / 2
        tests = float(len(data.test))
        seconds: float = _LOADING + tests * source / SCORED / speed
        if not cell.trains:
            return seconds
        objective = spec.objective
        explanation = self._explanation(cell)
        equal = cell.control == "equal-time"
        explains = equal or (objective is not None and OBJECTIVES[objective].explains)
        valid = max(50.0, data.config.valid_fraction * spec.data.size)
        rows = max(float(spec.data.size) - valid, spec.data.size / 2)
        several = 1.0 if cell.material is None else self._counts[cell.material.slug]
        tokens = source + 6 + (explanation * several if explains else 0)
        trained = self._epochs(cell) * tokens
        if equal:
            searches = any(OBJECTIVES[o].multi_task for o in self.study.search.objectives)
            others = self._longest if searches else self.study.train.epochs
            own = self._longest if cell.searched_by is not None else 0.0
            trained = max(others * tokens * _EQUAL, own * (source + 6))
        seconds += rows * trained / TRAINED / speed
        if objective is not None and OBJECTIVES[objective].explains:
            asked = valid + (tests if self.study.evaluate.explain else 0)
            seconds += asked * explanation / GENERATED / speed
        return seconds

    def _epochs(self, cell: PlannedCell) -> float:
        """Passes over the training part: of all schedules that are tried, or of the longest where
        another cell's is taken."""
        if cell.search:
            return sum(candidate.epochs for candidate in cell.search)
        return self.study.train.epochs if cell.searched_by is None else self._longest

    @property
    def _longest(self) -> float:
        """Passes of the longest schedule that is tried."""
        return max(self.study.search.epochs)

    def _explanation(self, cell: PlannedCell) -> float:
        """Tokens of an explanation: of those there are, else of one that is assumed."""
        if cell.material is None:
            return 0.0
        slug = cell.material.slug
        if slug not in self._lengths:
            file = self.folder / "material" / slug / "explanations.jsonl"
            try:
                kept = read_explanations(file)
            except DataError:
                kept = []
            self._lengths[slug] = mean(len(e.text) / 4 for e in kept) if kept else _EXPLANATION
            each = self.study.teacher.samples if self.study.selection.choose == "all" else 1
            self._counts[slug] = len(kept) / len({e.id for e in kept}) if kept else float(each)
        return self._lengths[slug]

    def disk(self, cells: Iterable[PlannedCell], students: Mapping[str, str]) -> tuple[float, str]:
        """Bytes that these cells leave, and what is not counted in them."""
        left, known = 0.0, True
        sizes = {label: _parameters(reference) for reference, label in students.items()}
        kept: set[tuple[str, str | None]] = set()
        for cell in cells:
            spec = cell.spec
            tests = len(self.data[spec.dataset].test)
            explains = spec.objective is not None and OBJECTIVES[spec.objective].explains
            length = self._explanation(cell) * 4 if explains else 0
            left += tests * (_PREDICTION + length)
            keep = self.study.study.keep_students
            if not cell.trains or keep == "none":
                continue
            if keep == "best":
                if (spec.dataset, spec.student) in kept:
                    continue
                kept.add((spec.dataset, spec.student))
            parameters = sizes[spec.student or ""]
            known = known and parameters is not None
            # A full student is float32; an adapter of rank 16 about 1.5% of it.
            left += (parameters or 0) * 4 * (0.015 if self.study.train.lora else 1)
        largest = max((size or 0 for size in sizes.values()), default=0)
        peak = largest * (0.015 if self.study.train.lora else 1) * 28
        text = f"while a cell trains, its checkpoints take about {peak / 2**30:.1f} GiB more"
        if not known or not largest:
            text = "not counting students that are still to be downloaded"
        return left, text


def _tokens(examples: Iterable[Example]) -> float:
    return mean(len(render(example)) for example in examples) / 4


def _parameters(reference: str) -> float | None:
    """How many weights a student has, as far as its files say; None where they are not here."""
    named = parse_student(reference)
    if isinstance(named, WheelsReference):
        wheels = KNOWN.get(named.name)
        return None if wheels is None else wheels.parameters
    folder = Path(reference)
    if not folder.is_dir():
        return None
    try:
        return sum(map(_weights_of, folder.glob("*.safetensors")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # damaged: loading it says so


def _weights_of(file: Path) -> int:
    """How many weights a safetensors file has, by its header: a length, and JSON."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(min(length, _LONGEST_HEADER)))
    return sum(prod(one["shape"]) for name, one in header.items() if name != "__metadata__")
