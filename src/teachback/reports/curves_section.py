"""Learning curves and size curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from teachback.records import ComparedWay
from teachback.reports.arms import (
    Arm,
    Arms,
    settings_text,
    value_name,
)
from teachback.reports.comparisons import WAY_NAMES
from teachback.reports.page import (
    Block,
    Chart,
    Paragraph,
    Point,
    Section,
    Series,
    numbers_of,
)
from teachback.runs.training_record import Epoch
from teachback.studies.factors import Setting


def curves_section(arms: Arms) -> Section | None:
    """Accuracy and loss on valid by epoch, and accuracy on test by training size."""
    learning: list[Block] = []
    sizes: list[Block] = []
    for student in arms.students:
        of = f", {student}" if len(arms.students) > 1 else ""
        for dataset in arms.datasets:
            setting = arms.main(dataset, student)
            for measured in (_ACCURACY, _LOSS):
                chart = _learning(arms, dataset, setting, measured, of)
                if chart is not None:
                    learning.append(chart)
            ways: tuple[ComparedWay, ...] = ("direct", "chosen")
            for way in ways:
                chart = _sizes(arms, dataset, setting, way, of)
                if chart is not None:
                    sizes.append(chart)
    parts = []
    if learning:
        note = (
            "The line is the mean over the seeds that reached an epoch; the band goes from the "
            "lowest seed to the highest. Valid is a part of train, and the epoch is chosen on it, "
            "so these accuracies say nothing about test. Losses can be compared only within an "
            "objective, since each objective weighs tasks of its own."
        )
        parts.append(Section("Learning curves", (Paragraph(note, "note"), *learning)))
    if sizes:
        note = (
            "Accuracy on test by training size; the band is the 95% interval of the tables. "
            "Sizes are evenly spaced, not to scale."
        )
        parts.append(Section("Size curves", (Paragraph(note, "note"), *sizes)))
    return Section("Curves", (), tuple(parts)) if parts else None


@dataclass(frozen=True)
class _Measured:
    """What is measured on valid after each epoch."""

    label: str
    share: bool
    of: Callable[[Epoch], float | None]


_ACCURACY = _Measured("accuracy on valid, %", True, lambda epoch: epoch.accuracy)
_LOSS = _Measured("loss on valid", False, lambda epoch: epoch.loss)


def _learning(
    arms: Arms, dataset: str, setting: Setting, measured: _Measured, of: str
) -> Chart | None:
    series = []
    epochs: set[float] = set()
    for system in arms.systems:
        arm = arms.find(dataset, system, setting)
        points = [] if arm is None else _by_epoch(arm, measured)
        if points:
            series.append(Series(system, tuple(points), arms.style(system)))
            epochs |= {point.x for point in points}
    if not series:
        return None
    share = measured.share
    written = {epoch: f"{epoch:g}" for epoch in sorted(epochs)}
    title = f"{'Accuracy' if share else 'Loss'} on valid by epoch: {dataset}{of}"
    where = settings_text({dataset: setting})
    return Chart(
        title=title,
        description=f"{title}. {_ends(series, share)}" + (f" {where}" if where else ""),
        x_label="epoch",
        y_label=measured.label,
        series=tuple(series),
        table=numbers_of(title, "Epoch", tuple(series), written, share),
        share=share,
    )


def _by_epoch(arm: Arm, measured: _Measured) -> list[Point]:
    values: dict[float, list[float]] = {}
    for cell in arm.done.values():
        for epoch in cell.result.history if cell.result else ():
            value = measured.of(epoch)
            if value is not None:
                values.setdefault(round(epoch.epoch, 3), []).append(value)
    return [Point(x, sum(ys) / len(ys), min(ys), max(ys)) for x, ys in sorted(values.items())]


def _sizes(arms: Arms, dataset: str, setting: Setting, way: ComparedWay, of: str) -> Chart | None:
    sizes = arms.values("size", dataset)
    if len(sizes) < 2:
        return None
    series = []
    chose = False
    for system in arms.systems:
        points = []
        for x, size in enumerate(sizes):
            arm = arms.find(dataset, system, setting.where("size", size))
            if arm is None or arm.first.is_baseline:
                continue
            figures = arm.accuracy(way)
            chose = chose or any(cell.way == "explained" for cell in arm.done.values())
            if figures is not None:
                points.append(Point(x, figures.accuracy, figures.low, figures.high))
        if points:
            series.append(Series(system, tuple(points), arms.style(system)))
    if not series or (way == "chosen" and not chose):
        return None
    title = f"Accuracy by training size: {dataset}{of}, {WAY_NAMES[way]}"
    ticks = tuple(value_name(arms, dataset, "size", size) for size in sizes)
    written: dict[float, str] = dict(enumerate(ticks))
    return Chart(
        title=title,
        description=f"{title}. {_ends(series, share=True)}",
        x_label="training size",
        y_label="accuracy, %",
        series=tuple(series),
        table=numbers_of(title, "Training size", tuple(series), written, share=True),
        ticks=ticks,
    )


def _ends(series: list[Series], share: bool) -> str:
    """Where each line begins and ends, for those who do not see it."""
    scale = 100 if share else 1
    parts = [
        f"{one.name}: {scale * one.points[0].y:.3g} to {scale * one.points[-1].y:.3g}"
        for one in series
    ]
    return f"From first to last: {'; '.join(parts)}."
