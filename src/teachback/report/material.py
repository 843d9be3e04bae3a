"""What the teachers gave: yield, agreement, rejections, money and hours."""

from __future__ import annotations

from teachback.evaluation.metrics import wilson
from teachback.report.arms import Arms
from teachback.report.folder import Material, Study, number_of, text_of
from teachback.report.page import Block, Content, Figure, Paragraph, Section, Table
from teachback.report.text import NOTHING, amount, dollars, hours, interval, percent

MOST_LABELS = 20
"""Rows of the table by label; more are counted and left out."""


def material_section(study: Study) -> Section:
    """Yield and agreement of each strategy, rejections by reason, yield by gold label."""
    if not study.materials:
        return Section(
            "Explanations", (Paragraph("No explanations are in this folder (yet).", "plain"),)
        )
    note = (
        "The unit is one request: asked = kept + rejected. Yield: kept of asked. Agreement: how "
        "often the teacher, not knowing the answer, concluded as gold says. In brackets Wilson’s "
        "95% interval, requests counted as independent."
    )
    rows = [
        (
            _name(material),
            _count(material, "asked"),
            _share(material.record.get("kept"), material.record.get("asked")),
            _agreement(material),
            _share(material.record.get("explained_examples"), material.record.get("examples")),
            _count(material, "not_asked"),
        )
        for material in study.materials
    ]
    head = (
        "Dataset, strategy, teacher",
        "Asked",
        "Yield",
        "Agreement",
        "Examples explained",
        "Not asked",
    )
    blocks: list[Block] = [
        Paragraph(note, "note"),
        Table("Yield and agreement of each strategy", head, tuple(rows)),
        _reasons(study.materials),
    ]
    labels = _labels(study.materials)
    if labels is not None:
        blocks.append(labels)
    return Section("Explanations", tuple(blocks))


def effort_section(study: Study, arms: Arms) -> Section:
    """What the teachers cost, and how long training and evaluating took."""
    blocks: list[Block] = []
    if study.teachers:
        blocks.append(_teachers(study))
    else:
        blocks.append(Paragraph("The teachers’ costs are not recorded in this folder.", "plain"))
    rows: list[tuple[Content, ...]] = []
    total_train = total_evaluate = 0.0
    for system in arms.systems:
        done = [c for a in arms.arms if a.label == system for c in a.cells if c.status == "done"]
        if not done:
            continue
        train = sum(cell.number("seconds_train") or 0.0 for cell in done)
        evaluate = sum(cell.number("seconds_evaluate") or 0.0 for cell in done)
        total_train += train
        total_evaluate += evaluate
        steps = [steps for c in done if (steps := c.number("steps")) is not None]
        rows.append(
            (
                system,
                f"{len(done):,}",
                hours(train),
                hours(train / len(done)),
                amount(sum(steps) / len(steps)) if steps else NOTHING,
                hours(evaluate),
            )
        )
    if rows:
        done_all = len(study.with_status("done"))
        rows.append(
            (
                "all",
                f"{done_all:,}",
                hours(total_train),
                hours(total_train / done_all),
                NOTHING,
                hours(total_evaluate),
            )
        )
    head = ("System", "Cells done", "Training", "Training, per cell", "Steps, mean", "Evaluating")
    blocks.append(
        Table(
            "Time of training and evaluating",
            head,
            tuple(rows),
            "Wall time of the cells that are done, added up, as if they had run one by one.",
        )
    )
    return Section("Cost of the study", tuple(blocks))


def _name(material: Material) -> Figure:
    return Figure(f"{material.dataset}, {material.strategy}", material.teacher)


def _count(material: Material, key: str) -> str:
    number = number_of(material.record.get(key))
    return NOTHING if number is None else f"{number:,.0f}"


def _share(part: object, whole: object) -> Content:
    some, all_ = number_of(part), number_of(whole)
    if some is None or not all_:
        return NOTHING
    share = some / all_
    return Figure(
        percent(share) + "%", f"{some:,.0f} of {all_:,.0f} {interval(*wilson(share, all_))}"
    )


def _agreement(material: Material) -> Content:
    record = material.record.get("agreement")
    if not isinstance(record, dict):
        return NOTHING
    return _share(record.get("right"), record.get("asked"))


def _reasons(materials: tuple[Material, ...]) -> Table:
    reasons: dict[str, float] = {}
    for material in materials:
        for reason, number in _rejected(material).items():
            reasons[reason] = reasons.get(reason, 0.0) + number
    shown = sorted(reasons, key=lambda reason: (-reasons[reason], reason))
    rows: list[tuple[Content, ...]] = []
    for material in materials:
        own = _rejected(material)
        cells = tuple(f"{own.get(reason, 0.0):,.0f}" for reason in shown)
        rows.append((_name(material), f"{sum(own.values()):,.0f}", *cells))
    head = ("Dataset, strategy, teacher", "Rejected", *shown)
    return Table("Rejections by reason", head, tuple(rows))


def _rejected(material: Material) -> dict[str, float]:
    record = material.record.get("rejected")
    if not isinstance(record, dict):
        return {}
    return {str(k): n for k, value in record.items() if (n := number_of(value)) is not None and n}


def _labels(materials: tuple[Material, ...]) -> Table | None:
    rows: list[tuple[Content, ...]] = []
    left = 0
    for material in materials:
        record = material.record.get("yield_by_label")
        if not isinstance(record, dict):
            continue
        for number, (label, counts) in enumerate(record.items()):
            if not isinstance(counts, list) or len(counts) != 2:
                continue
            if number >= MOST_LABELS:
                left += 1
                continue
            kept, asked = (number_of(value) for value in counts)
            rejected = NOTHING
            if kept is not None and asked is not None:
                rejected = f"{asked - kept:,.0f}"
            rows.append(
                (
                    Figure(str(label), f"{material.dataset}, {material.strategy}"),
                    _share(*counts),
                    rejected,
                )
            )
    if not rows:
        return None
    note = f"{left:,} more labels are not shown." if left else ""
    head = ("Gold label", "Yield", "Rejected")
    return Table("Yield and rejections by gold label", head, tuple(rows), note)


def _teachers(study: Study) -> Table:
    rows: list[tuple[Content, ...]] = []
    for record in study.teachers:
        asked, paid = number_of(record.get("requests")), number_of(record.get("dollars"))
        each = 1000 * paid / asked if paid is not None and asked else None
        tokens = (number_of(record.get(f"tokens_{k}")) for k in ("in", "cached", "out"))
        rows.append(
            (
                text_of(record.get("teacher")) or "?",
                amount(asked),
                *(amount(number) for number in tokens),
                dollars(paid),
                dollars(each),
                hours(number_of(record.get("seconds"))),
            )
        )
    head = (
        "Teacher",
        "Requests",
        "Tokens in",
        "of them cached",
        "Tokens out",
        "Dollars",
        "Dollars for 1,000 requests",
        "Time",
    )
    return Table("Cost of the teachers", head, tuple(rows))
