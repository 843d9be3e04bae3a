"""``teachback compare``: paired tests between evaluated runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from teachback.cli.options import json_option
from teachback.cli.printing import emit, say
from teachback.formatting import NOTHING, p_in_words
from teachback.records import ComparedWay

if TYPE_CHECKING:
    from teachback.evaluation import Comparison
    from teachback.runs.evaluations import EvaluatedRun

    Seeds = Mapping[int, EvaluatedRun]

_HEAD = ["run", "seed", "direct", "95%", "explained", "95%", "chosen way"]
_ADAPTIVE_HEAD = ["adaptive", "95%", "explains"]


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option(
    "--way",
    type=click.Choice(["both", *get_args(ComparedWay)]),
    default="both",
    show_default=True,
    help="Which answers are compared; chosen: the way each student chose on valid; adaptive: "
    "explained only where unsure (exploratory); both: direct, and chosen where a student chose "
    "otherwise.",
)
@json_option("sentences")
def compare(runs: tuple[str, ...], way: str, as_json: bool) -> None:
    """Compare runs with the first RUN by paired tests (the primary test of teachback).

    A RUN is an evaluated folder, or a folder of such folders, one per seed. With several
    comparisons the p-values are adjusted by Holm's method.
    """
    from teachback import evaluation
    from teachback.runs.evaluations import read_runs_by_seed

    if len(runs) < 2:
        raise click.UsageError("give two or more runs; the others are compared with the first")
    runs = tuple(run.rstrip("/") or run for run in runs)
    named = dict(zip(runs, _names(runs), strict=True))
    systems = {named[run]: read_runs_by_seed(Path(run)) for run in runs}
    _check_different(runs)
    every = [run for seeds in systems.values() for run in seeds.values()]
    _check_alike(every)
    figures = _figures_table(systems)
    first, *others = systems.items()
    comparisons = [
        _compared(other, first, evaluation.compared_way(one, "--way"))
        for other in others
        for one in _ways(way, other[1], first[1])
    ]
    adjusted = evaluation.holm([c.p for c in comparisons])
    if as_json:
        found = [
            {**evaluation.as_json(c), "p_holm": p}
            for c, p in zip(comparisons, adjusted, strict=True)
        ]
        emit(f"{json.dumps(found, indent=2)}\n")
        return
    say(figures)
    say("")
    precisions = {run.precision for run in every} - {None}
    if len(precisions) > 1:
        say(
            f"some runs were evaluated in {' and some in '.join(sorted(map(str, precisions)))}: a "
            "difference between them may be due to the precision"
        )
    _say_verdicts(comparisons, adjusted)


def _names(runs: Sequence[str]) -> list[str]:
    """Of each run, as much of the end of its path as tells it from the others."""
    parts = [Path(run).parts for run in runs]
    for length in range(1, max(map(len, parts), default=0) + 1):
        names = [str(Path(*part[-length:])) for part in parts]
        if len(set(names)) == len(set(runs)):
            return names
    return list(runs)


def _check_different(runs: Sequence[str]) -> None:
    """Raise UsageError where a folder is given twice: nothing is compared with itself."""
    seen = set()
    for run in runs:
        place = Path(run).resolve()
        if place in seen:
            raise click.UsageError(f"{run} is given twice: name each run once")
        seen.add(place)


def _ways(way: str, *systems: Seeds) -> list[str]:
    """In which ways to compare them. Where all would answer as directly, that is one test, which
    would count twice in Holm's method."""
    if way != "both":
        return [way]
    same = all(_answers_directly(run) for seeds in systems for run in seeds.values())
    return ["direct"] if same else ["direct", "chosen"]


def _answers_directly(run: EvaluatedRun) -> bool:
    """Whether its answers in the way that its student chose are its direct ones."""
    from teachback.evaluation import has_two_answers

    return run.way == "direct" or (_explains({0: run}) and not has_two_answers(run.predictions))


def _check_alike(runs: Iterable[EvaluatedRun]) -> None:
    """Raise UsageError where the answers of the runs were drawn in different ways."""
    from teachback.runs.evaluations import different_settings

    for setting, values in different_settings(run.asked for run in runs):
        listed = " and some in ".join(sorted(", ".join(value) for value in values if value))
        what = {
            "reading": "count only announced conclusions and some also inferred ones",
            "languages": f"were read in {listed}",
            "choice_score": "score choices by the sum and some by the mean of log-probabilities",
        }[setting]
        flag = f"--{setting.replace('_', '-')}"
        raise click.UsageError(f"some runs {what}: evaluate all of them with the same {flag}")


def _figures_table(systems: Mapping[str, Seeds]) -> str:
    """A line for each run and seed: its accuracies, and the way that its student chose."""
    from teachback import evaluation
    from teachback.cli import show

    rows = []
    for name, seeds in systems.items():
        for seed, run in seeds.items():
            figures = evaluation.measure(run.predictions, run.kind, run.threshold)
            rows.append(
                [
                    name,
                    str(seed),
                    *show.way(figures.direct)[:2],
                    *show.way(figures.explained)[:2],
                    run.way,
                    *show.adaptive(figures),
                ]
            )
    # Columns of a way that no student has would only take room.
    some = any(row[len(_HEAD)] != NOTHING for row in rows)
    head = [*_HEAD, *_ADAPTIVE_HEAD] if some else _HEAD
    return show.table(head, [row[: len(head)] for row in rows])


def _compared(a: tuple[str, Seeds], b: tuple[str, Seeds], way: ComparedWay) -> Comparison:
    """Run ``a`` minus run ``b``, each with its name."""
    from teachback.evaluation import compare_systems

    if way == "explained" and not all(_explains(seeds) for _, seeds in (b, a)):
        raise click.UsageError("not all runs have explained answers: evaluate --explain")
    return compare_systems(a[1], b[1], way=way, names=(a[0], b[0]))


def _explains(seeds: Seeds) -> bool:
    return all(p.explained_correct is not None for run in seeds.values() for p in run.predictions)


def _say_verdicts(comparisons: Sequence[Comparison], adjusted: Sequence[float]) -> None:
    """Each comparison in a sentence, and then each of its seeds."""
    from teachback.evaluation import verdict

    several = len(comparisons) > 1
    for comparison, p in zip(comparisons, adjusted, strict=True):
        say(verdict(comparison, adjusted_p=p if several else None))
    for comparison in comparisons:
        for seed in comparison.seeds:
            say(
                f"  seed {seed.seed}, {comparison.a} against {comparison.b} "
                f"({comparison.in_words}): only {comparison.a} is right on {seed.only_a}, only "
                f"{comparison.b} on {seed.only_b}; exact McNemar {p_in_words(seed.p)} (about these "
                "two models only)"
            )
