"""Accuracy beside what an answer costs, in every way of answering."""

from __future__ import annotations

from collections.abc import Mapping

from teachback.formatting import NOTHING, count, dollars
from teachback.records import ComparedWay
from teachback.reports.arms import Arm, Arms, accuracy_cell
from teachback.reports.page import (
    Block,
    Chart,
    Content,
    Mark,
    Paragraph,
    Point,
    Section,
    Series,
    Table,
)
from teachback.reports.text import amount
from teachback.studies.factors import Setting

_MARKS: Mapping[ComparedWay, Mark] = {
    "direct": "full",
    "explained": "hollow",
    "adaptive": "dotted",
}
"""The ways of answering that cost differently, and how their points look."""


def cost_section(arms: Arms) -> Section:
    """Accuracy beside seconds, generated tokens and money for 1,000 answers."""
    charts: list[Block] = []
    tables: list[Block] = []
    for student in arms.students:
        of = f", {student}" if len(arms.students) > 1 else ""
        for dataset in arms.datasets:
            for block in _costs(arms, dataset, arms.main(dataset, student), of):
                (charts if isinstance(block, Chart) else tables).append(block)
    where = sorted(
        {
            f"{cell.result.host} with {count(cell.result.threads, 'thread')}"
            if cell.result.threads
            else cell.result.host
            for cell in arms.study.in_state("done")
            if cell.cost and cell.result
        }
    )
    note = (
        "Seconds and generated tokens for 1,000 answers, as measured while the test items were "
        "answered; the mean over seeds. A direct answer generates few tokens or none, since "
        "choices are scored. A student runs on your own machine and has no price; the teacher’s "
        "dollars are the mean over all that it was asked in this study, the explanations to learn "
        "from and the other datasets included, where its price is known."
    )
    if any(arm.is_adaptive for arm in arms.arms):
        note += (
            " For the adaptive way they are computed, not measured: those of the direct answers, "
            "plus those of the explained answers times the share that is explained first."
        )
    if where:
        note += f" Measured on {'; '.join(where)}."
    if len(where) > 1:
        note += " Seconds from different machines or thread counts cannot be compared."
    return Section("Accuracy and cost of an answer", (Paragraph(note, "note"), *charts, *tables))


def _costs(arms: Arms, dataset: str, setting: Setting, of: str) -> list[Block]:
    rows: list[tuple[Content, ...]] = []
    series: list[Series] = []
    untimed: list[str] = []
    head = ["System"]
    for way in _MARKS:
        head += [way.capitalize(), f"Seconds, {way}", f"Tokens, {way}"]
    for system in arms.systems:
        arm = arms.find(dataset, system, setting)
        if arm is None or arm.first.spec.control == "majority":
            continue
        row: list[Content] = [system]
        for way, mark in _MARKS.items():
            if way == "adaptive" and arm.done and not arm.is_adaptive:
                row += [_no_adaptive(arm), NOTHING, NOTHING]
                continue
            seconds = arm.mean_cost(f"{way}_seconds")
            row += [
                accuracy_cell(arm, way),
                amount(seconds),
                amount(arm.mean_cost(f"{way}_tokens")),
            ]
            figures = arm.accuracy(way)
            if figures is None:
                continue
            name = f"{system}, {way}"
            if not seconds:
                untimed.append(name)
                continue
            point = Point(seconds, figures.accuracy, figures.low, figures.high)
            series.append(Series(name, (point,), arms.style(system), mark))
        rows.append((*row, _teacher_dollars(arms, arm)))
    if not rows:
        return []
    title = f"Accuracy and cost of 1,000 answers: {dataset}{of}"
    note = f"Not timed, and so not drawn: {'; '.join(untimed)}." if untimed else ""
    table = Table(title, (*head, "Teacher’s dollars for 1,000 requests"), tuple(rows), note)
    return (
        [_chart(f"Accuracy by seconds for 1,000 answers: {dataset}{of}", series), table]
        if series
        else [table]
    )


def _no_adaptive(arm: Arm) -> str:
    """Why a system has no adaptive way; nothing where it has but one way."""
    return arm.why_not_adaptive() if arm.explains else NOTHING


def _chart(title: str, series: list[Series]) -> Chart:
    """A point for each way of each system."""
    said = [f"{s.name} {100 * s.points[0].y:.1f}% at {s.points[0].x:.3g} s" for s in series]
    numbers: tuple[tuple[Content, ...], ...] = tuple(
        (s.name, amount(s.points[0].x), f"{100 * s.points[0].y:.1f}") for s in series
    )
    return Chart(
        title=title,
        description=f"{title}, on a logarithmic scale. {'; '.join(said)}.",
        x_label="seconds for 1,000 answers (logarithmic)",
        y_label="accuracy, %",
        series=tuple(series),
        table=Table(title, ("System", "Seconds", "Accuracy, %"), numbers, folded=True),
        lines=False,
        log_x=True,
    )


def _teacher_dollars(arms: Arms, arm: Arm) -> str:
    """What 1,000 requests to a prompted teacher cost, on average over all of the study's."""
    if not arm.first.is_prompted_teacher:
        return NOTHING
    for cost in arms.study.teachers:
        if cost.teacher == arm.first.spec.teacher:
            known = cost.dollars is not None and cost.requests
            return dollars(1000 * (cost.dollars or 0) / cost.requests if known else None)
    return dollars(None)
