"""What the systems of a study are called in tables: the objectives, and the controls."""

from __future__ import annotations

from collections.abc import Mapping

from teachback.objectives import OBJECTIVES
from teachback.records import Objective


def permuted_name(system: str) -> str:
    """The name of the control that is trained as ``system`` is, with permuted explanations."""
    return f"{system} (permuted)"


PERMUTED: Mapping[Objective, str] = {"mt-cot": "permuted", "mt-icot": "permuted-icot"}
"""Objectives that the control ``permuted`` is one of → its key in `SYSTEM_NAMES`."""

SYSTEM_NAMES: dict[str, str] = {
    **{objective: tasks.title for objective, tasks in OBJECTIVES.items()},
    "equal-time": "ST (equal time)",
    **{key: permuted_name(OBJECTIVES[objective].title) for objective, key in PERMUTED.items()},
    "untrained": "untrained",
    "majority": "majority",
    "teacher-direct": "teacher, direct",
    "teacher-cot": "teacher, chain of thought",
}
"""Objective or control → the system's name in tables."""


def systems_named(name: str) -> list[str]:
    """The systems that an objective or control in a study file stands for: ``permuted`` for one
    of each objective that has it."""
    if name in PERMUTED.values():
        return [SYSTEM_NAMES[key] for key in PERMUTED.values()]
    return [SYSTEM_NAMES[name]]
