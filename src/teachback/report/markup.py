"""HTML in which text cannot become markup: what is no `Markup` is escaped, always.

``el("td", answer)`` escapes ``answer``; only what `el` itself made goes in as it is.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

from teachback.report.text import visible

_VOID = frozenset(("br", "circle", "line", "meta", "path", "rect"))


class Markup(str):
    """HTML that `el` has put together."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Text as HTML, fit for content and for quoted attributes; unseen characters visible."""
    return text if isinstance(text, Markup) else Markup(html.escape(visible(text), quote=True))


def join(parts: Iterable[str | Markup]) -> Markup:
    """The parts one after the other, each escaped unless it is markup."""
    return Markup("".join(map(escape, parts)))


def el(name: str, /, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """An element. ``class_`` is ``class``, ``aria_label`` is ``aria-label``; None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID and not children:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{round(value, 2):g}"
