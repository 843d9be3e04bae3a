"""The desk: its policy decided by hand, its generator, and what ships with it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from teachback import desk
from teachback.cli import cli
from teachback.datasets import read_examples, write_examples
from teachback.desk.cases import Split, split_of
from teachback.desk.policy import GOODS, POLICY
from teachback.exemplars import read_exemplars
from teachback.files import read_jsonl
from teachback.questions import parse, same_answer
from teachback.records import Example

MODEL = "qwen2.5-coder-1.5b-instruct"
README = Path(__file__).parents[1] / "bench" / "desk" / "README.md"

# item, days, member, faulty, final sale, opened → label, rule. Decided from the policy's text.
BY_HAND = [
    # Rule 9, one category after the other: the last day in time, without and with membership.
    (("laptop", 10, False, False, False, False), ("full refund", 9)),
    (("laptop", 30, True, False, False, False), ("full refund", 9)),
    (("novel", 20, False, False, False, False), ("full refund", 9)),
    (("novel", 40, True, False, False, False), ("full refund", 9)),
    (("raincoat", 30, False, False, False, False), ("full refund", 9)),
    (("raincoat", 50, True, False, False, False), ("full refund", 9)),
    (("pillow", 50, False, False, False, False), ("full refund", 9)),
    (("pillow", 70, True, False, False, False), ("full refund", 9)),
    (("teapot", 1, False, False, False, False), ("full refund", 9)),
    # Rule 7: the first day after each of these.
    (("laptop", 11, False, False, False, False), ("no return", 7)),
    (("laptop", 31, True, False, False, False), ("no return", 7)),
    (("novel", 21, False, False, False, False), ("no return", 7)),
    (("novel", 41, True, False, False, False), ("no return", 7)),
    (("raincoat", 31, False, False, False, False), ("no return", 7)),
    (("raincoat", 51, True, False, False, False), ("no return", 7)),
    (("pillow", 51, False, False, False, False), ("no return", 7)),
    (("pillow", 71, True, False, False, False), ("no return", 7)),
    # Rule 7 goes before rule 8: late and opened.
    (("doll", 25, False, False, False, True), ("no return", 7)),
    # Rule 8, where membership decides, and where it does not.
    (("doll", 25, True, False, False, True), ("store credit", 8)),
    (("television", 10, False, False, False, True), ("store credit", 8)),
    (("skirt", 2, True, False, False, True), ("store credit", 8)),
    # Rule 6 goes before rules 7, 8 and 9.
    (("atlas", 3, True, False, True, False), ("no return", 6)),
    (("atlas", 3, True, False, True, True), ("no return", 6)),
    (("atlas", 90, False, False, True, False), ("no return", 6)),
    # Rules 4 and 5 go before all of these.
    (("wardrobe", 70, True, True, False, True), ("full refund", 4)),
    (("wardrobe", 50, False, True, True, True), ("full refund", 4)),
    (("printer", 10, False, True, True, False), ("full refund", 4)),
    (("wardrobe", 71, True, True, False, False), ("free repair", 5)),
    (("wardrobe", 51, False, True, True, True), ("free repair", 5)),
    (("printer", 11, False, True, True, False), ("free repair", 5)),
    (("printer", 31, True, True, False, True), ("free repair", 5)),
]


@pytest.mark.parametrize(("facts", "decision"), BY_HAND)
def test_the_rule_engine_decides_as_the_policy_says(
    facts: tuple[str, int, bool, bool, bool, bool], decision: tuple[str, int]
) -> None:
    decided = desk.decide(desk.Facts(*facts))
    assert (decided.label, decided.rule) == decision


def test_the_policy_states_what_the_engine_decides_by() -> None:
    for line in (
        "- electronics: 10 days (laptop,",
        "- books and toys: 20 days (novel,",
        "- clothes and shoes: 30 days (winter coat,",
        "- home goods: 50 days (armchair,",
        "2. Club members: limit + 20 days.",
        "5. Faulty, late: free repair.",
        "9. Not faulty, in time, unopened: full refund.",
    ):
        assert line in POLICY
    sold = [item for items in GOODS.values() for item in items]
    assert all(item in POLICY for item in sold)
    assert len(sold) == len(set(sold)) == 48


def test_labels_are_balanced_and_the_labels_are_the_rule_engines() -> None:
    train = desk.cases(480, desk.TRAIN_SEED, "train")
    counts = Counter(case.example.answer for case in train)
    assert set(counts) == set(desk.LABELS)
    assert all(0.19 <= count / 480 <= 0.31 for count in counts.values()), counts
    for case in train:
        assert case.example.answer == desk.decide(case.facts).label
        assert case.example.choices == desk.LABELS


def test_a_case_says_what_the_policy_asks() -> None:
    for case in desk.cases(300, desk.TRAIN_SEED, "train"):
        facts, question = case.facts, case.example.question
        assert [int(number) for number in re.findall(r"\d+", question)] == [facts.days]
        assert facts.item in question
        assert ("final sale" in question) == facts.final_sale
        assert re.search(r"member|club", question)
        assert "{" not in question
        fault = re.search(
            r"\b(?:broken|faulty|defective|fault|damaged|incomplete)\b", question
        ) and not re.search(r"\b(?:not faulty|no fault)\b", question)
        assert bool(fault) == facts.faulty, question


def test_train_and_test_share_no_case() -> None:
    train = desk.cases(1000, desk.TRAIN_SEED, "train")
    test = desk.cases(500, desk.TEST_SEED, "test")
    other = desk.cases(500, desk.TRAIN_SEED, "test")  # not by the luck of the seed
    assert not {case.facts for case in train} & {case.facts for case in [*test, *other]}
    questions = [case.example.question for case in [*train, *test]]
    assert len(set(questions)) == 1500
    assert len({case.example.id for case in [*train, *test]}) == 1500
    assert {split_of(case.facts) for case in train} == {"train"}
    shown = {exemplar.example.question for exemplar in desk.exemplars()}
    assert not shown & set(questions)


def test_wording_is_varied() -> None:
    """With items, names and numbers masked, sentences still combine in hundreds of ways."""
    names = r"\b(?:[A-Z][a-z]+)\b"
    items = "|".join(sorted((i for g in GOODS.values() for i in g), key=len, reverse=True))
    shapes = {
        re.sub(names, "N", re.sub(rf"\d+|{items}", "#", example.question))
        for example in desk.train_cases()
    }
    assert len(shapes) > 470


def test_fewer_cases_are_a_prefix_of_more() -> None:
    assert desk.train_cases(480)[:77] == desk.train_cases(77)
    assert desk.test_cases(200)[:50] == desk.test_cases(50)
    assert [example.id for example in desk.train_cases(2)] == ["desk-00000", "desk-00001"]
    assert desk.test_cases(1)[0].id == "desk-test-00000"


def _fingerprint(examples: list[Example]) -> str:
    told = "\n".join(f"{e.id}\t{e.question}\t{e.answer}" for e in examples)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def test_the_cases_are_the_same_everywhere() -> None:
    """A changed case would no longer be the one that the recordings explain."""
    assert _fingerprint(desk.train_cases(50)) == "f9b7b3c1b288d4ca"
    assert _fingerprint(desk.train_cases(480)) == "f6a6d8d18510aac8"
    assert _fingerprint(desk.test_cases(50)) == "c24c01d6d5115dfe"


def test_the_dataset_file_reads_back(tmp_path: Path) -> None:
    examples = desk.train_cases(60)
    write_examples(tmp_path / "train.jsonl", examples)
    assert read_examples(tmp_path / "train.jsonl") == examples


def test_exemplars_cover_every_label_and_conclude_by_the_policy() -> None:
    exemplars = desk.exemplars()
    assert {exemplar.example.answer for exemplar in exemplars} == set(desk.LABELS)
    for exemplar in exemplars:
        rule = int(re.findall(r"\(rule (\d)\)", exemplar.explanation)[-1])
        assert f"{rule}. " in POLICY
        assert f": {exemplar.example.answer} (rule {rule})." in exemplar.explanation
        for left, sign, right in re.findall(r"(\d+) (<=|>) (\d+)", exemplar.explanation):
            assert (int(left) <= int(right)) == (sign == "<=")


def test_rule_explanations_end_on_the_gold_answer_and_calculate_rightly() -> None:
    rules = Counter[int]()
    for case in desk.cases(480, desk.TRAIN_SEED, "train"):
        facts, explanation = case.facts, desk.rule_explanation(case.facts)
        parsed = parse(case.example, desk.rule_reply(case))
        assert same_answer(case.example, parsed.answer)
        assert parsed.explanation == explanation
        for left, right, total in re.findall(r"(\d+) \+ (\d+) = (\d+)", explanation):
            assert int(left) + int(right) == int(total) == facts.limit
        timing = re.findall(
            r"(\d+) days against a limit of (\d+) days: (in time|late)\.", explanation
        )
        rule = desk.decide(facts).rule
        verdict = "in time" if facts.in_time else "late"
        assert timing == ([] if rule == 6 else [(str(facts.days), str(facts.limit), verdict)])
        rules[rule] += 1
    assert set(rules) == {4, 5, 6, 7, 8, 9}


def test_an_explanation_by_the_rule_engine() -> None:
    facts = desk.Facts("armchair", 64, True, False, False, True)
    assert desk.rule_explanation(facts) == (
        "It is not faulty. No final sale. An armchair belongs to home goods: 50 days. "
        "Members get 50 + 20 = 70 days. 64 days against a limit of 70 days: in time. "
        "Not faulty, in time, opened or used: store credit (rule 8)."
    )


def test_the_rule_engines_recording_is_what_it_says_and_labelled_as_its_own() -> None:
    (path,) = desk.recording_files("rule-engine")
    rows = [row for _, row in read_jsonl(path)]
    assert rows == [
        {
            "id": case.example.id,
            "teacher": "rule-engine",
            "given_answer": False,
            "text": desk.rule_reply(case),
        }
        for case in desk.cases(desk.RULE_ENGINE_CASES, desk.TRAIN_SEED, "train")
    ]


def _agreement() -> dict[str, Counter[str]]:
    """Of the shipped recording: right / asked, by kind and, for COTE, by gold label."""
    examples = {example.id: example for example in desk.train_cases()}
    right, asked = Counter[str](), Counter[str]()
    for path in desk.recording_files(MODEL):
        kind = path.name.split(".")[-2]
        for _, row in read_jsonl(path):
            example = examples[row["id"]]
            assert row["given_answer"] == (kind == "rp")
            assert row["teacher"] == MODEL
            hit = same_answer(example, parse(example, row["text"]).answer)
            for key in (kind, example.answer) if kind == "cote" else (kind,):
                asked[key] += 1
                right[key] += hit
    return {"right": right, "asked": asked}


def test_the_recordings_agree_with_gold_as_often_as_the_readme_says() -> None:
    agreement = _agreement()
    table = {
        key: (int(right), int(asked))
        for key, right, asked in re.findall(
            r"^\| ([a-z ]+?) \| (\d+) / (\d+) \|", README.read_text(encoding="utf-8"), re.M
        )
    }
    right, asked = agreement["right"], agreement["asked"]
    assert table == {key: (right[key], asked[key]) for key in ("cote", *desk.LABELS, "rp")}
    assert asked["cote"] == sum(asked[label] for label in desk.LABELS) > 0


def test_the_models_recording_is_of_training_cases_and_rationalises_what_cote_missed() -> None:
    files = desk.recording_files(MODEL)
    assert [path.name for path in files] == [f"{MODEL}.cote.jsonl", f"{MODEL}.rp.jsonl"]
    cote, rp = ([row["id"] for _, row in read_jsonl(path)] for path in files)
    train = [example.id for example in desk.train_cases()]
    assert cote == [case_id for case_id in train if case_id in cote]
    assert rp == [case_id for case_id in cote if case_id in rp]


def test_the_task_as_files_is_what_a_study_needs(tmp_path: Path) -> None:
    def write(*options: str) -> Result:
        return CliRunner().invoke(cli, ["data", "desk", "-o", str(tmp_path / "desk"), *options])

    done = write("--train-cases", "30", "--test-cases", "10")
    assert done.exit_code == 0, done.output
    assert len(done.output.splitlines()) == len(list((tmp_path / "desk").iterdir()))
    assert read_examples(tmp_path / "desk" / "train.jsonl") == desk.train_cases(30)
    assert read_examples(tmp_path / "desk" / "test.jsonl") == desk.test_cases(10)
    (recording,) = desk.recording_files()
    assert (tmp_path / "desk" / recording.name).read_bytes() == recording.read_bytes()
    assert (tmp_path / "desk" / "policy.txt").read_text("utf-8").strip() == POLICY.strip()
    assert tuple(read_exemplars(tmp_path / "desk" / "exemplars.jsonl")) == desk.exemplars()
    again = write()
    assert again.exit_code == 2
    assert "already holds train.jsonl" in again.output
    assert write("--train-cases", "481").exit_code == 2


def test_more_cases_than_there_are_is_refused_before_anything_is_replaced(tmp_path: Path) -> None:
    def write(count: int) -> Result:
        count_and_place = ["--test-cases", str(count), "-o", str(tmp_path), "--overwrite"]
        return CliRunner().invoke(cli, ["data", "desk", "--train-cases", "2", *count_and_place])

    assert write(5).exit_code == 0
    before = (tmp_path / "test.jsonl").read_bytes()
    refused = write(desk.MOST_CASES["test"] + 1)
    assert refused.exit_code == 2
    assert refused.output.strip().endswith(
        "the desk has at most 3500 different test cases, and 3501 were asked for: choose fewer"
    )
    assert (tmp_path / "test.jsonl").read_bytes() == before


@pytest.mark.parametrize(("split", "seed"), [("train", desk.TRAIN_SEED), ("test", 1)])
def test_the_most_cases_there_are_can_be_drawn(split: Split, seed: int) -> None:
    most = desk.MOST_CASES[split]
    assert len({case.facts for case in desk.cases(most, seed, split)}) == most
    # Ten of every block of 50 are opened goods in time that are neither faulty nor final sale.
    opened = [
        desk.Facts(item, days, member, False, False, True)
        for items in GOODS.values()
        for item in items
        for member in (False, True)
        for limit in [desk.Facts(item, 1, member, False, False, True).limit]
        for days in range(max(1, limit - 24), limit + 1)
    ]
    assert sum(split_of(facts) == split for facts in opened) >= most // 50 * 10
