"""Typed questions about one state, as ``/v1/systemone`` has them: which question each becomes, and
what the student's probabilities say of it. A ``score`` is refused: no student is trained for it.
"""

from __future__ import annotations

import json
from typing import Any

from teachback.records import Answer
from teachback.serving.requests import (
    MOST_CHOICES,
    AnswerRequest,
    DecisionRequest,
    Refusal,
    TypedQuestion,
)


def question_of(asked: DecisionRequest, name: str) -> AnswerRequest:
    """The question ``name`` with the state as its context, to be answered directly. Raises Refusal
    where a choice has fewer than two options, or one without a name."""
    decision = asked.questions[name]
    state = asked.state
    if not isinstance(state, str):
        state = json.dumps(state, ensure_ascii=False)
    choices = [] if decision.type == "noul" else [choice for _, choice in _options(decision)]
    if decision.type == "choice":
        place = f"questions.{name[:80]}.criteria"
        if not 2 <= len(choices) <= MOST_CHOICES:
            raise Refusal(422, f"{place}: give 2 to {MOST_CHOICES} options")
        if not all(option.strip() for option, _ in _options(decision)):
            raise Refusal(422, f"{place}: an option has no name")
    return AnswerRequest(
        question=decision.instructions, choices=choices, context=state or None, way="direct"
    )


def _options(decision: TypedQuestion) -> list[tuple[str, str]]:
    """Each option's name, and the choice that the student reads."""
    return [
        (option, f"{option}: {text}" if text else option)
        for option, text in (decision.criteria or {}).items()
    ]


def decided(decision: TypedQuestion, answer: Answer) -> dict[str, Any]:
    """The reply to one question. Confidence is 0 where all options are equally probable and 1
    where one has all the probability. Raises Refusal where the answer has no probabilities."""
    shares = answer.probabilities
    if not shares:
        raise Refusal(422, "this student gives no probabilities for such a question")
    if decision.type == "noul":
        if "yes" not in shares:
            raise Refusal(422, "this student does not answer yes-no questions")
        return {"type": "noul", "noul": shares["yes"]}
    named = {option: shares[choice] for option, choice in _options(decision)}
    best = max(named, key=lambda option: named[option])
    even = 1 / len(named)
    return {
        "type": "choice",
        "choice": best,
        "confidence": max(0.0, (named[best] - even) / (1 - even)),
        "probabilities": named,
    }
