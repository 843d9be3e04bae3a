"""Whether progress is shown, and where."""

from __future__ import annotations

import sys

from teachback.system import launch
from teachback.system.notebook import in_notebook
from teachback.system.progress import SILENT, Notice, Progress, no_notice
from teachback.system.terminal import visible


def progress_of(wanted: bool | None) -> Progress:
    """Where progress goes. None: it is shown in a notebook and on a terminal, and nowhere else."""
    notebook = in_notebook()
    if wanted is None:
        wanted = notebook or sys.stderr.isatty()
    if not wanted or not launch.is_first():
        return SILENT
    # What stands on stderr looks like an error in a notebook.
    return Progress(sys.stdout if notebook else sys.stderr)


def notice_of(progress: Progress) -> Notice:
    """Says what there is to say where ``progress`` is shown."""
    stream = progress.stream
    if stream is None:
        return no_notice

    def notice(line: str) -> None:
        stream.write(f"{visible(line)}\n")
        stream.flush()

    return notice
