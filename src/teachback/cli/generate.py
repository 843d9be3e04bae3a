"""``teachback generate`` and ``teachback select``."""

from __future__ import annotations

from typing import Any

import click

from teachback.cli.options import (
    INSTRUCTIONS,
    KIND,
    SIZE,
    SOURCE,
    asking_options,
    out_option,
    overwrite_option,
    setting,
    settings,
)
from teachback.cli.printing import say
from teachback.references import TEACHER_FORMS
from teachback.system.progress import Progress

_STRATEGY = setting("selection", "strategy")
_CHOOSE = setting("selection", "choose")
_RP_CHECK = setting("selection", "rp_check")
_READING = setting("selection", "reading")
_LANGUAGES = setting("selection", "languages", metavar="LIST")


@click.command()
@click.argument("data", metavar="DATA")
@setting(
    "teacher", "reference", "--teacher", required=True, metavar="REF", help=f"{TEACHER_FORMS}."
)
@_STRATEGY
@KIND
@SIZE
@setting("train", "seed", help="Draws the sample.")
@setting("teacher", "exemplars", metavar="SET")
@INSTRUCTIONS
@setting("teacher", "samples")
@setting("teacher", "temperature")
@asking_options()
@click.option(
    "--dry-run", is_flag=True, help="Only estimate requests, tokens and cost; ask nothing."
)
@click.option(
    "--pilot",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ask about a seeded sample of N examples, and estimate what all of them would take.",
)
@_CHOOSE
@_RP_CHECK
@_READING
@_LANGUAGES
@out_option("The folder to write (with --dry-run: to read).", required=False)
@overwrite_option("Start over; stored replies are kept.")
@click.pass_obj
def generate(
    progress: Progress,
    /,
    data: str,
    out: str | None,
    overwrite: bool,
    dry_run: bool,
    pilot: int | None,
    **options: Any,
) -> None:
    """Ask a teacher for explanations of DATA and select from its replies.

    Every reply is stored as it arrives; the same command again asks only for what is missing,
    and with a higher --max-cost or more --samples only for the difference.
    """
    from pathlib import Path

    from teachback.cli import show
    from teachback.config import parse_config, read_alike
    from teachback.runs import explanations

    if dry_run and pilot:
        raise click.UsageError("--dry-run asks nothing and --pilot asks: give only one of them")
    if out is None and not dry_run:
        raise click.UsageError("Missing option '-o' / '--out'.")

    values = settings(options)
    values.setdefault("data", {})["train"] = data
    values = read_alike(values, values["selection"])
    config = parse_config(values, source=SOURCE, folder=Path.cwd())
    if out is None or dry_run:
        found = explanations.estimate_cost(config, Path(out) if out else None)
        show.cost_estimate(found, config, asked=0)
        return
    folder = Path(out)
    if pilot:
        found = explanations.ask_pilot(
            config, folder, pilot, overwrite=overwrite, progress=progress
        )
        show.cost_estimate(found, config, asked=pilot)
        return
    outcome = explanations.explain(config, folder, overwrite=overwrite, progress=progress)
    show.selection(outcome.summary, outcome.generation)
    for change in outcome.changes:
        say(f"note: {change}")
    if outcome.bill is not None:
        show.bill(outcome.bill, outcome.summary.kept)
    say(f"written: {folder / 'explanations.jsonl'}")


@click.command()
@click.argument("source", metavar="DIR")
@_STRATEGY
@_CHOOSE
@_RP_CHECK
@_READING
@_LANGUAGES
@out_option(metavar="DIR2")
@overwrite_option("Replace what DIR2 holds.")
def select(source: str, out: str, overwrite: bool, **options: Any) -> None:
    """Select explanations again from the store of DIR, by any strategy, asking no teacher."""
    from pathlib import Path

    from teachback.cli import show
    from teachback.config import override, read_config
    from teachback.errors import RunFolderError
    from teachback.runs import explanations

    if not (Path(source) / "config.toml").is_file():
        raise RunFolderError(f"{source}: this is not a folder that teachback generate wrote")
    config = read_config(Path(source) / "config.toml", anchored=False)
    config = override(config, "selection", **settings(options)["selection"])
    outcome = explanations.select_again(config, Path(source), Path(out), overwrite=overwrite)
    show.selection(outcome.summary)
    say(f"written: {Path(out) / 'explanations.jsonl'}")
