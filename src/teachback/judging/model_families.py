"""Whether a judge is the teacher's own model, or of its family.

A judge favours what its own family wrote, students taught by it included (Li et al. 2025,
"Preference leakage"), and judging a teacher's students is just that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from teachback.config import read_config
from teachback.files import read_explanations, read_jsonl
from teachback.references import (
    OpenAIReference,
    RecordedReference,
    WheelsReference,
    parse_teacher,
)
from teachback.runs.folders import read_manifest
from teachback.studies.schema import TASK_FILE

_ALIASES = {"o": "gpt", "chatgpt": "gpt", "davinci": "gpt", "codellama": "llama", "qwq": "qwen"}
"""Names of models that are of a family whose name they do not bear."""


def model_family(model: str) -> str:
    """The first word of a model's name: ``gpt`` of ``gpt-4o``, ``llama`` of
    ``meta-llama/Llama-3-70b``."""
    found = re.search(r"[a-z]+", model.rsplit("/", 1)[-1].lower())
    word = found[0] if found else model.lower()
    return _ALIASES.get(word, word)


def kinship(judge: str, teachers: Iterable[str]) -> list[str]:
    """A warning for each teacher that is the judge's own model or of its family."""
    warnings = []
    for teacher in sorted(set(teachers)):
        if _bare(teacher) == _bare(judge):
            warnings.append(
                f"the judge {judge} is the teacher of what it judges ({teacher}): it favours its "
                "own texts; use a judge of a different family"
            )
        elif model_family(teacher) == model_family(judge):
            warnings.append(
                f"the judge {judge} is of the family of the teacher {teacher}: a judge favours its "
                "own family; use a judge of a different family"
            )
    return warnings


def teachers_behind(file: Path) -> set[str]:
    """The models whose explanations a system learnt from, or that wrote them, as far as the files
    beside its explanations or one folder above say; empty where they say nothing."""
    if file.name == "explanations.jsonl":
        return {one.teacher for one in read_explanations(file)}
    for folder in (file.parent, file.parent.parent):
        for source in _learnt_from(folder):
            if source.is_file():
                return {one.teacher for one in read_explanations(source)}
        if (folder / "config.toml").is_file():
            reference = read_config(folder / "config.toml", anchored=False).teacher.reference
            return set() if reference is None else _models_of(reference)
    return set()


def _learnt_from(folder: Path) -> Iterator[Path]:
    """Where the explanations may be that a run's, or a study's cell's, student learnt from."""
    yield folder / "explanations.jsonl"
    if (folder / "task.json").is_file():
        named = TASK_FILE.read(folder / "task.json").explanations
        if named is not None:
            yield Path(named)
            yield folder / named
    if (folder / "manifest.json").is_file():
        named_input = read_manifest(folder / "manifest.json").inputs.get("explanations")
        if named_input is not None:
            yield Path(named_input.path)


def _models_of(reference: str) -> set[str]:
    match parse_teacher(reference):
        case OpenAIReference(model=model):
            return {model}
        case WheelsReference(name=name):
            return {name}
        case RecordedReference(recordings=files):
            rows = (row for file in files if Path(file).is_file() for _, row in read_jsonl(file))
            return {str(row["teacher"]) for row in rows if "teacher" in row}
    return set()


def _bare(model: str) -> str:
    """Without its owner and the hash that files' and recordings' names end in."""
    return model.rsplit("/", 1)[-1].lower().partition("@")[0].removesuffix("-q4_k_m")
