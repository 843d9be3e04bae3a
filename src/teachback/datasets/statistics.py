"""What a dataset looks like, before anything is trained on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from teachback.errors import DataError
from teachback.questions import count_name, kind_of
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
    """Rows per number of choices, where each row has its own; else empty."""
    question_words: Spread
    """Words of a question, its context and choices left out."""
    gold_longest: float | None
    """Share of rows in which no choice has more characters than the gold one (ties count): what
    a student can get right without reading the question. None where rows have no choices."""


def stats(examples: Sequence[Example]) -> DatasetStats:
    """Describe a dataset.

    Raises:
        DataError: there are no examples.
    """
    if not examples:
        raise DataError("there are no examples to describe")
    kind = kind_of(examples[0])
    golds = Counter(map(count_name, examples))
    names = max(map(kind.count_names, examples), key=len)
    choices: Counter[int] = Counter()
    gold_longest: float | None = None
    if kind.choices_from == "row":
        choices.update(len(example.choices) for example in examples)
        longest = sum(len(e.answer) >= max(map(len, e.choices)) for e in examples)
        gold_longest = longest / len(examples)
    return DatasetStats(
        rows=len(examples),
        kind=kind.name,
        groups=len({unit(example) for example in examples}),
        balance={name: golds[name] for name in names},
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
