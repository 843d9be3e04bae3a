"""A judge's results in words and tables; the judge is named in every table."""

from __future__ import annotations

from collections.abc import Iterator

from teachback.formatting import (
    NOTHING,
    after_holm,
    count,
    interval,
    p_in_table,
    p_in_words,
    percent,
)
from teachback.judging.people_answers import PREFERRED
from teachback.judging.results import JudgeResults, PeopleRow, WinRateRow

Table = tuple[list[str], list[list[str]]]
"""The head and the rows."""


def tables(results: JudgeResults) -> Iterator[Table]:
    """The tables that have rows."""
    by = f"judged by {results.judge}"
    if results.win_rates:
        head = [by, "win rate", "95%", "p", "items", "both orders alike", "first preferred"]
        head += ["at equal length", "95%"]
        yield head, [_win_rate_cells(row) for row in results.win_rates]
    if results.strengths is not None:
        found = results.strengths
        bounds = (
            [
                interval(low, high, "{:+.2f}".format)
                for low, high in zip(found.low, found.high, strict=True)
            ]
            if found.low
            else ["not measurable"] * len(found.strengths)
        )
        yield (
            [by, "strength (log-odds)", "95%"],
            [
                [name, f"{strength:+.2f}", bound]
                for name, strength, bound in zip(
                    results.systems, found.strengths, bounds, strict=True
                )
            ],
        )
    if results.criteria:
        head = [by, "system", "share", "95%", "items", "cannot tell", "unparsed", "failed"]
        yield (
            head,
            [
                [
                    row.criterion,
                    row.system,
                    _share(row.share),
                    _interval(row.low, row.high),
                    str(row.items),
                    str(row.unknown),
                    str(row.unparsed),
                    str(row.failed),
                ]
                for row in results.criteria
            ],
        )
    if results.people:
        head = [f"people and {results.judge}", "estimate", "95%", "people alone", "95%"]
        yield [*head, "weight", "saved"], [_people_cells(row) for row in results.people]


def sentences(results: JudgeResults) -> Iterator[str]:
    """What the tables do not say."""
    for row in results.win_rates:
        lost = [
            f"{number} {what}"
            for number, what in (
                (row.unparsed, "unparsed replies"),
                (row.failed, "requests without a reply"),
                (row.left_out, "items left out because of these"),
                (row.same_text, "pairs of the same text (ties, not asked)"),
            )
            if number
        ]
        if lost:
            yield f"{row.a} against {row.b}: {', '.join(lost)}."
        if row.p is not None:
            yield (
                f"{results.judge} prefers {row.a} to {row.b} in {_share(row.win_rate)} "
                f"{_interval(row.low, row.high)}, {p_in_words(row.p)} against 50%"
                f"{after_holm(row.p, row.p_holm)}, {row.items} items, "
                f"{count(row.seeds, 'seed')}."
            )
    if len(results.systems) > 2 and results.win_rates and results.strengths is None:
        yield f"Bradley-Terry strengths: not measurable ({_why_no_strengths(results)})."
    for one in results.differences:
        yield (
            f"{one.criterion}, by {results.judge}: {one.a} minus {one.b}: "
            f"{100 * one.difference:+.1f} points [{100 * one.low:+.1f}, {100 * one.high:+.1f}], "
            f"{p_in_words(one.p)}{after_holm(one.p, one.p_holm)}, {one.items} items."
        )
    if results.seeds == 1:
        yield "One seed: this is about these very systems and says nothing of other seeds."
    if results.people:
        yield (
            "People and judge together are right only if the items that people judged are a random "
            "part of all."
        )
    if results.win_rates:
        yield (
            "Equal length is a sensitivity analysis: a longer explanation may be better for what "
            "it says."
        )
    yield "A judge's word does not replace people's."


def _why_no_strengths(results: JudgeResults) -> str:
    if results.strengths_items == 0:
        return "there is no item of which every pair could be read"
    return "a system, or several together, won or lost all comparisons with the others"


def _win_rate_cells(row: WinRateRow) -> list[str]:
    equal = row.equal_length
    return [
        f"{row.a} over {row.b}",
        _share(row.win_rate),
        _interval(row.low, row.high),
        p_in_table(row.p),
        str(row.items),
        _share(row.consistent),
        NOTHING if row.first_excess is None else f"{100 * row.first_excess:+.1f} points",
        "not measurable" if equal is None else _share(equal.rate),
        NOTHING if equal is None else _interval(equal.low, equal.high),
    ]


def _people_cells(row: PeopleRow) -> list[str]:
    found = row.powered
    between = "over" if row.measure == PREFERRED else "minus"
    return [
        f"{row.measure}: {row.a} {between} {row.b}",
        percent(found.mean),
        _interval(found.low, found.high),
        f"{percent(found.people_mean)} ({found.n_labelled} items)",
        _interval(found.people_low, found.people_high),
        f"{found.weight:.2f}",
        f"{100 * found.saved:.0f}%",
    ]


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{percent(value)}%"


def _interval(low: float | None, high: float | None) -> str:
    return interval(low, high, percent)
