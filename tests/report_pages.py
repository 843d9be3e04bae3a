"""Reading a report as a person would: its tables by title, its headings, its text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "line", "circle", "rect", "path"}


class Page(HTMLParser):
    """What an HTML report holds. ``open`` must be empty at the end: every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.headings: list[tuple[int, str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.captions: list[str] = []
        self.paragraphs: list[tuple[str, str]] = []
        self.open: list[str] = []
        self._names: dict[str, str] = {}
        self._ids: list[tuple[str, int]] = []
        self._pieces: list[str] = []
        self._starts: list[int] = []
        self._table = ""
        self._labels: list[str] = []
        self.feed(text)
        self.close()

    @property
    def text(self) -> str:
        return spaced("".join(self._pieces))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag in VOID:
            return
        self.open.append(tag)
        self._starts.append(len(self._pieces))
        self._labels.append(found.get("id") or "")
        if tag == "table":
            self._table = self._names.get(found.get("aria-labelledby") or "", "?")
            while self._table in self.tables:
                self._table += "'"
            self.tables[self._table] = []
        if tag == "tr":
            self.tables[self._table].append([])
        if tag == "p":
            self.paragraphs.append((found.get("class") or "", ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag
        own = spaced("".join(self._pieces[self._starts.pop() :]))
        label = self._labels.pop()
        if label:
            self._names[label] = own
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append((int(tag[1]), own))
        if tag == "figcaption":
            self.captions.append(own)
        if tag in ("td", "th"):
            self.tables[self._table][-1].append(own)
        if tag == "p":
            self.paragraphs[-1] = (self.paragraphs[-1][0], own)

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)

    def column(self, table: str, head: str) -> dict[str, str]:
        """A table's column by its rows' names."""
        rows = self.tables[table]
        at = rows[0].index(head)
        return {row[0]: row[at] for row in rows[1:]}


def spaced(text: str) -> str:
    return " ".join(text.split())
