"""``inspection.json``: what was measured of a run's explanations.

Typed and versioned, as `teachback.studies.schema`; read by reports without anything heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from teachback.errors import DataError
from teachback.files.rows import Row
from teachback.inspection.measures import MEASURES
from teachback.quality.item_means import ItemMean, mean_difference, mean_share
from teachback.versioned import Versioned

INSPECTION = "inspection.json"
ITEMS = "inspection.jsonl"
"""A row for each item: what was measured of it, with the donors and planted mistakes."""

ItemValues = Mapping[str, Mapping[str, float]]
"""Measure → item → value; an item that cannot be measured is not in it."""


StepVerdict = Literal["sound", "partly-sound", "wrong"]


@dataclass(frozen=True, slots=True)
class CheckedSteps:
    """What the steps of an explanation come to, and the words of those that are wrong."""

    verdict: StepVerdict
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One measure of a run, with its 95% interval over items (or their groups). ``value`` is None
    where no item could be measured, ``low`` and ``high`` where fewer than two could."""

    measure: str
    value: float | None
    low: float | None
    high: float | None
    items: int
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The items from whose explanation alone the simulator predicts the answer (``leaked``), or
    does not: how many, and the mean of 1[with explanation] − 1[without]; None below 30 items."""

    leaked: bool
    items: int
    difference: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatabilityResult:
    """Leak-adjusted simulatability by one simulator.

    ``simulator``: its reference; ``seed``: of its training; ``masked``: whether the choices' texts
    and letters were masked in the explanations. ``las``, ``rq``: in [-1, 1], with 95% intervals
    from a bootstrap over items; las is None where a bucket has fewer than 30 items.
    """

    simulator: str
    seed: int
    masked: bool
    items: int
    accuracy_both: float
    accuracy_question: float
    accuracy_explanation: float
    las: float | None
    las_low: float | None
    las_high: float | None
    rq: float
    rq_low: float
    rq_high: float
    buckets: tuple[Bucket, Bucket]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """``inspection.json``. ``predictions_sha256``: the predictions that were measured."""

    run: str
    date: str
    teachback: str | None
    objective: str | None
    kind: str
    items: int
    consistency_items: int
    """How many of the items consistency was measured on; 0 where it was not."""
    seed: int
    predictions_sha256: str
    measured: tuple[Measured, ...]
    simulatability: tuple[SimulatabilityResult, ...] = ()
    notes: tuple[str, ...] = ()
    """What was not measured, and why."""


_MERGED = "mistake-unparsed"
_MERGED_NOTE = (
    "planted mistakes that reach no answer: left out, since numbers and statements were counted "
    "together when this was measured; inspect again"
)


def _without_merged(row: Row) -> Row:
    """Numbers and statements were one measure: an item with both counted once."""
    rows, notes = row.get("measured"), row.get("notes", [])
    if not isinstance(rows, list) or not isinstance(notes, list):
        return row
    kept = [one for one in rows if not (isinstance(one, dict) and one.get("measure") == _MERGED)]
    if len(kept) == len(rows):
        return row
    return {**row, "measured": kept, "notes": [*notes, _MERGED_NOTE]}


INSPECTION_FILE = Versioned(Inspection, (lambda row: row, _without_merged))


def read_inspection(folder: Path) -> Inspection | None:
    """The inspection in a run's folder; None where there is none, or it is damaged."""
    try:
        return INSPECTION_FILE.read(folder / INSPECTION)
    except DataError:
        return None


def measured_rows(values: ItemValues, groups: Mapping[str, str | int]) -> tuple[Measured, ...]:
    """A row for each measure in ``values``, in the tables' order. ``groups``: item → its unit."""
    return tuple(_row(name, values[name], groups) for name in MEASURES if name in values)


def _row(name: str, values: Mapping[str, float], groups: Mapping[str, str | int]) -> Measured:
    if not values:
        return Measured(measure=name, value=None, low=None, high=None, items=0, groups=0)
    found = _mean(name, list(values.values()), [groups[item] for item in values])
    return Measured(
        measure=name,
        value=found.mean,
        low=found.low,
        high=found.high,
        items=found.n_items,
        groups=found.n_groups,
    )


def _mean(name: str, values: Sequence[float], groups: Sequence[str | int]) -> ItemMean:
    if MEASURES[name].unit == "words":
        return mean_difference(values, groups, largest=float("inf"))
    return mean_share(values, groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureDifference:
    """A measure of run ``a`` minus that of run ``b``, on the items measured in both, with its 95%
    interval and ``p`` by t over items; None where fewer than two units were. Exploratory: nothing
    is corrected for the number of measures."""

    measure: str
    a: str
    b: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    items: int


def measure_differences(
    a: str, of_a: ItemValues, b: str, of_b: ItemValues, groups: Mapping[str, str | int]
) -> tuple[MeasureDifference, ...]:
    """The paired differences of two runs, of every measure that some items have in both."""
    rows = []
    for name in MEASURES:
        ours, theirs = of_a.get(name, {}), of_b.get(name, {})
        both = [item for item in ours if item in theirs]
        if not both:
            continue
        found = mean_difference(
            [ours[item] - theirs[item] for item in both],
            [groups[item] for item in both],
            largest=float("inf") if MEASURES[name].unit == "words" else 1.0,
        )
        rows.append(
            MeasureDifference(
                measure=name,
                a=a,
                b=b,
                difference=found.mean,
                low=found.low,
                high=found.high,
                p=found.p,
                items=found.n_items,
            )
        )
    return tuple(rows)
