"""Selection: what is kept, why the rest is not, and that the table adds up."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from teachback.errors import DataError
from teachback.explaining.counts import summarise
from teachback.explaining.selection import (
    Choose,
    ExplanationKind,
    NotAsked,
    ReplyLookup,
    Selection,
    SelectionRules,
    decide,
    is_kept,
    select,
)
from teachback.objectives import permute
from teachback.questions import KINDS
from teachback.records import (
    Completion,
    Example,
    Explanation,
    Rejection,
    RejectionReason,
    Strategy,
)

CHOICES = ("a saw", "a hammer", "a sieve")
EXAMPLES = [
    Example(f"e{i}", f"Which tool ({i})?", CHOICES[i % 3], "multiple-choice", CHOICES)
    for i in range(6)
]
FIRST = EXAMPLES[0]
YES = Example("y", "Is it?", "yes", "yes-no")

RIGHT = "It has teeth. The answer is (A)."
WRONG = "It has a head. The answer is (B)."
REFUSED = Completion("I cannot help with that.", finish_reason="refused")
FAILED = Completion("", finish_reason="failed", error="no line")
CUT = Completion("It has teeth. The answer is (A", finish_reason="length")


def reply(text: str | Completion) -> Completion:
    return text if isinstance(text, Completion) else Completion(text)


def verdict(
    strategy: ExplanationKind, text: str | Completion, example: Example = FIRST, **rules: object
) -> str:
    outcome = decide(example, strategy, 0, "t", reply(text), SelectionRules(**rules))  # type: ignore[arg-type]
    return outcome.reason if isinstance(outcome, Rejection) else "kept"


@pytest.mark.parametrize(
    ("strategy", "text", "expected"),
    [
        ("cote", RIGHT, "kept"),
        ("cote", WRONG, "wrong-answer"),
        ("cote", "It has teeth.", "unparsed"),
        ("cote", "It has teeth. The answer is none of these.", "unparsed"),
        ("cote", "It has teeth. The answer is (A) a hammer.", "unparsed"),
        ("cote", "The answer is (A) a saw.", "restates-label"),
        ("cote", "So the correct answer is A. The answer is (A) a saw.", "restates-label"),
        ("cote", " \n", "empty"),
        ("cote", REFUSED, "refused"),
        ("cote", FAILED, "failed"),
        ("cote", CUT, "truncated"),
        ("cote", "teeth " * 401 + "The answer is (A).", "too-long"),
        ("cote", "teeth " * 400 + "The answer is (A).", "kept"),
        # Nobody gave COTE an answer, so it cannot leak one.
        ("cote", "The given label on the tin shows teeth. The answer is (A).", "kept"),
        ("rp", "It has teeth.", "kept"),
        ("rp", RIGHT, "kept"),
        ("rp", WRONG, "wrong-answer"),
        ("rp", "It has teeth. The answer is none of these.", "unparsed"),
        ("rp", "", "empty"),
        ("rp", "A saw.", "restates-label"),
        ("rp", FAILED, "failed"),
        ("rp", REFUSED, "refused"),
        ("rp", CUT, "truncated"),
    ],
)
def test_the_verdict_on_one_completion(
    strategy: ExplanationKind, text: str | Completion, expected: str
) -> None:
    assert verdict(strategy, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "It has teeth, but since the given answer is A we take it.",
        "However, the provided answer is (A), so it must have teeth.",
        "Given the answer is A, it has teeth.",
        "Given that the correct answer is A, it has teeth.",
        "It has teeth. However, the answer provided is A.",
        "It has no teeth. But the answer is given as A.",
        "We were told that the answer is a saw, and it has teeth.",
        "According to the correct answer it has teeth.",
        "This is consistent with the stated answer.",
    ],
)
def test_an_rp_text_that_speaks_of_being_told_is_a_leak(text: str) -> None:
    assert verdict("rp", f"{text} The answer is (A).") == "leak"
    assert verdict("rp", f"{text} The answer is (A).", leak_check=False) == "kept"


@pytest.mark.parametrize(
    "text",
    [
        "Evaluate the given answer choices: only one has teeth.",
        "Given the answer choices, only one has teeth.",
        "Among the given options one has teeth.",
        "The answer given by most carpenters has teeth.",
        "She has given a label to each tool with teeth.",
        "The correct answer must have teeth.",
        "It is given that wood is hard and needs teeth.",
    ],
)
def test_what_only_resembles_a_leak_is_kept(text: str) -> None:
    assert verdict("rp", f"{text} The answer is (A).") == "kept"


def test_the_papers_plain_rule_keeps_an_rp_text_whatever_it_concludes() -> None:
    assert verdict("rp", WRONG, rp_check=False) == "kept"
    assert verdict("rp", "It cuts. The answer is none of these.", rp_check=False) == "kept"
    assert verdict("cote", WRONG, rp_check=False) == "wrong-answer"


def test_what_is_kept_is_without_its_conclusion_and_what_is_not_is_whole() -> None:
    kept = decide(FIRST, "cote", 2, "t", reply(RIGHT))
    assert kept == Explanation("e0", "cote", 2, "t", "It has teeth.", "a saw")
    dropped = decide(FIRST, "rp", 1, "t", reply(WRONG))
    assert dropped == Rejection("e0", "rp", 1, "t", WRONG, "a hammer", "wrong-answer")


def test_two_equal_conclusions_both_go() -> None:
    kept = decide(FIRST, "cote", 0, "t", reply("It cuts. So the answer is A. The answer is (A)."))
    assert isinstance(kept, Explanation)
    assert kept.text == "It cuts."


# (id, strategy) → the samples in the store; a sample that is not there was not asked.
Stored = dict[tuple[str, ExplanationKind], list[str | Completion]]


def from_store(stored: Stored) -> ReplyLookup:
    def lookup(example: Example, asked: ExplanationKind, sample: int) -> Completion | None:
        samples = stored.get((example.id, asked), [])
        return reply(samples[sample]) if sample < len(samples) else None

    return lookup


def says(example: Example, why: str = "It has teeth") -> str:
    return f"{why}. The answer is {example.answer}."


STORED: Stored = {
    ("e0", "cote"): [RIGHT, RIGHT, "It cuts wood. The answer is A."],
    ("e1", "cote"): ["It is a saw. The answer is (A).", "Hm.", ""],
    ("e1", "rp"): [says(EXAMPLES[1], "It drives nails"), WRONG, FAILED],
    ("e2", "cote"): [FAILED, REFUSED, CUT],
    ("e2", "rp"): ["The given answer is C. The answer is C.", "", "A sieve."],
    ("e3", "cote"): [WRONG, WRONG, RIGHT],
    ("e3", "rp"): [RIGHT, RIGHT, RIGHT],
    ("e4", "cote"): [RIGHT],
    ("e4", "rp"): [WRONG, says(EXAMPLES[4], "It drives nails")],
}
"""e0 right; e1 by RP; e2 nothing; e3 right once of three; e4 partly asked; e5 not at all."""


def units(selection: Selection) -> list[tuple[str, str, int]]:
    return [(o.id, o.strategy, o.sample) for o in selection.explanations + selection.rejections]


@pytest.mark.parametrize("strategy", get_args(Strategy))
@pytest.mark.parametrize("choose", get_args(Choose))
@pytest.mark.parametrize("samples", [1, 2, 3])
@pytest.mark.parametrize("rp_check", [True, False])
def test_asked_is_kept_plus_rejected(
    strategy: Strategy, choose: Choose, samples: int, rp_check: bool
) -> None:
    rules = SelectionRules(choose=choose, rp_check=rp_check)
    asked: list[tuple[str, str, int]] = []
    missing: list[NotAsked] = []
    lookup = from_store(STORED)

    def watched(example: Example, kind: ExplanationKind, sample: int) -> Completion | None:
        completion = lookup(example, kind, sample)
        if completion is None:
            missing.append(NotAsked(example.id, kind, sample))
        else:
            asked.append((example.id, kind, sample))
        return completion

    selection = select(
        EXAMPLES, watched, strategy=strategy, teacher="t", samples=samples, rules=rules
    )
    # Every request that was there has one outcome, and only one.
    assert sorted(units(selection)) == sorted(asked)
    assert len(set(asked)) == len(asked)
    assert list(selection.not_asked) == missing
    summary = summarise(EXAMPLES, selection, strategy)
    assert summary.asked == len(asked) == summary.kept + sum(summary.rejected.values())
    assert sum(sum(c.values()) for c in summary.per_strategy.values()) == summary.asked
    assert summary.not_asked == len(missing)
    assert set(summary.rejected) <= set(get_args(RejectionReason))
    explained = {e.id for e in selection.explanations}
    assert summary.explained_examples == len(explained)
    assert sum(kept for kept, _ in summary.yield_per_label.values()) == len(explained)
    assert sum(total for _, total in summary.yield_per_label.values()) == len(EXAMPLES)
    if choose != "all":
        assert len(explained) == summary.kept


def test_crop_asks_rp_only_where_cote_was_rejected() -> None:
    selection = select(EXAMPLES, from_store(STORED), strategy="crop", teacher="t", samples=3)
    rp = {id_ for id_, strategy, _ in units(selection) if strategy == "rp"}
    # e4's and e5's COTE is not complete: whether they need RP is not known yet.
    assert rp == {"e1", "e2"}
    assert {(e.id, e.strategy) for e in selection.explanations} == {
        ("e0", "cote"),
        ("e1", "rp"),
        ("e3", "cote"),
    }
    assert Counter(n.id for n in selection.not_asked) == {"e4": 2, "e5": 3}
    assert {n.strategy for n in selection.not_asked} == {"cote"}


def test_crop_lists_an_rp_that_is_missing_outside_the_sum() -> None:
    stored: Stored = {("e0", "cote"): [WRONG], ("e1", "cote"): [WRONG]}
    selection = select(EXAMPLES[:2], from_store(stored), strategy="crop", teacher="t")
    assert selection.not_asked == (NotAsked("e0", "rp", 0),)
    summary = summarise(EXAMPLES[:2], selection, "crop")
    assert (summary.asked, summary.kept, summary.rejected) == (2, 1, {"wrong-answer": 1})
    assert summary.not_asked == 1


def test_is_kept_is_what_crops_second_round_turns_on() -> None:
    assert is_kept(FIRST, [reply(RIGHT)])
    assert not is_kept(FIRST, [reply(WRONG)])
    assert not is_kept(FIRST, [reply(RIGHT)], SelectionRules(max_words=2))


LONG, SHORT = says(FIRST, "It has a long row of teeth"), says(FIRST, "It cuts")


@pytest.mark.parametrize(
    ("choose", "samples", "kept", "reasons"),
    [
        ("first", [LONG, SHORT], [0], ["not-chosen"]),
        ("first", [WRONG, SHORT, LONG], [1], ["wrong-answer", "not-chosen"]),
        ("all", [LONG, SHORT], [0, 1], []),
        ("all", [LONG, f"  {LONG}\n", SHORT], [0, 2], ["duplicate"]),
        ("first", [LONG, LONG], [0], ["duplicate"]),
        ("shortest", [LONG, SHORT], [1], ["not-chosen"]),
        ("shortest", [SHORT, LONG], [0], ["not-chosen"]),
        ("agreed", [LONG, WRONG, SHORT], [0], ["wrong-answer", "not-chosen"]),
        ("agreed", [LONG, WRONG, WRONG], [], ["not-chosen", "wrong-answer", "wrong-answer"]),
        ("agreed", [WRONG, LONG], [1], ["wrong-answer"]),
        ("agreed", [LONG, "Hm.", ""], [0], ["unparsed", "empty"]),
        # Of two chains with the same text, one votes as much as the other.
        ("agreed", [LONG, LONG, WRONG], [0], ["duplicate", "wrong-answer"]),
    ],
)
def test_choosing_among_several_samples(
    choose: Choose, samples: list[str | Completion], kept: list[int], reasons: list[str]
) -> None:
    selection = select(
        [FIRST],
        from_store({("e0", "cote"): samples}),
        strategy="cote",
        teacher="t",
        samples=len(samples),
        rules=SelectionRules(choose=choose),
    )
    assert [e.sample for e in selection.explanations] == kept
    assert sorted(r.reason for r in selection.rejections) == sorted(reasons)


CAPITAL = Example("c", "What is the capital of France?", "Paris", "text")


@pytest.mark.parametrize(
    ("answers", "kept"),
    [
        # Three replies, two of them for London: its spellings are one answer.
        (["London", "london", "Paris"], False),
        (["London", "London", "Paris"], False),
        (["the London", "Rome", "paris", "Paris"], True),
        (["London", "Paris"], True),
        # What was cut off or declined is nobody's last word.
        ([Completion("It is big. The answer is London.", "length")] * 2 + ["Paris"], True),
        ([Completion("It is big. The answer is London.", "refused")] * 2 + ["Paris"], True),
        ([Completion("It is big. The answer is Paris.", "length"), "London", "Paris"], True),
    ],
)
def test_finished_replies_vote_for_answers_whatever_their_spelling(
    answers: list[str | Completion], kept: bool
) -> None:
    completions = [
        answer
        if isinstance(answer, Completion)
        else reply(f"Chain {n} names the Seine. The answer is {answer}.")
        for n, answer in enumerate(answers)
    ]
    rules = SelectionRules(choose="agreed")
    assert is_kept(CAPITAL, completions, rules) is kept
    selection = select(
        [CAPITAL],
        from_store({("c", "cote"): list(completions)}),
        strategy="cote",
        teacher="t",
        samples=len(completions),
        rules=rules,
    )
    assert bool(selection.explanations) is kept


def test_the_summary_by_label_and_its_agreement() -> None:
    selection = select(EXAMPLES, from_store(STORED), strategy="crop", teacher="t", samples=3)
    summary = summarise(EXAMPLES, selection, "crop")
    # Gold is A for e0 and e3, B for e1 and e4, C for e2 and e5.
    assert summary.yield_per_label == {"A": (2, 2), "B": (1, 2), "C": (0, 2)}
    # COTE replies: e0 3 right of 3, e1 0 of 3, e2 0 of 1 (the cut one), e3 1 of 3, e4 0 of 1.
    assert summary.agreement == (4, 11)
    # RP replies: e1 2 (both say B, which is gold), e2 3 (none contradicts).
    assert summary.rp_contradictions == (0, 5)


def test_labels_of_other_kinds() -> None:
    yes_no = [YES, replace(YES, id="z", answer="no")]
    selection = select(
        yes_no,
        from_store({("y", "rp"): ["Birds fly."], ("z", "rp"): ["They do not. The answer is yes."]}),
        strategy="rp",
        teacher="t",
    )
    summary = summarise(yes_no, selection, "rp")
    assert summary.yield_per_label == {"no": (0, 1), "yes": (1, 1)}
    assert summary.rp_contradictions == (1, 2)
    number = [Example("n", "How many?", "5", "number")]
    assert summarise(number, Selection((), (), ()), "cote").yield_per_label == {}


def explained(*counts: int) -> list[Explanation]:
    return [
        Explanation(f"e{i}", "cote", sample, "t", f"text {i}.{sample}", "x")
        for i, count in enumerate(counts)
        for sample in range(count)
    ]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("counts", [(1, 1), (1, 1, 1), (3, 1, 2), (1,) * 50])
def test_permuted_explanations_are_all_elsewhere(seed: int, counts: tuple[int, ...]) -> None:
    own = explained(*counts)
    moved = permute(own, seed)
    assert sorted(e.text for e in moved) == sorted(e.text for e in own)
    assert {e.id for e in moved} == {e.id for e in own}
    sources: dict[str, set[str]] = {}
    for explanation in moved:
        sources.setdefault(explanation.id, set()).add(explanation.text.split()[1].split(".")[0])
    # Several explanations of one example stay together, at another one.
    assert all(len(source) == 1 for source in sources.values())
    assert all(f"e{source.pop()}" != id_ for id_, source in sources.items())
    assert permute(list(reversed(own)), seed) != own
    assert permute(own, seed) == moved


def test_permuting_depends_on_the_seed_and_not_on_the_order() -> None:
    own = explained(*(1,) * 30)
    assert permute(own, 1) != permute(own, 2)
    assert permute(own[::-1], 1) == permute(own, 1)


def test_one_example_cannot_be_permuted() -> None:
    with pytest.raises(DataError, match="only example 'e0' has an explanation"):
        permute(explained(2), 0)
    assert permute([], 0) == []


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_obqa_adds_up(shared_data: Path) -> None:
    """All released gpt-4o outputs for OBQA; the figures are those that bench/ reports."""
    folder = shared_data / "obqa"
    examples = []
    for row in rows_of(folder / "train.jsonl"):
        choices = tuple(row["choices"])
        answer = KINDS["multiple-choice"].canonical(row["answer"], choices)
        examples.append(Example(row["id"], row["question"], answer, "multiple-choice", choices))
    stored: Stored = {}
    for asked in get_args(ExplanationKind):
        for row in rows_of(folder / "teacher" / f"gpt-4o.{asked}.jsonl"):
            stored.setdefault((row["id"], asked), []).append(row["text"])
    lookup = from_store(stored)
    table = {}
    for strategy in get_args(Strategy):
        selection = select(examples, lookup, strategy=strategy, teacher="gpt-4o")
        summary = summarise(examples, selection, strategy)
        assert summary.asked == summary.kept + sum(summary.rejected.values())
        table[strategy] = (summary.asked, summary.kept, summary.not_asked)
    # obqa-01977 has no COTE line: not asked, and CROP does not know whether it needs RP.
    assert table == {"cote": (4448, 4140, 1), "rp": (4448, 4422, 1), "crop": (4756, 4430, 1)}


def test_thinking_is_left_out_unless_asked_for() -> None:
    thought = replace(reply(RIGHT), thinking="Let me see, that must be so.")
    plain = decide(FIRST, "cote", 0, "m", thought)
    asked = decide(FIRST, "cote", 0, "m", thought, SelectionRules(thinking=True))
    assert isinstance(plain, Explanation)
    assert isinstance(asked, Explanation)
    assert asked.text == f"Let me see, that must be so.\n{plain.text}"
    leaking = replace(thought, thinking="The given answer is B, so I must argue for it.")
    ended = decide(FIRST, "rp", 0, "m", leaking, SelectionRules(thinking=True))
    assert isinstance(ended, Rejection)
    assert ended.reason == "leak"
    assert isinstance(decide(FIRST, "rp", 0, "m", leaking), Explanation)
