"""Replies that explain nothing, refuse, or speak of having been told the answer."""

from __future__ import annotations

import pytest

from teachback.explaining.counts import summarise
from teachback.explaining.selection import NOTHING_READ, Selection, SelectionRules, decide, select
from teachback.records import (
    Completion,
    Conclusions,
    Example,
    Explanation,
    Rejection,
    ReplyReading,
)

RAIN = Example("r", "Where does rain come from?", "clouds", "multiple-choice", ("clouds", "stones"))
COUNT = Example("c", "How many jars?", "12", "number")


def verdict(text: str, example: Example = RAIN) -> str:
    outcome = decide(example, "rp", 0, "t", Completion(text))
    return outcome.reason if isinstance(outcome, Rejection) else "kept"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I'm sorry, but I can't assist with that request.", "refused"),
        ("As an AI language model, I cannot provide an explanation for this.", "refused"),
        ("I cannot explain why that answer is right, because it is not right.", "refused"),
        ("Unfortunately, I am unable to say.", "refused"),
        ("Es tut mir leid, dazu kann ich nichts sagen.", "refused"),
        ("Je ne peux pas répondre.", "refused"),
        ("Lo siento, no puedo ayudar.", "refused"),
        ("你好，我无法回答这个问题。", "refused"),
        ("Извините, я не могу помочь.", "refused"),
        ("Sure! Here is the explanation:", "empty"),
        ("Okay.", "empty"),
        ("N/A", "empty"),
        ("null", "empty"),
        ("...", "empty"),
        ("<Solution Path> The answer is (A) clouds.", "empty"),
        ("(A)", "restates-label"),
        ("clouds", "restates-label"),
        ("The correct answer should be stones, since clouds are only vapour.", "wrong-answer"),
        ("The provided answer seems wrong. The answer should be (B) stones.", "wrong-answer"),
        ("Rain forms in clouds, as stated in the prompt.", "leak"),
        ("The question says the correct answer is clouds, so it comes from them.", "leak"),
        ("You told me that it is clouds, and so it is.", "leak"),
        ("Based on the answer key, it is clouds.", "leak"),
        ("Per the correct answer, rain comes from clouds.", "leak"),
        ("They gave me the correct answer, clouds, which hold water.", "leak"),
        ("It is clouds, the answer that you gave us.", "leak"),
        ("We were told that it is (A), for clouds hold water.", "leak"),
        ("We were told the final answer: rain comes from clouds.", "leak"),
        ("By the provided correct solution, rain comes from clouds.", "leak"),
        ("They gave me half of the 10 dollars.", "kept"),
        ("The sound comes from the key that is pressed.", "kept"),
        ("A cloud is no known solution of salt in water.", "kept"),
        ("According to the key on the map, clouds are grey.", "kept"),
        ("We were told that it is a square, so its sides are equal.", "kept"),
        ("Rain forms in clouds.", "kept"),
        ("Based on the answer choices, clouds hold water. The answer is (A).", "kept"),
        ("One cannot drink clouds, yet they hold water. The answer is (A).", "kept"),
        ("I can't see another way: clouds hold the water. The answer is (A) clouds.", "kept"),
    ],
)
def test_what_becomes_of_a_rationalisation(text: str, reason: str) -> None:
    assert verdict(text) == reason


def chosen(example: Example, text: str, conclusions: Conclusions) -> Selection:
    rules = SelectionRules(reading=ReplyReading(conclusions))
    return select([example], lambda *_: Completion(text), strategy="cote", teacher="t", rules=rules)


def test_a_conclusion_that_nothing_announces_counts_unless_it_must_not() -> None:
    text = "Each of 3 shelves holds 4 jars. Therefore, there are 12 jars in all."
    kept = chosen(COUNT, text, "inferred")
    (explanation,) = kept.explanations
    assert explanation == Explanation("c", "cote", 0, "t", "Each of 3 shelves holds 4 jars.", "12")
    assert kept.read_by == {"inferred: last number": 1}
    strict = chosen(COUNT, text, "announced")
    assert [each.reason for each in strict.rejections] == ["unparsed"]
    assert strict.read_by == {NOTHING_READ: 1}


def test_what_read_the_replies_is_counted_and_adds_up() -> None:
    one = summarise([COUNT], chosen(COUNT, "So it is.\nThe answer is 12 jars.", "inferred"), "cote")
    other = summarise([COUNT], chosen(COUNT, "So there are 12 jars.", "inferred"), "cote")
    assert (one + other + other).read_by == {"inferred: last number": 2, "the answer is …": 1}
