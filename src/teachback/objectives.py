"""The objectives: examples and explanations → what a student is trained on.

Pure functions. The loss over an effective batch of N examples is

    L = (1/N) Σᵢ [alpha · aᵢ + (1 − alpha) · eᵢ]

with aᵢ, eᵢ mean token cross-entropies and eᵢ the mean over the example's explanations, 0 if
it has none (Hsieh et al. 2023 and Li et al. 2022 for the multi-task
form). Here each pair gets its weight inside the brackets; ``1/N`` is the trainer's.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from teachback.errors import DataError
from teachback.questions import render, say_answer, stated
from teachback.records import (
    AnswerFormat,
    Example,
    Explanation,
    Objective,
    TrainingPair,
)


@dataclass(frozen=True, slots=True)
class ObjectiveTasks:
    """What an objective teaches; everything else about it follows from this."""

    title: str
    """Its name in tables and sentences."""
    answers: bool
    """It trains the answer task."""
    explains: bool
    """It trains the explanation task, and so it needs explanations."""
    concludes: Literal["before", "after"] | None = None
    """Where its explanation task states the answer: before the explanation, after it, nowhere."""
    internalises: bool = False
    """Its answer task begins with the explanation before the answer, and loses it in training."""

    @property
    def multi_task(self) -> bool:
        return self.answers and self.explains


OBJECTIVES: Mapping[Objective, ObjectiveTasks] = {
    "st": ObjectiveTasks("ST", answers=True, explains=False),
    "mt-re": ObjectiveTasks("MT-Re", answers=True, explains=True),
    "mt-ra": ObjectiveTasks("MT-Ra", answers=True, explains=True, concludes="before"),
    "mt-cot": ObjectiveTasks("MT-CoT", answers=True, explains=True, concludes="after"),
    "mt-icot": ObjectiveTasks(
        "MT-iCoT", answers=True, explains=True, concludes="after", internalises=True
    ),
    "cot": ObjectiveTasks("CoT", answers=False, explains=True, concludes="after"),
}

MULTI_TASK: tuple[Objective, ...] = tuple(
    name for name, tasks in OBJECTIVES.items() if tasks.multi_task
)

EXPLAINING: tuple[Objective, ...] = tuple(
    name for name, tasks in OBJECTIVES.items() if tasks.explains
)

ONE_WAY: tuple[Objective, ...] = tuple(
    name for name, tasks in OBJECTIVES.items() if not tasks.answers or tasks.concludes is None
)
"""Objectives whose students have one answer, not a direct and an explained one."""


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """All pairs of one example. They share the question; their weights are the bracket of L.

    May be empty of explanations (``e = 0``), never renormalised.
    """

    id: str
    pairs: tuple[TrainingPair, ...]


def conclusion(example: Example, answer_format: AnswerFormat) -> str:
    """The sentence that ends an explanation; :func:`teachback.questions.parse` reads it back."""
    return f"So the answer is {stated(example, answer_format)}"


def explanation_target(
    example: Example, text: str, objective: Objective, answer_format: AnswerFormat
) -> str:
    """What the explanation task writes: the explanation alone (MT-Re), the answer and then
    the explanation (MT-Ra), or the explanation and then the answer (MT-CoT, CoT).
    """
    concludes = OBJECTIVES[objective].concludes
    if concludes is None:
        return text.strip()
    text = _one_line(text)
    if concludes == "before":
        return f"The answer is {stated(example, answer_format)}\n{text}"
    ending = "" if text.endswith((".", "!", "?")) else "."
    return f"{text}{ending} {conclusion(example, answer_format)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def training_examples(
    examples: Iterable[Example],
    explanations: Mapping[str, Sequence[Explanation]],
    *,
    objective: Objective,
    alpha: float = 0.5,
    answer_format: AnswerFormat = "text",
) -> list[TrainingExample]:
    """One :class:`TrainingExample` for every example that the objective trains on.

    ``explanations`` maps an example's id to its explanations. ST ignores them; CoT leaves
    out examples without any; the multi-task objectives keep such examples with their answer
    task at weight ``alpha``. MT-iCoT's answer task begins with the example's first explanation.
    Raises DataError where nothing is left to train on.
    """
    tasks = OBJECTIVES[objective]
    result: list[TrainingExample] = []
    for example in examples:
        source = render(example)
        pairs: list[TrainingPair] = []
        own = explanations.get(example.id, ())
        if tasks.answers:
            weight = alpha if tasks.explains else 1.0
            target = say_answer(example, example.answer, answer_format)
            removable = _one_line(own[0].text) if tasks.internalises and own else ""
            pairs.append(TrainingPair(example.id, source, target, "answer", weight, removable))
        if tasks.explains:
            weight = (1.0 - alpha if tasks.answers else 1.0) / max(len(own), 1)
            pairs += [
                TrainingPair(
                    example.id,
                    source,
                    explanation_target(example, explanation.text, objective, answer_format),
                    "explanation",
                    weight,
                )
                for explanation in own
            ]
        if pairs:
            result.append(TrainingExample(example.id, tuple(pairs)))
    if not result:
        raise DataError(f"nothing to train on: no example has an explanation for {objective!r}")
    return result


def permute(explanations: list[Explanation], seed: int) -> list[Explanation]:
    """The control: the same explanations, each at another example.

    A seeded cyclic shift of a seeded order, so no explanation keeps its example; an example
    with several gets another example's several. Raises DataError for a single example, which
    would keep its own and be no control.
    """
    by_id: dict[str, list[Explanation]] = {}
    for explanation in explanations:
        by_id.setdefault(explanation.id, []).append(explanation)
    if len(by_id) == 1:
        raise DataError(
            f"only example {explanations[0].id!r} has an explanation, so there is no other one to "
            "exchange it with: explain two or more examples, or train without permute"
        )
    ids = sorted(by_id)
    random.Random(f"permute-{seed}").shuffle(ids)
    moved: list[Explanation] = []
    for here, there in zip(ids, [*ids[1:], *ids[:1]], strict=True):
        moved += [replace(explanation, id=here) for explanation in by_id[there]]
    return moved
