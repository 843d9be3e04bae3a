"""A study's cells grouped over seeds, and the figures of each group.

An *arm* is what differs in nothing but the seed. Its accuracy is the mean over its seeds,
with the interval of :mod:`teachback.evaluation.means`, in which items and seeds both vary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from teachback.errors import DataError
from teachback.evaluation import MeanAccuracy, in_way, mean_accuracy, why_not_offered
from teachback.formatting import NOTHING, percent
from teachback.objectives import MULTI_TASK
from teachback.questions import KINDS
from teachback.records import ComparedWay, Prediction
from teachback.reports.folder import ReportedCell, ReportedStudy, State
from teachback.reports.page import Content, Figure
from teachback.reports.text import percent_interval, size_name
from teachback.studies.config import Size
from teachback.studies.factors import FACTORS, Factor, FactorValue, Setting
from teachback.studies.system_names import PERMUTED, SYSTEM_NAMES

ORDER = tuple(
    SYSTEM_NAMES[name]
    for name in (
        "majority",
        "untrained",
        "st",
        "equal-time",
        *MULTI_TASK,
        *PERMUTED.values(),
        "cot",
        "teacher-direct",
        "teacher-cot",
    )
)
"""Systems in the order of tables; others follow as the plan has them."""


@dataclass(frozen=True)
class Arm:
    """Cells that differ in their seed alone, in the order of the plan."""

    label: str
    """The system's name, with the teacher's where several teachers are evaluated."""
    cells: tuple[ReportedCell, ...]
    _known: dict[str, MeanAccuracy | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def first(self) -> ReportedCell:
        return self.cells[0]

    @property
    def done(self) -> dict[int, ReportedCell]:
        """Finished cells by seed; a system that knows no seed stands under 0."""
        found: dict[int, ReportedCell] = {}
        for cell in self.cells:
            if cell.state == "done":
                found.setdefault(cell.spec.seed or 0, cell)
        return found

    @property
    def explains(self) -> bool:
        """Whether every finished cell has explained answers."""
        done = self.done.values()
        return bool(done) and all(c.metrics is not None and c.metrics.explained for c in done)

    def predictions(self, way: ComparedWay) -> dict[int, list[Prediction]]:
        """By seed, each prediction brought to a way of answering. Raises DataError where a cell
        lacks what the way needs."""
        return {seed: _in_way(cell, way) for seed, cell in self.done.items()}

    @property
    def is_adaptive(self) -> bool:
        """Whether every finished student of the arm has the adaptive way."""
        done = self.done.values()
        return bool(done) and all(c.threshold is not None and c.adaptive is not None for c in done)

    def why_not_adaptive(self) -> str:
        """Why the adaptive way of an arm that has finished cells is not known."""
        lacking = [cell for cell in self.done.values() if cell.adaptive is None]
        if not lacking or not all(cell.spec.objective for cell in lacking):
            return NOTHING  # a prompted teacher has no threshold
        if lacking[0].threshold is not None:
            return "not known: nothing says how sure the direct answers are"
        result = lacking[0].result
        return why_not_offered(result.valid_questions if result else None)

    def adaptive_share(self) -> float | None:
        """The share of answers that the adaptive way explains first, the mean over seeds."""
        if not self.is_adaptive:
            return None
        shares = [cell.metrics.adaptive_explained for cell in self.done.values() if cell.metrics]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if known else None

    def accuracy(self, way: ComparedWay = "direct") -> MeanAccuracy | None:
        """Mean over seeds; None where nothing is finished, not asked, or not comparable."""
        if way not in self._known:
            self._known[way] = self._accuracy(way)
        return self._known[way]

    def _accuracy(self, way: ComparedWay) -> MeanAccuracy | None:
        if not self.done or (way == "explained" and not self.explains):
            return None
        try:
            return mean_accuracy(self.predictions(way))
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
        same = KINDS[self.first.spec.data.kind].same
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

    def mean_cost(self, name: str) -> float | None:
        """The mean over seeds of what 1,000 answers cost, ``direct_seconds`` for one."""
        found = [cell.cost[name] for cell in self.done.values() if name in cell.cost]
        return sum(found) / len(found) if found else None

    def state(self) -> str:
        """What is to be said instead of a figure."""
        states = {cell.state for cell in self.cells}
        texts: tuple[tuple[State, str], ...] = (
            ("failed", "failed"),
            ("unreadable", "unreadable"),
            ("not-run", "not run"),
            ("not-available", "not available"),
        )
        return next((text for state, text in texts if state in states), NOTHING)


def _in_way(cell: ReportedCell, way: ComparedWay) -> list[Prediction]:
    if way != "adaptive":
        return in_way(cell.predictions, way, chosen=cell.way)
    if cell.adaptive is None:
        raise DataError(f"{cell.spec.hash}: the adaptive way is not offered")
    return list(cell.adaptive)


class Arms:
    """All arms of a study, and where to find them."""

    def __init__(self, study: ReportedStudy) -> None:
        self.study = study
        prompted = {
            (c.spec.dataset, c.spec.system, c.spec.teacher)
            for c in study.cells
            if c.is_prompted_teacher
        }
        of_one_name = Counter((dataset, system) for dataset, system, _ in prompted)
        grouped: dict[tuple[object, ...], list[ReportedCell]] = {}
        met: Counter[tuple[object, ...]] = Counter()
        for cell in study.cells:
            key = (cell.spec.dataset, cell.spec.system, cell.spec.setting)
            # A second cell of one seed differs in something that is no factor: an arm of its own.
            met[*key, cell.spec.seed] += 1
            grouped.setdefault((*key, met[*key, cell.spec.seed]), []).append(cell)
        several = {name for name, number in of_one_name.items() if number > 1}
        self.arms = [
            Arm(_label(c[0], several=(c[0].spec.dataset, c[0].spec.system) in several), tuple(c))
            for c in grouped.values()
        ]
        found = list(dict.fromkeys(arm.label for arm in self.arms))
        self.systems = sorted(found, key=lambda label: (_rank(label), found.index(label)))
        self.datasets = list(dict.fromkeys(cell.spec.dataset for cell in study.cells))

    def values(self, factor: Factor, dataset: str | None = None) -> list[FactorValue]:
        """A factor's values in the plan's order; sizes ascending, counts before shares.

        Those of one dataset, or of all.
        """
        trained = [
            c.spec
            for c in self.study.cells
            if not c.is_baseline and dataset in (None, c.spec.dataset)
        ]
        if factor == "size":
            return [*sorted({spec.size for spec in trained}, key=_size_order)]
        values = dict.fromkeys(spec.value(factor) for spec in trained)
        return [value for value in values if value is not None]

    @property
    def students(self) -> list[str | None]:
        """The students that are trained; None alone where there are none."""
        names = dict.fromkeys(c.spec.student for c in self.study.cells if not c.is_baseline)
        return list(names) or [None]

    def main(self, dataset: str, student: str | None = None) -> Setting:
        """The setting of a dataset that tables show unless they vary a factor: that of its first
        confirmatory comparison, or else the plan's first values and the largest size; with the
        ``student``, where one is given."""
        verdicts = self.study.verdicts
        rows = verdicts.confirmatory if verdicts else ()
        setting: dict[Factor, FactorValue] = {}
        for factor in FACTORS:
            values = self.values(factor, dataset)
            first = values[-1 if factor == "size" else 0] if values else None
            declared = (row.value(factor) for row in rows if row.dataset == dataset)
            setting[factor] = next((value for value in declared if value in values), first)
        return Setting.of(setting if student is None else {**setting, "student": student})

    def find(self, dataset: str, label: str, setting: Setting) -> Arm | None:
        """The arm of a system in a setting; its first with finished cells."""
        fitting = [
            arm
            for arm in self.arms
            if arm.first.spec.dataset == dataset and arm.label == label and arm.first.is_in(setting)
        ]
        return next((arm for arm in fitting if arm.done), fitting[0] if fitting else None)

    def style(self, label: str) -> int:
        """A system's number among all of the study, so that it looks alike everywhere.

        What is trained comes first: it fills the charts.
        """
        trained = {arm.label for arm in self.arms if not arm.first.is_baseline}
        order = sorted(self.systems, key=lambda one: one not in trained)
        return order.index(label)


def accuracy_cell(arm: Arm | None, way: ComparedWay = "direct") -> Content:
    """An arm's accuracy in per cent with interval and n, or why there is none."""
    if arm is None:
        return NOTHING
    figures = arm.accuracy(way)
    if figures is None:
        if way == "explained" and arm.done and not arm.explains:
            return "not asked"
        if way == "adaptive" and arm.done:
            return arm.why_not_adaptive()
        return arm.state() if not arm.done else NOTHING
    return Figure(percent(figures.accuracy), accuracy_detail(figures, arm))


def accuracy_detail(figures: MeanAccuracy, arm: Arm) -> str:
    """Interval, items and seeds of a mean; how many seeds are still missing."""
    n = f"{figures.n_items:,}"
    if figures.n_groups < figures.n_items:
        n += f" in {figures.n_groups:,} groups"
    planned = len({cell.spec.seed for cell in arm.cells})
    if arm.first.spec.seed is not None:
        n += f"×{figures.n_seeds}"
        if figures.n_seeds < planned:
            n += f" of {planned} seeds"
    return f"{percent_interval(figures.low, figures.high)} {n}"


def settings_text(settings: Mapping[str, Setting], leave_out: Iterable[Factor] = ()) -> str:
    """The settings of datasets in words: what they share, then what each has for itself."""
    parts = []
    for factor in FACTORS:
        own = {dataset: setting.value(factor) for dataset, setting in settings.items()}
        if factor in leave_out or not own or (factor != "size" and set(own.values()) == {None}):
            continue
        if len(set(own.values())) == 1:
            parts.append(factor_words(factor, next(iter(own.values()))))
        else:
            each = (f"{factor_words(factor, value)} for {name}" for name, value in own.items())
            parts.append(" and ".join(each))
    return f"With {', '.join(parts)}." if parts else ""


def factor_words(factor: Factor, value: FactorValue) -> str:
    """A factor and its value: "strategy cote", "all training rows"."""
    if factor == "size" and value is None:
        return "all training rows"
    return f"{'training size' if factor == 'size' else factor} {factor_name(factor, value)}"


def factor_name(factor: Factor, value: FactorValue) -> str:
    """A factor's value as tables name it."""
    if factor == "size" and not isinstance(value, str):
        return size_name(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_name(arms: Arms, dataset: str, factor: Factor, value: FactorValue) -> str:
    """As `factor_name`; a size that is no count with the rows it stands for."""
    if factor != "size" or isinstance(value, int | str):
        return factor_name(factor, value)
    rows = {
        arm.first.spec.data.size
        for arm in arms.arms
        if arm.first.spec.dataset == dataset
        and arm.first.spec.size == value
        and not arm.first.is_baseline
    }
    known = next(iter(rows)) if len(rows) == 1 else None
    return size_name(value) if known is None else f"{size_name(value)} ({known:,})"


def _label(cell: ReportedCell, *, several: bool) -> str:
    if cell.is_prompted_teacher and several and cell.spec.teacher:
        return f"{cell.spec.system} ({cell.spec.teacher})"
    return cell.spec.system


def _rank(label: str) -> float:
    for rank, name in enumerate(ORDER):
        if label == name or (name.startswith("teacher") and label.startswith(f"{name} (")):
            return rank
    # What is not known stands between the students and the teachers.
    return ORDER.index(SYSTEM_NAMES["teacher-direct"]) - 0.5


def _size_order(size: Size | None) -> tuple[int, float]:
    if size is None:
        return (2, 0.0)
    return (1, size) if isinstance(size, float) else (0, size)
