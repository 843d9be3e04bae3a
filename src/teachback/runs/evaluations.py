"""The files of an evaluation in a run folder: written, and read back.

``predictions.jsonl`` is the evaluated system's, ``predictions.NAME.jsonl`` that of a baseline
beside it; ``metrics.json`` is written last, so that a folder with it holds a whole evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from teachback.config import EvaluateConfig
from teachback.errors import DataError, RunFolderError, quoted
from teachback.evaluation import student_way
from teachback.explaining.spending import Bill
from teachback.files import is_file, read_json, read_predictions, write_json, write_predictions
from teachback.questions import KINDS
from teachback.records import Cost, Prediction, Way
from teachback.system.precision import PrecisionChoice
from teachback.versioned import checked

if TYPE_CHECKING:
    from teachback.evaluation import Metrics

HowAsked = Mapping[str, str | Sequence[str]]
"""Who was asked and how, as in ``metrics.json``: ``student``, `COMPARED_SETTINGS`, ``precision``,
``precision_reason``; what is not recorded is not in it."""

COMPARED_SETTINGS = ("reading", "languages", "choice_score")
"""What must be the same for all systems compared."""

BASELINES = ("untrained", "majority")
"""Systems evaluated beside the one in question."""

EVALUATION_FILES = (
    "metrics.json",
    "predictions.jsonl",
    *(f"predictions.{name}.jsonl" for name in BASELINES),
)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The outcome of evaluating: figures by system (``student``, ``untrained``, …)."""

    metrics: Mapping[str, Metrics]
    predictions: Mapping[str, Sequence[Prediction]]
    cost: Mapping[str, Cost]
    way: Way
    bill: Bill | None = None
    """What asking a prompted teacher has cost."""
    threshold: float | None = None
    """The evaluated student's, for its adaptive way."""


def write_evaluation(
    folder: Path,
    predictions: Mapping[str, Sequence[Prediction]],
    cost: Mapping[str, Cost],
    way: Way,
    kind: str,
    seed: int = 0,
    asked: Mapping[str, str | Sequence[str] | None] | None = None,
    *,
    threshold: float | None = None,
    temperature: float | None = None,
) -> Evaluated:
    """Measure predictions and write them; the first system is the one evaluated, and ``way``,
    ``threshold`` and ``temperature`` are those of its card."""
    from teachback.evaluation import as_json

    metrics = _measured(predictions, kind, threshold)
    for number, (name, own) in enumerate(predictions.items()):
        write_predictions(folder / _predictions_file(name, number), own)
    write_json(
        folder / "metrics.json",
        {
            "kind": kind,
            "seed": seed,
            "way": way,
            "threshold": threshold,
            "temperature": temperature,
            **(asked or {}),
            "systems": {name: as_json(figures) for name, figures in metrics.items()},
            "cost_per_1000": {name: asdict(figures) for name, figures in cost.items()},
        },
    )
    return Evaluated(metrics, predictions, cost, way, threshold=threshold)


def _measured(
    predictions: Mapping[str, Sequence[Prediction]], kind: str, threshold: float | None
) -> dict[str, Metrics]:
    """The figures of all systems; the threshold is that of the first."""
    from teachback.evaluation import measure

    return {
        name: measure(own, kind, None if number else threshold)
        for number, (name, own) in enumerate(predictions.items())
    }


def _predictions_file(name: str, number: int) -> str:
    """The evaluated system's file, or that of a baseline beside it."""
    return f"predictions.{name}.jsonl" if number else "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class EvaluatedRun:
    """What comparing needs of an evaluated folder."""

    seed: int
    way: Way
    choice_score: str | None
    reading: str | None
    languages: tuple[str, ...] | None
    """Those that explanations were read in; None where all were that were known then."""
    precision: str | None
    """What the student was computed in; None where that is not known, or there is no student."""
    student: str | None
    """The student that was evaluated; None where that is not recorded, or there is none."""
    kind: str
    predictions: list[Prediction]
    threshold: float | None = None
    """Of the student's adaptive way; None where it has none, and in older files."""
    temperature: float | None = None
    """Of its probabilities, fitted on ``valid``; None as above."""
    cost: Mapping[str, Cost] = field(default_factory=dict)
    """By system."""

    @property
    def asked(self) -> HowAsked:
        """How its answers were drawn, as far as it is recorded."""
        own = {
            "reading": self.reading,
            "languages": self.languages,
            "choice_score": self.choice_score,
        }
        return {name: value for name, value in own.items() if value is not None}


def different_settings(runs: Iterable[HowAsked]) -> Iterator[tuple[str, set[str | Sequence[str]]]]:
    """Those of `COMPARED_SETTINGS` that differ between runs which record them, and their values:
    answers drawn in different ways do not compare systems."""
    every = list(runs)
    for name in COMPARED_SETTINGS:
        values = {asked[name] for asked in every if name in asked}
        if len(values) > 1:
            yield name, values


def student_asked(
    reference: str | None, config: EvaluateConfig, precision: PrecisionChoice
) -> HowAsked:
    """How the student ``reference`` (None: it is in no folder) was asked; the languages in
    ``config`` are settled."""
    return {
        **({} if reference is None else {"student": reference}),
        "choice_score": config.choice_score,
        "reading": config.reading,
        "languages": config.languages,
        "precision": precision.used,
        "precision_reason": precision.reason,
    }


def read_run(folder: Path) -> EvaluatedRun:
    """Read an evaluated run folder. Raises UsageError where its files are not as they must be."""
    record = _read_record(folder)
    return EvaluatedRun(
        seed=record.seed,
        way=record.way,
        choice_score=record.choice_score,
        reading=record.reading,
        languages=record.languages,
        precision=record.precision,
        student=record.student,
        kind=record.kind,
        predictions=read_predictions(folder / "predictions.jsonl"),
        threshold=record.threshold,
        temperature=record.temperature,
        cost=record.cost_per_1000,
    )


def read_runs_by_seed(folder: Path) -> dict[int, EvaluatedRun]:
    """The evaluation in ``folder``, or those in the folders in it, by seed.

    Raises RunFolderError where there is none, or two are of one seed, and as `read_run`.
    """
    if is_file(folder / "metrics.json"):
        found = [folder]
    else:
        found = sorted(path.parent for path in folder.glob("*/metrics.json"))
    if not found:
        raise RunFolderError(f"{folder} holds no evaluation; teachback evaluate or run writes one")
    seeds: dict[int, EvaluatedRun] = {}
    for inner in found:
        run = read_run(inner)
        if run.seed in seeds:
            raise RunFolderError(
                f"{folder}: two runs of seed {run.seed}; give each seed one folder"
            )
        seeds[run.seed] = run
    return seeds


def read_evaluation(folder: Path) -> Evaluated:
    """An evaluation written before, measured again from its predictions."""
    record = _read_record(folder)
    if not record.systems or not set(list(record.systems)[1:]) <= set(BASELINES):
        raise DataError(
            f"{folder / 'metrics.json'}: the field 'systems' must name the evaluated system, and "
            f"after it none but {', '.join(BASELINES)}"
        )
    if not set(record.cost_per_1000) <= set(record.systems):
        raise DataError(
            f"{folder / 'metrics.json'}: the field 'cost_per_1000' names a system that was not "
            "evaluated"
        )
    predictions = {
        name: read_predictions(folder / _predictions_file(name, number))
        for number, name in enumerate(record.systems)
    }
    metrics = _measured(predictions, record.kind, record.threshold)
    return Evaluated(
        metrics, predictions, record.cost_per_1000, record.way, threshold=record.threshold
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What is read of ``metrics.json``; the figures are measured again from the predictions."""

    kind: str
    seed: int = 0
    way: Way = "direct"
    threshold: float | None = None
    temperature: float | None = None
    choice_score: str | None = None
    reading: str | None = None
    languages: tuple[str, ...] | None = None
    precision: str | None = None
    student: str | None = None
    systems: Mapping[str, object] = field(default_factory=dict)
    cost_per_1000: Mapping[str, Cost] = field(default_factory=dict)


def _read_record(folder: Path) -> _Record:
    file = folder / "metrics.json"
    row = read_json(file)
    row["way"] = student_way(row.get("way", "direct"), str(file))
    record = checked(_Record, row, str(file))
    if record.kind not in KINDS:
        raise DataError(f"{file}: the field 'kind' names no question kind: {quoted(record.kind)}")
    if record.temperature is not None and not 0 < record.temperature < math.inf:
        raise DataError(f"{file}: the field 'temperature' must be a number above 0")
    if record.threshold is not None and not math.isfinite(record.threshold):
        raise DataError(f"{file}: the field 'threshold' must be a finite number")
    return record
