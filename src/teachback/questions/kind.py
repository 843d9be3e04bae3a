"""What a question kind decides: one of the two seams for outsiders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from teachback.questions.announcements import Announcements
from teachback.questions.conclusions import Inference, MarkedEnding, normalise
from teachback.records import AnswerFormat, Example


@dataclass(frozen=True, slots=True)
class StatedAnswer:
    """A stated answer as the kind reads it: the answer, None where it names none clearly,
    and how many characters of the statement belong to it. ``opens``: the statement begins
    with the answer; False where it was only found within the first sentence.
    """

    answer: str | None
    length: int
    opens: bool = True


class QuestionKind(ABC):
    """How one kind of question is recognised, written, answered, read, compared and counted.

    A kind needs ``name``, `canonical` and `read`; everything else has a default that suits a
    question without choices.
    """

    name: str
    """As a dataset's ``kind`` names it."""

    rows_have: str = "answers of a different kind"
    """What sets its rows apart, for "… of 9 rows have a number as the answer"."""

    choices_from: Literal["row", "file"] | None = None
    """Where an example's choices come from: each row lists its own, or they are the distinct
    answers of the whole file. None: there are none."""

    exemplars: str | None = None
    """The built-in set that prompts show by default; None: no exemplars."""

    several_writings: bool = False
    """Whether an answer can be written in ways that a user should see read ("1,5", "2 million")."""

    last_line_concludes: bool = True
    """Whether a last line that is nothing but an answer concludes a text that announces no
    conclusion; not where any line would pass for an answer."""

    # ------------------------------------------------------------------ rows of a dataset

    @abstractmethod
    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        """The gold answer of a dataset row (text, a number, true or false) in canonical form.

        Raises ValueError with a reason that a user understands.
        """

    def recognises(self, value: Any, choices: tuple[str, ...]) -> bool:
        """Whether a row with this answer and these choices is of this kind where the user names
        none. Never, by default: a dataset has to name the kind."""
        return False

    def ambiguity(self, value: Any) -> str | None:
        """Why an answer of a dataset can be read in two ways, unless the user names the kind; None
        where it cannot."""
        return None

    def accepts(self, value: Any, choices: tuple[str, ...]) -> bool:
        """Whether `canonical` can write this answer."""
        try:
            self.canonical(value, choices)
        except ValueError:
            return False
        return True

    # ------------------------------------------------------------------ questions and answers

    def render(self, example: Example) -> str:
        """The question as every model sees it, without a task marker."""
        context = f"{example.context.strip()}\n\n" if example.context else ""
        return f"{context}{example.question.strip()}"

    def candidates(self, example: Example) -> tuple[str, ...]:
        """All possible answers, canonical; empty where they cannot be listed."""
        return example.choices if self.choices_from else ()

    def say(self, example: Example, answer: str, answer_format: AnswerFormat) -> str:
        """A canonical answer as a model writes it; `read` reads it back."""
        return answer

    def conclusion_form(self, choices: tuple[str, ...]) -> str:
        """What a prompt tells the teacher about the form of its conclusion. ``choices`` are those
        of the whole file: empty unless that is where they come from."""
        return "The answer is ANSWER. Here ANSWER is as short as possible."

    @abstractmethod
    def read(self, example: Example, statement: str) -> StatedAnswer:
        """What a statement ("(B) plants", "yes, because …") names, from its beginning."""

    def marked_ending(
        self, example: Example, text: str, found: Announcements
    ) -> MarkedEnding | None:
        """A marked answer that ends ``text`` and so concludes it without an announcement.
        ``found`` knows the words that lead to conclusions."""
        return None

    def infer(self, example: Example, text: str, found: Announcements) -> Inference | None:
        """What ``text`` concludes where it announces nothing; None, by default and where in
        doubt. ``found`` knows the words that lead to conclusions."""
        return None

    def same(self, left: str, right: str) -> bool:
        """Whether two canonical answers are the same answer."""
        return left == right or normalise(left) == normalise(right)

    # ------------------------------------------------------------------ counting

    def count_names(self, example: Example) -> tuple[str, ...]:
        """What tables count the `candidates` under, in the same order."""
        return self.candidates(example)

    def majority_answers(self, train: Sequence[Example], test: Sequence[Example]) -> list[str]:
        """What the baseline that looks at no question answers to each example of ``test``: the
        most frequent answer of ``train`` (not empty), of equally frequent ones the first."""
        counts = Counter(normalise(example.answer) for example in train)
        most = counts.most_common(1)[0][0]
        answer = next(e.answer for e in train if normalise(e.answer) == most)
        return [answer] * len(test)


def stripped_answer(value: Any) -> str:
    """A row's answer as text, for kinds that take any text; true and false in small letters.

    Raises ValueError where nothing is left.
    """
    text = str(value).lower() if isinstance(value, bool) else str(value).strip()
    if not text:
        raise ValueError("the answer is empty")
    return text
