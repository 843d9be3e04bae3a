"""What a selection came to, in numbers: counted, added, and as the file ``selection.json``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from teachback.explaining.selection import Selection
from teachback.files.rows import Row
from teachback.questions import count_name, same_answer
from teachback.records import Example, Explanation, Rejection, RejectionReason, Strategy
from teachback.versioned import Versioned


@dataclass(frozen=True, slots=True)
class SelectionCounts:
    """The selection table. ``asked == kept + sum(rejected.values())``.

    The counts of two selections of different examples add up: ``a + b``.
    """

    strategy: Strategy
    examples: int
    asked: int
    kept: int
    explained_examples: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    not_asked: int = 0
    per_strategy: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Strategy of the request → ``kept`` or the reason of a rejection → requests."""
    yield_per_label: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Gold label → (examples with a kept explanation, examples). Multiple choice: by letter."""
    agreement: tuple[int, int] = (0, 0)
    """COTE replies whose conclusion is gold, of all COTE replies that came."""
    rp_contradictions: tuple[int, int] = (0, 0)
    """RP replies whose conclusion is not gold, of all RP replies that came."""
    read_by: Mapping[str, int] = field(default_factory=dict)
    """By what the replies' conclusions were found → replies; what is inferred begins so."""

    def __post_init__(self) -> None:
        parts = [
            (self.kept, self.asked),
            (self.explained_examples, self.examples),
            self.agreement,
            self.rp_contradictions,
            *self.yield_per_label.values(),
        ]
        if any(not 0 <= part <= whole for part, whole in parts):
            raise ValueError("some of its counts are larger than what they are part of")

    def __add__(self, other: SelectionCounts) -> SelectionCounts:
        labels = sorted({*self.yield_per_label, *other.yield_per_label})
        strategies = sorted({*self.per_strategy, *other.per_strategy})
        return SelectionCounts(
            strategy=self.strategy,
            examples=self.examples + other.examples,
            asked=self.asked + other.asked,
            kept=self.kept + other.kept,
            explained_examples=self.explained_examples + other.explained_examples,
            rejected=_added(self.rejected, other.rejected),
            not_asked=self.not_asked + other.not_asked,
            per_strategy={
                name: _added(self.per_strategy.get(name, {}), other.per_strategy.get(name, {}))
                for name in strategies
            },
            yield_per_label={
                label: _both(
                    self.yield_per_label.get(label, (0, 0)),
                    other.yield_per_label.get(label, (0, 0)),
                )
                for label in labels
            },
            agreement=_both(self.agreement, other.agreement),
            rp_contradictions=_both(self.rp_contradictions, other.rp_contradictions),
            read_by=_added(self.read_by, other.read_by),
        )


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Both counts, the most frequent first."""
    return dict((Counter(one) + Counter(other)).most_common())


def _both(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def from_version_0(row: Row) -> Row:
    """``selection.json`` as runs and studies wrote it before it had a version.

    Runs wrote the counts as they are now. Studies had names of their own, did not count by
    strategy, and of RP's replies wrote only how many contradict gold; how many there were follows
    from the other counts.
    """
    row = dict(row)
    if "yield_by_label" in row:
        row["yield_per_label"] = row.pop("yield_by_label")
    agreement, contrary = row.get("agreement"), row.get("rp_contradictions")
    if isinstance(agreement, dict):
        row["agreement"] = [agreement.get("right"), agreement.get("asked")]
    if isinstance(contrary, int):
        row["rp_contradictions"] = [contrary, max(contrary, _rp_replies(row))]
    return row


def _rp_replies(row: Row) -> int:
    """RP's replies: all that came, less COTE's; 0 where the row is damaged, and so not known."""
    agreement, rejected = row.get("agreement"), row.get("rejected")
    if not (isinstance(agreement, list) and len(agreement) == 2 and isinstance(rejected, dict)):
        return 0
    parts = (row.get("asked"), agreement[1], rejected.get("failed", 0), rejected.get("refused", 0))
    asked, *others = (part if isinstance(part, int) else 0 for part in parts)
    return asked - sum(others)


SELECTION_FILE = Versioned(SelectionCounts, (from_version_0,))
"""``selection.json``: of a run folder these counts, of a study's the same with what they are of
(:data:`teachback.studies.schema.MATERIAL_FILE`)."""


def summarise(
    examples: Iterable[Example], selection: Selection, strategy: Strategy
) -> SelectionCounts:
    """Count a selection: by reason, by label, and the teacher's agreement with gold."""
    explanations: dict[str, list[Explanation]] = {}
    rejections: dict[str, list[Rejection]] = {}
    for explanation in selection.explanations:
        explanations.setdefault(explanation.id, []).append(explanation)
    for rejection in selection.rejections:
        rejections.setdefault(rejection.id, []).append(rejection)
    tally = Tally(strategy)
    for example in examples:
        kept, dropped = explanations.get(example.id, ()), rejections.get(example.id, ())
        tally.add(example, Selection(tuple(kept), tuple(dropped), ()))
    tally.not_asked = len(selection.not_asked)
    tally.read_by.update(selection.read_by)
    return tally.summary()


class Tally:
    """What `summarise` counts, one example after the other."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy: Strategy = strategy
        self.not_asked = 0
        self.read_by: Counter[str] = Counter()
        self._examples = self._explained = 0
        self._kept: Counter[str] = Counter()
        self._rejected: dict[str, Counter[RejectionReason]] = {}
        self._reasons: Counter[RejectionReason] = Counter()
        self._labels: dict[str, list[int]] = {}
        self._replies: Counter[str] = Counter()
        self._right = self._contrary = 0

    def add(self, example: Example, part: Selection) -> None:
        """Count one example and all that was selected of it."""
        explained = bool(part.explanations)
        self._examples += 1
        self._explained += explained
        self.not_asked += len(part.not_asked)
        self.read_by.update(part.read_by)
        if (label := count_name(example)) is not None:
            counts = self._labels.setdefault(label, [0, 0])
            counts[0] += explained
            counts[1] += 1
        outcomes: list[Explanation | Rejection] = [*part.explanations, *part.rejections]
        for outcome in outcomes:
            if not isinstance(outcome, Rejection):
                self._kept[outcome.strategy] += 1
            else:
                self._reasons[outcome.reason] += 1
                self._rejected.setdefault(outcome.strategy, Counter())[outcome.reason] += 1
                if outcome.reason in ("failed", "refused"):
                    continue
            self._replies[outcome.strategy] += 1
            right = same_answer(example, outcome.answer)
            self._right += right and outcome.strategy == "cote"
            contrary = outcome.answer is not None and not right
            self._contrary += contrary and outcome.strategy == "rp"

    def summary(self) -> SelectionCounts:
        """All of it so far."""
        kept, rejected = self._kept.total(), self._reasons.total()
        return SelectionCounts(
            strategy=self.strategy,
            examples=self._examples,
            asked=kept + rejected,
            kept=kept,
            explained_examples=self._explained,
            rejected=dict(self._reasons.most_common()),
            not_asked=self.not_asked,
            per_strategy={name: self._of(name) for name in sorted({*self._kept, *self._rejected})},
            yield_per_label={label: (k, n) for label, (k, n) in sorted(self._labels.items())},
            agreement=(self._right, self._replies["cote"]),
            rp_contradictions=(self._contrary, self._replies["rp"]),
            read_by=dict(self.read_by.most_common()),
        )

    def _of(self, strategy: str) -> dict[str, int]:
        counts: Counter[str] = Counter()
        if self._kept[strategy]:
            counts["kept"] = self._kept[strategy]
        counts.update(self._rejected.get(strategy, {}))
        return dict(counts.most_common())
