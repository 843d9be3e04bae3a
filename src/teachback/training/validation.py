"""What the answers to ``valid`` decide: the epoch that is kept, and how the student answers (its
own way, the threshold of its adaptive way, its temperature)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from teachback.config import EvaluateConfig
from teachback.evaluation import ThresholdChoice, choose_threshold, fit_temperature
from teachback.evaluation.adaptive import LEAST_QUESTIONS
from teachback.evaluation.metrics import clusters
from teachback.evaluation.ways import WAYS, better_way, has_choice, is_settled
from teachback.objectives import OBJECTIVES
from teachback.questions import candidates, same_answer
from teachback.records import Answer, Example, Prediction, Way
from teachback.students.answering import Effort, answers, prediction
from teachback.students.limits import limit_note
from teachback.students.model import StudentModel
from teachback.system.progress import Progress
from teachback.training import processes


def is_scored(student: StudentModel, valid: Sequence[Example]) -> bool:
    """Whether the direct answers to valid are scored, rather than generated."""
    return _answers_directly(student) and all(candidates(example) for example in valid)


def _answers_directly(student: StudentModel) -> bool:
    objective = student.card.objective
    return objective is None or OBJECTIVES[objective].answers


def accuracy(student: StudentModel, valid: Sequence[Example], config: EvaluateConfig) -> float:
    """Accuracy of the direct answer on ``valid``; 0 where there is none."""
    right = sum(one.correct for one in _predictions(student, valid, config))
    return right / max(1, len(valid))


@dataclass(frozen=True, slots=True)
class WayChoice:
    """How the way was chosen. ``explained``: so many of the ``valid`` questions were explained,
    ``unfinished`` of them up to the ``limit`` of tokens. ``threshold``: how that of the adaptive
    way was chosen; None where that way is not offered."""

    valid: int
    explained: int
    unfinished: int
    limit: int
    both: bool = True
    """Whether there are two answers to choose from; a CoT student has but one."""
    threshold: ThresholdChoice | None = None

    def lines(self, way: Way) -> list[str]:
        """For people, where there is something to say."""
        found = []
        if self.explained < self.valid:
            found.append(
                f"chosen on valid: {way}; {self.explained} of {self.valid} questions were "
                "explained, and the others could not have changed the choice"
            )
        if self.threshold is not None:
            found.append(self.threshold.line())
        elif self.both and self.valid < LEAST_QUESTIONS:
            found.append(
                f"the adaptive way is not offered: valid has {self.valid} questions, and its "
                f"threshold needs {LEAST_QUESTIONS}"
            )
        elif self.both:
            found.append(
                "the adaptive way is not offered: nothing says how sure the direct answers are"
            )
        note = limit_note(self.unfinished, self.explained, self.limit)
        return [*found, note] if note else found


def settle_answering(
    student: StudentModel,
    valid: Sequence[Example],
    config: EvaluateConfig,
    progress: Progress,
    *,
    whole: bool = False,
) -> WayChoice | None:
    """Write into the student's card what its answers to ``valid`` settle: the better way of
    answering, with both accuracies; the threshold of its adaptive way; the temperature of its
    probabilities.

    Explanations, which take the time, are asked for in batches and no longer than the better way
    depends on them; for all of valid where there is a threshold to choose, or with ``whole``. None
    where there is nothing to choose from.
    """
    # A CoT student has one task, whose accuracy is measured: there is nothing to settle.
    both = _answers_directly(student)
    own = processes.own_share(valid)
    has_way = has_choice(student.card.objective)
    scored = is_scored(student, valid)
    if not has_way and not scored:
        return None
    predictions = _predictions(student, own, config) if both else []
    if scored:
        student.with_card(temperature=_temperature(_of_all(predictions)))
    if not has_way:
        return None
    whole = whole or (both and len(valid) >= LEAST_QUESTIONS)
    limit = config.max_new_tokens or student.card.explanation_limit
    direct = sum(processes.gathered(sum(p.correct for p in predictions)))
    asked = right = unfinished = 0
    explained: list[Answer] = []
    rounds = max(-(-count // _BATCH) for count in processes.gathered(len(own)))
    with progress.track(len(own), "choose the way of answering on valid", unit="questions") as step:
        for begin in range(0, rounds * _BATCH, _BATCH):
            if both and not whole and is_settled(direct, right, len(valid) - asked):
                break
            batch = own[begin : begin + _BATCH]
            told, cut = _explained(student, batch, config)
            explained += told
            counts = len(batch), _right(batch, told), cut
            # All processes get all counts, and so end together.
            for others in processes.gathered(counts):
                asked, right, unfinished = (
                    total + count
                    for total, count in zip((asked, right, unfinished), others, strict=True)
                )
            step.advance(len(batch))
    counted: dict[Way, int] = {"direct": direct if both else right, "explained": right}
    of: dict[Way, int] = {"direct": len(valid) if both else asked, "explained": asked}
    threshold = None
    if both and asked == len(valid):
        threshold = _threshold(_of_all(_with_explained(own, predictions, explained)))
    student.with_card(
        way=better_way(counted),
        valid={way: counted[way] / of[way] for way in WAYS if of[way]},
        valid_asked=of,
        threshold=None if threshold is None else threshold.threshold,
    )
    return WayChoice(len(valid), asked, unfinished, limit, both, threshold)


def _of_all(predictions: list[Prediction]) -> list[Prediction]:
    """Those of all processes."""
    return [one for own in processes.gathered(predictions) for one in own]


def _temperature(predictions: Sequence[Prediction]) -> float | None:
    known = [(p.probabilities, p.gold) for p in predictions if p.probabilities is not None]
    return fit_temperature([shares for shares, _ in known], [gold for _, gold in known])


def _threshold(predictions: Sequence[Prediction]) -> ThresholdChoice | None:
    return choose_threshold(predictions, clusters(predictions)) if predictions else None


_BATCH = 16
"""Questions explained between two looks at whether the choice is settled."""


def _predictions(
    student: StudentModel, questions: Sequence[Example], config: EvaluateConfig
) -> list[Prediction]:
    """The direct answers to ``questions``, in their order."""
    found = dict(
        answers(student, questions, choice_score=config.choice_score, reading=config.reply_reading)
    )
    return [prediction(example, found[place]) for place, example in enumerate(questions)]


def _explained(
    student: StudentModel, questions: Sequence[Example], config: EvaluateConfig
) -> tuple[list[Answer], int]:
    """The explained answers to ``questions``, in their order, and how many explanations ran into
    the limit."""
    effort = Effort()
    found = dict(
        answers(
            student,
            questions,
            explain=True,
            direct=False,
            choice_score=config.choice_score,
            batch_size=_BATCH,
            max_new_tokens=config.max_new_tokens,
            reading=config.reply_reading,
            effort=effort,
        )
    )
    return [found[place] for place in range(len(questions))], effort.unfinished


def _right(questions: Sequence[Example], explained: Sequence[Answer]) -> int:
    return sum(
        same_answer(example, answer.explained_answer)
        for example, answer in zip(questions, explained, strict=True)
    )


def _with_explained(
    questions: Sequence[Example], predictions: Sequence[Prediction], explained: Sequence[Answer]
) -> list[Prediction]:
    """``predictions`` with the explained answers beside the direct ones."""
    return [
        replace(
            one,
            explanation=answer.explanation,
            explained_answer=answer.explained_answer,
            explained_correct=same_answer(example, answer.explained_answer),
        )
        for example, one, answer in zip(questions, predictions, explained, strict=True)
    ]
