"""A study's cells grouped over seeds, and the figures of each group.

An *arm* is what differs in nothing but the seed. Its accuracy is the mean over its seeds,
with the interval of :mod:`teachback.evaluation.means`, in which items and seeds both vary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from teachback.errors import DataError
from teachback.evaluation import MeanAccuracy, in_way, mean_accuracy
from teachback.questions import KINDS
from teachback.records import ComparedWay, Prediction
from teachback.report.folder import BASELINES, FACTORS, Cell, Study, rows_of
from teachback.report.page import Content, Figure
from teachback.report.text import NOTHING, interval, percent, size_name

Answering = ComparedWay

ORDER = (
    "majority",
    "untrained",
    "ST",
    "ST (equal time)",
    "MT-Re",
    "MT-Ra",
    "MT-CoT",
    "MT-CoT (permuted)",
    "CoT",
    "teacher, direct",
    "teacher, chain of thought",
)
"""Systems in the order of tables; others follow as the plan has them."""


@dataclass(frozen=True)
class Arm:
    """Cells that differ in their seed alone, in the order of the plan."""

    label: str
    """The system's name, with the teacher's where several teachers are evaluated."""
    cells: tuple[Cell, ...]
    _known: dict[str, MeanAccuracy | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def first(self) -> Cell:
        return self.cells[0]

    @property
    def done(self) -> dict[int, Cell]:
        """Finished cells by seed; a system that knows no seed stands under 0."""
        found: dict[int, Cell] = {}
        for cell in self.cells:
            if cell.status == "done":
                found.setdefault(cell.seed or 0, cell)
        return found

    @property
    def explains(self) -> bool:
        """Whether every finished cell has explained answers."""
        done = self.done.values()
        return bool(done) and all(c.metrics is not None and c.metrics.explained for c in done)

    def predictions(self, answering: Answering) -> dict[int, list[Prediction]]:
        """By seed, each prediction brought to the way of answering."""
        return {
            seed: in_way(cell.predictions, answering, chosen=cell.way)
            for seed, cell in self.done.items()
        }

    def accuracy(self, answering: Answering = "direct") -> MeanAccuracy | None:
        """Mean over seeds; None where nothing is finished, not asked, or not comparable."""
        if answering not in self._known:
            self._known[answering] = self._accuracy(answering)
        return self._known[answering]

    def _accuracy(self, answering: Answering) -> MeanAccuracy | None:
        if not self.done or (answering == "explained" and not self.explains):
            return None
        try:
            return mean_accuracy(self.predictions(answering))
        except DataError:
            return None

    def agreement(self) -> MeanAccuracy | None:
        """How often the two ways gave one answer, as an accuracy of one against the other."""
        if "agreement" not in self._known:
            self._known["agreement"] = self._agreement()
        return self._known["agreement"]

    def _agreement(self) -> MeanAccuracy | None:
        if not self.explains:
            return None
        same = KINDS[self.first.kind].same
        agreeing = {
            seed: [
                replace(
                    p,
                    unparsed=False,
                    correct=p.answer is not None
                    and p.explained_answer is not None
                    and same(p.answer, p.explained_answer),
                )
                for p in cell.predictions
            ]
            for seed, cell in self.done.items()
        }
        try:
            return mean_accuracy(agreeing)
        except DataError:
            return None

    def mean(self, name: str) -> float | None:
        """The mean over seeds of a figure of ``result.json``, or of the cost by 1,000."""
        found = []
        for cell in self.done.values():
            value = cell.cost.get(name) if name not in cell.result else cell.number(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.append(float(value))
        return sum(found) / len(found) if found else None

    def state(self) -> str:
        """What is to be said instead of a figure."""
        states = {cell.status for cell in self.cells}
        for status, text in (
            ("failed", "failed"),
            ("unreadable", "unreadable"),
            ("not-run", "not run"),
            ("not-available", "not available"),
        ):
            if status in states:
                return text
        return NOTHING


Setting = dict[str, Any]
"""One value for each factor (student, size, strategy, teacher, alpha)."""


class Arms:
    """All arms of a study, and where to find them."""

    def __init__(self, study: Study) -> None:
        self.study = study
        prompted = {(c.dataset, c.system, c.teacher) for c in study.cells if _prompts(c)}
        of_one_name = Counter((dataset, system) for dataset, system, _ in prompted)
        grouped: dict[tuple[Any, ...], list[Cell]] = {}
        met: Counter[tuple[Any, ...]] = Counter()
        for cell in study.cells:
            key = (cell.dataset, cell.system, *(getattr(cell, name) for name in FACTORS))
            # A second cell of one seed differs in something that is no factor: an arm of its own.
            met[*key, cell.seed] += 1
            grouped.setdefault((*key, met[*key, cell.seed]), []).append(cell)
        several = {name for name, number in of_one_name.items() if number > 1}
        self.arms = [
            Arm(_label(c[0], several=(c[0].dataset, c[0].system) in several), tuple(c))
            for c in grouped.values()
        ]
        found = list(dict.fromkeys(arm.label for arm in self.arms))
        self.systems = sorted(found, key=lambda label: (_rank(label), found.index(label)))
        self.datasets = list(dict.fromkeys(cell.dataset for cell in study.cells))

    def values(self, factor: str, dataset: str | None = None) -> list[Any]:
        """A factor's values in the plan's order; sizes ascending, counts before shares.

        Those of one dataset, or of all.
        """
        trained = (
            c
            for c in self.study.cells
            if c.control not in BASELINES and dataset in (None, c.dataset)
        )
        if factor == "size":
            return sorted({c.size for c in trained}, key=_size_order)
        return [
            value
            for value in dict.fromkeys(getattr(cell, factor) for cell in trained)
            if value is not None
        ]

    def main(self, dataset: str, **fixed: Any) -> Setting:
        """The setting of a dataset that tables show unless they vary a factor: that of its first
        confirmatory comparison, or else the plan's first values and the largest size."""
        setting: Setting = {}
        declared = [
            row
            for row in rows_of((self.study.verdicts or {}).get("confirmatory"))
            if row.get("dataset") == dataset
        ]
        for factor in FACTORS:
            values = self.values(factor, dataset)
            first: Any = values[-1 if factor == "size" else 0] if values else None
            setting[factor] = next(
                (row[factor] for row in declared if factor in row and row[factor] in values), first
            )
        return setting | fixed

    def find(self, dataset: str, label: str, setting: Mapping[str, Any]) -> Arm | None:
        """The arm of a system in a setting; its first with finished cells."""
        fitting = [
            arm
            for arm in self.arms
            if arm.first.dataset == dataset
            and arm.label == label
            and arm.first.in_setting(_own(arm.first, setting))
        ]
        return next((arm for arm in fitting if arm.done), fitting[0] if fitting else None)

    def style(self, label: str) -> int:
        """A system's number among all of the study, so that it looks alike everywhere.

        What is trained comes first: it fills the charts.
        """
        trained = {arm.label for arm in self.arms if arm.first.control not in BASELINES}
        order = sorted(self.systems, key=lambda one: one not in trained)
        return order.index(label)


def accuracy_cell(arm: Arm | None, answering: Answering = "direct") -> Content:
    """An arm's accuracy in per cent with interval and n, or why there is none."""
    if arm is None:
        return NOTHING
    figures = arm.accuracy(answering)
    if figures is None:
        if answering == "explained" and arm.done and not arm.explains:
            return "not asked"
        return arm.state() if not arm.done else NOTHING
    return Figure(percent(figures.accuracy), accuracy_detail(figures, arm))


def accuracy_detail(figures: MeanAccuracy, arm: Arm) -> str:
    """Interval, items and seeds of a mean; how many seeds are still missing."""
    n = f"{figures.n_items:,}"
    if figures.n_groups < figures.n_items:
        n += f" in {figures.n_groups:,} groups"
    planned = len({cell.seed for cell in arm.cells})
    if arm.first.seed is not None:
        n += f"×{figures.n_seeds}"
        if figures.n_seeds < planned:
            n += f" of {planned} seeds"
    return f"{interval(figures.low, figures.high)} {n}"


def settings_text(settings: Mapping[str, Setting], leave_out: Iterable[str] = ()) -> str:
    """The settings of datasets in words: what they share, then what each has for itself."""
    parts = []
    for factor in FACTORS:
        own = {dataset: setting.get(factor) for dataset, setting in settings.items()}
        if factor in leave_out or not own or (factor != "size" and set(own.values()) == {None}):
            continue
        if len(set(own.values())) == 1:
            parts.append(factor_words(factor, next(iter(own.values()))))
        else:
            each = (f"{factor_words(factor, value)} for {name}" for name, value in own.items())
            parts.append(" and ".join(each))
    return f"At {', '.join(parts)}." if parts else ""


def factor_words(factor: str, value: Any) -> str:
    """A factor and its value: "strategy cote", "all training rows"."""
    if factor == "size" and value is None:
        return "all training rows"
    return f"{'training size' if factor == 'size' else factor} {factor_name(factor, value)}"


def factor_name(factor: str, value: Any) -> str:
    """A factor's value as tables name it."""
    if factor == "size":
        return size_name(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_name(arms: Arms, dataset: str, factor: str, value: Any) -> str:
    """As `factor_name`; a size that is no count with the rows it stands for."""
    if factor != "size" or isinstance(value, int):
        return factor_name(factor, value)
    rows = {
        arm.first.rows
        for arm in arms.arms
        if arm.first.dataset == dataset
        and arm.first.size == value
        and arm.first.control not in BASELINES
    }
    known = next(iter(rows)) if len(rows) == 1 else None
    return size_name(value) if known is None else f"{size_name(value)} ({known:,})"


def _own(cell: Cell, setting: Mapping[str, Any]) -> Mapping[str, Any]:
    """A prompted teacher is a baseline whichever teacher explains, and is shown by its name."""
    if _prompts(cell):
        return {key: value for key, value in setting.items() if key != "teacher"}
    return setting


def _prompts(cell: Cell) -> bool:
    return cell.control in ("teacher-direct", "teacher-cot")


def _label(cell: Cell, *, several: bool) -> str:
    if _prompts(cell) and several and cell.teacher:
        return f"{cell.system} ({cell.teacher})"
    return cell.system


def _rank(label: str) -> float:
    for rank, name in enumerate(ORDER):
        if label == name or (name.startswith("teacher") and label.startswith(f"{name} (")):
            return rank
    # What is not known stands between the students and the teachers.
    return ORDER.index("teacher, direct") - 0.5


def _size_order(size: float | None) -> tuple[int, float]:
    if size is None:
        return (2, 0.0)
    return (1, size) if isinstance(size, float) else (0, size)
