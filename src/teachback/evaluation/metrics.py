"""How often is a student right, and how sure is that? One set of predictions at a time.

Comparing two students is :mod:`teachback.evaluation.paired`'s business: two overlapping
intervals from here do not say that two students are alike.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import scipy  # its parts take half a second and more to import, and are when they are first needed
from numpy.typing import NDArray

from teachback.errors import DataError
from teachback.evaluation.adaptive import has_margins
from teachback.evaluation.calibration import calibration_error
from teachback.evaluation.ways import in_way, unsure
from teachback.questions import KINDS, same_answer
from teachback.records import Example, Prediction

MAX_LABELS = 20
"""More distinct gold answers than this are not labels; per-label figures are left out."""

_Z = 1.959963984540054  # the 97.5% point of the normal distribution


@dataclass(frozen=True, slots=True)
class WayMetrics:
    """One way of answering. ``accuracy`` = right / all: what is unparsed is not right.

    ``low`` and ``high``: 95% interval, see :func:`accuracy_interval`. ``cut_off`` of the
    ``unparsed`` answers were ended by the limit on tokens.
    """

    n: int
    right: int
    accuracy: float
    low: float
    high: float
    unparsed: int
    cut_off: int = 0


@dataclass(frozen=True, slots=True)
class LabelMetrics:
    """The examples whose gold answer is ``label``, and how often it was answered at all."""

    label: str
    n: int
    right: int
    accuracy: float
    predicted: int


@dataclass(frozen=True, slots=True, repr=False)
class Metrics:
    """What one set of predictions shows. Shares and probabilities lie in [0, 1].

    ``explained`` and ``agreement`` are None where the explanation task was not run on all;
    the three probability figures, unless every prediction carries probabilities;
    ``labels``, where the gold answers are not labels (see :data:`MAX_LABELS`).
    ``calibration_error`` is that of the direct answer's probability as it is, without temperature
    (:func:`teachback.evaluation.calibration.calibration_error`). ``adaptive`` and
    ``adaptive_explained``, the share of answers that were explained for it, are None without a
    threshold, or where the predictions lack what that way needs.
    """

    kind: str
    n: int
    n_groups: int
    direct: WayMetrics
    explained: WayMetrics | None
    agreement: float | None
    gold_probability: float | None
    chosen_probability: float | None
    calibration_error: float | None
    labels: tuple[LabelMetrics, ...] | None
    adaptive: WayMetrics | None = None
    adaptive_explained: float | None = None

    def __repr__(self) -> str:
        ways = [
            ("direct", self.direct),
            ("explained", self.explained),
            ("adaptive", self.adaptive),
        ]
        shown = [f"{name} {way.right} of {way.n} right" for name, way in ways if way is not None]
        return f"{self.kind}: {', '.join(shown)}"


def measure(
    predictions: Sequence[Prediction], kind: str, threshold: float | None = None
) -> Metrics:
    """The figures of ``predictions``, all of question kind ``kind``.

    ``threshold``: of the adaptive way, where the student has one. Raises DataError where there are
    no predictions, an id stands twice, an unparsed answer counts as right, or some that need an
    explained answer have none: all or none of them, unless the adaptive way can do with what there
    is.
    """
    check(predictions)
    same = KINDS[kind].same
    groups = clusters(predictions)
    n = len(predictions)
    explained = None
    agreement = None
    explains = [p.explained_correct is not None for p in predictions]
    adaptive, adaptive_explained = _adaptive(predictions, groups, threshold)
    if any(explains) and (adaptive is None or all(explains)):
        explained = _way(in_way(predictions, "explained"), groups)
        agreeing = sum(
            p.answer is not None
            and p.explained_answer is not None
            and same(p.answer, p.explained_answer)
            for p in predictions
        )
        agreement = agreeing / n
    gold, chosen, calibration = _probabilities(predictions)
    return Metrics(
        kind=kind,
        n=n,
        n_groups=int(groups.max()) + 1,
        direct=_way(predictions, groups),
        explained=explained,
        agreement=agreement,
        gold_probability=gold,
        chosen_probability=chosen,
        calibration_error=calibration,
        labels=_labels(predictions, kind),
        adaptive=adaptive,
        adaptive_explained=adaptive_explained,
    )


def _adaptive(
    predictions: Sequence[Prediction],
    groups: NDArray[np.int64],
    threshold: float | None,
) -> tuple[WayMetrics | None, float | None]:
    """The adaptive way's figures, and the share that it explained."""
    if threshold is None or not has_margins(predictions):
        return None, None
    explained = unsure(predictions, threshold)
    if any(
        flag and p.explained_correct is None for flag, p in zip(explained, predictions, strict=True)
    ):
        return None, None
    brought = in_way(predictions, "adaptive", threshold=threshold)
    return _way(brought, groups), sum(explained) / len(explained)


def as_json(figures: Any) -> dict[str, Any]:
    """A Metrics or a Comparison as plain JSON values, for ``metrics.json``."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(figures).items()
    }


def check(predictions: Sequence[Prediction], what: str = "the predictions") -> None:
    """Raise DataError unless ``predictions`` can be counted; ``what`` names them in it."""
    if not predictions:
        raise DataError(f"{what}: there are none; evaluate on a file with at least one example")
    seen: set[str] = set()
    for prediction in predictions:
        if prediction.id in seen:
            raise DataError(
                f"{what}: the id {prediction.id!r} appears more than once; give each example its "
                "own id and evaluate again"
            )
        seen.add(prediction.id)
        if prediction.unparsed and prediction.correct:
            raise DataError(
                f"{what}: {prediction.id!r} is marked both unparsed and correct; "
                "evaluate again to write them again"
            )


class Grouped(Protocol):
    """What has an id and may have a group: an example, a prediction, an annotated item."""

    @property
    def id(self) -> str: ...

    @property
    def group(self) -> str | None: ...


def clusters(items: Sequence[Grouped]) -> NDArray[np.int64]:
    """The unit that each item belongs to: its group's number, from 0, as first seen.

    An item without a group is a unit of its own, also where a group is named like it.
    """
    numbers: dict[tuple[str, str], int] = {}
    keys = (("item", one.id) if one.group is None else ("group", one.group) for one in items)
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def accuracy_interval(right: NDArray[np.bool_], groups: NDArray[np.int64]) -> tuple[float, float]:
    """A 95% interval for the share of ``right``, both arrays of shape (items,).

    Wilson's interval where every item is a unit of its own. Where items share groups, the
    same with the effective number of items n* in place of n (Korn and Graubard 1998; with
    Wilson's interval in Dean and Pagano 2015):

        V  = G/(G-1) * sum_g (sum_{i in g} (y_i - p))^2 / n^2     p a ratio of sums
        n* = min(n, p(1-p)/V) * (z / t_{G-1})^2                   (Cochran 1977)

    so items that rise and fall together count as fewer, and few groups make a wide
    interval. Where all are right or all wrong, V cannot be estimated and the groups are
    what is counted.
    """
    n = len(right)
    p = float(right.mean())
    n_groups = int(groups.max()) + 1
    if n_groups == n:
        return wilson(p, n)
    if n_groups == 1:
        return wilson(p, 1)
    deviations = np.bincount(groups, weights=right - p)
    variance = n_groups / (n_groups - 1) * float(np.sum(deviations**2)) / n**2
    effective = float(n_groups)
    if 0 < p < 1:
        # Deviations that cancel within each group leave no variance: never more than n.
        effective = min(float(n), p * (1 - p) / variance) if variance > 0 else float(n)
    quantile = float(scipy.special.stdtrit(n_groups - 1, 0.975))
    return wilson(p, effective * (_Z / quantile) ** 2)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95% score interval for ``share`` of ``n`` items; ``n`` need not be whole."""
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return (
        0.0 if share == 0 else max(0.0, centre - half),
        1.0 if share == 1 else min(1.0, centre + half),
    )


def majority_label(train: Sequence[Example], test: Sequence[Example]) -> list[Prediction]:
    """The baseline that looks at no question: the most frequent answer of ``train``, for
    multiple choice the most frequent position of the gold answer (the question kind decides).

    Raises DataError where ``train`` is empty or the kinds differ.
    """
    if not train:
        raise DataError("the majority label needs at least one training example")
    kind = train[0].kind
    other = next((e for e in (*train, *test) if e.kind != kind), None)
    if other is not None:
        raise DataError(
            f"the majority label needs one question kind: {train[0].id!r} is {kind}, "
            f"{other.id!r} is {other.kind}"
        )
    answers = KINDS[kind].majority_answers(train, test)
    return [
        Prediction(
            id=e.id,
            gold=e.answer,
            answer=answer,
            correct=same_answer(e, answer),
            unparsed=False,
            group=e.group,
        )
        for e, answer in zip(test, answers, strict=True)
    ]


def _way(predictions: Sequence[Prediction], groups: NDArray[np.int64]) -> WayMetrics:
    right = np.array([p.correct for p in predictions], dtype=np.bool_)
    low, high = accuracy_interval(right, groups)
    return WayMetrics(
        n=len(right),
        right=int(right.sum()),
        accuracy=float(right.mean()),
        low=low,
        high=high,
        unparsed=sum(p.unparsed for p in predictions),
        cut_off=sum(bool(p.cut_off) for p in predictions),
    )


def _probabilities(
    predictions: Sequence[Prediction],
) -> tuple[float | None, float | None, float | None]:
    """Mean probability of gold, mean probability of the chosen answer, calibration error.

    An answer that the probabilities do not name was given none.
    """
    gold: list[float] = []
    chosen: list[float] = []
    for p in predictions:
        if p.probabilities is None:
            return None, None, None
        gold.append(p.probabilities.get(p.gold, 0.0))
        chosen.append(0.0 if p.answer is None else p.probabilities.get(p.answer, 0.0))
    confidence = np.array(chosen)
    right = np.array([p.correct for p in predictions], dtype=np.bool_)
    return (
        float(np.mean(gold)),
        float(confidence.mean()),
        calibration_error(confidence, right),
    )


def _labels(predictions: Sequence[Prediction], kind: str) -> tuple[LabelMetrics, ...] | None:
    """Per gold answer, the most frequent first; None where golds hardly ever recur."""
    golds = Counter(p.gold for p in predictions)
    if len(golds) > MAX_LABELS or 2 * len(golds) > len(predictions):
        return None
    same = KINDS[kind].same
    answered = Counter(p.answer for p in predictions if p.answer is not None)
    right = Counter(p.gold for p in predictions if p.correct)
    return tuple(
        LabelMetrics(
            label=label,
            n=n,
            right=right[label],
            accuracy=right[label] / n,
            predicted=sum(count for answer, count in answered.items() if same(answer, label)),
        )
        for label, n in golds.most_common()
    )
