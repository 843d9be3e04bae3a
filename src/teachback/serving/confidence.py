"""How sure a student is of an answer."""

from __future__ import annotations

from teachback.records import Answer


def confidence(answer: Answer) -> float | None:
    """The probability of the direct answer; None where answers cannot be listed."""
    if not answer.probabilities or answer.direct_answer is None:
        return None
    return answer.probabilities[answer.direct_answer]
