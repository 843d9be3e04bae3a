"""Consistency of answer and explanation: the arithmetic with known readers, and what it asks of
students."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from teachback.inspection.consistency import (
    SAVE_EVERY,
    Consistency,
    ConsistencyItem,
    StudentAfter,
    donors_of,
    first_words,
    measure_consistency,
    untestable,
)
from teachback.quality.planted_mistakes import changed_number, turned_statement
from teachback.questions import parse
from teachback.records import Example
from teachback.students.causal import CausalStudent
from teachback.students.endings import ending_scores
from teachback.students.load import load
from teachback.students.model import StudentModel
from tiny import tiny_causal, tiny_t5

CHOICES = ("red", "green", "blue")


def items(count: int = 12) -> list[ConsistencyItem]:
    """Each explains its answer by its number's remainder, and then names it."""
    made = []
    for n in range(count):
        answer = CHOICES[n % 3]
        example = Example(
            f"q{n}", f"Which colour is {n}?", answer, "multiple-choice", choices=CHOICES
        )
        text = f"Number {n} is of remainder {n % 3} and so of the colour {answer}"
        made.append(ConsistencyItem(example.id, example, text, answer))
    return made


@dataclass
class Reader:
    """Answers with the last choice that the explanation names, "red" where it names none."""

    def answers(self, given: Sequence[tuple[Example, str]]) -> list[str | None]:
        return [next((w for w in reversed(t.split()) if w in CHOICES), "red") for _, t in given]

    def continued(self, begun: Sequence[tuple[Example, str]]) -> list[str]:
        """The remainder decides, if it is one."""
        texts = []
        for _, text in begun:
            remainder = int(text.split("remainder ")[1][0]) if "remainder " in text else 0
            texts.append(f"{text}. So the answer is {(*CHOICES, 'none')[min(remainder, 3)]}.")
        return texts

    def read(self, example: Example, text: str) -> str | None:
        return parse(example, text).answer


class Deaf(Reader):
    """Answers by the question, whatever is explained."""

    def answers(self, given: Sequence[tuple[Example, str]]) -> list[str | None]:
        return [example.answer for example, _ in given]

    def continued(self, begun: Sequence[tuple[Example, str]]) -> list[str]:
        return [f"{text}. So the answer is {example.answer}." for example, text in begun]


def _shares(asked: Reader) -> dict[str, tuple[float, int]]:
    found = measure_consistency(asked, items(), seed=1)
    return {name: (sum(v.values()) / len(v), len(v)) for name, v in found.values.items()}


def test_a_reader_follows_what_it_is_given() -> None:
    shares = _shares(Reader())
    assert shares["read-back"] == (1.0, 12)
    assert shares["swap-same"] == (0.0, 12)
    assert shares["swap-other"] == (1.0, 12)
    assert shares["swap-follows"] == (1.0, 12)
    # The colour is the last word: before it, only the items that are red keep their answer.
    for share in (0, 25, 50, 75):
        assert shares[f"early-{share}"] == (pytest.approx(1 / 3), 12)


def test_a_deaf_student_changes_nothing() -> None:
    shares = _shares(Deaf())
    for name in ("swap-same", "swap-other", "swap-follows", "mistake-number", "mistake-statement"):
        assert shares[name] == (0.0, 12)
    assert shares["early-0"] == (1.0, 12)


def test_a_planted_number_changes_the_answer_of_who_reads_it() -> None:
    found = measure_consistency(Reader(), items(), seed=1)
    for item, value in found.values["mistake-number"].items():
        said = found.details[item]["mistake-number"]
        own = int(item[1:])
        # In the number: "Number 5" becomes a different one, and no remainder has been written.
        if "remainder" not in said["text"]:
            assert value == float(own % 3 != 0)
        else:
            assert said["now"] != said["was"]
            assert value == 1.0
    unread = [item for item, value in found.values["mistake-number-unparsed"].items() if value]
    assert unread
    assert not set(unread) & set(found.values["mistake-number"])


class Doubting(Reader):
    """Comes to no answer where something is not so."""

    def continued(self, begun: Sequence[tuple[Example, str]]) -> list[str]:
        texts = super().continued(begun)
        return ["Who knows." if " not " in text else text for text in texts]


def test_mistakes_of_each_kind_that_reach_no_answer_are_counted_apart() -> None:
    values = measure_consistency(Doubting(), items(), seed=1).values
    assert set(values["mistake-statement-unparsed"].values()) == {1.0}
    assert "mistake-statement" not in values
    unread = values["mistake-number-unparsed"]
    assert {item for item in unread if not unread[item]} == set(values["mistake-number"])
    assert values["mistake-number"]


def test_donors_are_others_of_the_wanted_answer() -> None:
    some = items()
    answers = [one.answer for one in some]
    for same in (True, False):
        pairs = donors_of(some, answers, same=same, seed=0)
        assert [i for i, _ in pairs] == list(range(12))
        for i, j in pairs:
            assert i != j
            assert (answers[i] == answers[j]) is same
    assert donors_of(some, answers, same=True, seed=0) != donors_of(
        some, answers, same=True, seed=1
    )
    assert donors_of(some[:3], answers[:3], same=True, seed=0) == []
    assert donors_of(some, [None] * 12, same=False, seed=0) == []


def various_items() -> tuple[list[ConsistencyItem], list[str | None]]:
    """Sixty questions of 25 groups or none, with choices of their own, and their answers."""
    rng = random.Random(5)
    colours = [*CHOICES, "Red", "pink", "grey"]
    made, answers = [], []
    for n in range(60):
        choices = tuple(rng.sample(colours, 4))
        group = rng.choice([None, f"g{n % 25}"])
        example = Example(f"q{n}", "?", choices[0], "multiple-choice", choices, group=group)
        made.append(ConsistencyItem(f"q{n}", example, f"Text  {rng.randrange(40)}", choices[0]))
        answers.append(rng.choice([None, *choices]))
    return made, answers


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("listed", [True, False])
def test_donors_are_drawn_among_all_that_may_be(same: bool, listed: bool) -> None:
    some, answers = various_items()
    if not listed:
        some = [replace(o, example=replace(o.example, kind="text", choices=())) for o in some]
    wanted = []
    for i, one in enumerate(some):
        possible = [
            j
            for j, other in enumerate(some)
            if other.text.split() != one.text.split()
            and (one.example.group is None or other.example.group != one.example.group)
            and (own := answers[i]) is not None
            and (theirs := answers[j]) is not None
            and (own.casefold() == theirs.casefold()) is same
            and (not listed or theirs in one.example.choices)
        ]
        if possible:
            wanted.append((i, random.Random(f"swap-3-{same}-q{i}").choice(possible)))
    assert len(wanted) > 30
    assert donors_of(some, answers, same=same, seed=3) == wanted


class Told(str):
    """A text that counts how often it is taken apart."""

    __slots__ = ()
    taken_apart = 0

    def split(self, *given: Any, **named: Any) -> list[str]:  # type: ignore[override]
        Told.taken_apart += 1
        return super().split(*given, **named)


class Silent(Reader):
    """Reads no explanation."""

    def answers(self, given: Sequence[tuple[Example, str]]) -> list[str | None]:
        return [example.answer for example, _ in given]

    def continued(self, begun: Sequence[tuple[Example, str]]) -> list[str]:
        return ["" for _ in begun]


def test_donors_are_drawn_once_for_a_pass() -> None:
    """Each text is taken apart once in both swaps and in four early answers, however many parts a
    pass has."""
    many = [replace(one, text=Told(one.text)) for one in items(3 * SAVE_EVERY)]
    Told.taken_apart = 0
    measure_consistency(Silent(), many, seed=1)
    assert Told.taken_apart == 6 * len(many)


def test_the_first_words() -> None:
    text = "one two three four five six seven eight"
    assert first_words(text, 0) == ""
    assert first_words(text, 25) == "one two"
    assert first_words("one two three", 50) == "one"


def test_a_changed_number_is_another_one_of_as_many_digits() -> None:
    rng = random.Random(0)
    for text in ("Take 7 of them.", "It is 10 days.", "Since 1999 it is so.", "All 99 of them"):
        for _ in range(50):
            mistake = changed_number(text, rng)
            assert mistake is not None
            assert len(mistake.now) == len(mistake.was)
            assert mistake.now != mistake.was
            assert mistake.text == text.replace(mistake.was, mistake.now)
            assert mistake.text.startswith(mistake.begun)
            assert mistake.begun.endswith(mistake.now)
    for text in ("No number.", "It costs 3.50 or 1,000.", "On 2026-11-26", "The 3rd one, x2"):
        assert changed_number(text, rng) is None


def test_a_turned_statement() -> None:
    rng = random.Random(0)
    for text, begun in (
        ("It is wet.", "It is not wet"),
        ("They are not wet.", "They are wet"),
        ("They do not run, so it is wet", "They do run"),
        ("It is not 3.5 m long: no", "It is 3.5 m long"),
        ("It is not\nwet", "It is"),
    ):
        mistake = turned_statement(text, rng)
        assert mistake is not None
        assert mistake.begun in (begun, "They do not run, so it is not wet")
        assert mistake.text == mistake.begun + mistake.after
        assert mistake.before + mistake.was + mistake.after == text
    assert turned_statement("Nothing.", rng) is None


def test_no_mistake_can_be_taken_back_by_what_follows() -> None:
    """As "It is" could be, continued by "not faulty"."""
    for text in ("It is not faulty. No final sale.", "They are not wet, and 5 are green. So 7."):
        for seed in range(20):
            for plant in (changed_number, turned_statement):
                mistake = plant(text, random.Random(seed))
                assert mistake is None or not text.startswith(mistake.begun)


def test_mistakes_stand_before_the_last_sentence() -> None:
    for text, number, statement in (
        ("It is 3. That is not 5! So it is 9", {"3", "5"}, {"is 3", "is not 5"}),
        ("It is 3\nSo it is not 9.", {"3"}, {"is 3"}),
        ("It is 3, so it is 9.", {"3", "9"}, {"is 3", "is 9"}),
        ("So. It is 9.", {"9"}, {"is 9"}),
    ):
        for plant, wanted in ((changed_number, number), (turned_statement, statement)):
            found = [plant(text, random.Random(seed)) for seed in range(40)]
            assert {mistake.was for mistake in found if mistake is not None} == wanted


@pytest.mark.parametrize("objective", ["mt-re", "mt-ra", "st", None])
def test_what_cannot_be_tested(objective: str | None) -> None:
    assert untestable(objective)  # type: ignore[arg-type]


def test_what_can_be_tested() -> None:
    assert [untestable(one) for one in ("mt-cot", "mt-icot", "cot")] == [None] * 3


# ---------------------------------------------------------------------- students


@pytest.fixture(params=["gemma3", "gpt2-like", "t5"])
def student(request: pytest.FixtureRequest, tmp_path: Path, one_thread: None) -> StudentModel:
    make = tiny_t5 if request.param == "t5" else tiny_causal
    found = load(make(tmp_path / "student"), precision="fp32")
    if isinstance(found, CausalStudent):
        found.shared_prefix = request.param == "gemma3"
    return found.with_card(objective="mt-cot", max_target_tokens=96)


SOURCES = ["Why is it?", "Where does the thing come from, and since when is it there?"]
ENDS = ["So the answer is red.", "So the answer is green.", "So the answer is blue."]


def test_endings_are_scored_as_in_whole_targets(student: StudentModel) -> None:
    """What all targets begin with is left out of each: their differences are those of the whole."""
    targets = [[f"It is so. {end}" for end in ENDS], [f"It was there before. {e}" for e in ENDS]]
    whole = student.log_probabilities(SOURCES, targets, role="explanation")
    for budget in (2048, 16):
        found = list(ending_scores(student, SOURCES, targets, token_budget=budget))
        for own, reference in zip(found, whole, strict=True):
            differences = [value - own[0] for value in own]
            wanted = [total - reference[0][0] for total, _ in reference]
            assert differences == pytest.approx(wanted, abs=1e-4)
            assert all(value > total for value, (total, _) in zip(own, reference, strict=True))


def test_a_begun_text_is_continued_greedily(student: StudentModel) -> None:
    begun = ["It is", "Since it was not there before"]
    found = student.generate(SOURCES, "explanation", 7, begun)
    for source, text, generated in zip(SOURCES, begun, found, strict=True):
        ids = list(student.text_ids(text))
        for _ in range(7):
            ids.append(_likeliest(student, source, ids))
            if ids[-1] == student.end_id:
                break
        assert generated == student.generated(ids)


@torch.inference_mode()
def _likeliest(student: StudentModel, source: str, written: list[int]) -> int:
    prefix = list(student.row(source, "explanation", ()).prefix)
    marker = list(student.marker_ids("explanation"))
    if student.family == "causal":
        logits = student.model(torch.tensor([[*prefix, *marker, *written]])).logits
    else:
        start = student.model.config.decoder_start_token_id
        decoder = torch.tensor([[start, *marker, *written]])
        logits = student.model(torch.tensor([prefix]), decoder_input_ids=decoder).logits
    return int(logits[0, -1].argmax())


def test_a_student_is_asked_after_an_explanation(student: StudentModel) -> None:
    """Listed answers are scored; others are what it writes after the conclusion's words."""
    some = items(2)
    given = [(one.example, one.text) for one in some]
    answers = StudentAfter(student).answers(given)
    assert set(answers) <= set(CHOICES)
    alone = [StudentAfter(student).answers([one])[0] for one in given]
    assert answers == alone
    number = Example("n", "How many are there?", "4", "number")
    (text,) = StudentAfter(student).continued([(number, "There are 4 of them")])
    assert text.startswith("There are 4 of them")
    assert len(StudentAfter(student).answers([(number, "There are 4"), given[0]])) == 2


@dataclass
class Stopped(Reader):
    """Answers so many times and is then stopped."""

    left: int = 3

    def answers(self, given: Sequence[tuple[Example, str]]) -> list[str | None]:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return super().answers(given)


def test_a_stopped_measurement_is_continued_in_the_middle_of_a_pass() -> None:
    saved: list[Consistency] = []
    many = items(2 * SAVE_EVERY + 1)  # three parts
    with pytest.raises(KeyboardInterrupt):
        measure_consistency(Stopped(left=4), many, seed=1, save=saved.append)
    assert saved[-1].finished == {"own": len(many), "swap-same": SAVE_EVERY}
    # Answers are asked for in 2 more parts of this swap, 3 of the other one and 12 of four shares.
    found = measure_consistency(Stopped(left=17), many, seed=1, begun=saved[-1])
    assert found == measure_consistency(Reader(), many, seed=1)
