"""What a study varies beside datasets, systems and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from teachback.records import Strategy
from teachback.studies.config import Size

Factor = Literal["student", "size", "strategy", "teacher", "alpha"]
"""What a study varies beside datasets, systems and seeds."""

FactorValue = Size | str | None

FACTORS: tuple[Factor, ...] = get_args(Factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value for each factor; None where a system does not depend on it (size: all rows)."""

    student: str | None
    size: Size | None
    strategy: Strategy | None
    teacher: str | None
    alpha: float | None

    def value(self, factor: Factor) -> FactorValue:
        """The value of one factor."""
        found: FactorValue = getattr(self, factor)
        return found

    @property
    def setting(self) -> Setting:
        """The factors alone, of a record that has more."""
        return Setting.of({factor: self.value(factor) for factor in FACTORS})

    def where(self, factor: Factor, value: FactorValue) -> Setting:
        """The same setting with one factor changed."""
        return Setting.of({**{f: self.value(f) for f in FACTORS}, factor: value})

    @staticmethod
    def of(values: Mapping[Factor, FactorValue]) -> Setting:
        """The setting with these values of all the factors."""
        return Setting(**values)  # type: ignore[arg-type]
