"""Questions that are answered by a number."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Literal

from teachback.questions.announcements import Announcements, announcements
from teachback.questions.canonical_numbers import canonical_number, same_number
from teachback.questions.conclusions import Inference
from teachback.questions.inferred_numbers import infer_number
from teachback.questions.kind import QuestionKind, StatedAnswer
from teachback.questions.languages import languages_of
from teachback.questions.number_words import find_number_words
from teachback.questions.sentences import sentence_end
from teachback.questions.written_numbers import find_numbers, read_number
from teachback.records import AnswerFormat, Example

_OTHER: dict[str, str] = {"point": "comma", "comma": "point"}


class Number(QuestionKind):
    """Numbers, read whole or not at all and compared exactly; separators, currency and percent
    signs do not count.

    ``decimal``: the sign that divides the decimals, in the dataset and in replies.
    """

    exemplars = "arithmetic"
    rows_have = "a number as the answer"
    several_writings = True

    def __init__(self, name: str, decimal: Literal["point", "comma"]) -> None:
        self.name = name
        self._decimal = decimal

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        if isinstance(value, bool):
            raise ValueError(f"the answer {value!r} is not a number")
        if isinstance(value, int | float):
            return _of_json(value)
        text = str(value)
        found = read_number(text, self._decimal)
        if found.value is not None:
            return found.value
        shown = repr(text if len(text) <= 60 else f"{text[:59]}…")
        other = read_number(text, "comma" if self._decimal == "point" else "point")
        if other.value is not None:
            raise ValueError(
                f"the answer {shown} has a decimal {_OTHER[self._decimal]}: say so with --decimal "
                f"{_OTHER[self._decimal]}"
            )
        if found.trouble == "several numbers":
            raise ValueError(f"the answer {shown} is not one number")
        if found.trouble == "out of range":
            raise ValueError(f"the answer {shown} is out of range (more than 60 digits)")
        raise ValueError(f"the answer {shown} is not a number")

    def recognises(self, value: Any, choices: tuple[str, ...]) -> bool:
        if choices or isinstance(value, bool) or self._decimal == "comma":
            return False
        if isinstance(value, int | float):
            return True
        return read_number(str(value)).trouble in (None, "ambiguous")

    def ambiguity(self, value: Any) -> str | None:
        if isinstance(value, int | float) or read_number(str(value)).trouble != "ambiguous":
            return None
        one, other = (read_number(str(value), sign).value for sign in ("point", "comma"))
        return (
            f"the answer {value!r} can be read as {one} or as {other}: say which with --decimal "
            "point or --decimal comma"
        )

    def say(self, example: Example, answer: str, answer_format: AnswerFormat) -> str:
        """In the dataset's own convention, in which replies are read too."""
        return answer.replace(".", ",") if self._decimal == "comma" else answer

    def conclusion_form(self, choices: tuple[str, ...]) -> str:
        return "The answer is NUMBER. Here NUMBER is in digits and without a unit."

    def infer(self, example: Example, text: str, found: Announcements) -> Inference | None:
        return infer_number(example.question, text, found, self._decimal)

    def read(self, example: Example, statement: str) -> StatedAnswer:
        end = sentence_end(statement, 1)
        unread = StatedAnswer(None, end)
        if announcements().negated(statement):
            return unread
        sentence = statement[:end]
        # "5 + 3 = 8": what stands after the last equals sign is the result.
        offset = sentence.rfind("=") + 1
        numbers = [
            n for n in find_numbers(statement[: end + 80], self._decimal) if offset <= n.start < end
        ]
        if not numbers:
            return _in_words(example.question, sentence) or unread
        if numbers[0].value is None:
            return unread
        first = numbers[0]
        # Signs, brackets and a sum may stand before the number of an answer; words may not.
        opens = offset > 0 or not any(c.isalnum() for c in statement[: first.start])
        return StatedAnswer(first.value, first.end, opens=opens)

    def same(self, left: str, right: str) -> bool:
        return same_number(left, right)


def _in_words(question: str, sentence: str) -> StatedAnswer | None:
    """A number in words that a stated answer opens with ("twelve apples")."""
    words = find_number_words(sentence, languages_of(f"{question}\n{sentence}"))
    if not words or words[0].value is None or any(map(str.isalnum, sentence[: words[0].start])):
        return None
    return StatedAnswer(str(words[0].value), words[0].end)


def _of_json(value: float) -> str:
    """The canonical form of a number that JSON or a table holds as one."""
    try:
        exact = Decimal(str(value))
        if not exact.is_finite():
            raise ValueError(f"the answer {value!r} is not a finite number")
        if abs(exact.adjusted()) > 60:
            raise ValueError(f"the answer {value!r} is out of range (more than 60 digits)")
        return canonical_number(Fraction(exact))
    except InvalidOperation:
        raise ValueError(f"the answer {value!r} is not a number") from None
