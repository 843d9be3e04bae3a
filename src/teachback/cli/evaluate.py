"""``teachback evaluate`` and ``ask``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from teachback.cli.options import (
    KIND,
    PRECISION,
    SOURCE,
    asking_options,
    kind_in,
    out_option,
    overwrite_option,
    setting,
    settings,
)
from teachback.cli.printing import say
from teachback.records import ComparedWay
from teachback.references import TEACHER_FORMS
from teachback.system.progress import Progress


@click.command()
@click.argument("arguments", nargs=-1, required=True, metavar="[STUDENT] DATA")
@setting(
    "teacher",
    "reference",
    "--teacher",
    metavar="REF",
    help=f"Evaluate a prompted teacher instead of a student: {TEACHER_FORMS}.",
)
@setting("teacher", "exemplars", metavar="SET", help="For --teacher: {}.")
@setting("teacher", "instructions", metavar="FILE", help="For --teacher: {}.")
@asking_options("For --teacher: {}.")
@setting("evaluate", "explain")
@setting("evaluate", "way")
@click.option(
    "--train",
    "train_data",
    metavar="FILE",
    help="Training data, for the majority label; its labels may be answered, too.",
)
@KIND
@setting("evaluate", "choice_score")
@setting("evaluate", "reading")
@setting("evaluate", "languages", metavar="LIST")
@setting("evaluate", "batch_size")
@setting("evaluate", "max_new_tokens")
@setting("evaluate", "baselines")
@PRECISION
@out_option()
@overwrite_option("Replace the evaluation that DIR holds.")
@click.pass_obj
def evaluate(
    progress: Progress,
    /,
    arguments: tuple[str, ...],
    train_data: str | None,
    out: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Evaluate STUDENT (a folder or reference), or a prompted --teacher, on DATA."""
    from teachback.cli import show
    from teachback.config import section
    from teachback.datasets import read_evaluated, read_examples
    from teachback.runs import pipeline
    from teachback.runs.folders import keep_apart
    from teachback.students.weights import present_student

    values = settings(options)
    kind = kind_in(options)
    teacher = "reference" in values["teacher"]
    wanted = 1 if teacher else 2
    if len(arguments) != wanted:
        raise click.UsageError(
            "give only DATA with --teacher" if teacher else "give STUDENT and then DATA"
        )
    test = read_evaluated(arguments[-1], kind=kind)
    train = read_examples(train_data, kind=kind) if train_data else []
    if train:
        keep_apart(train, test, _say_aside, names=(f"--train {train_data}", arguments[-1]))
    config = section("evaluate", values["evaluate"], SOURCE)
    folder = Path(out)
    if teacher:
        if config.way is not None:
            raise click.UsageError("--way is for students: a teacher has no threshold")
        teacher_config = section("teacher", values["teacher"], SOURCE)
        outcome = pipeline.evaluate_teacher(
            teacher_config,
            test,
            folder,
            train=train,
            evaluate=config,
            overwrite=overwrite,
            progress=progress,
            notice=_say_aside,
        )
    else:
        outcome = pipeline.evaluate_student(
            present_student(arguments[0]),
            test,
            folder,
            train=train,
            evaluate=config,
            precision=values["student"]["precision"],
            overwrite=overwrite,
            progress=progress,
            notice=_say_aside,
        )
    show.metrics(outcome.metrics, outcome.cost)
    if outcome.bill is not None:
        show.bill(outcome.bill, 0)
    show.labels(next(iter(outcome.metrics.values())))
    if config.baselines and not train:
        say("majority label: unknown without --train FILE")
    say(f"written: {folder / 'metrics.json'}")


def _say_aside(line: str) -> None:
    say(line, err=True)


@click.command()
@click.argument("student", metavar="STUDENT")
@click.argument("question", metavar="QUESTION")
@click.option("--choice", "choices", multiple=True, metavar="TEXT", help="Repeat for each choice.")
@click.option("--context", metavar="TEXT", help="What precedes the question.")
@click.option("--explain", is_flag=True, help="Also say why.")
@click.option(
    "--way",
    type=click.Choice(get_args(ComparedWay)),
    default="chosen",
    show_default=True,
    help="chosen: the way that was better on valid; adaptive: explained only where the direct "
    "answer is unsure (exploratory).",
)
@PRECISION
def ask(
    student: str,
    question: str,
    choices: tuple[str, ...],
    context: str | None,
    explain: bool,
    way: ComparedWay,
    **options: Any,
) -> None:
    """Ask STUDENT one QUESTION; it answers in the way that was better on valid."""
    from teachback.students.weights import present_student

    reference = present_student(student)  # before the model libraries are imported
    from teachback.students.student import Student

    precision = settings(options)["student"]["precision"]
    loaded = Student.load(reference, precision=precision)
    if loaded.model.precision.slow:
        say(loaded.model.precision.line, err=True)
    said = loaded.answer(question, choices=choices, context=context, explain=explain, way=way)
    say(f"answer: {said.answer if said.answer is not None else '(unparsed)'}")
    if way == "adaptive":
        unsure = said.way == "explained"
        say(f"way: {'explained, since the direct answer was unsure' if unsure else 'direct'}")
    if said.probabilities and said.way == "direct":
        parts = [f"{choice} {share:.2f}" for choice, share in said.probabilities.items()]
        say(f"probabilities: {', '.join(parts)}")
    if explain and said.explanation is not None:
        say(f"explanation: {said.explanation}")
        for name, other in (("direct", said.direct_answer), ("explained", said.explained_answer)):
            if other != said.answer:
                say(f"note: its {name} answer is {other or 'unparsed'}")
