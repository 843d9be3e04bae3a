"""What a dataset looks like, before anything is trained on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from string import ascii_uppercase

from teachback.errors import DataError
from teachback.questions import candidates
from teachback.records import Example


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, middle and largest of some numbers."""

    minimum: int
    median: float
    maximum: int


@dataclass(frozen=True, slots=True)
class DatasetStats:
    """The figures of `stats`."""

    rows: int
    kind: str
    groups: int
    """Independent units: distinct groups, and each row without a group by itself."""
    balance: dict[str, int]
    """Rows per gold answer: by letter for multiple choice, by answer where the answers can be
    listed (those that never are gold included), empty for numbers and text."""
    choices: dict[int, int]
    """Rows per number of choices, for multiple choice."""
    question_words: Spread
    """Words of a question, its context and choices left out."""
    gold_longest: float | None
    """Share of rows in which no choice has more characters than the gold one (ties count), for
    multiple choice: what a student can get right without reading the question."""


def stats(examples: Sequence[Example]) -> DatasetStats:
    """Describe a dataset.

    Raises:
        DataError: there are no examples.
    """
    if not examples:
        raise DataError("there are no examples to describe")
    kind = examples[0].kind
    choices: Counter[int] = Counter()
    gold_longest: float | None = None
    if kind == "multiple-choice":
        choices.update(len(example.choices) for example in examples)
        positions = Counter(example.choices.index(example.answer) for example in examples)
        letters = ascii_uppercase[: max(choices)]
        balance = {letter: positions[index] for index, letter in enumerate(letters)}
        longest = sum(len(e.answer) == max(map(len, e.choices)) for e in examples)
        gold_longest = longest / len(examples)
    else:
        answers = Counter(example.answer for example in examples)
        balance = {answer: answers[answer] for answer in candidates(examples[0])}
    return DatasetStats(
        rows=len(examples),
        kind=kind,
        groups=len({unit(example) for example in examples}),
        balance=balance,
        choices=dict(sorted(choices.items())),
        question_words=_spread(len(example.question.split()) for example in examples),
        gold_longest=gold_longest,
    )


def unit(example: Example) -> tuple[str, str]:
    """What is drawn and split as a whole: the example's group, or the example itself."""
    return ("id", example.id) if example.group is None else ("group", example.group)


def _spread(numbers: Iterable[int]) -> Spread:
    ordered = sorted(numbers)
    return Spread(ordered[0], float(median(ordered)), ordered[-1])
