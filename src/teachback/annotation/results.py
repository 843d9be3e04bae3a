"""What an annotation shows: shares, differences, agreement, and how carefully people read.

Everything is counted over items, each once: the answers of several annotators to one item are
averaged first (:mod:`teachback.quality.item_means`). Agreement is given as raw share, alpha and
prevalence together, since alpha alone misleads where nearly all say yes. Planted screens flag an
annotator and drop nobody.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from teachback.annotation.answers import Revision, standing
from teachback.annotation.criteria import PRIMARY, Mode
from teachback.annotation.judgements import Judgement, is_caught, is_same, judgements
from teachback.annotation.plan import Plan
from teachback.evaluation.metrics import clusters
from teachback.evaluation.paired import holm
from teachback.files.rows import Row
from teachback.quality.agreement import krippendorff_alpha, prevalence, raw_agreement
from teachback.quality.item_means import ItemMean, mean_difference, mean_share
from teachback.versioned import Versioned


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRow:
    """A measure of one system, in [0, 1] (``gain``: in [-1, 1]), with its 95% interval.

    ``against``: the other system of a preference. ``answers``: judgements that the items' means
    are made of.
    """

    measure: str
    system: str
    against: str | None
    share: float
    low: float | None
    high: float | None
    items: int
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """System ``a`` minus system ``b`` on the items that both were judged on, in points of share.

    A preference is the win rate of ``a`` over ``b`` minus one half; a gain of one system has no
    ``b``. ``p_holm``: of the primary measure, after Holm over all its differences.
    ``without_one``: the least and the largest difference when one annotator's answers are
    left out; None with one annotator.
    """

    measure: str
    a: str
    b: str | None
    primary: bool
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None = None
    items: int
    without_one: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow:
    """How far annotators agree on a measure, over what ``units`` of item and system several of
    them judged. ``prevailing``: the most frequent answer, of all answers, and ``prevalence`` its
    share. ``alpha``: Krippendorff's, nominal; None where one answer alone was given."""

    measure: str
    units: int
    raw: float
    alpha: float | None
    prevailing: str
    prevalence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatorRow:
    """How far somebody has come, and what the planted screens say of them. Times in seconds."""

    name: str
    answered: int
    planned: int
    contradictions: int
    caught: int
    repeats: int
    same: int
    median_seconds: float | None
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationResults:
    """``results.json``. ``primary``: the measure fixed before anyone answered."""

    identity: str
    mode: Mode
    primary: str
    systems: tuple[str, ...]
    items: int
    shares: tuple[ShareRow, ...]
    differences: tuple[DifferenceRow, ...]
    agreement: tuple[AgreementRow, ...]
    annotators: tuple[AnnotatorRow, ...]

    @property
    def complete(self) -> bool:
        """Whether everybody has answered every screen."""
        return all(one.answered == one.planned for one in self.annotators)


def _adjusted(rows: Sequence[DifferenceRow]) -> list[DifferenceRow]:
    """The same, the primary ones with their p-values after Holm."""
    adjusted = iter(holm([row.p for row in rows if row.primary and row.p is not None]))
    return [
        replace(row, p_holm=next(adjusted)) if row.primary and row.p is not None else row
        for row in rows
    ]


def _with_holm(row: Row) -> Row:
    """Version 1 lacks Holm's p-values."""
    rows = row.get("differences")
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        return row
    known = {
        number: one["p"]
        for number, one in enumerate(rows)
        if one.get("primary") is True and isinstance(one.get("p"), float) and 0 <= one["p"] <= 1
    }
    adjusted = dict(zip(known, holm(list(known.values())), strict=True))
    return {
        **row,
        "differences": [{**one, "p_holm": adjusted.get(n)} for n, one in enumerate(rows)],
    }


RESULTS_FILE = Versioned(AnnotationResults, (lambda row: row, _with_holm))

_FEW_CAUGHT = 0.5
"""An annotator who catches a smaller share of the planted contradictions is flagged, as is one who
answers a smaller share of the repeats alike."""


def measure_annotation(plan: Plan, revisions: Sequence[Revision]) -> AnnotationResults:
    """Count what is answered so far."""
    answered = standing(revisions)
    values = judgements(plan, answered)
    units = (int(number) for number in clusters(plan.items))
    groups = dict(zip((item.id for item in plan.items), units, strict=True))
    names = [system.name for system in plan.systems]
    primary = PRIMARY[plan.settings.mode]
    return AnnotationResults(
        identity=plan.identity,
        mode=plan.settings.mode,
        primary=primary,
        systems=tuple(names),
        items=len({one.item for one in values}),
        shares=tuple(_shares(values, groups, names)),
        differences=tuple(_adjusted(list(_differences(values, groups, names, primary)))),
        agreement=tuple(_agreement(values, names)),
        annotators=tuple(_annotator(plan, name, answered) for name in plan.settings.annotators),
    )


def _keys(values: Iterable[Judgement]) -> list[tuple[str, int, int | None]]:
    """The measures of systems, in the order of the page and of the systems."""
    measures = list(dict.fromkeys(one.measure for one in values))
    found = {(one.measure, one.system, one.against) for one in values}
    return sorted(found, key=lambda key: (measures.index(key[0]), key[1], key[2] or 0))


def _by_item(values: Iterable[Judgement]) -> dict[str, float]:
    """Item → the mean over its annotators."""
    found: dict[str, list[float]] = {}
    for one in values:
        found.setdefault(one.item, []).append(one.value)
    return {item: math.fsum(own) / len(own) for item, own in found.items()}


def _of(values: Sequence[Judgement], key: tuple[str, int, int | None]) -> list[Judgement]:
    return [one for one in values if (one.measure, one.system, one.against) == key]


def _shares(
    values: Sequence[Judgement], groups: dict[str, int], names: Sequence[str]
) -> Iterable[ShareRow]:
    for key in _keys(values):
        measure, system, against = key
        own = _of(values, key)
        means = _by_item(own)
        estimate: Callable[..., ItemMean] = mean_difference if measure == "gain" else mean_share
        found = estimate(list(means.values()), [groups[item] for item in means])
        yield ShareRow(
            measure=measure,
            system=names[system],
            against=None if against is None else names[against],
            share=found.mean,
            low=found.low,
            high=found.high,
            items=found.n_items,
            answers=len(own),
        )


_Contrast = Callable[[Sequence[Judgement]], dict[str, float]]
"""Judgements → item → difference."""


def _differences(
    values: Sequence[Judgement], groups: dict[str, int], names: Sequence[str], primary: str
) -> Iterable[DifferenceRow]:
    for measure, a, b, contrast in _contrasts(values):
        items = contrast(values)
        if not items:
            continue
        largest = {"preferred": 0.5, "gain": 1.0 if b is None else 2.0}.get(measure, 1.0)
        found = mean_difference(
            list(items.values()), [groups[item] for item in items], largest=largest
        )
        yield DifferenceRow(
            measure=measure,
            a=names[a],
            b=None if b is None else names[b],
            primary=measure == primary,
            difference=found.mean,
            low=found.low,
            high=found.high,
            p=found.p,
            items=found.n_items,
            without_one=_without_one(values, contrast),
        )


def _contrasts(
    values: Sequence[Judgement],
) -> Iterable[tuple[str, int, int | None, _Contrast]]:
    keys = _keys(values)
    for measure, a, against in keys:
        if against is not None and a < against:
            yield measure, a, against, _win_rate(measure, a, against)
        if measure == "gain":
            yield measure, a, None, _alone(measure, a)
    for measure in dict.fromkeys(key[0] for key in keys):
        systems = [system for name, system, against in keys if name == measure and against is None]
        for a, b in combinations(systems, 2):
            yield measure, a, b, _minus(measure, a, b)


def _alone(measure: str, a: int) -> _Contrast:
    return lambda values: _by_item(_of(values, (measure, a, None)))


def _win_rate(measure: str, a: int, b: int) -> _Contrast:
    def contrast(values: Sequence[Judgement]) -> dict[str, float]:
        own = _by_item(_of(values, (measure, a, b)))
        return {item: rate - 0.5 for item, rate in own.items()}

    return contrast


def _minus(measure: str, a: int, b: int) -> _Contrast:
    def contrast(values: Sequence[Judgement]) -> dict[str, float]:
        """By item, over the annotators who judged both systems."""
        found: dict[str, list[float]] = {}
        own = {(one.item, one.annotator): one.value for one in _of(values, (measure, a, None))}
        for one in _of(values, (measure, b, None)):
            if (one.item, one.annotator) in own:
                difference = own[one.item, one.annotator] - one.value
                found.setdefault(one.item, []).append(difference)
        return {item: math.fsum(each) / len(each) for item, each in found.items()}

    return contrast


def _without_one(values: Sequence[Judgement], contrast: _Contrast) -> tuple[float, float] | None:
    annotators = sorted({one.annotator for one in values})
    if len(annotators) < 2:
        return None
    means = []
    for left_out in annotators:
        items = contrast([one for one in values if one.annotator != left_out])
        if items:
            means.append(math.fsum(items.values()) / len(items))
    return (min(means), max(means)) if means else None


def _agreement(values: Sequence[Judgement], names: Sequence[str]) -> Iterable[AgreementRow]:
    for measure in dict.fromkeys(one.measure for one in values):
        if measure == "gain":
            continue  # a difference of what the other two have
        units: dict[tuple[str, int, int | None], list[str]] = {}
        for one in values:
            if one.measure == measure and (one.against is None or one.system < one.against):
                units.setdefault((one.item, one.system, one.against), []).append(one.category)
        raw = raw_agreement(list(units.values()))
        if raw is None:
            continue
        shares = prevalence(list(units.values()))
        prevailing, share = next(iter(shares.items()))
        is_system = measure == "preferred" and str(prevailing).isdigit()
        yield AgreementRow(
            measure=measure,
            units=sum(len(unit) > 1 for unit in units.values()),
            raw=raw,
            alpha=krippendorff_alpha(list(units.values())),
            prevailing=names[int(str(prevailing))] if is_system else str(prevailing),
            prevalence=share,
        )


def _annotator(plan: Plan, name: str, answered: dict[str, Revision]) -> AnnotatorRow:
    screens = plan.of_annotator(name)
    own = [screen for screen in screens if screen.id in answered]
    said = {screen.id: dict(answered[screen.id].answers or {}) for screen in own}
    denied = [screen for screen in own if screen.planted == "contradiction"]
    caught = sum(is_caught(screen, said[screen.id]) for screen in denied)
    repeats = [screen for screen in own if screen.planted == "repeat" and screen.of in said]
    same = sum(is_same(said[str(screen.of)], said[screen.id]) for screen in repeats)
    seconds = [answered[screen.id].seconds for screen in own]
    return AnnotatorRow(
        name=name,
        answered=len(own),
        planned=len(screens),
        contradictions=len(denied),
        caught=caught,
        repeats=len(repeats),
        same=same,
        median_seconds=statistics.median(seconds) if seconds else None,
        flagged=caught < _FEW_CAUGHT * len(denied) or same < _FEW_CAUGHT * len(repeats),
    )


def exported_rows(plan: Plan, revisions: Sequence[Revision]) -> Iterable[dict[str, object]]:
    """A row for each answer that stands, with all that it was an answer to."""
    answered = standing(revisions)
    times: dict[str, int] = {}
    for revision in revisions:
        times[revision.screen] = times.get(revision.screen, 0) + (revision.answers is not None)
    for name in plan.settings.annotators:
        for position, screen in enumerate(plan.of_annotator(name), 1):
            if screen.id not in answered:
                continue
            revision = answered[screen.id]
            yield {
                "annotator": name,
                "position": position,
                "item": screen.item,
                "systems": [plan.systems[number].name for number in screen.systems],
                "planted": screen.planted,
                "answers": dict(revision.answers or {}),
                "note": revision.note,
                "seconds": revision.seconds,
                "made": revision.made,
                "times_answered": times[screen.id],
            }
