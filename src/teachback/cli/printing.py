"""The one way to the terminal: whatever a command says goes through `say` or `emit`."""

from __future__ import annotations

import click

from teachback.system.terminal import visible


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line for people; what would command their terminal is shown instead."""
    click.echo(visible(text), err=err)


def emit(text: str) -> None:
    """Print what a program reads, JSON or a file's content, exactly as it is."""
    click.echo(text, nl=False)
