"""The folder of an annotation: ``plan.json``, ``answers.sqlite`` and, once counted,
``results.json``. It is begun once and then continued; the plan and the answers are never replaced,
and ``results.json`` is counted anew from them each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from teachback.annotation.answers import AnswerStore
from teachback.annotation.explained_items import ExplainedItems, explained_items
from teachback.annotation.plan import PLAN_FILE, Plan, PlanSettings, draw_plan
from teachback.annotation.results import AnnotationResults, measure_annotation
from teachback.errors import RunFolderError
from teachback.files import is_file, make_folder
from teachback.studies.schema import digest_of

PLAN = "plan.json"
ANSWERS = "answers.sqlite"
RESULTS = "results.json"


def plan_of(
    runs: Sequence[str], data: str | None, kind: str | None, settings: PlanSettings
) -> tuple[Plan, ExplainedItems]:
    """The plan that a command asks for, and what it was drawn from."""
    found = explained_items(runs, data, kind)
    plan = draw_plan(found, settings, "")
    row = PLAN_FILE.row(plan)
    return draw_plan(found, settings, digest_of(row)[:16]), found


def begin(folder: Path, plan: Plan) -> Plan:
    """Write the plan, or make sure that the folder's plan is this one.

    The caller holds the folder. Raises RunFolderError where the folder is of another annotation
    or the explanations have changed since it was begun.
    """
    file = folder / PLAN
    if not file.is_file():
        if (folder / ANSWERS).exists():
            raise RunFolderError(
                f"{folder} holds answers but no {PLAN}: put it back, or choose a different folder"
            )
        make_folder(folder)
        PLAN_FILE.write(file, plan)
        return plan
    present = PLAN_FILE.read(file)
    if present.identity == plan.identity:
        return present
    raise RunFolderError(f"{folder}: {_difference(present, plan)}; the answers there are kept")


def read_plan(folder: Path) -> Plan:
    """The plan of an annotation. Raises RunFolderError where the folder has none."""
    file = folder / PLAN
    if not is_file(file):
        raise RunFolderError(
            f"{folder} holds no annotation (no {PLAN}): teachback annotate RUN… -o {folder} "
            "begins one"
        )
    return PLAN_FILE.read(file)


def open_answers(folder: Path, plan: Plan) -> AnswerStore:
    """The folder's answers, made where there are none."""
    return AnswerStore(folder / ANSWERS, plan)


def results_of(plan: Plan, answers: AnswerStore) -> AnnotationResults:
    """What is answered so far, counted."""
    return measure_annotation(plan, answers.revisions())


def _difference(present: Plan, plan: Plan) -> str:
    """What keeps a folder's annotation from being continued, and what to do."""
    before = {system.name: system.sha256 for system in present.systems}
    now = {system.name: system.sha256 for system in plan.systems}
    if before.keys() != now.keys():
        return f"it compares {', '.join(before)}: name these, or choose a different folder"
    for name, sha256 in now.items():
        if before[name] != sha256:
            return (
                f"the explanations of {name} have changed since it was begun: choose a different "
                "folder, or give only -o to continue with those shown so far"
            )
    for key in PlanSettings.__dataclass_fields__:
        old, new = getattr(present.settings, key), getattr(plan.settings, key)
        if old != new:
            flag = {"annotators": "annotator"}.get(key, key.replace("_", "-"))
            said = ", ".join(old) if isinstance(old, tuple) else old
            return (
                f"it was begun with a different --{flag} ({said}): give the same, or choose a "
                "different folder"
            )
    return (
        "the questions, or the order of the runs, have changed since it was begun: choose a "
        "different folder, or give only -o to continue with those shown so far"
    )
