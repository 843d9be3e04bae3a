"""How a student answers: directly, and with an explanation.

Direct: the answer task alone; where the possible answers can be listed they are scored by
their log-probability, otherwise the answer is decoded greedily. Explained: the explanation
task is generated and its own conclusion read; MT-Re's explanation task draws none, so its
explained answer is the direct one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from teachback.errors import DataError
from teachback.evaluation.ways import answer_in
from teachback.objectives import OBJECTIVES
from teachback.questions import candidates, kind_for_question, parse, render, say_answer
from teachback.records import Answer, Example, ReplyReading, Role
from teachback.students.card import StudentCard
from teachback.students.limits import ANSWER_TOKENS
from teachback.students.model import Generated

ChoiceScore = Literal["sum", "mean"]


class AskableModel(Protocol):
    """What answering needs of a `teachback.students.model.StudentModel`."""

    card: StudentCard

    def log_probabilities(
        self, sources: Sequence[str], targets: Sequence[Sequence[str]]
    ) -> list[list[tuple[float, int]]]: ...

    def same_tokens(self, left: str, right: str) -> bool: ...

    def generate(
        self, sources: Sequence[str], role: Role, max_new_tokens: int
    ) -> list[Generated]: ...


@dataclass(slots=True)
class Effort:
    """What answering cost: generated tokens and wall seconds, the two ways apart."""

    direct_seconds: float = 0.0
    direct_tokens: int = 0
    explained_seconds: float = 0.0
    explained_tokens: int = 0
    unfinished: int = 0
    """Generations that hit the limit before the end token."""


def answers(
    student: AskableModel,
    examples: Sequence[Example],
    *,
    explain: bool = False,
    direct: bool = True,
    choice_score: ChoiceScore = "sum",
    batch_size: int = 16,
    max_new_tokens: int | None = None,
    reading: ReplyReading = "inferred",
    effort: Effort | None = None,
) -> Iterator[tuple[int, Answer]]:
    """Answer every example; yields (its index, the answer), shortest questions first.

    Without ``explain``, a student whose own way is to explain answers directly; without
    ``direct``, it explains alone.

    ``choice_score``: ``sum`` of log-probabilities including the end token, or their
    ``mean`` per token; one setting for all systems compared. ``max_new_tokens`` bounds an
    explanation; unset, the student's card does. ``reading``: which of its
    conclusions count, see :func:`teachback.questions.parse`.
    """
    effort = effort if effort is not None else Effort()
    limit = max_new_tokens or student.card.explanation_limit
    order = sorted(range(len(examples)), key=lambda i: len(render(examples[i])))
    objective = student.card.objective
    tasks = None if objective is None else OBJECTIVES[objective]
    # A CoT student knows no answer task: its conclusion is its direct answer.
    answers_directly = tasks is None or tasks.answers
    for begin in range(0, len(order), batch_size):
        part = order[begin : begin + batch_size]
        batch = [examples[i] for i in part]
        started = time.perf_counter()
        asked = direct and answers_directly
        answered = _direct(student, batch, choice_score, effort) if asked else []
        effort.direct_seconds += time.perf_counter() - started
        explained: list[tuple[str, str | None]] = []
        if explain or not answers_directly:
            started = time.perf_counter()
            explained = _explained(student, batch, limit, reading, effort)
            effort.explained_seconds += time.perf_counter() - started
        for position, index in enumerate(part):
            answer, probabilities = answered[position] if answered else (None, None)
            text, concluded = explained[position] if explained else (None, None)
            if not answers_directly:
                answer = concluded
            elif tasks is not None and tasks.concludes is None and text is not None:
                concluded = answer
            yield (
                index,
                answer_in(
                    student.card.way,
                    direct_answer=answer,
                    explained_answer=concluded,
                    explanation=text,
                    probabilities=probabilities,
                ),
            )


def _direct(
    student: AskableModel, batch: Sequence[Example], choice_score: ChoiceScore, effort: Effort
) -> list[tuple[str | None, dict[str, float] | None]]:
    listed = [candidates(example) for example in batch]
    sources = [render(example) for example in batch]
    if not all(listed):
        limit = student.card.max_answer_tokens or ANSWER_TOKENS
        generated = student.generate(sources, "answer", limit)
        effort.direct_tokens += sum(g.tokens for g in generated)
        return [
            (parse(example, g.text, bare=True).answer, None)
            for example, g in zip(batch, generated, strict=True)
        ]
    said = [
        [say_answer(example, candidate, student.card.answer_format) for candidate in own]
        for example, own in zip(batch, listed, strict=True)
    ]
    results: list[tuple[str | None, dict[str, float] | None]] = []
    scored = student.log_probabilities(sources, said)
    for own, texts, scores in zip(listed, said, scored, strict=True):
        values = [total / length if choice_score == "mean" else total for total, length in scores]
        top = max(values)
        shares = [math.exp(value - top) for value in values]
        total_share = sum(shares)
        # Scores that are not numbers (a diverged student) name no answer.
        best = own[values.index(top)] if math.isfinite(top) else None
        chosen = texts[values.index(top)]
        if any(text != chosen and student.same_tokens(text, chosen) for text in texts):
            best = None  # it cannot say which of the two it means
        results.append(
            (best, {c: s / total_share for c, s in zip(own, shares, strict=True)} if best else None)
        )
    return results


def _states_answer_first(student: AskableModel) -> bool:
    objective = student.card.objective
    return objective is not None and OBJECTIVES[objective].concludes == "before"


def _explained(
    student: AskableModel,
    batch: Sequence[Example],
    limit: int,
    reading: ReplyReading,
    effort: Effort,
) -> list[tuple[str, str | None]]:
    generated = student.generate([render(e) for e in batch], "explanation", limit)
    effort.explained_tokens += sum(g.tokens for g in generated)
    effort.unfinished += sum(not g.complete for g in generated)
    results: list[tuple[str, str | None]] = []
    for example, g in zip(batch, generated, strict=True):
        parsed = parse(example, g.text, answer_first=_states_answer_first(student), reading=reading)
        results.append((parsed.explanation, parsed.answer))
    return results


def answer_question(
    student: AskableModel,
    question: str,
    *,
    choices: Sequence[str] = (),
    context: str | None = None,
    explain: bool = False,
) -> Answer:
    """Answer one question in the student's own way; with ``explain``, explain in any case.

    The kind is the one it was trained on; where that takes no choices, ``choices`` make it
    multiple choice. Raises DataError where the student needs choices and none are given.
    """
    trained = student.card.kind or "text"
    kind = kind_for_question(trained, choices)
    if kind is None:
        raise DataError(f"the student's card names an unknown question kind {trained!r}")
    if kind.choices_from == "row" and len(choices) < 2:
        raise DataError(
            f"this student answers {kind.name} questions: give two or more choices "
            "(--choice A --choice B)"
        )
    offered = student.card.labels if kind.choices_from == "file" else tuple(choices)
    example = Example("question", question, "", kind.name, offered, context)
    ((_, answer),) = answers(student, [example], explain=explain or student.card.way == "explained")
    return answer
