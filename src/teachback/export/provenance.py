"""What a run folder says of the student in it, as its card may show it: no path of this machine."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath

from teachback.config import read_config
from teachback.files import is_file, is_folder, sha256_of
from teachback.references import (
    OpenAIReference,
    RecordedReference,
    parse_dataset,
    parse_teacher,
)
from teachback.runs.evaluations import read_evaluation

TEACHER = "explanations by"
"""The row that names the teacher."""


def provenance(student: Path) -> dict[str, str]:
    """Data, teacher and accuracies by what each is called; empty where the student does not lie in
    a run folder. Raises UsageError where that folder is damaged."""
    folder = student.parent
    if not (is_folder(student) and is_file(folder / "config.toml")):
        return {}
    config = read_config(folder / "config.toml", anchored=False)
    rows = {"trained on": _dataset(config.data.train)}
    if config.teacher.reference is not None:
        rows[TEACHER] = _teacher(config.teacher.reference)
        rows["explanations selected by"] = config.selection.strategy
    if (folder / "metrics.json").is_file() and config.data.test is not None:
        metrics = read_evaluation(folder).metrics
        for system, own in metrics.items():
            ways = ("direct", own.direct), ("explained", own.explained), ("adaptive", own.adaptive)
            for way, counted in ways:
                if counted is not None:
                    rows[f"accuracy, {system}, {way}"] = (
                        f"{counted.accuracy:.3f} [{counted.low:.3f}, {counted.high:.3f}] on "
                        f"{counted.n} questions of {_dataset(config.data.test)}"
                    )
            if own.calibration_error is not None:
                rows[f"calibration error, {system}, direct"] = (
                    f"{own.calibration_error:.3f} before the temperature"
                )
    return rows


def _dataset(reference: str) -> str:
    if parse_dataset(reference).is_remote:
        return reference
    path = Path(reference)
    known = f" (SHA-256 {sha256_of(path)})" if is_file(path) else ""
    return f"{path.name}{known}"


_A_FOLDER = re.compile(r"[/\\~]|\.{1,2}[/\\]|[A-Za-z]:[/\\]")
"""How a model's name begins that is a folder of some machine; ``owner/name`` is none."""


def _teacher(reference: str) -> str:
    """A teacher by its model's name, without its server's address; of files, their last names."""
    named = parse_teacher(reference)
    if isinstance(named, OpenAIReference):
        # A server of one's own may call a model by the folder that it lies in.
        folder = _A_FOLDER.match(named.model)
        return PureWindowsPath(named.model).name if folder else named.model
    if isinstance(named, RecordedReference):
        return f"recorded replies ({', '.join(Path(file).name for file in named.files)})"
    scheme, _, rest = reference.partition(":")
    return f"{scheme}:{Path(rest).name}" if scheme == "gguf" else reference
