"""Reading a study's folder for its report: the cells, what each gave, and what lies beside them.

A folder may be of any age: running, killed, finished in part. What is not there is None; a cell
whose files cannot be read is shown as such and stops nothing. The files themselves are read by
:mod:`teachback.studies.schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

from teachback.annotation.results import RESULTS_FILE, AnnotationResults
from teachback.datasets import read_evaluated
from teachback.errors import ConfigError, DataError, RunFolderError, TeachbackError
from teachback.evaluation import Metrics, calibrated, in_way, measure
from teachback.evaluation.adaptive import (
    adaptive_seconds,
    adaptive_tokens,
    confidence_of,
    has_margins,
)
from teachback.files import is_folder, parse_toml, read_predictions, read_text, sha256_of
from teachback.inspection.results import INSPECTION, INSPECTION_FILE, Inspection
from teachback.questions import KINDS
from teachback.records import Example, Prediction, Way
from teachback.runs.evaluations import EvaluatedRun, read_run
from teachback.runs.folders import Manifest, read_manifest
from teachback.studies.factors import FACTORS, Setting
from teachback.studies.schema import (
    CELL_FILE,
    COST_FILE,
    FAMILY_FILE,
    MATERIAL_FILE,
    VERDICTS_FILE,
    CellResult,
    CellSpec,
    MaterialRecord,
    Status,
    TeacherCost,
    Verdicts,
    cell_folder,
    read_plan,
    result_of,
)

State = Status | Literal["not-run", "unreadable"]
"""What became of a planned cell."""

BASELINES = ("untrained", "majority", "teacher-direct", "teacher-cot")
"""Controls that are not trained, and so know no size."""

PROMPTED = ("teacher-direct", "teacher-cot")
"""Controls that are a prompted teacher."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ReportedCell:
    """One planned cell and what became of it.

    ``predictions`` are without explanations and probabilities: those of a large study would
    fill the memory; what they say is in ``adaptive``, ``confidences``, ``probabilities`` and
    ``calibrated``. ``metrics`` are measured again from the predictions, in all ways of answering.
    """

    spec: CellSpec
    state: State = "not-run"
    error: str | None = None
    result: CellResult | None = None
    predictions: tuple[Prediction, ...] = ()
    metrics: Metrics | None = None
    cost: dict[str, float] = field(default_factory=dict)
    """For 1,000 answers: ``direct_seconds``, ``direct_tokens``, ``explained_seconds``, …"""
    threshold: float | None = None
    """Of the student's adaptive way; None where it has none."""
    temperature: float | None = None
    """Of the student's probabilities, fitted on valid; None where none was."""
    adaptive: tuple[Prediction, ...] | None = None
    """The predictions as they are in the adaptive way; None where it is not offered."""
    confidences: tuple[float, ...] = ()
    """How sure each direct answer is; empty where nothing says so."""
    probabilities: tuple[float, ...] = ()
    """That of each direct answer; empty where the possible answers cannot be listed."""
    calibrated: tuple[float, ...] = ()
    """The same at the temperature; empty without one."""

    @property
    def is_baseline(self) -> bool:
        return self.spec.control in BASELINES

    @property
    def is_prompted_teacher(self) -> bool:
        return self.spec.control in PROMPTED

    @property
    def way(self) -> Way:
        """The way of answering that was chosen on valid; direct where none was."""
        return (self.result.way if self.result else None) or "direct"

    def is_in(self, setting: Setting) -> bool:
        """Whether the cell is in this setting; a factor that it does not depend on fits all.

        A prompted teacher is a baseline whichever teacher explains, and is shown by its name.
        """
        for factor in FACTORS:
            own, wanted = self.spec.value(factor), setting.value(factor)
            if factor == "size":
                if own != wanted and not self.is_baseline:
                    return False
            elif factor == "teacher" and self.is_prompted_teacher:
                continue
            elif own is not None and own != wanted:
                return False
        return True


@dataclass(frozen=True, slots=True)
class ReportedMaterial:
    """The counts of one selection of explanations, and the folder that they lie in."""

    record: MaterialRecord
    folder: Path


@dataclass(frozen=True, slots=True)
class ReportedStudy:
    """A study's folder, read."""

    folder: Path
    name: str
    settings_text: str | None
    manifest: Manifest | None
    cells: tuple[ReportedCell, ...]
    planned: bool
    """Whether the plan (``cells.jsonl``) is there; without it only begun cells are known."""
    outside: int
    """Cell folders that are not in the plan."""
    materials: tuple[ReportedMaterial, ...]
    teachers: tuple[TeacherCost, ...]
    verdicts: Verdicts | None
    declared: str | None
    """When the confirmatory family was written down, where that is recorded."""
    problems: tuple[str, ...]
    annotations: Mapping[str, AnnotationResults] = field(default_factory=dict)
    """What people said of explanations: ``annotations/NAME/results.json``, by NAME."""
    inspections: Mapping[str, Inspection] = field(default_factory=dict)
    """What was measured of cells' explanations: ``inspection.json``, by the cell's address."""

    def in_state(self, *states: State) -> list[ReportedCell]:
        return [cell for cell in self.cells if cell.state in states]

    @property
    def finished(self) -> bool:
        """Whether every planned cell has come to an end that a rerun would not change."""
        return self.planned and all(c.state in ("done", "not-available") for c in self.cells)


def read_folder(folder: str | Path) -> ReportedStudy:
    """Read the study in ``folder``. Raises RunFolderError where there is none, and DataError
    where its plan is damaged."""
    folder = Path(folder)
    plan, inner = folder / "cells.jsonl", folder / "cells"
    if not is_folder(folder):
        raise RunFolderError(f"{folder}: there is no such folder")
    if not plan.is_file() and not any(inner.glob("*/cell.json")):
        raise RunFolderError(
            f"{folder} is not a study's folder (it has no cells.jsonl): teachback study STUDY.toml "
            "-o DIR writes one"
        )
    problems: list[str] = []
    if plan.is_file():
        specs = read_plan(folder)
    else:
        problems.append("cells.jsonl is missing: cells that were not begun are not known")
        begun = (
            _read(CELL_FILE.read, path, problems) for path in sorted(inner.glob("*/cell.json"))
        )
        specs = list(filter(None, begun))
    by_address: dict[str, CellSpec] = {}
    for spec in specs:
        by_address.setdefault(spec.hash, spec)
    cells = tuple(_cell(spec, folder) for spec in by_address.values())
    files = {cell.spec.data.train_sha256 for cell in cells}
    # A training file that has changed has left the explanations of its older form.
    materials = (
        ReportedMaterial(record, path.parent)
        for path in sorted(folder.glob("material/*/selection.json"))
        if (record := _read(MATERIAL_FILE.read, path, problems)) and record.train_sha256 in files
    )
    costs = (
        _read(COST_FILE.read, path, problems)
        for path in sorted(folder.glob("teachers/*/cost.json"))
    )
    annotations = {
        path.parent.name: results
        for path in sorted(folder.glob("annotations/*/results.json"))
        if (results := _read(RESULTS_FILE.read, path, problems))
    }
    inspections = {
        address: inspection
        for address in by_address
        if (inspection := _inspection(cell_folder(folder, address), problems))
    }
    family = _read(FAMILY_FILE.read, folder / "family.json", problems)
    name, text = _settings(folder / "study.toml", problems)
    return ReportedStudy(
        folder=folder,
        name=name or folder.resolve().name,
        settings_text=text,
        manifest=_read(read_manifest, folder / "manifest.json", problems),
        cells=cells,
        planned=plan.is_file(),
        outside=sum(path.parent.name not in by_address for path in inner.glob("*/cell.json")),
        materials=tuple(materials),
        teachers=tuple(filter(None, costs)),
        verdicts=_read(VERDICTS_FILE.read, folder / "verdicts.json", problems),
        declared=family.declared if family else None,
        problems=tuple(problems),
        annotations=annotations,
        inspections=inspections,
    )


def full_predictions(study: ReportedStudy, cell: ReportedCell) -> list[Prediction]:
    """A cell's predictions with all that they hold, explanations included."""
    return read_predictions(cell_folder(study.folder, cell.spec.hash) / "predictions.jsonl")


def input_examples(study: ReportedStudy, sha256: str, kind: str) -> dict[str, Example] | None:
    """The examples by id of an input file, if a file of its recorded hash is still at hand.

    A study's folder keeps no questions, only the hashes of the files that they stand in.
    """
    for entry in study.manifest.inputs.values() if study.manifest else ():
        path = Path(entry.path)
        try:
            if entry.sha256 == sha256 and path.is_file() and sha256_of(path) == sha256:
                return {example.id: example for example in read_evaluated(path, kind=kind)}
        except (TeachbackError, OSError):
            continue
    return None


def _read(read: Callable[[Path], _T], path: Path, problems: list[str]) -> _T | None:
    """A file's record; None where it is not there, or, with a problem noted, is damaged."""
    if not path.is_file():
        return None
    try:
        return read(path)
    except DataError as error:
        problems.append(str(error))
        return None


def _inspection(cell: Path, problems: list[str]) -> Inspection | None:
    """What was measured of a cell's explanations; None, with a problem noted, where it is of other
    predictions than those there."""
    found = _read(INSPECTION_FILE.read, cell / INSPECTION, problems)
    predictions = cell / "predictions.jsonl"
    if found is None or not predictions.is_file():
        return None
    if found.predictions_sha256 != sha256_of(predictions):
        problems.append(
            f"{cell / INSPECTION} is of other predictions than those there now: inspect the cell "
            "again (teachback inspect)"
        )
        return None
    return found


def _cell(spec: CellSpec, folder: Path) -> ReportedCell:
    """A cell with what the files in its folder say."""
    cell = ReportedCell(spec)
    place = cell_folder(folder, spec.hash)
    try:
        result = result_of(folder, spec.hash)
        if result is None:
            return cell
        cell = replace(cell, state=result.status, error=result.error, result=result)
        if result.status != "done":
            return cell
        if spec.data.kind not in KINDS:
            raise DataError(f"its question kind is {spec.data.kind!r}")
        run = read_run(place)
        metrics = measure(run.predictions, spec.data.kind, run.threshold)
    except (DataError, ConfigError) as error:
        return replace(cell, state="unreadable", error=str(error))
    return replace(
        cell,
        predictions=tuple(map(_bare, run.predictions)),
        metrics=metrics,
        cost=_cost(run, metrics),
        threshold=run.threshold,
        temperature=run.temperature,
        adaptive=_adaptive(run),
        confidences=_confidences(run.predictions),
        probabilities=_probabilities(run.predictions, 1.0),
        calibrated=_probabilities(run.predictions, run.temperature),
    )


def _bare(prediction: Prediction) -> Prediction:
    return replace(prediction, explanation=None, probabilities=None)


def _adaptive(run: EvaluatedRun) -> tuple[Prediction, ...] | None:
    try:
        brought = in_way(run.predictions, "adaptive", threshold=run.threshold)
    except DataError:
        return None
    return tuple(map(_bare, brought))


def _confidences(predictions: Sequence[Prediction]) -> tuple[float, ...]:
    return tuple(map(confidence_of, predictions)) if has_margins(predictions) else ()


def _probabilities(
    predictions: Sequence[Prediction], temperature: float | None
) -> tuple[float, ...]:
    """That of each direct answer at a temperature; of one that the probabilities do not name, 0.
    Empty where there is no temperature, or one has no probabilities."""
    found = []
    for one in predictions:
        if temperature is None or not one.probabilities or not any(one.probabilities.values()):
            return ()
        shares = calibrated(one.probabilities, temperature)
        found.append(0.0 if one.answer is None else shares.get(one.answer, 0.0))
    return tuple(found)


def _cost(run: EvaluatedRun, metrics: Metrics) -> dict[str, float]:
    """The evaluated system's cost for 1,000 answers; that of adaptive ones is computed from the
    others and the share that is explained."""
    cost = next(iter(run.cost.values()), None)
    if cost is None:
        return {}
    share = metrics.adaptive_explained
    values = {
        "direct_seconds": cost.direct_seconds,
        "direct_tokens": cost.direct_tokens,
        "explained_seconds": cost.explained_seconds,
        "explained_tokens": cost.explained_tokens,
        "adaptive_seconds": adaptive_seconds(cost, share),
        "adaptive_tokens": adaptive_tokens(cost, share),
    }
    return {name: value for name, value in values.items() if value is not None}


def _settings(path: Path, problems: list[str]) -> tuple[str | None, str | None]:
    """The study's name and the text of its file; what is not there is None."""
    try:
        text = read_text(path)
    except DataError as error:
        if not path.exists():
            problems.append("study.toml is missing: the study's settings are not recorded")
        else:
            problems.append(str(error))
        return None, None
    try:
        section = parse_toml(text, "study.toml").get("study")
    except DataError as error:
        problems.append(str(error))
        return None, text
    name = section.get("name") if isinstance(section, dict) else None
    return name if isinstance(name, str) else None, text
