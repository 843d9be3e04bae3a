"""How probable what the library generates greedily was, noted while it is generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor
from transformers import LogitsProcessor

from teachback.students.generated import GeneratedText


class LogProbabilities(LogitsProcessor):  # type: ignore[misc]
    """Passed to ``generate``: changes no logit, and notes each step's greatest log-probability."""

    def __init__(self) -> None:
        self._steps: list[list[float]] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        shares = scores.float()
        self._steps.append((shares.amax(1) - shares.logsumexp(1)).tolist())
        return scores

    def added_to(self, generated: Sequence[GeneratedText]) -> list[GeneratedText]:
        """What was generated, in the order of its rows, each with its own log-probability: that of
        its tokens up to the end token."""
        return [
            replace(one, log_probability=sum(step[row] for step in self._steps[: one.tokens]))
            for row, one in enumerate(generated)
        ]
