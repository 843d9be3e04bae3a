"""What a study shows: every comparison tested, and the difference that it could see."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from teachback.errors import DataError
from teachback.evaluation import (
    LEVEL,
    Comparison,
    compare,
    detectable_difference,
    finding,
    has_two_answers,
    holm,
    in_way,
    verdict,
    why_not_offered,
)
from teachback.records import ComparedWay, Prediction
from teachback.runs.evaluations import EvaluatedRun, read_run
from teachback.runs.folders import test_in_train
from teachback.studies.config import StudyFile
from teachback.studies.family import pairs
from teachback.studies.planned import PlannedCell, StudyDataset
from teachback.studies.schema import (
    CellResult,
    Detectable,
    Pair,
    VerdictRow,
    Verdicts,
    cell_folder,
    result_of,
)

DISCORDANCE = 0.25
"""Assumed before there are results: items that exactly one of two students has right."""

SEED_SD = 0.03
"""Assumed: standard deviation over seeds of the true difference in accuracy."""

PERSISTENCE = 0.5
"""Assumed: correlation of an item's difference between seeds."""

POWER = 0.8
"""The power at which a difference counts as detectable."""


def all_verdicts(
    folder: Path,
    study: StudyFile,
    datasets: Sequence[StudyDataset],
    cells: Sequence[PlannedCell],
    family: Sequence[Pair],
) -> Verdicts:
    """All comparisons of the study in ``folder``, as far as its cells have results."""
    answers = _AnswersOfCells(folder)
    confirmatory = [_compared(pair, answers) for pair in family]
    # One that is still missing counts as not shown, so that what is there is tested as it will be.
    adjusted = holm([1.0 if isinstance(found, str) else found.p for found in confirmatory])
    rest = [
        pair
        for pair in pairs(study, cells)
        if not any(map(pair.is_same, family))
        and (pair.way != "adaptive" or answers.some_adaptive(pair))
    ]
    return Verdicts(
        confirmatory=tuple(
            verdict_row(pair, found, p)
            for pair, found, p in zip(family, confirmatory, adjusted, strict=True)
        ),
        exploratory=tuple(verdict_row(pair, _compared(pair, answers), None) for pair in rest),
        test_in_train={one.name: test_in_train(one.train, one.test) for one in datasets},
        detectable={one.name: detectable(one, study, family) for one in datasets},
    )


def detectable(data: StudyDataset, study: StudyFile, family: Sequence[Pair]) -> Detectable:
    """The difference that this dataset's test file shows at 80% power, and what it assumes."""
    items = len({(e.id if e.group is None else None, e.group) for e in data.test})
    seeds = min((pair.seeds for pair in family), default=len(study.study.seeds))
    tests = max(1, len(family))

    def at(alpha: float) -> float | None:
        if items < 2 or seeds < 1:  # a damaged family may have no seed in common
            return None
        return detectable_difference(
            items, seeds, DISCORDANCE, SEED_SD, alpha=alpha, persistence=PERSISTENCE
        )

    return Detectable(
        items=items,
        seeds=seeds,
        power=POWER,
        discordance=DISCORDANCE,
        seed_sd=SEED_SD,
        persistence=PERSISTENCE,
        difference=at(LEVEL),
        family=tests,
        in_family=at(LEVEL / tests),
    )


class _AnswersOfCells:
    """Predictions of finished cells, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, EvaluatedRun | None] = {}
        self._results: dict[str, CellResult | None] = {}

    def _result(self, address: str) -> CellResult | None:
        if address not in self._results:
            self._results[address] = result_of(self._folder, address)
        return self._results[address]

    def _run(self, address: str) -> EvaluatedRun | None:
        if address not in self._read:
            result = self._result(address)
            done = result is not None and result.status == "done"
            self._read[address] = read_run(cell_folder(self._folder, address)) if done else None
        return self._read[address]

    def of(self, address: str, way: ComparedWay) -> list[Prediction] | None:
        """A cell's answers in a way; None where it has no result."""
        run = self._run(address)
        if run is None:
            return None
        return in_way(run.predictions, way, address, chosen=run.way, threshold=run.threshold)

    def some_adaptive(self, pair: Pair) -> bool:
        """Whether a finished cell of either side has the adaptive way, as far as can be read."""
        for address in (*pair.a_cells.values(), *pair.b_cells.values()):
            with contextlib.suppress(DataError):
                run = self._run(address)
                if run is not None and run.threshold is not None:
                    return True
        return False

    def why_not_adaptive(self, pair: Pair) -> str | None:
        """Why a finished cell of the pair has no adaptive way; None where all have."""
        for address in (*pair.a_cells.values(), *pair.b_cells.values()):
            run, result = self._run(address), self._result(address)
            if run is None or result is None or run.threshold is not None:
                continue
            if has_two_answers(run.predictions):
                return why_not_offered(result.valid_questions)
        return None

    def caveats(self, pair: Pair, seeds: Sequence[int]) -> tuple[str, ...]:
        """What is to be said where the two students of a seed were computed on different kinds of
        processors."""
        mixed, kinds = [], set()
        for seed in seeds:
            both = {self._processor(side[seed]) for side in (pair.a_cells, pair.b_cells)}
            both -= {None}
            if len(both) > 1:
                mixed.append(str(seed))
                kinds |= both
        if not mixed:
            return ()
        named = f"seed {mixed[0]}" if len(mixed) == 1 else f"seeds {', '.join(mixed)}"
        return (
            f"the two students of {named} were computed on different kinds of processors "
            f"({'; '.join(sorted(map(str, kinds)))})",
        )

    def _processor(self, address: str) -> str | None:
        """What a cell's student was computed on; None where that is not known, or there is none."""
        result = self._result(address)
        return result.processor if result is not None and result.precision is not None else None


def _compared(pair: Pair, answers: _AnswersOfCells) -> Comparison | str:
    """The comparison, or why there is none yet."""
    seeds = sorted(set(pair.a_cells) & set(pair.b_cells))
    a: dict[int, list[Prediction]] = {}
    b: dict[int, list[Prediction]] = {}
    try:
        if pair.way == "adaptive" and (reason := answers.why_not_adaptive(pair)) is not None:
            return reason
        for seed in seeds:
            own = answers.of(pair.a_cells[seed], pair.way)
            theirs = answers.of(pair.b_cells[seed], pair.way)
            if own is not None and theirs is not None:
                a[seed], b[seed] = own, theirs
        if len(a) < len(seeds):
            return f"not known: {len(a)} of {len(seeds)} seeds have both results"
        of = "" if pair.way == "direct" else f" ({pair.way} way)"
        found = compare(a, b, names=(f"{pair.a}{of}", f"{pair.b}{of}"))
        return replace(found, caveats=(*found.caveats, *answers.caveats(pair, seeds)))
    except DataError as error:
        return f"not known: {error}"


def verdict_row(pair: Pair, found: Comparison | str, p_holm: float | None) -> VerdictRow:
    """A comparison as it is written down; ``found`` is text where there is none yet.

    ``p_holm`` None: the pair was not declared beforehand.
    """
    row = partial(
        VerdictRow,
        dataset=pair.dataset,
        a=pair.a,
        b=pair.b,
        way=pair.way,
        seeds=pair.seeds,
        **asdict(pair.setting),
    )
    if isinstance(found, str):
        return row(
            items=None,
            difference=None,
            low=None,
            high=None,
            p=None,
            p_holm=None,
            df=None,
            finding=None,
            caveats=(),
            verdict=found,
            mcnemar=(),
        )
    declared = p_holm is not None
    return row(
        items=found.n_items,
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p,
        p_holm=p_holm,
        df=found.df,
        finding=finding(found, adjusted_p=p_holm, declared=declared),
        caveats=found.caveats,
        verdict=verdict(found, adjusted_p=p_holm, declared=declared),
        mcnemar=found.seeds,
    )
