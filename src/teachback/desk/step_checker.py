"""Checks the steps of an explanation of a desk case: here the policy is known.

It reads the ways of the desk's own explanations (the rule engine's, the exemplars', and students
taught by them), not free prose: each class of goods, limit, comparison, state of the goods and
deciding rule that is stated is a step, right or wrong by the policy and the case's facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from teachback.desk.cases import MOST_CASES, TEST_SEED, TRAIN_SEED, Case, Split, cases
from teachback.desk.policy import GOODS, LABELS, MEMBER_DAYS, TIME_LIMITS, Facts, decide
from teachback.inspection.results import CheckedSteps, StepVerdict
from teachback.records import Example


@dataclass(frozen=True, slots=True)
class StatedStep:
    """Something that an explanation states: the words that state it, and whether it is right.

    ``decides``: it states the deciding rule or what follows from it. ``names_goods``: it says which
    goods the case is about.
    """

    said: str
    right: bool
    decides: bool = False
    names_goods: bool = False


def check_steps(example: Example, explanation: str, answer: str | None) -> CheckedSteps | None:
    """What the steps of an explanation come to; None where ``example`` is no case of the desk.
    ``answer``: the one that is concluded from it, its last step; None where there is none."""
    facts = facts_of(example)
    return None if facts is None else checked(facts, explanation, answer)


def checked(facts: Facts, explanation: str, answer: str | None = None) -> CheckedSteps:
    """Sound: all steps are right and the deciding rule is among them. Partly sound: the deciding
    rule and the answer are right, so are more than half of the steps, and no other goods are named.
    Wrong: anything else.

    The same statement twice is one step. That a step is missing is no mistake, but for the
    deciding rule.
    """
    steps = list({step.said.lower(): step for step in steps_of(facts, explanation)}.values())
    decided = any(step.decides and step.right for step in steps)
    if answer is not None:
        concludes = answer == decide(facts).label
        steps.append(StatedStep(f"the answer: {answer}", concludes))
        decided = decided and concludes
    wrong = tuple(step.said for step in steps if not step.right)
    verdict: StepVerdict = "wrong"
    if decided:
        if not wrong:
            verdict = "sound"
        elif 2 * len(wrong) < len(steps) and all(s.right for s in steps if s.names_goods):
            verdict = "partly-sound"
    return CheckedSteps(verdict, wrong)


def steps_of(facts: Facts, explanation: str) -> Iterator[StatedStep]:
    """Every step that ``explanation`` states."""
    text = " ".join(explanation.split())
    for pattern, right in _STEPS:
        for found in pattern.finditer(text):
            yield StatedStep(found.group().strip(), right(facts, found))
    for found in _NAMED_GOODS.finditer(text):
        right_goods = _GOODS[found.group().lower()] == facts.item
        yield StatedStep(found.group(), right_goods, names_goods=True)
    for found in list(_DECISION.finditer(text))[-1:]:
        yield StatedStep(found.group(), _is_decision(facts, found), decides=True)


# ---------------------------------------------------------------------- statements

Right = Callable[[Facts, re.Match[str]], bool]

_FAULT = r"(?:faulty|broken|damaged|defective|incomplete)"
_CATEGORIES = {
    "electronics": "electronics",
    "electronic": "electronics",
    "books and toys": "books and toys",
    "books": "books and toys",
    "book": "books and toys",
    "toys": "books and toys",
    "toy": "books and toys",
    "clothes and shoes": "clothes and shoes",
    "clothes": "clothes and shoes",
    "clothing": "clothes and shoes",
    "shoes": "clothes and shoes",
    "home goods": "home goods",
}


def _names(item: str) -> tuple[str, ...]:
    """What an explanation may call ``pair of gloves``: that, ``gloves``, ``glove``."""
    _, of, several = item.partition(" of ")
    return (item, several, several.removesuffix("s")) if of else (item,)


_GOODS = {name: item for items in GOODS.values() for item in items for name in _names(item)}
"""What the store sells, by each of its names."""


def _any_of(words: Iterable[str]) -> str:
    longest_first = sorted(words, key=len, reverse=True)
    return "|".join(map(re.escape, longest_first))


def _affirmed(found: re.Match[str]) -> bool:
    return found["negation"] is None


def _says_in_time(facts: Facts, found: re.Match[str]) -> bool:
    return facts.in_time is ((found["time"].lower() == "in time") is _affirmed(found))


def _classes(facts: Facts, found: re.Match[str]) -> bool:
    """``A toy train belongs to books and toys: 20 days``."""
    goods, limit = found["goods"], found["limit"]
    category = _CATEGORIES.get((found["stated"] or found["category"]).lower())
    return (
        category == facts.category
        and (goods is None or _GOODS.get(goods.lower()) == facts.item)
        and (limit is None or int(limit) == TIME_LIMITS[facts.category])
    )


def _extends(facts: Facts, found: re.Match[str]) -> bool:
    """``20 + 20 = 40 days``."""
    base, more, total = (int(found[name]) for name in ("base", "more", "total"))
    return (
        facts.member
        and base == TIME_LIMITS[facts.category]
        and more == MEMBER_DAYS
        and total == facts.limit
    )


def _stays(facts: Facts, found: re.Match[str]) -> bool:
    """``it stays 20 days``."""
    return not facts.member and int(found["limit"]) == facts.limit


def _compares(facts: Facts, found: re.Match[str]) -> bool:
    """``25 days against a limit of 40 days: in time``."""
    return (
        int(found["days"]) == facts.days
        and int(found["limit"]) == facts.limit
        and (found["time"] is None or facts.in_time is (found["time"].lower() == "in time"))
    )


def _is_greater(facts: Facts, found: re.Match[str]) -> bool:
    """``33 > 30``."""
    days, limit = int(found["days"]), int(found["limit"])
    holds = {"<=": days <= limit, "≤": days <= limit, "<": days < limit, ">": days > limit}
    return days == facts.days and limit == facts.limit and holds[found["sign"]]


def _is_decision(facts: Facts, found: re.Match[str]) -> bool:
    decision = decide(facts)
    label, rule = found["label"], found["rule"] or found["alone"]
    return (label is None or label.lower() == decision.label) and (
        rule is None or int(rule) == decision.rule
    )


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_STEPS: tuple[tuple[re.Pattern[str], Right], ...] = (
    (
        _pattern(rf"(?P<negation>\b(?:not|isn't|wasn't|never)\s+)?\b{_FAULT}\b"),
        lambda facts, found: facts.faulty is _affirmed(found),
    ),
    (
        _pattern(r"(?P<negation>\b(?:no|not(?: an?)?|wasn't an?|never an?)\s+)?\bfinal sale\b"),
        lambda facts, found: facts.final_sale is _affirmed(found),
    ),
    (
        _pattern(
            r"\b(?P<negation>un|(?:not|never|not been|never been|isn't) )?"
            r"(?:opened|used|worn|read)\b(?: or (?:used|worn|read))?"
        ),
        lambda facts, found: facts.opened is _affirmed(found),
    ),
    (
        _pattern(
            r"(?P<negation>\b(?:not a|no|not|without|never a) )?(?:club )?\bmember(?:s|ship)?\b"
        ),
        lambda facts, found: facts.member is _affirmed(found),
    ),
    (
        _pattern(r"(?P<negation>\bnot\s+)?\b(?P<time>in time|late)\b"),
        _says_in_time,
    ),
    (
        _pattern(
            r"(?:\ban? (?P<goods>[a-z ]+?) )?"
            r"\b(?:belongs? to (?P<stated>[a-z ]+)"
            rf"|is (?:an? )?(?P<category>{_any_of(_CATEGORIES)}))\b"
            r"(?:: (?P<limit>\d+) days)?"
        ),
        _classes,
    ),
    (_pattern(r"\b(?P<base>\d+) ?\+ ?(?P<more>\d+) ?= ?(?P<total>\d+)\b"), _extends),
    (_pattern(r"\bstays (?:at )?(?P<limit>\d+) days\b"), _stays),
    (
        _pattern(
            r"\b(?P<days>\d+) days? against a limit of (?P<limit>\d+) days"
            r"(?:: (?P<time>in time|late))?"
        ),
        _compares,
    ),
    (_pattern(r"\b(?P<days>\d+) ?(?P<sign><=|≤|<|>) ?(?P<limit>\d+)\b"), _is_greater),
)

_NAMED_GOODS = _pattern(rf"\b(?:{_any_of(_GOODS)})\b")
_DECISION = _pattern(
    rf"\b(?P<label>{_any_of(LABELS)})\b(?: \(rule (?P<rule>\d+)\))?|\brule (?P<alone>\d+)\b"
)


# ---------------------------------------------------------------------- the facts of a question


def facts_of(example: Example) -> Facts | None:
    """The facts of a case of the desk's generator; None where ``example`` is another question."""
    found = re.fullmatch(r"desk-(test-)?(\d{5,})", example.id)
    if found is None:
        return None
    split: Split = "test" if found[1] else "train"
    number = int(found[2])
    if number >= MOST_CASES[split]:
        return None
    case = _first_cases(split, _rounded_up(number + 1, MOST_CASES[split]))[number]
    return case.facts if case.example.question == example.question else None


_BLOCK = 500


def _rounded_up(count: int, most: int) -> int:
    """``count`` in whole blocks, so that few lists are made, and not more than ``most``."""
    return min(-(-count // _BLOCK) * _BLOCK, most)


@cache
def _first_cases(split: Split, count: int) -> list[Case]:
    return cases(count, TEST_SEED if split == "test" else TRAIN_SEED, split)
