"""What runs a GGUF file in this process: OpenVINO GenAI, or llama.cpp through xllamacpp.

Which is taken, and how many requests it holds at once, was measured on two cores (bench,
``gguf_teacher``): OpenVINO's continuous batching writes several explanations in little more
than the time of one, llama.cpp's slots do not; but llama.cpp reads every architecture.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol

from teachback.errors import MissingExtraError
from teachback.records import Completion, Message, Sampling

EngineName = Literal["openvino", "llama.cpp"]

_PACKAGES: dict[EngineName, str] = {"openvino": "openvino_genai", "llama.cpp": "xllamacpp"}

_OPENVINO_READS = frozenset({"llama", "qwen2", "qwen3"})
"""GGUF architectures that OpenVINO GenAI's reader knows."""


class UnreadableError(Exception):
    """The engine cannot run this file; another may."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What an engine is to continue. ``seed`` tells samples of one prompt apart."""

    messages: Sequence[Message]
    sampling: Sampling
    seed: int


class TeacherEngine(Protocol):
    """A loaded model. Its methods may be called from any thread."""

    slots: int
    """Requests it works at together; more wait."""

    def complete(self, ask: Ask) -> Future[Completion]:
        """Begin a reply. What concerns this request alone is a failed completion."""
        ...

    def close(self) -> None:
        """Give up what is under way and free the model."""
        ...


def installed(architecture: str) -> list[EngineName]:
    """The engines that are installed and may run this architecture, the faster first.

    Raises:
        MissingExtraError: There is none.
    """
    here = [name for name, package in _PACKAGES.items() if importlib.util.find_spec(package)]
    found = [n for n in here if n != "openvino" or architecture in _OPENVINO_READS]
    if not found:
        reads: EngineName = "openvino" if architecture in _OPENVINO_READS else "llama.cpp"
        what = f"a gguf: teacher ({architecture})"
        raise MissingExtraError(_PACKAGES[reads].replace("_", "-"), "gguf-teacher", what)
    return found
