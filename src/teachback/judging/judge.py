"""A judge: a teacher that is asked through its session which explanation is better, or whether one
meets a criterion; and its replies, read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from teachback.config import SelectionConfig, TeacherConfig
from teachback.errors import DataError
from teachback.explaining.reading import as_read
from teachback.explaining.session import TeacherSession, TeacherSetup
from teachback.judging.judge_questions import (
    EQUAL,
    FIRST,
    INSTRUCTIONS,
    ExplanationPair,
    Rated,
    both_orders,
    criterion_question,
    option_of,
)
from teachback.questions import parse
from teachback.records import Example, RequestKind
from teachback.system.progress import SILENT, Progress

_KIND = "label"  # of a judge's questions


@dataclass(frozen=True, slots=True)
class Preference:
    """What a judge says of a pair: 1 where A is better, 0 where B is, ½ for a tie.

    ``a_first``, ``b_first``: by the order shown; None where the reply cannot be read or there is
    none. ``failed``: orders without any reply. ``asked``: False where both are the same text.
    """

    a_first: float | None
    b_first: float | None
    failed: int = 0
    asked: bool = True

    @property
    def value(self) -> float | None:
        """The mean of both orders; None where one of them is missing."""
        if self.a_first is None or self.b_first is None:
            return None
        return (self.a_first + self.b_first) / 2

    @property
    def unparsed(self) -> int:
        """Orders with a reply that cannot be read."""
        return [self.a_first, self.b_first].count(None) - self.failed

    @property
    def consistent(self) -> bool:
        """Whether both orders have the same outcome."""
        return self.a_first is not None and self.a_first == self.b_first


@dataclass(frozen=True, slots=True)
class Rating:
    """What a judge says of an explanation: ``yes``, ``no``, ``unknown``; None where the reply
    cannot be read or, with ``failed``, there is none."""

    option: str | None
    failed: bool = False


def judge_setup(config: TeacherConfig) -> TeacherSetup:
    """How the judge of a configuration is asked. Raises as `TeacherSetup.from_config` does."""
    zero_shot = config.model_copy(update={"exemplars": "none", "samples": 1})
    setup = TeacherSetup.from_config(zero_shot, SelectionConfig(), _KIND)
    own = setup.prompts.instructions
    instructions = f"{own}\n\n{INSTRUCTIONS}" if own else INSTRUCTIONS
    return replace(setup, prompts=replace(setup.prompts, instructions=instructions))


class Judge:
    """``reasons``: whether it explains before it decides."""

    def __init__(self, session: TeacherSession, *, reasons: bool = False) -> None:
        self._session = session
        self._kind = request_kind(reasons)

    def prefer(
        self, pairs: Sequence[ExplanationPair], *, progress: Progress = SILENT
    ) -> list[Preference]:
        """Ask for what the store lacks of ``pairs``, both orders; their preferences in order."""
        self._ask(list(questions_of_pairs(pairs)), progress)
        return [self._preference(pair) for pair in pairs]

    def rate(self, rated: Sequence[Rated], *, progress: Progress = SILENT) -> list[Rating]:
        """Ask for what the store lacks of ``rated``; the ratings in order."""
        self._ask(list(questions_of_ratings(rated)), progress)
        return [self._rating(one) for one in rated]

    def _ask(self, questions: list[Example], progress: Progress) -> None:
        if not questions:
            return
        self._session.ask(questions, self._kind, samples=1, progress=progress)
        if any(self._session.has_reply(one, self._kind) for one in questions):
            return
        reply = self._session.reply(questions[0], self._kind)
        why = f" (the first: {reply.error})" if reply is not None and reply.error else ""
        raise DataError(
            f"the judge {self._session.teacher.model} answered none of {len(questions)} "
            f"questions{why}"
        )

    def _preference(self, pair: ExplanationPair) -> Preference:
        if pair.is_same:
            return Preference(0.5, 0.5, asked=False)
        values: list[float | None] = []
        failed = 0
        for question, of_first in zip(both_orders(pair), (1.0, 0.0), strict=True):
            answer, lost = self._answer(question)
            failed += lost
            if answer is None:
                values.append(None)
            else:
                values.append({FIRST: of_first, EQUAL: 0.5}.get(answer, 1 - of_first))
        return Preference(values[0], values[1], failed)

    def _rating(self, rated: Rated) -> Rating:
        answer, failed = self._answer(criterion_question(rated))
        return Rating(option_of(rated.criterion, answer), failed)

    def _answer(self, question: Example) -> tuple[str | None, bool]:
        """The label that the stored reply names, and whether there is no reply."""
        reply = self._session.reply(question, self._kind)
        if reply is None or reply.finish_reason == "failed":
            return None, True
        text = as_read(question, reply).text
        return parse(question, text, bare=self._kind == "direct").answer, False


def request_kind(reasons: bool) -> RequestKind:
    """What a judge is asked for: a bare answer, or an explanation and then an answer."""
    return "cote" if reasons else "direct"


def questions_of_pairs(pairs: Sequence[ExplanationPair]) -> Iterator[Example]:
    """All that has to be asked of ``pairs``."""
    return (question for pair in pairs if not pair.is_same for question in both_orders(pair))


def questions_of_ratings(rated: Sequence[Rated]) -> Iterator[Example]:
    """All that has to be asked of ``rated``."""
    return map(criterion_question, rated)
