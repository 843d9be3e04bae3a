"""Examples about which two objectives disagree, with what each system said and why.

They are drawn by a fixed seed from all such examples, as many in each direction: neither the
study's author nor this report picks them.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping
from dataclasses import dataclass

from teachback.errors import DataError
from teachback.formatting import count
from teachback.objectives import MULTI_TASK
from teachback.records import Example, Prediction
from teachback.reports.arms import Arm, Arms
from teachback.reports.folder import (
    ReportedCell,
    ReportedStudy,
    full_predictions,
    input_examples,
)
from teachback.reports.page import Block, Disagreement, Paragraph, Said, Section
from teachback.studies.factors import Setting
from teachback.studies.system_names import SYSTEM_NAMES

EACH_WAY = 3
"""Examples shown of each direction."""

DRAW_SEED = 0

_BASELINE = SYSTEM_NAMES["st"]


@dataclass(frozen=True, slots=True)
class _TwoSystems:
    """Two systems of one dataset, both finished under ``seed``."""

    dataset: str
    a: str
    b: str
    seed: int


def examples_section(study: ReportedStudy, arms: Arms) -> Section:
    """Where multi-task students and ST disagree, each pair of systems a part of its own."""
    settings = {dataset: arms.main(dataset) for dataset in arms.datasets}
    pairs = _pairs(study, arms, settings)
    if not pairs:
        text = (
            "There is nothing to compare: no seed has both a finished multi-task student and a "
            "finished ST."
        )
        return Section("Where objectives disagree", (Paragraph(text),))
    note = (
        f"Direct answers at the main setting. Of all test items that one system got right and the "
        f"other wrong, {EACH_WAY} in each direction are drawn at random (Python’s random.sample, "
        f"seed {DRAW_SEED}, from the ids in alphabetical order); nobody picked them. They show how "
        "the students write, not how often they are right: for that, see the tables."
    )
    questions: dict[str, dict[str, Example] | None] = {}
    parts = []
    systems: dict[str, dict[str, Prediction]] = {}
    read: tuple[str, int] | None = None
    for number, pair in enumerate(pairs):
        if pair.dataset not in questions:
            data = next(
                arm.first.spec.data for arm in arms.arms if arm.first.spec.dataset == pair.dataset
            )
            questions[pair.dataset] = input_examples(study, data.test_sha256, data.kind)
        if (pair.dataset, pair.seed) != read:
            systems = _systems(study, arms, settings[pair.dataset], pair)
            read = (pair.dataset, pair.seed)
        parts.append(_part(systems, pair, questions[pair.dataset], folded=number > 0))
    blocks: list[Block] = [Paragraph(note, "note")]
    if any(found is None for found in questions.values()):
        blocks.append(
            Paragraph(
                "The questions themselves are not shown where their file was not found: a study’s "
                "folder keeps only its hash.",
                "note",
            )
        )
    return Section("Where objectives disagree", tuple(blocks), tuple(parts))


def _pairs(study: ReportedStudy, arms: Arms, settings: Mapping[str, Setting]) -> list[_TwoSystems]:
    """Each multi-task objective against ST, those declared as confirmatory first."""
    rows = study.verdicts.confirmatory if study.verdicts else ()
    declared = [(row.dataset, row.a, row.b) for row in rows]
    multi = [
        label
        for objective in reversed(MULTI_TASK)
        for label in arms.systems
        if any(
            a.label == label and a.first.spec.objective == objective and not a.first.spec.control
            for a in arms.arms
        )
    ]
    wanted = [*declared, *((d, label, _BASELINE) for d in arms.datasets for label in multi)]
    pairs = []
    for dataset, a, b in dict.fromkeys(wanted):
        if dataset not in settings:
            continue
        one, other = (arms.find(dataset, label, settings[dataset]) for label in (a, b))
        if one is None or other is None:
            continue
        both = sorted(set(one.done) & set(other.done))
        if both:
            pairs.append(_TwoSystems(dataset, a, b, both[0]))
    return pairs


def _systems(
    study: ReportedStudy, arms: Arms, setting: Setting, pair: _TwoSystems
) -> dict[str, dict[str, Prediction]]:
    """What each system said of each item, explanations included; those that can be read."""
    systems: dict[str, dict[str, Prediction]] = {}
    for label in arms.systems:
        cell = _cell(arms.find(pair.dataset, label, setting), pair.seed)
        if cell is not None and cell.spec.control != "majority":
            with contextlib.suppress(DataError):
                systems[label] = {p.id: p for p in full_predictions(study, cell)}
    return systems


def _part(
    systems: dict[str, dict[str, Prediction]],
    pair: _TwoSystems,
    questions: dict[str, Example] | None,
    *,
    folded: bool,
) -> Section:
    """Both directions of one pair's disagreement, and examples of each."""
    title = f"{pair.dataset}: {pair.a} and {pair.b}, seed {pair.seed}"
    if pair.a not in systems or pair.b not in systems:
        return Section(title, (Paragraph("The predictions can no longer be read."),))
    ours, theirs = systems[pair.a], systems[pair.b]
    shared = sorted(set(ours) & set(theirs))
    only_a = [i for i in shared if ours[i].correct and not theirs[i].correct]
    only_b = [i for i in shared if theirs[i].correct and not ours[i].correct]
    blocks: list[Block] = []
    for winner, loser, ids in ((pair.a, pair.b, only_a), (pair.b, pair.a, only_b)):
        drawn = random.Random(DRAW_SEED).sample(ids, min(EACH_WAY, len(ids)))
        those = f"these {len(drawn)} of them" if len(drawn) < len(ids) else "all of them"
        shown = f" {those[:1].upper()}{those[1:]}:" if ids else ""
        of = f"{len(ids):,} of {count(len(shared), 'item')}"
        blocks.append(Paragraph(f"{winner} is right and {loser} is not on {of}.{shown}"))
        blocks += [_disagreement(i, (winner, loser), systems, questions) for i in drawn]
    return Section(title, tuple(blocks), folded=folded)


def _cell(arm: Arm | None, seed: int) -> ReportedCell | None:
    """An arm's cell of a seed, or its only one where it knows no seed."""
    if arm is None or not arm.done:
        return None
    if arm.first.spec.seed is None:
        return next(iter(arm.done.values()))
    return arm.done.get(seed)


def _disagreement(
    item: str,
    pair: tuple[str, str],
    systems: dict[str, dict[str, Prediction]],
    questions: dict[str, Example] | None,
) -> Disagreement:
    example = (questions or {}).get(item)
    others = [label for label in systems if label not in pair and item in systems[label]]
    return Disagreement(
        id=item,
        question=example.question if example else None,
        context=example.context if example else None,
        choices=example.choices if example else (),
        gold=systems[pair[0]][item].gold,
        said=tuple(_said(label, systems[label][item], with_explanation=True) for label in pair),
        others=tuple(_said(label, systems[label][item]) for label in others),
    )


def _said(system: str, p: Prediction, *, with_explanation: bool = False) -> Said:
    explained = with_explanation and p.explained_correct is not None
    return Said(
        system=system,
        answer=p.answer,
        verdict=_verdict(p.answer, p.correct),
        explanation=p.explanation if with_explanation else None,
        explained_answer=p.explained_answer if explained else None,
        explained_verdict=(
            _verdict(p.explained_answer, bool(p.explained_correct)) if explained else None
        ),
    )


def _verdict(answer: str | None, correct: bool) -> str:
    if answer is None:
        return "unparsed"
    return "right" if correct else "wrong"
