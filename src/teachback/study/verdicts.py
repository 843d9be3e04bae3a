"""What a study shows: the declared family, everything else, and the difference it could see.

The confirmatory family is written down, by the hashes of its cells, before the first of them
runs (``family.json``). What is added to the study later is exploratory, whatever the file says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from teachback.errors import DataError, RunFolderError
from teachback.evaluation import (
    Comparison,
    compare,
    detectable_difference,
    holm,
    in_way,
    verdict,
)
from teachback.files import read_json, write_json
from teachback.records import ComparedWay, Prediction, Way
from teachback.runs.evaluations import read_run
from teachback.runs.folders import test_in_train
from teachback.study.config import MULTI_TASK, StudyFile
from teachback.study.grid import NAMES, Cell, Data, size_of

DISCORDANCE = 0.25
"""Assumed before there are results: items that exactly one of two students has right."""

SEED_SD = 0.03
"""Assumed: standard deviation over seeds of the true difference in accuracy."""

PERSISTENCE = 0.5
"""Assumed: correlation of an item's difference between seeds."""

_FACTORS = ("dataset", "student", "size", "strategy", "teacher", "alpha")


@dataclass(frozen=True)
class Pair:
    """Two systems to compare in one way, by their cells: seed → hash."""

    a: str
    b: str
    way: ComparedWay
    dataset: str
    student: str | None
    size: int | float | None
    strategy: str | None
    teacher: str | None
    alpha: float | None
    a_cells: Mapping[int, str]
    b_cells: Mapping[int, str]

    @property
    def seeds(self) -> int:
        """How many seeds both systems have."""
        return len(set(self.a_cells) & set(self.b_cells))

    def is_same(self, other: Pair) -> bool:
        """Whether the very same cells are compared in the same way."""
        return (self.way, self.a_cells, self.b_cells) == (
            other.way,
            other.a_cells,
            other.b_cells,
        )


def pairs(study: StudyFile, cells: Iterable[Cell]) -> list[Pair]:
    """Every comparison that the study's cells allow, the multi-task system first.

    Each trained system against ST of the same student and size; MT-CoT against ST at its
    compute and against permuted explanations; ST against the untrained student and the
    majority label.
    """
    systems: dict[tuple[Any, ...], dict[int, str]] = {}
    for cell in cells:
        spec = cell.spec
        seeds = study.study.seeds if spec["seed"] is None else (spec["seed"],)
        key = (spec["system"], *(spec[name] for name in _FACTORS))
        systems.setdefault(key, {}).update(dict.fromkeys(seeds, cell.hash))
    names = {name: key for key, name in NAMES.items()}
    found: list[Pair] = []
    for (system, *factors), own in systems.items():
        dataset, student, size, strategy, teacher, alpha = factors
        same = (dataset, student, size)
        others: list[tuple[str, tuple[Any, ...], tuple[ComparedWay, ...]]] = []
        both: tuple[ComparedWay, ...] = ("direct", "chosen")
        if names[system] in (*MULTI_TASK, "cot", "equal-time", "permuted"):
            once = names[system] in ("mt-re", "cot", "equal-time")  # these answer in one way
            others.append((NAMES["st"], (*same, None, None, None), both[:1] if once else both))
        if names[system] == "mt-cot":
            matched = (*same, strategy, teacher, alpha)
            if (NAMES["equal-time"], *matched) not in systems:  # one for all alphas
                matched = (*same, strategy, teacher, None)
            others.append((NAMES["equal-time"], matched, both))
            others.append((NAMES["permuted"], (*same, strategy, teacher, alpha), both))
        if names[system] == "st":
            bare = (None, None, None, None)
            others.append((NAMES["untrained"], (dataset, student, *bare), ("direct",)))
            others.append((NAMES["majority"], (dataset, None, *bare), ("direct",)))
        for other, key, ways in others:
            theirs = systems.get((other, *key))
            if theirs is not None:
                named: dict[str, Any] = dict(zip(_FACTORS, factors, strict=True))
                found += [
                    Pair(system, other, way, a_cells=own, b_cells=theirs, **named) for way in ways
                ]
    return found


def declared(study: StudyFile, data: Sequence[Data], cells: Sequence[Cell]) -> list[Pair]:
    """The confirmatory family that the study file declares.

    The study's first strategy, teacher, student and alpha and its largest size, unless
    ``[confirmatory]`` says otherwise.
    """
    family, grid = study.confirmatory, study.study
    objectives = family.objectives or [o for o in grid.objectives if o in MULTI_TASK]
    first = next((c.spec["student"] for c in cells if c.spec["student"]), None)
    sizes, teachers = {}, {}
    for one in data:
        wanted = family.size
        if wanted is None:
            wanted = max(grid.sizes, key=lambda size: _rows(one, size))
        sizes[one.name] = size_of(one, wanted)
        own = [c.spec["teacher"] for c in cells if c.spec["dataset"] == one.name]
        teachers[one.name] = next((teacher for teacher in own if teacher), None)

    def belongs(pair: Pair) -> bool:
        return (
            pair.a in [NAMES[o] for o in objectives]
            and pair.b in [NAMES[o] for o in family.against]
            and pair.way in family.ways
            and pair.student == first
            and pair.size == sizes[pair.dataset]
            and pair.teacher == teachers[pair.dataset]
            and pair.strategy == (family.strategy or grid.strategies[0])
            and pair.alpha in (None, grid.alphas[0] if family.alpha is None else family.alpha)
        )

    return [pair for pair in pairs(study, cells) if belongs(pair)]


def _rows(data: Data, size: int | float) -> float:
    return size * len(data.train) if isinstance(size, float) else size


def family_of(folder: Path, family: Sequence[Pair], cells: Sequence[Cell]) -> list[Pair]:
    """The family that counts. ``family``, until a comparison of it, or of the family written down
    before, has both its results: from then on the one written down, so that none is declared
    by whoever may have seen what it shows.

    Raises RunFolderError where the study no longer has the cells that were declared.
    """
    file = folder / "family.json"
    before = [_pair(row) for row in read_json(file)["family"]] if file.is_file() else []

    def there(side: Mapping[int, str]) -> bool:
        names = side.values()
        return any((folder / "cells" / name / "metrics.json").is_file() for name in names)

    if not any(there(pair.a_cells) and there(pair.b_cells) for pair in (*before, *family)):
        return list(family)
    known = {cell.hash for cell in cells}
    used = {h for pair in before for h in (*pair.a_cells.values(), *pair.b_cells.values())}
    if not used <= known:
        raise RunFolderError(
            f"{folder} was begun with other settings, data or seeds: its confirmatory "
            "family is settled, since there are results, and this study file lacks its cells; "
            "choose another folder, or put back what was changed (lists in [study] may grow)"
        )
    return before


def settle_family(folder: Path, family: Sequence[Pair], cells: Sequence[Cell]) -> list[Pair]:
    """`family_of`, and write it down, with the time, where it is not yet."""
    settled = family_of(folder, family, cells)
    file = folder / "family.json"
    rows = [asdict(pair) for pair in settled]
    if not file.is_file() or [_pair(row) for row in read_json(file)["family"]] != settled:
        declared_at = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(file, {"declared": declared_at, "family": rows})
    return settled


def _pair(row: Mapping[str, Any]) -> Pair:
    cells = {
        side: {int(seed): str(name) for seed, name in row[side].items()}
        for side in ("a_cells", "b_cells")
    }
    return Pair(**{**row, **cells})


def verdicts(
    folder: Path, study: StudyFile, data: Sequence[Data], cells: Sequence[Cell], family: list[Pair]
) -> dict[str, Any]:
    """All comparisons, for ``verdicts.json``: see the package's documentation."""
    answers = _Answers(folder)
    confirmatory = [_compared(pair, answers) for pair in family]
    # One that is still missing counts as not shown, so that what is there is judged as it will be.
    adjusted = holm([1.0 if found is None else found.p for found, _ in confirmatory])
    rows = [
        _row(pair, found, reason, p)
        for pair, (found, reason), p in zip(family, confirmatory, adjusted, strict=True)
    ]
    rest = []
    for pair in pairs(study, cells):
        if not any(pair.is_same(one) for one in family):
            found, reason = _compared(pair, answers)
            rest.append(_row(pair, found, reason, None))
    return {
        "confirmatory": rows,
        "exploratory": rest,
        "test_in_train": {one.name: test_in_train(one.train, one.test) for one in data},
        "detectable": {one.name: detectable(one, study, family) for one in data},
    }


def detectable(data: Data, study: StudyFile, family: Sequence[Pair]) -> dict[str, Any]:
    """The difference that this dataset's test file shows at 80% power, and what it assumes.

    ``in_family``: at the level that Holm gives the smallest p-value of the family.
    """
    items = len({(e.id if e.group is None else None, e.group) for e in data.test})
    seeds = min((pair.seeds for pair in family), default=len(study.study.seeds))
    tests = max(1, len(family))

    def at(alpha: float) -> float | None:
        if items < 2:
            return None
        return detectable_difference(
            items, seeds, DISCORDANCE, SEED_SD, alpha=alpha, persistence=PERSISTENCE
        )

    return {
        "items": items,
        "seeds": seeds,
        "power": 0.8,
        "discordance": DISCORDANCE,
        "seed_sd": SEED_SD,
        "persistence": PERSISTENCE,
        "difference": at(0.05),
        "family": tests,
        "in_family": at(0.05 / tests),
    }


class _Answers:
    """Predictions of finished cells, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[list[Prediction], Way] | None] = {}

    def of(self, name: str, way: ComparedWay) -> list[Prediction] | None:
        """A cell's answers in a way; None where it has no result."""
        if name not in self._read:
            cell = self._folder / "cells" / name
            done = (cell / "result.json").is_file() and (
                read_json(cell / "result.json")["status"] == "done"
            )
            run = read_run(cell) if done else None
            self._read[name] = None if run is None else (run.predictions, run.way)
        found = self._read[name]
        if found is None:
            return None
        predictions, chosen = found
        return in_way(predictions, way, name, chosen=chosen)


def _compared(pair: Pair, answers: _Answers) -> tuple[Comparison | None, str | None]:
    """The comparison, or why there is none yet."""
    seeds = sorted(set(pair.a_cells) & set(pair.b_cells))
    a: dict[int, list[Prediction]] = {}
    b: dict[int, list[Prediction]] = {}
    try:
        for seed in seeds:
            own = answers.of(pair.a_cells[seed], pair.way)
            theirs = answers.of(pair.b_cells[seed], pair.way)
            if own is not None and theirs is not None:
                a[seed], b[seed] = own, theirs
        if len(a) < len(seeds):
            return None, f"not known: {len(a)} of {len(seeds)} seeds have both results"
        chosen = " (chosen way)" if pair.way == "chosen" else ""
        return compare(a, b, names=(f"{pair.a}{chosen}", f"{pair.b}{chosen}")), None
    except DataError as error:
        return None, f"not known: {error}"


def _row(
    pair: Pair, found: Comparison | None, reason: str | None, p_holm: float | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "dataset": pair.dataset,
        "a": pair.a,
        "b": pair.b,
        "way": pair.way,
        "student": pair.student,
        "size": pair.size,
        "strategy": pair.strategy,
        "teacher": pair.teacher,
        "alpha": pair.alpha,
        "seeds": pair.seeds,
    }
    if found is None:
        nothing = ("items", "difference", "low", "high", "p", "p_holm", "df")
        return {**row, **dict.fromkeys(nothing), "verdict": reason, "mcnemar": []}
    return {
        **row,
        "items": found.n_items,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "p_holm": p_holm,
        "df": found.df,
        "verdict": verdict(found, adjusted_p=p_holm, declared=p_holm is not None),
        "mcnemar": [asdict(seed) for seed in found.seeds],
    }
