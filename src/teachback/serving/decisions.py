"""Typed questions about one state, as ``/v1/systemone`` has them: which question each becomes, and
what the student's probabilities say of it. A ``score`` is refused: no student is trained for it.
"""

from __future__ import annotations

import json
from typing import Any

from teachback.records import Answer
from teachback.serving.requests import AnswerRequest, DecisionRequest, Refusal, TypedQuestion


def question_of(asked: DecisionRequest, name: str) -> AnswerRequest:
    """The question ``name`` with the state as its context, to be answered directly. Raises Refusal
    where a choice has fewer than two options."""
    decision = asked.questions[name]
    state = asked.state if isinstance(asked.state, str) else json.dumps(asked.state)
    choices = [] if decision.type == "noul" else list(_options(decision))
    if decision.type == "choice" and not 2 <= len(choices) <= 26:
        raise Refusal(422, f"questions.{name[:80]}.criteria: give 2 to 26 options")
    return AnswerRequest(
        question=decision.instructions, choices=choices, context=state or None, way="direct"
    )


def _options(decision: TypedQuestion) -> dict[str, str]:
    """The choices as the student reads them → the names of the options."""
    return {
        f"{option}: {text}" if text else option: option
        for option, text in (decision.criteria or {}).items()
    }


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
    names = _options(decision)
    named = {names[choice]: share for choice, share in shares.items()}
    best = max(named, key=lambda option: named[option])
    even = 1 / len(named)
    return {
        "type": "choice",
        "choice": best,
        "confidence": max(0.0, (named[best] - even) / (1 - even)),
        "probabilities": named,
    }
