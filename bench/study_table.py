"""The studies' results in one table, from the packed studies: task by system, in every way.

    python -m bench.study_table                              all of bench/results
    python -m bench.study_table bench/results/NAME.zip …     some of them

For each system of each task: how many per cent are right in each way of answering (the mean over
the seeds that are done), the 95% interval, and in words what came of the comparisons in which the
study compares it in the row's setting (size, strategy, teacher). Studies of `bench/studies` of
which nothing is packed stand below.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.common import ROOT, head, row
from teachback.records import ComparedWay
from teachback.reports.arms import Arm, Arms, accuracy_cell
from teachback.reports.comparisons import caveats_of
from teachback.reports.folder import ReportedStudy, read_folder
from teachback.reports.page import Figure
from teachback.studies.packing import unpack_study
from teachback.studies.schema import VerdictRow

RESULTS = ROOT / "bench" / "results"
STUDIES = ROOT / "bench" / "studies"
WAYS: tuple[ComparedWay, ...] = ("direct", "explained", "adaptive")
COLUMNS = ("task", "system", *WAYS, "n", "seeds", "verdict")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    files = parser.parse_args().files or sorted(RESULTS.glob("*.zip"))
    print(head(*COLUMNS))
    for file in files:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / file.stem
            unpack_study(file, folder)
            for cells in rows_of(file.stem, read_folder(folder)):
                print(row(*cells))
    print(f"\nNot run, or not packed: {', '.join(not_packed()) or 'none'}.")


def not_packed() -> list[str]:
    """The studies of `bench/studies` that are not in `bench/results`."""
    packed = {file.stem for file in RESULTS.glob("*.zip")}
    return sorted(path.stem for path in STUDIES.glob("*.toml") if path.stem not in packed)


def rows_of(name: str, study: ReportedStudy) -> Iterator[tuple[str, ...]]:
    """One row for each task and system of the study: the table's cells."""
    arms = Arms(study)
    for dataset in arms.datasets:
        setting = arms.main(dataset)
        task = f"{dataset} ({name})" if dataset not in name else name
        for label in arms.systems:
            arm = arms.find(dataset, label, setting)
            if arm is not None:
                yield (
                    task,
                    label,
                    *map(text_of, _accuracies(arm)),
                    *_counts(arm),
                    _words(arm, study),
                )


def _accuracies(arm: Arm) -> Iterator[object]:
    for way in WAYS:
        yield accuracy_cell(arm, way)


def text_of(cell: object) -> str:
    """A cell's accuracy with its interval, without the n that has a column of its own."""
    if not isinstance(cell, Figure):
        return str(cell)
    return f"{cell.text} {cell.detail.partition(']')[0]}]"


def _counts(arm: Arm) -> tuple[str, str]:
    figures = arm.accuracy()
    planned = len({cell.spec.seed for cell in arm.cells})
    seeds = "–" if arm.first.spec.seed is None else f"{len(arm.done)} of {planned}"
    return ("–" if figures is None else f"{figures.n_items:,}", seeds)


def _words(arm: Arm, study: ReportedStudy) -> str:
    """What the comparisons say in which this system is the one that is compared."""
    verdicts = study.verdicts
    if verdicts is None:
        return "–"
    spec = arm.first.spec
    said = [
        _said(found)
        for found in (*verdicts.confirmatory, *verdicts.exploratory)
        if (found.dataset, found.a, found.setting) == (spec.dataset, spec.system, spec.setting)
        and found.finding is not None
    ]
    return "; ".join(said) or "–"


def _said(found: VerdictRow) -> str:
    declared = "" if found.p_holm is not None else ", exploratory"
    figures = (found.difference or 0, found.low or 0, found.high or 0)
    points, low, high = (f"{100 * share:+.1f}" for share in figures)
    caveats = caveats_of(found)
    return (
        f"{found.way}, against {found.b}: {points} [{low}, {high}]: {found.finding}{declared}"
        f"{f' ({caveats})' if caveats else ''}"
    )


if __name__ == "__main__":
    main()
