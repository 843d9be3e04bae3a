"""``teachback generate`` and ``teachback select``."""

from __future__ import annotations

from typing import Any

import click

from teachback.system.progress import Progress

_STRATEGY = click.option(
    "--strategy",
    type=click.Choice(["cote", "rp", "crop"]),
    default="crop",
    show_default=True,
    help="cote: explain, then answer; rp: explain the given answer; crop: cote, else rp.",
)
_CHOOSE = click.option(
    "--choose",
    type=click.Choice(["first", "all", "shortest", "agreed"]),
    default="first",
    show_default=True,
    help="Which of several right replies are kept.",
)
_RP_CHECK = click.option(
    "--rp-check/--no-rp-check",
    default=True,
    help="Reject an rp reply that concludes otherwise than gold.",
)
_SYSTEM = "fold: instructions go into the first user turn, for models without a system turn."
_OVERWRITE = click.option("--overwrite", is_flag=True, help="Begin anew; stored replies stay.")


@click.command()
@click.argument("data", metavar="DATA")
@click.option(
    "--teacher",
    required=True,
    metavar="REF",
    help="openai:MODEL[@http://host/v1], gguf:FILE, pypi:NAME or recorded:FILE[,FILE…].",
)
@_STRATEGY
@click.option("--kind", metavar="KIND", help="The question kind, if not to be told from DATA.")
@click.option("--size", metavar="N", help="A seeded sample: a count, or a fraction like 0.1.")
@click.option("--seed", default=0, show_default=True, help="Draws the sample.")
@click.option(
    "--exemplars",
    default="auto",
    show_default=True,
    metavar="SET",
    help="auto, none, a built-in set's name, or a file.",
)
@click.option("--instructions", metavar="FILE", help="Text to precede every prompt (a policy).")
@click.option(
    "--form", type=click.Choice(["auto", "chat", "text"]), default="auto", help="The prompt form."
)
@click.option("--samples", default=1, show_default=True, help="Replies asked for per prompt.")
@click.option("--temperature", default=0.0, show_default=True, help="Sampling temperature.")
@click.option("--max-tokens", default=512, show_default=True, help="Longest reply.")
@click.option("--concurrency", default=32, show_default=True, help="Most requests at once.")
@click.option("--system", type=click.Choice(["turn", "fold"]), default="turn", help=_SYSTEM)
@click.option("--max-cost", type=float, metavar="USD", help="Stop before more is spent, ever.")
@click.option("--prices", metavar="FILE", help="Prices over the built-in ones (TOML or JSON).")
@click.option("--dry-run", is_flag=True, help="Only say what it would take; asks nothing.")
@click.option(
    "--pilot",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ask N examples, a seeded sample, and say what all would take.",
)
@_CHOOSE
@_RP_CHECK
@click.option("-o", "--out", metavar="DIR", help="The folder to write (--dry-run: to read).")
@_OVERWRITE
@click.pass_obj
def generate(
    progress: Progress, /, data: str, out: str | None, overwrite: bool, **options: Any
) -> None:
    """Ask a teacher for explanations of DATA and select from its replies.

    Every reply is stored as it arrives; the same command again asks only for what is missing, and
    a higher --max-cost or larger --samples asks only the difference.
    """
    from pathlib import Path

    from teachback.cli import show
    from teachback.config import parse_config
    from teachback.runs import explanations

    dry, size = options["dry_run"], options["pilot"]
    if dry and size:
        raise click.UsageError("--dry-run asks nothing and --pilot asks: give one of them")
    if out is None and not dry:
        raise click.UsageError("Missing option '-o' / '--out'.")

    config = parse_config(
        {
            "data": _given(train=data, kind=options["kind"], size=_size(options["size"])),
            "teacher": _given(
                reference=options["teacher"],
                exemplars=options["exemplars"],
                instructions=options["instructions"],
                form=options["form"],
                temperature=options["temperature"],
                max_tokens=options["max_tokens"],
                samples=options["samples"],
                concurrency=options["concurrency"],
                system=options["system"],
                max_cost=options["max_cost"],
                prices=options["prices"],
            ),
            "selection": {
                "strategy": options["strategy"],
                "choose": options["choose"],
                "rp_check": options["rp_check"],
            },
            "train": {"seed": options["seed"]},
        },
        source="the command's options",
        folder=Path.cwd(),
    )
    if out is None or dry:
        found = explanations.estimate_cost(config, Path(out) if out else None)
        show.cost_estimate(found, config, asked=0)
        return
    folder = Path(out)
    if size:
        found = explanations.ask_pilot(config, folder, size, overwrite=overwrite, progress=progress)
        show.cost_estimate(found, config, asked=size)
        return
    outcome = explanations.explain(config, folder, overwrite=overwrite, progress=progress)
    show.selection(outcome.summary, outcome.generation)
    if outcome.bill is not None:
        show.bill(outcome.bill, outcome.summary.kept)
    click.echo(f"written: {folder / 'explanations.jsonl'}")


@click.command()
@click.argument("source", metavar="DIR")
@_STRATEGY
@_CHOOSE
@_RP_CHECK
@click.option("-o", "--out", required=True, metavar="DIR2", help="The folder to write.")
@click.option("--overwrite", is_flag=True, help="Replace what DIR2 holds.")
def select(
    source: str, strategy: str, choose: str, rp_check: bool, out: str, overwrite: bool
) -> None:
    """Select explanations anew from the store of DIR, by any strategy, without a call."""
    from pathlib import Path

    from teachback.cli import show
    from teachback.config import read_config
    from teachback.errors import RunFolderError
    from teachback.runs import explanations

    if not (Path(source) / "config.toml").is_file():
        raise RunFolderError(f"{source}: not a folder that teachback generate wrote")
    config = read_config(Path(source) / "config.toml", anchored=False)
    chosen = config.selection.model_copy(
        update={"strategy": strategy, "choose": choose, "rp_check": rp_check}
    )
    config = config.model_copy(update={"selection": chosen})
    outcome = explanations.select_anew(config, Path(source), Path(out), overwrite=overwrite)
    show.selection(outcome.summary)
    click.echo(f"written: {Path(out) / 'explanations.jsonl'}")


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _size(text: str | None) -> int | float | None:
    """A count, or a fraction with a point in it."""
    if text is None:
        return None
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither a count nor a fraction", param_hint="--size"
        ) from None
