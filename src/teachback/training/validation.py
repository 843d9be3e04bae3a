"""What the answers to ``valid`` decide: the epoch that is kept, and the student's own way."""

from __future__ import annotations

from collections.abc import Sequence

from teachback.config import EvaluateConfig
from teachback.evaluation.ways import WAYS, better_way, has_choice
from teachback.objectives import OBJECTIVES
from teachback.questions import candidates, same_answer
from teachback.records import Example, Way
from teachback.students.answering import answers
from teachback.students.model import StudentModel
from teachback.system.progress import Progress
from teachback.training import processes


def is_scored(student: StudentModel, valid: Sequence[Example]) -> bool:
    """Whether the direct answers to valid are scored, rather than generated."""
    objective = student.card.objective
    answers_directly = objective is None or OBJECTIVES[objective].answers
    return answers_directly and all(candidates(example) for example in valid)


def accuracy(student: StudentModel, valid: Sequence[Example], config: EvaluateConfig) -> float:
    """Accuracy of the direct answer on ``valid``; 0 where there is none."""
    found = answers(student, valid, choice_score=config.choice_score, reading=config.reading)
    right = sum(same_answer(valid[i], a.direct_answer) for i, a in found)
    return right / max(1, len(valid))


def choose_way(
    student: StudentModel, valid: Sequence[Example], config: EvaluateConfig, progress: Progress
) -> None:
    """Write the better way of answering on valid into the student's card, with both accuracies."""
    if not has_choice(student.card.objective):
        return
    own = processes.own_share(valid)
    shares = processes.gathered(_right(student, own, config, progress))
    right = {way: sum(share[way] for share in shares) for way in WAYS}
    student.with_card(
        way=better_way(right), valid={way: count / len(valid) for way, count in right.items()}
    )


def _right(
    student: StudentModel, valid: Sequence[Example], config: EvaluateConfig, progress: Progress
) -> dict[Way, int]:
    """How many of ``valid`` each way answers right."""
    right: dict[Way, int] = dict.fromkeys(WAYS, 0)
    batch = 32
    with progress.track(len(valid), "choose the way of answering on valid") as step:
        found = answers(
            student,
            valid,
            explain=True,
            choice_score=config.choice_score,
            batch_size=batch,
            max_new_tokens=config.max_new_tokens,
            reading=config.reading,
        )
        for number, (index, answer) in enumerate(found, 1):
            right["direct"] += same_answer(valid[index], answer.direct_answer)
            right["explained"] += same_answer(valid[index], answer.explained_answer)
            if number % batch == 0:  # a batch is answered at once
                step.advance(batch)
        step.advance(len(valid) % batch)
    return right
