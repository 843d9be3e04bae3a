"""teachback: a large model explains; a small model learns to answer and to say why.

The names below are the public ones. They are imported when first used, so that
``import teachback`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from teachback.api import Evaluation, compare, evaluate, generate, train
    from teachback.datasets import read_examples, split_valid, subsample
    from teachback.exemplars import read_exemplars
    from teachback.records import (
        Answer,
        Example,
        Exemplar,
        Explanation,
        Prediction,
        Rejection,
    )
    from teachback.students.student import Student
    from teachback.teachers.protocol import Teacher

_PLACES = {
    "compare": "api",
    "evaluate": "api",
    "Evaluation": "api",
    "generate": "api",
    "train": "api",
    "read_examples": "datasets",
    "split_valid": "datasets",
    "subsample": "datasets",
    "read_exemplars": "exemplars",
    "Answer": "records",
    "Example": "records",
    "Exemplar": "records",
    "Explanation": "records",
    "Prediction": "records",
    "Rejection": "records",
    "Student": "students.student",
    "Teacher": "teachers.protocol",
}

__all__ = [  # noqa: RUF022 - in the order in which one meets them
    "Example",
    "Exemplar",
    "Explanation",
    "Rejection",
    "Answer",
    "Prediction",
    "Evaluation",
    "Student",
    "Teacher",
    "read_examples",
    "read_exemplars",
    "subsample",
    "split_valid",
    "generate",
    "train",
    "evaluate",
    "compare",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'teachback' has no attribute {name!r}")
    return getattr(import_module(f"teachback.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
