"""What replies conclude that were not asked for a form, and what is cut out of them."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from teachback.questions import KINDS, parse, same_answer
from teachback.questions.announcements import Announcements, announcements
from teachback.questions.conclusions import Inference
from teachback.questions.cutting import without_announced, without_chatter, without_sentence
from teachback.questions.inferred_choices import infer_choice
from teachback.questions.inferred_numbers import infer_number
from teachback.questions.inferred_texts import infer_text
from teachback.questions.inferred_verdicts import infer_yes_no
from teachback.questions.sentences import sentences
from teachback.questions.wordings import WORDINGS
from teachback.questions.written_numbers import find_numbers
from teachback.records import Example

ALL = announcements(tuple(WORDINGS))
EN = announcements()
FILES = sorted((Path(__file__).parent / "replies").glob("*.jsonl"))


def inferred(example: Example, text: str, found: Announcements) -> Inference | None:
    if example.kind == "number":
        return infer_number(example.question, text, found)
    if example.kind == "yes-no":
        return infer_yes_no(example.question, text, found)
    if example.kind == "text":
        return infer_text(example.question, text, found)
    return infer_choice(
        example.question, text, example.choices, found, lettered=example.kind != "label"
    )


def stated(example: Example, statement: str, found: Announcements) -> tuple[str | None, int]:
    """An announced answer and where it ends."""
    if example.kind == "number":
        numbers = find_numbers(statement)
        return (numbers[0].value, numbers[0].end) if numbers else (None, len(statement))
    answer, end = found.verdict_at(statement) if example.kind == "yes-no" else (None, 0)
    if answer is not None:
        return answer, end
    reading = KINDS[example.kind].read(example, statement)
    return reading.answer, reading.length


def concluded(example: Example, text: str, found: Announcements) -> tuple[str | None, str, str]:
    """The answer of a reply, what read it, and the explanation that is left."""
    for span in found.announced(text):
        statement = text[span.statement : span.line_end]
        answer, length = stated(example, statement, found)
        if answer is None and found.negated(statement):
            continue
        left = without_announced(text, span.start, span.statement + length, found)
        earlier = next(found.announced(left), None)  # "**Final Answer:** \boxed{18}"
        if earlier and not left[earlier.statement :].strip():
            left = without_announced(left, earlier.start, len(left), found)
        return answer, "announced", left
    inference = inferred(example, text, found)
    if inference is not None:
        return (
            inference.answer,
            inference.by,
            without_sentence(text, inference.start, inference.end, found),
        )
    parsed = parse(example, without_chatter(text, 0, found))
    return parsed.answer, "last line" if parsed.answer else "nothing", parsed.explanation


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def example_of(row: dict[str, Any]) -> Example:
    choices = tuple(row.get("choices", ()))
    return Example("r", row["question"], row["answer"], row["kind"], choices)


def test_the_labelled_replies_are_many_and_half_are_wrong() -> None:
    rows = [row for path in FILES for row in rows_of(path)]
    assert len(rows) >= 300
    assert {row["kind"] for row in rows} == {"number", "text", "multiple-choice", "yes-no"}
    assert 0.4 < sum(row["right"] for row in rows) / len(rows) < 0.6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_right_chains_are_read_right_and_wrong_ones_are_not(path: Path) -> None:
    counts: Counter[tuple[bool, bool]] = Counter()
    missed = []
    for row in rows_of(path):
        example = example_of(row)
        answer, by, _ = concluded(example, row["text"], ALL)
        read = same_answer(example, answer)
        counts[row["right"], read] += 1
        if read != row["right"]:
            missed.append((row["answer"], answer, by, row["text"][-120:]))
    right, wrong = (
        sum(n for (is_right, _), n in counts.items() if is_right is r) for r in (True, False)
    )
    assert counts[True, True] >= 0.95 * right, missed
    assert counts[False, True] <= 0.01 * wrong, missed


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_conclusion_goes_whole_and_the_steps_stay(path: Path) -> None:
    """Of the right ones that were read, at least 97% end where their steps end."""
    rows = [row for row in rows_of(path) if row["right"]]
    ends = []
    for row in rows:
        answer, _, left = concluded(example_of(row), row["text"], ALL)
        if "ends" in row and same_answer(example_of(row), answer):
            ends.append((left.endswith(row["ends"].strip()), row["ends"], left[-60:]))
    kept = sum(ended for ended, *_ in ends)
    assert kept >= 0.97 * len(ends), [end for end in ends if not end[0]]


NUMBERS = [
    ("So there is only one crate of lemons left.", "1", "number in words"),
    ("Therefore, every shelf holds 12 jars.", "12", "last number"),
    ("3 × 14 = 42", "42", "last number"),
    ("He has 3 and she has 42", "42", "last number"),
    ("So each of the 3 children gets 14 pears.", "14", "last number"),
    ("So there are 14 pears for the 3 children.", "14", "last number"),
    ("So it is $1,250.50.", "1250.5", "last number"),
    ("So it is 2 million.\n\nI hope this helps!", "2000000", "last number"),
    ("So it is 14. Check: 14 × 3 = 42.", "14", "last number"),
    ("So it is forty-two.", "42", "number in words"),
    ("So it takes 1 hour and 30 minutes.", None, None),
    ("So it is 3 or 4.", None, None),
    ("So it is between 3 and 4.", None, None),
    ("So it is not 5.", None, None),
    ("Is it 5?", None, None),
    ("We meet at 12:30.", None, None),
    ("The code is KX-41.", None, None),
    ("One can see that it is so.", None, None),
    ("Nobody knows.", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("text", "answer", "by"), NUMBERS)
def test_the_number_that_a_text_ends_on(text: str, answer: str | None, by: str | None) -> None:
    found = infer_number("How many pears for 3 children?", text, EN)
    assert (found and found.answer, found and found.by) == (answer, by)


@pytest.mark.parametrize(
    ("text", "answer", "by"),
    [
        ('Joining the initials gives us "tbmk".', "tbmk", "quoted text"),
        ('We put "t" and "b" together, which gives "tb".', "tb", "quoted text"),
        ("Thus the code reads: KX-41", "KX-41", "text after a colon"),
        ("Therefore, tomorrow is 05/01/2021.", "05/01/2021", "text after a verb"),
        ("We look at it.\n\n**mercury**", "mercury", "quoted text"),
        ("It is liquid, so mercury.", None, None),
        ('So the code is not "KX-41".', None, None),
        ('So it is "ab" or "ba".', None, None),
        ("They talk about it for a very long time in the book.", None, None),
        ('She said "hello" to him.', None, None),
        ("Is the code KX-41?", None, None),
    ],
)
def test_the_text_that_a_text_ends_on(text: str, answer: str | None, by: str | None) -> None:
    found = infer_text("?", text, EN)
    assert (found and found.answer, found and found.by) == (answer, by)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It purrs. So it must be a cat.", "a cat"),
        ("It purrs. Thus, option B is right.", "a cat"),
        ("It purrs. **B) a cat**", "a cat"),
        ("It purrs. A cat is most likely.", "a cat"),
        ("It purrs, unlike fish. Therefore, Ann has (B).", "a cat"),
        ("It purrs. So it cannot be a dog.", None),
        ("It purrs. So it is a cat rather than a dog.", "a cat"),
        ("It purrs. So it is either a cat or fish.", None),
        ("It purrs. So it is (B) a dog.", None),
        ("We all like a pet that is a dog.", None),
        ("A pet is nice. I like B movies.", None),
        ("It purrs. So is it a cat?", None),
    ],
)
def test_the_choice_that_a_text_ends_on(text: str, answer: str | None) -> None:
    found = infer_choice("?", text, ("a dog", "a cat", "the cat's milk", "fish"), EN, lettered=True)
    assert (found and found.answer) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Birds fly. So yes, they could.", "yes"),
        ("Birds fly. Therefore, the statement is false, as all know.", "no"),
        ("**No.** A whale has lungs. It comes up for air.", "no"),
        ("Yes, it does. That is known. So no, it does not.", None),
        ("Yes, there were no more than two of them", None),
        ("Some say yes. Others say no.", None),
        ("There was no answer. Yes men abound.", None),
        ("So no one came.", None),
    ],
)
def test_the_verdict_that_a_text_ends_on(text: str, answer: str | None) -> None:
    found = infer_yes_no("?", text, EN)
    assert (found and found.answer) == answer


def test_the_sentence_goes_and_what_follows_it_stays() -> None:
    text = "Six by three. So it is 18 jars. We can check: 18 = 18.\n\nI hope this helps!"
    found = infer_number("?", text, EN)
    assert found is not None
    assert text[found.start : found.end] == "So it is 18 jars."
    assert (
        without_sentence(text, found.start, found.end, EN) == "Six by three. We can check: 18 = 18."
    )
    alone = "Each shelf holds 6 of them, so it is 18 jars."
    found = infer_number("?", alone, EN)
    assert found is not None
    assert without_sentence(alone, found.start, found.end, EN) == "Each shelf holds 6 of them"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("It is six. The answer is 18 dollars.", "It is six."),
        ("It is six.\nThe answer is $18 per hour.", "It is six."),
        ("It is six.\nThe answer is 18%.", "It is six."),
        ("It is $6$.\n\n\\[\n\\boxed{18}\n\\]", "It is $6$."),
        ("It is six.\n\n**Final Answer:** \\(\\boxed{18\\text{ jars}}\\)", "It is six."),
        ("It is six.\nThe answer is 18.\n\nI hope this helps!", "It is six."),
        ("It is six.\nTherefore, among A through E, the answer is 18.", "It is six."),
        ("It is six. So $x = \\boxed{18}$.", "It is six."),
        ("It is six, so the answer is 18 jars.", "It is six"),
        ("The answer is 18 jars. Each of three holds six.", "Each of three holds six."),
        ("The answer is 18, i.e. six by three. It holds.", "It holds."),
        ("The answer is 18 because three hold six each.", "because three hold six each."),
        ("Answer: 18 St. Louis buses. Six by three.", "Six by three."),
        ("三个六。答案是18个。", "三个六。"),
        ("If you have 3 of 6, it is six.\nThe answer is 18.", "If you have 3 of 6, it is six."),
    ],
)
def test_the_concluding_sentence_goes_whole(text: str, left: str) -> None:
    example = Example("n", "How many?", "18", "number")
    assert concluded(example, text, ALL)[::2] == ("18", left)


# What is read of released replies in which nothing is announced:
# file → (how many, right, wrong, none).
UNANNOUNCED = {
    "obqa/gpt-4o.cote": (3, 0, 0, 3),
    "shuffled/gpt-3.5-turbo.cote": (214, 207, 0, 7),
    "strategyqa/gemini-1.5-flash.rp": (2, 0, 1, 1),
}


@pytest.mark.parametrize("name", UNANNOUNCED)
def test_released_replies_that_announce_nothing(name: str, shared_data: Path) -> None:
    task, file = name.split("/")
    rows = {row["id"]: row for row in rows_of(shared_data / task / "train.jsonl")}
    kind = "multiple-choice" if "choices" in next(iter(rows.values())) else "yes-no"
    counts: Counter[str] = Counter()
    for line in rows_of(shared_data / task / "teacher" / f"{file}.jsonl"):
        if next(EN.announced(line["text"]), None) is not None:
            continue
        row = rows[line["id"]]
        choices = tuple(row.get("choices", ()))
        answer = KINDS[kind].canonical(row["answer"], choices)
        found = inferred(Example("r", row["question"], answer, kind, choices), line["text"], EN)
        counts["none" if found is None else "right" if found.answer == answer else "wrong"] += 1
    read = (counts["right"], counts["wrong"], counts["none"])
    assert (sum(read), *read) == UNANNOUNCED[name]


@pytest.mark.parametrize("piece", ["so ", "So 5 ", '"a" ', "(A) ", "is ", "1. ", "yes, ", "ok.\n"])
def test_a_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    for kind in ("number", "text", "yes-no", "multiple-choice"):
        example = Example("r", "Q?", "a dog", kind, ("a dog", "a cat"))
        start = time.process_time()
        inferred(example, text, ALL)
        without_announced(text, 50_000, 50_010, ALL)
        assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three? Four", 4),
        ("He went to St. Louis at 3.5 miles. Then home.", 2),
        ("1. First\n2. Second", 2),
        ("An end.Another one.", 2),
        ("它是猫。它会叫！", 2),
        ("e.g. this one, i.e. that", 1),
        ("The letters are A, then K. Thus it is AK.", 2),
        ("It is J. K. Rowling.", 1),
        ("", 0),
        (" \n ", 0),
    ],
)
def test_the_sentences_of_a_text(text: str, count: int) -> None:
    spans = sentences(text)
    assert len(spans) == count
    assert all(text[begin:end].strip() == text[begin:end] != "" for begin, end in spans)
