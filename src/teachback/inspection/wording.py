"""Inspections in tables and sentences, for the terminal and for reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from teachback.formatting import NOTHING, interval, p_in_table
from teachback.inspection.measures import GROUP_TITLES, MEASURES, MeasureGroup
from teachback.inspection.results import (
    Inspection,
    Measured,
    MeasureDifference,
    SimulatabilityResult,
)

if TYPE_CHECKING:
    from teachback.inspection.simulators import SimulationEstimate

SIMULATABILITY_HEAD = (
    "simulatability",
    "explanations",
    "items",
    "LAS",
    "95%",
    "RQ",
    "95%",
    "leaked",
    "not leaked",
    "right from both",
    "question alone",
    "explanation alone",
)
DIFFERENCE_HEAD = ("measure", "difference", "95%", "p", "n")


def measure_title(name: str) -> str:
    return MEASURES[name].title


def amount(name: str, value: float | None) -> str:
    """A measure's value in its unit: words with one decimal, shares with three."""
    if value is None:
        return NOTHING
    return f"{value:.1f}" if MEASURES[name].unit == "words" else f"{value:.3f}"


def bounds(name: str, low: float | None, high: float | None) -> str:
    return interval(low, high, lambda value: amount(name, value))


def groups_of(inspections: Sequence[Inspection]) -> list[MeasureGroup]:
    """The groups of which something was measured, in the tables' order."""
    there = {MEASURES[row.measure].group for one in inspections for row in one.measured}
    return [group for group in GROUP_TITLES if group in there]


def group_table(
    group: MeasureGroup, inspections: Sequence[Inspection], names: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Head and rows: a row for each measure, three columns for each run."""
    found = [{row.measure: row for row in one.measured} for one in inspections]
    head = [GROUP_TITLES[group]]
    for name in names:
        head += [name, "95%", "n"]
    rows = [
        [measure_title(measure), *(cell for own in found for cell in _cells(own.get(measure)))]
        for measure, kind in MEASURES.items()
        if kind.group == group and any(measure in own for own in found)
    ]
    return head, rows


def _cells(row: Measured | None) -> tuple[str, str, str]:
    if row is None:
        return NOTHING, NOTHING, NOTHING
    name = row.measure
    return amount(name, row.value), bounds(name, row.low, row.high), str(row.items)


def simulatability_cells(name: str, row: SimulatabilityResult) -> list[str]:
    leaked, other = sorted(row.buckets, key=lambda bucket: not bucket.leaked)
    las = "not measurable" if row.las is None else f"{row.las:+.3f}"
    return [
        f"{name}, seed {row.seed}",
        "masked" if row.masked else "as written",
        str(row.items),
        las,
        interval(row.las_low, row.las_high, "{:+.3f}".format),
        f"{row.rq:+.3f}",
        interval(row.rq_low, row.rq_high, "{:+.3f}".format),
        str(leaked.items),
        str(other.items),
        f"{row.accuracy_both:.3f}",
        f"{row.accuracy_question:.3f}",
        f"{row.accuracy_explanation:.3f}",
    ]


def estimate_words(estimate: SimulationEstimate) -> str:
    """``involves …``: what simulating would take, in words."""
    parts = (
        (f"explaining {estimate.questions} training questions", estimate.seconds_explaining),
        (f"training {estimate.simulators} simulators", estimate.seconds_training),
    )
    said = [f"{what} ({_minutes(seconds)})" for what, seconds in parts]
    return f"involves {said[0]} and {said[1]}"


def _minutes(seconds: float | None) -> str:
    if seconds is None:
        return "time unknown"
    return f"about {max(1, round(seconds / 60)):,} min"


def difference_cells(row: MeasureDifference) -> list[str]:
    digits = 1 if MEASURES[row.measure].unit == "words" else 3
    signed = f"{{:+.{digits}f}}".format
    return [
        measure_title(row.measure),
        signed(row.difference),
        interval(row.low, row.high, signed),
        p_in_table(row.p),
        str(row.items),
    ]
