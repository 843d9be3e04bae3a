"""What the teachers' explanations came to, and what the study cost: money and hours."""

from __future__ import annotations

from collections import Counter

from teachback.errors import DataError
from teachback.evaluation.metrics import wilson
from teachback.files import read_rejections
from teachback.formatting import NOTHING, count, dollars, percent
from teachback.questions import count_name
from teachback.reports.arms import Arms
from teachback.reports.folder import ReportedMaterial, ReportedStudy, input_examples
from teachback.reports.page import Block, Content, Figure, Paragraph, Section, Table
from teachback.reports.text import amount, hours, percent_interval

MOST_LABELS = 20
"""Rows of the table by label; more are counted and left out."""


def explanations_section(study: ReportedStudy) -> Section:
    """Yield and agreement of each strategy, rejections by reason and by gold label."""
    if not study.materials:
        return Section(
            "Explanations", (Paragraph("There are no explanations in this folder (yet).", "plain"),)
        )
    note = (
        "The unit is one request: asked = kept + rejected. Yield: kept out of asked. Agreement: "
        "how often the teacher, not knowing the answer, came to the gold answer. Examples "
        "explained: those with at least one kept explanation. In brackets Wilson’s 95% interval, "
        "which takes requests and examples as independent."
    )
    rows = [
        (
            _name(material),
            f"{counts.asked:,}",
            _share(counts.kept, counts.asked),
            _share(*counts.agreement),
            _share(counts.explained_examples, counts.examples),
            f"{counts.not_asked:,}",
        )
        for material in study.materials
        for counts in (material.record,)
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


def effort_section(study: ReportedStudy, arms: Arms) -> Section:
    """What the teachers cost, and how long training and evaluating took."""
    blocks: list[Block] = []
    if study.teachers:
        blocks.append(_teachers(study))
    else:
        blocks.append(Paragraph("The teachers’ costs are not recorded in this folder.", "plain"))
    rows: list[tuple[Content, ...]] = []
    total_train = total_evaluate = 0.0
    for system in arms.systems:
        done = [c for a in arms.arms if a.label == system for c in a.cells if c.state == "done"]
        if not done:
            continue
        results = [cell.result for cell in done if cell.result is not None]
        train = sum(result.seconds_train or 0.0 for result in results)
        evaluate = sum(result.seconds_evaluate or 0.0 for result in results)
        total_train += train
        total_evaluate += evaluate
        steps = [result.steps for result in results if result.steps is not None]
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
        done_all = len(study.in_state("done"))
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
    note = "Wall time of the finished cells, added up as if they had run one after the other."
    resumed = sum(c.result is not None and c.result.resumed for c in study.in_state("done"))
    if resumed:
        note += (
            f" {count(resumed, 'cell')} stopped and resumed: the time of the last process alone is "
            "known there, so more was spent."
        )
    blocks.append(Table("Time of training and evaluating", head, tuple(rows), note))
    return Section("Cost of the study", tuple(blocks))


def _name(material: ReportedMaterial) -> Figure:
    record = material.record
    return Figure(f"{record.dataset}, {record.strategy}", record.teacher)


def _share(part: int, whole: int) -> Content:
    if not whole:
        return NOTHING
    share = part / whole
    return Figure(
        percent(share) + "%", f"{part:,} of {whole:,} {percent_interval(*wilson(share, whole))}"
    )


def _reasons(materials: tuple[ReportedMaterial, ...]) -> Table:
    reasons = sum((Counter(material.record.rejected) for material in materials), Counter[str]())
    shown = sorted(reasons, key=lambda reason: (-reasons[reason], reason))
    rows: list[tuple[Content, ...]] = []
    for material in materials:
        own = material.record.rejected
        cells = (f"{own.get(reason, 0):,}" for reason in shown)
        rows.append((_name(material), f"{sum(own.values()):,}", *cells))
    head = ("Dataset, strategy, teacher", "Rejected", *shown)
    return Table("Rejections by reason", head, tuple(rows))


def _labels(materials: tuple[ReportedMaterial, ...]) -> Table | None:
    rows: list[tuple[Content, ...]] = []
    left = 0
    for material in materials:
        record = material.record
        left += max(0, len(record.yield_per_label) - MOST_LABELS)
        for label, counts in list(record.yield_per_label.items())[:MOST_LABELS]:
            rows.append((Figure(label, f"{record.dataset}, {record.strategy}"), _share(*counts)))
    if not rows:
        return None
    note = f"Multiple choice: the letter of the gold choice.{_not_shown(left)}"
    head = ("Gold label", "Examples explained")
    return Table("Examples with an explanation by gold label", head, tuple(rows), note)


def _not_shown(labels: int) -> str:
    """A sentence about labels that the table leaves out; empty where it has all."""
    return f" Not shown: {count(labels, 'more label')}." if labels else ""


def _rejections_by_label(study: ReportedStudy) -> Block | None:
    """Requests by reason and by the gold label of their example, which the train file has."""
    rows: list[tuple[Content, ...]] = []
    found: list[tuple[ReportedMaterial, str, Counter[str]]] = []
    missing = left = 0
    for material in study.materials:
        by_label = _counted(study, material)
        missing += by_label is None
        own = sorted((by_label or {}).items())
        left += len(own[MOST_LABELS:])
        found += [(material, label, reasons) for label, reasons in own[:MOST_LABELS]]
    total = sum((reasons for _, _, reasons in found), Counter[str]())
    shown = sorted(total, key=lambda reason: (-total[reason], reason))
    for material, label, reasons in found:
        name = Figure(label, f"{material.record.dataset}, {material.record.strategy}")
        rows.append((name, f"{reasons.total():,}", *(f"{reasons[r]:,}" for r in shown)))
    note = ""
    if missing:
        note = (
            f"Not known for {missing} of {len(study.materials)} selections: the gold labels are "
            "in the training file, which was not found, and a study’s folder keeps only its hash."
        )
    if not rows:
        return (
            Paragraph(f"Rejections by gold label: {note[:1].lower()}{note[1:]}") if note else None
        )
    head = ("Gold label", "Rejected", *shown)
    note = f"{note}{_not_shown(left)}".strip()
    return Table("Rejections by gold label and reason", head, tuple(rows), note)


def _counted(study: ReportedStudy, material: ReportedMaterial) -> dict[str, Counter[str]] | None:
    """Rejections by label and reason; None where the labels or rejections cannot be read."""
    cell = next((c for c in study.cells if c.spec.dataset == material.record.dataset), None)
    data = None if cell is None else cell.spec.data
    examples = None if data is None else input_examples(study, data.train_sha256, data.kind)
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


def _teachers(study: ReportedStudy) -> Table:
    rows: list[tuple[Content, ...]] = []
    for cost in study.teachers:
        known = cost.dollars is not None and cost.requests
        rows.append(
            (
                cost.teacher,
                amount(cost.requests),
                amount(cost.tokens_in),
                amount(cost.tokens_cached),
                amount(cost.tokens_out),
                dollars(cost.dollars),
                dollars(1000 * (cost.dollars or 0) / cost.requests if known else None),
                hours(cost.seconds),
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
