"""Predictions: what a student, or a prompted teacher, says about labelled examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from teachback.config import EvaluateConfig
from teachback.explaining.session import TeacherSession
from teachback.questions import parse, same_answer
from teachback.records import Example, Prediction, RequestKind
from teachback.students.answering import Answered, Effort, answers
from teachback.students.student import Student
from teachback.system.progress import SILENT, Progress


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall seconds and generated tokens for 1,000 answers, the two ways apart."""

    direct_seconds: float
    direct_tokens: float
    explained_seconds: float | None
    explained_tokens: float | None
    unfinished: int
    """Explanations that hit the length limit before their end token."""


def predict(
    student: Student,
    examples: Sequence[Example],
    config: EvaluateConfig | None = None,
    *,
    progress: Progress = SILENT,
    what: str = "answer",
) -> tuple[list[Prediction], Cost]:
    """Ask ``student`` every example; predictions in the examples' order, and their cost."""
    config = config or EvaluateConfig()
    # ST has learnt no explanation task: what it would write there is noise.
    explain = config.explain and student.card.objective != "st"
    effort = Effort()
    found: dict[int, Answered] = {}
    with progress.track(len(examples), what, unit="questions") as step:
        for index, answered in answers(
            student,
            examples,
            explain=explain,
            choice_score=config.choice_score,
            batch_size=config.batch_size,
            max_new_tokens=config.max_new_tokens,
            effort=effort,
        ):
            found[index] = answered
            # A batch is answered at once; counting it bit by bit would make the rate a lie.
            if len(found) % config.batch_size == 0:
                step.advance(config.batch_size)
        step.advance(len(found) % config.batch_size)
    predictions = [prediction(e, found[i]) for i, e in enumerate(examples)]
    explained = explain or student.card.objective == "cot"
    thousand = 1000 / max(len(examples), 1)
    if student.card.objective == "cot":
        # Its direct answer is the conclusion of what it generates.
        effort.direct_seconds += effort.explained_seconds
        effort.direct_tokens += effort.explained_tokens
    return predictions, Cost(
        direct_seconds=effort.direct_seconds * thousand,
        direct_tokens=effort.direct_tokens * thousand,
        explained_seconds=effort.explained_seconds * thousand if explained else None,
        explained_tokens=effort.explained_tokens * thousand if explained else None,
        unfinished=effort.unfinished,
    )


def prediction(example: Example, answered: Answered) -> Prediction:
    """What was answered, held against gold."""
    explained = answered.explanation is not None
    return Prediction(
        id=example.id,
        gold=example.answer,
        answer=answered.answer,
        correct=same_answer(example, answered.answer),
        unparsed=answered.answer is None,
        group=example.group,
        probabilities=answered.probabilities,
        explanation=answered.explanation,
        explained_answer=answered.explained_answer,
        explained_correct=same_answer(example, answered.explained_answer) if explained else None,
    )


def predict_by_prompting(
    session: TeacherSession,
    examples: Sequence[Example],
    *,
    explain: bool = True,
    direct: bool = True,
    progress: Progress = SILENT,
) -> list[Prediction]:
    """The teacher itself as a baseline: asked directly and, with ``explain``, by chain of
    thought, once each, through the session's store, so that it is paid once. No reply counts as
    unparsed. Without ``direct``, the chain's conclusion is the answer, as it is a CoT student's.
    """
    kinds: dict[RequestKind, bool] = {"direct": direct, "cote": explain}
    for kind, wanted in kinds.items():
        if wanted:
            session.ask(examples, kind, samples=1, progress=progress)
    predictions: list[Prediction] = []
    for example in examples:
        answer = None
        if direct:
            reply = session.reply(example, "direct")
            answer = parse(example, reply.text, bare=True).answer if reply else None
        explanation = explained_answer = None
        if explain:
            chain = session.reply(example, "cote")
            parsed = parse(example, chain.text if chain else "")
            explanation, explained_answer = parsed.explanation, parsed.answer
            answer = answer if direct else explained_answer
        predictions.append(
            prediction(example, Answered(answer, None, explanation, explained_answer))
        )
    return predictions
