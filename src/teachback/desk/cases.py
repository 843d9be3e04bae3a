"""The seeded generator of desk cases.

Everything is drawn through ``random.Random.random`` alone, the one method whose sequence
Python promises to keep, so the same seed gives the same cases everywhere.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Literal, TypeVar

from teachback.desk import wording
from teachback.desk.policy import GOODS, LABELS, Facts, decide
from teachback.errors import UsageError
from teachback.records import Example

T = TypeVar("T")
Split = Literal["train", "test"]

TRAIN_SEED = 20261122
TEST_SEED = 20261123

# How often each way through the policy occurs in a block of 50 cases. Without rules 1 to 3
# (that is, guessing whether a return is in time) at most 62% of cases can be decided.
_PATHS = (
    ("faulty in time", 9),
    ("faulty late", 11),
    ("final sale", 5),
    ("late", 10),
    ("opened", 10),
    ("unopened", 5),
)
_BLOCK = tuple(path for path, count in _PATHS for _ in range(count))

MOST_CASES: dict[Split, int] = {"train": 7_000, "test": 3_500}
"""How many cases a split can have: whole blocks, none of whose ways through the policy has used
up its distinct facts (the first to do so is ``opened``, which has 749 in ``test``)."""

_LATEST = 25  # no case is late by more days than this
_EARLIEST = 25  # nor in time by more


@dataclass(frozen=True, slots=True)
class Case:
    """A case: what the policy needs to know, and the question a customer's words make."""

    facts: Facts
    example: Example


@dataclass(frozen=True, slots=True)
class _Voice:
    """The customer: how to name them, and the verb forms that agree."""

    name: str
    pronoun: str
    possessive: str
    first_person: bool

    def words(self, *, opening: bool) -> dict[str, str]:
        subject = self.name if opening else self.pronoun
        third = not self.first_person
        possessive = f"{self.name}'s" if opening and third else self.possessive
        return {
            "S": subject[0].upper() + subject[1:],
            "s": subject,
            "r": self.pronoun,
            "p": possessive,
            "P": possessive[0].upper() + possessive[1:],
            "is_": "is" if third else "am",
            "has": "has" if third else "have",
            "does": "does" if third else "do",
            "wants": "wants" if third else "want",
            "dislikes": "dislikes" if third else "dislike",
            "lives": "lives" if third else "live",
        }


def cases(n: int, seed: int, split: Split) -> list[Case]:
    """``n`` cases of a split, no two with the same facts; fewer cases are a prefix of more.

    A checksum of its facts puts each case into one split, so that for any two seeds no case
    of ``train`` has the facts (hence the wording) of one of ``test``. In every 50 cases the
    labels stand 14 : 10 : 11 : 15 in the order of ``LABELS``.

    Raises UsageError where ``n`` is more than `MOST_CASES` of the split.
    """
    if n > MOST_CASES[split]:
        raise UsageError(
            f"the desk has at most {MOST_CASES[split]} different {split} cases, and {n} were asked "
            "for: choose fewer"
        )
    return list(islice(_stream(seed, split), n))


def _stream(seed: int, split: Split) -> Iterator[Case]:
    rng = random.Random(seed)
    seen: set[Facts] = set()
    prefix = "desk" if split == "train" else "desk-test"
    while True:
        for path in _shuffled(rng, _BLOCK):
            facts = _draw_facts(rng, path)
            while facts in seen or split_of(facts) != split:
                facts = _draw_facts(rng, path)
            question = _tell(rng, facts)
            example = Example(
                id=f"{prefix}-{len(seen):05d}",
                question=question,
                answer=decide(facts).label,
                kind="multiple-choice",
                choices=LABELS,
            )
            seen.add(facts)
            yield Case(facts, example)


def split_of(facts: Facts) -> Split:
    """The one split in which a case with these facts may stand (a third are ``test``)."""
    key = "|".join(str(getattr(facts, field.name)) for field in fields(facts))
    return "test" if zlib.crc32(key.encode()) % 3 == 0 else "train"


def _draw_facts(rng: random.Random, path: str) -> Facts:
    item = _pick(rng, GOODS[_pick(rng, tuple(GOODS))])
    member = _chance(rng, 0.5)
    faulty = path.startswith("faulty")
    in_time = {"faulty late": False, "late": False}.get(path, True)
    if path == "final sale":
        in_time = _chance(rng, 0.5)
    # As often opened where that does not count as where it does.
    opened = {"opened": True, "unopened": False}.get(path, _chance(rng, 0.6))
    final_sale = path == "final sale" or (faulty and _chance(rng, 0.1))

    def at(days: int) -> Facts:
        return Facts(item, days, member, faulty, final_sale, opened)

    limit = at(1).limit
    if in_time:
        earliest = max(1, limit - _EARLIEST + 1)
        return at(earliest + int(rng.random() * (limit - earliest + 1)))
    return at(limit + 1 + int(rng.random() * _LATEST))


def _tell(rng: random.Random, facts: Facts) -> str:
    voice = _draw_voice(rng)
    purchase = _pick(rng, wording.PURCHASE)
    member = _pick(rng, wording.MEMBER if facts.member else wording.NOT_MEMBER)
    told = [_pick(rng, wording.FAULTY[facts.category] if facts.faulty else wording.NOT_FAULTY)]
    # What cannot matter for faulty goods is sometimes left out, never for others.
    if not facts.faulty or _chance(rng, 0.5):
        states = wording.OPENED if facts.opened else wording.UNOPENED
        told.append(_pick(rng, states[facts.category]))
    if facts.final_sale:
        told.append(_pick(rng, wording.FINAL_SALE))
    if _chance(rng, 0.5):
        told.append(_pick(rng, wording.ASIDES))
    if _chance(rng, 0.3):
        sentences = [member, purchase, *_shuffled(rng, told)]
    else:
        sentences = [purchase, *_shuffled(rng, [member, *told])]
    days = f"{facts.days} day{'' if facts.days == 1 else 's'}"
    article = "an" if facts.item[0] in "aeiou" else "a"
    goods = {"item": f"{article} {facts.item}", "thing": facts.item, "days": days}
    spoken = [
        sentence.format(**voice.words(opening=place == 0), **goods)
        for place, sentence in enumerate(sentences)
    ]
    return " ".join([*spoken, wording.QUESTION])


def _draw_voice(rng: random.Random) -> _Voice:
    drawn = rng.random()
    if drawn < 0.3:
        return _Voice("I", "I", "my", first_person=True)
    if drawn < 0.65:
        return _Voice(_pick(rng, wording.WOMEN), "she", "her", first_person=False)
    return _Voice(_pick(rng, wording.MEN), "he", "his", first_person=False)


def _pick(rng: random.Random, options: Sequence[T]) -> T:
    return options[int(rng.random() * len(options))]


def _chance(rng: random.Random, probability: float) -> bool:
    return rng.random() < probability


def _shuffled(rng: random.Random, items: Sequence[T]) -> list[T]:
    shuffled = list(items)
    for last in range(len(shuffled) - 1, 0, -1):
        other = int(rng.random() * (last + 1))
        shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
    return shuffled
