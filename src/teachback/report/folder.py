"""Reading a study folder: its cells, what each gave, and what lies beside them.

A study folder may be of any age: running, killed, finished in part. What is not there is
None ("not recorded"); a cell whose files cannot be read is shown as such and stops nothing.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from teachback.datasets import read_examples
from teachback.errors import DataError, RunFolderError, TeachbackError
from teachback.evaluation import Metrics, measure
from teachback.files import read_json, read_jsonl, read_predictions, sha256_of
from teachback.files.rows import Row
from teachback.questions import KINDS
from teachback.records import Example, Prediction, Way

Status = Literal["done", "failed", "not-available", "not-run", "unreadable"]

FACTORS = ("student", "size", "strategy", "teacher", "alpha")
"""What a study varies beside datasets, systems and seeds."""

BASELINES = ("untrained", "majority", "teacher-direct", "teacher-cot")
"""Controls that are not trained, and so know no size."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One planned cell and what became of it.

    ``predictions`` are without explanations and probabilities: those of a large study would
    fill the memory. ``metrics`` are measured anew from them, in both ways of answering.
    """

    hash: str
    dataset: str
    system: str
    objective: str | None
    control: str | None
    student: str | None
    size: int | float | None
    strategy: str | None
    teacher: str | None
    alpha: float | None
    seed: int | None
    kind: str
    train_sha256: str | None
    test_sha256: str | None
    rows: int | None
    """Training rows that ``size`` stands for."""
    status: Status
    error: str | None
    result: Row
    predictions: tuple[Prediction, ...] = ()
    metrics: Metrics | None = None
    cost: Row = field(default_factory=dict)
    """For 1,000 answers: ``direct_seconds``, ``direct_tokens``, ``explained_seconds``, …"""

    @property
    def way(self) -> Way:
        """The way of answering that was chosen on valid; direct where none was."""
        return "explained" if self.result.get("way") == "explained" else "direct"

    def number(self, name: str) -> float | None:
        """A number of ``result.json``, None where it is not there."""
        return number_of(self.result.get(name))

    def in_setting(self, setting: Mapping[str, Any]) -> bool:
        """Whether the cell has the setting's factors; one it does not depend on fits all."""
        for name, wanted in setting.items():
            own = getattr(self, name)
            if name == "size":
                if own != wanted and self.control not in BASELINES:
                    return False
            elif own is not None and own != wanted:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Material:
    """What one strategy made of one teacher's replies for one dataset."""

    dataset: str
    teacher: str
    strategy: str
    record: Row
    folder: Path


@dataclass(frozen=True, slots=True)
class Study:
    """A study folder, read."""

    folder: Path
    name: str
    settings: Row
    settings_text: str | None
    manifest: Row
    cells: tuple[Cell, ...]
    planned: bool
    """Whether the plan (``cells.jsonl``) is there; without it only begun cells are known."""
    outside: int
    """Cell folders that are not in the plan."""
    materials: tuple[Material, ...]
    teachers: tuple[Row, ...]
    verdicts: Row | None
    declared: str | None
    """When the confirmatory family was written down, where that is recorded."""
    problems: tuple[str, ...]

    def with_status(self, *statuses: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.status in statuses]

    @property
    def finished(self) -> bool:
        """Whether every planned cell has come to an end that a rerun would not change."""
        return self.planned and all(c.status in ("done", "not-available") for c in self.cells)


def read_study(folder: str | Path) -> Study:
    """Read the study in ``folder``. Raises RunFolderError where there is none."""
    folder = Path(folder)
    plan, inner = folder / "cells.jsonl", folder / "cells"
    if not folder.is_dir():
        raise RunFolderError(f"{folder}: there is no such folder")
    if not plan.is_file() and not any(inner.glob("*/cell.json")):
        raise RunFolderError(
            f"{folder} is no study folder (it has no cells.jsonl): "
            "teachback study STUDY.toml -o DIR makes one"
        )
    problems: list[str] = []
    rows = _plan(plan, inner, problems)
    cells = tuple(_cell(row, inner / str(row.get("hash"))) for row in rows)
    known = {cell.hash for cell in cells}
    outside = sum(path.parent.name not in known for path in inner.glob("*/cell.json"))
    text, settings = _settings(folder / "study.toml", problems)
    return Study(
        folder=folder,
        name=_name(settings, folder),
        settings=settings,
        settings_text=text,
        manifest=_object(folder / "manifest.json", problems) or {},
        cells=cells,
        planned=plan.is_file(),
        outside=outside,
        materials=tuple(_materials(folder / "material", cells, problems)),
        teachers=tuple(
            found
            for path in sorted(folder.glob("teachers/*/cost.json"))
            if (found := _object(path, problems)) is not None
        ),
        verdicts=_object(folder / "verdicts.json", problems),
        declared=text_of((_object(folder / "family.json", problems) or {}).get("declared")),
        problems=tuple(problems),
    )


def full_predictions(study: Study, cell: Cell) -> list[Prediction]:
    """A cell's predictions with all that they hold, explanations included."""
    return read_predictions(study.folder / "cells" / cell.hash / "predictions.jsonl")


def input_examples(study: Study, sha256: str | None, kind: str) -> dict[str, Example] | None:
    """The examples by id of an input file, if a file of its recorded hash is still at hand.

    A study folder keeps no questions, only the hashes of the files that they stand in.
    """
    if sha256 is None:
        return None
    for entry in object_of(study.manifest.get("inputs")).values():
        if object_of(entry).get("sha256") != sha256:
            continue
        path = Path(str(entry.get("path")))
        try:
            if path.is_file() and sha256_of(path) == sha256:
                return {example.id: example for example in read_examples(path, kind=kind)}
        except (TeachbackError, OSError):
            continue
    return None


def number_of(value: object) -> float | None:
    """``value`` if it is a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def text_of(value: object) -> str | None:
    """``value`` as text, None where it is null."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def object_of(value: object) -> Row:
    """``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows_of(value: object) -> list[Row]:
    """The objects in a list; nothing where ``value`` is none."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _plan(plan: Path, inner: Path, problems: list[str]) -> list[Row]:
    if not plan.is_file():
        problems.append("cells.jsonl is not there: cells that were not begun are not known")
        found = (_object(path, problems) for path in sorted(inner.glob("*/cell.json")))
        return [row for row in found if row is not None]
    try:
        rows = [row for _, row in read_jsonl(plan)]
    except DataError as error:
        raise RunFolderError(f"the plan cannot be read: {error}") from error
    seen: dict[str, Row] = {}
    for row in rows:
        seen.setdefault(str(row.get("hash")), row)
    return list(seen.values())


def _cell(row: Row, folder: Path) -> Cell:
    data = object_of(row.get("data"))
    seed, size = number_of(row.get("seed")), number_of(row.get("size"))
    rows = number_of(data.get("size"))
    cell = Cell(
        hash=text_of(row.get("hash")) or "",
        dataset=text_of(row.get("dataset")) or "?",
        system=text_of(row.get("system")) or "?",
        objective=text_of(row.get("objective")),
        control=text_of(row.get("control")),
        student=text_of(row.get("student")),
        size=size if size is None or isinstance(row["size"], float) else int(size),
        strategy=text_of(row.get("strategy")),
        teacher=text_of(row.get("teacher")),
        alpha=number_of(row.get("alpha")),
        seed=None if seed is None else int(seed),
        kind=text_of(data.get("kind")) or "text",
        train_sha256=text_of(data.get("train_sha256")),
        test_sha256=text_of(data.get("test_sha256")),
        rows=None if rows is None else int(rows),
        status="not-run",
        error=None,
        result={},
    )
    # A hash names a folder; anything else in its place would lead out of the study.
    if not cell.hash or Path(cell.hash).name != cell.hash or cell.hash in (".", ".."):
        return replace(cell, status="unreadable", error="the cell has no usable hash")
    if not (folder / "result.json").is_file():
        return cell
    try:
        return _outcome(cell, folder)
    except DataError as error:
        return replace(cell, status="unreadable", error=str(error))


def _outcome(cell: Cell, folder: Path) -> Cell:
    """``cell`` with what ``result.json`` and the files beside it say."""
    result = read_json(folder / "result.json")
    status: Any = result.get("status")
    error = text_of(result.get("error"))
    if status not in get_args(Status):
        return replace(cell, status="unreadable", error=f"result.json has status {status!r}")
    if status != "done":
        return replace(cell, status=status, error=error, result=result)
    kind = cell.kind
    if kind not in KINDS:
        return replace(cell, status="unreadable", error=f"its question kind is {kind!r}")
    full = read_predictions(folder / "predictions.jsonl")
    metrics = measure(full, kind)
    return replace(
        cell,
        status="done",
        result=result,
        predictions=tuple(map(_light, full)),
        metrics=metrics,
        cost=_cost(folder / "metrics.json"),
    )


def _light(p: Prediction) -> Prediction:
    """Without explanation and probabilities."""
    return Prediction(
        id=p.id,
        gold=p.gold,
        answer=p.answer,
        correct=p.correct,
        unparsed=p.unparsed,
        group=p.group,
        explained_answer=p.explained_answer,
        explained_correct=p.explained_correct,
    )


def _cost(path: Path) -> Row:
    """The evaluated system's cost for 1,000 answers, from ``metrics.json``."""
    try:
        recorded = read_json(path)
    except DataError:
        return {}
    costs = recorded.get("cost_per_1000", recorded.get("cost"))
    if not isinstance(costs, dict):
        return {}
    inner = [value for value in costs.values() if isinstance(value, dict)]
    return inner[0] if inner else costs


def _settings(path: Path, problems: list[str]) -> tuple[str | None, Row]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except FileNotFoundError:
        problems.append("study.toml is not there: the configuration is not recorded")
        return None, {}
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"study.toml cannot be read ({error})")
        return None, {}
    except tomllib.TOMLDecodeError as error:
        problems.append(f"study.toml is not valid TOML ({error})")
        return text, {}


def _name(settings: Row, folder: Path) -> str:
    for place in (settings, object_of(settings.get("study"))):
        if isinstance(place.get("name"), str) and place["name"]:
            return str(place["name"])
    return folder.resolve().name


def _object(path: Path, problems: list[str]) -> Row | None:
    """A file of one JSON object; None, and a problem noted, where it cannot be read."""
    if not path.is_file():
        return None
    try:
        return read_json(path)
    except DataError as error:
        problems.append(str(error))
        return None


def _materials(folder: Path, cells: tuple[Cell, ...], problems: list[str]) -> list[Material]:
    """Those of the plan's training files; a file that has changed has left its older ones."""
    files = {cell.train_sha256 for cell in cells}
    found = []
    for path in sorted(folder.glob("*/selection.json")):
        record = _object(path, problems)
        if record is not None and record.get("train_sha256") in (None, *files):
            found.append(
                Material(
                    dataset=text_of(record.get("dataset")) or "?",
                    teacher=text_of(record.get("teacher")) or "?",
                    strategy=text_of(record.get("strategy")) or "?",
                    record=record,
                    folder=path.parent,
                )
            )
    return found
