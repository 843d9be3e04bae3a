"""Prompts: what a teacher is sent, byte for byte, and what it may and may not know.

The golden files under ``golden/prompts`` hold one whole request each. After a wanted change,
write them again with ``TEACHBACK_UPDATE_GOLDEN=1 pytest tests/test_prompts.py``, and read the
difference before it is committed.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from teachback.errors import ConfigError, DataError
from teachback.exemplars import BUILTIN, builtin
from teachback.questions import parse, say_answer
from teachback.records import Example, Exemplar, Message, Request, RequestKind, Sampling
from teachback.teachers.prompts import STOP, Form, Prompts

GOLDEN = Path(__file__).parent / "golden" / "prompts"
FORMS: tuple[Form, ...] = get_args(Form)
REQUEST_KINDS: tuple[RequestKind, ...] = get_args(RequestKind)

LABELS = ("praise", "complaint", "enquiry")
EXAMPLES = {
    "multiple-choice": Example(
        id="mc-1",
        question="Which tool drives a nail into a board?",
        choices=("a saw", "a hammer", "a sieve"),
        answer="a hammer",
        kind="multiple-choice",
        context="The joiner's bench is tidy.",
    ),
    "yes-no": Example("yn-1", "Can a candle burn under water?", "no", "yes-no"),
    "number": Example("n-1", "How many legs do four spiders have together?", "32", "number"),
    "text": Example("t-1", "Which metal is liquid at room temperature?", "mercury", "text"),
    "label": Example("l-1", "The parcel came a week late.", "complaint", "label", LABELS),
}
LABEL_EXEMPLARS = (
    Exemplar(
        Example("le-1", "Lovely shop, I will be back!", "praise", "label", LABELS),
        "The writer likes the shop and means to return.",
    ),
    Exemplar(
        Example("le-2", "Do you open on Sundays?", "enquiry", "label", LABELS),
        "The writer judges nothing and wants to know something.",
    ),
)
TEXT_EXEMPLARS = (
    Exemplar(
        Example("te-1", "Who holds a ship's wheel?", "the U.S. helmsman", "text"),
        "Steering is a post of its own on board.",
    ),
    Exemplar(
        Example(
            "te-2", "Where do the roots of a tree grow?", "in the soil.", "text", context="Oaks."
        ),
        "Roots draw water and hold the trunk, and both need ground around them.\n\nHence they dig.",
    ),
)
EXEMPLARS: dict[str, tuple[Exemplar, ...]] = {
    **{name: tuple(builtin(name)) for name in BUILTIN},
    "labels": LABEL_EXEMPLARS,
    "texts": TEXT_EXEMPLARS,
}
POLICY = "Goods go back within 30 days.\nSale items do not go back."


def golden_requests() -> dict[str, Request]:
    """File name → the request it holds."""
    requests = {}
    for form in FORMS:
        for kind in REQUEST_KINDS:
            for name, exemplars in EXEMPLARS.items():
                example = EXAMPLES[exemplars[0].example.kind]
                request = Prompts(exemplars, form).request(example, kind)
                requests[f"{form}-{kind}-few-{name}.txt"] = request
            for question_kind, example in EXAMPLES.items():
                request = Prompts(form=form).request(example, kind)
                requests[f"{form}-{kind}-zero-{question_kind}.txt"] = request
            request = Prompts(form=form, instructions=POLICY).request(EXAMPLES["yes-no"], kind)
            requests[f"{form}-{kind}-instructions.txt"] = request
    return requests


def shown(request: Request) -> str:
    """A request as a page to read: each message under a line that names part and role.

    Messages stand whole and are followed by one line break; the few-shot part is on top.
    """
    sampling = request.sampling
    page = f"max_tokens {sampling.max_tokens}, stop {list(sampling.stop)}\n"
    for part, messages in (("prefix", request.prefix), ("messages", request.messages)):
        for message in messages:
            page += f"======== {part}: {message.role}\n{message.content}\n"
    return page


@pytest.mark.parametrize("name", golden_requests())
def test_golden(name: str) -> None:
    page = shown(golden_requests()[name]).encode()
    if os.environ.get("TEACHBACK_UPDATE_GOLDEN") == "1":
        GOLDEN.mkdir(parents=True, exist_ok=True)
        (GOLDEN / name).write_bytes(page)
    assert (GOLDEN / name).read_bytes() == page


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(golden_requests())


def variants(example: Example) -> list[Example]:
    """Examples of one file: other questions, contexts, groups, answers, numbers of choices."""
    many = [replace(example, id=f"v-{i}", question=f"{example.question} ({i})") for i in range(20)]
    many += [replace(example, context="Once upon a time.", group="g"), replace(example, context="")]
    if example.kind == "multiple-choice":
        many += [
            replace(example, choices=("a hammer", "x")),
            replace(example, choices=("y", "a hammer", "z", "w")),
        ]
    return many


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", REQUEST_KINDS)
@pytest.mark.parametrize("name", [*EXEMPLARS, None])
def test_the_few_shot_part_is_the_same_in_every_request(
    form: Form, kind: RequestKind, name: str | None
) -> None:
    exemplars = EXEMPLARS[name] if name else ()
    for question_kind, example in EXAMPLES.items():
        if exemplars and exemplars[0].example.kind != question_kind:
            continue
        # Each from prompts of its own, so that nothing remembered can make them equal.
        requests = [
            Prompts(exemplars, form, instructions=POLICY).request(one, kind, sample)
            for sample, one in enumerate(variants(example))
        ]
        assert len({request.prefix for request in requests}) == 1
        assert len({request.messages for request in requests}) > 1
        for request in requests:
            assert len(request.messages) == 1
            assert example.question not in "".join(m.content for m in request.prefix)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("question_kind", EXAMPLES)
def test_only_rp_knows_the_gold_answer(form: Form, question_kind: str) -> None:
    example = EXAMPLES[question_kind]
    others = {"multiple-choice": "a sieve", "yes-no": "yes", "label": "praise"}
    other = replace(example, answer=others.get(question_kind, "77"))
    prompts = Prompts(form=form)
    for kind in ("cote", "direct"):
        # Equal whatever the gold answer is: nothing of it, not even indirectly, is in there.
        assert prompts.request(example, kind) == prompts.request(other, kind)
    given, given_other = prompts.request(example, "rp"), prompts.request(other, "rp")
    assert given.given_answer
    assert given.prefix == given_other.prefix
    said = f"The correct answer is {say_answer(example, example.answer, 'both')}."
    assert said in given.messages[0].content
    assert said not in given_other.messages[0].content


def text_replies(prefix: str, kind: RequestKind) -> list[str]:
    """What a plain-completion model would have had to write, from each exemplar's cue on."""
    cue = "\nThe answer is" if kind == "direct" else "\nExplanation:"
    blocks = prefix.split("\n\nQuestion: ")[1:]
    return [block.split(cue, 1)[1].removesuffix("\n\n") for block in blocks]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", REQUEST_KINDS)
@pytest.mark.parametrize("name", EXEMPLARS)
def test_what_the_exemplars_show_reads_back(form: Form, kind: RequestKind, name: str) -> None:
    exemplars = EXEMPLARS[name]
    request = Prompts(exemplars, form).request(EXAMPLES[exemplars[0].example.kind], kind)
    if form == "text":
        replies = text_replies(request.prefix[0].content, kind)
    else:
        replies = [turn.content for turn in request.prefix if turn.role == "assistant"]
    assert len(replies) == len(exemplars)
    for exemplar, reply in zip(exemplars, replies, strict=True):
        parsed = parse(exemplar.example, reply, bare=kind == "direct")
        gold = exemplar.example.answer.removesuffix(".")
        assert parsed.answer is not None
        assert parsed.answer.removesuffix(".") == gold
        assert parsed.explanation.strip() == ("" if kind == "direct" else exemplar.explanation)


def test_chat_turns_alternate_and_end_with_the_question() -> None:
    request = Prompts(EXEMPLARS["strategyqa"]).request(EXAMPLES["yes-no"], "cote")
    roles = [message.role for message in (*request.prefix, *request.messages)]
    assert roles == ["system", *["user", "assistant"] * 7, "user"]
    assert request.messages == (Message("user", "Can a candle burn under water?"),)
    assert request.sampling == Sampling()


@pytest.mark.parametrize("shots", [0, 2])
def test_the_system_turn_folded_into_the_first_user_turn(shots: int) -> None:
    example = Example("q", "Does it fold?", "yes", "yes-no")
    exemplars = tuple(builtin("strategyqa"))[:shots]
    turn = Prompts(exemplars=exemplars).request(example, "cote")
    fold = Prompts(exemplars=exemplars, fold_system=True).request(example, "cote")
    system, first, *rest = (*turn.prefix, *turn.messages)
    folded, *others = (*fold.prefix, *fold.messages)
    assert folded == Message("user", f"{system.content}\n\n{first.content}")
    assert others == rest
    assert len(fold.prefix) == (2 * shots if shots else 0)


def test_a_text_prompt_ends_where_the_model_goes_on() -> None:
    request = Prompts(EXEMPLARS["arithmetic"], "text").request(EXAMPLES["number"], "rp", sample=3)
    (prefix,), (own,) = request.prefix, request.messages
    assert (prefix.role, own.role) == ("text", "text")
    assert prefix.content.endswith(" dollars come back.\nThe answer is 0.55.\n\n")
    assert own.content == (
        "Question: How many legs do four spiders have together?\n"
        "The correct answer is 32.\n"
        "Explanation:"
    )
    assert (request.example_id, request.kind, request.sample) == ("n-1", "rp", 3)


def test_stop_sequences_and_lengths() -> None:
    mine = Sampling(temperature=0.7, max_tokens=900, stop=("\n\n\n", STOP))
    yes_no = EXAMPLES["yes-no"]
    assert Prompts(sampling=mine).request(yes_no, "rp").sampling == mine
    assert Prompts(sampling=mine).request(yes_no, "direct").sampling == replace(mine, max_tokens=32)
    text = Prompts(form="text", sampling=mine, direct_max_tokens=4)
    stop = (STOP, "\n\n\n")
    assert text.request(yes_no, "cote").sampling == replace(mine, stop=stop)
    assert text.request(yes_no, "direct").sampling == replace(mine, stop=stop, max_tokens=4)


@pytest.mark.parametrize("name", EXEMPLARS)
@pytest.mark.parametrize("kind", REQUEST_KINDS)
def test_no_reply_shown_holds_the_stop_sequence(name: str, kind: RequestKind) -> None:
    exemplars = EXEMPLARS[name]
    request = Prompts(exemplars, "text").request(EXAMPLES[exemplars[0].example.kind], kind)
    prompt = request.prefix[0].content + request.messages[0].content
    # One for each exemplar and one for the example, and none by accident.
    assert prompt.count(STOP) == len(exemplars) + 1


def test_an_exemplar_with_the_stop_sequence_is_refused_in_text_form() -> None:
    exemplar = replace(TEXT_EXEMPLARS[0], explanation="He steers.\nQuestion: who else?")
    Prompts((exemplar,), "chat")
    with pytest.raises(DataError, match=r"'te-1' has a line that begins with 'Question:'"):
        Prompts((exemplar,), "text")


def same_question(**changes: Any) -> Example:
    first = builtin("openbookqa")[0].example
    return replace(first, **{"id": "mine", **changes})


@pytest.mark.parametrize(
    "example",
    [
        same_question(),
        same_question(question=f"  {same_question().question.upper()}. "),
        same_question(choices=tuple(reversed(same_question().choices))),
    ],
)
def test_an_example_that_is_an_exemplar_is_not_asked(example: Example) -> None:
    prompts = Prompts(EXEMPLARS["openbookqa"])
    expected = r"'mine' is also shown, solved, as exemplar 'openbookqa-exemplar-1': take it out"
    with pytest.raises(DataError, match=expected):
        prompts.check([EXAMPLES["multiple-choice"], example])
    with pytest.raises(DataError, match=expected):
        prompts.request(example, "cote")


def test_an_exemplars_id_is_not_asked_and_its_neighbours_are() -> None:
    prompts = Prompts(EXEMPLARS["openbookqa"])
    with pytest.raises(DataError, match="share the id 'openbookqa-exemplar-7'"):
        prompts.check([replace(EXAMPLES["multiple-choice"], id="openbookqa-exemplar-7")])
    prompts.check(
        [same_question(context="It is winter."), same_question(choices=("be pale and weak", "die"))]
    )


def test_exemplars_of_another_kind_are_refused() -> None:
    with pytest.raises(DataError, match="are yes-no questions and example 'n-1' is a number"):
        Prompts(EXEMPLARS["strategyqa"]).check([EXAMPLES["number"]])
    with pytest.raises(DataError, match=r"several kinds \(number, yes-no\)"):
        Prompts(EXEMPLARS["strategyqa"] + EXEMPLARS["arithmetic"])


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ConfigError, match="'poem': it must be chat or text"):
        Prompts(form="poem")  # type: ignore[arg-type]
