"""The settings of the steps: the keys of the configuration, typed, and sorted into its sections.

Types, defaults and meanings are those of `teachback.config`; a test holds the two together.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from teachback.config import SECTIONS, section
from teachback.errors import ConfigError
from teachback.records import AnswerFormat, Conclusions, KeyHeader, Language


class GenerateSettings(TypedDict, total=False):
    """Settings of `generate`, `agenerate` and `select`: keys of ``[teacher]`` and
    ``[selection]``."""

    form: Literal["auto", "chat", "text"]
    system: Literal["turn", "fold"]
    temperature: float
    top_p: float
    max_tokens: int
    samples: int
    concurrency: int
    max_cost: float | None
    max_reply_mb: int
    key_header: KeyHeader
    prices: str | Path | None
    choose: Literal["first", "all", "shortest", "agreed"]
    rp_check: bool
    leak_check: bool
    thinking: bool
    reading: Conclusions
    languages: Literal["auto"] | tuple[Language, ...]
    max_words: int


class TrainSettings(TypedDict, total=False):
    """Settings of `train`: keys of ``[train]`` and ``[student]``, ``valid_fraction`` of ``[data]``,
    and the keys of ``[evaluate]`` that shape the answers to valid, from which the epoch and the
    student's way of answering are chosen."""

    valid_fraction: float
    precision: Literal["auto", "fp32", "bf16"]
    task_marker: Literal["decoder", "encoder"]
    answer_format: AnswerFormat
    max_source_tokens: int
    max_target_tokens: int
    trim_vocabulary: int | None
    trim_limit: float
    alpha: float
    permute: bool
    seed: int
    epochs: float
    batch_size: int
    token_budget: int
    length_window: int
    learning_rate: float | None
    schedule: Literal["linear", "cosine", "constant"]
    warmup: float
    weight_decay: float
    max_grad_norm: float
    patience: int
    removal_share: float
    removal_per_epoch: int | None
    removal_jitter: float
    removal_reset: bool
    lora: bool
    lora_rank: int
    lora_alpha: int
    lora_dropout: float
    gradient_checkpointing: bool
    memory_check: bool
    choice_score: Literal["sum", "mean"]
    max_new_tokens: int | None
    reading: Conclusions
    languages: Literal["auto"] | tuple[Language, ...]


class EvaluateSettings(TypedDict, total=False):
    """Settings of `evaluate`: the keys of ``[evaluate]``."""

    explain: bool
    way: Literal["adaptive"] | None
    choice_score: Literal["sum", "mean"]
    batch_size: int
    max_new_tokens: int | None
    reading: Conclusions
    languages: Literal["auto"] | tuple[Language, ...]
    baselines: bool


class EvaluateTeacherSettings(TypedDict, total=False):
    """Settings of `evaluate_teacher`: keys of ``[teacher]`` and ``[evaluate]``."""

    form: Literal["auto", "chat", "text"]
    system: Literal["turn", "fold"]
    temperature: float
    top_p: float
    max_tokens: int
    concurrency: int
    max_cost: float | None
    max_reply_mb: int
    key_header: KeyHeader
    prices: str | Path | None
    explain: bool
    reading: Conclusions
    languages: Literal["auto"] | tuple[Language, ...]
    baselines: bool


Named = tuple[str, ...]
"""Keys of a section."""


def _but(name: str, *others: str) -> Named:
    return tuple(key for key in SECTIONS[name].model_fields if key not in others)


GENERATE: Mapping[str, Named] = {
    "teacher": _but("teacher", "reference", "exemplars", "instructions"),
    "selection": _but("selection", "strategy"),
}
TRAIN: Mapping[str, Named] = {
    "data": ("valid_fraction",),
    "student": _but("student", "reference"),
    "train": _but("train", "objective"),
    "evaluate": ("choice_score", "max_new_tokens", "reading", "languages"),
}
EVALUATE: Mapping[str, Named] = {"evaluate": _but("evaluate")}
EVALUATE_TEACHER: Mapping[str, Named] = {
    "teacher": _but("teacher", "reference", "exemplars", "instructions", "samples"),
    "evaluate": ("explain", "reading", "languages", "baselines"),
}
"""Of each step: which of its settings are keys of which section."""


def sorted_settings(
    settings: Mapping[str, object], places: Mapping[str, Named], step: str
) -> dict[str, dict[str, Any]]:
    """Settings by section; ``step`` is what messages call the function.

    Raises ConfigError for one that the step does not have, with the one that was probably meant.
    """
    place = {key: name for name, keys in places.items() for key in keys}
    found: dict[str, dict[str, Any]] = {name: {} for name in places}
    for key, value in settings.items():
        if key not in place:
            near = difflib.get_close_matches(key, place, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(place)}"
            raise ConfigError(f"{step}: unknown setting {key!r}; {meant}")
        found[place[key]][key] = str(value) if isinstance(value, Path) else value
    return found


def checked_section(name: str, values: Mapping[str, object], step: str) -> Any:
    """One section of the configuration; raises ConfigError as `teachback.config.section`."""
    return section(name, dict(values), step)


@dataclass(frozen=True, slots=True)
class Meaningless:
    """Settings that change nothing where another one is as it is."""

    keys: Named
    where: bool
    """Whether it is so."""
    reason: str


def refuse(settings: Mapping[str, object], rules: tuple[Meaningless, ...], step: str) -> None:
    """Raise ConfigError where one of ``settings`` would change nothing: whoever gives it
    expects that it does."""
    for rule in rules:
        for key in rule.keys:
            if rule.where and key in settings:
                raise ConfigError(f"{step}: {key} means nothing here: {rule.reason}")
