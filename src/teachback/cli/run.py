"""``teachback run``."""

from __future__ import annotations

from typing import Any

import click

from teachback.cli.options import out_option, overwrite_option, setting, settings
from teachback.cli.printing import say
from teachback.system.progress import Progress


@click.command()
@click.argument("config", metavar="CONFIG.toml")
@out_option("The run folder; unset: runs/NAME-OBJECTIVE-SEED.", required=False)
@setting("train", "objective", overrides=True, help="Instead of the configuration's.")
@setting("train", "seed", overrides=True, help="Instead of the configuration's.")
@overwrite_option("Start over; stored replies are kept.")
@click.pass_obj
def run(
    progress: Progress,
    /,
    config: str,
    out: str | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Generate, select, train and evaluate as CONFIG.toml says; what is done is not done again."""
    from pathlib import Path

    from teachback.cli import show
    from teachback.config import override, read_config
    from teachback.runs import pipeline

    resolved = override(read_config(config), "train", **settings(options).get("train", {}))
    train = resolved.train
    folder = Path(out or f"runs/{Path(config).stem}-{train.objective}-{train.seed}")
    outcome = pipeline.run(
        resolved,
        folder,
        overwrite=overwrite,
        progress=progress,
        notice=lambda line: say(line, err=True),
        paid=show.bill,
    )
    if outcome is None:
        say(f"trained, not evaluated (data.test is unset): {folder / 'student'}")
        return
    show.metrics(outcome.metrics, outcome.cost)
    show.labels(outcome.metrics["student"])
    say(f"default way: {outcome.way}; all files: {folder}")
