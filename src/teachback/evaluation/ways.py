"""The ways of answering, and all that is decided about them.

``direct``: the answer task alone. ``explained``: the conclusion of the explanation task.
Every student chooses the better of these two on ``valid``, and answers in it by default.
``chosen``: not a third way but each system in the way that it chose. ``adaptive``: directly, and
explained where the direct answer is unsure (:mod:`teachback.evaluation.adaptive`); it is never
chosen, and what it shows is exploratory until a study has confirmed it on questions that no choice
has seen.

Predictions hold the answers of both ways. A new way of answering that is computed from them is
one more function in `_BRINGING`, and a word of `teachback.records.ComparedWay`; it is a word of
`teachback.records.Way` only where students are to choose it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, get_args

from teachback.errors import ConfigError, DataError, quoted
from teachback.evaluation.adaptive import LEAST_QUESTIONS, has_margins, is_unsure, margin_of
from teachback.objectives import OBJECTIVES
from teachback.records import Answer, ComparedWay, Objective, Prediction, Way

WAYS: tuple[Way, ...] = get_args(Way)
"""What a student chooses between; the cheapest first, which wins a tie."""

COMPARED_WAYS: tuple[ComparedWay, ...] = get_args(ComparedWay)

DEFAULT: Way = WAYS[0]
"""The way of a system that has nothing to choose from: untrained, or without explanations."""

IN_WORDS: Mapping[ComparedWay, str] = {
    "direct": "direct answers",
    "explained": "explained answers",
    "chosen": "each in its chosen way",
    "adaptive": "explained only where unsure, exploratory",
}
"""How a verdict names the answers that were compared."""


class Answers(Protocol):
    """What a system said of some examples, the way of answering that it chose, and the threshold
    of its adaptive way; each of the two None where it is not known.
    """

    @property
    def predictions(self) -> Sequence[Prediction]: ...
    @property
    def way(self) -> Way | None: ...
    @property
    def threshold(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class SystemAnswers:
    """The plain form of `Answers`."""

    predictions: Sequence[Prediction]
    way: Way | None
    threshold: float | None = None


def student_way(name: str, where: str) -> Way:
    """``name`` as a way that a student answers in. Raises ConfigError, naming ``where``."""
    if name not in WAYS:
        raise ConfigError(_unknown(name, where, WAYS))
    return name


def compared_way(name: str, where: str) -> ComparedWay:
    """``name`` as a way that systems are compared in. Raises ConfigError, naming ``where``."""
    if name not in COMPARED_WAYS:
        raise ConfigError(_unknown(name, where, COMPARED_WAYS))
    return name


def _unknown(name: str, where: str, known: Sequence[str]) -> str:
    return (
        f"{where}: there is no way of answering {quoted(name)}: choose {', '.join(known[:-1])} or "
        f"{known[-1]}"
    )


def has_choice(objective: Objective | None) -> bool:
    """Whether a student of this objective may answer in more than one way.

    ST learns no explanation, and MT-Re's explanations conclude nothing.
    """
    return objective is not None and OBJECTIVES[objective].concludes is not None


def asked_way(
    way: ComparedWay, *, own: Way, objective: Objective | None, threshold: float | None
) -> tuple[Way, float | None]:
    """How a student answers that is asked in ``way``: its way, and, in the adaptive way, the
    threshold below which it explains first (the way is then that of a sure answer).

    ``own``, ``objective``, ``threshold``: as on its card. Raises ConfigError where there is no
    such way, or this student cannot answer in it.
    """
    name = compared_way(way, "way")
    if name == "chosen":
        return own, None
    if name == "direct":
        return "direct", None
    if not has_choice(objective):
        raise ConfigError(
            f"way: {name} needs explanations that reach an answer, and this student has learnt "
            "none: ask it directly"
        )
    if name == "explained":
        return "explained", None
    if threshold is None:
        raise ConfigError(
            "way: this student has no threshold for the adaptive way: a student gets one in "
            f"training, with at least {LEAST_QUESTIONS} valid questions (data.valid_fraction)"
        )
    return "direct", threshold


def right_by_way(predictions: Sequence[Prediction]) -> dict[Way, int]:
    """How many of ``predictions`` are right, by way; without ``explained`` where not all have
    an explained answer.
    """
    right: dict[Way, int] = {"direct": sum(p.correct for p in predictions)}
    if all(p.explained_correct is not None for p in predictions):
        right["explained"] = sum(bool(p.explained_correct) for p in predictions)
    return right


def better_way(right: Mapping[Way, int]) -> Way:
    """The way that was right more often by these counts, which must be of ``valid``.

    The cheaper one, direct, where both were right equally often.
    """
    return max((way for way in WAYS if way in right), key=right.__getitem__)


def is_settled(direct: int, explained: int, left: int) -> bool:
    """Whether `better_way` is known before all of ``valid`` has been explained.

    ``direct``: right answers of that way to all of ``valid``; ``explained``: those of this way so
    far, with ``left`` questions still to be explained. Their answers can add none or up to
    ``left``: explained is better for good once it is ahead, and direct once all of them would
    not put explained ahead, since direct wins a tie.
    """
    return explained > direct or explained + left <= direct


def answer_in(
    way: Way,
    *,
    direct_answer: str | None,
    explained_answer: str | None = None,
    explanation: str | None = None,
    probabilities: dict[str, float] | None = None,
    log_probability: float | None = None,
) -> Answer:
    """The answer of a student that answers in ``way``, or directly where it was not asked to
    explain.
    """
    used: Way = way if explanation is not None else "direct"
    return Answer(
        answer=explained_answer if used == "explained" else direct_answer,
        way=used,
        direct_answer=direct_answer,
        explained_answer=explained_answer,
        explanation=explanation,
        probabilities=probabilities,
        log_probability=log_probability,
    )


def adaptive_answer(answer: Answer, threshold: float) -> Answer:
    """``answer``, which holds both ways, as the adaptive way gives it."""
    return answer_in(
        "explained" if is_unsure(margin_of(answer), threshold) else "direct",
        direct_answer=answer.direct_answer,
        explained_answer=answer.explained_answer,
        explanation=answer.explanation,
        probabilities=answer.probabilities,
        log_probability=answer.log_probability,
    )


def resolved(way: ComparedWay, chosen: Way | None, what: str) -> str:
    """``way``, with ``chosen`` replaced by what a system chose. Raises as `in_way` does."""
    if compared_way(way, what) != "chosen":
        return way
    if chosen is None:
        raise DataError(f"{what}: the way of answering that it chose is not known")
    return student_way(chosen, what)


def in_way(
    predictions: Sequence[Prediction],
    way: ComparedWay,
    what: str = "the predictions",
    *,
    chosen: Way | None = None,
    threshold: float | None = None,
) -> list[Prediction]:
    """``predictions`` with the given way's answer as ``answer``, ``correct``, ``unparsed``.

    ``chosen``: the way that the system chose, which ``way="chosen"`` needs; ``threshold``: what
    ``way="adaptive"`` needs. Raises ConfigError for a way that does not exist, and DataError,
    naming the predictions by ``what``, where they lack what the way needs.
    """
    return _BRINGING[resolved(way, chosen, what)](predictions, what, threshold)


def has_two_answers(predictions: Sequence[Prediction]) -> bool:
    """Whether there is anything to choose from: not so without explained answers, nor where they
    are always the direct ones (MT-Re and CoT have but one answer)."""
    return any(
        p.explained_correct is not None and p.explained_answer != p.answer for p in predictions
    )


def unsure(
    predictions: Sequence[Prediction], threshold: float | None, what: str = "the predictions"
) -> list[bool]:
    """Which of ``predictions`` the adaptive way explains first.

    None of them where there is nothing to choose from (`has_two_answers`). Raises DataError, naming
    the predictions by ``what``, where it cannot be known.
    """
    cannot_tell = threshold is None or not has_margins(predictions)
    if cannot_tell and not has_two_answers(predictions):
        return [False] * len(predictions)
    if threshold is None:
        raise DataError(
            f"{what}: there is no threshold for the adaptive way: a student gets one in training, "
            f"with at least {LEAST_QUESTIONS} valid questions (data.valid_fraction)"
        )
    if not has_margins(predictions):
        raise DataError(f"{what}: nothing says how sure the direct answers are; evaluate again")
    return [is_unsure(margin_of(p), threshold) for p in predictions]


def in_way_by_seed(
    system: Mapping[int, Answers], way: ComparedWay, name: str
) -> dict[int, list[Prediction]]:
    """A system's predictions by seed, each seed's brought to ``way``; errors name ``name``."""
    return {
        seed: in_way(
            one.predictions,
            way,
            f"{name}, seed {seed}",
            chosen=one.way,
            threshold=one.threshold,
        )
        for seed, one in system.items()
    }


def _direct(
    predictions: Sequence[Prediction], _what: str, _threshold: float | None
) -> list[Prediction]:
    return list(predictions)


def _explained(
    predictions: Sequence[Prediction], what: str, _threshold: float | None
) -> list[Prediction]:
    lacking = [p.id for p in predictions if p.explained_correct is None]
    if lacking:
        raise DataError(
            f"{what}: {len(lacking)} of {len(predictions)} have no explained answer, first "
            f"{lacking[0]!r}; evaluate with --explain"
        )
    return [
        replace(
            p,
            answer=p.explained_answer,
            correct=bool(p.explained_correct),
            unparsed=p.explained_answer is None,
            probabilities=None,
            log_probability=None,
            cut_off=p.explained_cut_off,
        )
        for p in predictions
    ]


def _adaptive(
    predictions: Sequence[Prediction], what: str, threshold: float | None
) -> list[Prediction]:
    flags = unsure(predictions, threshold, what)
    explained = iter(
        _explained([p for p, flag in zip(predictions, flags, strict=True) if flag], what, None)
    )
    return [next(explained) if flag else p for p, flag in zip(predictions, flags, strict=True)]


_Bringing = Callable[[Sequence[Prediction], str, float | None], list[Prediction]]

_BRINGING: Mapping[str, _Bringing] = {
    "direct": _direct,
    "explained": _explained,
    "adaptive": _adaptive,
}
"""Way → predictions as they are in that way."""
