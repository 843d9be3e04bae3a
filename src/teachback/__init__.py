"""teachback: a large model explains; a small model learns to answer and to say why.

The names below are the public ones. They are imported when first used, so that
``import teachback`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from teachback.api.evaluating import Evaluation, compare, evaluate, evaluate_teacher
    from teachback.api.explaining import Generated, agenerate, generate, select
    from teachback.api.inputs import Explanations, Predictions
    from teachback.api.settings import (
        EvaluateSettings,
        EvaluateTeacherSettings,
        GenerateSettings,
        TrainSettings,
    )
    from teachback.api.studying import StudyResult, pack_study, report, study, unpack_study
    from teachback.api.training import train
    from teachback.datasets import Columns, Data, read_examples, split_valid, subsample
    from teachback.evaluation import Comparison, Metrics
    from teachback.exemplars import read_exemplars
    from teachback.files import (
        read_explanations,
        read_predictions,
        write_explanations,
        write_predictions,
    )
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
    "Answer": "records",
    "Columns": "datasets",
    "Comparison": "evaluation",
    "Data": "datasets",
    "EvaluateSettings": "api.settings",
    "EvaluateTeacherSettings": "api.settings",
    "Evaluation": "api.evaluating",
    "Example": "records",
    "Exemplar": "records",
    "Explanation": "records",
    "Explanations": "api.inputs",
    "GenerateSettings": "api.settings",
    "Generated": "api.explaining",
    "Metrics": "evaluation",
    "Prediction": "records",
    "Predictions": "api.inputs",
    "Rejection": "records",
    "Student": "students.student",
    "StudyResult": "api.studying",
    "Teacher": "teachers.protocol",
    "TrainSettings": "api.settings",
    "agenerate": "api.explaining",
    "compare": "api.evaluating",
    "evaluate": "api.evaluating",
    "evaluate_teacher": "api.evaluating",
    "generate": "api.explaining",
    "pack_study": "api.studying",
    "read_examples": "datasets",
    "read_exemplars": "exemplars",
    "read_explanations": "files",
    "read_predictions": "files",
    "report": "api.studying",
    "select": "api.explaining",
    "split_valid": "datasets",
    "study": "api.studying",
    "subsample": "datasets",
    "train": "api.training",
    "unpack_study": "api.studying",
    "write_explanations": "files",
    "write_predictions": "files",
}

__all__ = [  # noqa: RUF022 - in the order in which one meets them
    "read_examples",
    "read_exemplars",
    "subsample",
    "split_valid",
    "generate",
    "agenerate",
    "select",
    "train",
    "Student",
    "evaluate",
    "evaluate_teacher",
    "compare",
    "study",
    "pack_study",
    "unpack_study",
    "report",
    "read_explanations",
    "write_explanations",
    "read_predictions",
    "write_predictions",
    "Generated",
    "Evaluation",
    "Comparison",
    "StudyResult",
    "Metrics",
    "Example",
    "Exemplar",
    "Explanation",
    "Rejection",
    "Answer",
    "Prediction",
    "Teacher",
    "Data",
    "Columns",
    "Explanations",
    "Predictions",
    "GenerateSettings",
    "TrainSettings",
    "EvaluateSettings",
    "EvaluateTeacherSettings",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'teachback' has no attribute {name!r}")
    return getattr(import_module(f"teachback.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
