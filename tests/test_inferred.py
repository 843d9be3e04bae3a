"""What replies conclude that were not asked for a form, and what is cut out of them."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from teachback.questions import KINDS, parse, same_answer
from teachback.questions.announcements import announcements
from teachback.questions.cutting import without_announced, without_sentence
from teachback.questions.inferred_choices import infer_choice
from teachback.questions.inferred_numbers import infer_number
from teachback.questions.inferred_texts import infer_text
from teachback.questions.inferred_verdicts import infer_yes_no
from teachback.questions.sentences import sentences
from teachback.questions.wordings import WORDINGS
from teachback.records import Example

ALL = announcements(tuple(WORDINGS))
EN = announcements()
# Where the parser stands on what it does not read as well as the rest (of one).
LEAST_READ = {"free-form-3": 0.89}
LEAST_WHOLE = {
    "free-form-1": 0.84,
    "free-form-2": 0.92,
    "free-form-3": 0.80,
    "free-form-4": 0.88,
    "free-form-5": 0.91,
    "multiple-choice": 0.91,
}
FILES = sorted((Path(__file__).parent / "replies").glob("*.jsonl"))


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def example_of(row: dict[str, Any]) -> Example:
    choices = tuple(row.get("choices", ()))
    return Example("r", row["question"], row["answer"], row["kind"], choices)


def test_the_labelled_replies_are_many_and_half_are_wrong() -> None:
    rows = [row for path in FILES for row in rows_of(path)]
    assert len(rows) >= 1_000
    assert {row["kind"] for row in rows} == {"number", "text", "multiple-choice", "yes-no"}
    assert 0.4 < sum(row["right"] for row in rows) / len(rows) < 0.6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_right_chains_are_read_right_and_wrong_ones_are_not(path: Path) -> None:
    counts: Counter[tuple[bool, bool]] = Counter()
    missed = []
    for row in rows_of(path):
        example = example_of(row)
        parsed = parse(example, row["text"])
        read = same_answer(example, parsed.answer)
        counts[row["right"], read] += 1
        if read != row["right"]:
            missed.append((row["answer"], parsed.answer, parsed.pattern, row["text"][-120:]))
    right, wrong = (
        sum(n for (is_right, _), n in counts.items() if is_right is r) for r in (True, False)
    )
    assert counts[True, True] >= LEAST_READ.get(path.stem, 0.95) * right, missed
    assert counts[False, True] <= 0.01 * wrong, missed


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_conclusion_goes_whole_and_the_steps_stay(path: Path) -> None:
    """Of the right ones that were read, as many as `LEAST_WHOLE` says end where their steps end."""
    rows = [row for row in rows_of(path) if row["right"]]
    ends = []
    for row in rows:
        parsed = parse(example_of(row), row["text"])
        if "ends" in row and same_answer(example_of(row), parsed.answer):
            left = parsed.explanation
            ends.append((left.endswith(row["ends"].strip()), row["ends"], left[-60:]))
    kept = sum(ended for ended, *_ in ends)
    assert kept >= LEAST_WHOLE.get(path.stem, 0.97) * len(ends), [end for end in ends if not end[0]]


COIN = "A coin is heads up. Ann does not flip the coin. Bo flips the coin. Is the coin"
FREE_FORM = [
    ("yes-no", "Is 91 a prime number?", "Since 91 = 7 × 13, it is not prime.", "no"),
    ("yes-no", "Is 97 a prime number?", "We divide. So 97 is a prime number.", "yes"),
    ("yes-no", "Is gold denser than iron?", "We weigh. Iron is denser than gold.", "no"),
    ("yes-no", "Is gold denser than iron?", "We weigh. Gold is lighter than iron.", None),
    ("yes-no", "Is gold denser than iron?", "We weigh. Perhaps gold is denser than iron.", None),
    ("yes-no", "Can fish not swim?", "We look. Fish can not swim.", None),
    ("number", "How many goats are there?", "g = 8. So there are 8 goats and 12 hens.", "8"),
    ("number", "What is the sum?", "We add.\n\n**39**", "39"),
    ("number", "How many?", "8 * 5 = **40**", "40"),
    ("number", "How many?", "It is 2 * 5", None),
    ("number", "How much?", "We get 9. But that cannot be determined.", None),
    ("number", "How much?", "They pay **$71**.\n\nHere's the breakdown:\n- 5 × $7 = $35", "71"),
    ("number", "How much?", "They pay 5.\n\nHere's the working:\nsix and two\n\n8", "8"),
    ("number", "How much?", "They pay 5.\n\nHere's the working: 6 and 2.\nSo it is 8.", "8"),
    ("number", "How much?", "We add. The answer is 8 <answer>", "8"),
    ("number", "How much?", "Sum: 9.\n\n<answer>9</answer>", "9"),
    ("number", "How many?", "She has 35. She needs 7 bags, because 7 x 5 = 35.", "7"),
    ("number", "How many?", "So there are 8 left, since 12 - 4 = 8, not 9.", "8"),
    ("number", "How fast?", "Distance over time gives us 180/3, or 60 miles per hour.", "60"),
    ("number", "How much?", "A pen costs $2. Seven pens cost $28, or twice $14.", "28"),
    ("number", "How much?", "It is 8 or 9.", None),
    ("text", "If tomorrow is Sunday, what day was yesterday?", "Yesterday was Friday.", "Friday"),
    ("text", "Join them.", 'One is "o".\nTwo is "t".\nPut together they make "ot".', "ot"),
    ("text", "Join them.", 'Ann is "n".\nBo is "o".\nThat "no" is odd.', None),
    ("yes-no", f"{COIN} still heads up?", "Bo flips it. So the coin is tails up.", "no"),
    ("yes-no", f"{COIN} still heads up?", "The coin was heads up. So it is not heads up.", "no"),
    ("yes-no", f"{COIN} still heads up?", "The coin was heads up. Bo flips it.", None),
    ("yes-no", f"{COIN} tails up?", "So the answer is that the coin is tails up.", "yes"),
    ("yes-no", "Is 14 odd?", "Half of it is 7. So 14 is even.", "no"),
    ("yes-no", "Is 14 odd?", "Half of it is 7. So 14 is not even.", None),
    ("text", "What is the symbol of tin?", "The symbol of tin is Sn. It is a metal.", "Sn"),
    ("text", "What is it?", "The last letter is **a**.\n\nResult: enost", "enost"),
    ("text", "Write 13 in binary.", "8 + 4 + 1. So it is **1101**.", "1101"),
]


@pytest.mark.parametrize(("kind", "question", "text", "answer"), FREE_FORM)
def test_what_a_reply_in_a_form_of_its_own_concludes(
    kind: str, question: str, text: str, answer: str | None
) -> None:
    assert parse(Example("f", question, "?", kind), text).answer == answer


ONLY_LOOKS_SO = [
    (
        "yes-no",
        "Can penguins fly?",
        "no",
        "Penguins are birds. Birds can fly. So penguins can fly, unless they do not have wings.",
    ),
    (
        "yes-no",
        "Can penguins fly?",
        "no",
        "Some think penguins cannot fly. They are birds and all birds fly.",
    ),
    (
        "yes-no",
        "Can penguins fly?",
        "no",
        "It is said that penguins do not fly. That is a myth.",
    ),
    (
        "yes-no",
        "Can penguins fly?",
        "no",
        "If penguins were light, they would not be unable to fly.",
    ),
    (
        "yes-no",
        "Can penguins fly?",
        "no",
        "Nobody doubts that penguins fly.",
    ),
    (
        "yes-no",
        "Can penguins fly?",
        "no",
        "There is no reason why penguins could not fly.",
    ),
    (
        "yes-no",
        "Is the Nile longer than the Rhine?",
        "yes",
        "Compare. The Rhine is shorter, no: the Nile is not longer than the Rhine.",
    ),
    (
        "yes-no",
        "Is the Nile longer than the Rhine?",
        "yes",
        "The Nile is longer than the Rhine in this drawing. On a map it is the other way round.",
    ),
    (
        "yes-no",
        "Would a stone float in water?",
        "no",
        "A stone would float in water, because it is not heavy.",
    ),
    (
        "yes-no",
        "Did Kant write novels?",
        "no",
        "Kant wrote much. It is not known whether Kant wrote novels.",
    ),
    (
        "multiple-choice",
        "Which animal is a bird?",
        "eagle",
        "The eagle is an animal. The bird here is not the eagle but the dog.",
    ),
    (
        "multiple-choice",
        "Which animal is a bird?",
        "eagle",
        "One might pick the bird that is the eagle. But that would be hasty.",
    ),
    (
        "multiple-choice",
        "Which animal is a bird?",
        "eagle",
        "An animal that is a bird is the eagle. An animal that is also a bird is the ant.",
    ),
    (
        "multiple-choice",
        "Which animal is a bird?",
        "eagle",
        "Dog, trout and ant remain, once we drop the bird, eagle",
    ),
    (
        "multiple-choice",
        "Which animal is a bird?",
        "eagle",
        "We rule out B, C, D. Actually A is out too. It's D",
    ),
    (
        "multiple-choice",
        "Which animal is a bird?",
        "eagle",
        "A dog barks. I guess that leaves nothing but doubt about the eagle",
    ),
    (
        "number",
        "How many pears are left?",
        "8",
        "He has 8 pears and gives away 3. That leaves 5, not 8.",
    ),
    (
        "number",
        "How many pears are left?",
        "8",
        "8 pears and 3 apples were there at first. Then 2 pears go, so 6 are left.",
    ),
    (
        "number",
        "How many pears are left?",
        "8",
        "So 6 are left, which is less than the 8 pears and 3 apples",
    ),
    (
        "text",
        "What is the capital of Peru?",
        "Lima",
        "The capital of Peru is said to be Lima. In fact it is Cusco.",
    ),
    (
        "text",
        "What is the capital of Peru?",
        "Lima",
        "The capital of Peru was Lima, until it moved. It is now **Cusco**.",
    ),
    (
        "text",
        "What is the capital of Peru?",
        "Lima",
        "The capital of Peru isn't Lima. I forgot the name.",
    ),
    (
        "text",
        "What is the capital of Peru?",
        "Lima",
        "**Lima** comes to mind. Still, the capital of Peru must be older, so: Cusco.",
    ),
]


@pytest.mark.parametrize(("kind", "question", "gold", "text"), ONLY_LOOKS_SO)
def test_what_only_looks_like_the_right_conclusion_is_not_read_as_it(
    kind: str, question: str, gold: str, text: str
) -> None:
    choices = ("eagle", "dog", "trout", "ant") if kind == "multiple-choice" else ()
    example = Example("f", question, gold, kind, choices)
    assert not same_answer(example, parse(example, text).answer)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<Solution Path>\nSix jars a row.\nThe answer is 18.", "Six jars a row."),
        ("It is in the DNAThe answer is 18.", "It is in the DNA"),
        ("<b> sets bold type.\nThe answer is 18.", "<b> sets bold type."),
        ("Six < 18 > 2.\nThe answer is 18.", "Six < 18 > 2."),
    ],
)
def test_what_replies_leave_around_their_steps_goes(text: str, left: str) -> None:
    assert parse(Example("n", "How many?", "18", "number"), text).explanation == left


def test_what_closes_bold_type_stays_when_the_conclusion_goes() -> None:
    example = Example("f", "Which letters?", "ka", "text")
    parsed = parse(example, "The last letter is **a**.\n- k\n- it ends in **a**\n\nAnswer: **ka**")
    assert parsed.explanation.endswith("it ends in **a**")


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
    parsed = parse(example, text)
    assert (parsed.answer, parsed.explanation) == ("18", left)


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
        example = Example("r", row["question"], answer, kind, choices)
        found = KINDS[kind].infer(example, line["text"], EN)
        counts["none" if found is None else "right" if found.answer == answer else "wrong"] += 1
    read = (counts["right"], counts["wrong"], counts["none"])
    assert (sum(read), *read) == UNANNOUNCED[name]


@pytest.mark.parametrize("piece", ["so ", "So 5 ", '"a" ', "(A) ", "is ", "1. ", "yes, ", "ok.\n"])
def test_a_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    for kind in ("number", "text", "yes-no", "multiple-choice"):
        example = Example("r", "Q?", "a dog", kind, ("a dog", "a cat"))
        start = time.process_time()
        KINDS[kind].infer(example, text, ALL)
        parse(example, text)
        without_announced(text, 50_000, 50_010, ALL)
        assert time.process_time() - start < 2


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
        ('It was "Dr. Seuss" who drew it.', 1),
        ("It was **Dr. Seuss**. He drew it.", 2),
        ('The letter is "K." Putting two together gives more.', 2),
        ("", 0),
        (" \n ", 0),
    ],
)
def test_the_sentences_of_a_text(text: str, count: int) -> None:
    spans = sentences(text)
    assert len(spans) == count
    assert all(text[begin:end].strip() == text[begin:end] != "" for begin, end in spans)
