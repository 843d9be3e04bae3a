"""What a terminal may be sent: texts of models, servers and files cannot command it."""

from __future__ import annotations

import re

_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u2028\u2029"  # separators that some take for line ends
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # change the direction of what follows
    "\ud800-\udfff]"  # halves of pairs, and bytes of names that are not UTF-8
)


def visible(text: str) -> str:
    """``text`` with every character that a terminal would obey, or show as something else, as
    its escape in Python (``\\x1b``); line feeds and tabs stay."""
    return _COMMANDS.sub(lambda found: ascii(found.group())[1:-1], text)
