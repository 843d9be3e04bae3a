"""Inspecting runs: measure, put the measures together, and write them into each run's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from teachback.errors import DataError
from teachback.files import one_writer, package_version, write_jsonl
from teachback.files.rows import Row
from teachback.inspection.consistency import (
    Consistency,
    StudentAfter,
    asked_items,
    measure_consistency,
    untestable,
)
from teachback.inspection.inspected_run import InspectedRun
from teachback.inspection.results import (
    INSPECTION,
    INSPECTION_FILE,
    ITEMS,
    CheckedSteps,
    Inspection,
    ItemValues,
    MeasureDifference,
    SimulatabilityResult,
    StepVerdict,
    measure_differences,
    measured_rows,
    read_inspection,
)
from teachback.inspection.simulators import SimulationSettings, simulate
from teachback.inspection.surface_measures import surface_values
from teachback.records import Example
from teachback.students.load import load
from teachback.studies.schema import digest_of
from teachback.system.precision import Precision
from teachback.system.progress import SILENT, Notice, Progress, no_notice
from teachback.versioned import Versioned

BEGUN = "inspection.begun.json"
"""What was measured of consistency so far, until `INSPECTION` is written."""


@dataclass(frozen=True, slots=True)
class BegunConsistency:
    """`BEGUN`. ``identity``: a digest of what is measured and how."""

    identity: str
    consistency: Consistency


BEGUN_FILE = Versioned(BegunConsistency, (lambda row: row,))

StepChecker = Callable[[Example, str, str | None], CheckedSteps | None]
"""What the steps of an explanation of a question come to, with the answer concluded from it; None
where nobody knows."""


@dataclass(frozen=True, slots=True)
class InspectSettings:
    """``items``: the most items to measure consistency on, a seeded sample; None: all."""

    consistency: bool = True
    items: int | None = None
    seed: int = 0
    precision: Precision = "auto"
    simulation: SimulationSettings | None = None
    """None: simulatability is not measured."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """An inspection, and what it is the mean of."""

    run: InspectedRun
    inspection: Inspection
    values: ItemValues


def inspect_run(
    run: InspectedRun,
    settings: InspectSettings,
    *,
    check_steps: StepChecker | None = None,
    progress: Progress = SILENT,
    notice: Notice = no_notice,
) -> Inspected:
    """Measure a run and write `INSPECTION` and `ITEMS` into its folder.

    Simulatability measured before stays, where it is of the same predictions.
    """
    values: dict[str, Mapping[str, float]] = dict(surface_values(run))
    notes: list[str] = []
    details: dict[str, Row] = {}
    if check_steps is not None:
        steps = _checked_steps(run, check_steps)
        values |= _step_values(steps)
        _add(details, "wrong_steps", {item: list(one.wrong) for item, one in steps.items()})
    measured_on = 0
    if settings.consistency:
        problem = _untestable(run)
        if problem is not None:
            notes.append(f"consistency of answer and explanation: not measured, since {problem}")
        else:
            consistency, measured_on = _consistency(run, settings, progress)
            values |= consistency.values
            for item, said in consistency.details.items():
                details.setdefault(item, {}).update(said)
    with one_writer(run.folder):
        simulatability = _measured_before(run)
        if settings.simulation is not None:
            simulated = simulate(run, settings.simulation, progress=progress, notice=notice)
            simulatability = simulated.results
            _add(details, "simulated", simulated.answered)
        inspection = Inspection(
            run=run.name,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            teachback=package_version("teachback"),
            objective=run.objective,
            kind=run.kind,
            items=len(run.predictions),
            consistency_items=measured_on,
            seed=settings.seed,
            predictions_sha256=run.sha256,
            measured=measured_rows(values, run.groups),
            simulatability=simulatability,
            notes=tuple(notes),
        )
        write_jsonl(run.folder / ITEMS, _item_rows(run, values, details))
        INSPECTION_FILE.write(run.folder / INSPECTION, inspection)
        if settings.consistency:
            (run.folder / BEGUN).unlink(missing_ok=True)
    return Inspected(run, inspection, values)


def run_differences(inspected: Sequence[Inspected]) -> list[MeasureDifference]:
    """Every other run minus the first one, by measure."""
    first, *others = inspected
    return [
        row
        for other in others
        for row in measure_differences(
            other.run.name, other.values, first.run.name, first.values, first.run.groups
        )
    ]


def _untestable(run: InspectedRun) -> str | None:
    """Why the consistency of the run's answers cannot be measured; None where it can."""
    if run.student is None:
        return "the run has not kept its student"
    if not run.explained:
        return "no explanation has any words"
    return untestable(run.objective)


def _consistency(
    run: InspectedRun, settings: InspectSettings, progress: Progress
) -> tuple[Consistency, int]:
    """The consistency of a run whose student was kept, and the number of items asked about."""
    items = asked_items(run.explained, run.examples, most=settings.items, seed=settings.seed)
    identity = digest_of(
        {
            "predictions": run.sha256,
            "seed": settings.seed,
            "precision": settings.precision,
            "items": [asdict(one) for one in items],
            "reading": asdict(run.reading),
            "teachback": package_version("teachback"),
        }
    )
    file = run.folder / BEGUN
    begun = _begun(file, identity)
    student = StudentAfter(load(run.student or "", precision=settings.precision), run.reading)
    found = measure_consistency(
        student,
        items,
        seed=settings.seed,
        begun=begun,
        save=lambda done: BEGUN_FILE.write(file, BegunConsistency(identity, done)),
        progress=progress,
    )
    return found, len(items)


def _begun(file: Path, identity: str) -> Consistency | None:
    """What an inspection that was stopped had measured; None where it was a different one."""
    try:
        begun = BEGUN_FILE.read(file)
    except DataError:
        return None
    return begun.consistency if begun.identity == identity else None


def _checked_steps(run: InspectedRun, check: StepChecker) -> dict[str, CheckedSteps]:
    found = {
        p.id: check(run.examples[p.id], p.explanation or "", p.explained_answer)
        for p in run.explained
    }
    return {item: steps for item, steps in found.items() if steps is not None}


def _step_values(steps: Mapping[str, CheckedSteps]) -> dict[str, dict[str, float]]:
    if not steps:
        return {}
    return {
        name: {item: float(one.verdict == name) for item, one in steps.items()}
        for name in get_args(StepVerdict)
    }


def _add(details: dict[str, Row], name: str, values: Mapping[str, object]) -> None:
    for item, value in values.items():
        details.setdefault(item, {})[name] = value


def _measured_before(run: InspectedRun) -> tuple[SimulatabilityResult, ...]:
    before = read_inspection(run.folder)
    if before is None or before.predictions_sha256 != run.sha256:
        return ()
    return before.simulatability


def _item_rows(run: InspectedRun, values: ItemValues, details: Mapping[str, Row]) -> Sequence[Row]:
    return [
        {
            "id": p.id,
            "measures": {name: own[p.id] for name, own in values.items() if p.id in own},
            **details.get(p.id, {}),
        }
        for p in run.predictions
    ]
