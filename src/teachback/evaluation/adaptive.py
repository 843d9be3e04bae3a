"""The adaptive way: answer directly, and explain first where the direct answer is unsure.

An answer's *margin* says how sure it is; below the student's *threshold* it explains first and
answers as the explanation concludes. The threshold is chosen on ``valid``. Direct and explained
answers are the two ends of this way, so that on few questions it wins by chance alone: there are
only five candidates, the cheapest that is not clearly worse than the best is taken, and with fewer
than `LEAST_QUESTIONS` there is no threshold at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teachback.evaluation.crossed import estimate_difference
from teachback.records import Answer, Cost, Prediction

LEAST_QUESTIONS = 200
"""Of ``valid``, for a threshold to be chosen."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""The candidates: so much of what can be read of ``valid`` has a smaller margin and is explained.
What cannot be read, every candidate explains."""

ALWAYS = 2.0
"""The threshold above every margin."""


def margin_of(answer: Prediction | Answer) -> float:
    """How sure a direct answer is.

    Where the possible answers can be listed: the difference of the two greatest probabilities, in
    [0, 1]. Where it is generated: its log-probability, at most 0. Minus infinity for an answer that
    cannot be read, and where nothing says how sure it is.
    """
    if _said(answer) is None:
        return -math.inf
    if answer.probabilities is not None:
        shares = sorted(answer.probabilities.values(), reverse=True)
        return shares[0] - (shares[1] if len(shares) > 1 else 0.0)
    return -math.inf if answer.log_probability is None else answer.log_probability


def confidence_of(answer: Prediction | Answer) -> float:
    """What direct answers are ranked by, from the surest down: the probability of the answer, or
    the log-probability of one that is generated; minus infinity as in `margin_of`."""
    said = _said(answer)
    if said is not None and answer.probabilities is not None:
        return answer.probabilities.get(said, 0.0)
    return margin_of(answer)


def has_margins(predictions: Sequence[Prediction]) -> bool:
    """Whether anything says how sure these answers are: not so where a conclusion is the direct
    answer, and for answers that were generated before their log-probability was recorded."""
    return any(margin_of(p) > -math.inf for p in predictions)


def _said(answer: Prediction | Answer) -> str | None:
    return answer.answer if isinstance(answer, Prediction) else answer.direct_answer


def is_unsure(margin: float, threshold: float) -> bool:
    """Whether a direct answer of this margin is to be explained first."""
    return margin < threshold


@dataclass(frozen=True, slots=True)
class Candidate:
    """A threshold on ``valid``: what share of it is explained, and what share is then right."""

    threshold: float
    explained: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """The candidates, the fewest explained first, and the place of the one that was taken.
    ``direct_accuracy``: the share of direct answers that are right."""

    questions: int
    direct_accuracy: float
    candidates: tuple[Candidate, ...]
    taken: int

    @property
    def threshold(self) -> float:
        return self.candidates[self.taken].threshold

    def line(self) -> str:
        """For people."""
        own = self.candidates[self.taken]
        return (
            f"adaptive (exploratory): on valid it explains {100 * own.explained:.0f}% of "
            f"{self.questions} questions, those with a margin below {own.threshold:.3g}; accuracy "
            f"{own.accuracy:.3f}, with none explained {self.direct_accuracy:.3f}, with all "
            f"{self.candidates[-1].accuracy:.3f}"
        )


def choose_threshold(
    predictions: Sequence[Prediction], groups: NDArray[np.int64]
) -> ThresholdChoice | None:
    """The threshold by the answers to ``valid``, which must hold both ways.

    ``groups`` (items,): the unit of each item, numbered from 0. Of the candidates of `SHARES` the
    best has the most right answers, the cheapest of equals. The cheapest candidate is taken whose
    mean difference from the best, over items, is at most the standard error of that mean; both are
    of the same items, so the differences are paired. None where there are fewer than
    `LEAST_QUESTIONS`, none has a margin, or one has no explained answer.
    """
    by_margin = np.array([margin_of(p) for p in predictions])
    readable = sorted(by_margin[by_margin > -math.inf].tolist())
    if (
        len(predictions) < LEAST_QUESTIONS
        or not readable
        or any(p.explained_correct is None for p in predictions)
        or int(groups.max()) == 0
    ):
        return None
    direct = np.array([p.correct for p in predictions], dtype=np.int64)
    explained = np.array([bool(p.explained_correct) for p in predictions], dtype=np.int64)
    candidates, outcomes = [], []
    for share in SHARES:
        place = round(share * len(readable))
        threshold = readable[place] if place < len(readable) else ALWAYS
        unsure = by_margin < threshold
        right = np.where(unsure, explained, direct)
        candidates.append(Candidate(threshold, float(unsure.mean()), float(right.mean())))
        outcomes.append(right)
    best = max(range(len(SHARES)), key=lambda number: (outcomes[number].sum(), -number))

    def not_clearly_worse(number: int) -> bool:
        found = estimate_difference((outcomes[best] - outcomes[number])[:, None], groups)
        return found.difference <= math.sqrt(found.v_items)

    taken = next(number for number in range(len(SHARES)) if not_clearly_worse(number))
    return ThresholdChoice(len(predictions), float(direct.mean()), tuple(candidates), taken)


def why_not_offered(valid_questions: int | None) -> str:
    """Why a student that could explain has no threshold: ``valid_questions``, where that is known,
    are too few, or else none is recorded."""
    if valid_questions is not None and valid_questions < LEAST_QUESTIONS:
        return f"not offered: {valid_questions} valid questions, {LEAST_QUESTIONS} needed"
    return "not offered: no threshold is recorded"


def adaptive_seconds(cost: Cost, explained: float | None) -> float | None:
    """About how many seconds 1,000 adaptive answers take, of which this share is explained: all of
    them directly, and the explanations of the share. None where either was not measured."""
    if explained is None or cost.explained_seconds is None:
        return None
    return cost.direct_seconds + explained * cost.explained_seconds


def adaptive_tokens(cost: Cost, explained: float | None) -> float | None:
    """As `adaptive_seconds`: the tokens that are generated for them."""
    if explained is None or cost.explained_tokens is None:
        return None
    return cost.direct_tokens + explained * cost.explained_tokens
