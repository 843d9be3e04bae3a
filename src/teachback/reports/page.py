"""What a report consists of, whatever it is written as: sections of paragraphs, tables, charts.

Plain text everywhere: no part of a page is markup, so that only the writers
(:mod:`teachback.reports.html`, :mod:`teachback.reports.markdown`) can escape, and must.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from teachback.formatting import NOTHING

Tone = Literal["plain", "note", "warning", "shown", "not-shown"]
"""What a paragraph is: ``shown`` and ``not-shown`` are verdicts."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Figure:
    """A table's cell with a number: its value, and its interval and n beside it."""

    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class IntervalCell:
    """A table's cell with an interval to be drawn around zero: shares in [-1, 1]."""

    value: float
    low: float
    high: float
    widest: float
    """What the drawing reaches to on either side; one for a whole table."""


Content = str | Figure | IntervalCell


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` as long as ``head``; the first column heads its row. ``note`` stands below, and
    ``legend``, what its drawings mean, where they are drawn.

    A ``folded`` table is opened by a click, for what few will want to see.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Content, ...], ...]
    note: str = ""
    folded: bool = False
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a chart; ``low`` and ``high`` bound its band, where there is one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


Mark = Literal["full", "hollow", "dotted"]
"""A point's mark: filled, an outline, an outline with a dot in it."""


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart, or the points of one system; ``style`` numbers its looks from 0, and
    ``mark`` tells apart what is of one system."""

    name: str
    points: tuple[Point, ...]
    style: int
    mark: Mark = "full"


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines with bands, or (``lines`` False) points alone.

    ``ticks`` names positions on the x axis, where it is not a plain axis of numbers;
    ``share``: y is a share, shown in per cent; ``x_share``: x is one, too. ``diagonal``: a thin
    line where both are equal. ``table`` has the chart's numbers.
    """

    title: str
    description: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    table: Table
    ticks: tuple[str, ...] = ()
    share: bool = True
    lines: bool = True
    log_x: bool = False
    x_share: bool = False
    diagonal: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What one system said about an example, and whether that was right."""

    system: str
    answer: str | None
    verdict: str
    explanation: str | None
    explained_answer: str | None
    explained_verdict: str | None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One example about which two systems disagree, and what they said; ``others``, in brief."""

    id: str
    question: str | None
    context: str | None
    choices: tuple[str, ...]
    gold: str
    said: tuple[Said, ...]
    others: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A text as it is, under a title: a configuration."""

    title: str
    text: str


Block = Paragraph | Table | Chart | Disagreement | Verbatim


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report. ``folded`` parts are opened by a click."""

    title: str
    blocks: tuple[Block, ...]
    parts: tuple[Section, ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    subtitle: str
    sections: tuple[Section, ...]


def numbers_of(
    title: str, x_label: str, series: tuple[Series, ...], written: dict[float, str], share: bool
) -> Table:
    """A chart's numbers: a row for each x, named by ``written``, a column for each series."""
    scale = 100 if share else 1
    rows = []
    for x, name in written.items():
        row: list[Content] = [name]
        for one in series:
            at = next((p for p in one.points if p.x == x), None)
            if at is None:
                row.append(NOTHING)
            else:
                band = (
                    ""
                    if at.low is None or at.high is None
                    else f"[{scale * at.low:.4g}, {scale * at.high:.4g}]"
                )
                row.append(Figure(f"{scale * at.y:.4g}", band))
        rows.append(tuple(row))
    return Table(title, (x_label, *(one.name for one in series)), tuple(rows), folded=True)
