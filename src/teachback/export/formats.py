"""The formats that a student is exported to, and how far each may drift from the student."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from teachback.errors import UsageError
from teachback.export.config import ExportConfig, WeightType
from teachback.students.weights import OPENVINO, STUDENT_FILE

ExportFormat = Literal["merged", "gguf", "openvino"]

GGUF, MODELFILE = "model.gguf", "Modelfile"
CARD, PARITY = "README.md", "parity.json"

EXPORT_FILES = (
    CARD,
    STUDENT_FILE,
    # merged
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "model-*-of-*.safetensors",
    "model.safetensors.index.json",
    # merged, whichever of them the tokenizer has; openvino has the first
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "merges.txt",
    "vocab.json",
    "vocab.txt",
    # gguf
    GGUF,
    MODELFILE,
    # openvino
    OPENVINO,
    "scorer.*",
    "decoder.*",
    # By this one a folder is known as an export: the last that is removed.
    PARITY,
)
"""Every file that an export of some format has, as `fnmatch` takes it: what an export replaces of
an older one, which may be of a different format."""


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


def export_files(names: Iterable[str]) -> list[str]:
    """Those of ``names`` that `EXPORT_FILES` has, in its order."""
    every = sorted(names)
    found = (name for pattern in EXPORT_FILES for name in every if fnmatchcase(name, pattern))
    return list(dict.fromkeys(found))


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
