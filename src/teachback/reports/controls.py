"""Why a student is better: what its controls say of the explanations that it learned from."""

from __future__ import annotations

from collections.abc import Sequence

from teachback.formatting import interval, percent, points
from teachback.reports.comparisons import is_shown, is_shown_better, where
from teachback.reports.page import Paragraph
from teachback.studies.schema import VerdictRow
from teachback.studies.system_names import SYSTEM_NAMES, permuted_name


def _controls_of(system: str) -> dict[str, str]:
    """The controls of a system, in words."""
    return {
        SYSTEM_NAMES["equal-time"]: "ST trained with the same compute",
        permuted_name(system): "the same training with explanations of other questions",
    }


def control_paragraphs(
    confirmatory: Sequence[VerdictRow], exploratory: Sequence[VerdictRow]
) -> list[Paragraph]:
    """Of what is shown better than ST, whether it is so because of what the explanations say.

    That is shown where both controls were declared, too, and are shown to be below it.
    """
    found = []
    for row in confirmatory:
        if row.b != SYSTEM_NAMES["st"] or not is_shown_better(row):
            continue
        words_of = _controls_of(row.a)
        controls = {
            own.b: own
            for own in (*exploratory, *confirmatory)
            if own.b in words_of
            and own.difference is not None
            and (own.dataset, own.way, own.a, own.setting)
            == (row.dataset, row.way, row.a, row.setting)
        }
        beside = " and ".join(
            _beside(own, words_of[own.b], own in confirmatory) for own in controls.values()
        )
        lacking = [words for name, words in words_of.items() if name not in controls]
        text = f"{where(row)}: why is {row.a} better?"
        if beside:
            text += f" It is {beside}."
        if lacking:
            text += f" There is no result for {' or for '.join(lacking)}."
        if not lacking and all(
            own in confirmatory and is_shown_better(own) for own in controls.values()
        ):
            text += " Both controls are shown to be worse: what the explanations say does help."
        else:
            text += " This study does not show that what the explanations say is what helps."
        found.append(Paragraph(text))
    return found


def _beside(row: VerdictRow, control: str, declared: bool) -> str:
    """How far the student is above or below a control."""
    standing = ("shown" if is_shown(row) else "not shown") if declared else "exploratory"
    difference, low, high = (x or 0 for x in (row.difference, row.low, row.high))
    side = "above"
    if difference < 0:
        side, difference, low, high = "below", -difference, -high, -low
    return (
        f"{percent(difference)} points {interval(low, high, points)} {side} {control} ({standing})"
    )
