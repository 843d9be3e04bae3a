"""What the teachers gave: yield, agreement, rejections, money and hours."""

from __future__ import annotations

from collections import Counter

from teachback.errors import DataError
from teachback.evaluation.metrics import wilson
from teachback.files import read_rejections
from teachback.questions import count_name
from teachback.report.arms import Arms
from teachback.report.folder import (
    Material,
    Study,
    input_examples,
    number_of,
    object_of,
    text_of,
)
from teachback.report.page import Block, Content, Figure, Paragraph, Section, Table
from teachback.report.text import NOTHING, amount, dollars, hours, interval, percent

MOST_LABELS = 20
"""Rows of the table by label; more are counted and left out."""


def material_section(study: Study) -> Section:
    """Yield and agreement of each strategy, rejections by reason and by gold label."""
    if not study.materials:
        return Section(
            "Explanations", (Paragraph("No explanations are in this folder (yet).", "plain"),)
        )
    note = (
        "The unit is one request: asked = kept + rejected. Yield: kept of asked. Agreement: how "
        "often the teacher, not knowing the answer, concluded as gold says. Examples explained: "
        "those with at least one kept explanation. In brackets Wilson’s 95% interval, requests and "
        "examples counted as independent."
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
    blocks += filter(None, (_labels(study.materials), _rejections_by_label(study)))
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
                hours(train or None),
                hours(train / len(done) or None),
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
        counts = {
            label: pair
            for label, pair in object_of(material.record.get("yield_by_label")).items()
            if isinstance(pair, list) and len(pair) == 2
        }
        left += max(0, len(counts) - MOST_LABELS)
        for label, pair in list(counts.items())[:MOST_LABELS]:
            name = Figure(str(label), f"{material.dataset}, {material.strategy}")
            rows.append((name, _share(*pair)))
    if not rows:
        return None
    note = "Multiple choice: the letter of the gold choice." + (
        f" {left:,} more labels are not shown." if left else ""
    )
    head = ("Gold label", "Examples explained")
    return Table("Examples with an explanation by gold label", head, tuple(rows), note)


def _rejections_by_label(study: Study) -> Block | None:
    """Requests by reason and by the gold label of their example, which the train file tells."""
    rows: list[tuple[Content, ...]] = []
    found: list[tuple[Material, str, Counter[str]]] = []
    missing = 0
    for material in study.materials:
        by_label = _counted(study, material)
        missing += by_label is None
        for label, reasons in sorted((by_label or {}).items())[:MOST_LABELS]:
            found.append((material, label, reasons))
    total = sum((reasons for _, _, reasons in found), Counter[str]())
    shown = sorted(total, key=lambda reason: (-total[reason], reason))
    for material, label, reasons in found:
        name = Figure(label, f"{material.dataset}, {material.strategy}")
        rows.append((name, f"{reasons.total():,}", *(f"{reasons[r]:,}" for r in shown)))
    note = ""
    if missing:
        note = (
            f"Not told for {missing} of {len(study.materials)}: the gold labels stand in the "
            "training file, which is not at hand, and a study folder keeps only its hash."
        )
    if not rows:
        return (
            Paragraph(f"Rejections by gold label: {note[:1].lower()}{note[1:]}") if note else None
        )
    head = ("Gold label", "Rejected", *shown)
    return Table("Rejections by gold label and reason", head, tuple(rows), note)


def _counted(study: Study, material: Material) -> dict[str, Counter[str]] | None:
    """Rejections by label and reason; None where the labels or rejections cannot be read."""
    cell = next((cell for cell in study.cells if cell.dataset == material.dataset), None)
    examples = None if cell is None else input_examples(study, cell.train_sha256, cell.kind)
    path = material.folder / "rejections.jsonl"
    if examples is None or not path.is_file():
        return None
    found: dict[str, Counter[str]] = {}
    try:
        for rejection in read_rejections(path):
            example = examples.get(rejection.id)
            label = None if example is None else count_name(example)
            if label is not None:
                found.setdefault(label, Counter())[rejection.reason] += 1
    except DataError:
        return None
    return found


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
