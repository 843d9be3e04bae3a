"""What people said of the explanations that a judge is asked about: a row of JSON each, as
``teachback annotate results --export FILE.jsonl`` writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from teachback.errors import DataError, quoted
from teachback.files import read_jsonl
from teachback.judging.judge_questions import CRITERIA
from teachback.versioned import checked

PREFERRED = "preferred"

_OF_FIRST = {"a": 1.0, "b": 0.0, "both-good": 0.5, "both-bad": 0.5}
_OF_RATING = {"yes": 1.0, "no": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class _AnswerRow:
    """What is read of a row. ``systems`` in the order shown."""

    item: str
    systems: tuple[str, ...]
    answers: dict[str, str]
    annotator: str
    planted: str | None = None


@dataclass(frozen=True, slots=True)
class PeopleAnswers:
    """By measure, systems and item the mean over people: of ``preferred`` by (a, b), 1 where a is
    better; of a criterion by (system,), 1 for yes."""

    values: dict[tuple[str, tuple[str, ...]], dict[str, float]]

    def preferences(self, a: str, b: str) -> dict[str, float]:
        """Item → how far people prefer ``a`` to ``b``, in [0, 1]."""
        return self.values.get((PREFERRED, (a, b)), {})

    def differences(self, criterion: str, a: str, b: str) -> dict[str, float]:
        """Item → what people say of ``a`` minus what they say of ``b``."""
        of_a = self.values.get((criterion, (a,)), {})
        of_b = self.values.get((criterion, (b,)), {})
        return {item: of_a[item] - of_b[item] for item in of_a if item in of_b}


def read_people_answers(path: str | Path, systems: Sequence[str]) -> PeopleAnswers:
    """Read the answers; planted screens are left out.

    Raises DataError naming file and line, also where a system is none of ``systems``.
    """
    found: dict[tuple[str, tuple[str, ...]], dict[str, list[float]]] = {}

    def put(measure: str, of: tuple[str, ...], item: str, value: float) -> None:
        found.setdefault((measure, of), {}).setdefault(item, []).append(value)

    for line, row in read_jsonl(path):
        where = f"{path}, line {line}"
        one = checked(_AnswerRow, row, where)
        if one.planted is not None:
            continue
        if unknown := [name for name in one.systems if name not in systems]:
            raise DataError(
                f"{where}: the system {quoted(unknown[0])} is not judged here; name the runs as "
                f"they were named for the annotation ({', '.join(systems)})"
            )
        for measure, said in one.answers.items():
            if measure == PREFERRED:
                if said not in _OF_FIRST or len(one.systems) != 2:
                    raise DataError(
                        f"{where}: {quoted(said)} is not a preference between two systems"
                    )
                value = _OF_FIRST[said]
                put(measure, one.systems, one.item, value)
                put(measure, one.systems[::-1], one.item, 1 - value)
            elif measure in CRITERIA and said in _OF_RATING and len(one.systems) == 1:
                put(measure, one.systems, one.item, _OF_RATING[said])
    if not found:
        raise DataError(
            f"{path}: no answer about these systems; teachback annotate results DIR --export FILE "
            "writes them"
        )
    return PeopleAnswers(
        {
            key: {item: math.fsum(values) / len(values) for item, values in items.items()}
            for key, items in found.items()
        }
    )
