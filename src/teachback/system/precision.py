"""Whether a student is computed in bf16 or in float32, and why. Pure; no torch here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Precision = Literal["auto", "fp32", "bf16"]
"""What may be asked for."""

UsedPrecision = Literal["fp32", "bf16"]
"""What is computed in."""

NATIVE_BF16 = ("amx_bf16", "avx512_bf16", "bf16")
"""Features of a processor that multiplies bf16 natively: Intel's AMX, AVX-512, Arm. Others spread
each number to float32 and round each result, which is slower than float32 itself."""


@dataclass(frozen=True, slots=True)
class PrecisionChoice:
    """What is computed in, and why. ``slow``: float32 would be faster here."""

    used: UsedPrecision
    reason: str
    slow: bool = False

    @property
    def line(self) -> str:
        """For people."""
        return f"precision: {self.used} ({self.reason})"


def on_processor(
    asked: Precision, features: Collection[str], *, library: bool = True
) -> PrecisionChoice:
    """The choice for a processor with these ``features`` (`teachback.system.machine.Processor`).

    ``library``: whether torch has oneDNN, without which it uses none of `NATIVE_BF16`.
    """
    native = next((name for name in NATIVE_BF16 if name in features), None)
    if native is not None and library:
        return _choice(asked, True, f"the processor multiplies bf16 natively: {native}")
    if native is not None:
        return _choice(asked, False, f"this torch lacks oneDNN, which would use {native}")
    if not features:
        return _choice(asked, False, "this system does not say whether the processor has bf16")
    lacking = f"it has none of {', '.join(NATIVE_BF16)}"
    return _choice(asked, False, f"the processor does not multiply bf16 natively: {lacking}")


def on_gpu(asked: Precision, *, native: bool) -> PrecisionChoice:
    """The choice for a CUDA GPU, ``native``: from Ampere on."""
    does = "multiplies" if native else "does not multiply"
    return _choice(asked, native, f"the GPU {does} bf16 natively")


def _choice(asked: Precision, native: bool, why: str) -> PrecisionChoice:
    if asked == "auto":
        return PrecisionChoice("bf16" if native else "fp32", f"auto; {why}")
    if asked == "fp32" or native:
        return PrecisionChoice(asked, "as asked for")
    return PrecisionChoice(asked, f"as asked for, though slow here; {why}", slow=True)
