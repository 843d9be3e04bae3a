"""``teachback export`` and ``teachback push``: a student, or training files, for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from teachback.cli.options import (
    INSTRUCTIONS,
    KIND,
    SOURCE,
    default_command,
    kind_in,
    out_option,
    overwrite_option,
    setting,
    settings,
)
from teachback.cli.printing import say
from teachback.export.config import EXPORT_SECTIONS, ExportConfig, WeightType
from teachback.system.progress import Progress

if TYPE_CHECKING:
    from teachback.export.exporting import Exported
    from teachback.export.formats import ExportFormat
    from teachback.export.parity import Parity

_STUDENT = "student"


@click.group(
    cls=default_command(_STUDENT), options_metavar="", subcommand_metavar="STUDENT | COMMAND ..."
)
def export() -> None:
    """Write a trained STUDENT, or training files, for other tools.

    teachback export STUDENT --to merged -o DIR is short for export student STUDENT ….
    """


def _gate(command: Any) -> Any:
    """The options of the parity gate."""
    for key in reversed(ExportConfig.model_fields):
        command = setting("export", key, sections=EXPORT_SECTIONS)(command)
    return click.option(
        "--check",
        metavar="FILE",
        help="Questions that student and export both answer, with gold or without; unset: those "
        "of the run folder's training data, and of its test data where they are too few.",
    )(command)


_WEIGHTS = click.option(
    "--weights",
    type=click.Choice(get_args(WeightType)),
    help="Type of the weights; unset: f32 for merged, f16 for gguf, int8 for openvino.",
)
_ALLOW_DRIFT = click.option(
    "--allow-drift", is_flag=True, help="Write the export even if it drifts beyond the limits."
)
_TEACHER_TERMS = click.option(
    "--teacher-terms",
    metavar="TEXT",
    help="The terms under which the teacher's texts may be used, for the card.",
)


@export.command(_STUDENT)
@click.argument("student", metavar="STUDENT")
@click.option(
    "--to",
    "form",
    type=click.Choice(["merged", "gguf", "openvino"]),
    required=True,
    help="merged: a Hugging Face folder; gguf: a file for llama.cpp and Ollama; openvino: graphs "
    "that teachback serve runs fast on a processor.",
)
@_WEIGHTS
@_gate
@_ALLOW_DRIFT
@_TEACHER_TERMS
@out_option()
@overwrite_option("Replace the export that DIR holds.")
@click.pass_obj
def student(
    progress: Progress,
    /,
    student: str,
    form: ExportFormat,
    out: str,
    **options: Any,
) -> None:
    """Write STUDENT (a folder or reference) for other tools, and check what was written.

    Student and export answer the same questions; where their answers differ by more than the
    limits, nothing is written.
    """
    done = _checked_export(progress, student, form, out, **options)
    say(f"written: {done.folder} ({', '.join(done.names)})")


def _checked_export(
    progress: Progress,
    student: str,
    form: ExportFormat,
    out: str,
    *,
    name: str | None = None,
    teacher_terms: str | None = None,
    weights: WeightType | None,
    check: str | None,
    allow_drift: bool,
    overwrite: bool,
    **options: Any,
) -> Exported:
    """Export and print how student and export compare, whether they agree or drift."""
    from teachback.students.weights import present_student

    config, reference = _config(options), present_student(student)
    from teachback.export.exporting import DriftError, export_student

    try:
        done = export_student(
            reference,
            form,
            Path(out),
            weights=weights,
            check=check,
            config=config,
            allow_drift=allow_drift,
            overwrite=overwrite,
            name=name,
            teacher_terms=teacher_terms,
            progress=progress,
            notice=lambda line: say(line, err=True),
        )
    except DriftError as error:
        _table(error.rows)
        raise
    _outcome(done.parity)
    return done


def _config(options: dict[str, Any]) -> ExportConfig:
    from teachback.config import section

    values = settings(options).get("export", {})
    config: ExportConfig = section("export", values, SOURCE, EXPORT_SECTIONS)
    return config


def _outcome(parity: Parity) -> None:
    from teachback.export.parity import table

    _table(table(parity))
    for problem in parity.problems:
        say(f"allowed: {problem}")


def _table(rows: list[tuple[str, str]]) -> None:
    for name, value in rows:
        say(f"{name}: {value}")


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

    from teachback.config import section
    from teachback.datasets import read_examples
    from teachback.errors import RunFolderError
    from teachback.explaining.session import configured_prompts
    from teachback.export.openai_finetune import openai_finetune as rows_of
    from teachback.files import one_writer, read_explanations, write_jsonl

    goal = Path(out)
    if goal.exists() and not overwrite:
        raise RunFolderError(f"{goal} already exists: choose a different name, or give --overwrite")
    values = settings(options)
    examples = read_examples(data, kind=kind_in(options))
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


@click.command()
@click.argument("student", metavar="STUDENT")
@click.argument("repository", metavar="OWNER/NAME")
@_WEIGHTS
@_gate
@_ALLOW_DRIFT
@_TEACHER_TERMS
@click.option("--public", is_flag=True, help="Let everybody see it; unset: private.")
@click.option("--dry-run", is_flag=True, help="Write DIR, show what would be uploaded, and stop.")
@out_option("The folder that is uploaded; kept.")
@overwrite_option("Replace the export that DIR holds.")
@click.pass_obj
def push(
    progress: Progress,
    /,
    student: str,
    repository: str,
    public: bool,
    dry_run: bool,
    out: str,
    **options: Any,
) -> None:
    """Export STUDENT as a merged model and upload it to the model hub as OWNER/NAME.

    The hub's token is that of its own tools (HF_TOKEN, or hf auth login).
    """
    from teachback.export.pushing import require_repository, upload, upload_list

    require_repository(repository)
    done = _checked_export(progress, student, "merged", out, name=repository, **options)
    for name, size in upload_list(done.folder, done.names):
        say(f"{name}: {size:,} bytes")
    if dry_run:
        say(f"not uploaded (--dry-run); the folder is {done.folder}")
        return
    say(f"uploaded: {upload(done.folder, done.names, repository, private=not public)}")
