"""A page as one self-contained HTML file: no script, no request, no attribute of style.

The content security policy allows the one style sheet by its hash and nothing else, so that
even markup that got past the escaping could load and run nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from teachback.formatting import NOTHING
from teachback.reports import svg
from teachback.reports.markup import el, join
from teachback.reports.page import (
    Block,
    Chart,
    Content,
    Disagreement,
    Figure,
    IntervalCell,
    Page,
    Paragraph,
    Said,
    Section,
    Table,
    Verbatim,
)
from teachback.reports.style import STYLE
from teachback.reports.text import shortened

MARK = Markup('<meta name="generator" content="teachback report"/>')
"""Stands in every report, so that a new one may take the place of an old one."""

_LONGEST_NUMBER = 16
"""A table's cell with more characters than this is words, whatever it begins with."""


def html_page(page: Page) -> str:
    """The whole file, as text."""
    writer = _Writer()
    sections = [writer.section(section, 2) for section in page.sections]
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        MARK,
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", page.title),
        el("style", STYLE),
    )
    contents = el(
        "nav",
        el(
            "ul",
            *(
                el("li", el("a", section.title, href=f"#part-{number}"))
                for number, section in enumerate(page.sections, 1)
            ),
        ),
        aria_label="Contents",
    )
    body = el(
        "body",
        el("header", el("h1", _own(page.title)), el("p", _own(page.subtitle), class_="subtitle")),
        contents,
        el("main", *sections),
    )
    return f"<!DOCTYPE html>\n{el('html', head, body, lang='en')}\n"


class _Writer:
    """Numbers sections, charts and tables, so that each has an id of its own."""

    def __init__(self) -> None:
        self._sections = 0
        self._charts = 0
        self._tables = 0

    def section(self, section: Section, level: int) -> Markup:
        title = el(f"h{level}", _own(section.title))
        inner = [*self._blocks(section.blocks, level + 1)]
        inner += [self.section(part, level + 1) for part in section.parts]
        name = None
        if level == 2:
            self._sections += 1
            name = f"part-{self._sections}"
        if section.folded:
            return el("details", el("summary", title), *inner, class_="part")
        return el("section", title, *inner, id=name)

    def _blocks(self, blocks: Sequence[Block], level: int) -> Iterator[Markup]:
        """Charts that follow one another stand side by side where there is room."""
        charts: list[Markup] = []
        lead = True
        for block in blocks:
            if isinstance(block, Chart):
                charts.append(self._chart(block))
                continue
            if charts:
                yield el("div", *charts, class_="charts")
                charts = []
            if isinstance(block, Paragraph):
                verdict = block.tone in ("shown", "not-shown")
                yield _paragraph(block, lead=lead and verdict)
                lead = lead and not verdict
            elif isinstance(block, Table):
                yield _table(block, self._table_name())
            elif isinstance(block, Disagreement):
                yield _disagreement(block, level)
            elif isinstance(block, Verbatim):
                yield _verbatim(block)
        if charts:
            yield el("div", *charts, class_="charts")

    def _chart(self, chart: Chart) -> Markup:
        self._charts += 1
        legend = el(
            "ul",
            *(
                el("li", svg.swatch(one.style, chart.lines, one.mark), _own(one.name))
                for one in chart.series
            ),
            class_="legend",
        )
        return el(
            "figure",
            el("figcaption", _own(chart.title)),
            legend,
            svg.chart(chart, f"chart-{self._charts}"),
            _table(chart.table, self._table_name(), "Numbers of this chart"),
        )

    def _table_name(self) -> str:
        self._tables += 1
        return f"table-{self._tables}"


def _own(text: str) -> Markup:
    """Text of foreign origin, kept from turning the text beside it around."""
    return el("bdi", text)


def _paragraph(block: Paragraph, *, lead: bool) -> Markup:
    look = None if block.tone == "plain" else block.tone
    return el("p", _own(block.text), class_=f"{look} lead" if lead else look)


def _table(table: Table, name: str, opener: str | None = None) -> Markup:
    """A table under its title, which stays in sight while the table scrolls in its box."""
    words = [_is_words(table, column) for column in range(len(table.head))]
    head = el(
        "tr",
        *(
            el("th", _own(name), scope="col", class_="words" if words[column] else None)
            for column, name in enumerate(table.head)
        ),
    )
    rows = [
        el(
            "tr",
            el("th", _content(row[0]), scope="row"),
            *(
                el("td", _content(cell), class_="words" if words[column] else None)
                for column, cell in enumerate(row[1:], 1)
            ),
        )
        for row in table.rows
    ]
    title = _own(table.title)
    whole = el("table", el("thead", head), el("tbody", *rows), aria_labelledby=name)
    # A box that scrolls can be reached and scrolled by keyboard, and says what it is.
    box = el("div", whole, class_="scroll", tabindex="0", role="region", aria_labelledby=name)
    notes = " ".join(filter(None, (table.note, table.legend)))
    parts = [box, el("p", _own(notes), class_="note")] if notes else [box]
    if table.folded:
        summary = el("summary", el("span", opener or title, id=name))
        return el("details", summary, *parts)
    return el("figure", el("figcaption", title, id=name), *parts, class_="table")


def _is_words(table: Table, column: int) -> bool:
    """Whether a column holds words, to be read from the left, rather than numbers."""
    cells = [row[column] for row in table.rows if not isinstance(row[column], IntervalCell)]
    texts = [cell.text if isinstance(cell, Figure) else str(cell) for cell in cells]
    texts = [text for text in texts if text != NOTHING]
    if any(len(text) > _LONGEST_NUMBER for text in texts):
        return True
    return bool(texts) and not any(any(map(str.isdigit, text[:3])) for text in texts)


def _content(content: Content) -> Markup:
    if isinstance(content, Figure):
        if not content.detail:
            return _own(content.text)
        return join([_own(content.text), " ", el("span", _own(content.detail), class_="detail")])
    return svg.span(content) if isinstance(content, IntervalCell) else _own(content)


def _verbatim(block: Verbatim) -> Markup:
    return el("details", el("summary", _own(block.title)), el("pre", block.text, tabindex="0"))


def _disagreement(shown: Disagreement, level: int) -> Markup:
    parts = [el(f"h{level}", "Item ", _own(shown.id))]
    if shown.context:
        parts.append(el("p", _own(shortened(shown.context))))
    if shown.question:
        parts.append(el("p", _own(shortened(shown.question))))
    if shown.choices:
        parts.append(
            el(
                "ul",
                *(
                    el("li", _own(shortened(c)), class_="gold" if c == shown.gold else None)
                    for c in shown.choices
                ),
                class_="choices",
            )
        )
    parts.append(el("p", "Gold answer: ", el("strong", _own(shortened(shown.gold)))))
    parts.append(el("div", *(_said(said, level + 1) for said in shown.said), class_="said"))
    if shown.others:
        items: list[str] = []
        for other in shown.others:
            items += ["; " if items else "Others: ", _own(other.system), ": "]
            items += _answer(other.answer, other.verdict)
        parts.append(el("p", *items, ".", class_="note"))
    return el("article", *parts, class_="example")


def _said(said: Said, level: int) -> Markup:
    parts = [
        el(f"h{level}", _own(said.system)),
        el("p", "Answer: ", *_answer(said.answer, said.verdict)),
    ]
    if said.explanation is not None:
        text = shortened(said.explanation) if said.explanation.strip() else "(empty)"
        parts.append(el("blockquote", _own(text)))
    if said.explained_verdict is not None:
        answer = _answer(said.explained_answer, said.explained_verdict)
        parts.append(el("p", "Explained answer: ", *answer))
    return el("div", *parts)


def _answer(answer: str | None, verdict: str) -> tuple[str, ...]:
    if answer is None:
        return (el("span", verdict, class_=verdict),)
    return (_own(shortened(answer)), " – ", el("span", verdict, class_=verdict))
