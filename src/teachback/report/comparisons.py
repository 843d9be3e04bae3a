"""One comparison of a study: its words, its figures, a table of several."""

from __future__ import annotations

import re
from collections.abc import Sequence

from teachback.files.rows import Row
from teachback.report.arms import factor_words
from teachback.report.folder import FACTORS, number_of, text_of
from teachback.report.page import Content, Figure, Span, Table
from teachback.report.text import NOTHING, p_value, percent, points

_FINDING = re.compile(
    r": (?:not shown|shown, .*? is better|a hint, .*? is higher)\.(?P<caveats>.*)$", re.DOTALL
)

LEVEL = 0.05
"""A comparison with a smaller p is shown; as :func:`teachback.evaluation.verdict` has it."""


WAYS = {
    "direct": "direct answer",
    "chosen": "way chosen on valid",
    "explained": "explained answer",
}


def is_shown(row: Row) -> bool:
    """Whether a confirmatory comparison is shown: by Holm's p, and by nothing else."""
    p = number_of(row.get("p_holm"))
    return p is not None and p < LEVEL


def way_of(row: Row) -> str:
    return text_of(row.get("way")) or "?"


def names_of(row: Row) -> str:
    return f"{text_of(row.get('a')) or '?'} minus {text_of(row.get('b')) or '?'}"


def size_words(row: Row) -> str:
    items, seeds = number_of(row.get("items")), number_of(row.get("seeds"))
    if items is None or seeds is None:
        return "not recorded"
    return f"{items:,.0f} × {seeds:.0f}"


def setting_words(row: Row, factors: Sequence[str]) -> str:
    """The factors of a comparison that are recorded, those named in ``factors``."""
    return ", ".join(
        factor_words(factor, row[factor])
        for factor in factors
        if factor in row and (factor == "size" or row[factor] is not None)
    )


def reason_of(row: Row) -> str:
    """Why a comparison has no figures: what the study wrote in place of its verdict."""
    return (text_of(row.get("verdict")) or "not known yet").rstrip(".")


def caveats_of(row: Row) -> str:
    """What the study's own verdict adds after its finding: how little one seed says, for one."""
    found = _FINDING.search(text_of(row.get("verdict")) or "")
    return found["caveats"].strip() if found else ""


def comparison_table(title: str, rows: list[Row], *, exploratory: bool = False) -> Table:
    widest = max(
        (abs(v) for r in rows for k in ("low", "high") if (v := number_of(r.get(k))) is not None),
        default=0.0,
    )
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
    every = {caveats_of(row) for row in rows if number_of(row.get("difference")) is not None}
    shared_caveats = next(iter(every)) if len(every) == 1 else ""
    varying = [f for f in FACTORS if len({str(row.get(f)) for row in rows}) > 1]
    found: list[tuple[Content, ...]] = []
    for row in rows:
        difference, low, high = (number_of(row.get(k)) for k in ("difference", "low", "high"))
        where = f"{text_of(row.get('dataset')) or '?'}: {names_of(row)}"
        first = Figure(where, setting_words(row, varying))
        caveats = caveats_of(row)
        known = difference is not None and low is not None and high is not None
        estimate: Content = NOTHING
        span: Content = NOTHING
        if difference is not None and low is not None and high is not None:
            estimate = Figure(points(difference), f"[{points(low)}, {points(high)}]")
            span = Span(difference, low, high, widest)
        found.append(
            (
                first,
                way_of(row),
                estimate,
                span,
                p_value(number_of(row.get("p"))),
                *(() if exploratory else (p_value(number_of(row.get("p_holm"))),)),
                size_words(row),
                Figure(_words(row, exploratory=exploratory), "" if shared_caveats else caveats)
                if known
                else reason_of(row),
            )
        )
    legend = (
        "The line is the 95% interval, the dot the estimate, the stroke across them zero; all "
        f"lines reach to ±{percent(widest)} points."
        if widest
        else ""
    )
    shared = setting_words(rows[0], [factor for factor in FACTORS if factor not in varying])
    note = " ".join(filter(None, (f"All at {shared}." if shared else "", shared_caveats)))
    return Table(title, head, tuple(found), note, legend=legend)


def _words(row: Row, *, exploratory: bool) -> str:
    difference = number_of(row.get("difference")) or 0.0
    higher = text_of(row.get("a" if difference > 0 else "b")) or "?"
    if exploratory:
        p = number_of(row.get("p"))
        return f"hint: {higher} higher" if p is not None and p < LEVEL else "not shown"
    if number_of(row.get("p_holm")) is None:
        return "not judged yet"
    return f"shown: {higher} is better" if is_shown(row) else "not shown"
