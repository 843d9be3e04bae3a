"""How numbers are written, and how text that a model or a file gave is made safe to show.

Escaping for HTML or Markdown is the writer's business; what is done here is the same for
both: characters that cannot be seen, or that turn other text around, become visible.
"""

from __future__ import annotations

import re

from teachback.formatting import NOTHING, percent

LONGEST = 2000
"""More characters of one explanation are not shown; how many were left out is."""

# Control characters but for tab and newline, halves of surrogate pairs, the characters that
# change the direction of what follows, line separators and what is no character at all.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """``text`` with each unseen or direction-changing character as its code, ``[U+202E]``."""
    return _UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text.replace("\r\n", "\n"))


def shortened(text: str, longest: int = LONGEST) -> str:
    """``text`` cut after ``longest`` characters, saying how many more there were."""
    left = len(text) - longest
    return text if left <= 0 else f"{text[:longest]}… ({left:,} more characters)"


def percent_interval(low: float, high: float) -> str:
    """An interval of shares in per cent, in brackets, not to be broken over lines."""
    return f"[{percent(low)},\xa0{percent(high)}]"


def amount(number: float | None) -> str:
    """A number of any size: whole from 100, else three digits."""
    if number is None:
        return NOTHING
    return f"{number:,.0f}" if abs(number) >= 100 or number == 0 else f"{number:.3g}"


def hours(seconds: float | None) -> str:
    """Seconds as hours, or as minutes or seconds where that would be nearly nothing."""
    if seconds is None:
        return NOTHING
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def size_name(size: float | None) -> str:
    """A training size: all rows, a count, or a fraction in per cent.

    As in ``data.size``, a number that is whole in the file is a count, another a fraction.
    """
    if size is None:
        return "all"
    return f"{100 * size:g}%" if isinstance(size, float) else f"{size:,}"
