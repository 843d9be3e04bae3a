"""``teachback train``."""

from __future__ import annotations

import contextlib
from typing import Any

import click

from teachback.cli.options import (
    KIND,
    PRECISION,
    SEED,
    SIZE,
    SOURCE,
    STUDENT,
    out_option,
    overwrite_option,
    setting,
    settings,
)
from teachback.cli.printing import say
from teachback.objectives import OBJECTIVES
from teachback.system.progress import Progress


@click.command()
@click.argument("data", metavar="DATA")
@click.option("--explanations", metavar="FILE", help="explanations.jsonl (not needed for st).")
@STUDENT
@setting("train", "objective")
@setting("train", "alpha")
@setting("train", "permute")
@KIND
@SIZE
@SEED
@setting("train", "epochs")
@setting("train", "batch_size")
@setting("train", "token_budget")
@setting("train", "length_window")
@setting("train", "gradient_checkpointing")
@setting("train", "learning_rate")
@setting("train", "patience")
@setting("train", "lora")
@setting("train", "lora_rank")
@setting("student", "answer_format")
@setting("student", "task_marker")
@setting("student", "max_source_tokens")
@setting("student", "max_target_tokens")
@setting("student", "trim_vocabulary")
@setting("student", "trim_limit")
@PRECISION
@setting("train", "memory_check")
@out_option()
@overwrite_option("Replace the student that DIR holds.")
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

    A part of DATA (valid) is held out to choose the epoch and the way of answering. A run
    that was stopped continues from its last checkpoint when the command is given again.
    """
    from pathlib import Path

    from teachback.config import parse_config
    from teachback.errors import DataError
    from teachback.files import one_writer, read_explanations
    from teachback.runs import pipeline
    from teachback.runs.folders import begin_folder, training_part
    from teachback.students.weights import resolve
    from teachback.system import launch

    with contextlib.ExitStack() as held:
        with pipeline.together():
            values = settings(options)
            values.setdefault("data", {})["train"] = data
            config = parse_config(values, source=SOURCE, folder=Path.cwd())
            objective = config.train.objective
            if OBJECTIVES[objective].explains and explanations is None:
                raise DataError(
                    f"{objective} learns from explanations: give --explanations FILE "
                    "(teachback generate writes one)"
                )
            kept = read_explanations(explanations) if explanations else []
            folder = Path(out)
            examples = training_part(config)
            pipeline.check_student(
                config.student.reference, resolve(config.student.reference).adapter
            )
            inputs = {"explanations": Path(explanations)} if explanations else {}
            if launch.is_first():
                held.enter_context(one_writer(folder))  # until the command ends
                begin_folder(config, folder, overwrite=overwrite, inputs=inputs)
        result = pipeline.train_student(
            config,
            folder,
            kept,
            examples=examples,
            overwrite=overwrite,
            progress=progress,
            notice=lambda line: say(line, err=True),
        )
    if not launch.is_first():
        return
    for entry in result.history:
        accuracy = f", valid accuracy {entry['accuracy']:.3f}" if "accuracy" in entry else ""
        say(f"epoch {entry['epoch']:g}: valid loss {entry['loss']:.4f}{accuracy}")
    if result.student.card.valid:
        asked = result.student.card.valid_asked or {}
        parts = [
            f"{way} {value:.3f} of {asked[way]}" for way, value in result.student.card.valid.items()
        ]
        say(f"on valid: {', '.join(parts)}; default way: {result.student.card.way}")
    say(f"trained in {result.seconds:.0f} s; written: {result.folder}")
