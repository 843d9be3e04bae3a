"""The self-test: before a judge's word counts, it is asked about pairs whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from teachback.judging.judge import Preference
from teachback.judging.planted_pairs import WHY_NONE, PlantedKind, PlantedPair

LEAST_RIGHT = 0.7
"""Of each kind of planted pairs."""

LEAST_CONSISTENT = 0.7
"""Of all planted pairs, between the two orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestRow:
    """One kind of planted pairs; not measured where there are no ``pairs``. ``right``: the
    undamaged explanation is preferred, both orders together; a tie is not right, nor is a pair with
    an order that cannot be read."""

    kind: PlantedKind
    pairs: int
    right: int
    ties: int
    unread: int

    @property
    def measured(self) -> bool:
        return self.pairs > 0

    @property
    def passed(self) -> bool:
        """Whether enough of the pairs are right; of none, nothing speaks against the judge."""
        return self.right >= LEAST_RIGHT * self.pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """The kinds, and of how many of ``pairs`` both orders had the same outcome."""

    rows: tuple[SelfTestRow, ...]
    pairs: int
    consistent: int

    @property
    def passed(self) -> bool:
        """Whether the judge is not refused."""
        consistent = self.consistent >= LEAST_CONSISTENT * self.pairs
        return consistent and all(row.passed for row in self.rows)

    @property
    def in_words(self) -> str:
        """The figures in one sentence."""
        kinds = ", ".join(
            f"{row.kind} {row.right} of {row.pairs}" if row.measured else f"{row.kind} not measured"
            for row in self.rows
        )
        return f"right: {kinds}; consistent: {self.consistent} of {self.pairs}"

    @property
    def not_measured(self) -> list[str]:
        """What the self-test says nothing of, and why."""
        return [
            f"the self-test did not measure {row.kind} pairs: {WHY_NONE[row.kind]}"
            for row in self.rows
            if not row.measured
        ]


def measure_self_test(
    planted: Sequence[PlantedPair], preferences: Sequence[Preference]
) -> SelfTest:
    """Count what a judge said of the planted pairs."""
    rows = []
    for kind in get_args(PlantedKind):
        own = [p for one, p in zip(planted, preferences, strict=True) if one.kind == kind]
        rows.append(
            SelfTestRow(
                kind=kind,
                pairs=len(own),
                right=sum(one.value is not None and one.value > 0.5 for one in own),
                ties=sum(one.value == 0.5 for one in own),
                unread=sum(one.value is None for one in own),
            )
        )
    consistent = sum(one.consistent for one in preferences)
    return SelfTest(rows=tuple(rows), pairs=len(planted), consistent=consistent)
