"""``teachback train``."""

from __future__ import annotations

from typing import Any, get_args

import click

from teachback.records import Objective
from teachback.system.progress import Progress


@click.command()
@click.argument("data", metavar="DATA")
@click.option("--explanations", metavar="FILE", help="explanations.jsonl (not needed for st).")
@click.option(
    "--student",
    default="pypi:gemma-3-270m",
    show_default=True,
    metavar="REF",
    help="hf:owner/name, a folder, gguf:FILE or pypi:NAME.",
)
@click.option(
    "--objective",
    type=click.Choice(get_args(Objective)),
    default="mt-cot",
    show_default=True,
)
@click.option("--alpha", default=0.5, show_default=True, help="Weight of the answer task.")
@click.option("--permute", is_flag=True, help="Control: explanations of other examples.")
@click.option("--kind", metavar="KIND", help="The question kind, if not to be told from DATA.")
@click.option("--size", metavar="N", help="A seeded sample: a count, or a fraction like 0.1.")
@click.option("--seed", default=0, show_default=True)
@click.option("--epochs", default=3.0, show_default=True)
@click.option("--batch-size", default=16, show_default=True, help="Examples per step.")
@click.option("--token-budget", default=2048, show_default=True, help="Tokens computed at once.")
@click.option(
    "--length-window", default=1, show_default=True, help="Batches sorted by length together."
)
@click.option("--gradient-checkpointing", is_flag=True, help="Less memory, more time.")
@click.option("--learning-rate", type=float, help="Peak; unset: by family, see docs/config.md.")
@click.option("--patience", type=int, default=2, show_default=True, help="0: never stop early.")
@click.option("--lora", is_flag=True, help="Train a LoRA adapter instead of all weights.")
@click.option("--lora-rank", default=16, show_default=True)
@click.option(
    "--answer-format",
    type=click.Choice(["letter", "text", "both"]),
    default="text",
    show_default=True,
    help="How choices are answered; one setting for all compared.",
)
@click.option("--task-marker", type=click.Choice(["decoder", "encoder"]), default="decoder")
@click.option("--max-source-tokens", default=512, show_default=True)
@click.option("--max-target-tokens", default=256, show_default=True)
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), default="auto")
@click.option(
    "--memory-check/--no-memory-check", default=True, help="Begin only where memory seems enough."
)
@click.option("-o", "--out", required=True, metavar="DIR", help="The folder to write.")
@click.option("--overwrite", is_flag=True, help="Replace the student that DIR holds.")
@click.pass_obj
def train(
    progress: Progress,
    /,
    data: str,
    explanations: str | None,
    out: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Train a student on DATA and the teacher's explanations.

    A part of DATA (valid) is kept apart to choose the epoch and the way of answering. A run
    that was stopped goes on from its last checkpoint when the command is given again.
    """
    from pathlib import Path

    from teachback.cli.generate import _given, _size
    from teachback.config import parse_config
    from teachback.errors import DataError
    from teachback.files import read_explanations
    from teachback.runs import pipeline
    from teachback.students.weights import resolve
    from teachback.system import launch

    student_keys = (
        "precision",
        "task_marker",
        "answer_format",
        "max_source_tokens",
        "max_target_tokens",
    )
    train_keys = (
        "objective",
        "alpha",
        "permute",
        "seed",
        "epochs",
        "batch_size",
        "token_budget",
        "length_window",
        "gradient_checkpointing",
        "memory_check",
        "learning_rate",
        "patience",
        "lora",
        "lora_rank",
    )
    with pipeline.together():
        values = {
            "data": _given(train=data, kind=options["kind"], size=_size(options["size"])),
            "student": {"reference": options["student"], **{k: options[k] for k in student_keys}},
            "train": _given(**{k: options[k] for k in train_keys}),
        }
        config = parse_config(values, source="the command's options", folder=Path.cwd())
        if options["objective"] != "st" and explanations is None:
            raise DataError(
                f"{options['objective']} learns from explanations: give --explanations FILE "
                "(teachback generate writes one)"
            )
        kept = read_explanations(explanations) if explanations else []
        folder = Path(out)
        examples = pipeline.training_part(config)
        pipeline.check_student(config.student.reference, resolve(config.student.reference).adapter)
        inputs = {"explanations": Path(explanations)} if explanations else {}
        if launch.is_first():
            pipeline.begin_folder(config, folder, overwrite=overwrite, inputs=inputs)
    result = pipeline.train_student(
        config,
        folder,
        kept,
        examples=examples,
        overwrite=overwrite,
        progress=progress,
        notice=lambda line: click.echo(line, err=True),
    )
    if not launch.is_first():
        return
    for entry in result.history:
        accuracy = f", valid accuracy {entry['accuracy']:.3f}" if "accuracy" in entry else ""
        click.echo(f"epoch {entry['epoch']:g}: valid loss {entry['loss']:.4f}{accuracy}")
    if result.student.card.valid:
        parts = [f"{way} {value:.3f}" for way, value in result.student.card.valid.items()]
        click.echo(f"on valid: {', '.join(parts)}; it answers {result.student.card.way} by default")
    click.echo(f"trained in {result.seconds:.0f} s; written: {result.folder}")
