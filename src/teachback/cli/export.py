"""``teachback export``: files for other tools."""

from __future__ import annotations

import click


@click.group()
def export() -> None:
    """Write files for other tools."""


@export.command("openai-finetune")
@click.argument("data", metavar="DATA")
@click.option("--explanations", metavar="FILE", help="explanations.jsonl; unset: answers only.")
@click.option(
    "--exemplars", default="none", show_default=True, metavar="SET", help="As in generate."
)
@click.option("--instructions", metavar="FILE", help="As in generate.")
@click.option("--kind", metavar="KIND", help="The question kind, if not to be told from DATA.")
@click.option("-o", "--out", required=True, metavar="FILE", help="The file to write.")
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
def openai_finetune(
    data: str,
    explanations: str | None,
    exemplars: str,
    instructions: str | None,
    kind: str | None,
    out: str,
    overwrite: bool,
) -> None:
    """Write the training file of a hosted fine-tuning API from DATA (chats, JSON lines).

    Answers only, or with --explanations the explanation and then the answer. The model that
    comes of it is evaluated with teachback evaluate --teacher, which asks in the same words.
    """
    from pathlib import Path

    from teachback.config import section
    from teachback.datasets import read_examples
    from teachback.errors import RunFolderError
    from teachback.explaining.session import configured_prompts
    from teachback.export.openai_finetune import openai_finetune as rows_of
    from teachback.files import read_explanations, write_jsonl

    goal = Path(out)
    if goal.exists() and not overwrite:
        raise RunFolderError(f"{goal} is there already: choose another name, or --overwrite")
    examples = read_examples(data, kind=kind)
    asked = {"exemplars": exemplars}
    if instructions is not None:
        asked["instructions"] = instructions
    config = section("teacher", asked, "the command's options")
    prompts = configured_prompts(config, "chat", examples[0].kind)
    kept = None if explanations is None else read_explanations(explanations)
    found = rows_of(examples, prompts, kept)
    write_jsonl(goal, found.rows)
    click.echo(f"{goal}: {len(found.rows)} chats from {len(examples)} examples")
    if found.left_out:
        click.echo(f"left out: {found.left_out} examples without an explanation")
    same = f" --exemplars {exemplars}"
    if instructions is not None:
        same += f" --instructions {instructions}"
    click.echo(f"evaluate what learns from it: teachback evaluate --teacher openai:MODEL{same} …")
