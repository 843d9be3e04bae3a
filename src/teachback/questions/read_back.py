"""What is written for a perfect reader must be read back as gold.

Prompts ask teachers for a sentence, objectives train students to write one, and `parse` reads
both: where the three disagree about an answer, a perfect student is marked wrong.
"""

from __future__ import annotations

from teachback.questions.kinds import candidates, same_answer, say_answer
from teachback.questions.parsing import parse
from teachback.records import AnswerFormat, Example

_ENDINGS = (".", "!", "?", "。", "！", "？")


def stated(example: Example, answer_format: AnswerFormat) -> str:
    """The gold answer as a sentence's end: with a full stop, unless it has an ending of its own."""
    said = say_answer(example, example.answer, answer_format)
    return said if said.endswith(_ENDINGS) else f"{said}."


def unreadable(example: Example, answer_format: AnswerFormat) -> str | None:
    """Why a right answer to ``example`` would not be counted as right, in words for the user;
    None where every sentence that concludes with it is read back as gold.

    The explanation may stand before the conclusion or after it; where the answers cannot be
    listed, and so are generated, the bare answer is read too.
    """
    said = stated(example, answer_format)
    readings = [
        parse(example, f"It follows from this. So the answer is {said}"),
        parse(example, f"The answer is {said}\nIt follows from this.", answer_first=True),
    ]
    if not candidates(example):
        readings.append(
            parse(example, say_answer(example, example.answer, answer_format), bare=True)
        )
    for reading in readings:
        if not same_answer(example, reading.answer):
            instead = (
                "is read as no answer"
                if reading.answer is None
                else f"is read as {reading.answer!r}"
            )
            return f"the right answer cannot be recognised: “The answer is {said}” {instead}"
    return None
