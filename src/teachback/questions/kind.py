"""The protocol of a question kind: one of the two seams for outsiders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from teachback.records import AnswerFormat, Example


@dataclass(frozen=True, slots=True)
class Reading:
    """A stated answer as the kind reads it: the answer, None where it names none clearly,
    and how many characters of the statement belong to it. ``opens``: the statement begins
    with the answer; False where it was only found within the first sentence.
    """

    answer: str | None
    length: int
    opens: bool = True


class QuestionKind(Protocol):
    """How one kind of question is written, answered, read and compared."""

    name: str

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        """The gold answer of a dataset row in canonical form.

        Raises ValueError with a reason a user understands.
        """
        ...

    def render(self, example: Example) -> str:
        """The question as every model sees it, without a task marker."""
        ...

    def candidates(self, example: Example) -> tuple[str, ...]:
        """All possible answers, canonical; empty where they cannot be listed."""
        ...

    def say(self, example: Example, answer: str, answer_format: AnswerFormat) -> str:
        """A canonical answer as a model writes it."""
        ...

    def read(self, example: Example, statement: str) -> Reading:
        """What a statement ("(B) plants", "yes, because …") names, from its beginning."""
        ...

    def same(self, left: str, right: str) -> bool:
        """Whether two canonical answers are the same answer."""
        ...
