"""How a student answers: directly, and with an explanation.

Direct: the answer task alone; where the possible answers can be listed they are scored by
their log-probability, otherwise the answer is decoded greedily. Explained: the explanation
task is generated and its own conclusion read; MT-Re's explanation task draws none, so its
explained answer is the direct one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypedDict, Unpack

from teachback.errors import DataError, quoted
from teachback.evaluation.adaptive import is_unsure, margin_of
from teachback.evaluation.ways import adaptive_answer, answer_in, asked_way
from teachback.objectives import OBJECTIVES
from teachback.questions import (
    candidates,
    kind_for_question,
    parse,
    render,
    same_answer,
    say_answer,
)
from teachback.records import (
    EVERY_CONCLUSION,
    Answer,
    ComparedWay,
    Example,
    Prediction,
    ReplyReading,
    Role,
    Way,
)
from teachback.students.card import StudentCard
from teachback.students.generated import GeneratedText, Performed
from teachback.students.limits import ANSWER_TOKENS

ChoiceScore = Literal["sum", "mean"]


class AskableModel(Protocol):
    """What answering needs of a `teachback.students.model.StudentModel`."""

    card: StudentCard

    def same_tokens(self, left: str, right: str) -> bool: ...

    def perform(
        self,
        sources: Sequence[str],
        targets: Sequence[Sequence[str]],
        limits: Mapping[Role, int],
        batch_size: int,
    ) -> Iterator[tuple[int, Performed]]: ...


@dataclass(slots=True)
class Effort:
    """What answering cost: generated tokens and seconds, the two ways apart. A question that was
    read once for both ways counts in both, as each would have needed it alone."""

    direct_seconds: float = 0.0
    direct_tokens: int = 0
    explained_seconds: float = 0.0
    explained_tokens: int = 0
    unfinished: int = 0
    """Generations that hit the limit before the end token."""


class AnswerSettings(TypedDict, total=False):
    """How a student is asked, whichever way. ``choice_score``: ``sum`` of log-probabilities
    including the end token, or their ``mean`` per token; one setting for all systems compared.
    ``max_new_tokens`` bounds an explanation; unset, the student's card does. ``reading``: which of
    its conclusions count, see :func:`teachback.questions.parse`. ``effort`` is added to.
    """

    choice_score: ChoiceScore
    batch_size: int
    max_new_tokens: int | None
    reading: ReplyReading
    effort: Effort


def answers(
    student: AskableModel,
    examples: Sequence[Example],
    *,
    way: Way | None = None,
    explain: bool = False,
    direct: bool = True,
    choice_score: ChoiceScore = "sum",
    batch_size: int = 16,
    max_new_tokens: int | None = None,
    reading: ReplyReading = EVERY_CONCLUSION,
    effort: Effort | None = None,
) -> Iterator[tuple[int, Answer]]:
    """Answer every example; yields (its index, the answer) as they are finished,
    shortest questions first.

    ``way``: whose answer is the student's; None: its own way's. Without ``explain``, that can only
    be the direct one; without ``direct``, the student explains alone.

    The other arguments: see `AnswerSettings`.
    """
    effort = effort if effort is not None else Effort()
    limit = max_new_tokens or student.card.explanation_limit
    sources = [render(example) for example in examples]
    order = sorted(range(len(examples)), key=lambda i: len(sources[i]))
    objective = student.card.objective
    tasks = None if objective is None else OBJECTIVES[objective]
    # A CoT student knows no answer task: its conclusion is its direct answer.
    answers_directly = tasks is None or tasks.answers
    listed = [candidates(example) for example in examples]
    said: list[list[str]] = [[] for _ in examples]
    limits: dict[Role, int] = {}
    if direct and answers_directly:
        if all(listed):
            said = [
                [say_answer(example, candidate, student.card.answer_format) for candidate in own]
                for example, own in zip(examples, listed, strict=True)
            ]
        else:
            limits["answer"] = student.card.max_answer_tokens or ANSWER_TOKENS
    if explain or not answers_directly:
        limits["explanation"] = limit
    for place, done in student.perform(
        [sources[i] for i in order], [said[i] for i in order], limits, batch_size
    ):
        index = order[place]
        example = examples[index]
        _count(done, effort)
        answer: str | None = None
        probabilities: dict[str, float] | None = None
        log_probability: float | None = None
        text: str | None = None
        concluded: str | None = None
        cut_off: bool | None = None
        explained_cut_off: bool | None = None
        if done.scores:
            answer, probabilities = _best(
                student, listed[index], said[index], done.scores, choice_score
            )
        elif "answer" in done.generated:
            answer = parse(example, done.generated["answer"].text, bare=True).answer
            log_probability = _finite(done.generated["answer"].log_probability)
            cut_off = answer is None and not done.generated["answer"].complete
        if "explanation" in done.generated:
            text, concluded = _concluded(student, example, done.generated["explanation"], reading)
            explained_cut_off = concluded is None and not done.generated["explanation"].complete
        if not answers_directly:
            answer, cut_off = concluded, explained_cut_off
        elif tasks is not None and tasks.concludes is None and text is not None:
            concluded, explained_cut_off = answer, cut_off
        answered = answer_in(
            way or student.card.way,
            direct_answer=answer,
            explained_answer=concluded,
            explanation=text,
            probabilities=probabilities,
            log_probability=log_probability,
        )
        yield index, replace(answered, cut_off=cut_off, explained_cut_off=explained_cut_off)


def adaptive_answers(
    student: AskableModel,
    examples: Sequence[Example],
    threshold: float,
    **asking: Unpack[AnswerSettings],
) -> Iterator[tuple[int, Answer]]:
    """As `answers`, in the adaptive way: all examples directly, and only those explained whose
    direct answer's margin is below ``threshold``. Every example is yielded once: those that are
    answered directly first. ``effort`` then has the explanations of the unsure ones alone."""
    waiting: dict[int, Answer] = {}
    for index, answer in answers(student, examples, **asking):
        if is_unsure(margin_of(answer), threshold):
            waiting[index] = answer
        else:
            yield index, answer
    places = sorted(waiting)
    unsure = [examples[place] for place in places]
    for at, explained in answers(student, unsure, explain=True, direct=False, **asking):
        direct = waiting[places[at]]
        answered = answer_in(
            "explained",
            direct_answer=direct.direct_answer,
            explained_answer=explained.explained_answer,
            explanation=explained.explanation,
            probabilities=direct.probabilities,
            log_probability=direct.log_probability,
        )
        yield (
            places[at],
            replace(
                answered,
                cut_off=direct.cut_off,
                explained_cut_off=explained.explained_cut_off,
            ),
        )


def _finite(value: float | None) -> float | None:
    """A diverged student's probabilities are not numbers."""
    return value if value is not None and math.isfinite(value) else None


def _count(done: Performed, effort: Effort) -> None:
    """Add what one question took to ``effort``."""
    effort.direct_seconds += done.seconds.get("answer", 0.0)
    effort.explained_seconds += done.seconds.get("explanation", 0.0)
    if answer := done.generated.get("answer"):
        effort.direct_tokens += answer.tokens
    if explanation := done.generated.get("explanation"):
        effort.explained_tokens += explanation.tokens
        effort.unfinished += not explanation.complete


def _best(
    student: AskableModel,
    choices: Sequence[str],
    said: Sequence[str],
    scores: Sequence[tuple[float, int]],
    choice_score: ChoiceScore,
) -> tuple[str | None, dict[str, float] | None]:
    """The best of scored ``choices``, which are ``said`` so, and each one's probability."""
    values = [total / length if choice_score == "mean" else total for total, length in scores]
    top = max(values)
    # Scores that are not numbers (a diverged student) name no answer, be it but one of them.
    if not math.isfinite(top) or any(map(math.isnan, values)):
        return None, None
    chosen = said[values.index(top)]
    if any(text != chosen and student.same_tokens(text, chosen) for text in said):
        return None, None  # it cannot say which of the two it means
    shares = [math.exp(value - top) for value in values]
    total_share = sum(shares)
    return choices[values.index(top)], {
        choice: share / total_share for choice, share in zip(choices, shares, strict=True)
    }


def _concluded(
    student: AskableModel, example: Example, generated: GeneratedText, reading: ReplyReading
) -> tuple[str, str | None]:
    """The explanation and the answer it comes to."""
    objective = student.card.objective
    answer_first = objective is not None and OBJECTIVES[objective].concludes == "before"
    parsed = parse(example, generated.text, answer_first=answer_first, reading=reading)
    return parsed.explanation, parsed.answer


def prediction(example: Example, answer: Answer) -> Prediction:
    """What was answered, each way of it held against gold."""
    explained = answer.explanation is not None
    return Prediction(
        id=example.id,
        gold=example.answer,
        answer=answer.direct_answer,
        correct=same_answer(example, answer.direct_answer),
        unparsed=answer.direct_answer is None,
        group=example.group,
        probabilities=answer.probabilities,
        log_probability=answer.log_probability,
        explanation=answer.explanation,
        explained_answer=answer.explained_answer,
        explained_correct=same_answer(example, answer.explained_answer) if explained else None,
        cut_off=answer.cut_off,
        explained_cut_off=answer.explained_cut_off,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A question without a known answer; ``choices`` make it multiple choice."""

    question: str
    choices: tuple[str, ...] = ()
    context: str | None = None


def answer_questions(
    student: AskableModel,
    asked: Sequence[Asked],
    *,
    way: ComparedWay = "chosen",
    explain: bool = False,
    batch_size: int = 16,
) -> list[Answer]:
    """Answer in ``way``, by default the student's own; with ``explain``, explain in any case. The
    answers stand in the questions' order.

    The kind is the one it was trained on; where that takes no choices, a question's own make it
    multiple choice. Raises DataError where the student needs choices and none are given, or a
    question is empty, and ConfigError where the student cannot answer in that way.
    """
    own, threshold = way_on_card(student.card, way)
    if batch_size < 1:
        raise DataError(f"batch_size must be 1 or more, not {batch_size}")
    examples = [asked_example(student.card, number, one) for number, one in enumerate(asked, 1)]
    explain = explain or own == "explained"
    found: dict[int, Answer] = {}
    # By kind, so that a question is answered as if it were asked alone.
    for kind in dict.fromkeys(example.kind for example in examples):
        places = [place for place, example in enumerate(examples) if example.kind == kind]
        part = [examples[place] for place in places]
        given = (
            answers(student, part, way=own, explain=explain, batch_size=batch_size)
            if threshold is None or explain
            else adaptive_answers(student, part, threshold, batch_size=batch_size)
        )
        for index, answer in given:
            found[places[index]] = (
                answer if threshold is None else adaptive_answer(answer, threshold)
            )
    return [found[place] for place in range(len(examples))]


def way_on_card(card: StudentCard, way: ComparedWay) -> tuple[Way, float | None]:
    """`teachback.evaluation.ways.asked_way` for the student of ``card``."""
    return asked_way(way, own=card.way, objective=card.objective, threshold=card.threshold)


def asked_example(card: StudentCard, number: int, asked: Asked) -> Example:
    """A question as an example of the kind that the student was trained on, or, where that takes no
    choices, of the kind that its own make it. Raises DataError, naming it by ``number``.
    """
    if not asked.question.strip():
        raise DataError(f"question {number} is empty")
    trained, choices = card.kind or "text", asked.choices
    kind = kind_for_question(trained, choices)
    if kind is None:
        raise DataError(f"the student's card names an unknown question kind {trained!r}")
    if kind.choices_from == "row" and len(choices) < 2:
        raise DataError(
            f"this student answers {kind.name} questions: give two or more choices "
            "(--choice A --choice B)"
        )
    if (twice := next((one for one in choices if choices.count(one) > 1), None)) is not None:
        raise DataError(f"question {number}: the choice {quoted(twice)} stands twice: give it once")
    offered = card.labels if kind.choices_from == "file" else choices
    return Example(f"question {number}", asked.question, "", kind.name, offered, asked.context)
