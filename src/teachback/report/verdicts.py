"""The verdict: what the study declared beforehand and what came of it, in words.

Confirmatory comparisons were declared before the study ran and are judged together by
Holm's p. Everything else is exploratory: a hint at most, and never called shown here.
"""

from __future__ import annotations

from typing import Any

from teachback.report.arms import factor_name
from teachback.report.folder import FACTORS, Study, number_of, rows_of, text_of
from teachback.report.page import Content, Figure, Paragraph, Section, Span, Table
from teachback.report.text import NOTHING, amount, count, p_value, percent, points
from teachback.rows import Row

LEVEL = 0.05
"""A comparison with a smaller p is shown; as :func:`teachback.evaluation.verdict` has it."""

WAYS = {
    "direct": "direct answer",
    "chosen": "way chosen on valid",
    "explained": "explained answer",
}


def verdict_section(study: Study) -> Section:
    """The head of the report."""
    verdicts = study.verdicts or {}
    confirmatory = rows_of(verdicts.get("confirmatory"))
    exploratory = rows_of(verdicts.get("exploratory"))
    blocks: list[Any] = [*_state(study), *_headline(confirmatory, study)]
    if confirmatory:
        blocks += [Paragraph(_sentence(row), _tone(row)) for row in confirmatory]
        blocks.append(
            Paragraph(
                "These comparisons were declared before the study ran. A difference is accuracy in "
                "percentage points, averaged over seeds; its 95% interval and its p count both "
                "items and seeds as samples. Holm’s p counts all of them together, and decides: "
                f"below {LEVEL:g} a difference is shown. “Not shown” does not mean that there is "
                "none.",
                "note",
            )
        )
        blocks.append(_table("Confirmatory comparisons", confirmatory))
    detectable = _detectable(verdicts.get("detectable"))
    if detectable:
        blocks.append(detectable)
    parts = []
    if exploratory:
        parts.append(_exploratory(exploratory))
    seeds = _seeds_table([*confirmatory, *exploratory])
    if seeds is not None:
        parts.append(
            Section(
                "Each seed by itself",
                (
                    Paragraph(
                        "Descriptive: McNemar’s exact test compares two particular students and "
                        "says nothing of other seeds.",
                        "note",
                    ),
                    seeds,
                ),
                folded=True,
            )
        )
    return Section("Verdict", tuple(blocks), tuple(parts))


def is_shown(row: Row) -> bool:
    """Whether a confirmatory comparison is shown: by Holm's p, and by nothing else."""
    p = number_of(row.get("p_holm"))
    return p is not None and p < LEVEL


def _state(study: Study) -> list[Paragraph]:
    """What is missing, before anything that is said of the rest."""
    found = []
    if not study.finished:
        total = len(study.cells)
        parts = [f"{len(study.with_status('done'))} of {total} cells are done"]
        for status, text in (
            ("failed", "failed"),
            ("not-available", "not available"),
            ("unreadable", "unreadable"),
            ("not-run", "not run"),
        ):
            number = len(study.with_status(status))
            if number:
                parts.append(f"{number} {text}")
        found.append(
            Paragraph(
                f"This study is not finished: {', '.join(parts)}. What follows is provisional.",
                "warning",
            )
        )
    found += [
        Paragraph(f"{problem[:1].upper()}{problem[1:]}.", "warning") for problem in study.problems
    ]
    if study.outside:
        found.append(
            Paragraph(
                f"{count(study.outside, 'cell')} in the folder belong to another plan and are left "
                "out.",
                "warning",
            )
        )
    return found


def _headline(confirmatory: list[Row], study: Study) -> list[Paragraph]:
    if study.verdicts is None:
        return [Paragraph("No verdict: verdicts.json is not there yet.", "not-shown")]
    if not confirmatory:
        return [
            Paragraph("No verdict: no comparison was declared before the study ran.", "not-shown")
        ]
    judged = [row for row in confirmatory if number_of(row.get("p_holm")) is not None]
    better = [r for r in judged if is_shown(r) and (number_of(r.get("difference")) or 0) > 0]
    worse = [r for r in judged if is_shown(r) and (number_of(r.get("difference")) or 0) < 0]
    total = len(confirmatory)
    waiting = total - len(judged)
    later = f" {count(waiting, 'comparison')} cannot be judged yet." if waiting else ""
    if not better and not worse:
        many = "the one comparison" if total == 1 else f"none of the {total} comparisons"
        does = "does not show" if total == 1 else "shows"
        text = (
            f"Not shown: {many} declared beforehand {does} that learning from explanations "
            f"changes accuracy.{later}"
        )
        return [Paragraph(text, "not-shown")]
    parts = []
    if better:
        parts.append(f"in {len(better)} of {total} comparisons learning from explanations helps")
    if worse:
        parts.append(f"in {len(worse)} of {total} it does harm")
    rest = len(judged) - len(better) - len(worse)
    missing = f" Not shown in {rest}." if rest else ""
    return [Paragraph(f"Shown: {', '.join(parts)}.{missing}{later}", "shown")]


def _tone(row: Row) -> Any:
    return "shown" if is_shown(row) else "not-shown"


def _sentence(row: Row) -> str:
    """One comparison in words: setting, estimate, uncertainty, verdict."""
    difference, low, high = (number_of(row.get(k)) for k in ("difference", "low", "high"))
    where = f"{text_of(row.get('dataset')) or '?'}, {_way(row)}"
    names = f"{text_of(row.get('a')) or '?'} minus {text_of(row.get('b')) or '?'}"
    if difference is None or low is None or high is None:
        return f"{where}: {names}: not known yet."
    p = number_of(row.get("p_holm"))
    if p is None:
        found = "not judged yet"
    elif p < LEVEL:
        found = f"shown: {text_of(row.get('a' if difference > 0 else 'b'))} is better"
    else:
        found = "not shown"
    after = "" if p is None else f", p after Holm {p_value(p)}"
    return (
        f"{where}: {names} = {points(difference)} points, 95% [{points(low)}, {points(high)}]"
        f"{after}, {_n(row, words=True)}: {found}."
    )


def _table(title: str, rows: list[Row], *, exploratory: bool = False) -> Table:
    widest = max(
        (abs(v) for r in rows for k in ("low", "high") if (v := number_of(r.get(k))) is not None),
        default=0.0,
    )
    head = (
        "Dataset and comparison",
        "Way of answering",
        "Difference, points",
        "Around zero",
        "p",
        *(() if exploratory else ("p after Holm",)),
        "Items × seeds",
        "Verdict",
    )
    found: list[tuple[Content, ...]] = []
    for row in rows:
        difference, low, high = (number_of(row.get(k)) for k in ("difference", "low", "high"))
        names = f"{text_of(row.get('a')) or '?'} minus {text_of(row.get('b')) or '?'}"
        first = Figure(f"{text_of(row.get('dataset')) or '?'}: {names}", _setting(row))
        known = difference is not None and low is not None and high is not None
        estimate: Content = NOTHING
        span: Content = NOTHING
        if difference is not None and low is not None and high is not None:
            estimate = Figure(points(difference), f"[{points(low)}, {points(high)}]")
            span = Span(difference, low, high, widest)
        found.append(
            (
                first,
                _way(row),
                estimate,
                span,
                p_value(number_of(row.get("p"))),
                *(() if exploratory else (p_value(number_of(row.get("p_holm"))),)),
                _n(row),
                _words(row, exploratory=exploratory) if known else "not known yet",
            )
        )
    note = (
        "The line is the 95% interval, the dot the estimate, the stroke across them zero; all "
        f"lines reach to ±{percent(widest)} points."
        if widest
        else ""
    )
    return Table(title, head, tuple(found), note)


def _words(row: Row, *, exploratory: bool) -> str:
    difference = number_of(row.get("difference")) or 0.0
    higher = text_of(row.get("a" if difference > 0 else "b")) or "?"
    if exploratory:
        p = number_of(row.get("p"))
        return f"hint: {higher} higher" if p is not None and p < LEVEL else "not shown"
    if number_of(row.get("p_holm")) is None:
        return "not judged yet"
    return f"shown: {higher} is better" if is_shown(row) else "not shown"


def _exploratory(rows: list[Row]) -> Section:
    hints = sum((number_of(r.get("p")) or 1.0) < LEVEL for r in rows)
    expected = LEVEL * len(rows)
    return Section(
        "Exploratory comparisons",
        (
            Paragraph(
                "These were not declared beforehand and decide nothing. Their p is not adjusted: "
                f"of {count(len(rows), 'comparison')} without any true difference about "
                f"{amount(round(expected, 1))} would fall below {LEVEL:g} by chance, and {hints} "
                f"did. Such a hint becomes a result only with fresh seeds, on rows that no choice "
                "has seen.",
                "note",
            ),
            _table("Exploratory comparisons", rows, exploratory=True),
        ),
    )


def _seeds_table(rows: list[Row]) -> Table | None:
    found: list[tuple[Content, ...]] = []
    for row in rows:
        tests = row.get("mcnemar")
        for number, test in enumerate(tests if isinstance(tests, list) else []):
            name = f"{text_of(row.get('dataset'))}, {text_of(row.get('a'))} minus "
            name += f"{text_of(row.get('b'))}, {_way(row)}"
            cells = dict(test) if isinstance(test, dict) else {"p": test}
            seed = text_of(cells.get("seed"))
            found.append(
                (
                    Figure(name, _setting(row)),
                    seed if seed is not None else f"number {number + 1}",
                    *(amount(number_of(cells.get(key))) for key in ("only_a", "only_b")),
                    p_value(number_of(cells.get("p"))),
                )
            )
    if not found:
        return None
    head = ("Comparison", "Seed", "Right alone: first", "Right alone: second", "McNemar p")
    return Table("Each seed by itself", head, tuple(found))


def _way(row: Row) -> str:
    way = text_of(row.get("way")) or "?"
    return WAYS.get(way, way)


def _n(row: Row, *, words: bool = False) -> str:
    items, seeds = number_of(row.get("items")), number_of(row.get("seeds"))
    if items is None or seeds is None:
        return "n not recorded"
    if words:
        return f"{count(items, 'item')}, {count(seeds, 'seed')}"
    return f"{items:,.0f} × {seeds:.0f}"


def _setting(row: Row) -> str:
    parts = []
    for factor in FACTORS:
        value = row.get(factor)
        if factor == "size" and factor in row:
            parts.append("all rows" if value is None else f"size {factor_name(factor, value)}")
        elif value is not None:
            parts.append(f"{factor} {factor_name(factor, value)}")
    return ", ".join(parts)


def _detectable(value: object) -> Paragraph | None:
    """What the study could have shown, with all that this assumes."""
    if not isinstance(value, dict) or not value:
        return None
    difference = number_of(value.get("difference"))
    assumed = ", ".join(
        f"{key.replace('_', ' ')} {_plain(inner)}"
        for key, inner in value.items()
        if key != "difference" and inner is not None
    )
    if difference is not None:
        text = (
            f"A true difference of {percent(difference)} points would have been shown with the "
            f"power below ({assumed})."
        )
    else:
        text = f"What this study could detect: {assumed}."
    return Paragraph(text, "note")


def _plain(value: object) -> str:
    number = number_of(value)
    return (text_of(value) or "") if number is None else f"{number:g}"
