"""Accuracy in the paper's shape: objectives by dataset, and each varied factor by objective."""

from __future__ import annotations

from collections.abc import Mapping

from teachback.evaluation.adaptive import LEAST_QUESTIONS
from teachback.formatting import NOTHING, count, percent
from teachback.records import ComparedWay
from teachback.reports.arms import (
    Arm,
    Arms,
    accuracy_cell,
    factor_name,
    settings_text,
    value_name,
)
from teachback.reports.comparisons import WAY_NAMES
from teachback.reports.page import Block, Content, Figure, Paragraph, Section, Table
from teachback.reports.text import percent_interval
from teachback.studies.factors import FACTORS, Factor, Setting

HOW = (
    "Accuracy in per cent: right answers out of all, the mean over seeds; an answer that could not "
    "be parsed is not right. In brackets the 95% interval, which treats items and seeds both as "
    "samples (variance of a crossed two-way layout, as in the primary test; Wilson’s interval at "
    "the effective number of items), then test items × seeds. Whether two systems differ is for "
    "the paired test above to say: intervals that overlap do not make them equal."
)

_TITLES: dict[Factor, str] = {
    "strategy": "Strategies by objective",
    "size": "Training sizes by objective",
    "student": "Students by objective",
    "teacher": "Teachers by objective",
    "alpha": "Values of alpha by objective",
}


def accuracy_section(arms: Arms) -> Section:
    """The tables: systems by dataset, the ways of answering, and every varied factor."""
    blocks: list[Block] = [Paragraph(HOW, "note")]
    for student in arms.students:
        settings = {name: arms.main(name, student) for name in arms.datasets}
        blocks.append(_by_dataset(arms, settings, "direct"))
        if any(_chose(arms.find(d, s, settings[d])) for d in arms.datasets for s in arms.systems):
            blocks.append(_by_dataset(arms, settings, "chosen"))
        found = [arms.find(d, s, settings[d]) for d in arms.datasets for s in arms.systems]
        if any(arm is not None and arm.is_adaptive for arm in found):
            blocks.append(_by_dataset(arms, settings, "adaptive"))
    parts = [_ways(arms), *_factors(arms), _every_arm(arms)]
    return Section("Accuracy", tuple(blocks), tuple(part for part in parts if part is not None))


def _chose(arm: Arm | None) -> bool:
    return arm is not None and any(cell.way == "explained" for cell in arm.done.values())


def _by_dataset(arms: Arms, settings: Mapping[str, Setting], way: ComparedWay) -> Table:
    rows: list[tuple[Content, ...]] = []
    for label in arms.systems:
        found = [arms.find(dataset, label, setting) for dataset, setting in settings.items()]
        if any(arm is not None for arm in found):
            rows.append((label, *(accuracy_cell(arm, way) for arm in found)))
    return Table(
        f"Objectives by dataset, {WAY_NAMES[way]}",
        ("System", *settings),
        tuple(rows),
        settings_text(settings),
    )


def _ways(arms: Arms) -> Section:
    """All ways of answering side by side, unparsed answers, and how often direct and explained
    answers agree."""
    tables: list[Block] = [
        Paragraph(
            "Direct: the answer task alone, without an explanation. Explained: the conclusion of "
            "the explanation that was written. Chosen: the better of these two on valid, a part of "
            "train. Adaptive: direct, but explained first where the direct answer’s margin is "
            f"below a threshold set on at least {LEAST_QUESTIONS} questions of valid; “Explained "
            "first” is the share of answers that were. This way is exploratory, unless a "
            "comparison in it was declared. MT-Re’s explanation draws no conclusion, CoT has only "
            "the explained answer, and some systems do not explain: all ways of these give the "
            "same answers. Agreement: how often the direct and the explained answer were the same. "
            "Unparsed: answers that could not be parsed, over all seeds.",
            "note",
        )
    ]
    for student in arms.students:
        for dataset in arms.datasets:
            setting = arms.main(dataset, student)
            rows = [
                (label, *_way_cells(arm))
                for label in arms.systems
                if (arm := arms.find(dataset, label, setting)) is not None
            ]
            head = (
                "System",
                "Direct",
                "Explained",
                "Chosen",
                "Chosen way",
                "Adaptive",
                "Explained first",
                "Agreement",
                "Unparsed, direct",
                "Unparsed, explained",
            )
            title, note = f"Ways of answering: {dataset}", settings_text({dataset: setting})
            tables.append(Table(title, head, tuple(rows), note))
    return Section("The ways of answering", tuple(tables))


def _way_cells(arm: Arm) -> tuple[Content, ...]:
    agreement = arm.agreement()
    agreed: Content = NOTHING
    share = arm.adaptive_share()
    if agreement is not None:
        agreed = Figure(
            percent(agreement.accuracy),
            percent_interval(agreement.low, agreement.high),
        )
    return (
        accuracy_cell(arm, "direct"),
        accuracy_cell(arm, "explained"),
        accuracy_cell(arm, "chosen"),
        chosen_way(arm),
        accuracy_cell(arm, "adaptive"),
        NOTHING if share is None else f"{percent(share)}%",
        agreed,
        _unparsed(arm, "direct"),
        _unparsed(arm, "explained"),
    )


def chosen_way(arm: Arm) -> str:
    """Which way the students of an arm chose on valid, over seeds."""
    recorded = [c.result.way for c in arm.done.values() if c.result and c.result.way]
    if not recorded:
        return NOTHING
    explained = recorded.count("explained")
    if explained in (0, len(recorded)):
        return "explained" if explained else "direct"
    return f"explained in {explained} of {len(recorded)} seeds"


def _unparsed(arm: Arm, way: ComparedWay) -> Content:
    figures = arm.accuracy(way)
    if figures is None:
        return NOTHING
    answers = figures.n_items * figures.n_seeds
    return Figure(f"{percent(figures.unparsed / answers)}%", f"{figures.unparsed:,} of {answers:,}")


def _factors(arms: Arms) -> list[Section]:
    """A part for each factor with several values, the others as in the main setting."""
    parts = []
    for factor in _TITLES:
        tables = []
        for student in arms.students if factor != "student" else [None]:
            for dataset in arms.datasets:
                setting = arms.main(dataset, student)
                table = _by_factor(arms, dataset, factor, setting)
                if table is not None:
                    tables.append(table)
        if tables:
            parts.append(Section(_TITLES[factor], tuple(tables)))
    return parts


def _by_factor(arms: Arms, dataset: str, factor: Factor, setting: Setting) -> Table | None:
    """Rows: a factor's values. Columns: the students' systems. None where there is one value."""
    values = arms.values(factor, dataset)
    if len(values) < 2:
        return None
    systems = [label for label in arms.systems if not _baseline(arms, label)]
    columns = []
    for label in systems:
        found = [arms.find(dataset, label, setting.where(factor, value)) for value in values]
        if any(arm is not None for arm in found):
            columns.append((label, found))
    varied = [
        any(a is not None and a.first.spec.value(factor) is not None for a in c) for _, c in columns
    ]
    if not any(varied) and factor != "size":
        return None
    rows: list[tuple[Content, ...]] = []
    for number, value in enumerate(values):
        cells = tuple(accuracy_cell(found[number]) for _, found in columns)
        rows.append((value_name(arms, dataset, factor, value), *cells))
    constant = [
        label
        for (label, _), own in zip(columns, varied, strict=True)
        if not own and factor != "size"
    ]
    note = settings_text({dataset: setting}, leave_out=(factor,))
    if constant:
        named = ", ".join(constant)
        note += f" The same students in every row, since they do not depend on it: {named}."
    return Table(
        f"{_TITLES[factor]}: {dataset}, direct answer",
        (factor.capitalize(), *(label for label, _ in columns)),
        tuple(rows),
        note,
    )


def _baseline(arms: Arms, label: str) -> bool:
    return all(arm.first.is_baseline for arm in arms.arms if arm.label == label)


def _every_arm(arms: Arms) -> Section:
    shown = [factor for factor in FACTORS if len(arms.values(factor)) > 1]
    head = (
        "System",
        "Dataset",
        *(factor.capitalize() for factor in shown),
        "Direct",
        "Explained",
        "Chosen",
        "Adaptive",
        "Agreement",
        "Cells",
    )
    rows: list[tuple[Content, ...]] = []
    for arm in sorted(
        arms.arms,
        key=lambda a: (arms.datasets.index(a.first.spec.dataset), arms.systems.index(a.label)),
    ):
        agreement = arm.agreement()
        factors = []
        for factor in shown:
            value = arm.first.spec.value(factor)
            depends = value is not None or (factor == "size" and not arm.first.is_baseline)
            factors.append(factor_name(factor, value) if depends else NOTHING)
        rows.append(
            (
                arm.label,
                arm.first.spec.dataset,
                *factors,
                accuracy_cell(arm, "direct"),
                accuracy_cell(arm, "explained"),
                accuracy_cell(arm, "chosen"),
                accuracy_cell(arm, "adaptive"),
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
    done = sum(cell.state == "done" for cell in arm.cells)
    text = f"{done} of {count(len(arm.cells), 'cell')} done"
    return text if done == len(arm.cells) else f"{text}; {arm.state()}"
