"""``teachback annotate``: the page for people, ``merge`` and ``results``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from teachback.annotation.criteria import Mode
from teachback.cli.options import (
    KIND,
    Share,
    default_command,
    json_option,
    kind_in,
    out_option,
    questions_option,
)
from teachback.cli.printing import emit, say
from teachback.formatting import count

if TYPE_CHECKING:
    from teachback.annotation.plan import Plan
    from teachback.annotation.results import AnnotationResults
    from teachback.annotation.server import Link


@click.group(
    "annotate",
    cls=default_command("page", needs_argument=False),
    subcommand_metavar="[page] RUN... -o DIR | merge FILE... -o DIR | results DIR",
)
def annotate() -> None:
    """Let people judge the explanations of runs, on a page in their browser.

    annotate RUN... is short for annotate page RUN...; annotate page --help lists its options.
    """


@annotate.command()
@click.argument("runs", nargs=-1, metavar="[RUN...]")
@click.option(
    "--mode",
    type=click.Choice(get_args(Mode)),
    default="rate",
    show_default=True,
    help="rate: each explanation by six criteria; prefer: which of two is better; simulate: what "
    "the system answers, without its explanation and with it.",
)
@questions_option("the first run's")
@KIND
@click.option("--items", type=click.IntRange(2), metavar="N", help="Items to draw; unset: all.")
@click.option(
    "--annotator",
    "annotators",
    multiple=True,
    metavar="NAME",
    help="Repeat for each annotator: everyone gets a link, or a file, of their own.",
)
@click.option(
    "--overlap",
    type=Share(),
    default=0.2,
    show_default=True,
    metavar="X",
    help="The share of items that three annotators judge; the others are judged by one.",
)
@click.option("--show-gold", is_flag=True, help="Show the gold answer.")
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Draws the items, their order and their sides.",
)
@out_option(
    "The folder of the annotation; an annotation that is there is continued.", required=False
)
@click.option(
    "--file",
    "file",
    metavar="PAGE.html",
    help="Write one self-contained page per annotator instead of starting the server.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    metavar="N",
    help="Port on 127.0.0.1; 0: a free one.",
)
@click.option(
    "--dry-run",
    "dry",
    is_flag=True,
    help="Only say how small a difference the annotation can show.",
)
def page(
    runs: tuple[str, ...],
    mode: Mode,
    dataset: str | None,
    items: int | None,
    annotators: tuple[str, ...],
    overlap: float,
    show_gold: bool,
    seed: int,
    out: str | None,
    file: str | None,
    port: int,
    dry: bool,
    **options: Any,
) -> None:
    """Show the explanations of each RUN to people, who do not see which run they are from.

    A RUN is an evaluated folder with explanations (evaluate --explain), a study's cell, or a folder
    or file of a teacher's explanations (explanations.jsonl). An annotation that was stopped
    continues with the same command, or with -o DIR alone.
    """
    from teachback.annotation import folder as folders
    from teachback.annotation.plan import PlanSettings
    from teachback.annotation.server import serve
    from teachback.files import one_writer

    if not runs and (out is None or dry):
        raise click.UsageError("name at least one RUN, or an annotation to continue with -o DIR")
    if out is None and not dry:
        raise click.UsageError("give -o DIR, the folder that keeps the answers")
    plan = None
    if runs:
        kind = kind_in(options)
        wanted = PlanSettings(
            mode=mode,
            annotators=annotators or ("annotator",),
            items=items,
            overlap=overlap,
            show_gold=show_gold,
            seed=seed,
        )
        plan, found = folders.plan_of(runs, dataset, kind, wanted)
        if found.left_out:
            say(f"left out: {found.left_out} items that are not explained in every run", err=True)
    if dry and plan is not None:
        _say_detectable(plan)
        return
    with one_writer(str(out)) as folder:
        plan = folders.read_plan(folder) if plan is None else folders.begin(folder, plan)
        if file is not None:
            _write_files(plan, Path(file), folder)
            return
        with folders.open_answers(folder, plan) as answers:
            serve(plan, answers, port, _say_links)
            _say_progress(folder, folders.results_of(plan, answers))


def _say_detectable(plan: Plan) -> None:
    from teachback.annotation.criteria import PRIMARY
    from teachback.annotation.detectable import detectable_difference, primary_comparisons
    from teachback.annotation.plan import annotators_by_item
    from teachback.cli import show

    counts = annotators_by_item(plan)
    say("dry run: nothing was written")
    for name in plan.settings.annotators:
        say(f"{name}: {count(len(plan.of_annotator(name)), 'screen')}")
    judged = ", ".join(
        f"{count(counts[number], 'item')} by {count(number, 'annotator')}"
        for number in sorted(counts)
    )
    mode = plan.settings.mode
    comparisons = primary_comparisons(mode, len(plan.systems))
    difference = detectable_difference(mode, counts, comparisons)
    adjusted = f" after Holm over {comparisons} comparisons" if comparisons > 1 else ""
    assumed = {
        "rate": "between two systems; assumed variance of an item: 0.07, and 0.35 / annotators",
        "prefer": "of a win rate from 50%; assumed: 20% ties",
        "simulate": "between with and without explanation; assumed: on 30% of the items only one "
        "of the two is predicted right",
    }[mode]
    say(
        f"{judged}: can show {show.detectable(difference)} of {PRIMARY[mode]!r} at 80% power "
        f"(p < 0.05{adjusted}), {assumed}"
    )
    more = {n: detectable_difference(mode, {1: n}, comparisons) for n in (50, 100, 200, 400)}
    known = [f"{n}: {100 * value:.1f}" for n, value in more.items() if value is not None]
    say(f"items by one annotator each, and the points that they can show: {', '.join(known)}")


def _write_files(plan: Plan, goal: Path, folder: Path) -> None:
    from teachback.annotation.page import file_part, page_file
    from teachback.errors import RunFolderError
    from teachback.files import read_text, write_text

    names = plan.settings.annotators
    several = len(names) > 1
    paths = [
        goal.with_name(f"{goal.stem}.{number}-{file_part(name)}{goal.suffix}") if several else goal
        for number, name in enumerate(names, 1)
    ]
    for name, path in zip(names, paths, strict=True):
        text = page_file(plan, name)
        if path.exists() and (not path.is_file() or read_text(path) != text):
            raise RunFolderError(f"{path} exists already: choose a different --file")
        write_text(path, text)
        say(f"{name}: {path}")
    say(f"collect what they download with: teachback annotate merge FILE... -o {folder}")


def _say_links(links: list[Link]) -> None:
    say("open each annotator's link on this machine; Ctrl-C stops the server, and nothing is lost")
    for link in links:
        say(f"{link.annotator}: {link.address}")


def _say_progress(folder: Path, results: AnnotationResults) -> None:
    for one in results.annotators:
        say(f"{one.name}: {one.answered} of {count(one.planned, 'screen')} answered")
    if results.complete:
        say(f"all answered: teachback annotate results {folder}")
    else:
        say(f"continue with: teachback annotate -o {folder}")


@annotate.command("merge")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@out_option("The folder of the annotation, begun with --file.")
def merge_files(files: tuple[str, ...], out: str) -> None:
    """Bring the answers that people have downloaded into the folder of their annotation."""
    from teachback.annotation import folder as folders
    from teachback.annotation.merging import merge
    from teachback.files import one_writer

    plan = folders.read_plan(Path(out))
    with one_writer(out) as folder, folders.open_answers(folder, plan) as answers:
        for one in merge([Path(file) for file in files], plan, answers):
            say(
                f"{one.file}: {count(one.revisions, 'answer')} of {one.annotator}, {one.new} of "
                "them new (changed answers and undone ones included)"
            )
        _say_progress(folder, folders.results_of(plan, answers))


@annotate.command("results")
@click.argument("folder", metavar="DIR")
@json_option()
@click.option("--export", metavar="FILE.jsonl", help="Also write every answer, a row of JSON each.")
def show_results(folder: str, as_json: bool, export: str | None) -> None:
    """Count the answers: shares, paired differences, agreement, and flags. Writes results.json."""
    import json

    from teachback.annotation import folder as folders
    from teachback.annotation.results import RESULTS_FILE, exported_rows
    from teachback.files import write_jsonl

    place = Path(folder)
    plan = folders.read_plan(place)
    with folders.open_answers(place, plan) as answers:
        revisions = answers.revisions()
        results = folders.results_of(plan, answers)
    RESULTS_FILE.write(place / folders.RESULTS, results)
    if export is not None:
        write_jsonl(export, exported_rows(plan, revisions))
    if as_json:
        emit(f"{json.dumps(RESULTS_FILE.row(results), indent=2)}\n")
        return
    _print(results)
    if export is not None:
        say(f"written: {export}")


def _print(results: AnnotationResults) -> None:
    from teachback.annotation import wording
    from teachback.cli import show

    if not results.shares:
        say("no answers yet")
        return
    say(show.table([*wording.SHARE_HEAD], [wording.share_cells(row) for row in results.shares]))
    say("")
    for difference in results.differences:
        say(wording.difference_sentence(difference))
    if results.agreement:
        rows = [wording.agreement_cells(row) for row in results.agreement]
        say("")
        say(show.table([*wording.AGREEMENT_HEAD], rows))
    people = [wording.annotator_cells(row) for row in results.annotators]
    say("")
    say(show.table([*wording.ANNOTATOR_HEAD], people))
