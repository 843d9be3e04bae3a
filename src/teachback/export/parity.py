"""Whether an export answers as its student does: what differs, and whether that is too much.

Pure: answers in, figures out. ``p`` is the probability of an answer; a question's difference is
the largest difference of any of its answers' probabilities; its margin is how far the student's
two best probabilities lie apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy.stats import beta, binomtest

from teachback.export.formats import DriftLimits
from teachback.formatting import NOTHING, p_in_words
from teachback.questions import same_answer
from teachback.records import Answer, Example

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Changed:
    """A direct answer that the export gives differently. ``margin`` is None where the student
    generates its answers, and so gives no probabilities."""

    id: str
    student: str | None
    export: str | None
    margin: float | None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Right answers among ``questions`` with gold; ``loss_p``: exact one-sided McNemar test that
    the export is worse."""

    questions: int
    student: int
    export: int
    loss_p: float


@dataclass(frozen=True, slots=True)
class Parity:
    """The table of an export against its student."""

    questions: int
    changed: tuple[Changed, ...]
    changed_bound: float
    """Upper bound (95%, one-sided, Clopper and Pearson) of the rate of changed direct answers."""
    mean_difference: float | None
    largest_difference: float | None
    explained: int
    same_conclusions: int
    direct_accuracy: Accuracy | None
    explained_accuracy: Accuracy | None
    limits: DriftLimits
    problems: tuple[str, ...]
    """What is beyond the limits, in words; empty where the export is as good as its student."""


def compare_answers(
    examples: Sequence[Example],
    student: Sequence[Answer],
    export: Sequence[Answer],
    limits: DriftLimits,
) -> Parity:
    """Compare the answers of a student and its export to the same ``examples``, in their order."""
    pairs = list(zip(examples, student, export, strict=True))
    changed = tuple(
        Changed(example.id, own.direct_answer, other.direct_answer, margin(own))
        for example, own, other in pairs
        if own.direct_answer != other.direct_answer
    )
    differences = [
        max(abs(share - other.probabilities.get(answer, 0.0)) for answer, share in shares.items())
        for _, own, other in pairs
        if (shares := own.probabilities) and other.probabilities
    ]
    explained = [
        (example, own.explained_answer, other.explained_answer)
        for example, own, other in pairs
        if own.explanation is not None and other.explanation is not None
    ]
    direct = [(example, own.direct_answer, other.direct_answer) for example, own, other in pairs]
    found = Parity(
        questions=len(pairs),
        changed=changed,
        changed_bound=upper_bound(len(changed), len(pairs)),
        mean_difference=sum(differences) / len(differences) if differences else None,
        largest_difference=max(differences, default=None),
        explained=len(explained),
        same_conclusions=sum(own == other for _, own, other in explained),
        direct_accuracy=accuracy(direct),
        explained_accuracy=accuracy(explained),
        limits=limits,
        problems=(),
    )
    return replace(found, problems=tuple(_problems(found)))


def margin(answer: Answer) -> float | None:
    """How far the two best probabilities lie apart; None where there are none."""
    if not answer.probabilities:
        return None
    best, second, *_ = [*sorted(answer.probabilities.values(), reverse=True), 0.0]
    return best - second


def fewest_questions(bound: float) -> int:
    """How few questions may show that the rate of changed answers is at most ``bound``, where none
    of them is answered differently."""
    return 1 if bound >= 1 else math.ceil(math.log(1 - LEVEL) / math.log1p(-bound))


def upper_bound(changed: int, questions: int) -> float:
    """The largest rate at which so few changes among ``questions`` are not yet unlikely (5%)."""
    return 1.0 if changed >= questions else float(beta.ppf(LEVEL, changed + 1, questions - changed))


def accuracy(answers: Sequence[tuple[Example, str | None, str | None]]) -> Accuracy | None:
    """Of (example, the student's answer, the export's) where gold is known; None without any."""
    known = [
        (same_answer(example, own), same_answer(example, other))
        for example, own, other in answers
        if example.answer
    ]
    if not known:
        return None
    lost = sum(own and not other for own, other in known)
    won = sum(other and not own for own, other in known)
    p = binomtest(lost, lost + won, 0.5, alternative="greater").pvalue if lost + won else 1.0
    return Accuracy(
        len(known), sum(own for own, _ in known), sum(other for _, other in known), float(p)
    )


def _problems(found: Parity) -> list[str]:
    limits = found.limits
    problems = []
    far = [one for one in found.changed if one.margin is not None and one.margin > limits.margin]
    if far:
        problems.append(
            f"{len(far)} changed answers have a margin above {limits.margin:g} "
            f"(first {far[0].id!r})"
        )
    for name, value, limit in (
        ("mean difference of p", found.mean_difference, limits.mean_difference),
        ("largest difference of p", found.largest_difference, limits.largest_difference),
        ("upper bound of changed answers", found.changed_bound, limits.changed_bound),
    ):
        if value is not None and not value <= limit:
            problems.append(f"{name} {value:.4f} is above {limit:g}")
    if found.explained and found.same_conclusions < limits.same_conclusions * found.explained:
        problems.append(
            f"{found.same_conclusions} of {found.explained} explanations reach the same "
            f"conclusion, below {limits.same_conclusions:.0%}"
        )
    for name, counted in (
        ("direct", found.direct_accuracy),
        ("explained", found.explained_accuracy),
    ):
        if counted is not None and counted.loss_p < 1 - LEVEL:
            problems.append(
                f"{name} answers are worse: {counted.export} instead of {counted.student} of "
                f"{counted.questions} right ({p_in_words(counted.loss_p)})"
            )
    return problems


def table(found: Parity) -> list[tuple[str, str]]:
    """The figures in words, row by row: what is counted, and what came out."""
    rows = [
        ("questions", str(found.questions)),
        (
            "changed direct answers",
            f"{len(found.changed)} (rate at most {found.changed_bound:.1%})",
        ),
        ("their margins", ", ".join(_figure(one.margin) for one in found.changed) or NOTHING),
        ("mean difference of p", _figure(found.mean_difference)),
        ("largest difference of p", _figure(found.largest_difference)),
    ]
    if found.explained:
        share = f"{found.same_conclusions} of {found.explained}"
        rows.append(("same conclusions of explanations", share))
    for name, counted in (
        ("direct", found.direct_accuracy),
        ("explained", found.explained_accuracy),
    ):
        if counted is not None:
            right = f"{counted.student} → {counted.export} of {counted.questions}"
            rows.append((f"right {name} answers, student → export", right))
    return rows


def _figure(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4f}"
