"""A run as it is inspected: its predictions, the questions they answer, and its student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from teachback.annotation.explained_items import dataset_explained_in
from teachback.datasets import answerable, read_evaluated
from teachback.errors import DataError, RunFolderError, UsageError
from teachback.files import read_predictions, sha256_of
from teachback.objectives import OBJECTIVES
from teachback.questions import same_answer
from teachback.records import (
    LANGUAGES,
    Conclusions,
    Cost,
    Example,
    Objective,
    Prediction,
    ReplyReading,
)
from teachback.runs.evaluations import EvaluatedRun, read_run
from teachback.runs.folders import read_manifest
from teachback.students.card import StudentCard
from teachback.students.weights import student_in

PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class InspectedRun:
    """``name``: as the user gave it. ``student``: its folder; None where the run has not kept it.
    ``reading``: which conclusions of its explanations count. ``cost``: of its answers, where that
    was measured."""

    name: str
    folder: Path
    sha256: str
    predictions: tuple[Prediction, ...]
    examples: Mapping[str, Example]
    student: str | None
    card: StudentCard | None
    reading: ReplyReading
    cost: Cost | None

    @property
    def objective(self) -> Objective | None:
        return None if self.card is None else self.card.objective

    @property
    def kind(self) -> str:
        return self.examples[self.predictions[0].id].kind

    @property
    def groups(self) -> dict[str, str | int]:
        """Item → the unit that it belongs to: its group, or itself."""
        return {
            prediction.id: number if prediction.group is None else f"group {prediction.group}"
            for number, prediction in enumerate(self.predictions)
        }

    @property
    def explained(self) -> list[Prediction]:
        """The predictions whose explanation has words."""
        return [p for p in self.predictions if p.explanation and p.explanation.strip()]


def inspected_runs(
    names: Sequence[str], data: str | None = None, kind: str | None = None
) -> list[InspectedRun]:
    """Read the runs. ``data``: the dataset; None: the one that each run's configuration names.

    Raises UsageError, or another of its kind, naming the run and what to do.
    """
    paths = [name.rstrip("/") or name for name in names]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} is named twice: give each run once")
    return [_read(path, data, kind) for path in paths]


def _read(name: str, data: str | None, kind: str | None) -> InspectedRun:
    folder = Path(name)
    file = folder / PREDICTIONS
    if not file.is_file():
        below = sorted(folder.glob(f"*/{PREDICTIONS}")) + sorted(
            folder.glob(f"cells/*/{PREDICTIONS}")
        )
        raise RunFolderError(
            f"{name} has no {PREDICTIONS}: "
            + (
                f"name one of the runs in it, such as {below[0].parent}"
                if below
                else "teachback evaluate --explain writes one"
            )
        )
    predictions = tuple(read_predictions(file))
    if not any(p.explanation is not None for p in predictions):
        raise DataError(
            f"{file}: no prediction has an explanation: evaluate the student again with --explain, "
            "or inspect a run whose objective explains"
        )
    source = data or dataset_explained_in(file)
    if source is None:
        raise UsageError(
            f"{name} does not say which questions it answers: give --data FILE, the dataset that "
            "was evaluated"
        )
    _check_unchanged(folder, source)
    recorded = read_run(folder) if (folder / "metrics.json").is_file() else None
    student = _student(folder, None if recorded is None else recorded.student)
    card = None if student is None else StudentCard.load(Path(student))
    read = read_evaluated(source, kind=kind)
    if card is not None and card.labels:
        read = answerable(read, card.labels)
    examples = {example.id: example for example in read}
    for prediction in predictions:
        example = examples.get(prediction.id)
        if example is None:
            raise DataError(
                f"{file}: item {prediction.id!r} is not in {source}: give --data FILE, the dataset "
                "that was evaluated"
            )
        if not same_answer(example, prediction.gold):
            raise DataError(
                f"{file}: the gold answer of item {prediction.id!r} is not the one in {source}: "
                "the dataset has changed, or is a different one"
            )
    return InspectedRun(
        name=name,
        folder=folder,
        sha256=sha256_of(file),
        predictions=predictions,
        examples={p.id: examples[p.id] for p in predictions},
        student=student,
        card=card,
        reading=_reading(recorded),
        cost=None if recorded is None else recorded.cost.get("student"),
    )


def _reading(recorded: EvaluatedRun | None) -> ReplyReading:
    """How the run's conclusions were read: in every language where it is not recorded."""
    conclusions: Conclusions = (
        "announced" if recorded is not None and recorded.reading == "announced" else "inferred"
    )
    known = () if recorded is None else recorded.languages or ()
    spoken = tuple(language for language in LANGUAGES if language in known)
    return ReplyReading(conclusions, spoken or LANGUAGES)


def _check_unchanged(folder: Path, source: str) -> None:
    """Raise RunFolderError where the run's own record says that its test file was another one."""
    manifest = folder / "manifest.json"
    if not manifest.is_file() or not Path(source).is_file():
        return
    recorded = read_manifest(manifest).inputs.get("test")
    if recorded is not None and recorded.sha256 != sha256_of(source):
        raise RunFolderError(
            f"{folder}: {source} has changed since the run was evaluated on it: restore it, or "
            "evaluate the student again"
        )


def _student(folder: Path, recorded: str | None) -> str | None:
    """The folder of the run's student, or the one whose evaluation this is."""
    for place in (folder / "student", None if recorded is None else Path(recorded)):
        if place is not None and place.is_dir():
            return student_in(place)
    return None


def has_conclusions(objective: Objective | None) -> bool:
    """Whether the explanation task of the objective comes to an answer of its own; an objective
    that is not known is taken to."""
    return objective is None or OBJECTIVES[objective].concludes is not None
