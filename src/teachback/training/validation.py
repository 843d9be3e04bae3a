"""What the answers to ``valid`` decide: the epoch that is kept, and the student's own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from teachback.config import EvaluateConfig
from teachback.evaluation.ways import WAYS, better_way, has_choice, is_settled
from teachback.objectives import OBJECTIVES
from teachback.questions import candidates, same_answer
from teachback.records import Example, Way
from teachback.students.answering import Effort, answers
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
    return _right_directly(student, valid, config) / max(1, len(valid))


@dataclass(frozen=True, slots=True)
class WayChoice:
    """How the way was chosen. ``explained``: so many of the ``valid`` questions were explained,
    ``unfinished`` of them up to the ``limit`` of tokens."""

    valid: int
    explained: int
    unfinished: int
    limit: int

    def lines(self, way: Way) -> list[str]:
        """For people, where there is something to say."""
        found = []
        if self.explained < self.valid:
            found.append(
                f"chosen on valid: {way}; {self.explained} of {self.valid} questions were "
                "explained, and the others could not have changed the choice"
            )
        note = limit_note(self.unfinished, self.explained, self.limit)
        return [*found, note] if note else found


def choose_way(
    student: StudentModel,
    valid: Sequence[Example],
    config: EvaluateConfig,
    progress: Progress,
    *,
    whole: bool = False,
) -> WayChoice | None:
    """Write the better way of answering on valid into the student's card, with both accuracies.

    Explanations, which take the time, are asked for in batches and no longer than the choice
    depends on them; with ``whole`` for all of valid. None where there is nothing to choose from.
    """
    if not has_choice(student.card.objective):
        return None
    # A CoT student has one task, whose accuracy is measured: there is nothing to settle.
    both = _answers_directly(student)
    own = processes.own_share(valid)
    limit = config.max_new_tokens or student.card.explanation_limit
    direct = sum(processes.gathered(_right_directly(student, own, config))) if both else 0
    asked = right = unfinished = 0
    rounds = max(-(-count // _BATCH) for count in processes.gathered(len(own)))
    with progress.track(len(own), "choose the way of answering on valid", unit="questions") as step:
        for begin in range(0, rounds * _BATCH, _BATCH):
            if both and not whole and is_settled(direct, right, len(valid) - asked):
                break
            batch = own[begin : begin + _BATCH]
            # All processes get all counts, and so end together.
            for counts in processes.gathered(_explained(student, batch, config)):
                asked, right, unfinished = (
                    total + count
                    for total, count in zip((asked, right, unfinished), counts, strict=True)
                )
            step.advance(len(batch))
    counted: dict[Way, int] = {"direct": direct if both else right, "explained": right}
    of: dict[Way, int] = {"direct": len(valid) if both else asked, "explained": asked}
    student.with_card(
        way=better_way(counted),
        valid={way: counted[way] / of[way] for way in WAYS if of[way]},
        valid_asked=of,
    )
    return WayChoice(len(valid), asked, unfinished, limit)


_BATCH = 16
"""Questions explained between two looks at whether the choice is settled."""


def _right_directly(
    student: StudentModel, questions: Sequence[Example], config: EvaluateConfig
) -> int:
    """How many of ``questions`` are answered right directly."""
    found = answers(
        student, questions, choice_score=config.choice_score, reading=config.reply_reading
    )
    return sum(same_answer(questions[i], a.direct_answer) for i, a in found)


def _explained(
    student: StudentModel, questions: Sequence[Example], config: EvaluateConfig
) -> tuple[int, int, int]:
    """How many ``questions`` there are, are concluded right, and ran into the limit."""
    effort = Effort()
    found = answers(
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
    right = sum(same_answer(questions[i], a.explained_answer) for i, a in found)
    return len(questions), right, effort.unfinished
