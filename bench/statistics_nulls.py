"""How often the primary test rejects a true null, and how often it finds a real difference.

    python -m bench.statistics_nulls [--layouts 4000] [--seed 1] [--share-power 1.5]

Two systems of equal mean accuracy answer the same simulated items under the same seeds.
An item has a difficulty (shared by both), a part that suits one system and not the
other under every seed ("persistent", none or strong), and a coin tossed for each seed.
A seed raises or lowers each system's accuracy independently, with the standard deviation
called spread (the difference of the two then spreads 1.4 times as much). The test's 5%
should come out between 1 and 7%. "Items only" is what the same test says when it takes the
seeds as given: the reason why it does not.

The last table takes the difference that ``detectable_difference`` calls detectable at 80%
and counts how often it is found. ``--share-power 2`` shows both tables for Satterthwaite's
own degrees of freedom (``teachback.evaluation.crossed`` says why the test departs from them).
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from teachback.evaluation import crossed, detectable_difference, estimate_difference

PERSISTENT = {"none": 0.0, "strong": 1.0}


def answers(
    rng: np.random.Generator,
    n_items: int,
    n_seeds: int,
    *,
    spread: float,
    persistent: float,
    level: float = 0.5,
    group_size: int = 1,
    difference: float = 0.0,
) -> NDArray[np.int64]:
    """Differences (items, seeds) of two systems; ``difference`` is A's true lead.

    Item terms are shared within groups of ``group_size``, so items of one group rise and
    fall together.
    """
    n_groups = -(-n_items // group_size)

    def per_item(scale: float) -> NDArray[np.float64]:
        return np.repeat(rng.normal(0, scale, n_groups), group_size)[:n_items]

    difficulty = level + per_item(1.0)
    right = []
    for lead in (difference / 2, -difference / 2):
        chance = ndtr(difficulty + per_item(persistent))[:, None]
        chance = chance + rng.normal(0, spread, n_seeds) + lead
        right.append((rng.random((n_items, n_seeds)) < chance).astype(np.int64))
    return right[0] - right[1]


def rejections(
    rng: np.random.Generator,
    layouts: int,
    n_items: int,
    n_seeds: int,
    *,
    spread: float,
    persistent: float,
    level: float = 0.5,
    group_size: int = 1,
    difference: float = 0.0,
) -> tuple[float, float]:
    """Share of ``layouts`` with p < 0.05: the primary test, and items only."""
    groups = np.arange(n_items) // group_size
    both = items = 0
    for _ in range(layouts):
        differences = answers(
            rng,
            n_items,
            n_seeds,
            spread=spread,
            persistent=persistent,
            level=level,
            group_size=group_size,
            difference=difference,
        )
        estimate = estimate_difference(differences, groups)
        both += estimate.p < 0.05
        items += abs(estimate.difference) > 1.96 * estimate.v_items**0.5
    return both / layouts, items / layouts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--layouts", type=int, default=4000, help="simulated per line")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share-power", type=float, default=crossed.SHARE_POWER)
    arguments = parser.parse_args()
    crossed.SHARE_POWER = arguments.share_power
    rng = np.random.default_rng(arguments.seed)
    layouts = arguments.layouts
    started = time.monotonic()
    error = 100 * (0.05 * 0.95 / layouts) ** 0.5
    print(f"A true null, rejected at p < 0.05; {layouts} layouts a line, ±{error:.1f} points\n")
    print("items  seeds  spread  persistent  group  primary test  items only")
    lines = [
        (n_items, n_seeds, spread, persistent, 1, 0.5)
        for n_items in (200, 500)
        for n_seeds in (3, 5)
        for spread in (0.0, 0.02, 0.06)
        for persistent in PERSISTENT
    ]
    lines += [(200, 3, spread, "strong", 4, 0.5) for spread in (0.0, 0.02, 0.06)]
    lines += [(200, 3, 0.0, "none", 1, 2.5), (200, 2, 0.06, "strong", 1, 0.5)]
    for n_items, n_seeds, spread, persistent, group_size, level in lines:
        primary, items = rejections(
            rng,
            layouts,
            n_items,
            n_seeds,
            spread=spread,
            persistent=PERSISTENT[persistent],
            group_size=group_size,
            level=level,
        )
        easy = "  accuracy 0.96" if level > 1 else ""
        print(
            f"{n_items:5}  {n_seeds:5}  {100 * spread:6.0f}  {persistent:10}  {group_size:5}  "
            f"{100 * primary:11.1f}%  {100 * items:9.1f}%{easy}"
        )
    print("\nThe difference called detectable at 80%, and how often it is found")
    print("items  seeds  spread  persistent  discordance  correlation  detectable  found")
    for n_items, n_seeds, spread, persistent in (
        (200, 3, 0.02, "none"),
        (200, 5, 0.02, "strong"),
        (500, 3, 0.02, "strong"),
        (500, 5, 0.02, "strong"),
        (500, 5, 0.06, "strong"),
    ):
        share = PERSISTENT[persistent]
        pilot = [answers(rng, n_items, 2, spread=spread, persistent=share) for _ in range(200)]
        discordance = float(np.mean([np.mean(d != 0) for d in pilot]))
        agreeing = float(np.mean([np.mean(d[:, 0] * d[:, 1]) for d in pilot]))
        correlation = max(0.0, agreeing / discordance)
        detectable = detectable_difference(
            n_items, n_seeds, discordance, spread * 2**0.5, persistence=correlation
        )
        assert detectable is not None
        # Items that are right or wrong for certain take no lead: aim higher by their share.
        trial = [
            answers(rng, n_items, 2, spread=spread, persistent=share, difference=detectable)
            for _ in range(400)
        ]
        lead = detectable**2 / float(np.mean(trial))
        found, _ = rejections(
            rng, layouts, n_items, n_seeds, spread=spread, persistent=share, difference=lead
        )
        print(
            f"{n_items:5}  {n_seeds:5}  {100 * spread:6.0f}  {persistent:10}  {discordance:11.2f}  "
            f"{correlation:11.2f}  {100 * detectable:10.1f}  {100 * found:4.0f}%"
        )
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
