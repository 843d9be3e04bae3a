"""What the doctor finds, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination; ``needed_for`` says what does not work without it.

    ``missing`` is something that can be installed, repaired or freed; ``info`` is a fact.
    """

    name: str
    state: Literal["ok", "missing", "info"]
    detail: str
    needed_for: str = ""
