"""The files of a study's folder: one typed record for each kind, read and written here alone.

This is the one contract between what runs a study and what reports on it. Every file carries a
``version``; a file of an older version is migrated as it is read. A file that is damaged, or that
somebody else wrote, raises a DataError naming the file and the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from teachback.evaluation import Finding, SeedComparison
from teachback.explaining import counts
from teachback.explaining.counts import SelectionCounts
from teachback.files import read_jsonl, write_jsonl
from teachback.records import ComparedWay, Objective, TrainedPasses, Way
from teachback.runs.training_record import Epoch
from teachback.studies import migrations
from teachback.studies.config import Control, TrainingSchedule
from teachback.studies.factors import Setting
from teachback.system.precision import UsedPrecision
from teachback.versioned import Versioned

ConfigValues = Mapping[str, object]
"""Keys of a configuration's section and their values, as the file has them."""

Status = Literal["done", "failed", "not-available"]
"""How a cell has ended; ``not-available``: no rerun would change it (a recording lacks lines)."""


Address = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
"""A cell's: the beginning of the hash of what defines it, and the name of its folder."""


# ------------------------------------------------------------------ cells


@dataclass(frozen=True, slots=True, kw_only=True)
class CellData:
    """The data of a cell: hashes of its files, and ``size``, the training rows that it gets, of
    those that are not ``set_aside``."""

    train_sha256: str
    test_sha256: str
    kind: str
    size: int
    valid_fraction: float
    set_aside: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSpec(Setting):
    """``cell.json`` and a row of ``cells.jsonl``: all that defines a cell, and its address.

    The settings are those that this system depends on; those it does not depend on are None.
    """

    hash: Address
    dataset: str
    data: CellData
    system: str
    objective: Objective | None
    control: Control | None
    seed: int | None
    train: ConfigValues | None
    student_settings: ConfigValues | None
    explanations: ConfigValues | None
    evaluate: ConfigValues

    def addressed(self) -> CellSpec:
        """The same with the address that follows from the other fields."""
        definition = asdict(self)
        del definition["hash"]
        if not self.data.set_aside:  # cells that were addressed before there was such a thing
            del definition["data"]["set_aside"]
        return replace(self, hash=digest_of(definition)[:16])


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualPasses:
    """``equal.json``: the passes of the objective in the comparison that computes most, and those
    of ST that compute as much; more where ST's own schedule has more."""

    matched: Objective
    matched_epochs: float
    epochs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedSchedule(TrainingSchedule):
    """A schedule that was tried, and its best epoch's figures on valid.

    ``score``: what the choice goes by, the accuracy (ties: the lower loss), or minus the loss
    where answers are generated. ``seconds`` and ``steps``: of the whole training.
    """

    score: float
    accuracy: float | None
    seconds: float
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedSchedules:
    """``schedules.json``: what a cell has tried so far, in the order in which it did."""

    tried: tuple[TriedSchedule, ...]

    @property
    def best(self) -> TriedSchedule:
        """The one with the highest score; the first of several."""
        return max(self.tried, key=lambda one: one.score)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """``result.json``: how a cell has ended. Times in seconds; None where there is none.

    ``way``: the one chosen on valid. ``valid``: the accuracy there of each way that the student
    has; ``valid_asked``: how many questions that is, where fewer than all may have been asked.
    ``precision``: what the student was computed in. ``resumed``: the times are those of its last
    process alone. ``schedule``: the planned one, where it was searched; ``tried``: by this cell.
    ``commit``: of teachback, where it ran from a checkout. ``processor``: what the student was
    computed on.
    """

    status: Status
    error: str | None
    began: str
    seconds: float | None
    seconds_train: float | None
    seconds_evaluate: float | None
    threads: int | None
    precision: UsedPrecision | None
    epochs: float | None
    steps: int | None
    history: tuple[Epoch, ...]
    way: Way | None
    valid: Mapping[str, float] | None
    valid_asked: Mapping[str, int] | None
    engine: str
    host: str
    processor: str | None
    commit: str | None
    resumed: bool
    equal_to: EqualPasses | None
    schedule: TrainingSchedule | None
    tried: tuple[TriedSchedule, ...]

    @property
    def valid_questions(self) -> int | None:
        """How many questions valid had; None where that is not recorded, or nothing was chosen."""
        return (self.valid_asked or {}).get("direct")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTask:
    """``task.json``: how a cell is run. ``config``: of :mod:`teachback.config`.

    ``explanations``: the file's path. ``equal_to``: the cells whose largest compute this one is
    given, and ``at_least`` so many passes. ``search``: schedules to try on valid; ``schedule``:
    the one that was found by another cell. ``set_aside``: as in CellData. ``trimmed_base``: the
    path of what says how the base is made (of :mod:`teachback.students.trimmed_base`), where the
    study's vocabulary is trimmed.
    """

    config: ConfigValues
    control: Control | None
    explanations: str | None
    trimmed_base: str | None
    equal_to: tuple[TrainedPasses, ...]
    at_least: float
    search: tuple[TrainingSchedule, ...]
    schedule: TrainingSchedule | None
    set_aside: int
    keep_student: bool
    threads: int
    engine: str


# ------------------------------------------------------------------ the teacher's side


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialRecord(SelectionCounts):
    """``selection.json`` of a study: the counts, and what they are of.

    ``adding``: examples whose explanations were being added when this was written.
    """

    dataset: str
    teacher: str
    train_sha256: str
    prompts: str
    samples: int
    selection: ConfigValues
    adding: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherCost:
    """``cost.json``: what a teacher's replies have taken, over all runs of the study.

    ``lost`` attempts brought no reply. ``dollars``: None where the price is not known.
    """

    teacher: str
    requests: int
    lost: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    dollars: float | None
    seconds: float


# ------------------------------------------------------------------ what the study shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(Setting):
    """Two systems to compare in one way, by their cells: seed → address."""

    a: str
    b: str
    way: ComparedWay
    dataset: str
    a_cells: Mapping[int, Address]
    b_cells: Mapping[int, Address]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """``family.json``: the confirmatory family, and when it was declared."""

    declared: str | None
    family: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow(Setting):
    """One comparison: system ``a`` minus system ``b``, shares in [-1, 1].

    ``finding`` None: not known yet; ``verdict`` then says why, and there are no figures. Else
    ``verdict`` is the whole in a sentence. ``p_holm`` None: not declared beforehand.
    """

    dataset: str
    a: str
    b: str
    way: ComparedWay
    seeds: int
    items: int | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    df: float | None
    finding: Finding | None
    caveats: tuple[str, ...]
    verdict: str
    mcnemar: tuple[SeedComparison, ...]

    @property
    def higher(self) -> str:
        """The system with the higher accuracy; ``b`` where they are equal."""
        return self.a if (self.difference or 0) > 0 else self.b


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable:
    """The ``difference`` that a test file shows at this ``power``, and what that assumes.

    ``in_family``: at the level that Holm gives the smallest p-value of a ``family`` of so many
    tests. None: no possible difference.
    """

    items: int
    seeds: int
    power: float
    discordance: float
    seed_sd: float
    persistence: float
    difference: float | None
    family: int
    in_family: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """``verdicts.json``: every comparison; by dataset, what else a reader must know.

    ``test_in_train``: test questions that stand in the training file, too.
    """

    confirmatory: tuple[VerdictRow, ...]
    exploratory: tuple[VerdictRow, ...]
    test_in_train: Mapping[str, int]
    detectable: Mapping[str, Detectable]


# ------------------------------------------------------------------ files

CELL_FILE = Versioned(CellSpec, (migrations.unchanged,))
RESULT_FILE = Versioned(
    CellResult,
    (
        migrations.result_from_version_0,
        migrations.result_from_version_1,
        migrations.result_from_version_2,
    ),
)
TASK_FILE = Versioned(CellTask, (migrations.unchanged, migrations.task_from_version_1))
EQUAL_FILE = Versioned(EqualPasses, (migrations.unchanged, migrations.equal_from_version_1))
SCHEDULES_FILE = Versioned(TriedSchedules, ())
MATERIAL_FILE = Versioned(MaterialRecord, (counts.from_version_0,))
COST_FILE = Versioned(TeacherCost, (migrations.cost_from_version_0,))
FAMILY_FILE = Versioned(Family, (migrations.unchanged,))
VERDICTS_FILE = Versioned(Verdicts, (migrations.verdicts_from_version_0,))


def read_plan(folder: Path) -> list[CellSpec]:
    """The planned cells, ``cells.jsonl``. Raises DataError naming file, line and field."""
    path = folder / "cells.jsonl"
    return [CELL_FILE.of_row(row, f"{path}, line {line}") for line, row in read_jsonl(path)]


def write_plan(folder: Path, cells: list[CellSpec]) -> None:
    """Write ``cells.jsonl``."""
    write_jsonl(folder / "cells.jsonl", map(CELL_FILE.row, cells))


def cell_folder(folder: Path, address: str) -> Path:
    """Where a cell's files lie in a study's folder."""
    return folder / "cells" / address


SEARCH = "search"
"""The folder of the candidates of a schedule search, within the cell's."""

SCHEDULES = "schedules.json"
"""Beside it: what has been tried."""


def has_begun_training(cell: Path) -> bool:
    """Whether a student was trained, or has begun to be, in the folder of a cell; what it learns
    from may no longer change then."""
    begun = ("metrics.json", "student", "checkpoints", SEARCH, SCHEDULES)
    return any((cell / name).exists() for name in begun)


def result_of(folder: Path, address: str) -> CellResult | None:
    """How a cell of the study in ``folder`` has ended; None where it has not.

    Raises DataError where its ``result.json`` is damaged.
    """
    path = cell_folder(folder, address) / "result.json"
    return RESULT_FILE.read(path) if path.is_file() else None


def digest_of(definition: Mapping[str, object]) -> str:
    """The SHA-256 of its canonical JSON, in hexadecimal."""
    text = dumps(definition, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
