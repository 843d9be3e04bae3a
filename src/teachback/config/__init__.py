"""The configuration of a run: its keys (`sections`), its file (`reading`), their table for the
documentation (`key_table`)."""

from __future__ import annotations

from teachback.config.key_table import reference_table
from teachback.config.reading import (
    first_problem,
    override,
    parse_config,
    read_alike,
    read_config,
    read_toml,
    section,
    write_config,
)
from teachback.config.sections import (
    MEMORY_KEYS,
    REMOVAL_KEYS,
    SECTIONS,
    TRIMMING_KEYS,
    Config,
    ConfigSection,
    DataConfig,
    EvaluateConfig,
    SelectionConfig,
    StudentConfig,
    TeacherConfig,
    TrainConfig,
)

__all__ = [
    "MEMORY_KEYS",
    "REMOVAL_KEYS",
    "SECTIONS",
    "TRIMMING_KEYS",
    "Config",
    "ConfigSection",
    "DataConfig",
    "EvaluateConfig",
    "SelectionConfig",
    "StudentConfig",
    "TeacherConfig",
    "TrainConfig",
    "first_problem",
    "override",
    "parse_config",
    "read_alike",
    "read_config",
    "read_toml",
    "reference_table",
    "section",
    "write_config",
]
