"""The verdict: what the study declared beforehand and what came of it, in words.

Confirmatory comparisons were declared before the study ran and are judged together by
Holm's p. Everything else is exploratory: a hint at most, and never called shown here.
"""

from __future__ import annotations

from typing import Any

from teachback.files.rows import Row
from teachback.report.comparisons import (
    LEVEL,
    WAYS,
    caveats_of,
    comparison_table,
    is_shown,
    names_of,
    reason_of,
    setting_words,
    way_of,
)
from teachback.report.controls import control_paragraphs
from teachback.report.folder import FACTORS, Study, number_of, object_of, rows_of, text_of
from teachback.report.page import Content, Figure, Paragraph, Section, Table
from teachback.report.text import NOTHING, amount, count, p_value, percent

_CLAIMS = {
    True: (
        "learning from explanations changes accuracy",
        "a student that learned from explanations is more accurate than ST",
        "a student that learned from explanations is less accurate than ST",
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
        blocks += control_paragraphs(confirmatory, exploratory)
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
        blocks.append(comparison_table("Confirmatory comparisons", confirmatory))
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
            cells = len(study.with_status(status))
            if cells:
                parts.append(f"{cells} {text}")
        found.append(
            Paragraph(
                f"This study is not finished: {', '.join(parts)}. What follows is provisional.",
                "warning",
            )
        )
    found += [
        Paragraph(f"{problem[:1].upper()}{problem[1:]}.", "warning") for problem in study.problems
    ]
    shared = object_of((study.verdicts or {}).get("test_in_train"))
    found += [
        Paragraph(
            f"{dataset}: {number:.0f} test questions (or their groups) also stand in the training "
            "file; they are counted in every figure below.",
            "warning",
        )
        for dataset, value in shared.items()
        if (number := number_of(value))
    ]
    precisions = {text_of(cell.result.get("precision")) for cell in study.cells} - {None}
    if len(precisions) > 1:
        found.append(
            Paragraph(
                f"Students were trained in {' and in '.join(sorted(map(str, precisions)))}: "
                "a difference between them may be one of precision.",
                "warning",
            )
        )
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
    if not judged:
        text = f"No verdict yet: of {count(len(confirmatory), 'comparison')} declared beforehand "
        return [Paragraph(f"{text}none can be judged.", "not-shown")]
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
        comparisons = "" if better else " comparisons"
        parts.append(f"in {len(worse)} of {total}{comparisons} {harms}")
    rest = len(judged) - len(better) - len(worse)
    missing = f" Not shown in {rest}." if rest else ""
    # That one seed says nothing of others belongs beside what is shown, not only into a table.
    caveats = " ".join(dict.fromkeys(filter(None, map(caveats_of, (*better, *worse)))))
    said = f"Shown: {', '.join(parts)}.{missing}{later}{' ' if caveats else ''}{caveats}"
    return [Paragraph(said, "shown")]


def _tone(row: Row) -> Any:
    return "shown" if is_shown(row) else "not-shown"


def _sentence(row: Row) -> str:
    """One comparison in words: where, and what the study itself wrote of it."""
    where = f"{text_of(row.get('dataset')) or '?'}, {WAYS.get(way_of(row), way_of(row))}"
    written = text_of(row.get("verdict"))
    if written is None or number_of(row.get("difference")) is None:
        written = f"{names_of(row)}: {reason_of(row)}."
    elif number_of(row.get("p_holm")) is None:
        written += " Not judged yet."
    return f"{where}: {written}"


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
            comparison_table("Comparisons that were not declared", rows, exploratory=True),
        ),
    )


def _seeds_table(rows: list[Row]) -> Table | None:
    varying = [f for f in FACTORS if len({str(row.get(f)) for row in rows}) > 1]
    found: list[tuple[Content, ...]] = []
    for row in rows:
        tests = row.get("mcnemar")
        for number, test in enumerate(tests if isinstance(tests, list) else []):
            name = f"{text_of(row.get('dataset')) or '?'}: {names_of(row)}, {way_of(row)}"
            cells = dict(test) if isinstance(test, dict) else {"p": test}
            seed = text_of(cells.get("seed"))
            found.append(
                (
                    Figure(name, setting_words(row, varying)),
                    seed if seed is not None else f"number {number + 1}",
                    *(amount(number_of(cells.get(key))) for key in ("only_a", "only_b")),
                    p_value(number_of(cells.get("p"))),
                )
            )
    if not found:
        return None
    head = ("Comparison", "Seed", "Right alone: first", "Right alone: second", "McNemar p")
    return Table("McNemar’s test of each seed", head, tuple(found))


def _detectable(value: object) -> list[Paragraph]:
    """What the study could have shown, by dataset, with all that this assumes."""
    found = []
    for dataset, one in object_of(value).items():
        assumed = object_of(one)
        difference = number_of(assumed.get("difference"))
        if "difference" not in assumed:
            continue
        in_family = number_of(assumed.get("in_family"))
        strictest = "at the strictest level that Holm asks of the family"
        stricter = ""
        if in_family is not None:
            stricter = f" ({percent(in_family)} {strictest})"
        elif "in_family" in assumed:
            stricter = f" (none {strictest})"
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
