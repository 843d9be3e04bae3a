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

_FAMILIES: dict[str, tuple[str, ...]] = {
    "claude": ("claude",),
    "command": ("command", "aya"),
    "deepseek": ("deepseek",),
    "falcon": ("falcon",),
    "gemini": ("gemini",),
    "gemma": ("gemma", "codegemma", "medgemma", "paligemma", "shieldgemma"),
    "glm": ("glm", "chatglm"),
    "gpt": ("gpt", "chatgpt", "davinci", "curie", "babbage"),
    "granite": ("granite",),
    "grok": ("grok",),
    "kimi": ("kimi", "moonshot"),
    "llama": ("llama", "codellama", "tinyllama", "vicuna", "alpaca"),
    "mistral": (
        *("mistral", "mixtral", "mistralai", "ministral", "magistral"),
        *("codestral", "devstral", "mathstral", "pixtral", "zephyr"),
    ),
    "nova": ("nova",),
    "olmo": ("olmo", "olmoe"),
    "phi": ("phi",),
    "qwen": ("qwen", "qwq", "qvq"),
    "smollm": ("smollm",),
    "t5": ("flan",),
    "yi": ("yi",),
}
"""Families by the words that names of their models have; digits stand between words."""

_FAMILY_OF = {word: family for family, words in _FAMILIES.items() for word in words}
_FIRST_WORDS = {"o": "gpt", "t": "t5"}
"""Words that tell a family only where they come first: ``o3-mini``."""


def model_families(model: str) -> frozenset[str]:
    """The families that a model's name tells: ``gpt`` of ``ft:gpt-3.5-turbo:acme``, ``llama`` of
    ``Meta-Llama-3-8B``, two of ``DeepSeek-R1-Distill-Qwen-7B``; the name's first word where none of
    its words is a known family's."""
    name = model.lower().partition("@")[0].removeprefix("ft:")
    words = re.findall(r"[a-z]+", "/".join(name.split("/")[-2:]))
    known = frozenset(_FAMILY_OF[word] for word in words if word in _FAMILY_OF)
    if known:
        return known
    first = re.search(r"[a-z]+", name.rsplit("/", 1)[-1])
    word = first[0] if first else name
    return frozenset({_FIRST_WORDS.get(word, word)})


def kinship(judge: str, teachers: Iterable[str]) -> list[str]:
    """A warning for each teacher that is the judge's own model or of its family."""
    warnings = []
    for teacher in sorted(set(teachers)):
        if _bare(teacher) == _bare(judge):
            warnings.append(
                f"the judge {judge} is the teacher of what it judges ({teacher}): it favours its "
                "own texts; use a judge of a different family"
            )
        elif model_families(teacher) & model_families(judge):
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
