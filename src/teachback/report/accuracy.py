"""Accuracy in the paper's shape: objectives by dataset, and each varied factor by objective."""

from __future__ import annotations

from typing import Any

from teachback.report.arms import (
    Answering,
    Arm,
    Arms,
    Setting,
    accuracy_cell,
    factor_name,
    setting_text,
)
from teachback.report.folder import BASELINES, FACTORS
from teachback.report.page import Block, Content, Figure, Paragraph, Section, Table
from teachback.report.text import NOTHING, count, interval, percent

HOW = (
    "Accuracy in per cent: right answers of all, what could not be parsed is not right; the mean "
    "over seeds. In brackets its 95% interval, in which items and seeds are both samples (variance "
    "of a crossed two-way layout, as in the primary test; Wilson’s interval at the effective "
    "number of items). n: test items × seeds. Two intervals that overlap do not say that two "
    "systems are alike, nor two that do not overlap more than the verdict above: the paired test "
    "there decides."
)

_TITLES = {
    "strategy": "Strategies by objective",
    "size": "Training sizes by objective",
    "alpha": "Values of alpha by objective",
    "teacher": "Teachers by objective",
    "student": "Students by objective",
}


def accuracy_section(arms: Arms) -> Section:
    """The tables: systems by dataset, both ways of answering, and every varied factor."""
    blocks: list[Block] = [Paragraph(HOW, "note")]
    for student in arms.values("student") or [None]:
        setting = arms.main(student=student)
        blocks.append(_by_dataset(arms, setting, "direct"))
        if any(_chose(arms.find(d, s, setting)) for d in arms.datasets for s in arms.systems):
            blocks.append(_by_dataset(arms, setting, "chosen"))
    parts = [_ways(arms), *_factors(arms), _every_arm(arms)]
    return Section("Accuracy", tuple(blocks), tuple(part for part in parts if part is not None))


def _chose(arm: Arm | None) -> bool:
    return arm is not None and any(cell.way == "explained" for cell in arm.done.values())


def _by_dataset(arms: Arms, setting: Setting, answering: Answering) -> Table:
    rows: list[tuple[Content, ...]] = []
    for label in arms.systems:
        found = [arms.find(dataset, label, setting) for dataset in arms.datasets]
        if any(arm is not None for arm in found):
            rows.append((label, *(accuracy_cell(arm, answering) for arm in found)))
    way = "direct answer" if answering == "direct" else "the way chosen on valid"
    where = setting_text(setting, arms)
    return Table(
        f"Objectives by dataset: {way}" + (f" ({where})" if where else ""),
        ("System", *arms.datasets),
        tuple(rows),
    )


def _ways(arms: Arms) -> Section:
    """Both ways of answering side by side, unparsed answers, and how often they agree."""
    tables: list[Block] = [
        Paragraph(
            "Direct: the answer task alone, without an explanation. Explained: the conclusion of "
            "the explanation that was written. Chosen: the way that was better on valid, a part of "
            "train. Agreement: how often both ways gave the same answer. Unparsed: answers that "
            "could not be read, over all seeds.",
            "note",
        )
    ]
    for student in arms.values("student") or [None]:
        setting = arms.main(student=student)
        for dataset in arms.datasets:
            rows = [
                (label, *_way_cells(arm))
                for label in arms.systems
                if (arm := arms.find(dataset, label, setting)) is not None
            ]
            of = f" ({student})" if len(arms.values("student")) > 1 else ""
            head = (
                "System",
                "Direct",
                "Explained",
                "Chosen",
                "Chosen way",
                "Agreement",
                "Unparsed, direct",
                "Unparsed, explained",
            )
            tables.append(Table(f"Ways of answering: {dataset}{of}", head, tuple(rows)))
    return Section("Both ways of answering", tuple(tables))


def _way_cells(arm: Arm) -> tuple[Content, ...]:
    agreement = arm.agreement()
    agreed: Content = NOTHING
    if agreement is not None:
        agreed = Figure(
            percent(agreement.accuracy),
            interval(agreement.low, agreement.high),
        )
    return (
        accuracy_cell(arm, "direct"),
        accuracy_cell(arm, "explained"),
        accuracy_cell(arm, "chosen"),
        chosen_way(arm),
        agreed,
        _unparsed(arm, "direct"),
        _unparsed(arm, "explained"),
    )


def chosen_way(arm: Arm) -> str:
    """Which way the students of an arm chose on valid, over seeds."""
    recorded = [c.result.get("way") for c in arm.done.values() if c.result.get("way")]
    if not recorded:
        return NOTHING
    explained = recorded.count("explained")
    if explained in (0, len(recorded)):
        return "explained" if explained else "direct"
    return f"explained in {explained} of {len(recorded)} seeds"


def _unparsed(arm: Arm, answering: Answering) -> Content:
    figures = arm.accuracy(answering)
    if figures is None:
        return NOTHING
    answers = figures.n_items * figures.n_seeds
    return Figure(f"{percent(figures.unparsed / answers)}%", f"{figures.unparsed:,} of {answers:,}")


def _factors(arms: Arms) -> list[Section]:
    """A part for each factor with several values, the others as in the main setting."""
    parts = []
    for factor in ("strategy", "size", "student", "teacher", "alpha"):
        values = arms.values(factor)
        if len(values) < 2:
            continue
        tables = []
        for student in (arms.values("student") or [None]) if factor != "student" else [None]:
            fixed = {} if factor == "student" else {"student": student}
            for dataset in arms.datasets:
                table = _by_factor(arms, dataset, factor, values, arms.main(**fixed))
                if table is not None:
                    tables.append(table)
        if tables:
            parts.append(Section(_TITLES[factor], tuple(tables)))
    return parts


def _by_factor(
    arms: Arms, dataset: str, factor: str, values: list[Any], setting: Setting
) -> Table | None:
    """Rows: a factor's values. Columns: systems, those first that do not depend on it."""
    systems = [label for label in arms.systems if not _baseline(arms, label)]
    columns = []
    for label in systems:
        found = [arms.find(dataset, label, setting | {factor: value}) for value in values]
        if any(arm is not None for arm in found):
            columns.append((label, found))
    varied = [
        any(a is not None and getattr(a.first, factor) is not None for a in c) for _, c in columns
    ]
    if not any(varied) and factor != "size":
        return None
    rows: list[tuple[Content, ...]] = []
    for number, value in enumerate(values):
        cells = tuple(accuracy_cell(found[number]) for _, found in columns)
        rows.append((factor_name(factor, value), *cells))
    constant = [
        label
        for (label, _), own in zip(columns, varied, strict=True)
        if not own and factor != "size"
    ]
    note = ""
    if constant:
        note = (
            f"The same students in every row, for they do not depend on it: {', '.join(constant)}."
        )
    where = setting_text(setting, arms, leave_out=(factor,))
    return Table(
        f"{_TITLES[factor]}: {dataset}, direct answer" + (f" ({where})" if where else ""),
        (factor.capitalize(), *(label for label, _ in columns)),
        tuple(rows),
        note,
    )


def _baseline(arms: Arms, label: str) -> bool:
    return all(arm.first.control in BASELINES for arm in arms.arms if arm.label == label)


def _every_arm(arms: Arms) -> Section:
    shown = [factor for factor in FACTORS if len(arms.values(factor)) > 1]
    head = (
        "System",
        "Dataset",
        *(factor.capitalize() for factor in shown),
        "Direct",
        "Explained",
        "Chosen",
        "Agreement",
        "Cells",
    )
    rows: list[tuple[Content, ...]] = []
    for arm in sorted(arms.arms, key=lambda a: (arms.datasets.index(a.first.dataset),)):
        agreement = arm.agreement()
        factors = []
        for factor in shown:
            value = getattr(arm.first, factor)
            depends = value is not None or (factor == "size" and arm.first.control not in BASELINES)
            factors.append(factor_name(factor, value) if depends else NOTHING)
        rows.append(
            (
                arm.label,
                arm.first.dataset,
                *factors,
                accuracy_cell(arm, "direct"),
                accuracy_cell(arm, "explained"),
                accuracy_cell(arm, "chosen"),
                NOTHING if agreement is None else percent(agreement.accuracy),
                _progress(arm),
            )
        )
    return Section(
        "Everything that was run",
        (Table("Every arm of the study", head, tuple(rows)),),
        folded=True,
    )


def _progress(arm: Arm) -> str:
    done = sum(cell.status == "done" for cell in arm.cells)
    text = f"{done} of {count(len(arm.cells), 'cell')} done"
    return text if done == len(arm.cells) else f"{text}; {arm.state()}"
