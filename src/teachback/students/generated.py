"""What comes of asking a student: scores, texts and their tokens. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field

from teachback.records import Role


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """A generated text and the number of tokens it took (end token included)."""

    text: str
    tokens: int
    complete: bool
    """Whether it ended by itself rather than at the limit."""
    log_probability: float | None = field(default=None, compare=False)
    """Of all its tokens; None where it was not measured."""


@dataclass(frozen=True, slots=True)
class Performed:
    """What came of one question's tasks."""

    scores: list[tuple[float, int]]
    """Of each target to score: (sum of log-probabilities, end token included; tokens)."""
    generated: dict[Role, GeneratedText]
    seconds: dict[Role, float]
    """What each task took, batches shared out. Read once for two tasks, a question counts in
    both."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text, and how probable it was there. The first one of a text has no
    log-probability, as nothing stands before it."""

    id: int
    log_probability: float | None
    likeliest: tuple[tuple[int, float], ...]
    """(token, log-probability) of the most probable ones in its place, from the top: as many as
    were asked for and are known."""
