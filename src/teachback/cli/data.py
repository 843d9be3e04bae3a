"""``teachback data``: check, describe and import datasets."""

from __future__ import annotations

from typing import Any

import click

from teachback.cli.options import KIND, kind_in, out_option, overwrite_option
from teachback.cli.printing import say
from teachback.formatting import count


@click.group()
def data() -> None:
    """Check, describe and import datasets."""


@data.command("check")
@click.argument("files", nargs=-1, required=True)
@KIND
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Print a line for each row, not one for each kind of problem.",
)
@click.option(
    "--student", metavar="REF", help="Also check whether this student can write the answers."
)
def check_files(files: tuple[str, ...], every: bool, student: str | None, **options: Any) -> None:
    """Report all that is wrong or odd in each FILE, the worst first, before anything is paid for.

    A FILE is JSON lines, CSV, TSV, Parquet or hf:owner/name[/config][:split]. Each kind
    of problem is one line, with the first row that has it and how many more rows have it.
    """
    from teachback.datasets import check, read_examples
    from teachback.datasets.summary import summary_lines
    from teachback.errors import DataError

    kind = kind_in(options)
    bad = rows = 0
    for file in files:
        result = check(file, kind)
        for line in summary_lines(result, every=every):
            say(line)
        if student is not None and not result.problems:
            from teachback.students.load import load
            from teachback.training.report import check_choices

            check_choices(load(student), read_examples(file, kind=kind), say)
        bad += len(result.problems)
        rows += result.rows
    if bad:
        raise DataError(
            f"{count(bad, 'problem')} in {count(rows, 'row')}, listed above: fix them and check "
            "again"
        )


@data.command("stats")
@click.argument("file")
@KIND
def describe(file: str, **options: Any) -> None:
    """Print rows, question kind, balance of the answers and lengths of FILE."""
    from teachback.datasets import read_examples, stats

    kind = kind_in(options)
    found = stats(read_examples(file, kind=kind))

    def line(name: str, value: object) -> None:
        say(f"{name:<16}{value}")

    line("rows", found.rows)
    line("question kind", found.kind)
    line("groups", found.groups)
    for number, rows in found.choices.items():
        line("choices", f"{number} (in {rows} rows)")
    for answer, rows in found.balance.items():
        line(f"gold {answer}", f"{rows} ({rows / found.rows:.1%})")
    words = found.question_words
    line("question words", f"{words.minimum} to {words.maximum}, median {words.median:g}")
    if found.gold_longest is not None:
        line("gold is longest", f"{found.gold_longest:.1%} (ties count)")


@data.command("import")
@click.argument("name")
@click.argument("files", nargs=-1, required=True)
@out_option("The dataset to write.", metavar="OUT")
@click.option(
    "--with-solutions",
    is_flag=True,
    help="Add the released solution or facts as explanations, for use as exemplars.",
)
@overwrite_option("Replace OUT if it exists.")
def import_release(
    name: str, files: tuple[str, ...], out: str, with_solutions: bool, overwrite: bool
) -> None:
    """Convert the official FILES of release NAME into one dataset.

    NAME is commonsenseqa, openbookqa, strategyqa or gsm8k.
    """
    from teachback.datasets import import_official

    imported = import_official(name, files, out, with_solutions=with_solutions, overwrite=overwrite)
    for line in imported.left_out:
        say(f"left out: {line}")
    say(f"{out}: {imported.rows} rows written, {len(imported.left_out)} left out")


@data.command("desk")
@click.option(
    "--train-cases",
    default=320,
    show_default=True,
    type=click.IntRange(2),
    metavar="N",
    help="Labelled cases to train on.",
)
@click.option(
    "--test-cases",
    default=200,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Cases to evaluate on.",
)
@out_option()
@overwrite_option("Replace the desk's files in DIR.")
def write_desk(train_cases: int, test_cases: int, out: str, overwrite: bool) -> None:
    """Write the demo's task, the decision desk, as files: cases, teacher, policy, exemplars.

    The recorded teacher is a rule engine, not a large model; it explains 480 training cases.
    """
    from pathlib import Path

    from teachback import desk
    from teachback.errors import UsageError

    if train_cases > desk.RULE_ENGINE_CASES:
        raise UsageError(
            f"--train-cases {train_cases}: the rule engine explains only the first "
            f"{desk.RULE_ENGINE_CASES}"
        )
    folder = Path(out)
    for line in desk.write_task(folder, train_cases, test_cases, overwrite=overwrite):
        say(f"{folder / line}")
