"""What the Trainer's figures are also sent to, where a user asks for it: TensorBoard, W&B, …"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.integrations import get_reporting_integration_callbacks

from teachback.errors import ConfigError
from teachback.students.quiet import quiet

LOGS = "logs"
"""The folder of TensorBoard's files, beside the student."""

_OFF = "none"
"""How the Trainer is told to report nothing, as it does here unless asked."""


def reporters_of(names: Sequence[str], folder: str | Path) -> list[TrainerCallback]:
    """The Trainer's callbacks of these names; TensorBoard's writes into ``folder/logs``.

    Raises ConfigError for a name that the Trainer does not know, and where the library that it
    names is not installed.
    """
    return [_reporter(name, Path(folder)) for name in names if name != _OFF]


def _reporter(name: str, folder: Path) -> TrainerCallback:
    if name == "all":  # whatever happens to be installed
        raise ConfigError("report_to: name each place, not 'all'")
    try:
        with quiet():
            (form,) = get_reporting_integration_callbacks([name])
            reporter: Any = form()
    except (ValueError, RuntimeError, ImportError) as error:
        raise ConfigError(f"report_to: {' '.join(str(error).split())}") from error
    if name == "tensorboard":
        reporter.logging_dir = str(folder / LOGS)
    return reporter
