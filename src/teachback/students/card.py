"""The student's card: how it was trained and how to ask it, saved beside its weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from teachback.evaluation.ways import student_way
from teachback.records import AnswerFormat, Way

CARD = "teachback.json"
"""The file in a student's folder that says how it was trained and how to ask it."""

Precision = Literal["auto", "fp32", "bf16"]
TaskMarker = Literal["decoder", "encoder"]


@dataclass(frozen=True, slots=True)
class StudentCard:
    """How a student reads and writes; saved beside its weights."""

    base: str
    family: Literal["causal", "seq2seq"] = "causal"
    task_marker: TaskMarker = "decoder"
    answer_format: AnswerFormat = "text"
    objective: str | None = None
    alpha: float | None = None
    seed: int | None = None
    max_source_tokens: int = 512
    max_target_tokens: int = 256
    way: Way = "direct"
    """The default way of answering: the better one on ``valid``."""
    kind: str | None = None
    labels: tuple[str, ...] = ()
    valid: dict[str, float] | None = None

    def save(self, folder: Path) -> None:
        (folder / CARD).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> StudentCard | None:
        """The card of ``folder``; None where there is none (a plain pretrained model).

        Raises ConfigError where it names a way of answering that does not exist.
        """
        path = folder / CARD
        if not path.is_file():
            return None
        row = json.loads(path.read_text(encoding="utf-8"))
        known = {key: row[key] for key in row if key in cls.__dataclass_fields__}
        known["labels"] = tuple(known.get("labels", ()))
        if "way" in known:
            known["way"] = student_way(known["way"], str(path))
        return cls(**known)
