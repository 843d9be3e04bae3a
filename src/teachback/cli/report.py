"""``teachback report``."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from teachback.cli.printing import emit, say

if TYPE_CHECKING:
    from teachback.reports import Format


@click.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "csv"]),
    default="html",
    show_default=True,
    help="A page to read, the same page in Markdown, or a table with a row per cell.",
)
@click.option(
    "-o", "--out", metavar="FILE", help="File to write; unset: DIR/report.FORMAT; -: print it."
)
def report(folder: str, form: str, out: str | None) -> None:
    """Report on the study in DIR: verdict, tables, curves, costs, examples.

    The HTML file is self-contained. A study that is still running, or has failed cells, gets a
    report that says so.
    """
    from teachback import reports as reporting

    wanted = cast("Format", form)
    if out == "-":
        emit(reporting.report(folder, wanted))
        return
    say(f"written: {reporting.write_report(folder, wanted, out)}")
