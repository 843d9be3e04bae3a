"""Labels: a closed set, the same for the whole file, without letters."""

from __future__ import annotations

from typing import Any

from teachback.questions.announcements import Announcements, announcements
from teachback.questions.choice_texts import (
    NONE,
    another_follows,
    named_at_start,
    read_within,
    written_out,
)
from teachback.questions.conclusions import Inference, first_sentence
from teachback.questions.inferred_choices import infer_choice
from teachback.questions.kind import QuestionKind, StatedAnswer, stripped_answer
from teachback.records import Example


class Label(QuestionKind):
    """A closed set of labels, the same for the whole file; no letters are shown."""

    name = "label"
    choices_from = "file"
    rows_have = "a label as the answer"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        return stripped_answer(value)

    def conclusion_form(self, choices: tuple[str, ...]) -> str:
        return f"The answer is LABEL. Here LABEL is one of: {', '.join(choices)}."

    def infer(self, example: Example, text: str, found: Announcements) -> Inference | None:
        return infer_choice(example.question, text, example.choices, found, lettered=False)

    def read(self, example: Example, statement: str) -> StatedAnswer:
        sentence = first_sentence(statement)
        written, end = written_out(statement, example.choices)
        if written is not None:
            return StatedAnswer(example.choices[written], end)
        choice, length = named_at_start(statement, example.choices)
        if choice is not None:
            several = another_follows(statement, length, choice, example.choices)
            return StatedAnswer(None, len(sentence)) if several else StatedAnswer(choice, length)
        if NONE.match(statement) or announcements().negated(statement):
            return StatedAnswer(None, len(sentence))
        return read_within(sentence, example.choices)
