"""The precision that a student is computed in on the device that it is on."""

from __future__ import annotations

import torch

from teachback.system.machine import processor
from teachback.system.precision import Precision, PrecisionChoice, on_gpu, on_processor


def default_device() -> torch.device:
    """Where students are loaded to: the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    """What students are computed on, by its maker's name: the GPU where there is one, else the
    processor."""
    device = default_device()
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return processor().name


def choose_precision(asked: Precision, device: torch.device | None = None) -> PrecisionChoice:
    """What ``asked`` comes to on ``device``, by default where students are loaded to."""
    device = device or default_device()
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return on_gpu(asked, native=bool(native))
    library = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return on_processor(asked, processor().features, library=library)
