"""The student's card: how it was trained and how to ask it, saved beside its weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from teachback.errors import DataError, quoted
from teachback.evaluation.ways import student_way
from teachback.files import read_json
from teachback.questions import KINDS
from teachback.records import AnswerFormat, Objective, Way
from teachback.versioned import checked

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
    objective: Objective | None = None
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

        Raises ConfigError where it names a way of answering that does not exist, DataError where
        it is damaged.
        """
        path = folder / CARD
        if not path.is_file():
            return None
        row = read_json(path)
        if "way" in row:
            row["way"] = student_way(row["way"], str(path))
        card = checked(cls, row, str(path))
        if card.kind is not None and card.kind not in KINDS:
            raise DataError(f"{path}: the field 'kind' names no question kind: {quoted(card.kind)}")
        if min(card.max_source_tokens, card.max_target_tokens) < 1:
            raise DataError(f"{path}: the greatest lengths in tokens must be 1 or more")
        return card
