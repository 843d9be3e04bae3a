"""What a judge is asked, as labelled questions: so it can be asked and read like any teacher.

Which system wrote an explanation is never said. A pair is asked in both orders, and a criterion is
asked alone; those that people are asked before they see the question, without the question.
"""

from __future__ import annotations

from dataclasses import dataclass

from teachback.annotation.criteria import ALONE, WITH_QUESTION, Criterion
from teachback.annotation.explained_items import Explained
from teachback.records import Example

INSTRUCTIONS = (
    "You judge explanations of answers to questions. A good explanation says what is true, belongs "
    "to its question, contradicts neither itself nor its answer, and gives enough reasons for the "
    "answer. Its length, its style and the place where it is shown are no merits."
)
"""Precedes every question to a judge, after the user's own instructions."""

FIRST, SECOND, EQUAL = "first", "second", "equal"

CRITERIA: dict[str, Criterion] = {one.key: one for one in (*ALONE, *WITH_QUESTION)}
"""The questions of the page for people."""

_SEEN_ALONE = {one.key for one in ALONE}


@dataclass(frozen=True, slots=True)
class ExplanationPair:
    """Two explanations of one item. ``id`` is its own among the pairs of a judging."""

    id: str
    item: Example
    a: Explained
    b: Explained

    @property
    def is_same(self) -> bool:
        """Whether both say the same in the same words: a tie that need not be asked."""
        return _words(self.a) == _words(self.b)


@dataclass(frozen=True, slots=True)
class Rated:
    """One explanation under one criterion."""

    id: str
    item: Example
    explained: Explained
    criterion: str


def both_orders(pair: ExplanationPair) -> tuple[Example, Example]:
    """The questions of a pair: A first, and B first."""
    return (
        _question_of_order(f"{pair.id} ab", pair.item, pair.a, pair.b),
        _question_of_order(f"{pair.id} ba", pair.item, pair.b, pair.a),
    )


def criterion_question(rated: Rated) -> Example:
    """The question about one explanation under one criterion."""
    criterion = CRITERIA[rated.criterion]
    words = [text.lower() for _, text in criterion.options]
    seen = [f"Explanation: {rated.explained.text.strip()}"]
    if rated.criterion not in _SEEN_ALONE:
        seen = [_item(rated.item), *_answer(rated.explained), *seen]
    asked = f"{criterion.text} Answer {_listed(words)}."
    return _question(rated.id, [*seen, asked], words)


def option_of(criterion: str, answer: str | None) -> str | None:
    """The criterion's value that an answer names: ``yes``, ``no`` or ``unknown``."""
    by_words = {text.lower(): value for value, text in CRITERIA[criterion].options}
    return None if answer is None else by_words.get(answer)


def _question_of_order(name: str, item: Example, first: Explained, second: Explained) -> Example:
    parts = [
        _item(item),
        "\n".join(["First explanation:", first.text.strip(), *_answer(first)]),
        "\n".join(["Second explanation:", second.text.strip(), *_answer(second)]),
        "Which explanation is better? Answer first, second, or equal if neither is better.",
    ]
    return _question(name, parts, [FIRST, SECOND, EQUAL])


def _question(name: str, parts: list[str], labels: list[str]) -> Example:
    return Example(
        id=name, question="\n\n".join(parts), answer=labels[0], kind="label", choices=tuple(labels)
    )


def _item(item: Example) -> str:
    # Without letters: those would be taken for the judge's own choices.
    lines = [f"Context: {item.context.strip()}"] if item.context else []
    lines.append(f"Question asked: {item.question.strip()}")
    if item.choices:
        lines.append(f"Choices: {'; '.join(item.choices)}")
    return "\n".join(lines)


def _answer(explained: Explained) -> list[str]:
    return [] if explained.answer is None else [f"Answer explained: {explained.answer}"]


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _words(explained: Explained) -> tuple[list[str], str | None]:
    return explained.text.split(), explained.answer
