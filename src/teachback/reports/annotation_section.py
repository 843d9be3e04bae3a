"""What people said of the explanations, where a study's folder has annotations of it."""

from __future__ import annotations

from teachback.annotation.results import AnnotationResults
from teachback.annotation.wording import (
    AGREEMENT_HEAD,
    ANNOTATOR_HEAD,
    SHARE_HEAD,
    agreement_cells,
    annotator_cells,
    difference_sentence,
    is_shown,
    share_cells,
)
from teachback.reports.folder import ReportedStudy
from teachback.reports.page import Block, Paragraph, Section, Table, Tone


def annotation_section(study: ReportedStudy) -> Section | None:
    """A part for each of the folder's ``annotations``; None where there are none."""
    parts = tuple(_part(name, results) for name, results in study.annotations.items())
    return Section("What people say of the explanations", (), parts) if parts else None


def _part(name: str, results: AnnotationResults) -> Section:
    state = "" if results.complete else " Not everybody has answered everything yet."
    intro = (
        f"Mode {results.mode}, {results.items} items; decided beforehand: {results.primary}. "
        f"Annotators did not see which system an explanation is from.{state}"
    )
    blocks: list[Block] = [Paragraph(intro, "plain" if results.complete else "warning")]
    for row in results.differences:
        tone: Tone = "plain"
        if row.primary:
            tone = "shown" if is_shown(row) else "not-shown"
        blocks.append(Paragraph(difference_sentence(row), tone))
    blocks.append(
        Table("Shares", SHARE_HEAD, tuple(tuple(share_cells(row)) for row in results.shares))
    )
    if results.agreement:
        rows = tuple(tuple(agreement_cells(row)) for row in results.agreement)
        note = "Alpha is near 0 where nearly all answers are the same, however well people agree."
        blocks.append(Table("Agreement of annotators", AGREEMENT_HEAD, rows, note))
    people = tuple(tuple(annotator_cells(row)) for row in results.annotators)
    blocks.append(Table("Annotators", ANNOTATOR_HEAD, people, folded=True))
    return Section(name, tuple(blocks))
