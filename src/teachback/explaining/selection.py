"""Which completions become explanations: COTE, RP, CROP, and the filters.

Pure functions: examples and completions in, explanations and rejections out. The unit is
one request (id, strategy, sample): asked = kept + rejected, always. What a strategy would
have asked and the store does not hold is listed as not asked, outside that sum.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from teachback.explaining.reading import as_read
from teachback.questions import kind_of, normalise, parse, same_answer
from teachback.records import (
    Completion,
    Example,
    Explanation,
    Rejection,
    RejectionReason,
    Strategy,
)

ExplanationKind = Literal["cote", "rp"]
Choose = Literal["first", "all", "shortest", "agreed"]
ReplyLookup = Callable[[Example, ExplanationKind, int], Completion | None]
"""(example, cote or rp, sample) → the stored completion, None if it was never asked."""

# An explanation that speaks of having been told the answer teaches the student to do so.
_LEAK = re.compile(
    r"""\b(?:
        (?:given|provided|stated|supplied|specified|known|gold|labell?ed)\s+
            (?:correct\s+|right\s+|final\s+)?(?:answer|label|solution)\b(?!\s+(?:choices?|options?))
        | (?:the|this|correct)\s+answer\s+(?:given|provided)\b
            (?!\s+(?:by|in|the|these|what|this)\b)
        | answer\s+(?:is|was|has\s+been|being)\s+
            (?:already\s+)?(?:given|provided|stated|told|specified)\b
            (?!\s+(?:by|in)\s+(?:the\s+)?(?:option|choice))
        | given\s+(?:that\s+)?the\s+(?:correct\s+)?answer\s+is
        | since\s+the\s+(?:correct\s+)?answer\s+is
        | (?:you|we)\s+(?:are|were|have\s+been)\s+(?:given|told)\s+(?:that\s+)?
            the\s+(?:correct\s+)?answer
        | according\s+to\s+the\s+(?:correct\s+)?answer
    )""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """What is kept.

    ``choose``: with several right samples keep the ``first``, ``all`` distinct ones, the
    ``shortest``, or the first of the answer most samples ``agreed`` on (COTE: self-
    consistency; an answer that is not gold still rejects all).
    ``rp_check``: an RP text that concludes otherwise than gold is ``wrong-answer`` (False:
    the paper's plain rule), and one whose conclusion names no answer ("none of these") is
    ``unparsed``. ``max_words``: longer explanations are ``too-long``. ``leak_check``: an RP
    text that speaks of the answer it was given is a ``leak``. ``thinking``: a reasoning model's
    thinking part is put before its explanation.
    """

    choose: Choose = "first"
    rp_check: bool = True
    max_words: int = 400
    leak_check: bool = True
    thinking: bool = False


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


def judge(
    example: Example,
    strategy: ExplanationKind,
    sample: int,
    teacher: str,
    completion: Completion,
    rules: SelectionRules | None = None,
) -> Explanation | Rejection:
    """The verdict on one completion, looking at nothing else."""
    rules = rules or SelectionRules()
    completion = as_read(example, completion)
    parsed = parse(example, completion.text)
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
    if parsed.answer is None and (strategy == "cote" or (rules.rp_check and parsed.concluded)):
        return rejected("unparsed")
    wrong = parsed.answer is not None and not same_answer(example, parsed.answer)
    if wrong and (strategy == "cote" or rules.rp_check):
        return rejected("wrong-answer")
    # COTE was told no answer, so its "given label" is something else.
    said = f"{thinking}\n{completion.text}" if thinking else completion.text
    if strategy == "rp" and rules.leak_check and _LEAK.search(said):
        return rejected("leak")
    if _restates_label(example, text):
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
    verdicts = (judge(example, "cote", n, "", c, rules) for n, c in enumerate(completions))
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
        # CROP: without COTE's verdict it is not known whether RP is needed.
        for asked in _ROUNDS[strategy]:
            verdicts: list[Explanation | Rejection] = []
            for sample in range(samples):
                completion = lookup(example, asked, sample)
                if completion is None:
                    not_asked.append(NotAsked(example.id, asked, sample))
                else:
                    verdicts.append(judge(example, asked, sample, teacher, completion, rules))
            kept, dropped = _choose(example, verdicts, rules.choose)
            explanations += kept
            rejections += dropped
            if kept or not_asked:
                break
        yield example, Selection(tuple(explanations), tuple(rejections), tuple(not_asked))


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
    if choose == "agreed":
        kind = kind_of(example)
        votes = Counter(
            next((a for a in (example.answer,) if kind.same(a, v.answer)), v.answer)
            for v in verdicts
            if v.answer is not None
        )
        # A tie goes to gold: the vote is for choosing among right chains, not against them.
        if votes and votes[example.answer] < max(votes.values()):
            return [], [*dropped, *(_rejection(e, "not-chosen") for e in distinct)]
    best = min(distinct, key=lambda e: len(e.text)) if choose == "shortest" else distinct[0]
    rest = [_rejection(e, "not-chosen") for e in distinct if e is not best]
    return [best], [*dropped, *rest]


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


# Words that conclude without explaining.
_CONCLUDING = frozenset(
    """a an the this that it is are was so therefore thus because hence correct right best
    answer option choice letter must be yes no true false question""".split()
)


_WORD = re.compile(r"\w+")
_MARK_OR_WORD = re.compile(r"\(?\b[A-Z]\b[.:)]|(\w+)")  # "(B)", "B." and "B:" are marks


def _restates_label(example: Example, explanation: str) -> bool:
    """Nothing is explained: no words beyond the answer's own and those that conclude."""
    known = _CONCLUDING.union(word.casefold() for word in _WORD.findall(example.answer))
    words = (match[1] for match in _MARK_OR_WORD.finditer(explanation))
    return all(word is None or word.casefold() in known for word in words)
