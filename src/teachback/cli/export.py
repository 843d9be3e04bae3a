"""``teachback export``: files for other tools."""

from __future__ import annotations

from typing import Any

import click

from teachback.cli.options import (
    INSTRUCTIONS,
    KIND,
    SOURCE,
    out_option,
    overwrite_option,
    setting,
    settings,
)
from teachback.cli.printing import say


@click.group()
def export() -> None:
    """Write files for other tools."""


@export.command("openai-finetune")
@click.argument("data", metavar="DATA")
@click.option("--explanations", metavar="FILE", help="explanations.jsonl; unset: answers only.")
@setting("teacher", "exemplars", default="none", metavar="SET")
@INSTRUCTIONS
@KIND
@out_option("The file to write.", metavar="FILE")
@overwrite_option("Replace FILE if it exists.")
def openai_finetune(
    data: str,
    explanations: str | None,
    out: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Write the training file of a hosted fine-tuning API from DATA (chats, JSON lines).

    Answers only, or with --explanations the explanation and then the answer. Evaluate the
    resulting model with teachback evaluate --teacher, which asks in the same words.
    """
    from contextlib import nullcontext
    from pathlib import Path

    from teachback.config import section
    from teachback.datasets import read_examples
    from teachback.errors import RunFolderError
    from teachback.explaining.session import configured_prompts
    from teachback.export.openai_finetune import openai_finetune as rows_of
    from teachback.files import one_writer, read_explanations, write_jsonl

    goal = Path(out)
    if goal.exists() and not overwrite:
        raise RunFolderError(f"{goal} already exists: choose a different name, or --overwrite")
    values = settings(options)
    examples = read_examples(data, kind=values.get("data", {}).get("kind"))
    config = section("teacher", values["teacher"], SOURCE)
    prompts = configured_prompts(config, "chat", examples[0].kind)
    kept = None if explanations is None else read_explanations(explanations)
    found = rows_of(examples, prompts, kept)
    in_run = (goal.parent / "manifest.json").is_file()
    with one_writer(goal.parent) if in_run else nullcontext():
        write_jsonl(goal, found.rows)
    say(f"{goal}: {len(found.rows)} chats from {len(examples)} examples")
    if found.left_out:
        say(f"left out: {found.left_out} examples without an explanation")
    same = "".join(f" --{key} {value}" for key, value in values["teacher"].items())
    say(f"to evaluate the model trained on it: teachback evaluate --teacher openai:MODEL{same} …")
