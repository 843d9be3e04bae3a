"""The student as the server asks it: checked, directly, with an explanation, or continued.

Each lane's thread has modules of its own around the same weights, since a pass of the model may
change its modules for a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from teachback.errors import ConfigError, DataError
from teachback.objectives import OBJECTIVES
from teachback.questions import render
from teachback.records import Answer, Example, Role, Way
from teachback.serving.requests import AnswerRequest, Refusal
from teachback.students.answering import AskableModel, Asked, answers, asked_example, way_on_card
from teachback.students.generated import Token


@dataclass(frozen=True, slots=True)
class Question:
    """A checked question, and what is asked of it."""

    example: Example
    way: Way
    explained: bool
    """Whether an explanation is generated, for the way or for the user."""
    threshold: float | None = None
    """In the adaptive way: below this margin, a direct answer is explained first."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """Tokens to be continued by at most ``limit`` more."""

    ids: tuple[int, ...]
    limit: int
    arrived: Callable[[Token], bool]
    """Called in the lane's thread with each token; False ends it."""
    measure: bool = False
    """Whether the tokens themselves are measured first, and arrive."""
    top: int = 0
    """How many of the most probable tokens each token brings with it."""


class ServedStudent(AskableModel, Protocol):
    """A student that is computed by torch, or by something else."""

    tokenizer: Any

    @property
    def end_id(self) -> int: ...

    def source_ids(self, source: str, role: Role) -> tuple[int, ...]: ...

    def marker_ids(self, role: Role) -> tuple[int, ...]: ...

    def with_shared_weights(self) -> Self:
        """The same student for a different thread."""


class LanguageModel(Protocol):
    """A student as a plain language model, asked by one thread."""

    def continued(
        self, ids: Sequence[int], limit: int, *, measure: bool = False, top: int = 0
    ) -> Iterator[Token]:
        """Up to ``limit`` tokens that greedily continue ``ids`` (not empty); the end token is the
        last one where it comes. ``measure``: the tokens of ``ids`` themselves come first. ``top``:
        how many of the most probable tokens each one brings with it, at most; an engine may know
        the first alone."""


class StudentEngine:
    """A student, ready to be asked from several threads, one for each kind of work.

    ``language``: what continues texts; None where it cannot (T5 students answer questions alone).
    """

    def __init__(self, student: ServedStudent, language: LanguageModel | None) -> None:
        self.card = student.card
        self._directly = student
        self._explaining = student.with_shared_weights()
        self._continuing = language
        self._reading = student.with_shared_weights()
        self._special = frozenset(student.tokenizer.all_special_ids)

    @property
    def explains(self) -> bool:
        """Whether it has learnt to explain."""
        objective = self.card.objective
        return objective is not None and OBJECTIVES[objective].explains

    def check(self, asked: AnswerRequest) -> Question:
        """The question to be put. Raises Refusal: 413 where it is too long, 422 where this student
        cannot be asked so."""
        if len({choice.strip() for choice in asked.choices}) != len(asked.choices):
            raise Refusal(422, "choices: two of them are the same")
        try:
            example = asked_example(
                self.card, 1, Asked(asked.question, tuple(asked.choices), asked.context)
            )
        except DataError as error:
            raise Refusal(422, str(error)) from None
        try:
            way, threshold = way_on_card(self.card, asked.way)
        except ConfigError as error:
            raise Refusal(422, str(error)) from None
        if asked.explain and not self.explains:
            raise Refusal(422, "explain: this student has learnt no explanations")
        length = self.length(example)
        if length > self.card.max_source_tokens:
            raise Refusal(
                413,
                f"the question has {length} tokens, and this student reads at most "
                f"{self.card.max_source_tokens}",
            )
        return Question(example, way, asked.explain or way == "explained", threshold)

    def length(self, example: Example) -> int:
        """The tokens of a question."""
        return len(self._reading.source_ids(render(example), "answer"))

    def answer_directly(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer]]:
        """In the lane of direct answers: each question's place and its answer, as it is there."""
        return self._answered(self._directly, questions, explain=False)

    def explain(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer]]:
        """In the lane of explanations: the same, of one batch."""
        return self._answered(self._explaining, questions, explain=True)

    def _answered(
        self, student: ServedStudent, questions: Sequence[Question], explain: bool
    ) -> Iterator[tuple[int, Answer]]:
        # What can be scored and what must be generated are asked apart, as `evaluate` would.
        kinds = dict.fromkeys(question.example.kind for question in questions)
        for kind in kinds:
            places = [at for at, question in enumerate(questions) if question.example.kind == kind]
            examples = [questions[at].example for at in places]
            for at, answer in answers(student, examples, explain=explain, batch_size=len(examples)):
                yield places[at], answer

    # ------------------------------------------------------------------ as a language model

    @property
    def continues(self) -> bool:
        """Whether texts can be continued."""
        return self._continuing is not None

    def prompt(self, question: str) -> tuple[int, ...]:
        """The tokens of a question and the marker of the task by which the student answers."""
        role: Role = "explanation" if self.card.way == "explained" else "answer"
        objective = self.card.objective
        if objective is not None and not OBJECTIVES[objective].answers:
            role = "explanation"
        ids = (*self._reading.source_ids(question, role), *self._reading.marker_ids(role))
        self.check_length(ids)
        return ids

    def check_length(self, ids: Sequence[int]) -> None:
        """Raises Refusal where ``ids`` are none, or too many."""
        most = self.card.max_source_tokens + self.card.max_target_tokens
        if not ids:
            raise Refusal(422, "the prompt is empty")
        if len(ids) > most:
            raise Refusal(
                413, f"the prompt has {len(ids)} tokens, and this student reads at most {most}"
            )
        size = len(self._reading.tokenizer)
        if not all(0 <= one < size for one in ids):
            raise Refusal(422, f"prompt: token ids are from 0 to {size - 1}")

    def ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a text, special ones of its beginning included."""
        return tuple(self._reading.tokenizer(text)["input_ids"])

    def text(self, ids: Sequence[int]) -> str:
        """Tokens as text, special ones left out."""
        return str(self._reading.tokenizer.decode(list(ids), skip_special_tokens=True))

    def piece(self, token: int) -> str:
        """One token as text, special ones included."""
        return str(self._reading.tokenizer.decode([token]))

    def is_special(self, token: int) -> bool:
        """Whether a token is left out of texts."""
        return token in self._special

    @property
    def end_id(self) -> int:
        return self._reading.end_id

    def continue_texts(self, jobs: Sequence[Continuation]) -> Iterator[tuple[int, int]]:
        """In the lane of continued texts: each job's place and how many tokens arrived."""
        for place, job in enumerate(jobs):
            yield place, self._continue(job)

    def _continue(self, job: Continuation) -> int:
        count = 0
        if self._continuing is None:
            raise RuntimeError("this student cannot continue texts")
        for token in self._continuing.continued(
            job.ids, job.limit, measure=job.measure, top=job.top
        ):
            count += 1
            if not job.arrived(token):
                break
        return count
