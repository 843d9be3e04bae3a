"""Standard input, output and error, whatever state the command finds them in."""

from __future__ import annotations

import io
import os
import sys


def prepare() -> None:
    """Make sure that there are three: where one is closed, nothing is read or written.

    Else the next file that is opened would get its number, and what is printed would land in it.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character shows a "?", rather than ending the command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def leave() -> None:
    """Flush standard output; where it cannot be written, Python's own flush at the end must not
    complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
