"""How students answer, and how what they say is counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from teachback.config import EvaluateConfig, StudentConfig
from teachback.errors import ConfigError, DataError
from teachback.evaluation import in_way, measure
from teachback.explaining.session import TeacherSetup
from teachback.records import Answer, Example, Request, Role
from teachback.students.answering import Asked, answer_questions, answers
from teachback.students.card import StudentCard
from teachback.students.generated import GeneratedText, Performed
from teachback.students.limits import generation_limit, limit_note, percentile
from teachback.students.load import load
from teachback.students.student import Student
from teachback.systems import (
    predict,
    predict_by_prompting,
    predict_majority,
    predict_untrained,
    untrained_of,
)
from teachback.teachers.prompts import Prompts
from teachback.teachers.scripted import ScriptedTeacher
from tiny import tiny_causal, tiny_t5

pytestmark = pytest.mark.usefixtures("one_thread")

PICK = Example("m", "Which melts?", "ice", "multiple-choice", ("a stone", "ice"), group="g")
DECIDE = Example("y", "Does ice melt when it is warm?", "yes", "yes-no")
COUNT = Example("n", "How many legs have two cows?", "8", "number")
NAME = Example("t", "What is frozen water?", "Ice", "text")


class Scripted:
    """A student that scores and says what it is told to; what it is asked is remembered."""

    def __init__(
        self,
        *,
        score: Callable[[str], tuple[float, int]] = lambda _: (-1.0, 1),
        say: str | Callable[[str], str] = "",
        complete: bool = True,
        **card: Any,
    ) -> None:
        self.card = StudentCard("base", **card)
        self._score, self._say, self._complete = score, say, complete
        self.scored: list[str] = []
        self.asked: list[tuple[str, str, int]] = []

    def same_tokens(self, left: str, right: str) -> bool:
        return left == right

    def perform(
        self,
        sources: Sequence[str],
        targets: Sequence[Sequence[str]],
        limits: Mapping[Role, int],
        _batch_size: int,
    ) -> Iterator[tuple[int, Performed]]:
        self.scored += [target for own in targets for target in own]
        for number, source in enumerate(sources):
            self.asked += [(source, role, limit) for role, limit in limits.items()]
            text = self._say if isinstance(self._say, str) else self._say(source)
            yield (
                number,
                Performed(
                    [self._score(target) for target in targets[number]],
                    {role: GeneratedText(text, 7, self._complete) for role in limits},
                    dict.fromkeys(limits, 0.5) | ({"answer": 0.5} if targets[number] else {}),
                ),
            )


def one(student: Any, example: Example, **options: Any) -> Any:
    ((_, answered),) = answers(student, [example], **options)
    return answered


# ------------------------------------------------------------------ the direct answer


def test_choices_are_scored_by_sum_or_by_mean() -> None:
    scores = {"a stone": (-4.0, 8), "ice": (-3.0, 2)}
    student = Scripted(score=scores.__getitem__)
    by_sum = one(student, PICK)
    assert by_sum.answer == "ice"
    assert by_sum.probabilities["ice"] == pytest.approx(1 / (1 + math.exp(-1)))
    by_mean = one(student, PICK, choice_score="mean")
    assert by_mean.answer == "a stone"  # −0.5 a token against −1.5
    assert by_mean.probabilities["a stone"] == pytest.approx(1 / (1 + math.exp(-1)))
    for answered in (by_sum, by_mean):
        assert sum(answered.probabilities.values()) == pytest.approx(1)
        assert list(answered.probabilities) == ["a stone", "ice"]


@pytest.mark.parametrize(
    ("answer_format", "said"),
    [
        ("text", ["a stone", "ice"]),
        ("letter", ["A", "B"]),
        ("both", ["(A) a stone", "(B) ice"]),
    ],
)
def test_choices_are_scored_as_they_were_trained(answer_format: Any, said: list[str]) -> None:
    student = Scripted(answer_format=answer_format)
    one(student, PICK)
    assert student.scored == said
    assert student.asked == []


def test_very_unlikely_choices_do_not_underflow() -> None:
    answered = one(Scripted(score={"yes": (-9000.0, 1), "no": (-9001.0, 1)}.__getitem__), DECIDE)
    assert answered.probabilities["yes"] == pytest.approx(1 / (1 + math.exp(-1)))


def test_scores_that_are_no_numbers_are_no_answer() -> None:
    student = Scripted(score=lambda _: (math.nan, 1))
    (prediction,), _ = predict(student, [PICK], EvaluateConfig(explain=False))
    assert prediction.answer is None
    assert prediction.unparsed
    assert not prediction.correct
    assert prediction.probabilities is None


def test_a_score_that_is_no_number_among_others_is_no_answer_either() -> None:
    student = Scripted(score={"a stone": (-1.0, 1), "ice": (math.nan, 1)}.__getitem__)
    answered = one(student, PICK)
    assert (answered.answer, answered.probabilities) == (None, None)


def test_a_choice_that_stands_twice_is_refused() -> None:
    student: Any = Scripted(kind="multiple-choice")
    with pytest.raises(DataError, match="question 2: the choice 'late' stands twice"):
        answer_questions(
            student, [Asked("Which?", ("a", "b")), Asked("Which?", ("late", "late", "ok"))]
        )


def test_answers_that_the_limit_ended_are_counted_for_students_too() -> None:
    student = Scripted(say="Well, it is", complete=False, objective="mt-cot")
    (prediction,), _ = predict(student, [replace(COUNT, answer="9")])
    assert (prediction.cut_off, prediction.explained_cut_off) == (True, True)
    found = measure([prediction], "number")
    assert (found.direct.cut_off, found.explained and found.explained.cut_off) == (1, 1)
    ended = Scripted(say="Well, it is", objective="mt-cot")
    (prediction,), _ = predict(ended, [COUNT])
    assert (prediction.cut_off, prediction.explained_cut_off) == (False, False)
    scored = Scripted(say="Well, it is", complete=False, objective="cot")
    (prediction,), _ = predict(scored, [PICK])
    assert (prediction.cut_off, prediction.explained_cut_off) == (True, True)


@pytest.mark.parametrize(
    ("example", "text", "answer", "correct"),
    [
        (COUNT, "8", "8", True),
        (COUNT, "$8.00\nand more", "8", True),
        (COUNT, "1,008", "1008", False),
        (COUNT, "eight", "8", True),
        (COUNT, "eight or nine", None, False),
        (NAME, "ice", "ice", True),
        (NAME, "", None, False),
    ],
)
def test_numbers_and_texts_are_decoded(
    example: Example, text: str, answer: str | None, correct: bool
) -> None:
    student = Scripted(say=text)
    ((prediction,), _) = predict(student, [example], EvaluateConfig(explain=False))
    assert (prediction.answer, prediction.correct) == (answer, correct)
    assert prediction.unparsed == (answer is None)
    assert prediction.probabilities is None
    assert prediction.explanation is None
    assert prediction.explained_correct is None
    assert [role for _, role, _ in student.asked] == ["answer"]
    assert student.scored == []


# ------------------------------------------------------------------ the explained answer


def explained(text: str, example: Example = DECIDE, **card: Any) -> Any:
    student = Scripted(say=text, score={"yes": (-1.0, 1), "no": (-2.0, 1)}.__getitem__, **card)
    ((prediction,), cost) = predict(student, [example])
    return prediction, cost, student


def test_mt_cot_concludes_for_itself() -> None:
    prediction, _, student = explained("It is warm. So the answer is no.", objective="mt-cot")
    assert (prediction.answer, prediction.correct) == ("yes", True)
    assert prediction.explanation == "It is warm."
    assert (prediction.explained_answer, prediction.explained_correct) == ("no", False)
    assert [role for _, role, _ in student.asked] == ["explanation"]
    assert student.asked[0][2] == 256


def test_an_unread_conclusion_is_not_right_and_is_not_the_direct_answer() -> None:
    prediction, _, _ = explained("It is warm", objective="mt-cot")
    assert prediction.correct
    assert not prediction.unparsed
    assert prediction.explained_answer is None
    assert prediction.explained_correct is False


def test_mt_re_s_explained_answer_is_the_direct_one() -> None:
    prediction, _, _ = explained("It is warm.", objective="mt-re")
    assert (prediction.answer, prediction.explained_answer) == ("yes", "yes")
    assert prediction.explained_correct is True
    assert prediction.explanation == "It is warm."


def test_cot_s_direct_answer_is_its_conclusion() -> None:
    prediction, _, student = explained("It is warm. So the answer is no.", objective="cot")
    assert (prediction.answer, prediction.explained_answer) == ("no", "no")
    assert not prediction.correct
    assert prediction.probabilities is None
    assert student.scored == []  # it was never taught an answer task
    unread, _, _ = explained("It is warm", objective="cot")
    assert unread.unparsed
    assert not unread.correct


def test_cot_explains_even_where_explanations_are_not_asked_for() -> None:
    student = Scripted(say="So. So the answer is yes.", objective="cot")
    ((prediction,), cost) = predict(student, [DECIDE], EvaluateConfig(explain=False))
    assert prediction.correct
    assert cost.explained_tokens == 7000


# ------------------------------------------------------------------ counting


def test_predictions_stand_in_the_examples_order_with_their_group() -> None:
    some = [PICK, DECIDE, Example("s", "Hm?", "yes", "yes-no")]
    predictions, _ = predict(Scripted(), some, EvaluateConfig(batch_size=1, explain=False))
    assert [p.id for p in predictions] == ["m", "y", "s"]
    assert [p.gold for p in predictions] == ["ice", "yes", "yes"]
    assert [p.group for p in predictions] == ["g", None, None]


def test_cost_is_for_a_thousand_answers() -> None:
    some = [COUNT, Example("n2", "And three?", "12", "number")]
    _, cost = predict(Scripted(say="8", complete=False), some)
    assert (cost.direct_tokens, cost.explained_tokens) == (7000, 7000)
    assert cost.unfinished == 2  # of the explanations; a cut number is unparsed or not right
    assert cost.direct_seconds >= 0
    assert cost.explained_seconds is not None
    _, direct = predict(Scripted(say="8"), some, EvaluateConfig(explain=False))
    assert (direct.explained_seconds, direct.explained_tokens) == (None, None)
    _, scored = predict(Scripted(), [DECIDE], EvaluateConfig(explain=False))
    assert scored.direct_tokens == 0


def test_a_limit_on_explanations_is_obeyed() -> None:
    student = Scripted(max_target_tokens=99)
    predict(student, [DECIDE], EvaluateConfig(max_new_tokens=5))
    predict(student, [DECIDE])
    assert [limit for _, _, limit in student.asked] == [5, 99]
    taught = Scripted(max_target_tokens=99, max_new_tokens=20, max_answer_tokens=11, say="8")
    predict(taught, [COUNT], EvaluateConfig(max_new_tokens=5))
    predict(taught, [COUNT])
    asked = [(role, limit) for _, role, limit in taught.asked]
    assert asked == [("answer", 11), ("explanation", 5), ("answer", 11), ("explanation", 20)]


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (95, 10), (99, 10), (10, 1), (11, 2)])
def test_a_percentile_is_a_length_that_occurs(percent: int, expected: int) -> None:
    assert percentile([10, *range(1, 10)], percent) == expected


def test_the_limit_is_a_quarter_and_eight_more_and_never_beyond_where_targets_are_cut() -> None:
    assert [generation_limit(n, 256) for n in (1, 4, 5, 64, 199, 300)] == [10, 13, 15, 88, 256, 256]


def test_a_line_says_where_most_explanations_are_unfinished() -> None:
    assert limit_note(25, 50, 90) is None
    told = limit_note(38, 50, 90)
    assert told is not None
    assert told.startswith("38 of 50 explanations hit the limit of 90 tokens: ")
    assert limit_note(38, 50, None) is None


# ------------------------------------------------------------------ one question


def test_one_question_is_of_the_kind_that_was_trained() -> None:
    student: Any = Scripted(kind="number", say="7")
    assert answer_questions(student, [Asked("How many?")])[0].answer == "7"
    labelled: Any = Scripted(
        kind="label", labels=("red", "blue"), score=lambda s: (-1.0 if s == "blue" else -2.0, 1)
    )
    assert answer_questions(labelled, [Asked("Which?")])[0].answer == "blue"
    with_context: Any = Scripted(kind="text", say="so")
    answer_questions(with_context, [Asked("Why?", context="Once.")])
    assert with_context.asked[0][0].startswith("Once.\n")


def test_a_multiple_choice_student_needs_choices() -> None:
    student: Any = Scripted(kind="multiple-choice")
    for choices in ((), ("one",)):
        with pytest.raises(DataError, match="two or more choices"):
            answer_questions(student, [Asked("Which?", tuple(choices))])
    with pytest.raises(DataError, match="unknown question kind 'riddle'"):
        answer_questions(Scripted(kind="riddle"), [Asked("Which?")])


@pytest.mark.parametrize("explain", [False, True])
def test_a_student_answers_in_its_own_way(explain: bool) -> None:
    card: dict[str, Any] = {"kind": "yes-no", "objective": "mt-cot"}
    text, score = "It melts. So the answer is no.", {"yes": (-1.0, 1), "no": (-2.0, 1)}.__getitem__
    explainer = Student(Scripted(say=text, score=score, way="explained", **card))  # type: ignore[arg-type]
    said = explainer.answer("Does it?", explain=explain)
    assert isinstance(said, Answer)
    assert (said.answer, said.way) == ("no", "explained")
    assert (said.direct_answer, said.explained_answer) == ("yes", "no")
    assert said.explanation == "It melts."
    assert said.probabilities == pytest.approx({"yes": 0.7310586, "no": 0.2689414})
    direct = Student(Scripted(say=text, score=score, way="direct", **card))  # type: ignore[arg-type]
    said = direct.answer("Does it?", explain=explain)
    assert (said.answer, said.way, said.direct_answer) == ("yes", "direct", "yes")
    assert said.explained_answer == ("no" if explain else None)
    assert said.explanation == ("It melts." if explain else None)


# ------------------------------------------------------------------ the other systems


def test_the_untrained_student_is_asked_directly_in_the_same_format(tmp_path: Path) -> None:
    folder = tiny_causal(tmp_path)
    config = StudentConfig(reference=str(folder), precision="fp32", answer_format="letter")
    predictions, cost = predict_untrained(config, [PICK], EvaluateConfig(explain=True))
    by_hand = load(folder, precision="fp32").with_card(answer_format="letter")
    expected, _ = predict(by_hand, [PICK], EvaluateConfig(explain=False))
    assert predictions == expected
    assert predictions[0].explanation is None
    assert cost.explained_tokens is None


def test_the_untrained_student_is_asked_within_the_same_lengths() -> None:
    card = StudentCard("base", max_source_tokens=99, max_target_tokens=17)
    asked = untrained_of(card, "fp32")
    assert (asked.max_source_tokens, asked.max_target_tokens) == (99, 17)


def test_the_untrained_student_gets_as_many_tokens_as_answers_have(tmp_path: Path) -> None:
    config = StudentConfig(reference=str(tiny_causal(tmp_path)), precision="fp32")
    # " 8" and the end are 3 tokens of this tokenizer, " 1000" and the end 6: 8 + 8 and 4 + 8.
    for train, limit in (([COUNT], 12), ([COUNT, replace(COUNT, answer="1000")], 16), ([], 48)):
        _, cost = predict_untrained(config, [COUNT, replace(COUNT, id="n2")], train=train)
        assert cost.direct_tokens == 1000 * limit  # with random weights, it never ends
    _, cost = predict_untrained(config, [COUNT], max_answer_tokens=9)
    assert cost.direct_tokens == 9000


def test_the_majority_label_is_the_train_files() -> None:
    train = [replace(DECIDE, id=str(n), answer="no" if n else "yes") for n in range(3)]
    (found,) = predict_majority(train, [DECIDE])
    assert (found.answer, found.correct) == ("no", False)


# ------------------------------------------------------------------ real students


def test_a_loaded_student_answers_as_its_card_says_and_is_saved_whole(tmp_path: Path) -> None:
    trained = load(tiny_causal(tmp_path / "base"), precision="fp32").with_card(
        way="explained", objective="mt-cot", kind="yes-no", max_target_tokens=8
    )
    trained.save(tmp_path / "student")
    student = Student.load(tmp_path / "student", precision="fp32")
    said = student.answer("Is it?")
    assert (student.card.way, said.way) == ("explained", "explained")
    assert said.explanation is not None
    assert said.answer == said.explained_answer
    assert said.direct_answer in ("yes", "no")
    student.save(tmp_path / "again")
    assert Student.load(tmp_path / "again", precision="fp32").answer("Is it?") == said


@pytest.mark.parametrize("family", ["causal", "seq2seq"])
def test_a_real_student_answers_every_kind(family: str, tmp_path: Path) -> None:
    folder = tiny_t5(tmp_path) if family == "seq2seq" else tiny_causal(tmp_path)
    student = load(folder, precision="fp32")
    several = [PICK, Example("m2", "Which is a much, much longer question?", "a", PICK.kind, "abc")]
    for some in (several, [DECIDE], [COUNT], [NAME]):
        predictions, _ = predict(student, some, EvaluateConfig(max_new_tokens=6))
        for example, prediction in zip(some, predictions, strict=True):
            assert prediction.explanation is not None
            if example.kind in ("number", "text"):
                assert prediction.probabilities is None
                continue
            shares = prediction.probabilities
            assert shares is not None
            assert sum(shares.values()) == pytest.approx(1)
            assert prediction.answer == max(shares, key=lambda choice: shares[choice])
    alone, _ = predict(student, several[:1], EvaluateConfig(explain=False))
    together, _ = predict(student, several, EvaluateConfig(explain=False))
    assert together[0].probabilities == pytest.approx(alone[0].probabilities, rel=1e-5)


# ------------------------------------------------------------------ a prompted teacher


def replies(request: Request) -> str:
    if request.kind == "direct":
        return {"m": "(B) ice", "y": "no", "n": "I cannot say"}[request.example_id]
    return "Ice melts.\nThe answer is yes."


def test_a_teacher_is_asked_both_ways_and_paid_once(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(replies)
    some = [DECIDE, Example("m", "Does snow melt?", "yes", "yes-no")]
    with TeacherSetup(teacher, Prompts()).open(tmp_path / "s.sqlite") as session:
        predictions = predict_by_prompting(session, some)
        asked = sorted((r.example_id, r.kind) for r in teacher.asked)
        assert asked == [("m", "cote"), ("m", "direct"), ("y", "cote"), ("y", "direct")]
        again = predict_by_prompting(session, some)
    assert again == predictions
    assert len(teacher.asked) == 4
    first, second = predictions
    assert (first.answer, first.correct, first.unparsed) == ("no", False, False)
    assert (first.explained_answer, first.explained_correct) == ("yes", True)
    assert first.explanation == "Ice melts."
    assert second.unparsed  # "(B) ice" is neither yes nor no
    assert second.explained_correct


def test_a_teacher_that_does_not_reply_is_unparsed(tmp_path: Path) -> None:
    with TeacherSetup(ScriptedTeacher([]), Prompts()).open(tmp_path / "s.sqlite") as session:
        (prediction,) = predict_by_prompting(session, [DECIDE])
    assert prediction.unparsed
    assert not prediction.correct
    assert prediction.explained_correct is False


def test_a_teacher_may_be_asked_directly_alone(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(replies)
    with TeacherSetup(teacher, Prompts()).open(tmp_path / "s.sqlite") as session:
        (prediction,) = predict_by_prompting(session, [COUNT], explain=False)
    assert [request.kind for request in teacher.asked] == ["direct"]
    assert prediction.unparsed
    assert prediction.explanation is None
    assert prediction.explained_correct is None


# ------------------------------------------------------------------ the adaptive way

SURE = Example("s", "Which is hard?", "a stone", "multiple-choice", ("a stone", "ice"))
UNSURE = Example("u", "Which is white?", "milk", "multiple-choice", ("tea", "milk"))
SCORES = {"a stone": (-1.0, 1), "ice": (-5.0, 1), "tea": (-1.0, 1), "milk": (-1.1, 1)}


def hesitant(**card: Any) -> Scripted:
    """Sure of the stone; its margin between tea and milk is tanh(0.05) = 0.05."""
    return Scripted(
        score=SCORES.__getitem__,
        say="Tea is brown. So the answer is milk.",
        objective="mt-cot",
        **card,
    )


def test_only_what_is_unsure_is_explained() -> None:
    student = hesitant(threshold=0.5)
    predictions, cost = predict(student, [SURE, UNSURE], EvaluateConfig(way="adaptive"))
    assert [(source.split("\n")[0], role) for source, role, _ in student.asked] == [
        ("Which is white?", "explanation")
    ]
    sure, unsure = predictions
    assert (sure.answer, sure.explanation, sure.explained_correct) == ("a stone", None, None)
    assert (unsure.answer, unsure.correct) == ("tea", False)
    assert (unsure.explained_answer, unsure.explained_correct) == ("milk", True)
    # Half a second for each task: two direct answers and one explanation of seven tokens.
    assert (cost.direct_seconds, cost.adaptive_seconds) == (500, 750)
    assert (cost.direct_tokens, cost.adaptive_tokens) == (0, 3500)
    assert cost.explained_seconds is None
    # What is explained to all anyway comes to the same, and is not asked for again.
    both, _ = predict(hesitant(threshold=0.5), [SURE, UNSURE])
    brought = [p.answer for p in in_way(both, "adaptive", threshold=0.5)]
    assert brought == [p.answer for p in in_way(predictions, "adaptive", threshold=0.5)]
    assert brought == ["a stone", "milk"]


@pytest.mark.parametrize("explain", [False, True])
def test_questions_are_answered_in_the_way_that_is_asked_for(explain: bool) -> None:
    asked = [Asked(example.question, example.choices) for example in (SURE, UNSURE)]
    expected = {
        "direct": [("a stone", "direct"), ("tea", "direct")],
        "explained": [(None, "explained"), ("milk", "explained")],
        "adaptive": [("a stone", "direct"), ("milk", "explained")],
        "chosen": [(None, "explained"), ("milk", "explained")],
    }
    for way, answered in expected.items():
        student = hesitant(threshold=0.5, way="explained", kind="multiple-choice")
        found = answer_questions(student, asked, way=way, explain=explain)  # type: ignore[arg-type]
        assert [(one.answer, one.way) for one in found] == answered
        explanations = {"direct": 0, "adaptive": 1}.get(way, 2)
        assert len(student.asked) == (2 if explain else explanations)


def test_a_student_without_a_threshold_cannot_be_asked_adaptively() -> None:
    asked = [Asked(UNSURE.question, UNSURE.choices)]
    lacking = hesitant(kind="multiple-choice")
    with pytest.raises(ConfigError, match=r"^way: this student has no threshold .* at least 200"):
        answer_questions(lacking, asked, way="adaptive")
    with pytest.raises(ConfigError, match=r"^way: this student has no threshold"):
        predict(lacking, [UNSURE], EvaluateConfig(way="adaptive"))
    unexplaining = Scripted(score=SCORES.__getitem__, objective="st", kind="multiple-choice")
    with pytest.raises(ConfigError, match=r"^way: explained needs explanations that reach an"):
        answer_questions(unexplaining, asked, way="explained")
    assert lacking.asked == unexplaining.asked == []
