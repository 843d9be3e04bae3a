"""What a run would take, against sums worked out by hand."""

from __future__ import annotations

import pytest

from teachback.costs import tokens
from teachback.costs.prices import Price
from teachback.exemplars import choose
from teachback.explaining.estimate import Load, RequestEstimate, estimate_requests
from teachback.explaining.selection import ExplanationKind
from teachback.records import Completion, Example, Sampling
from teachback.teachers.prompts import Prompts

PROMPTS = Prompts(sampling=Sampling(max_tokens=40))
RIGHT, WRONG = "It does.\nThe answer is yes.", "It does not.\nThe answer is no."
# All of one length, so that sums are products.
EXAMPLES = [Example(f"q{i}", f"Does {i} follow?", "yes", "yes-no") for i in range(10)]


def planned(
    replies: dict[tuple[str, str, int], Completion], samples: int = 1, prompts: Prompts = PROMPTS
) -> RequestEstimate:
    def lookup(example: Example, kind: ExplanationKind, sample: int) -> Completion | None:
        return replies.get((example.id, kind, sample))

    return estimate_requests(EXAMPLES, lookup, prompts=prompts, samples=samples)


def test_nothing_stored_by_hand() -> None:
    found = planned({}, samples=3)
    one = PROMPTS.request(EXAMPLES[0], "cote")
    about = tokens.about_in((*one.prefix, *one.messages))
    assert found.cote.requests == found.rp.requests == 30
    assert found.cote.about_in == pytest.approx(30 * about)
    assert found.cote.shared == pytest.approx(30 * tokens.about_in(one.prefix))
    assert (found.cote.most_in, found.cote.most_out) == (30 * tokens.most(one)[0], 30 * 40)
    assert found.cote.about_out == 30 * 40  # no exemplar and no reply to go by
    assert found.rp_share is None
    assert found.crop is None
    assert found.crop_least == found.cote
    assert found.crop_most == found.cote.plus(found.rp)


def test_what_is_stored_is_not_counted_and_tells_the_share() -> None:
    right = Completion(RIGHT, tokens_out=10)
    wrong = Completion(WRONG, tokens_out=20)
    replies = {("q0", "cote", 0): right, ("q1", "cote", 0): right, ("q2", "cote", 0): right}
    replies |= {("q3", "cote", 0): wrong, ("q4", "cote", 0): wrong, ("q3", "rp", 0): right}
    found = planned(replies)
    assert (found.stored, found.decided, found.backups) == (6, 5, 2)
    assert (found.cote.requests, found.rp.requests) == (5, 9)
    assert found.cote.about_out == 5 * 14  # the mean of three tens and two twenties
    assert found.rp.about_out == 9 * 10
    # q4 needs RP for sure; of the five that were not asked, two in five will.
    assert found.crop_least.requests == 6
    assert found.crop_most.requests == 11
    assert found.crop is not None
    assert found.crop.requests == pytest.approx(6 + 5 * 0.4)
    share = found.rp_share
    assert share is not None
    # Wilson's interval of 2 in 5.
    assert share == pytest.approx((0.4, 0.11762, 0.76928), abs=1e-5)


def test_a_sample_that_is_missing_leaves_the_verdict_open() -> None:
    replies = {("q0", "cote", 0): Completion(WRONG), ("q0", "cote", 1): Completion(RIGHT)}
    assert planned(replies, samples=2).decided == 1
    assert planned(replies, samples=3).decided == 0


def test_exemplars_tell_how_long_replies_are() -> None:
    prompts = Prompts(exemplars=tuple(choose(None, "yes-no")), sampling=Sampling(max_tokens=512))
    found = planned({}, prompts=prompts)
    assert 10 * 10 < found.cote.about_out < 10 * 100
    assert found.cote.shared > 0.9 * found.cote.about_in


def test_dollars_by_hand() -> None:
    load = Load(requests=2, about_in=1000, shared=600, most_in=4000, about_out=50, most_out=80)
    price = Price(input=2, output=10, cached=1, source="")
    assert load.dollars(price) == pytest.approx(2500e-6)
    assert load.dollars(price, cached=True) == pytest.approx(1900e-6)
    assert load.most_dollars(price) == pytest.approx(8800e-6)
