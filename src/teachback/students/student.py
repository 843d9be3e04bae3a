"""The student as people meet it: loaded from a folder or reference, asked, saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, overload

from teachback.errors import DataError, quoted
from teachback.records import Answer, ComparedWay
from teachback.students.answering import Asked, answer_questions
from teachback.students.card import StudentCard
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.students.weights import student_in
from teachback.system.precision import Precision, UsedPrecision


@dataclass(frozen=True, slots=True, repr=False)
class Student:
    """A small model that answers, and says why."""

    model: StudentModel
    reference: str | None = None
    """The folder or reference that it was loaded from, or the folder that it was trained into; None
    where it is kept in memory alone."""

    def __repr__(self) -> str:
        card = self.card
        if card.objective is None:
            return f"untrained student {card.base}"
        text = f"student {card.base}, trained with {card.objective}; default way: {card.way}"
        on_valid = [f"{way} {share:.3f}" for way, share in (card.valid or {}).items()]
        return f"{text} (on valid: {', '.join(on_valid)})" if on_valid else text

    @property
    def precision(self) -> UsedPrecision:
        """The number format that it is computed in."""
        return self.model.precision.used

    @property
    def card(self) -> StudentCard:
        """How it was trained and how it is asked."""
        return self.model.card

    @classmethod
    def load(cls, reference: str | Path, *, precision: Precision = "auto") -> Student:
        """The student in a folder, which may be a run's, or behind a reference (``hf:…``,
        ``pypi:…``, ``gguf:…``). Raises ReferenceError_ where there is none.
        """
        found = student_in(reference)
        return cls(load(found, precision=precision), found)

    @overload
    def answer(
        self,
        question: str,
        *,
        choices: Sequence[str] = (),
        context: str | None = None,
        explain: bool = False,
        way: ComparedWay = "chosen",
        batch_size: int = 16,
    ) -> Answer: ...

    @overload
    def answer(
        self,
        question: list[str] | tuple[str, ...],
        *,
        choices: Sequence[str] | Sequence[Sequence[str]] = (),
        context: str | Sequence[str | None] | None = None,
        explain: bool = False,
        way: ComparedWay = "chosen",
        batch_size: int = 16,
    ) -> list[Answer]: ...

    def answer(
        self,
        question: str | list[str] | tuple[str, ...],
        *,
        choices: Sequence[str] | Sequence[Sequence[str]] = (),
        context: str | Sequence[str | None] | None = None,
        explain: bool = False,
        way: ComparedWay = "chosen",
        batch_size: int = 16,
    ) -> Answer | list[Answer]:
        """Answer one question, or a list of them, in the student's own way, which may be to
        explain first.

        ``way``: in place of the way that was chosen on ``valid``: ``direct``, ``explained``, or
        ``adaptive`` (exploratory), explained only where the direct answer is unsure.
        ``explain``: explain in any case. ``choices`` make a question multiple choice. With several
        questions, ``choices`` and ``context`` are for all of them, or lists with one for each;
        ``batch_size`` of them are answered at once, and the answers stand in their order.

        Raises DataError where the student needs choices and none are given, where a question is
        empty, or where such a list is not as long as that of the questions; ConfigError where the
        student cannot answer in that way.
        """
        if isinstance(question, str):
            asked = [Asked(question, _one_of(choices), _context(context))]
            return answer_questions(self.model, asked, way=way, explain=explain)[0]
        count = len(question)
        own_choices = _each(choices, count, "choices") if _is_nested(choices) else None
        own_contexts = None if isinstance(context, str | None) else _each(context, count, "context")
        several = [
            Asked(
                one,
                _one_of(choices if own_choices is None else own_choices[number]),
                _context(context if own_contexts is None else own_contexts[number]),
            )
            for number, one in enumerate(question)
        ]
        return answer_questions(
            self.model, several, way=way, explain=explain, batch_size=batch_size
        )

    def save(self, folder: str | Path) -> None:
        """Write weights (safetensors) or adapter, tokenizer and card into ``folder``."""
        self.model.save(Path(folder))


_T = TypeVar("_T")


def _is_nested(choices: Sequence[str] | Sequence[Sequence[str]]) -> bool:
    """Whether there are choices for each question."""
    return any(not isinstance(one, str) for one in choices)


def _each(values: Sequence[_T], count: int, what: str) -> Sequence[_T]:
    if len(values) != count:
        raise DataError(f"{what}: there are {len(values)} of them for {count} questions")
    return values


def _one_of(choices: object) -> tuple[str, ...]:
    """The choices of one question."""
    if isinstance(choices, str) or not isinstance(choices, Sequence):
        raise DataError(f"choices must be a list of texts, not {quoted(choices)}")
    texts = tuple(choice for choice in choices if isinstance(choice, str))
    if len(texts) != len(choices):
        raise DataError("choices must be texts: lists of them go with a list of questions")
    return texts


def _context(context: object) -> str | None:
    if context is None or isinstance(context, str):
        return context
    raise DataError(f"context must be text, not {quoted(context)}: lists go with many questions")
