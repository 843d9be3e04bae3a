"""The checker of the desk's steps: right where the policy is followed, wrong where it is not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from teachback import desk
from teachback.desk import TRAIN_SEED, Case, cases, exemplars, rule_explanation
from teachback.desk.policy import GOODS, LABELS, Facts
from teachback.desk.step_checker import check_steps, checked, facts_of
from teachback.files import read_jsonl
from teachback.records import Example

CASES = cases(120, TRAIN_SEED, "train")

READINGS = Path(__file__).parent / "readings"
"""Students' explanations that were read against the policy before the checker's verdicts were seen:
``reading`` and ``reason`` of each, and who its ``reader`` was."""

FACTS_OF_EXEMPLARS = (
    Facts("tablecloth", 64, member=True, faulty=False, final_sale=False, opened=True),
    Facts("pair of gloves", 33, member=False, faulty=False, final_sale=False, opened=False),
    Facts("digital camera", 41, member=True, faulty=True, final_sale=False, opened=False),
    Facts("toy train", 17, member=False, faulty=False, final_sale=False, opened=False),
    Facts("raincoat", 12, member=False, faulty=False, final_sale=True, opened=False),
    Facts("pair of headphones", 22, member=True, faulty=True, final_sale=False, opened=True),
    Facts("teapot", 58, member=False, faulty=True, final_sale=True, opened=True),
    Facts("atlas", 26, member=True, faulty=False, final_sale=False, opened=True),
)


def test_the_rule_engine_is_sound() -> None:
    for case in CASES:
        found = check_steps(case.example, rule_explanation(case.facts), case.example.answer)
        assert found is not None
        assert (found.verdict, found.wrong) == ("sound", ()), rule_explanation(case.facts)


def test_the_exemplars_written_by_hand_are_sound() -> None:
    for facts, exemplar in zip(FACTS_OF_EXEMPLARS, exemplars(), strict=True):
        found = checked(facts, exemplar.explanation)
        assert (found.verdict, found.wrong) == ("sound", ()), exemplar.explanation


def _changed_numbers(text: str) -> list[str]:
    """``text`` with each of its numbers, one at a time, larger by 3."""
    return [
        f"{text[: n.start()]}{int(n.group()) + 3}{text[n.end() :]}"
        for n in re.finditer(r"\d+", text)
    ]


OPPOSITES = (
    ("It is faulty", "It is not faulty"),
    ("No final sale", "It was a final sale"),
    ("in time.", "late."),
    ("late.", "in time."),
    ("unopened:", "opened or used:"),
    ("opened or used:", "unopened:"),
    ("books and toys", "home goods"),
    ("electronics", "clothes and shoes"),
    ("clothes and shoes", "garden tools"),
    (": full refund", ": no return"),
    (": no return", ": store credit"),
)


def _corrupted(case: Case) -> list[str]:
    text = rule_explanation(case.facts)
    return _changed_numbers(text) + [
        text.replace(said, instead, 1) for said, instead in OPPOSITES if said in text
    ]


def test_each_single_mistake_is_found() -> None:
    count = 0
    for case in CASES:
        for text in _corrupted(case):
            found = checked(case.facts, text)
            assert found.verdict != "sound", text
            assert found.wrong, text
            count += 1
    assert count > 1000


def test_the_membership_that_is_stated_is_checked() -> None:
    case = next(c for c in CASES if c.facts.member and not c.facts.faulty)
    other = replace(case.facts, member=False)
    assert checked(other, rule_explanation(case.facts)).verdict != "sound"
    assert checked(case.facts, rule_explanation(other)).verdict != "sound"


def test_one_wrong_step_with_the_right_rule_is_partly_sound() -> None:
    facts = Facts("toy train", 25, member=True, faulty=False, final_sale=False, opened=False)
    text = rule_explanation(facts)
    assert checked(facts, text.replace("25 days against", "26 days against")).verdict == (
        "partly-sound"
    )
    assert checked(facts, text.replace("(rule 9)", "(rule 8)")).verdict == "wrong"


def test_an_explanation_of_other_goods_is_wrong_even_where_its_rule_applies() -> None:
    facts = Facts("toy train", 25, member=True, faulty=False, final_sale=False, opened=False)
    other = rule_explanation(replace(facts, item="pair of gloves"))
    assert checked(facts, other).verdict == "wrong"


def test_the_answer_is_the_last_step() -> None:
    """As a student on permuted explanations does it: the explanation fits, its answer does not."""
    facts = Facts("cookbook", 25, member=True, faulty=False, final_sale=True, opened=False)
    text = "It is not faulty. It was a final sale. Not faulty, final sale: no return (rule 6)."
    assert checked(facts, text, "no return").verdict == "sound"
    found = checked(facts, text, "store credit")
    assert (found.verdict, found.wrong) == ("wrong", ("the answer: store credit",))


def test_a_decision_is_read_after_a_comma() -> None:
    """A student's own sentence: the rule's number is right, what is decided by it is not."""
    facts = Facts("set of plates", 88, member=True, faulty=False, final_sale=False, opened=True)
    found = checked(facts, "It is not faulty. Not faulty, late, full refund (rule 7).")
    assert (found.verdict, found.wrong) == ("wrong", ("full refund (rule 7)",))


@pytest.mark.parametrize("text", ["", "The desk decides.", "It is not faulty. No final sale."])
def test_without_the_deciding_rule_it_is_wrong(text: str) -> None:
    assert checked(CASES[0].facts, text).verdict == "wrong"


def test_facts_are_known_of_the_desk_s_own_cases_alone() -> None:
    example = desk.test_cases(3)[2]
    assert facts_of(example) is not None
    assert facts_of(replace(example, question="What does the desk decide?")) is None
    assert facts_of(replace(example, id="q1")) is None
    for foreign in ("desk-test-09999", "desk-09999", "desk-test-99999999999"):
        assert facts_of(replace(example, id=foreign)) is None
    last = desk.cases(desk.MOST_CASES["test"], desk.TEST_SEED, "test")[-1]
    assert facts_of(last.example) == last.facts


@pytest.mark.parametrize("file", sorted(READINGS.glob("*.jsonl")), ids=lambda file: file.stem)
def test_students_explanations_are_checked_as_they_were_read(file: Path) -> None:
    table: Counter[tuple[str, str]] = Counter()
    for _, read in read_jsonl(file):
        example = Example(
            read["id"], read["question"], LABELS[0], "multiple-choice", choices=LABELS
        )
        found = check_steps(example, read["explanation"], read["concluded"])
        assert found is not None, f"{read['id']} is no case of the desk"
        assert found.verdict == read["reading"], f"{read} {found.wrong}"
        table[read["reading"], found.verdict] += 1
    assert table == READ_AND_CHECKED[file.stem]


READ_AND_CHECKED = {
    "desk-demo": {
        ("sound", "sound"): 38,
        ("partly-sound", "partly-sound"): 3,
        ("wrong", "wrong"): 19,
    },
    "desk-own-seed-3": {
        ("sound", "sound"): 23,
        ("partly-sound", "partly-sound"): 2,
        ("wrong", "wrong"): 5,
    },
}


GOODS_OF_SEVERAL = [item for items in GOODS.values() for item in items if " of " in item]


@pytest.mark.parametrize("item", GOODS_OF_SEVERAL)
def test_goods_may_be_called_by_what_they_are_a_pair_of(item: str) -> None:
    """As a student calls a pair of headphones "a headphone"."""
    facts = Facts(item, 25, member=False, faulty=True, final_sale=False, opened=False)
    several = item.split(" of ")[1]
    for name in (several, several.removesuffix("s")):
        text = rule_explanation(facts).replace(item, name)
        assert f"A {name} belongs to" in text
        assert checked(facts, text) == checked(facts, rule_explanation(facts))
        assert checked(replace(facts, item="doll"), text).verdict == "wrong"
        other = replace(facts, item="toy train")
        named = rule_explanation(other).replace("toy train", name)
        assert checked(other, named).verdict == "wrong"
