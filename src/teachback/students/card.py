"""The student's card: how it was trained and how to ask it, saved beside its weights."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from teachback.errors import DataError, quoted
from teachback.evaluation.ways import student_way
from teachback.files import read_json
from teachback.files.rows import Row
from teachback.questions import KINDS
from teachback.records import AnswerFormat, Objective, Way
from teachback.versioned import Versioned

CARD = "teachback.json"
"""The file in a student's folder that says how it was trained and how to ask it."""

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
    """Accuracy on ``valid`` of each way that was asked there."""
    valid_asked: dict[str, int] | None = None
    """How many questions that is: fewer than all where the others could not change ``way``."""
    max_new_tokens: int | None = None
    """The limit for an explanation; None (older cards): ``max_target_tokens``."""
    max_answer_tokens: int | None = None
    """The limit for a direct answer that is generated; None (older cards): 48."""
    temperature: float | None = None
    """Fitted on ``valid``, for `teachback.evaluation.calibration.calibrated`; None where the direct
    answers are not scored, or ``valid`` is too small for it."""
    threshold: float | None = None
    """The adaptive way's, chosen on ``valid``: an answer whose margin is below it is explained
    first; None where ``valid`` is too small for it, or there is nothing to choose from."""

    @property
    def explanation_limit(self) -> int:
        """How many tokens a generated explanation may have, unless the user says."""
        return self.max_new_tokens or self.max_target_tokens

    def save(self, folder: Path) -> None:
        row = CARD_FILE.row(self)
        (folder / CARD).write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")

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
        card = CARD_FILE.of_row(row, str(path))
        if card.kind is not None and card.kind not in KINDS:
            raise DataError(f"{path}: the field 'kind' names no question kind: {quoted(card.kind)}")
        if card.temperature is not None and not 0 < card.temperature < math.inf:
            raise DataError(f"{path}: the field 'temperature' must be a number above 0")
        if card.threshold is not None and not math.isfinite(card.threshold):
            raise DataError(f"{path}: the field 'threshold' must be a finite number")
        limits = (card.max_new_tokens or 1, card.max_answer_tokens or 1)
        if min(card.max_source_tokens, card.max_target_tokens, *limits) < 1:
            raise DataError(f"{path}: the greatest lengths in tokens must be 1 or more")
        return card


def _from_version_0(row: Row) -> Row:
    """Limits of generation and counts on valid came with version 1; without them, as before."""
    return row


def _from_version_1(row: Row) -> Row:
    """Temperature and threshold came with version 2; without them, as before."""
    return row


CARD_FILE = Versioned(StudentCard, (_from_version_0, _from_version_1))
