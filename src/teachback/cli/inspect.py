"""``teachback inspect``: automatic measures of runs' explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from teachback.cli.options import KIND, PRECISION, json_option, kind_in, questions_option, settings
from teachback.cli.printing import emit, say
from teachback.system.progress import Progress

if TYPE_CHECKING:
    from teachback.inspection.inspected_run import InspectedRun
    from teachback.inspection.inspecting import Inspected
    from teachback.inspection.simulators import SimulationEstimate, SimulationSettings


@click.command("inspect")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@questions_option("each run's")
@KIND
@click.option(
    "--surface-only",
    is_flag=True,
    help="Measure only what needs no student; leave out consistency.",
)
@click.option(
    "--items",
    type=click.IntRange(2),
    metavar="N",
    help="Number of items to measure consistency on, drawn by the seed; unset: all.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Draws items, donors and planted mistakes.",
)
@click.option(
    "--simulate",
    is_flag=True,
    help="Also measure simulatability. This lets the student explain its training questions and "
    "trains two simulators: hours on a CPU. Without it, only the estimate is printed.",
)
@click.option(
    "--simulator",
    metavar="REF",
    help="The model that simulators are trained from; unset: the student's base.",
)
@click.option(
    "--simulator-seeds",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    metavar="N",
    help="Number of seeds; each trains a pair of simulators.",
)
@click.option(
    "--simulator-epochs",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    metavar="N",
    help="Passes over the training questions.",
)
@click.option(
    "--train",
    "train_data",
    metavar="FILE",
    help="The questions simulators are trained on; unset: those the run was trained on.",
)
@PRECISION
@json_option()
@click.pass_obj
def inspect(
    progress: Progress,
    /,
    runs: tuple[str, ...],
    dataset: str | None,
    surface_only: bool,
    items: int | None,
    seed: int,
    simulate: bool,
    simulator: str | None,
    simulator_seeds: int,
    simulator_epochs: int,
    train_data: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure the explanations of each RUN: surface facts, and consistency with the answers.

    A RUN is a folder with predictions.jsonl that has explanations (run, evaluate --explain, a
    study's cell). Each gets inspection.json and, item by item, inspection.jsonl. Several runs are
    also compared with the first one, on the items that they share. No measure is a quality score.
    """
    import json

    from teachback.inspection.inspected_run import inspected_runs

    kind = kind_in(options)
    read = inspected_runs(runs, dataset, kind)  # before the model libraries are imported
    from teachback.desk.step_checker import check_steps
    from teachback.inspection.inspecting import InspectSettings, inspect_run
    from teachback.inspection.results import INSPECTION_FILE
    from teachback.inspection.simulators import SimulationSettings, estimate_simulation

    precision = settings(options)["student"]["precision"]
    simulation = SimulationSettings(
        simulator=simulator,
        train=train_data,
        kind=kind,
        seeds=tuple(range(simulator_seeds)),
        epochs=simulator_epochs,
        precision=precision,
    )
    wanted = InspectSettings(
        consistency=not surface_only,
        items=items,
        seed=seed,
        precision=precision,
        simulation=simulation if simulate else None,
    )
    if simulate:
        for run in read:
            _say_estimate(run, estimate_simulation(run, simulation))
    inspected = [
        inspect_run(run, wanted, check_steps=check_steps, progress=progress, notice=_say_aside)
        for run in read
    ]
    if as_json:
        rows = [INSPECTION_FILE.row(one.inspection) for one in inspected]
        emit(f"{json.dumps(rows, indent=2)}\n")
        return
    _say(inspected)
    if not simulate:
        for one in inspected:
            _say_not_simulated(one, simulation)


def _say_aside(line: str) -> None:
    say(line, err=True)


def _say_estimate(run: InspectedRun, estimate: SimulationEstimate) -> None:
    from teachback.inspection import wording

    _say_aside(f"{run.name}: simulatability {wording.estimate_words(estimate)}")


def _say_not_simulated(inspected: Inspected, simulation: SimulationSettings) -> None:
    from teachback.errors import UsageError
    from teachback.inspection import wording
    from teachback.inspection.simulators import estimate_simulation

    run = inspected.run
    if run.student is None:
        return
    try:
        takes = wording.estimate_words(estimate_simulation(run, simulation))
    except UsageError as error:
        takes = f"cannot be estimated: {error}"
    measured = bool(inspected.inspection.simulatability)
    was = "was measured before" if measured else "was not measured"
    again = "--simulate measures it again" if measured else "--simulate measures it"
    say(f"simulatability {was} ({again}); for {run.name} it {takes}")


def _say(inspected: list[Inspected]) -> None:
    from teachback.cli import show
    from teachback.inspection import wording
    from teachback.inspection.inspecting import run_differences
    from teachback.inspection.results import INSPECTION

    names = [one.run.name for one in inspected]
    inspections = [one.inspection for one in inspected]
    for group in wording.groups_of(inspections):
        say(show.table(*wording.group_table(group, inspections, names)))
        say("")
    simulated = [
        wording.simulatability_cells(one.run.name, row)
        for one in inspected
        for row in one.inspection.simulatability
    ]
    if simulated:
        say(show.table(wording.SIMULATABILITY_HEAD, simulated))
        say("")
    differences = run_differences(inspected)
    for other in names[1:]:
        rows = [wording.difference_cells(row) for row in differences if row.a == other]
        say(f"{other} minus {names[0]}, on the items measured in both (exploratory):")
        say(show.table(wording.DIFFERENCE_HEAD, rows))
        say("")
    for one in inspected:
        for note in one.inspection.notes:
            say(f"{one.run.name}: {note}")
        say(f"written: {one.run.folder / INSPECTION}")
