"""The student as people meet it: loaded from a folder or reference, asked, saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from teachback.records import Answer
from teachback.students.answering import answer_question
from teachback.students.card import StudentCard
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.system.precision import Precision


@dataclass(frozen=True, slots=True)
class Student:
    """A small model that answers, and says why."""

    model: StudentModel

    @property
    def card(self) -> StudentCard:
        """How it was trained and how it is asked."""
        return self.model.card

    @classmethod
    def load(cls, reference: str | Path, *, precision: Precision = "auto") -> Student:
        """The student in a folder, or behind a reference; errors are those of
        :func:`teachback.students.load.load`.
        """
        return cls(load(reference, precision=precision))

    def answer(
        self,
        question: str,
        *,
        choices: Sequence[str] = (),
        context: str | None = None,
        explain: bool = False,
    ) -> Answer:
        """Answer one question in the student's own way, which may be to explain first.

        ``explain``: explain in any case. ``choices`` make the question multiple choice.
        Raises DataError where the student needs choices and none are given.
        """
        return answer_question(
            self.model, question, choices=choices, context=context, explain=explain
        )

    def save(self, folder: str | Path) -> None:
        """Write weights (safetensors) or adapter, tokenizer and card into ``folder``."""
        self.model.save(Path(folder))
