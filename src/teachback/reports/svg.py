"""Charts as inline SVG: lines with bands, points with intervals, one interval around zero.

Colours are classes of the page's style sheet, so that they follow dark mode and print. A
system's looks are its number: colour, dash and marker together, for those who see no colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from teachback.reports.markup import el, join
from teachback.reports.page import Chart, IntervalCell, Mark, Point, Series

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 42
STYLES = 8
"""Colours; a ninth system looks like the first, with the next dash and marker."""

_DASHES = (None, "6 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2", "1 2", "8 2 1 2 1 2")
_SPAN_WIDTH, _SPAN_HEIGHT = 140, 18

Scale = Callable[[float], float]


def chart(drawn: Chart, name: str) -> Markup:
    """``drawn`` as an ``svg`` element; ``name`` makes the ids of its title unique."""
    points = [point for series in drawn.series for point in series.points]
    y_ticks = ticks(*_reach(points, drawn.share))
    low, high = y_ticks[0], y_ticks[-1]
    y = _scale(low, high, HEIGHT - BOTTOM, TOP)
    x_values = sorted({point.x for point in points})
    x, x_ticks = _x_axis(drawn, x_values)
    diagonal = _diagonal(max(x_values[0], low), min(x_values[-1], high), x, y)
    parts = [
        el("title", drawn.title, id=f"{name}-title"),
        el("desc", drawn.description, id=f"{name}-desc"),
        *_frame(drawn, x_ticks, y_ticks, y),
        *([diagonal] if drawn.diagonal else []),
    ]
    if drawn.lines:
        parts += [_band(series, x, y) for series in drawn.series]
    for series in drawn.series:
        parts.append(_line(series, x, y) if drawn.lines else _errors(series, x, y))
        parts += [marker(x(p.x), y(p.y), series.style, series.mark) for p in series.points]
    return el(
        "svg",
        join(parts),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        class_="chart",
    )


def swatch(style: int, lines: bool, mark: Mark) -> Markup:
    """What a series looks like, for the legend; the name stands beside it."""
    line = []
    if lines:
        line.append(_stroke(style, x1=1, y1=8, x2=33, y2=8))
    return el(
        "svg",
        *line,
        marker(17, 8, style, mark),
        viewBox="0 0 34 16",
        class_="swatch",
        aria_hidden="true",
    )


def span(drawn: IntervalCell) -> Markup:
    """An interval around zero, small enough for a table's cell."""
    x = _scale(-drawn.widest, drawn.widest, 4, _SPAN_WIDTH - 4)
    middle = _SPAN_HEIGHT / 2
    low, high = max(drawn.low, -drawn.widest), min(drawn.high, drawn.widest)
    return el(
        "svg",
        el("line", x1=x(0), y1=1, x2=x(0), y2=_SPAN_HEIGHT - 1, class_="zero"),
        el("line", x1=x(low), y1=middle, x2=x(high), y2=middle, class_="interval"),
        el("circle", cx=x(drawn.value), cy=middle, r=3.5, class_="estimate"),
        viewBox=f"0 0 {_SPAN_WIDTH} {_SPAN_HEIGHT}",
        class_="span",
        aria_hidden="true",
    )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers, evenly spaced, from at or below ``low`` to at or above ``high``."""
    if high <= low:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def marker(x: float, y: float, style: int, mark: Mark) -> Markup:
    """A mark whose shape tells the system."""
    look = f"mark s{style % STYLES}"
    if mark == "full":
        return _shape(x, y, style, look)
    outline = _shape(x, y, style, f"{look} hollow")
    if mark == "hollow":
        return outline
    return join([outline, el("circle", cx=x, cy=y, r=1, class_=look)])


def _shape(x: float, y: float, style: int, look: str) -> Markup:
    r = 3.6
    shape = (style + style // STYLES) % 4
    if shape == 0:
        return el("circle", cx=x, cy=y, r=r, class_=look)
    if shape == 1:
        return el(
            "rect", x=x - r + 0.4, y=y - r + 0.4, width=2 * r - 0.8, height=2 * r - 0.8, class_=look
        )
    corners: tuple[tuple[float, float], ...] = ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0))
    if shape == 3:
        corners = ((0, -1.3), (1.2, 0.9), (-1.2, 0.9))
    path = "M" + "L".join(f"{x + r * dx:.1f} {y + r * dy:.1f}" for dx, dy in corners) + "Z"
    return el("path", d=path, class_=look)


def _reach(points: Sequence[Point], share: bool) -> tuple[float, float]:
    values = [v for p in points for v in (p.y, p.low, p.high) if v is not None]
    low, high = min(values), max(values)
    if share:
        # A tenth at least, so that noise does not fill the picture.
        middle = (low + high) / 2
        low, high = min(low, middle - 0.05), max(high, middle + 0.05)
        return max(0.0, low), min(1.0, high)
    return low, high


def _x_axis(drawn: Chart, values: list[float]) -> tuple[Scale, list[tuple[float, str]]]:
    """The scale, and where the ticks stand and what they say."""
    inner = (LEFT + 10, WIDTH - RIGHT - 10)
    if drawn.ticks:
        x = _scale(0, max(len(drawn.ticks) - 1, 1), *inner)
        return x, [(x(number), text) for number, text in enumerate(drawn.ticks)]
    if drawn.log_x:
        low, high = math.log10(values[0]), math.log10(values[-1])
        low, high = low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1)
        logarithmic = _scale(low, high, *inner)

        def x_of(value: float) -> float:
            return logarithmic(math.log10(value))

        return x_of, [(x_of(value), f"{value:,g}") for value in _powers(low, high)]
    x = _scale(values[0], values[-1], *inner)
    if drawn.x_share:
        round_values = (v for v in ticks(values[0], values[-1]) if values[0] <= v <= values[-1])
        return x, [(x(value), f"{100 * value:.6g}") for value in round_values]
    step = max(1, math.ceil(len(values) / 8))
    return x, [(x(value), f"{value:g}") for value in values[::step]]


def _powers(low: float, high: float) -> list[float]:
    """1, 2 or 5 times powers of ten between 10^low and 10^high; fewer where that is wide."""
    factors = (1, 2, 5) if high - low < 2.2 else (1, 3) if high - low < 3.5 else (1,)
    found = [
        factor * 10.0**power
        for power in range(math.floor(low), math.ceil(high) + 1)
        for factor in factors
        if low <= math.log10(factor * 10.0**power) <= high
    ]
    return found or [float(f"{10 ** ((low + high) / 2):.2g}")]


def _frame(
    drawn: Chart, x_ticks: list[tuple[float, str]], y_ticks: list[float], y: Scale
) -> list[Markup]:
    parts = []
    scale = 100 if drawn.share else 1
    for value in y_ticks:
        at = y(value)
        parts.append(el("line", x1=LEFT, y1=at, x2=WIDTH - RIGHT, y2=at, class_="grid"))
        label = f"{scale * value:.6g}"
        parts.append(el("text", label, x=LEFT - 6, y=at + 4, class_="tick", text_anchor="end"))
    bottom = HEIGHT - BOTTOM
    for at, text in x_ticks:
        parts.append(el("line", x1=at, y1=bottom, x2=at, y2=bottom + 4, class_="axis"))
        # About 6 units a character: a long label at the edge moves in.
        centre = min(at, WIDTH - 3.0 * len(text))
        parts.append(el("text", text, x=centre, y=bottom + 16, class_="tick", text_anchor="middle"))
    parts.append(el("line", x1=LEFT, y1=bottom, x2=WIDTH - RIGHT, y2=bottom, class_="axis"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        el("text", drawn.x_label, x=middle, y=HEIGHT - 6, class_="label", text_anchor="middle")
    )
    half = (TOP + bottom) / 2
    parts.append(
        el(
            "text",
            drawn.y_label,
            x=11,
            y=half,
            transform=f"rotate(-90 11 {half:g})",
            class_="label",
            text_anchor="middle",
        )
    )
    return parts


def _diagonal(low: float, high: float, x: Scale, y: Scale) -> Markup:
    """Where x and y are equal, from ``low`` to ``high``."""
    if high <= low:
        return Markup()
    return el("line", x1=x(low), y1=y(low), x2=x(high), y2=y(high), class_="zero")


def _band(series: Series, x: Scale, y: Scale) -> Markup:
    bounded = [
        (x(p.x), y(p.low), y(p.high))
        for p in series.points
        if p.low is not None and p.high is not None
    ]
    if len(bounded) < 2:
        return Markup() if not bounded else _errors(series, x, y)
    there = "L".join(f"{at:.1f} {high:.1f}" for at, _, high in bounded)
    back = "L".join(f"{at:.1f} {low:.1f}" for at, low, _ in reversed(bounded))
    return el("path", d=f"M{there}L{back}Z", class_=f"band s{series.style % STYLES}")


def _line(series: Series, x: Scale, y: Scale) -> Markup:
    path = "M" + "L".join(f"{x(p.x):.1f} {y(p.y):.1f}" for p in series.points)
    return el(
        "path",
        d=path,
        class_=f"line s{series.style % STYLES}",
        stroke_dasharray=_DASHES[(series.style + series.style // STYLES) % len(_DASHES)],
    )


def _errors(series: Series, x: Scale, y: Scale) -> Markup:
    return join(
        el(
            "line",
            x1=x(p.x),
            y1=y(p.low),
            x2=x(p.x),
            y2=y(p.high),
            class_=f"error s{series.style % STYLES}",
        )
        for p in series.points
        if p.low is not None and p.high is not None
    )


def _stroke(style: int, **position: float) -> Markup:
    return el(
        "line",
        class_=f"line s{style % STYLES}",
        stroke_dasharray=_DASHES[(style + style // STYLES) % len(_DASHES)],
        **position,
    )


def _scale(low: float, high: float, first: float, last: float) -> Scale:
    """Linear from [low, high] to [first, last]; the middle where there is one value only."""
    if high <= low:
        return lambda _: (first + last) / 2
    return lambda value: first + (value - low) / (high - low) * (last - first)
