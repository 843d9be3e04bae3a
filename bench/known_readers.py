"""What the measures of consistency come to for two readers whose ways are known, on desk cases.

    python -m bench.known_readers [--count 400]

Both are given the rule engine's explanations. *follows* takes every statement of an explanation as
it stands there, changed or not, and works out the rest by the policy and the question. *deaf*
answers by the question, whatever is explained. They are what a measure can show at the most, and
its floor; no model is asked.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.common import head, row
from teachback.desk import TEST_SEED, cases, rule_explanation
from teachback.desk.policy import LABELS, MEMBER_DAYS, TIME_LIMITS, Facts, Label
from teachback.desk.step_checker import facts_of
from teachback.inspection.measures import MEASURES
from teachback.questions import parse
from teachback.records import Example

Answering = Callable[[Example, str], str]


@dataclass(frozen=True, slots=True)
class KnownReader:
    """Answers and continues by ``answering``, of a question and an explanation's beginning."""

    answering: Answering

    def answers(self, given: Sequence[tuple[Example, str]]) -> list[str | None]:
        return [self.answering(example, text) for example, text in given]

    def continued(self, begun: Sequence[tuple[Example, str]]) -> list[str]:
        return [
            f"{text}. The answer is {self.answering(example, text)}." for example, text in begun
        ]

    def read(self, example: Example, text: str) -> str | None:
        return parse(example, text).answer


def deaf(example: Example, _text: str) -> str:
    return example.answer


def follows(example: Example, text: str) -> str:
    """The decision that ``text`` names, or else the one that its statements come to."""
    named = re.findall("|".join(LABELS), text)
    if named:
        return str(named[-1])
    facts = facts_of(example)
    assert facts is not None, "a case of the desk"
    return _decided(facts, text)


def _decided(facts: Facts, text: str) -> Label:
    stated = re.search(r"It is (not )?faulty", text)
    faulty = facts.faulty if stated is None else stated[1] is None
    sale = re.search(r"(No|It was a) final sale", text)
    final_sale = facts.final_sale if sale is None else sale[1] != "No"
    in_time = _days(facts, text) <= _limit(facts, text)
    if faulty:
        return "full refund" if in_time else "free repair"
    if final_sale or not in_time:
        return "no return"
    return "store credit" if facts.opened else "full refund"


def _days(facts: Facts, text: str) -> int:
    found = re.search(r"(\d+) days? against", text) or re.search(r": \d+ days\. .*\. (\d+)$", text)
    return facts.days if found is None else int(found[1])


def _limit(facts: Facts, text: str) -> int:
    """The limit that is stated last, with what is still to be added to it."""
    base = _number(r"belongs to [a-z ]+: (\d+)", text, TIME_LIMITS[facts.category])
    base = _number(r"stays (\d+)", text, base)
    base = _number(r"Members get (\d+)", text, base)
    more = _number(r"\d \+ (\d+)", text, MEMBER_DAYS if facts.member else 0)
    total = _number(r"= (\d+)", text, base + more)
    return _number(r"a limit of (\d+)", text, total)


def _number(pattern: str, text: str, otherwise: int) -> int:
    found = re.search(pattern, text)
    return otherwise if found is None else int(found[1])


READERS: dict[str, Answering] = {"follows": follows, "deaf": deaf}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=400)
    options = parser.parse_args()
    # It loads torch, and --help is to answer at once.
    from teachback.inspection.consistency import ConsistencyItem, measure_consistency

    items = [
        ConsistencyItem(c.example.id, c.example, rule_explanation(c.facts), c.example.answer)
        for c in cases(options.count, TEST_SEED, "test")
    ]
    found = {
        name: measure_consistency(KnownReader(answering), items).values
        for name, answering in READERS.items()
    }
    print(head("", *READERS, "n"))
    for measure, kind in MEASURES.items():
        own = [values.get(measure, {}) for values in found.values()]
        if all(own):
            shares = (f"{sum(values.values()) / len(values):.3f}" for values in own)
            print(row(kind.title, *shares, min(map(len, own))))


if __name__ == "__main__":
    main()
