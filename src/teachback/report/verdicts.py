"""The verdict: what the study declared beforehand and what came of it, in words.

Confirmatory comparisons were declared before the study ran and are judged together by
Holm's p. Everything else is exploratory: a hint at most, and never called shown here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from teachback.report.arms import factor_words
from teachback.report.folder import FACTORS, Study, number_of, object_of, rows_of, text_of
from teachback.report.page import Content, Figure, Paragraph, Section, Span, Table
from teachback.report.text import NOTHING, amount, count, p_value, percent, points
from teachback.rows import Row

_FINDING = re.compile(r": (?:not shown|shown, .*? is better)\.(?P<caveats>.*)$", re.DOTALL)

LEVEL = 0.05
"""A comparison with a smaller p is shown; as :func:`teachback.evaluation.verdict` has it."""

_CLAIMS = {
    True: (
        "learning from explanations changes accuracy",
        "learning from explanations helps",
        "learning from explanations does harm",
    ),
    False: (
        "one system is more accurate than the other",
        "the first system is more accurate",
        "the second system is more accurate",
    ),
}
"""What comparisons claim, whether or not all of them are against ST: a change, for, against."""

MOST_SENTENCES = 6
"""With more confirmatory comparisons, those that are not shown stand in the table alone."""

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
        # What is shown is always said; all of it, where that is few sentences.
        few = len(confirmatory) <= MOST_SENTENCES
        said = [row for row in confirmatory if few or is_shown(row)]
        blocks += [Paragraph(_sentence(row), _tone(row)) for row in said]
        blocks.append(
            Paragraph(
                f"These comparisons were declared before the study ran{_when(study)}. A difference "
                "is accuracy in percentage points, averaged over seeds; its 95% interval and its p "
                "count both items and seeds as samples, and are each comparison’s own. Holm’s p "
                "counts all of them together, and decides: "
                f"below {LEVEL:g} a difference is shown. “Not shown” does not mean that there is "
                "none. Direct: the answer task alone; chosen: each student in the way that was "
                "better on valid.",
                "note",
            )
        )
        blocks.append(_table("Confirmatory comparisons", confirmatory))
    blocks += _detectable(verdicts.get("detectable"))
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


def _when(study: Study) -> str:
    return f" ({study.declared})" if study.declared else ""


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
    against_st = all((text_of(row.get("b")) or "").startswith("ST") for row in confirmatory)
    changes, helps, harms = _CLAIMS[against_st]
    later = f" {count(waiting, 'comparison')} cannot be judged yet." if waiting else ""
    if not better and not worse:
        many = "the one comparison" if total == 1 else f"none of the {total} comparisons"
        does = "does not show" if total == 1 else "shows"
        text = f"Not shown: {many} declared beforehand {does} that {changes}.{later}"
        return [Paragraph(text, "not-shown")]
    parts = []
    if better:
        parts.append(f"in {len(better)} of {total} comparisons {helps}")
    if worse:
        parts.append(f"in {len(worse)} of {total} {harms}")
    rest = len(judged) - len(better) - len(worse)
    missing = f" Not shown in {rest}." if rest else ""
    return [Paragraph(f"Shown: {', '.join(parts)}.{missing}{later}", "shown")]


def _tone(row: Row) -> Any:
    return "shown" if is_shown(row) else "not-shown"


def _sentence(row: Row) -> str:
    """One comparison in words: where, and what the study itself wrote of it."""
    where = f"{text_of(row.get('dataset')) or '?'}, {WAYS.get(_way(row), _way(row))}"
    written = text_of(row.get("verdict"))
    if written is None or number_of(row.get("difference")) is None:
        written = f"{_names(row)}: {_reason(row)}."
    elif number_of(row.get("p_holm")) is None:
        written += " Not judged yet."
    return f"{where}: {written}"


def _caveats(row: Row) -> str:
    """What the study's own verdict adds after its finding: how little one seed says, for one."""
    found = _FINDING.search(text_of(row.get("verdict")) or "")
    return found["caveats"].strip() if found else ""


def _table(title: str, rows: list[Row], *, exploratory: bool = False) -> Table:
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
    every = {_caveats(row) for row in rows if number_of(row.get("difference")) is not None}
    shared_caveats = next(iter(every)) if len(every) == 1 else ""
    varying = [f for f in FACTORS if len({str(row.get(f)) for row in rows}) > 1]
    found: list[tuple[Content, ...]] = []
    for row in rows:
        difference, low, high = (number_of(row.get(k)) for k in ("difference", "low", "high"))
        where = f"{text_of(row.get('dataset')) or '?'}: {_names(row)}"
        first = Figure(where, _setting(row, varying))
        caveats = _caveats(row)
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
                Figure(_words(row, exploratory=exploratory), "" if shared_caveats else caveats)
                if known
                else _reason(row),
            )
        )
    legend = (
        "The line is the 95% interval, the dot the estimate, the stroke across them zero; all "
        f"lines reach to ±{percent(widest)} points."
        if widest
        else ""
    )
    shared = _setting(rows[0], [factor for factor in FACTORS if factor not in varying])
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


def _exploratory(rows: list[Row]) -> Section:
    known = [p for row in rows if (p := number_of(row.get("p"))) is not None]
    hints = sum(p < LEVEL for p in known)
    expected = LEVEL * len(known)
    return Section(
        "Exploratory comparisons",
        (
            Paragraph(
                "These were not declared beforehand and decide nothing. Their p is not adjusted: "
                f"of {count(len(known), 'comparison')} without any true difference about "
                f"{amount(round(expected, 1))} would fall below {LEVEL:g} by chance, and {hints} "
                f"did. Such a hint becomes a result only with fresh seeds, on rows that no choice "
                "has seen.",
                "note",
            ),
            _table("Comparisons that were not declared", rows, exploratory=True),
        ),
    )


def _seeds_table(rows: list[Row]) -> Table | None:
    varying = [f for f in FACTORS if len({str(row.get(f)) for row in rows}) > 1]
    found: list[tuple[Content, ...]] = []
    for row in rows:
        tests = row.get("mcnemar")
        for number, test in enumerate(tests if isinstance(tests, list) else []):
            name = f"{text_of(row.get('dataset')) or '?'}: {_names(row)}, {_way(row)}"
            cells = dict(test) if isinstance(test, dict) else {"p": test}
            seed = text_of(cells.get("seed"))
            found.append(
                (
                    Figure(name, _setting(row, varying)),
                    seed if seed is not None else f"number {number + 1}",
                    *(amount(number_of(cells.get(key))) for key in ("only_a", "only_b")),
                    p_value(number_of(cells.get("p"))),
                )
            )
    if not found:
        return None
    head = ("Comparison", "Seed", "Right alone: first", "Right alone: second", "McNemar p")
    return Table("McNemar’s test of each seed", head, tuple(found))


def _way(row: Row) -> str:
    return text_of(row.get("way")) or "?"


def _names(row: Row) -> str:
    return f"{text_of(row.get('a')) or '?'} minus {text_of(row.get('b')) or '?'}"


def _n(row: Row) -> str:
    items, seeds = number_of(row.get("items")), number_of(row.get("seeds"))
    if items is None or seeds is None:
        return "not recorded"
    return f"{items:,.0f} × {seeds:.0f}"


def _setting(row: Row, factors: Sequence[str]) -> str:
    """The factors of a comparison that are recorded, those named in ``factors``."""
    return ", ".join(
        factor_words(factor, row[factor])
        for factor in factors
        if factor in row and (factor == "size" or row[factor] is not None)
    )


def _reason(row: Row) -> str:
    """Why a comparison has no figures: what the study wrote in place of its verdict."""
    return (text_of(row.get("verdict")) or "not known yet").rstrip(".")


def _detectable(value: object) -> list[Paragraph]:
    """What the study could have shown, by dataset, with all that this assumes."""
    found = []
    for dataset, one in object_of(value).items():
        assumed = object_of(one)
        difference = number_of(assumed.get("difference"))
        if "difference" not in assumed:
            continue
        in_family = number_of(assumed.get("in_family"))
        stricter = ""
        if in_family is not None:
            stricter = (
                f" ({percent(in_family)} at the strictest level that Holm asks of the family)"
            )
        rest = ", ".join(
            f"{key.replace('_', ' ')} {number:g}"
            for key, inner in assumed.items()
            if key not in ("difference", "in_family", "power")
            and (number := number_of(inner)) is not None
        )
        power = number_of(assumed.get("power"))
        chance = NOTHING if power is None else f"{power:.0%}"
        text = f"{dataset}: no possible difference would be shown with a power of {chance}"
        if difference is not None:
            text = (
                f"{dataset}: a true difference of {percent(difference)} points{stricter} would be "
                f"shown with a power of {chance}"
            )
        text += f". Assumed: {rest}."
        found.append(Paragraph(text, "note"))
    return found
