"""The keys of exporting: what is checked before an export counts, and how much may differ."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from teachback.config import ConfigSection

WeightType = Literal["f32", "bf16", "f16", "q8_0", "int8"]


def _key(default: Any, description: str, **bounds: Any) -> Any:
    return Field(default, description=description, **bounds)


class ExportConfig(ConfigSection):
    """`[export]`: the parity gate. A limit that is unset is the format's own."""

    questions: int = _key(
        200, "questions that the student and its export both answer, at least", ge=1
    )
    explained: int = _key(40, "how many of them are also explained by both", ge=0)
    margin: float | None = _key(
        None,
        "a changed direct answer is an error where the student's two best probabilities lie "
        "further apart than this; unset: by format",
        ge=0,
        le=1,
    )
    mean_difference: float | None = _key(
        None, "largest mean difference of an answer's probability; unset: by format", ge=0, le=1
    )
    largest_difference: float | None = _key(
        None, "largest difference of any answer's probability; unset: by format", ge=0, le=1
    )
    changed_bound: float | None = _key(
        None,
        "largest upper bound (95%, one-sided) of the rate of changed direct answers; unset: by "
        "format",
        gt=0,
        le=1,
    )
    same_conclusions: float | None = _key(
        None,
        "smallest share of explanations with the same conclusion; unset: by format",
        ge=0,
        le=1,
    )


EXPORT_SECTIONS: dict[str, type[ConfigSection]] = {"export": ExportConfig}
