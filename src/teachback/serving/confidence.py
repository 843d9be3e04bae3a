"""How sure a student is of an answer, calibrated on ``valid`` where its card says how."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from teachback.evaluation.calibration import calibrated
from teachback.records import Answer, Prediction

_Answered = TypeVar("_Answered", Answer, Prediction)


def at_temperature(answer: _Answered, temperature: float | None) -> _Answered:
    """``answer`` with calibrated probabilities; as it is where there are none, or no temperature
    was fitted. Which one is the most probable does not change."""
    if temperature is None or not answer.probabilities:
        return answer
    return replace(answer, probabilities=calibrated(answer.probabilities, temperature))


def confidence(answer: Answer) -> float | None:
    """The probability of the direct answer; None where answers cannot be listed."""
    if not answer.probabilities or answer.direct_answer is None:
        return None
    return answer.probabilities[answer.direct_answer]
