"""Automatic measures of the explanations, where cells of the study have been inspected."""

from __future__ import annotations

from collections.abc import Sequence

from teachback.inspection.measures import GROUP_TITLES, MEASURES, MeasureGroup
from teachback.inspection.results import Inspection
from teachback.inspection.wording import (
    SIMULATABILITY_HEAD,
    amount,
    bounds,
    groups_of,
    simulatability_cells,
)
from teachback.reports.arms import Arms
from teachback.reports.page import Block, Content, Paragraph, Section, Table
from teachback.reports.text import size_name

Named = tuple[str, Inspection]


def inspection_section(arms: Arms) -> Section | None:
    """A table for each group of measures; None where no cell has been inspected."""
    inspected = _named(arms)
    if not inspected:
        return None
    note = (
        "Each measure is of one cell, with its 95% interval over items, and none is a quality "
        "score. Consistency says whether answers follow what their explanations say, which copying "
        "achieves too: the permuted control is its floor. Exploratory: nothing is corrected for "
        "the number of measures."
    )
    blocks: list[Block] = [Paragraph(note, "note")]
    blocks += [_table(group, inspected) for group in groups_of([one for _, one in inspected])]
    simulated: list[tuple[Content, ...]] = [
        tuple(simulatability_cells(name, row))
        for name, one in inspected
        for row in one.simulatability
    ]
    if simulated:
        head = ("System", *SIMULATABILITY_HEAD[1:])
        blocks.append(Table("Leak-adjusted simulatability", head, tuple(simulated)))
    notes = dict.fromkeys(f"{name}: {said}" for name, one in inspected for said in one.notes)
    blocks += [Paragraph(said, "plain") for said in notes]
    return Section("The explanations, measured", tuple(blocks))


def _named(arms: Arms) -> list[Named]:
    """The inspections, each named by its cell."""
    found = arms.study.inspections
    several = len(arms.datasets) > 1
    named = []
    for arm in arms.arms:
        for cell in arm.cells:
            if inspection := found.get(cell.spec.hash):
                spec = cell.spec
                parts = [arm.label, *([spec.dataset] if several else []), size_name(spec.size)]
                named.append((f"{', '.join(parts)}, seed {spec.seed}", inspection))
    return named


def _table(group: MeasureGroup, inspected: Sequence[Named]) -> Table:
    rows: list[tuple[Content, ...]] = [
        (
            kind.title,
            name,
            amount(measure, row.value),
            bounds(measure, row.low, row.high),
            str(row.items),
        )
        for measure, kind in MEASURES.items()
        if kind.group == group
        for name, one in inspected
        for row in one.measured
        if row.measure == measure
    ]
    title = GROUP_TITLES[group]
    head = ("Measure", "System", "Value", "95%", "Items")
    return Table(f"{title[0].upper()}{title[1:]}", head, tuple(rows))
