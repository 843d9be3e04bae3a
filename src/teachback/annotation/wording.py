"""The results of an annotation in words and cells, the same on the command line and in a report."""

from __future__ import annotations

from teachback.annotation.results import AgreementRow, AnnotatorRow, DifferenceRow, ShareRow
from teachback.evaluation import LEVEL
from teachback.formatting import NOTHING, after_holm, count, interval, p_in_words

SHARE_HEAD = ("measure", "system", "share", "95%", "items", "answers")
AGREEMENT_HEAD = ("agreement on", "units", "raw", "alpha", "most frequent", "its share")
ANNOTATOR_HEAD = ("annotator", "answered", "contradictions seen", "repeats alike", "median s", "")

FEW_ITEMS = 20
"""With fewer items than this, the t distribution is a rough guide, and it is said."""


def share_cells(row: ShareRow) -> list[str]:
    """The cells under `SHARE_HEAD`."""
    system = row.system if row.against is None else f"{row.system} over {row.against}"
    bounds = interval(row.low, row.high, "{:.3f}".format)
    return [row.measure, system, f"{row.share:.3f}", bounds, str(row.items), str(row.answers)]


def agreement_cells(row: AgreementRow) -> list[str]:
    """The cells under `AGREEMENT_HEAD`."""
    alpha = NOTHING if row.alpha is None else f"{row.alpha:.3f}"
    return [
        *(row.measure, str(row.units), f"{row.raw:.3f}", alpha),
        *(row.prevailing, f"{row.prevalence:.3f}"),
    ]


def annotator_cells(row: AnnotatorRow) -> list[str]:
    """The cells under `ANNOTATOR_HEAD`."""
    return [
        row.name,
        f"{row.answered} of {row.planned}",
        f"{row.caught} of {row.contradictions}" if row.contradictions else NOTHING,
        f"{row.same} of {row.repeats}" if row.repeats else NOTHING,
        NOTHING if row.median_seconds is None else f"{row.median_seconds:.1f}",
        "check these answers" if row.flagged else "",
    ]


def difference_name(row: DifferenceRow) -> str:
    """What is subtracted from what."""
    if row.measure == "preferred":
        return f"{row.a} preferred over {row.b}, win rate minus 50%"
    if row.b is None:
        return f"{row.a}: predicted with its explanation minus without"
    return f"{row.measure}: {row.a} minus {row.b}"


def is_shown(row: DifferenceRow) -> bool:
    """Whether the difference is shown: the primary measure alone was declared beforehand."""
    return row.primary and row.p_holm is not None and row.p_holm < LEVEL


def finding_words(row: DifferenceRow) -> str:
    """What the difference shows; of another measure than the primary one it is a hint."""
    p = row.p_holm if row.primary else row.p
    if p is None or p >= LEVEL:
        return "not shown"
    if row.b is None:
        higher = f"{'with' if row.difference > 0 else 'without'} its explanation"
    else:
        higher = row.a if row.difference > 0 else row.b
    return f"shown, {higher} is higher" if row.primary else f"a hint, {higher} is higher"


def difference_sentence(row: DifferenceRow) -> str:
    """A difference, how sure it is, and what it shows."""
    known = "" if row.p is None else f" {interval(row.low, row.high, _points)}"
    p = "" if row.p is None else f", {p_in_words(row.p)}{after_holm(row.p, row.p_holm)}"
    primary = " (primary)" if row.primary else ""
    text = f"{difference_name(row)}{primary}: {_points(row.difference)} points{known}{p}"
    text = f"{text}, {count(row.items, 'item')}: {finding_words(row)}."
    if row.without_one is not None:
        least, most = row.without_one
        text += f" Leaving out one annotator at a time: {_points(least)} to {_points(most)}."
    if row.items < FEW_ITEMS:
        text += f" Fewer than {FEW_ITEMS} items: a rough guide."
    return text


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
