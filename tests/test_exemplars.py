"""Exemplars: the built-in sets hold what they promise, and a user's file is read or refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from teachback.errors import ConfigError, DataError
from teachback.exemplars import BUILTIN, builtin, choose, for_kind, read_exemplars
from teachback.explaining.selection import is_kept
from teachback.questions import parse
from teachback.records import ANNOUNCED, Completion

DATA = Path(__file__).parents[1].parent / "shared" / "data"
KINDS = {
    "commonsenseqa": "multiple-choice",
    "strategyqa": "yes-no",
    "openbookqa": "multiple-choice",
    "arithmetic": "number",
}
ROW = {
    "id": "mine-1",
    "question": "What do bees make?",
    "choices": ["honey", "milk"],
    "answer": "A",
    "explanation": "Bees gather nectar and thicken it in the hive.",
}


def write(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", BUILTIN)
def test_builtin_sets_are_seven_of_their_kind(name: str) -> None:
    exemplars = builtin(name)
    examples = [exemplar.example for exemplar in exemplars]
    assert [e.id for e in examples] == [f"{name}-exemplar-{n}" for n in range(1, 8)]
    assert {e.kind for e in examples} == {KINDS[name]}
    assert len({e.question for e in examples}) == 7
    choices = {"commonsenseqa": 5, "openbookqa": 4}
    assert {len(e.choices) for e in examples} == {choices.get(name, 0)}


@pytest.mark.parametrize("name", BUILTIN)
def test_explanations_are_two_to_four_sentences_that_do_not_conclude(name: str) -> None:
    for exemplar in builtin(name):
        text = exemplar.explanation
        sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z0-9])", text)
        assert 2 <= len(sentences) <= 4, text
        assert not parse(exemplar.example, text, reading=ANNOUNCED).concluded
        # And the rules by which a teacher's explanations are judged would keep it.
        reply = f"{text}\nThe answer is {exemplar.example.answer}."
        assert is_kept(exemplar.example, [Completion(reply)])


def test_answers_are_balanced() -> None:
    yes_no = Counter(exemplar.example.answer for exemplar in builtin("strategyqa"))
    assert yes_no == {"yes": 3, "no": 4}
    for name, most in (("commonsenseqa", 2), ("openbookqa", 2)):
        examples = [exemplar.example for exemplar in builtin(name)]
        positions = Counter(e.choices.index(e.answer) for e in examples)
        assert set(positions) == set(range(len(examples[0].choices)))
        assert max(positions.values()) == most
        # The right choice must not be told by its length.
        longest = sum(max(e.choices, key=len) == e.answer for e in examples)
        assert longest <= 2, name


def test_every_equation_of_the_arithmetic_set_is_exact() -> None:
    operations = {
        "+": Decimal.__add__,
        "−": Decimal.__sub__,
        "×": Decimal.__mul__,
        "÷": Decimal.__truediv__,
    }
    for exemplar in builtin("arithmetic"):
        equations = re.findall(
            r"(\d[\d.]*(?: [-+−×÷] \d[\d.]*)+) = (\d+(?:\.\d+)?)", exemplar.explanation
        )
        for left, right in equations:
            value, *rest = left.split()
            total = Decimal(value)
            for sign, operand in zip(rest[::2], rest[1::2], strict=True):
                total = operations[sign](total, Decimal(operand))
            assert total == Decimal(right), (left, right)
        assert exemplar.explanation.count("=") == len(equations) > 0
        results = [Decimal(right) for _, right in equations]
        assert Decimal(exemplar.example.answer) in results


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize("task", ["csqa", "obqa", "strategyqa"])
def test_no_exemplar_is_a_question_of_a_dataset(task: str) -> None:
    def words(text: str) -> frozenset[str]:
        return frozenset(re.findall(r"[a-z]{4,}", text.casefold()))

    ours = [words(e.example.question) for name in BUILTIN for e in builtin(name)]
    for split in ("train", "dev"):
        for line in (DATA / task / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
            theirs = words(json.loads(line)["question"])
            for own in ours:
                # Half of all words shared would be a paraphrase; short questions share by chance.
                overlap = len(own & theirs) / len(own | theirs)
                assert overlap < 0.5 or len(own) < 4, line


def test_the_default_follows_the_kind() -> None:
    assert for_kind("multiple-choice") == builtin("openbookqa")
    assert for_kind("yes-no") == builtin("strategyqa")
    assert for_kind("number") == builtin("arithmetic")
    assert for_kind("text") == for_kind("label") == []


def test_choose_takes_a_name_none_or_a_file(tmp_path: Path) -> None:
    assert choose(None, "yes-no") == builtin("strategyqa")
    assert choose("none", "yes-no") == []
    assert choose("commonsenseqa", "multiple-choice") == builtin("commonsenseqa")
    years = {"id": 1, "question": "When?", "answer": "1789", "explanation": "A revolution began."}
    path = str(write(tmp_path, years))
    # The kind is the dataset's: answers in digits may stand in a file of free text.
    assert [exemplar.example.kind for exemplar in choose(path, "text")] == ["text"]
    assert [exemplar.example.kind for exemplar in choose(path, "number")] == ["number"]


@pytest.mark.parametrize(
    "call", [lambda: builtin("openbokqa"), lambda: choose("openbokqa", "text")]
)
def test_an_unknown_name_says_what_there_is(call: Any) -> None:
    with pytest.raises(ConfigError, match=r"'openbokqa' \(did you mean 'openbookqa'\?\): name one"):
        call()


def test_ones_own_file(tmp_path: Path) -> None:
    second = ROW | {"id": "mine-2", "answer": "milk", "question": "What do cows give?"}
    exemplars = read_exemplars(write(tmp_path, ROW, second))
    assert [e.example.answer for e in exemplars] == ["honey", "milk"]
    assert exemplars[0].explanation == ROW["explanation"]


@pytest.mark.parametrize(
    "written",
    [
        "Bees gather nectar. So the answer is (A).",
        "Bees gather nectar.\nThe answer is (A) honey.",
        "  Bees gather nectar.\n\nAnswer: honey\n",
    ],
)
def test_a_conclusion_at_the_end_is_taken_off(tmp_path: Path, written: str) -> None:
    (exemplar,) = read_exemplars(write(tmp_path, ROW | {"explanation": written}))
    assert exemplar.explanation == "Bees gather nectar."


def test_what_sounds_like_a_conclusion_on_the_way_stays(tmp_path: Path) -> None:
    written = "The best choice is honey because bees thicken nectar. Milk comes from mammals."
    (exemplar,) = read_exemplars(write(tmp_path, ROW | {"explanation": written}))
    assert exemplar.explanation == written


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"explanation": None}, "the explanation is missing"),
        ({"explanation": " "}, "the explanation is empty"),
        ({"explanation": 3}, "the explanation must be text"),
        ({"explanation": "The answer is (A)."}, "nothing but the answer"),
        (
            {"explanation": "Cows. The answer is milk."},
            "concludes 'milk', but the answer is 'honey'",
        ),
        ({"answer": "wax"}, "'wax' is not among the choices"),
        ({"id": "mine-0"}, "duplicate id 'mine-0'"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    path = write(tmp_path, ROW | {"id": "mine-0"}, ROW | changes)
    with pytest.raises(DataError) as caught:
        read_exemplars(path)
    message = str(caught.value)
    assert reason in message
    assert str(path) in message
    assert re.search(r"\b2\b", message.replace(str(path), ""))
    assert "\n" not in message
