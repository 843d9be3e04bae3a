"""The verdict: what the study declared beforehand and what came of it, in words.

Confirmatory comparisons were declared before the study ran and are decided together by
Holm's p. Everything else is exploratory: a hint at most, and never called shown here.
"""

from __future__ import annotations

from collections.abc import Sequence

from teachback.evaluation import LEVEL
from teachback.formatting import count, p_in_table, percent
from teachback.reports.comparisons import (
    caveats_of,
    comparison_table,
    is_shown,
    is_shown_better,
    names_of,
    setting_words,
    varying_factors,
    where,
)
from teachback.reports.controls import control_paragraphs
from teachback.reports.folder import ReportedStudy, State
from teachback.reports.page import Block, Content, Figure, Paragraph, Section, Table
from teachback.reports.text import amount
from teachback.studies.schema import Detectable, VerdictRow
from teachback.studies.system_names import SYSTEM_NAMES

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

_ST = (SYSTEM_NAMES["st"], SYSTEM_NAMES["equal-time"])

MOST_SENTENCES = 6
"""With more confirmatory comparisons, those that are not shown stand in the table alone."""


def verdict_section(study: ReportedStudy) -> Section:
    """The head of the report."""
    verdicts = study.verdicts
    confirmatory = verdicts.confirmatory if verdicts else ()
    exploratory = verdicts.exploratory if verdicts else ()
    blocks: list[Block] = [*_state(study), _headline(confirmatory, study)]
    if confirmatory:
        # What is shown is always said; all of it, where that is few sentences.
        few = len(confirmatory) <= MOST_SENTENCES
        said = [row for row in confirmatory if few or is_shown(row)]
        blocks += [
            Paragraph(_sentence(row), "shown" if is_shown(row) else "not-shown") for row in said
        ]
        blocks += control_paragraphs(confirmatory, exploratory)
        blocks.append(
            Paragraph(
                f"These comparisons were declared before the study ran{_when(study)}. A difference "
                "is one of accuracy, in percentage points, averaged over seeds. Its 95% interval "
                "and its p treat both items and seeds as samples, and are each comparison’s own; "
                "Holm’s p takes all the comparisons together and decides: below "
                f"{LEVEL:g} a difference is shown. “Not shown” does not mean that there is no "
                "difference. Direct: the answer task alone. Chosen: each student in the way of "
                "answering that was better on valid.",
                "note",
            )
        )
        blocks.append(comparison_table("Confirmatory comparisons", confirmatory))
    if verdicts:
        blocks += [_detectable(name, found) for name, found in verdicts.detectable.items()]
    parts = []
    if exploratory:
        parts.append(_exploratory(exploratory))
    seeds = _seeds_table([*confirmatory, *exploratory])
    if seeds is not None:
        parts.append(
            Section(
                "Each seed on its own",
                (
                    Paragraph(
                        "Descriptive only: McNemar’s exact test compares two particular "
                        "students and says nothing about other seeds.",
                        "note",
                    ),
                    seeds,
                ),
                folded=True,
            )
        )
    return Section("Verdict", tuple(blocks), tuple(parts))


def _when(study: ReportedStudy) -> str:
    return f" ({study.declared})" if study.declared else ""


def _state(study: ReportedStudy) -> list[Paragraph]:
    """What is missing, before anything that is said of the rest."""
    found = []
    if not study.finished:
        parts = [f"{len(study.in_state('done'))} of {len(study.cells)} cells are done"]
        states: tuple[tuple[State, str], ...] = (
            ("failed", "failed"),
            ("not-available", "not available"),
            ("unreadable", "unreadable"),
            ("not-run", "not run"),
        )
        for state, text in states:
            cells = len(study.in_state(state))
            if cells:
                parts.append(f"{cells} {text}")
        found.append(
            f"This study is not finished: {', '.join(parts)}. What follows is provisional."
        )
    found += [f"{problem[:1].upper()}{problem[1:]}." for problem in study.problems]
    shared = study.verdicts.test_in_train if study.verdicts else {}
    found += [
        f"{dataset}: {count(number, 'test question')} (or their groups) also appear in the "
        "training file; they are counted in every figure below."
        for dataset, number in shared.items()
        if number
    ]
    results = (cell.result for cell in study.cells)
    precisions = sorted({one.precision for one in results if one and one.precision})
    if len(precisions) > 1:
        found.append(
            f"Students were trained in {' and in '.join(precisions)}: a difference between them "
            "may be due to the precision."
        )
    if study.outside:
        found.append(
            f"Left out: {count(study.outside, 'cell')} in the folder, from a different plan."
        )
    return [Paragraph(text, "warning") for text in found]


def _headline(confirmatory: Sequence[VerdictRow], study: ReportedStudy) -> Paragraph:
    if study.verdicts is None:
        return Paragraph("No verdict yet: there is no verdicts.json.", "not-shown")
    if not confirmatory:
        return Paragraph(
            "No verdict: no comparison was declared before the study ran.", "not-shown"
        )
    decided = [row for row in confirmatory if row.finding is not None]
    total = len(confirmatory)
    if not decided:
        text = f"No verdict yet: of {count(total, 'comparison')} declared beforehand, "
        return Paragraph(f"{text}none can be decided yet.", "not-shown")
    better = [row for row in decided if is_shown_better(row)]
    worse = [row for row in decided if is_shown(row) and row not in better]
    waiting = total - len(decided)
    changes, helps, harms = _CLAIMS[all(row.b in _ST for row in confirmatory)]
    later = f" {count(waiting, 'comparison')} cannot be decided yet." if waiting else ""
    if not better and not worse:
        many = "the one comparison" if total == 1 else f"none of the {total} comparisons"
        does = "does not show" if total == 1 else "shows"
        text = f"Not shown: {many} declared beforehand {does} that {changes}.{later}"
        return Paragraph(text, "not-shown")
    parts = []
    if better:
        parts.append(f"in {len(better)} of {total} comparisons {helps}")
    if worse:
        comparisons = "" if better else " comparisons"
        parts.append(f"in {len(worse)} of {total}{comparisons} {harms}")
    rest = len(decided) - len(better) - len(worse)
    missing = f" Not shown in {rest}." if rest else ""
    # That one seed says nothing of others belongs beside what is shown, not only into a table.
    caveats = " ".join(dict.fromkeys(filter(None, map(caveats_of, (*better, *worse)))))
    said = f"Shown: {', '.join(parts)}.{missing}{later}{' ' if caveats else ''}{caveats}"
    return Paragraph(said, "shown")


def _sentence(row: VerdictRow) -> str:
    """One comparison in words: where, and what it shows."""
    if row.finding is None:
        return f"{where(row)}: {names_of(row)}: {row.verdict.rstrip('.')}."
    return f"{where(row)}: {row.verdict}"


def _exploratory(rows: Sequence[VerdictRow]) -> Section:
    known = [row for row in rows if row.finding is not None]
    hints = sum(row.finding == "hint" for row in known)
    said = "These were not declared beforehand and decide nothing."
    if known:
        said += (
            f" Their p is not adjusted: of {count(len(known), 'comparison')} without any true "
            f"difference, about {amount(round(LEVEL * len(known), 1))} would fall below {LEVEL:g} "
            f"by chance; {hints} did. Such a hint becomes a result only with fresh seeds, on rows "
            "that no choice has seen."
        )
    else:
        said += " None can be tested yet."
    return Section(
        "Exploratory comparisons",
        (
            Paragraph(said, "note"),
            comparison_table("Comparisons that were not declared", rows, exploratory=True),
        ),
    )


def _seeds_table(rows: Sequence[VerdictRow]) -> Table | None:
    varying = varying_factors(rows)
    found: list[tuple[Content, ...]] = [
        (
            Figure(f"{row.dataset}: {names_of(row)}, {row.way}", setting_words(row, varying)),
            str(test.seed),
            amount(test.only_a),
            amount(test.only_b),
            p_in_table(test.p),
        )
        for row in rows
        for test in row.mcnemar
    ]
    if not found:
        return None
    head = ("Comparison", "Seed", "Only the first right", "Only the second right", "McNemar p")
    return Table("McNemar’s test of each seed", head, tuple(found))


def _detectable(dataset: str, found: Detectable) -> Paragraph:
    """What the study could have shown, with all that this assumes."""
    strictest = "at the strictest level that Holm’s method asks of the family"
    in_family = "none" if found.in_family is None else percent(found.in_family)
    if found.difference is None:
        text = f"no possible difference would be shown with a power of {found.power:.0%}"
    else:
        text = (
            f"a true difference of {percent(found.difference)} points ({in_family} {strictest}) "
            f"would be shown with a power of {found.power:.0%}"
        )
    return Paragraph(
        f"{dataset}: {text}. Assumed: {count(found.items, 'item')}, {count(found.seeds, 'seed')}, "
        f"{count(found.family, 'comparison')} in the family; exactly one of two students right on "
        f"{found.discordance:.0%} of the items; a true difference with a standard deviation of "
        f"{percent(found.seed_sd)} points over seeds; a correlation of {found.persistence:g} "
        "between an item’s differences under two seeds.",
        "note",
    )
