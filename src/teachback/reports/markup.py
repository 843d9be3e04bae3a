"""HTML elements in which text cannot become markup: MarkupSafe escapes what is no `Markup`.

``el("td", answer)`` escapes ``answer``; only what `el` itself made goes in as it is. Escaping
also makes characters visible that cannot be seen or that turn other text around, which
MarkupSafe leaves alone: so text goes through `escape` here, never straight through MarkupSafe.
"""

from __future__ import annotations

from collections.abc import Iterable

import markupsafe
from markupsafe import Markup

from teachback.reports.text import visible

_VOID = frozenset(("br", "circle", "line", "meta", "path", "rect"))


def escape(text: str) -> Markup:
    """Text as HTML, fit for content and for quoted attributes; unseen characters visible."""
    return text if isinstance(text, Markup) else markupsafe.escape(visible(text))


def join(parts: Iterable[str]) -> Markup:
    """The parts one after the other, each escaped unless it is markup."""
    return Markup("").join(map(escape, parts))


def el(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """An element. ``class_`` is ``class``, ``aria_label`` is ``aria-label``; None is left out."""
    written = join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), escape(_text(value)))
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID and not children:
        return Markup("<{}{}/>").format(name, written)
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, join(children))


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{round(value, 2):g}"
