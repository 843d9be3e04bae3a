"""Which completions become explanations: COTE, RP, CROP, and the filters.

Pure functions: examples and completions in, explanations and rejections out. The unit is
one request (id, strategy, sample): asked = kept + rejected, always. What a strategy would
have asked and the store does not hold is listed as not asked, outside that sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from teachback.explaining.explanation_checks import (
    leaks,
    refuses,
    restates_label,
    says_nothing,
)
from teachback.explaining.reading import as_read
from teachback.questions import Parsed, kind_of, normalise, parse, same_answer
from teachback.records import (
    EVERY_CONCLUSION,
    Completion,
    Example,
    Explanation,
    Rejection,
    RejectionReason,
    ReplyReading,
    Strategy,
)

ExplanationKind = Literal["cote", "rp"]
Choose = Literal["first", "all", "shortest", "agreed"]
ReplyLookup = Callable[[Example, ExplanationKind, int], Completion | None]
"""(example, cote or rp, sample) → the stored completion, None if it was never asked."""

NOTHING_READ = "no conclusion"


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """What is kept.

    ``choose``: with several right samples keep the ``first``, ``all`` distinct ones, the
    ``shortest``, or the first of the answer most finished samples ``agreed`` on (COTE: self-
    consistency; an answer that is not gold still rejects all).
    ``rp_check``: an RP text that concludes otherwise than gold is ``wrong-answer`` (False:
    the paper's plain rule), and one whose conclusion names no answer ("none of these") is
    ``unparsed``. ``max_words``: longer explanations are ``too-long``. ``leak_check``: an RP
    text that speaks of the answer it was given is a ``leak``. ``thinking``: a reasoning model's
    thinking part is put before its explanation. ``reading``: which conclusions count, and
    in which languages (see :func:`teachback.questions.parse`).
    """

    choose: Choose = "first"
    rp_check: bool = True
    max_words: int = 400
    leak_check: bool = True
    thinking: bool = False
    reading: ReplyReading = EVERY_CONCLUSION


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A request that the strategy needs and the store does not hold."""

    id: str
    strategy: ExplanationKind
    sample: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome: every asked request is in exactly one of the first two."""

    explanations: tuple[Explanation, ...]
    rejections: tuple[Rejection, ...]
    not_asked: tuple[NotAsked, ...]
    read_by: Mapping[str, int] = field(default_factory=dict)
    """By what the conclusions of the replies were found → replies; those that came with text."""


def decide(
    example: Example,
    strategy: ExplanationKind,
    sample: int,
    teacher: str,
    completion: Completion,
    rules: SelectionRules | None = None,
) -> Explanation | Rejection:
    """The verdict on one completion, looking at nothing else."""
    rules = rules or SelectionRules()
    return _decided(example, strategy, sample, teacher, completion, rules)[0]


def _decided(
    example: Example,
    strategy: ExplanationKind,
    sample: int,
    teacher: str,
    completion: Completion,
    rules: SelectionRules,
) -> tuple[Explanation | Rejection, str | None]:
    """The verdict, and by what the conclusion of a reply with text in it was found."""
    completion = as_read(example, completion)
    parsed = parse(example, completion.text, reading=rules.reading)
    verdict = _verdict(example, strategy, sample, teacher, completion, rules, parsed)
    return verdict, (parsed.pattern or NOTHING_READ) if completion.text.strip() else None


def _verdict(
    example: Example,
    strategy: ExplanationKind,
    sample: int,
    teacher: str,
    completion: Completion,
    rules: SelectionRules,
    parsed: Parsed,
) -> Explanation | Rejection:
    thinking = completion.thinking if rules.thinking else None
    text = f"{thinking}\n{parsed.explanation}".strip() if thinking else parsed.explanation
    explanation = Explanation(example.id, strategy, sample, teacher, text, parsed.answer)

    def rejected(reason: RejectionReason) -> Rejection:
        return _rejection(explanation, reason, text=completion.text)

    if completion.finish_reason == "failed":
        return rejected("failed")
    if completion.finish_reason == "refused":
        return rejected("refused")
    if completion.finish_reason == "length":  # also where thinking took all that it may
        return rejected("truncated")
    if not completion.text.strip():
        return rejected("empty")
    if refuses(completion.text) and not (parsed.answer and same_answer(example, parsed.answer)):
        return rejected("refused")
    if parsed.answer is None and (strategy == "cote" or (rules.rp_check and parsed.concluded)):
        return rejected("unparsed")
    wrong = parsed.answer is not None and not same_answer(example, parsed.answer)
    if wrong and (strategy == "cote" or rules.rp_check):
        return rejected("wrong-answer")
    # COTE was told no answer, so its "given label" is something else.
    said = f"{thinking}\n{completion.text}" if thinking else completion.text
    if strategy == "rp" and rules.leak_check and leaks(said):
        return rejected("leak")
    # Nothing but a conclusion restates the label, which is said apart.
    if (text or parsed.answer is None) and says_nothing(example, text):
        return rejected("empty")
    if restates_label(example, text):
        return rejected("restates-label")
    if len(text.split()) > rules.max_words:
        return rejected("too-long")
    return explanation


def is_kept(
    example: Example, completions: Sequence[Completion], rules: SelectionRules | None = None
) -> bool:
    """Whether `select` keeps any of an example's COTE completions, which are all its samples:
    what CROP's second round turns on."""
    rules = rules or SelectionRules()
    verdicts = (decide(example, "cote", n, "", c, rules) for n, c in enumerate(completions))
    if rules.choose != "agreed":  # something is chosen wherever something is right
        return any(isinstance(verdict, Explanation) for verdict in verdicts)
    return bool(_choose(example, list(verdicts), rules.choose)[0])


def select(
    examples: Iterable[Example],
    lookup: ReplyLookup,
    *,
    strategy: Strategy,
    teacher: str,
    samples: int = 1,
    rules: SelectionRules | None = None,
) -> Selection:
    """Apply ``strategy`` to what the store holds. Makes no call."""
    parts = [
        part
        for _, part in select_each(
            examples, lookup, strategy=strategy, teacher=teacher, samples=samples, rules=rules
        )
    ]
    return Selection(
        tuple(each for part in parts for each in part.explanations),
        tuple(each for part in parts for each in part.rejections),
        tuple(each for part in parts for each in part.not_asked),
        dict(sum((Counter(part.read_by) for part in parts), Counter[str]())),
    )


def select_each(
    examples: Iterable[Example],
    lookup: ReplyLookup,
    *,
    strategy: Strategy,
    teacher: str,
    samples: int = 1,
    rules: SelectionRules | None = None,
) -> Iterator[tuple[Example, Selection]]:
    """`select`, one example after the other, for more of them than fit into memory."""
    rules = rules or SelectionRules()
    for example in examples:
        explanations: list[Explanation] = []
        rejections: list[Rejection] = []
        not_asked: list[NotAsked] = []
        read_by: Counter[str] = Counter()
        # CROP: without COTE's verdict it is not known whether RP is needed.
        for asked in _ROUNDS[strategy]:
            verdicts: list[Explanation | Rejection] = []
            for sample in range(samples):
                completion = lookup(example, asked, sample)
                if completion is None:
                    not_asked.append(NotAsked(example.id, asked, sample))
                else:
                    verdict, pattern = _decided(example, asked, sample, teacher, completion, rules)
                    verdicts.append(verdict)
                    if pattern is not None:
                        read_by[pattern] += 1
            kept, dropped = _choose(example, verdicts, rules.choose)
            explanations += kept
            rejections += dropped
            if kept or not_asked:
                break
        yield (
            example,
            Selection(tuple(explanations), tuple(rejections), tuple(not_asked), dict(read_by)),
        )


_ROUNDS: dict[Strategy, tuple[ExplanationKind, ...]] = {
    "cote": ("cote",),
    "rp": ("rp",),
    "crop": ("cote", "rp"),
}


def _choose(
    example: Example, verdicts: list[Explanation | Rejection], choose: Choose
) -> tuple[list[Explanation], list[Rejection]]:
    kept = [verdict for verdict in verdicts if isinstance(verdict, Explanation)]
    dropped = [verdict for verdict in verdicts if isinstance(verdict, Rejection)]
    seen: set[str] = set()
    distinct: list[Explanation] = []
    for explanation in kept:
        text = normalise(explanation.text)
        if text in seen:
            dropped.append(_rejection(explanation, "duplicate"))
        else:
            seen.add(text)
            distinct.append(explanation)
    if choose == "all" or not distinct:
        return distinct, dropped
    if choose == "agreed" and not _gold_is_agreed(example, verdicts):
        return [], [*dropped, *(_rejection(e, "not-chosen") for e in distinct)]
    best = min(distinct, key=lambda e: len(e.text)) if choose == "shortest" else distinct[0]
    rest = [_rejection(e, "not-chosen") for e in distinct if e is not best]
    return [best], [*dropped, *rest]


_NO_VOTE = ("failed", "refused", "truncated")
"""Why a reply is rejected that was not finished: what it reads as was not its last word."""


def _gold_is_agreed(example: Example, verdicts: Iterable[Explanation | Rejection]) -> bool:
    """Whether no other answer has more votes than gold; spellings of one answer are one.

    A tie goes to gold: the vote is for choosing among right chains, not against them.
    """
    kind = kind_of(example)
    votes = {example.answer: 0}
    for verdict in verdicts:
        if isinstance(verdict, Rejection) and verdict.reason in _NO_VOTE:
            continue
        if (answer := verdict.answer) is not None:
            spelling = next((known for known in votes if kind.same(known, answer)), answer)
            votes[spelling] = votes.get(spelling, 0) + 1
    return votes[example.answer] == max(votes.values())


def _rejection(
    explanation: Explanation, reason: RejectionReason, *, text: str | None = None
) -> Rejection:
    return Rejection(
        explanation.id,
        explanation.strategy,
        explanation.sample,
        explanation.teacher,
        explanation.text if text is None else text,
        explanation.answer,
        reason,
    )
