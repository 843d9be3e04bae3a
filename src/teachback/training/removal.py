"""MT-iCoT's removal: how much of the explanation before the answer is left at which step.

The answer task of MT-iCoT begins as explanation and answer and ends as ST's own target: tokens
are taken from the explanation's front, more and more of them, until the answer stands alone
(stepwise internalisation; Deng, Choi and Shieh 2024, "From Explicit CoT to Implicit CoT").
Everything here is a function of the step, so a training that was killed continues as it was.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from teachback.config import TrainConfig
from teachback.errors import ConfigError
from teachback.students.rows import Branch, EncodedExample


@dataclass(frozen=True, slots=True)
class Removal:
    """The schedule of one training.

    ``longest``: tokens of the longest explanation before an answer. ``per_step``: tokens
    removed for each optimiser step, a fraction perhaps. ``jitter``: each step removes n tokens
    more with a probability that falls as exp(−jitter · n); 0: none.
    """

    longest: int
    per_step: float
    jitter: float
    seed: int

    def planned(self, step: int) -> int:
        """Tokens removed at ``step`` (from 0), jitter left out."""
        return math.floor(self.per_step * step + 1e-9)

    def removed(self, step: int) -> int:
        """Tokens removed from the front of every explanation at ``step``."""
        return self.planned(step) + self._more(step)

    def is_complete(self, step: int) -> bool:
        """Whether from ``step`` on nothing is left of any explanation."""
        return self.planned(step) >= self.longest

    def goes_on(self, step: int) -> bool:
        """Whether ``step`` removes more than the step before it, jitter left out."""
        return (
            step > 0
            and not self.is_complete(step - 1)
            and self.planned(step) > self.planned(step - 1)
        )

    def _more(self, step: int) -> int:
        if not self.jitter:
            return 0
        # 1 − u lies in (0, 1]: the inverse of a geometric distribution's tail exp(−jitter · n).
        u = random.Random(f"removal-{self.seed}-{step}").random()
        return math.floor(-math.log(1.0 - u) / self.jitter)

    def applied(self, examples: Iterable[EncodedExample], step: int) -> list[EncodedExample]:
        """``examples`` as they are trained on at ``step``."""
        return [shortened(example, self.removed(step)) for example in examples]


def removal(
    examples: Iterable[EncodedExample], config: TrainConfig, *, steps: int, per_epoch: int
) -> Removal | None:
    """The schedule for ``examples`` over ``steps`` optimiser steps, ``per_epoch`` to an epoch;
    None where no target has anything to remove.

    Raises ConfigError where something would be left when training ends.
    """
    longest = max(
        (branch.removable for e in examples for row in e.rows for branch in row.branches),
        default=0,
    )
    if not longest:
        return None
    if config.removal_per_epoch is None:
        per_step = longest / (config.removal_share * steps)
    else:
        per_step = config.removal_per_epoch / per_epoch
    found = Removal(longest, per_step, config.removal_jitter, config.seed)
    if not found.is_complete(steps - 1):
        raise ConfigError(_left(longest, config, steps=steps, per_epoch=per_epoch))
    return found


def _left(longest: int, config: TrainConfig, *, steps: int, per_epoch: int) -> str:
    """That something of the ``longest`` explanation is left when training ends, and what to do. The
    last step must be one with nothing left, so that one step alone never does."""
    last = steps - 1
    if config.removal_per_epoch is not None:
        setting = f"train.removal_per_epoch = {config.removal_per_epoch:g}"
        advice = f"set {math.ceil(longest / max(1, last) * per_epoch)} or more, or more epochs"
    else:
        setting = f"train.removal_share = {config.removal_share:g}"
        advice = f"set {math.floor(100 * last / steps) / 100:g} or less, or more epochs"
    if last < 1 or (config.removal_per_epoch is None and 100 * last < steps):
        advice = "set more epochs or a smaller train.batch_size"
    return (
        f"{setting} leaves a part of the longest explanation ({longest} tokens) when "
        f"training ends, after {steps} step{'' if steps == 1 else 's'}: {advice}"
    )


def shortened(example: EncodedExample, removed: int) -> EncodedExample:
    """``example`` without the first ``removed`` tokens of what is removable in its targets."""

    def short(branch: Branch) -> Branch:
        gone = min(removed, branch.removable)
        return replace(branch, target=branch.target[gone:], removable=branch.removable - gone)

    return replace(
        example,
        rows=tuple(replace(row, branches=tuple(map(short, row.branches))) for row in example.rows),
    )
