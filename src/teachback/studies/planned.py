"""What a study is planned of, before it runs: datasets, teachers, explanations, cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from teachback.config import Config
from teachback.errors import ConfigError
from teachback.records import Example, Strategy
from teachback.studies.config import Control, DatasetConfig, Size, TrainingSchedule
from teachback.studies.schema import CellSpec, ConfigValues, digest_of


@dataclass(frozen=True)
class StudyDataset:
    """A dataset, read; ``train_sha256`` and ``test_sha256`` are those of the files. ``train`` is
    without the rows that are ``set_aside``."""

    config: DatasetConfig
    train: Sequence[Example]
    test: Sequence[Example]
    train_sha256: str
    test_sha256: str
    set_aside: Sequence[Example] = ()

    @property
    def kind(self) -> str:
        return self.train[0].kind

    @property
    def name(self) -> str:
        return self.config.name


@dataclass(frozen=True)
class DatasetTeacher:
    """A teacher as it is asked about one dataset: its label and the hash of its prompts."""

    reference: str
    label: str
    prompts: str


@dataclass(frozen=True)
class Material:
    """The explanations of one dataset by one teacher and strategy: what they depend on."""

    dataset: str
    train_sha256: str
    teacher: DatasetTeacher
    strategy: Strategy
    samples: int
    selection: ConfigValues

    @property
    def definition(self) -> dict[str, object]:
        """What a cell trained on these explanations depends on."""
        return {
            "prompts": self.teacher.prompts,
            "samples": self.samples,
            "selection": dict(self.selection),
        }

    @property
    def slug(self) -> str:
        """The name of its folder, a different one for different explanations."""
        definition = {
            "dataset": self.dataset,
            "train_sha256": self.train_sha256,
            "teacher": self.teacher.label,
            "strategy": self.strategy,
            **self.definition,
        }
        digest = digest_of(definition)[:8]
        return slug(f"{self.dataset}-{self.teacher.label}-{self.strategy}", digest)


@dataclass(frozen=True)
class PlannedCell:
    """One run of one system: what defines it, and what running it needs."""

    spec: CellSpec
    config: Config
    material: Material | None = None
    matches: tuple[str, ...] = ()
    """The cells whose largest compute this one is given."""
    search: tuple[TrainingSchedule, ...] = ()
    """The schedules that this one tries on valid."""
    searched_by: str | None = None
    """The cell whose schedule this one takes; with ``matches``, that many passes at least."""
    teacher: DatasetTeacher | None = field(default=None, compare=False)

    @property
    def hash(self) -> str:
        return self.spec.hash

    @property
    def needs(self) -> tuple[str, ...]:
        """The cells that have to be done before this one."""
        return (*self.matches, *(() if self.searched_by is None else (self.searched_by,)))

    @property
    def control(self) -> Control | None:
        return self.spec.control

    @property
    def trains(self) -> bool:
        return self.control in (None, "equal-time", "permuted")

    @property
    def title(self) -> str:
        """For people: what distinguishes this cell from others."""
        spec = self.spec
        parts = [spec.dataset, spec.system]
        parts += [text for text in (spec.strategy, spec.teacher, spec.student) if text]
        numbers = (("size", spec.size), ("alpha", spec.alpha), ("seed", spec.seed))
        return ", ".join([*parts, *(f"{name} {n}" for name, n in numbers if n is not None)])


def size_of(data: StudyDataset, size: Size) -> Size | None:
    """A size as cells have it: None for all rows."""
    rows = len(data.train)
    if isinstance(size, float):
        return None if size == 1 else size
    if size > rows:
        raise ConfigError(
            f"study.sizes: {size} rows cannot be drawn from {data.name!r}, which has {rows}"
        )
    return None if size == rows else size


def rows_of(data: StudyDataset, size: Size | None) -> int:
    """How many rows a size asks for."""
    if size is None:
        return len(data.train)
    return max(1, int(size * len(data.train) + 0.5)) if isinstance(size, float) else size


def slug(text: str, digest: str) -> str:
    """A folder's name that can be read, with the digest that makes it the only one."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in text)
    return f"{plain.strip('.-')[:80]}-{digest}"
