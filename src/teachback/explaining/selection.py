"""Which completions become explanations: COTE, RP, CROP, and the filters.

Pure functions: examples and completions in, explanations and rejections out. The unit is
one request (id, strategy, sample): asked = kept + rejected, always. What a strategy would
have asked and the store does not hold is listed as not asked, outside that sum.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from teachback.questions import kind_of, normalise, parse, plain_conclusion, same_answer
from teachback.records import (
    Completion,
    Example,
    Explanation,
    Rejection,
    RejectionReason,
    Strategy,
)

Asked = Literal["cote", "rp"]
Choose = Literal["first", "all", "shortest", "agreed"]
Lookup = Callable[[Example, Asked, int], Completion | None]
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


_PLAIN_RULES = SelectionRules()


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A request that the strategy needs and the store does not hold."""

    id: str
    strategy: Asked
    sample: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome: every asked request is in exactly one of the first two."""

    explanations: tuple[Explanation, ...]
    rejections: tuple[Rejection, ...]
    not_asked: tuple[NotAsked, ...]


def judge(
    example: Example,
    strategy: Asked,
    sample: int,
    teacher: str,
    completion: Completion,
    rules: SelectionRules | None = None,
) -> Explanation | Rejection:
    """The verdict on one completion, looking at nothing else."""
    rules = rules or SelectionRules()
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
    if not completion.text.strip():
        return rejected("empty")
    if completion.finish_reason == "length":
        return rejected("truncated")
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
    rules = rules or _PLAIN_RULES
    if rules.choose != "agreed":  # something is chosen wherever something is right
        return any(_is_right(example, each, rules) for each in completions)
    verdicts = [judge(example, "cote", n, "", c, rules) for n, c in enumerate(completions)]
    return bool(_choose(example, verdicts, rules.choose)[0])


@dataclass(frozen=True)
class Verdict:
    """`is_kept` under these rules, as generation asks for it."""

    rules: SelectionRules = field(default_factory=SelectionRules)

    def __call__(self, example: Example, completions: Sequence[Completion]) -> bool:
        return is_kept(example, completions, self.rules)

    @cached_property
    def name(self) -> str:
        """Another one whenever a verdict may be another: for other rules, and for other code."""
        here = Path(__file__)
        code = hashlib.sha256()
        for file in (here, *sorted((here.parent / "questions").glob("*.py"))):
            code.update(file.read_bytes())
        return f"{self.rules} {code.hexdigest()}"


def _is_right(example: Example, completion: Completion, rules: SelectionRules) -> bool:
    """Whether `judge` accepts a COTE completion: at a glance if it can be told so, since a
    resumed CROP run wants to know it of every stored reply."""
    text = completion.text
    if completion.finish_reason == "stop" and not (rules.thinking and completion.thinking):
        found = plain_conclusion(example, text)
        if found is not None:
            answer, explained = found
            if answer != example.answer and not same_answer(example, answer):
                return False
            # The explanation has at most one word more than the text that it was cut out of.
            short = len(text) < 2 * rules.max_words or len(text.split()) < rules.max_words
            if short and explained > 0 and _has_other_word(example, text, explained):
                return True
    return isinstance(judge(example, "cote", 0, "", completion, rules), Explanation)


def select(
    examples: Iterable[Example],
    lookup: Lookup,
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
    lookup: Lookup,
    *,
    strategy: Strategy,
    teacher: str,
    samples: int = 1,
    rules: SelectionRules | None = None,
) -> Iterator[tuple[Example, Selection]]:
    """`select`, one example after the other, for more of them than fit into memory."""
    rules = rules or _PLAIN_RULES
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


_ROUNDS: dict[Strategy, tuple[Asked, ...]] = {
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


def _has_other_word(example: Example, text: str, end: int) -> bool:
    """Whether ``text[:end]`` shows at a glance that more is said than the label."""
    gold = example.answer.casefold()
    for match in _PLAIN_WORD.finditer(text, 0, end):
        word = match[0]
        if word not in _CONCLUDING and word not in gold:
            return True
    return False


_WORD = re.compile(r"\w+")
_MARK = re.compile(r"\(?\b[A-Z]\b[.:)]")
_LONGER = re.compile(r"\w{2,}")
_PLAIN_WORD = re.compile(r"(?<= )[a-z]{2,}(?= )")


def _restates_label(example: Example, explanation: str) -> bool:
    """Nothing is explained: no words beyond the answer's own and those that conclude."""
    answer = set(_WORD.findall(example.answer.casefold()))

    def other(word: str) -> bool:
        return word not in answer and word not in _CONCLUDING

    # Nearly always one of the first words tells; those of one letter may be marks.
    if explanation.isascii() and any(other(m[0].lower()) for m in _LONGER.finditer(explanation)):
        return False
    words = _WORD.findall(_MARK.sub(" ", explanation).casefold())
    return not any(map(other, words))
