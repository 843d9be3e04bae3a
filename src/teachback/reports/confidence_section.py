"""How sure the direct answers are, and how often the sure ones are right: risk by coverage, and
calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachback.evaluation import Calibration, measure_calibration, risk_coverage
from teachback.evaluation.calibration import LEAST_QUESTIONS
from teachback.evaluation.metrics import clusters
from teachback.formatting import NOTHING, percent
from teachback.reports.arms import Arm, Arms, settings_text
from teachback.reports.folder import ReportedCell
from teachback.reports.page import (
    Block,
    Chart,
    Content,
    Figure,
    Paragraph,
    Point,
    Section,
    Series,
    Table,
    numbers_of,
)
from teachback.reports.text import amount, percent_interval
from teachback.studies.factors import Setting

_RISK = (
    "Direct answers on test, the surest first. Coverage: the share of questions that are answered, "
    "the others being left to somebody else; risk: the share of wrong answers among those. An "
    "answer is as sure as its probability, or, where it was generated, as its log-probability; one "
    "that could not be parsed comes last. Answers that are equally sure count with their common "
    "share of wrong ones. The line is the mean over seeds, the band a 95% interval over items "
    "(bootstrap over items or their groups; other seeds would widen it)."
)

_CALIBRATION = (
    "Of answers with a probability of 80%, are 80% right? The calibration error is the mean "
    "distance between probability and share of right answers over bins of equal size (at most 10 "
    "bins, of at least 10 answers), weighted by answers, the mean over seeds, in percentage "
    "points. At temperature: after one number for each student, fitted on valid, has made its "
    "probabilities less or more sure, which changes no answer. In brackets a 95% interval over "
    "items (basic bootstrap). By chance: the error that would be measured on average if each "
    "probability were exactly right, since few answers in a bin never give zero; compare with it."
)


def confidence_section(arms: Arms) -> Section | None:
    """Risk–coverage curves and calibration tables; None where no cell is finished."""
    curves: list[Block] = []
    tables: list[Block] = []
    silent: dict[str, None] = {}
    for student in arms.students:
        of = f", {student}" if len(arms.students) > 1 else ""
        for dataset in arms.datasets:
            setting = arms.main(dataset, student)
            known = []
            for system in arms.systems:
                arm = arms.find(dataset, system, setting)
                if arm is None or not arm.done or arm.first.spec.control == "majority":
                    continue
                measured = _measured(arm)
                if measured is None:
                    silent[f"{system} ({dataset})"] = None
                else:
                    known.append((system, measured))
            if known:
                curves.append(_curve(arms, f"{dataset}{of}", setting, known))
                tables += _calibration(arms, f"{dataset}{of}", setting, known)
    if not curves and not silent:
        return None
    parts = []
    if curves:
        parts.append(Section("Risk by coverage", (Paragraph(_RISK, "note"), *curves)))
    if tables:
        parts.append(Section("Calibration", (Paragraph(_CALIBRATION, "note"), *tables)))
    blocks: list[Block] = []
    if silent:
        text = "Not known where nothing says how sure the answers are: "
        blocks.append(Paragraph(f"{text}{'; '.join(silent)}.", "note"))
    return Section("How sure the answers are", tuple(blocks), tuple(parts))


@dataclass(frozen=True)
class _Measured:
    """The direct answers of an arm: (items, seeds), in the same order of items under all seeds.

    ``probabilities``, ``calibrated``: None where not every seed has them.
    """

    cells: tuple[ReportedCell, ...]
    right: NDArray[np.bool_]
    groups: NDArray[np.int64]
    confidences: NDArray[np.float64]
    probabilities: NDArray[np.float64] | None
    calibrated: NDArray[np.float64] | None


def _measured(arm: Arm) -> _Measured | None:
    """None where a seed does not say how sure its answers are, or was evaluated on other items."""
    cells = tuple(cell for _, cell in sorted(arm.done.items()))
    first = cells[0].predictions
    places = [{p.id: place for place, p in enumerate(cell.predictions)} for cell in cells]
    if any(not cell.confidences for cell in cells):
        return None
    if any(set(place) != set(places[0]) for place in places):
        return None
    order = [[place[p.id] for p in first] for place in places]

    def columns(of_cells: Sequence[Sequence[float]]) -> NDArray[np.float64] | None:
        if not all(of_cells):
            return None
        rows = [[own[at] for at in places] for own, places in zip(of_cells, order, strict=True)]
        return np.array(rows, dtype=np.float64).T

    confidences = columns([cell.confidences for cell in cells])
    right = columns([[float(p.correct) for p in cell.predictions] for cell in cells])
    if confidences is None or right is None:
        return None
    return _Measured(
        cells=cells,
        right=right.astype(np.bool_),
        groups=clusters(first),
        confidences=confidences,
        probabilities=columns([cell.probabilities for cell in cells]),
        calibrated=columns([cell.calibrated for cell in cells]),
    )


def _curve(arms: Arms, of: str, setting: Setting, known: Sequence[tuple[str, _Measured]]) -> Chart:
    series = []
    for system, measured in known:
        found = risk_coverage(measured.confidences, measured.right, measured.groups)
        points = tuple(Point(p.coverage, p.risk, p.low, p.high) for p in found)
        series.append(Series(system, points, arms.style(system)))
    title = f"Risk by coverage: {of}"
    said = [
        f"{one.name}: {percent(one.points[0].y)}% wrong among the surest tenth, "
        f"{percent(one.points[-1].y)}% among all"
        for one in series
    ]
    where = settings_text({of: setting})
    written = {point.x: percent(point.x) for point in series[0].points}
    return Chart(
        title=title,
        description=f"{title}. {'; '.join(said)}. {where}".rstrip(),
        x_label="coverage, % of the questions",
        y_label="risk, % wrong",
        series=tuple(series),
        table=numbers_of(title, "Coverage, %", tuple(series), written, share=True),
        x_share=True,
    )


def _calibration(
    arms: Arms, of: str, setting: Setting, known: Sequence[tuple[str, _Measured]]
) -> list[Block]:
    """A diagram of the bins and a table of the errors; nothing without probabilities."""
    rows: list[tuple[Content, ...]] = []
    bins: list[tuple[Content, ...]] = []
    series = []
    for system, measured in known:
        if measured.probabilities is None:
            continue
        before = measure_calibration(measured.probabilities, measured.right, measured.groups)
        after = None
        if measured.calibrated is not None:
            after = measure_calibration(measured.calibrated, measured.right, measured.groups)
        shown = after or before
        items, seeds = measured.right.shape
        rows.append(
            (
                system,
                _error(before),
                _temperature(measured.cells),
                NOTHING if after is None else _error(after),
                percent(shown.chance),
                str(len(shown.bins)),
                f"{items:,}×{seeds}",
            )
        )
        name = system if after else f"{system}, no temperature"
        points = tuple(Point(one.confidence, one.accuracy) for one in shown.bins)
        series.append(Series(name, points, arms.style(system), "full" if after else "hollow"))
        bins += [
            (
                Figure(name, f"bin {number}"),
                str(one.n),
                percent(one.confidence),
                percent(one.accuracy),
            )
            for number, one in enumerate(shown.bins, 1)
        ]
    if not rows:
        return []
    head = (
        "System",
        "Calibration error",
        "Temperature",
        "Calibration error at temperature",
        "By chance",
        "Bins",
        "Items × seeds",
    )
    table = Table(f"Calibration: {of}", head, tuple(rows), settings_text({of: setting}))
    title = f"Right answers by probability: {of}"
    said = [
        f"{one.name}: " + ", ".join(f"{percent(p.y)}% right at {percent(p.x)}%" for p in one.points)
        for one in series
    ]
    bin_head = ("System and bin", "Answers under each seed", "Mean probability, %", "Right, %")
    chart = Chart(
        title=title,
        description=f"{title}, in bins of equal size. {'; '.join(said)}.",
        x_label="mean probability in the bin, %",
        y_label="right, %",
        series=tuple(series),
        table=Table(title, bin_head, tuple(bins), folded=True),
        x_share=True,
        diagonal=True,
    )
    return [chart, table]


def _error(found: Calibration) -> Figure:
    return Figure(percent(found.error), percent_interval(found.low, found.high))


def _temperature(cells: Sequence[ReportedCell]) -> Content:
    """The temperatures of an arm's students: the mean, and the range where they differ."""
    known = [cell.temperature for cell in cells if cell.temperature is not None]
    if not known:
        trained = all(cell.spec.objective for cell in cells)
        return f"none: needs {LEAST_QUESTIONS} valid questions" if trained else NOTHING
    mean = amount(sum(known) / len(known))
    if len(known) < len(cells):
        return Figure(mean, f"in {len(known)} of {len(cells)} seeds")
    return Figure(mean, f"{amount(min(known))} to {amount(max(known))}" if len(known) > 1 else "")
