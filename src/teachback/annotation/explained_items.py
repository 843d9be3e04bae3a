"""Items with the explanations of the systems that are compared, read from runs.

A system is a folder with ``predictions.jsonl`` that has explanations (``evaluate --explain``, a
run, a study's cell), a folder with ``explanations.jsonl``, or one of these files itself. Systems
are paired by the items' ids; the questions come from the dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from teachback.config import read_config
from teachback.datasets import read_evaluated
from teachback.errors import DataError, RunFolderError, UsageError
from teachback.files import is_folder, read_explanations, read_jsonl, read_predictions, sha256_of
from teachback.records import Example
from teachback.studies.schema import TASK_FILE


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation, and the answer that it was given for; None where that cannot be read."""

    text: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class ExplainingSystem:
    """One system: its name (as the user gave it), its file, and its explanations by item."""

    name: str
    file: Path
    sha256: str
    explanations: Mapping[str, Explained]


@dataclass(frozen=True, slots=True)
class ExplainedItems:
    """The items that all systems explain. ``left_out``: items of the dataset that some explain
    and others do not."""

    systems: tuple[ExplainingSystem, ...]
    examples: tuple[Example, ...]
    left_out: int


def explained_items(
    runs: Sequence[str], data: str | None = None, kind: str | None = None
) -> ExplainedItems:
    """Read ``runs`` and the questions of their items.

    ``data``: the dataset; None: the one that the first run's configuration names, where it has
    one. Raises UsageError, or another of its kind, where a run has no explanations, is named twice,
    or shares no item with the others.
    """
    paths = [run.rstrip("/") or run for run in runs]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} is named twice: give each system once")
    systems = tuple(_system(path) for path in paths)
    named = (dataset_explained_in(system.file) for system in systems)
    source = data or next(filter(None, named), None)
    if source is None:
        raise UsageError(
            f"{systems[0].name} does not say which questions it answers: give --data FILE, the "
            "dataset that was evaluated"
        )
    examples = read_evaluated(source, kind=kind)
    some = [e for e in examples if any(e.id in system.explanations for system in systems)]
    every = tuple(e for e in some if all(e.id in system.explanations for system in systems))
    if not every:
        others = "" if len(systems) == 1 else " and has an explanation in every run"
        raise DataError(
            f"{source}: no item{others} has an explanation: name the dataset that the runs explain"
            if not some
            else f"no item of {source} has an explanation in every run: compare runs evaluated on "
            "the same file"
        )
    return ExplainedItems(systems, every, len(some) - len(every))


def _system(name: str) -> ExplainingSystem:
    path = Path(name)
    file = path
    if is_folder(path):
        inner = ("predictions.jsonl", "explanations.jsonl")
        found = next((path / one for one in inner if (path / one).is_file()), None)
        if found is None:
            below = sorted(path.glob("*/predictions.jsonl"))
            raise RunFolderError(
                f"{name} has no predictions.jsonl or explanations.jsonl: "
                + (
                    f"name {below[0].parent}"
                    if below
                    else "teachback evaluate --explain writes one"
                )
            )
        file = found
    explanations = _explanations(file, _holds_predictions(file))
    return ExplainingSystem(name, file, sha256_of(file), explanations)


def _holds_predictions(file: Path) -> bool:
    """Whether the file is of predictions, by its first row; otherwise it is of explanations."""
    for _, row in read_jsonl(file):
        return "correct" in row
    raise DataError(f"{file}: the file has no rows")


def _explanations(file: Path, of_predictions: bool) -> dict[str, Explained]:
    """The explanations in a file by item; of several of one item, the first sample's."""
    found: dict[str, Explained] = {}
    if of_predictions:
        for one in read_predictions(file):
            if one.explanation and one.explanation.strip():
                answer = one.answer if one.explained_answer is None else one.explained_answer
                found[one.id] = Explained(one.explanation, answer)
        if not found:
            raise DataError(
                f"{file}: no prediction has an explanation: evaluate again with --explain"
            )
        return found
    for explanation in sorted(read_explanations(file), key=lambda one: one.sample):
        if explanation.text.strip():
            given = Explained(explanation.text, explanation.answer)
            found.setdefault(explanation.id, given)
    if not found:
        raise DataError(f"{file}: no explanation has any text")
    return found


def dataset_explained_in(file: Path) -> str | None:
    """The dataset of the items explained in ``file``, as the configuration of its run or cell has
    it; None where it names none."""
    folder = file.parent
    part = "test" if file.name == "predictions.jsonl" else "train"
    if (folder / "config.toml").is_file():
        config = read_config(folder / "config.toml", anchored=False)
        return config.data.test if part == "test" else config.data.train
    if (folder / "task.json").is_file():
        values = TASK_FILE.read(folder / "task.json").config.get("data")
        found = values.get(part) if isinstance(values, dict) else None
        return found if isinstance(found, str) else None
    return None
