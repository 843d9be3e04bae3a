"""The rows of train that no cell of a study sees, written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from teachback.datasets import write_examples
from teachback.studies.planned import StudyDataset, slug
from teachback.studies.schema import digest_of
from teachback.versioned import Versioned


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsSetAside:
    """Rows of train that no cell has seen: how many, and the SHA-256 of their ids."""

    rows: int
    ids_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """``set_aside.json``: by dataset, what was set aside for confirming later finds."""

    datasets: Mapping[str, RowsSetAside]


SET_ASIDE_FILE = Versioned(SetAside, ())


def write_set_aside(datasets: Sequence[StudyDataset], folder: Path) -> None:
    """Which rows no cell sees: their ids' hash, and the rows, as a dataset for a later study."""
    found = {}
    for one in datasets:
        if one.set_aside:
            ids = digest_of({"ids": [example.id for example in one.set_aside]})
            found[one.name] = RowsSetAside(rows=len(one.set_aside), ids_sha256=ids)
            place = folder / "set_aside" / f"{slug(one.name, one.train_sha256[:8])}.jsonl"
            write_examples(place, one.set_aside)
    if found:
        SET_ASIDE_FILE.write(folder / "set_aside.json", SetAside(datasets=found))
