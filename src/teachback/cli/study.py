"""``teachback study``: run, pack, unpack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from teachback.cli.options import (
    FiniteRange,
    default_command,
    out_option,
    overwrite_option,
    setting,
    settings,
)
from teachback.cli.printing import say
from teachback.formatting import count
from teachback.studies.config import STUDY_SECTIONS
from teachback.system.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from teachback.studies.engines import CellEngine
    from teachback.studies.packing import PackedStudy
    from teachback.studies.planning import PlannedStudy
    from teachback.studies.running import StudyOutcome
    from teachback.studies.schema import Detectable, VerdictRow


_RUN = "run"


@click.group(
    cls=default_command(_RUN), options_metavar="", subcommand_metavar="STUDY.toml | COMMAND ..."
)
def study() -> None:
    """Run a study, or pack one into a file and unpack it elsewhere.

    teachback study STUDY.toml -o DIR is short for study run STUDY.toml ….
    """


@study.command("pack")
@click.argument("folder", metavar="DIR")
@out_option("The file to write.", metavar="FILE")
@click.option(
    "--max-mb",
    type=FiniteRange(0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="X",
    help="Largest size of FILE in megabytes; beyond it, explanations are left out.",
)
@click.option(
    "--without-teachers",
    is_flag=True,
    help="Leave the teachers' explanations out: FILE is for people who may not have their texts.",
)
@overwrite_option("Replace FILE if it exists.")
def pack(folder: str, out: str, max_mb: float, without_teachers: bool, overwrite: bool) -> None:
    """Pack the results and predictions of the study in DIR into FILE, a zip file.

    A study that is running, or half done, is packed as far as it has come. Unpacked elsewhere, it
    has the same report and verdicts, and the same study file continues it. Students, checkpoints,
    logs and teachers' replies are not packed.
    """
    from teachback.studies.packing import pack_study

    packed = pack_study(
        folder,
        out,
        max_mb=max_mb,
        teachers_explanations=not without_teachers,
        overwrite=overwrite,
    )
    say(f"{packed.path}: {_size(packed.size)}; {_cells(packed)}")
    if packed.left_out:
        say(f"left out: {' and '.join(packed.left_out)}")


@study.command("unpack")
@click.argument("file", metavar="FILE")
@out_option("The folder to write; it must be new or empty.")
def unpack(file: str, out: str) -> None:
    """Write the study that was packed into FILE to DIR."""
    from teachback.studies.packing import unpack_study

    unpacked = unpack_study(file, out)
    say(f"{unpacked.path}: {_cells(unpacked)}")
    if unpacked.left_out:
        say(f"left out when it was packed: {' and '.join(unpacked.left_out)}")
    say(f"to see what it shows: teachback report {out}")
    if unpacked.done < unpacked.cells:
        say(f"to continue it: teachback study STUDY.toml -o {out}")


def _cells(packed: PackedStudy) -> str:
    return f"{packed.done} of {count(packed.cells, 'cell')} done"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


@study.command(_RUN)
@click.argument("study", metavar="STUDY.toml")
@out_option("The study's folder; unset: runs/NAME.", required=False)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where cells run: processes on this machine, or a Ray cluster.",
)
@click.option(
    "--dry-run",
    "dry",
    is_flag=True,
    help="Only list the cells, their time and disk space.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Cells at once; unset: one per GPU, or one; Ray: as many as fit.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Threads per cell; unset: cores / jobs; Ray: at most 4.",
)
@setting(
    "study",
    "keep_students",
    sections=STUDY_SECTIONS,
    overrides=True,
    help="Trained students to keep, whatever STUDY.toml says.",
)
@click.pass_obj
def run(
    progress: Progress,
    /,
    study: str,
    out: str | None,
    engine: str,
    dry: bool,
    jobs: int | None,
    threads: int | None,
    **options: Any,
) -> None:
    """Train and compare everything that STUDY.toml names; nothing is done twice.

    A study that was stopped or killed continues when the same command is run again, and cells
    that failed are tried again.
    """
    from pathlib import Path

    from teachback.studies import planning, running
    from teachback.studies.config import read_study

    read = read_study(study)
    changed = read.study.model_copy(update=settings(options).get("study", {}))
    read = read.model_copy(update={"study": changed})
    folder = Path(out or f"runs/{read.study.name}")

    def notice(line: str) -> None:
        say(line, err=True)

    planned = planning.plan_study(read, notice)
    if dry:
        from teachback.studies.engines import LocalEngine

        # Where the cells would run is not asked: Ray's cluster may not be up yet.
        _forecast(planned, folder, LocalEngine(jobs or 0, threads or 0))
        return
    outcome = running.run_study(
        planned, folder, _engine(engine, jobs, threads), progress=progress, notice=notice
    )
    _print(outcome, planned, folder)


def _engine(name: str, jobs: int | None, threads: int | None) -> CellEngine:
    if name == "ray":
        from teachback.studies.ray_engine import RayEngine

        return RayEngine(jobs or 0, threads or 0)
    from teachback.studies.engines import LocalEngine

    return LocalEngine(jobs or 0, threads or 0)


def _forecast(planned: PlannedStudy, folder: Path, engine: CellEngine) -> None:
    from teachback.cli import show
    from teachback.studies import forecast, running
    from teachback.studies.family import family_of
    from teachback.studies.verdicts import detectable
    from teachback.system.progress import clock_text

    known, left = running.forecast_of(planned, folder, engine)
    waiting = {cell.hash for cell in left}
    rows: dict[tuple[str, ...], list[float]] = {}
    measured = True
    for cell in planned.cells:
        spec = cell.spec
        values = (spec.size, spec.alpha, spec.strategy, spec.teacher, spec.student)
        key = (spec.system, spec.dataset, *("–" if v is None else str(v) for v in values))
        row = rows.setdefault(key, [0, 0, 0.0])
        row[0] += 1
        if cell.hash in waiting:
            seconds, is_measured = known.seconds(cell)
            measured = measured and (is_measured or not (cell.trains or spec.student))
            row[1] += 1
            row[2] += seconds
    say("dry run: nothing was run, and no teacher was asked")
    head = ["system", "dataset", "size", "alpha", "strategy", "teacher", "student"]
    say(
        show.table(
            [*head, "cells", "left", "time"],
            [
                [*key, str(int(cells)), str(int(still)), clock_text(seconds)]
                for key, (cells, still, seconds) in rows.items()
            ],
        )
    )
    total = sum(seconds for _, _, seconds in rows.values())
    say(
        f"{len(planned.cells)} cells, {len(left)} of them left: about "
        f"{clock_text(total / engine.slots)} with {count(engine.slots, 'cell')} at once and "
        f"{count(engine.threads, 'thread')} each"
    )
    say(
        "times: what cells of the same kind took in this folder"
        if measured and left
        else f"times: a rough estimate, {forecast.BASIS}"
    )
    size, note = known.disk(planned.cells, planned.students)
    say(f"disk: about {size / 2**20:.0f} MiB when everything is done; {note}")
    family = family_of(folder, planned.family, planned.cells)
    for one in planned.datasets:
        found = detectable(one, planned.study, family)
        say(f"{one.name}: {_detectable(found)}")


def _detectable(found: Detectable) -> str:
    """What a dry run says of the study's power."""
    from teachback.cli import show

    text = (
        f"{count(found.items, 'independent test item')} and {count(found.seeds, 'seed')} can "
        f"show {show.detectable(found.difference)} at {found.power:.0%} power (p < 0.05)"
    )
    if found.family > 1:
        first = show.detectable(found.in_family)
        text += f", {first} as the first of the {found.family} confirmatory tests"
    return (
        f"{text}; assumed: on {found.discordance:.0%} of the items exactly one of two students is "
        f"right, the true difference varies between seeds by {100 * found.seed_sd:.0f} points "
        "(standard deviation), an item's differences correlate between seeds by "
        f"{found.persistence}"
    )


def _print(outcome: StudyOutcome, planned: PlannedStudy, folder: Path) -> None:
    from collections import Counter

    counts = Counter(state or "not run" for state in outcome.states.values())
    states = ", ".join(f"{number} {state}" for state, number in counts.items())
    say(f"{len(planned.cells)} cells: {states} ({outcome.ran} in this run)")
    for title, rows in (
        ("confirmatory", outcome.verdicts.confirmatory),
        ("exploratory", outcome.verdicts.exploratory),
    ):
        if rows:
            say(f"\n{title}:")
        for row in rows:
            say(f"  {_sentence(row)}")
    if counts["failed"]:
        say("\nrun the same command again to retry the failed cells")
    say(f"\nall files: {folder}")


def _sentence(row: VerdictRow) -> str:
    """A comparison: where, and what it shows."""
    numbers = (("size", row.size), ("strategy", row.strategy), ("alpha", row.alpha))
    where = ", ".join([row.dataset, *(f"{name} {v}" for name, v in numbers if v is not None)])
    if row.finding is None:
        return f"{where}: {row.a} minus {row.b} ({row.way}): {row.verdict}"
    return f"{where}: {row.verdict}"
