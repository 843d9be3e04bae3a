"""One comparison of a study: its words, its figures, a table of several."""

from __future__ import annotations

from collections.abc import Sequence

from teachback.formatting import NOTHING, interval, p_in_table, percent, points
from teachback.records import ComparedWay
from teachback.reports.arms import factor_words
from teachback.reports.page import Content, Figure, IntervalCell, Table
from teachback.studies.factors import FACTORS, Factor
from teachback.studies.schema import VerdictRow

WAY_NAMES: dict[ComparedWay, str] = {
    "direct": "direct answer",
    "chosen": "way chosen on valid",
    "explained": "explained answer",
    "adaptive": "adaptive way",
}


def is_shown(row: VerdictRow) -> bool:
    """Whether a confirmatory comparison is shown."""
    return row.finding == "shown"


def is_shown_better(row: VerdictRow) -> bool:
    """Whether the first system is shown to be better."""
    return is_shown(row) and (row.difference or 0) > 0


def where(row: VerdictRow) -> str:
    """The dataset and the way of answering, before a sentence about both systems."""
    return f"{row.dataset}, {WAY_NAMES[row.way]}"


def names_of(row: VerdictRow) -> str:
    """What is subtracted from what."""
    return f"{row.a} minus {row.b}"


def setting_words(row: VerdictRow, factors: Sequence[Factor]) -> str:
    """Those of ``factors`` that the comparison depends on."""
    return ", ".join(
        factor_words(factor, value)
        for factor in factors
        if (value := row.value(factor)) is not None or factor == "size"
    )


def varying_factors(rows: Sequence[VerdictRow]) -> list[Factor]:
    """The factors that are not the same in all comparisons."""
    return [factor for factor in FACTORS if len({row.value(factor) for row in rows}) > 1]


def caveats_of(row: VerdictRow) -> str:
    """What must be said beside the finding, in sentences: how little one seed says, for one."""
    return " ".join(f"{caveat[:1].upper()}{caveat[1:]}." for caveat in row.caveats)


def comparison_table(title: str, rows: Sequence[VerdictRow], *, exploratory: bool = False) -> Table:
    """All figures of these comparisons, one a row."""
    ends = [abs(end) for row in rows for end in (row.low, row.high) if end is not None]
    widest = max(ends, default=0.0)
    head = (
        "Dataset and comparison",
        "Way",
        "Difference, points",
        "Around zero",
        "p",
        *(() if exploratory else ("p after Holm",)),
        "Items × seeds",
        "Verdict",
    )
    every = {caveats_of(row) for row in rows if row.finding is not None}
    shared_caveats = next(iter(every)) if len(every) == 1 else ""
    varying = varying_factors(rows)
    found: list[tuple[Content, ...]] = []
    for row in rows:
        estimate: Content = NOTHING
        span: Content = NOTHING
        if row.difference is not None and row.low is not None and row.high is not None:
            estimate = Figure(points(row.difference), interval(row.low, row.high, points))
            span = IntervalCell(row.difference, row.low, row.high, widest)
        found.append(
            (
                Figure(f"{row.dataset}: {names_of(row)}", setting_words(row, varying)),
                row.way,
                estimate,
                span,
                p_in_table(row.p),
                *(() if exploratory else (p_in_table(row.p_holm),)),
                NOTHING if row.items is None else f"{row.items:,} × {row.seeds}",
                Figure(_finding(row), "" if shared_caveats else caveats_of(row)),
            )
        )
    legend = (
        "The line is the 95% interval, the dot the estimate, and the stroke across them zero; all "
        f"lines reach to ±{percent(widest)} points."
        if widest
        else ""
    )
    shared = setting_words(rows[0], [factor for factor in FACTORS if factor not in varying])
    note = " ".join(filter(None, (f"All with {shared}." if shared else "", shared_caveats)))
    return Table(title, head, tuple(found), note, legend=legend)


def _finding(row: VerdictRow) -> str:
    """What a comparison shows, in a few words; why it has no figures, where it has none."""
    if row.finding is None:
        return row.verdict.rstrip(".")
    return {
        "shown": f"shown: {row.higher} is better",
        "hint": f"hint: {row.higher} higher",
        "not-shown": "not shown",
    }[row.finding]
