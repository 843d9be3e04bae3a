"""The systems that are judged, each with its seeds, and the pairs and ratings asked about them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from teachback.annotation.explained_items import Explained, ExplainedItems, explained_items
from teachback.errors import RunFolderError, UsageError
from teachback.evaluation.metrics import clusters
from teachback.judging.judge_questions import CRITERIA, ExplanationPair, Rated
from teachback.records import Example
from teachback.runs.evaluations import read_run


@dataclass(frozen=True, slots=True)
class ComparedSystem:
    """A system: its name, and by seed the number of its run among the items' systems."""

    name: str
    runs: dict[int, int]


@dataclass(frozen=True, slots=True)
class ComparedSystems:
    """The systems, the items judged, and all that they explain. All systems have the ``seeds``."""

    systems: tuple[ComparedSystem, ...]
    found: ExplainedItems
    items: tuple[Example, ...]
    seeds: tuple[int, ...]

    @property
    def groups(self) -> list[int]:
        """The unit of each item, numbered from 0: its group, or itself."""
        return [int(number) for number in clusters(self.items)]

    @property
    def couples(self) -> list[tuple[int, int]]:
        """Every two systems, by their numbers."""
        return list(itertools.combinations(range(len(self.systems)), 2))

    def explained(self, system: int, seed: int, item: Example) -> Explained:
        """What a system says about an item under a seed."""
        run = self.found.systems[self.systems[system].runs[seed]]
        return run.explanations[item.id]

    def pair(self, a: int, b: int, seed: int, item: Example) -> ExplanationPair:
        """The explanations of two systems, paired by the seed."""
        first, second = self.explained(a, seed, item), self.explained(b, seed, item)
        return ExplanationPair(f"{item.id} {a}-{b} {seed}", item, first, second)

    def ratings(self, system: int, seed: int, item: Example) -> list[Rated]:
        """One explanation under every criterion."""
        own = self.explained(system, seed, item)
        return [
            Rated(f"{item.id} {system} {seed} {criterion}", item, own, criterion)
            for criterion in CRITERIA
        ]

    def words_difference(self, a: int, b: int, item: Example) -> float:
        """The words of system a minus those of b, the mean over seeds."""
        lengths = [
            len(self.explained(a, s, item).text.split())
            - len(self.explained(b, s, item).text.split())
            for s in self.seeds
        ]
        return float(np.mean(lengths))


def compared_systems(
    runs: Sequence[str],
    data: str | None = None,
    kind: str | None = None,
    *,
    size: int | None = None,
    seed: int = 0,
) -> ComparedSystems:
    """Read ``runs``: each a run, or a folder of evaluated runs, one per seed.

    ``size``: how many items are drawn by ``seed``; None: all. Raises UsageError, or another of its
    kind, where systems have different seeds, and as `explained_items` does.
    """
    paths: list[str] = []
    systems = []
    for run in runs:
        name = run.rstrip("/") or run
        by_seed = _seeds_of(Path(name))
        systems.append(
            ComparedSystem(name, {s: len(paths) + place for place, s in enumerate(by_seed)})
        )
        paths += by_seed.values()
    seeds = sorted(systems[0].runs)
    for other in systems[1:]:
        if sorted(other.runs) != seeds:
            raise UsageError(
                f"{systems[0].name} has the seeds {_said(seeds)} and {other.name} has "
                f"{_said(sorted(other.runs))}: compare runs of the same seeds"
            )
    found = explained_items(paths, data, kind)
    items = list(found.examples)
    if size is not None and size < len(items):
        items = random.Random(f"judged items {seed}").sample(items, size)
    return ComparedSystems(tuple(systems), found, tuple(items), tuple(seeds))


def _seeds_of(path: Path) -> dict[int, str]:
    """Seed → run. A single run stands under the seed 0, whatever its own: it is compared as it
    is."""
    if not path.is_dir() or any(
        (path / one).is_file() for one in ("predictions.jsonl", "explanations.jsonl")
    ):
        return {0: str(path)}
    inner = sorted(file.parent for file in path.glob("*/metrics.json"))
    if not inner:
        return {0: str(path)}
    seeds: dict[int, str] = {}
    for folder in inner:
        seed = read_run(folder).seed
        if seed in seeds:
            raise RunFolderError(
                f"{path}: two runs of seed {seed}; give each seed one folder, or name one of them"
            )
        seeds[seed] = str(folder)
    return dict(sorted(seeds.items()))


def _said(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
