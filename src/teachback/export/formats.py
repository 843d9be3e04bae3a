"""The formats that a student is exported to, and how far each may drift from the student."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from teachback.errors import UsageError
from teachback.export.config import ExportConfig, WeightType

ExportFormat = Literal["merged", "gguf", "openvino"]


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """How far an export may drift; each is a key of `ExportConfig`."""

    margin: float
    mean_difference: float
    largest_difference: float
    changed_bound: float
    same_conclusions: float


_EXACT = DriftLimits(0.0, 0.005, 0.02, 0.02, 0.95)
_HALF = DriftLimits(0.1, 0.05, 1.0, 0.1, 0.75)
"""16 bits with a short mantissa, and 8 bits: answers that were nearly a tie may change."""

_LIMITS: Mapping[tuple[ExportFormat, WeightType], DriftLimits] = {
    ("merged", "f32"): _EXACT,
    ("merged", "bf16"): _HALF,
    ("gguf", "f32"): _EXACT,
    ("gguf", "f16"): _EXACT,
    ("gguf", "q8_0"): _HALF,
    ("openvino", "f16"): _EXACT,
    ("openvino", "int8"): _HALF,
}
"""What there is to export to, with each one's own limits."""

_DEFAULT: Mapping[ExportFormat, WeightType] = {
    "merged": "f32",
    "gguf": "f16",
    "openvino": "int8",
}


def weight_type(form: ExportFormat, asked: WeightType | None) -> WeightType:
    """The type that weights are written in. Raises UsageError where the format has no such one."""
    chosen = asked or _DEFAULT[form]
    known = [weights for own, weights in _LIMITS if own == form]
    if chosen not in known:
        raise UsageError(f"--to {form} has no weights of type {chosen}: choose {', '.join(known)}")
    return chosen


def limits(form: ExportFormat, weights: WeightType, config: ExportConfig) -> DriftLimits:
    """The format's limits, with those that ``config`` sets in their place."""
    own = _LIMITS[form, weights]
    asked = {
        "margin": config.margin,
        "mean_difference": config.mean_difference,
        "largest_difference": config.largest_difference,
        "changed_bound": config.changed_bound,
        "same_conclusions": config.same_conclusions,
    }
    return replace(own, **{key: value for key, value in asked.items() if value is not None})
