"""A page as Markdown (GitHub's tables); charts as the tables of their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
from teachback.reports.text import shortened, visible

MARK = "<!-- teachback report -->"

_SPECIAL = re.compile(r"([\\`*_\[|~$@#])")
_LINKS = re.compile(r"(?i)(://|\bwww\.)")


def markdown_page(page: Page) -> str:
    """The whole file, as text."""
    lines = [MARK, f"# {escaped(page.title)}", "", escaped(page.subtitle), ""]
    for section in page.sections:
        lines += _section(section, 2)
    return "\n".join(lines).rstrip() + "\n"


def escaped(text: str) -> str:
    """``text`` on one line, in which nothing is Markdown, HTML or a link."""
    text = " ".join(visible(text).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\1", text)
    text = _LINKS.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text)
    # What begins a line could make it a list, or the line before it a heading.
    text = re.sub(r"^(?=[-+](\s|$)|=)", r"\\", text)
    return re.sub(r"^(\d+)(?=[.)](\s|$))", r"\1\\", text)


def _section(section: Section, level: int) -> Iterator[str]:
    yield f"{'#' * level} {escaped(section.title)}"
    yield ""
    for block in section.blocks:
        yield from _block(block, level + 1)
    for part in section.parts:
        yield from _section(part, level + 1)


def _block(block: Block, level: int) -> Iterator[str]:
    if isinstance(block, Paragraph):
        text = escaped(block.text)
        yield f"**{text}**" if block.tone in ("shown", "not-shown", "warning") else text
        yield ""
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Chart):
        yield from _table(block.table)
    elif isinstance(block, Verbatim):
        yield f"**{escaped(block.title)}**"
        yield ""
        yield from (f"    {line}" for line in visible(block.text).split("\n"))
        yield ""
    else:
        yield from _disagreement(block, level)


def _table(table: Table) -> Iterator[str]:
    drawn = {
        column
        for row in table.rows
        for column, cell in enumerate(row)
        if isinstance(cell, IntervalCell)
    }
    kept = [column for column in range(len(table.head)) if column not in drawn]
    yield f"**{escaped(table.title)}**"
    yield ""
    yield f"| {' | '.join(escaped(table.head[column]) for column in kept)} |"
    yield f"|{'|'.join('---' if column == kept[0] else '---:' for column in kept)}|"
    for row in table.rows:
        yield f"| {' | '.join(_content(row[column]) for column in kept)} |"
    yield ""
    if table.note:
        yield escaped(table.note)
        yield ""


def _content(content: Content) -> str:
    if isinstance(content, Figure):
        # Words after words need a stop between them; an interval after its number does not.
        link = "; " if content.detail[:1].isalpha() else " "
        return escaped(f"{content.text}{link}{content.detail}" if content.detail else content.text)
    return "" if isinstance(content, IntervalCell) else escaped(content)


def _disagreement(shown: Disagreement, level: int) -> Iterator[str]:
    yield f"{'#' * level} Item {escaped(shown.id)}"
    yield ""
    for text in (shown.context, shown.question):
        if text:
            yield escaped(shortened(text))
            yield ""
    if shown.choices:
        yield f"Choices: {escaped('; '.join(shown.choices))}"
        yield ""
    yield f"Gold answer: {escaped(shortened(shown.gold))}"
    yield ""
    for said in (*shown.said, *shown.others):
        yield from _said(said)
    yield ""


def _said(said: Said) -> Iterator[str]:
    answer = "" if said.answer is None else f"{escaped(shortened(said.answer))} – "
    line = f"- {escaped(said.system)}: {answer}{said.verdict}"
    if said.explanation is not None:
        line += f". Explanation: “{escaped(shortened(said.explanation))}”"
    if said.explained_verdict is not None:
        explained = escaped(shortened(said.explained_answer or ""))
        line += f" Explained answer: {explained} – {said.explained_verdict}"
    yield line
