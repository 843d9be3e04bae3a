"""``teachback judge``: a large model compares explanations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from teachback.cli.options import (
    INSTRUCTIONS,
    KIND,
    SOURCE,
    asking_options,
    json_option,
    kind_in,
    out_option,
    overwrite_option,
    questions_option,
    setting,
    settings,
)
from teachback.cli.printing import emit, say
from teachback.formatting import NOTHING, dollars
from teachback.references import TEACHER_FORMS
from teachback.system.progress import Progress

if TYPE_CHECKING:
    from teachback.judging.folder import JudgingEstimate
    from teachback.judging.results import JudgeResults
    from teachback.judging.self_test import SelfTest


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@setting(
    "teacher",
    "reference",
    "--teacher",
    required=True,
    metavar="REF",
    help=f"The judge: {TEACHER_FORMS}.",
)
@click.option(
    "--mode",
    type=click.Choice(["prefer", "rate"]),
    default="prefer",
    show_default=True,
    help="prefer: which of two explanations is better, in both orders; rate: each explanation by "
    "six criteria, one at a time.",
)
@questions_option("the first run's")
@KIND
@click.option("--items", type=click.IntRange(2), metavar="N", help="Items to draw; unset: all.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Draws the items and the planted pairs."
)
@click.option("--reasons", is_flag=True, help="Let the judge explain before it decides.")
@click.option(
    "--people",
    metavar="FILE.jsonl",
    help=(
        "What people said of a random part of the items (annotate results --export); the results "
        "then also combine people and judge."
    ),
)
@click.option("--even-so", is_flag=True, help="Judge even if the judge fails its self-test.")
@INSTRUCTIONS
@setting("teacher", "temperature")
@asking_options()
@click.option(
    "--dry-run", is_flag=True, help="Only estimate requests, tokens and cost; ask nothing."
)
@json_option()
@out_option("The folder to write (with --dry-run: to read).", required=False)
@overwrite_option("Start over; stored replies are kept.")
@click.pass_obj
def judge(
    progress: Progress,
    /,
    runs: tuple[str, ...],
    mode: str,
    dataset: str | None,
    items: int | None,
    seed: int,
    reasons: bool,
    people: str | None,
    even_so: bool,
    dry_run: bool,
    as_json: bool,
    out: str | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Let a large model judge the explanations of each RUN, after a self-test.

    A RUN is an evaluated folder with explanations (evaluate --explain), a folder of such folders,
    one per seed, or a folder or file of a teacher's explanations. The judge first compares 40 pairs
    of which the better one is known. A judge that gets fewer than 7 of 10 of a kind right, or
    decides alike in both orders less than 70% of the time, is refused.
    """
    import json

    from teachback.cli import show
    from teachback.config import section
    from teachback.judging.folder import (
        JudgeRefusedError,
        JudgingSettings,
        estimate_judging,
        judge_runs,
    )
    from teachback.judging.results import RESULTS_FILE

    if out is None and not dry_run:
        raise click.UsageError("Missing option '-o' / '--out'.")
    values = settings(options)
    teacher = section("teacher", values["teacher"], SOURCE)
    wanted = JudgingSettings(
        runs=runs,
        mode=mode,
        data=dataset,
        kind=kind_in(options),
        items=items,
        seed=seed,
        reasons=reasons,
        even_so=even_so,
        people=people,
    )
    if dry_run or out is None:
        _say_estimate(estimate_judging(teacher, wanted, Path(out) if out else None))
        return
    folder = Path(out)
    try:
        judging = judge_runs(teacher, wanted, folder, overwrite=overwrite, progress=progress)
    except JudgeRefusedError as refused:
        if not as_json:
            _say_self_test(refused.judge, refused.test)
        raise
    if as_json:
        emit(f"{json.dumps(RESULTS_FILE.row(judging.results), indent=2)}\n")
        return
    if judging.left_out:
        say(f"left out: {judging.left_out} items that are not explained in every run")
    _say_results(judging.results)
    show.bill(judging.bill, 0)
    say(f"written: {folder / 'results.json'}")


def _say_estimate(found: JudgingEstimate) -> None:
    from teachback.cli import show

    load = found.load
    say("dry run: nothing was asked")
    say(
        f"still to ask: {load.requests:.0f} requests, the self-test included; {found.stored} "
        "replies in the store are not counted"
    )
    say(
        f"tokens: about {load.about_in:,.0f} in and {load.about_out:,.0f} out, at most "
        f"{load.most_in:,.0f} and {load.most_out:,.0f}"
    )
    price = found.price
    if price is None or price.free:
        say(show.no_cost(price))
    else:
        say(
            f"cost: about {dollars(load.dollars(price))}, at most "
            f"{dollars(load.most_dollars(price))}"
        )
        say(show.prices(price))


def _say_self_test(judge: str, test: SelfTest) -> None:
    from teachback.cli import show

    rows = [
        [row.kind, f"{row.right} of {row.pairs}", str(row.ties), str(row.unread)]
        if row.measured
        else [row.kind, "not measured", NOTHING, NOTHING]
        for row in test.rows
    ]
    say(show.table([f"self-test of {judge}", "right", "ties", "unread"], rows))
    say(f"both orders alike: {test.consistent} of {test.pairs} pairs")


def _say_results(results: JudgeResults) -> None:
    from teachback.cli import show
    from teachback.judging import wording

    _say_self_test(results.judge, results.self_test)
    if results.even_so:
        say(
            "warning: the judge failed its self-test; its judgements are shown because of --even-so"
        )
    for warning in results.warnings:
        say(f"warning: {warning}")
    for head, rows in wording.tables(results):
        say("")
        say(show.table(head, rows))
    say("")
    for sentence in wording.sentences(results):
        say(sentence)
