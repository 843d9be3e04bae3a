"""Why a student is better: what its controls say of the explanations that it learned from."""

from __future__ import annotations

from teachback.files.rows import Row
from teachback.report.comparisons import WAYS, is_shown, way_of
from teachback.report.folder import FACTORS, number_of, text_of
from teachback.report.page import Paragraph
from teachback.report.text import points

_CONTROLS = {
    "ST (equal time)": "ST trained with the same compute",
    "MT-CoT (permuted)": "the same training with explanations of other questions",
}


def control_paragraphs(confirmatory: list[Row], exploratory: list[Row]) -> list[Paragraph]:
    """Of what is shown better than ST, whether it is so because of what the explanations say.

    That is shown where both controls were declared, too, and are shown to be below it.
    """
    found = []
    for row in confirmatory:
        if row.get("b") != "ST" or not _is_shown_better(row):
            continue
        same = ("dataset", "way", "a", *FACTORS)
        controls = {
            str(own["b"]): own
            for own in (*exploratory, *confirmatory)
            if own.get("b") in _CONTROLS
            and number_of(own.get("difference")) is not None
            and all(own.get(key) == row.get(key) for key in same)
        }
        beside = " and ".join(_beside(own, own in confirmatory) for own in controls.values())
        lacking = [words for name, words in _CONTROLS.items() if name not in controls]
        way = way_of(row)
        text = (
            f"{text_of(row.get('dataset')) or '?'}, {WAYS.get(way, way)}: why is "
            f"{text_of(row.get('a')) or '?'} better?"
        )
        if beside:
            text += f" It is {beside}."
        if lacking:
            text += f" There is no result of {' nor of '.join(lacking)}."
        if not lacking and all(
            own in confirmatory and _is_shown_better(own) for own in controls.values()
        ):
            text += " Both controls are shown to be below it: what the explanations say helps."
        else:
            text += " That it is what the explanations say that helps is not shown by this study."
        found.append(Paragraph(text))
    return found


def _is_shown_better(row: Row) -> bool:
    return is_shown(row) and (number_of(row.get("difference")) or 0) > 0


def _beside(row: Row, declared: bool) -> str:
    """How far the student is above a control."""
    difference, low, high = (number_of(row.get(key)) or 0 for key in ("difference", "low", "high"))
    standing = ("shown" if is_shown(row) else "not shown") if declared else "exploratory"
    return (
        f"{points(difference)} points [{points(low)}, {points(high)}] above "
        f"{_CONTROLS[str(row['b'])]} ({standing})"
    )
