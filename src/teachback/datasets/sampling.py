"""Seeded parts of a dataset: nested samples, and the part of train on which choices are made.

Whole groups only, so that no group stands on both sides. The order in which groups are taken
is that of a hash of seed and group: the same on every machine and Python, whatever the order
of the file, and unchanged for the rest when rows are added or removed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from teachback.datasets.statistics import unit
from teachback.errors import DataError
from teachback.records import Example

_Unit = tuple[str, str]


def subsample(examples: Collection[Example], size: int | float, seed: int) -> list[Example]:
    """Draw ``size`` rows (a whole number) or that share of them (a fraction up to 1.0).

    The same seed draws the same rows, and a smaller sample is part of every larger one. With
    groups, they are taken in seeded order up to the first that would exceed the number, so a sample
    may be a little smaller than asked for, but never larger. The rows keep their order.

    Raises:
        DataError: more rows than there are, a fraction outside (0, 1], or fewer rows than the
            first group has.
    """
    return _drawn(examples, _wanted(examples, size), seed, "subsample")


def split_set_aside(examples: Sequence[Example], count: int) -> tuple[list[Example], list[Example]]:
    """Split train into what may be used and about ``count`` rows that are set aside, at most.

    The same rows whatever a study's seeds are; groups as in `subsample`.

    Raises:
        DataError: nothing would be left to train on, or the first group has more rows.
    """
    if count >= len(examples):
        raise DataError(f"{count} of {len(examples)} rows cannot be set aside: none would be left")
    aside = _drawn(examples, count, 0, "set aside") if count else []
    gone = set(map(unit, aside))
    return [example for example in examples if unit(example) not in gone], aside


def _drawn(examples: Collection[Example], wanted: int, seed: int, purpose: str) -> list[Example]:
    """Whole groups in seeded order, up to the first that would exceed ``wanted`` rows."""
    sizes = _sizes(examples)
    taken: set[_Unit] = set()
    total = 0
    for group in _order(sizes, seed, purpose):
        # Going on to smaller groups after one that is too large would fill the sample better,
        # and then smaller samples would not be part of larger ones.
        if total + sizes[group] > wanted:
            break
        taken.add(group)
        total += sizes[group]
    if not taken:
        raise DataError(
            f"no whole group fits into a sample of {wanted} rows (the first one drawn with seed "
            f"{seed} has {sizes[next(iter(_order(sizes, seed, purpose)))]}): ask for more"
        )
    return [example for example in examples if unit(example) in taken]


def split_valid(
    examples: Sequence[Example], seed: int, *, fraction: float = 0.1, minimum: int = 50
) -> tuple[list[Example], list[Example]]:
    """Split train into ``(train, valid)``; choices are made on ``valid`` and nothing else.

    ``valid`` gets ``fraction`` of the rows, at least ``minimum``, at most half of them; whole
    groups are added in seeded order until that is reached; groups that would lift it above half are
    left out. The rows keep their order.

    Raises:
        DataError: a fraction outside (0, 0.5], or a set that cannot be split: fewer than two
            rows, or every group larger than half of it.
    """
    if not 0 < fraction <= 0.5:
        raise DataError(f"the fraction for valid must lie in (0, 0.5], not {fraction}")
    half = len(examples) // 2
    wanted = min(max(_share(examples, fraction), minimum), half)
    sizes = _sizes(examples)
    taken: set[_Unit] = set()
    total = 0
    for group in _order(sizes, seed, "valid"):
        if total >= wanted:
            break
        if total + sizes[group] <= half:
            taken.add(group)
            total += sizes[group]
    if not taken:
        raise DataError(
            f"{len(examples)} rows in {len(sizes)} groups cannot be split into train and valid: "
            "at least two groups are needed, one of them with half of the rows or fewer"
        )
    train = [example for example in examples if unit(example) not in taken]
    return train, [example for example in examples if unit(example) in taken]


def _wanted(examples: Collection[Example], size: int | float) -> int:
    if isinstance(size, float):
        if not 0 < size <= 1:
            raise DataError(
                f"a sample's fraction must lie in (0, 1], not {size}: "
                "a number of rows is written without a point"
            )
        return _share(examples, size)
    if not 1 <= size <= len(examples):
        raise DataError(f"a sample of {size} rows cannot be drawn from {len(examples)}")
    return size


def _share(examples: Collection[Example], fraction: float) -> int:
    """That share of the rows, rounded (half up), at least one."""
    return max(1, int(fraction * len(examples) + 0.5))


def _sizes(examples: Collection[Example]) -> dict[_Unit, int]:
    sizes: dict[_Unit, int] = {}
    for example in examples:
        key = unit(example)
        sizes[key] = sizes.get(key, 0) + 1
    return sizes


def _order(groups: dict[_Unit, int], seed: int, purpose: str) -> list[_Unit]:
    # The purpose keeps the draws apart: with one order for both, valid would always be the
    # first rows of a sample drawn before it with the same seed.
    def key(group: _Unit) -> bytes:
        return hashlib.sha256("\0".join((purpose, str(seed), *group)).encode()).digest()

    return sorted(groups, key=key)
