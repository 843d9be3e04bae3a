"""Answers of which the student is unsure go to a teacher; the threshold from labelled questions.

Confidence is the probability of the direct answer, also where the student explains: an explained
conclusion has nearly all the probability, right or wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import beta

from teachback.errors import DataError, TeachbackError
from teachback.explaining.session import TeacherSetup
from teachback.objectives import OBJECTIVES
from teachback.questions import KINDS
from teachback.records import Answer, Example, Objective, Prediction
from teachback.serving.confidence import at_temperature, confidence
from teachback.systems import predict_by_prompting

LEAST_QUESTIONS = 100
"""Labelled questions that a threshold needs."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Answers whose confidence is below ``below`` go to the teacher."""

    below: float
    share: float
    """Of the labelled questions that would go to the teacher."""
    accuracy: float
    """Of the answers that the student keeps."""
    lower: float
    """The lower bound of that accuracy (one-sided, 95%, over all thresholds tried)."""
    kept: int


def lower_bound(right: int, asked: int, error: float = 0.05) -> float:
    """The exact one-sided lower bound of a share (Clopper and Pearson 1934)."""
    return 0.0 if right == 0 else float(beta.ppf(error, right, asked - right + 1))


def without_probability(objective: Objective | None, kind: str) -> str | None:
    """Why the answers of a student of this objective to questions of this kind have no
    probability, as a sentence; None where they have one."""
    if objective is not None and not OBJECTIVES[objective].answers:
        return "this student answers by explaining, and such answers have no probability"
    asked = KINDS[kind]
    if asked.choices_from is None and not asked.candidates(Example("", "", "", kind)):
        return f"answers to {kind} questions are generated, and have no probability"
    return None


def find_threshold(
    predictions: Sequence[Prediction],
    correct: Sequence[bool],
    target: float,
    *,
    temperature: float | None = None,
    steps: int = 20,
) -> Threshold:
    """The lowest threshold at which what the student keeps is right at least ``target`` of the
    time, by its lower bound; ``correct``: in the way the server will answer; ``temperature``: what
    the server calibrates the probabilities of its answers with.

    ``steps`` shares to keep are tried, and the bound allows for all of them (Bonferroni). Raises
    DataError where there are too few questions, or no threshold does it.
    """
    if len(predictions) < LEAST_QUESTIONS:
        raise DataError(
            f"--target-accuracy needs {LEAST_QUESTIONS} labelled questions or more, and there are "
            f"{len(predictions)}: give a larger --labelled file"
        )
    rated = [
        (max(p.probabilities.values()) if p.probabilities else 0.0, right)
        for p, right in zip(
            [at_temperature(one, temperature) for one in predictions], correct, strict=True
        )
    ]
    ranked = sorted((one[0] for one in rated), reverse=True)
    for step in range(steps, 0, -1):
        below = 0.0 if step == steps else ranked[len(ranked) * step // steps - 1]
        kept = [right for sure, right in rated if sure >= below]
        bound = lower_bound(sum(kept), len(kept), 0.05 / steps)
        if bound >= target:
            share = 1 - len(kept) / len(rated)
            return Threshold(below, share, sum(kept) / len(kept), bound, len(kept))
    raise DataError(
        f"no threshold keeps answers of which {target:g} are right for certain: the student is not "
        "that good on these questions, or they are too few; lower --target-accuracy"
    )


class FallBack:
    """A teacher behind the student, asked through a store. A reply is read in English, the
    languages of the exemplars and that of its question."""

    def __init__(self, setup: TeacherSetup, store: Path, below: float) -> None:
        self._setup, self._store, self.below = setup, store, below
        self.teacher = setup.teacher.model

    def is_unsure(self, answer: Answer) -> bool:
        """Whether an answer goes to the teacher; one that has no probability never does, unless it
        cannot be read at all."""
        sure = confidence(answer)
        return answer.answer is None if sure is None else sure < self.below

    def ask(self, examples: Sequence[Example]) -> Iterator[tuple[int, str | Exception]]:
        """Of each question its place and the teacher's answer, or why there is none."""
        for place, example in enumerate(examples):
            yield place, self._ask(example)

    def _ask(self, example: Example) -> str | Exception:
        try:
            with self._setup.for_questions([example]).open(self._store) as session:
                found = predict_by_prompting(session, [example], explain=False)[0]
        except TeachbackError as error:
            return error
        return DataError("its reply cannot be read") if found.answer is None else found.answer
