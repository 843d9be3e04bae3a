"""``teachback run``."""

from __future__ import annotations

import click

from teachback.system.progress import Progress


@click.command()
@click.argument("config", metavar="CONFIG.toml")
@click.option("-o", "--out", metavar="DIR", help="The run folder; unset: runs/NAME-OBJECTIVE-SEED.")
@click.option("--objective", help="Instead of the configuration's.")
@click.option("--seed", type=int, help="Instead of the configuration's.")
@click.option("--overwrite", is_flag=True, help="Begin anew; stored replies stay.")
@click.pass_obj
def run(
    progress: Progress,
    config: str,
    out: str | None,
    objective: str | None,
    seed: int | None,
    overwrite: bool,
) -> None:
    """Generate, select, train and evaluate as CONFIG.toml says; what is done is not redone."""
    from pathlib import Path

    from teachback.cli import show
    from teachback.config import override, read_config
    from teachback.runs import pipeline

    resolved = override(read_config(config), "train", objective=objective, seed=seed)
    train = resolved.train
    folder = Path(out or f"runs/{Path(config).stem}-{train.objective}-{train.seed}")
    outcome = pipeline.run(
        resolved,
        folder,
        overwrite=overwrite,
        progress=progress,
        notice=lambda line: click.echo(line, err=True),
        paid=show.bill,
    )
    if outcome is None:
        click.echo(f"trained, not evaluated (data.test is unset): {folder / 'student'}")
        return
    show.metrics(outcome.metrics, outcome.cost)
    show.labels(outcome.metrics["student"])
    click.echo(f"by default it answers {outcome.way}; all files: {folder}")
