"""Checkpoints of a run: whose they are, and which one it goes on from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from teachback.config import MEMORY_KEYS, TRIMMING_KEYS, StudentConfig, TrainConfig
from teachback.errors import RunFolderError
from teachback.files import new_folder, read_json, write_json
from teachback.objectives import TrainingExample

FOLDER = "checkpoints"
"""Where they lie, within the folder that is trained into."""


def identity(
    pairs: Sequence[TrainingExample],
    valid: Sequence[TrainingExample],
    config: TrainConfig,
    chosen: StudentConfig,
    choice_score: str = "sum",
) -> str:
    """What a checkpoint must have been trained on to be continued."""
    digest = hashlib.sha256()
    digest.update(config.model_dump_json(exclude=set(MEMORY_KEYS)).encode())
    # A trimmed base has a reference of its own.
    digest.update(chosen.model_dump_json(exclude=set(TRIMMING_KEYS)).encode())
    digest.update(choice_score.encode())  # it chooses the epoch
    for example in (*pairs, *valid):
        digest.update(repr(example).encode())
    return digest.hexdigest()


def claim(folder: Path, identity: str, overwrite: bool) -> None:
    """Make sure that the checkpoints in ``folder / FOLDER`` are this run's, or none."""
    checkpoints = folder / FOLDER
    marker = checkpoints / "run.json"
    same = marker.is_file() and read_json(marker).get("identity") == identity
    if checkpoints.exists() and not same:
        if not overwrite:
            raise RunFolderError(
                f"{checkpoints} holds checkpoints of a different run: choose a different folder, "
                "or give --overwrite"
            )
        shutil.rmtree(checkpoints)
    if not overwrite:
        new_folder(folder, False, names=("student",))
    checkpoints.mkdir(parents=True, exist_ok=True)
    write_json(marker, {"identity": identity})


def size(folder: Path) -> int:
    """The bytes that the checkpoints in ``folder / FOLDER`` take; 0 where there are none."""
    files = [path for path in (folder / FOLDER).rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint."""
    found = [path for path in folder.glob("checkpoint-*") if _is_whole(path)]
    return max(found, key=lambda p: int(p.name.rsplit("-", 1)[1]), default=None)


def _is_whole(checkpoint: Path) -> bool:
    """Whether its state file, the last that the Trainer writes, can be read."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return True
