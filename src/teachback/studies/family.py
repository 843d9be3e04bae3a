"""The declared family of comparisons: what a study may claim, written down before it runs.

The confirmatory family is written down, by the addresses of its cells, before the first of them
runs (``family.json``). What is added to the study later is exploratory, whatever the file says.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from teachback.datasets import split_valid, subsample
from teachback.errors import ConfigError, RunFolderError
from teachback.evaluation.adaptive import LEAST_QUESTIONS
from teachback.objectives import EXPLAINING, MULTI_TASK, ONE_WAY
from teachback.records import ComparedWay
from teachback.runs.folders import test_in_train
from teachback.studies.config import Size, StudyFile
from teachback.studies.factors import Setting
from teachback.studies.planned import PlannedCell, StudyDataset, size_of
from teachback.studies.schema import FAMILY_FILE, Family, Pair, cell_folder
from teachback.studies.system_names import PERMUTED, SYSTEM_NAMES, permuted_name, systems_named
from teachback.system.progress import Notice


def pairs(study: StudyFile, cells: Iterable[PlannedCell]) -> list[Pair]:
    """Every comparison that the study's cells allow, the multi-task system first.

    Each trained system against ST of the same student and size; each multi-task one against ST at
    equal compute, and MT-CoT and MT-iCoT against their own with permuted explanations; ST against
    the untrained student and the majority label.
    """
    systems: dict[_System, dict[int, str]] = {}
    for cell in cells:
        spec = cell.spec
        seeds = study.study.seeds if spec.seed is None else (spec.seed,)
        key = (spec.system, spec.dataset, spec.setting)
        systems.setdefault(key, {}).update(dict.fromkeys(seeds, cell.hash))
    found: list[Pair] = []
    for (system, dataset, setting), own in systems.items():
        for other, ways in _opponents(system, dataset, setting, systems):
            found += [
                Pair(
                    a=system,
                    b=other[0],
                    way=way,
                    dataset=dataset,
                    a_cells=own,
                    b_cells=systems[other],
                    **asdict(setting),
                )
                for way in ways
                if other in systems
            ]
    return found


_System = tuple[str, str, Setting]
"""A system's name, its dataset, and the factors that it depends on."""

_DIRECT: tuple[ComparedWay, ...] = ("direct",)
_WAYS: tuple[ComparedWay, ...] = ("direct", "chosen", "adaptive")
"""Of systems that have more than one."""


def _opponents(
    system: str, dataset: str, setting: Setting, systems: Container[_System]
) -> list[tuple[_System, tuple[ComparedWay, ...]]]:
    """What a system is compared with, and in which ways; some of it may not be in the study."""
    name = next(name for name, title in SYSTEM_NAMES.items() if title == system)
    plain = replace(setting, strategy=None, teacher=None, alpha=None)
    found: list[tuple[_System, tuple[ComparedWay, ...]]] = []
    ways = _DIRECT if name in (*ONE_WAY, "equal-time") else _WAYS
    if name in (*EXPLAINING, "equal-time", *PERMUTED.values()):
        found.append(((SYSTEM_NAMES["st"], dataset, plain), ways))
    if name in MULTI_TASK:
        matched = (SYSTEM_NAMES["equal-time"], dataset, setting)
        if matched not in systems:  # one for all alphas
            matched = (SYSTEM_NAMES["equal-time"], dataset, replace(setting, alpha=None))
        found.append((matched, ways))
        found.append(((permuted_name(system), dataset, setting), ways))
    if name == "st":
        bare = replace(plain, size=None)
        found.append(((SYSTEM_NAMES["untrained"], dataset, bare), _DIRECT))
        majority = replace(bare, student=None)
        found.append(((SYSTEM_NAMES["majority"], dataset, majority), _DIRECT))
    return found


def declared(
    study: StudyFile, data: Sequence[StudyDataset], cells: Sequence[PlannedCell]
) -> list[Pair]:
    """The confirmatory family that the study file declares.

    The study's first strategy, teacher, student and alpha and its largest size, unless
    ``[confirmatory]`` says otherwise. The adaptive way belongs to it only where no question of
    test stands in train: a threshold that was chosen on such questions is not confirmed by them.
    """
    family, grid = study.confirmatory, study.study
    objectives = family.objectives or [o for o in grid.objectives if o in MULTI_TASK]
    first = next((c.spec.student for c in cells if c.spec.student), None)
    sizes, teachers, ways = {}, {}, {}
    for one in data:
        sizes[one.name] = _declared_size(study, one)
        unseen = test_in_train(one.train, one.test) == 0
        ways[one.name] = [way for way in family.ways if unseen or way != "adaptive"]
        own = [c.spec.teacher for c in cells if c.spec.dataset == one.name]
        teachers[one.name] = next((teacher for teacher in own if teacher), None)

    against = [system for name in family.against for system in systems_named(name)]

    def belongs(pair: Pair) -> bool:
        return (
            pair.a in [SYSTEM_NAMES[o] for o in objectives]
            and pair.b in against
            and pair.way in ways[pair.dataset]
            and pair.student == first
            and pair.size == sizes[pair.dataset]
            and pair.teacher == teachers[pair.dataset]
            and pair.strategy == (family.strategy or grid.strategies[0])
            and pair.alpha in (None, grid.alphas[0] if family.alpha is None else family.alpha)
        )

    return [pair for pair in pairs(study, cells) if belongs(pair)]


def check_adaptive(study: StudyFile, data: Sequence[StudyDataset], notice: Notice) -> None:
    """Whether a study that declares the adaptive way can confirm it: say of which datasets it
    cannot, since questions of test stand in train. Raises ConfigError where a student of the family
    would get no threshold, its valid questions being too few.
    """
    if "adaptive" not in study.confirmatory.ways:
        return
    for one in data:
        shared = test_in_train(one.train, one.test)
        if shared:
            notice(
                f"{one.name}: {shared} test questions are also in train, so the adaptive way is "
                "exploratory there, whatever confirmatory.ways says"
            )
            continue
        size = _declared_size(study, one)
        for seed in study.study.seeds:
            drawn = one.train if size is None else subsample(one.train, size, seed)
            _, valid = split_valid(drawn, seed, fraction=one.config.valid_fraction)
            if len(valid) < LEAST_QUESTIONS:
                raise ConfigError(
                    f"confirmatory.ways: the adaptive way needs {LEAST_QUESTIONS} valid questions, "
                    f"and {one.name!r} has {len(valid)} under seed {seed}: raise its "
                    "valid_fraction, or leave the way out"
                )


def _declared_size(study: StudyFile, data: StudyDataset) -> Size | None:
    """The size that the family is compared at, as cells have it."""
    wanted = study.confirmatory.size
    if wanted is None:
        wanted = max(study.study.sizes, key=lambda size: _rows(data, size))
    return size_of(data, wanted)


def _rows(data: StudyDataset, size: Size) -> float:
    return size * len(data.train) if isinstance(size, float) else size


def family_of(folder: Path, family: Sequence[Pair], cells: Sequence[PlannedCell]) -> list[Pair]:
    """The family that counts. ``family``, until a comparison of it, or of the family written down
    before, has both its results: from then on the one written down, so that none is declared
    by whoever may have seen what it shows.

    Raises RunFolderError where the study no longer has the cells that were declared.
    """
    file = folder / "family.json"
    before = FAMILY_FILE.read(file).family if file.is_file() else ()

    def there(side: Mapping[int, str]) -> bool:
        names = side.values()
        return any((cell_folder(folder, name) / "metrics.json").is_file() for name in names)

    if not any(there(pair.a_cells) and there(pair.b_cells) for pair in (*before, *family)):
        return list(family)
    known = {cell.hash for cell in cells}
    used = {h for pair in before for h in (*pair.a_cells.values(), *pair.b_cells.values())}
    if not used <= known:
        raise RunFolderError(
            f"{folder} was begun with different settings, data or seeds: it has results, so its "
            "confirmatory family can no longer change, and this study file lacks some of its "
            "cells; choose a different folder, or undo the change (lists in [study] may grow, but "
            "not by a system that the control equal-time, if it is declared, must match)"
        )
    return list(before)


def settle_family(folder: Path, family: Sequence[Pair], cells: Sequence[PlannedCell]) -> list[Pair]:
    """`family_of`, and write it down, with the time, where it is not yet."""
    settled = family_of(folder, family, cells)
    file = folder / "family.json"
    if not file.is_file() or list(FAMILY_FILE.read(file).family) != settled:
        declared_at = datetime.now(UTC).isoformat(timespec="seconds")
        FAMILY_FILE.write(file, Family(declared=declared_at, family=tuple(settled)))
    return settled
