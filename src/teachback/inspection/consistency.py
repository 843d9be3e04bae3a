"""Consistency of answer and explanation: does the answer follow what stands in the explanation?

What a student would answer after an explanation that is changed, by forward passes:

*swap*  another item's explanation stands in the place of its own; donors that gave the same answer
    and donors that gave a different one apart.
*early answering*  the answer after the first 0, 25, 50 and 75% of the explanation's words (Lanham
    et al. 2023, "Measuring faithfulness in chain-of-thought reasoning").
*a planted mistake*  a number or a statement before the last sentence is changed, and the student
    continues from there (the same).

What they can show. Swaps tell an answer that the explanation decides from one that the question
decides; whether by its steps or by the words of its conclusion, they do not tell. A planted mistake
changes the answers of those alone who go on from what stands there. Not every mistake can:
`bench.known_readers` says how many on the desk. Early answering says how far the answer waits for
the explanation and nothing of its content: a student that could answer without it and one that
never reads it look the same.

The answer is scored: the likeliest conclusion after the explanation, where the possible answers can
be listed, and otherwise what the student writes after it. It is compared with the answer that the
same way of asking gives after the unchanged explanation; after a planted mistake, with the one that
the student generated.

None of this is faithfulness. Answers that change a lot can be mere copying of what the explanation
says last (Parcalabescu and Frank 2024, "On measuring faithfulness or self-consistency of natural
language explanations"), so a student trained on permuted explanations is the floor to compare with.
Only objectives whose explanation comes before its answer can be tested.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from teachback.objectives import OBJECTIVES, explanation_target
from teachback.quality.planted_mistakes import Mistake, changed_number, turned_statement
from teachback.questions import KINDS, candidates, parse, render
from teachback.records import (
    EVERY_CONCLUSION,
    Example,
    Objective,
    Prediction,
    ReplyReading,
)
from teachback.students.endings import ending_scores, shared_length
from teachback.students.model import StudentModel
from teachback.system.progress import SILENT, Progress

EARLY = (0, 25, 50, 75)
"""Per cent of an explanation's words after which the answer is asked for."""

BATCH = 16
"""Texts that are continued at once."""

SAVE_EVERY = 2 * BATCH
"""Items of a pass after which what was measured is saved."""

_MISTAKES: Mapping[str, Callable[[str, random.Random], Mistake | None]] = {
    "mistake-number": changed_number,
    "mistake-statement": turned_statement,
}


def untestable(objective: Objective | None) -> str | None:
    """Why the consistency of an objective's answers cannot be tested; None where it can."""
    if objective is None:
        return "the objective of the student is not known"
    tasks = OBJECTIVES[objective]
    if tasks.concludes == "after":
        return None
    if not tasks.explains:
        return f"{tasks.title} does not explain"
    return (
        f"an {tasks.title} student answers without reading its explanation, so a changed "
        "explanation cannot change its answer"
    )


@dataclass(frozen=True, slots=True)
class ConsistencyItem:
    """An item whose consistency is measured: its explanation, and the answer that the student
    gave after it."""

    id: str
    example: Example
    text: str
    answer: str | None


@dataclass(slots=True)
class Consistency:
    """What has been measured so far.

    ``values``: measure → item → value. ``details``: item → measure → what was changed, what came of
    it. ``own``: item → its scored answer after the unchanged explanation. ``finished``: pass → how
    many of the items, in their order, it is done with.
    """

    values: dict[str, dict[str, float]] = field(default_factory=dict)
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    own: dict[str, str | None] = field(default_factory=dict)
    finished: dict[str, int] = field(default_factory=dict)

    def add(self, measure: str, item: str, value: bool, **said: object) -> None:
        self.values.setdefault(measure, {})[item] = float(value)
        self.details.setdefault(item, {})[measure] = said


def asked_items(
    predictions: Sequence[Prediction],
    examples: Mapping[str, Example],
    *,
    most: int | None,
    seed: int,
) -> list[ConsistencyItem]:
    """The explained ``predictions``, or a seeded sample of ``most`` of them, in their order.

    An item is drawn by its id, so that the samples of several runs have as many items in common as
    they can.
    """
    by_draw = sorted(predictions, key=lambda p: random.Random(f"inspect-{seed}-{p.id}").random())
    ids = {p.id for p in by_draw[:most]}
    drawn = [p for p in predictions if p.id in ids]
    return [
        ConsistencyItem(p.id, examples[p.id], (p.explanation or "").strip(), p.explained_answer)
        for p in drawn
    ]


def measure_consistency(
    asked: AnswersAfter,
    items: Sequence[ConsistencyItem],
    *,
    seed: int = 0,
    begun: Consistency | None = None,
    save: Callable[[Consistency], None] = lambda _: None,
    progress: Progress = SILENT,
) -> Consistency:
    """Measure the items, all with explanations of some words.

    ``begun``: what was measured of them before, which is continued; ``save`` is called after every
    `SAVE_EVERY` items of a pass.
    """
    found = begun or Consistency()
    donors = cache(partial(_donors, items, found, seed))  # known once the first pass is done
    passes: dict[str, Callable[[Sequence[ConsistencyItem]], None]] = {
        "own": partial(_answer_after_own, asked, found),
        "swap-same": partial(_swap, asked, found, donors, True),
        "swap-other": partial(_swap, asked, found, donors, False),
        **{f"early-{share}": partial(_answer_early, asked, found, share) for share in EARLY},
        **{name: partial(_plant, asked, found, name, seed) for name in _MISTAKES},
    }
    with progress.track(len(items) * len(passes), "consistency", unit="answers") as step:
        for name, measure in passes.items():
            done = found.finished.get(name, 0)
            step.advance(done)
            for begin in range(done, len(items), SAVE_EVERY):
                some = items[begin : begin + SAVE_EVERY]
                measure(some)
                found.finished[name] = begin + len(some)
                save(found)
                step.advance(len(some))
    return found


def _answer_after_own(
    asked: AnswersAfter, found: Consistency, some: Sequence[ConsistencyItem]
) -> None:
    answers = asked.answers([(one.example, one.text) for one in some])
    for one, answer in zip(some, answers, strict=True):
        found.own[one.id] = answer
        if one.answer is not None:
            found.add("read-back", one.id, _same(one.example, answer, one.answer), answer=answer)


_Donors = Callable[[bool], Mapping[str, ConsistencyItem]]
"""Whether of the same answer → item → its donor."""


def _donors(
    items: Sequence[ConsistencyItem], found: Consistency, seed: int, same: bool
) -> Mapping[str, ConsistencyItem]:
    own = [found.own[one.id] for one in items]
    return {items[i].id: items[j] for i, j in donors_of(items, own, same=same, seed=seed)}


def _swap(
    asked: AnswersAfter,
    found: Consistency,
    donors: _Donors,
    same: bool,
    some: Sequence[ConsistencyItem],
) -> None:
    measure = "swap-same" if same else "swap-other"
    pairs = [(one, donors(same)[one.id]) for one in some if one.id in donors(same)]
    answers = asked.answers([(one.example, donor.text) for one, donor in pairs])
    for (one, donor), answer in zip(pairs, answers, strict=True):
        changed = not _same(one.example, answer, found.own[one.id])
        found.add(measure, one.id, changed, donor=donor.id, answer=answer)
        if not same:
            found.add("swap-follows", one.id, _same(one.example, answer, found.own[donor.id]))


def donors_of(
    items: Sequence[ConsistencyItem], answers: Sequence[str | None], *, same: bool, seed: int
) -> list[tuple[int, int]]:
    """(item, donor) for every item that has one: a seeded draw among the items of other groups
    and other explanations that were answered the same, or else.

    Only an item whose answer the donor could have given has one: with choices of its own, that is
    one that lists the donor's answer.
    """
    given = _numbers(answers)
    texts = _numbers([tuple(one.text.split()) for one in items])
    groups = _numbers([one.example.group for one in items])
    numbers = dict(zip(answers, given, strict=True))
    known = [answer for answer in numbers if answer is not None]

    def wanted(example: Example, own: str, among: Iterable[str]) -> NDArray[np.bool_]:
        """By the number of an answer, whether a donor may have given it."""
        found = np.zeros(len(numbers), dtype=np.bool_)
        for answer in among:
            if answer in numbers and _same(example, own, answer) is same:
                found[numbers[answer]] = True
        return found

    of_any = cache(lambda own: wanted(items[0].example, own, known))  # where none are listed
    pairs = []
    for i, (one, own) in enumerate(zip(items, answers, strict=True)):
        if own is None:
            continue
        listed = candidates(one.example)
        fitting = wanted(one.example, own, listed) if listed else of_any(own)
        possible = fitting[given] & (texts != texts[i])
        if one.example.group is not None:
            possible &= groups != groups[i]
        places = np.flatnonzero(possible)
        if len(places):
            drawn = random.Random(f"swap-{seed}-{same}-{one.id}").randrange(len(places))
            pairs.append((i, int(places[drawn])))
    return pairs


def _numbers(values: Sequence[Hashable]) -> NDArray[np.int64]:
    """A number for each value, from 0, the same for values that are the same."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)


def _answer_early(
    asked: AnswersAfter, found: Consistency, share: int, some: Sequence[ConsistencyItem]
) -> None:
    cut = [(one.example, first_words(one.text, share)) for one in some]
    for one, answer in zip(some, asked.answers(cut), strict=True):
        own = found.own[one.id]
        if own is not None:
            same = _same(one.example, answer, own)
            found.add(f"early-{share}", one.id, same, answer=answer)


def first_words(text: str, share: int) -> str:
    """The first ``share`` per cent of the words of ``text``, rounded down."""
    words = text.split()
    return " ".join(words[: len(words) * share // 100])


def _plant(
    asked: AnswersAfter,
    found: Consistency,
    measure: str,
    seed: int,
    some: Sequence[ConsistencyItem],
) -> None:
    planted = []
    for one in some:
        mistake = _MISTAKES[measure](one.text, random.Random(f"{measure}-{seed}-{one.id}"))
        if mistake is not None and one.answer is not None:
            planted.append((one, mistake))
    texts = asked.continued([(one.example, mistake.begun) for one, mistake in planted])
    for (one, mistake), text in zip(planted, texts, strict=True):
        answer = asked.read(one.example, text)
        found.add(f"{measure}-unparsed", one.id, answer is None)
        if answer is not None:
            changed = not _same(one.example, answer, one.answer)
            said = {"was": mistake.was, "now": mistake.now, "text": text, "answer": answer}
            found.add(measure, one.id, changed, **said)


def _same(example: Example, left: str | None, right: str | None) -> bool:
    return left is not None and right is not None and KINDS[example.kind].same(left, right)


# ---------------------------------------------------------------------- asking the student


class AnswersAfter(Protocol):
    """What answers questions after explanations that it is given."""

    def answers(self, given: Sequence[tuple[Example, str]]) -> list[str | None]:
        """What it answers to each question after the explanation given for it."""

    def continued(self, begun: Sequence[tuple[Example, str]]) -> list[str]:
        """Each explanation that is begun, with all that it continues it by."""

    def read(self, example: Example, text: str) -> str | None:
        """The conclusion of an explanation; None where it comes to none."""


@dataclass(frozen=True, slots=True)
class StudentAfter:
    """A student that is asked for its answer after an explanation that it is given. ``reading``:
    which conclusions of what it continues count."""

    student: StudentModel
    reading: ReplyReading = EVERY_CONCLUSION

    def answers(self, given: Sequence[tuple[Example, str]]) -> list[str | None]:
        """See `AnswersAfter`; scored where the possible answers can be listed."""
        listed = [i for i, (example, _) in enumerate(given) if len(candidates(example)) > 1]
        targets = [self._conclusions(*given[i]) for i in listed]
        sources = [render(given[i][0]) for i in listed]
        answers: dict[int, str | None] = {}
        for i, scores in zip(listed, ending_scores(self.student, sources, targets), strict=True):
            answers[i] = candidates(given[i][0])[scores.index(max(scores))]
        others = [i for i in range(len(given)) if i not in answers]
        begun = [(given[i][0], self._up_to_answer(*given[i])) for i in others]
        for i, text in zip(others, self.continued(begun), strict=True):
            answers[i] = self.read(given[i][0], text)
        return [answers[i] for i in range(len(given))]

    def continued(self, begun: Sequence[tuple[Example, str]]) -> list[str]:
        """See `AnswersAfter`; `BATCH` at a time."""
        texts: list[str] = []
        limit = self.student.card.explanation_limit
        for begin in range(0, len(begun), BATCH):
            part = begun[begin : begin + BATCH]
            sources = [render(example) for example, _ in part]
            own = [text for _, text in part]
            done = self.student.generate(sources, "explanation", limit, own)
            texts += [one.text for one in done]
        return texts

    def read(self, example: Example, text: str) -> str | None:
        """See `AnswersAfter`."""
        return parse(example, text, reading=self.reading).answer

    def _conclusions(self, example: Example, text: str) -> list[str]:
        """The explanation with each possible conclusion, as it was trained to be written."""
        return [
            self._target(replace(example, answer=answer), text) for answer in candidates(example)
        ]

    def _target(self, example: Example, text: str) -> str:
        card = self.student.card
        target = explanation_target(example, text, card.objective or "mt-cot", card.answer_format)
        return target.removeprefix(". ")  # of an explanation without words

    def _up_to_answer(self, example: Example, text: str) -> str:
        """The explanation and its conclusion as far as it is the same for every answer."""
        one, other = (self._target(replace(example, answer=a), text) for a in ("1", "2"))
        return one[: shared_length([one, other])].rstrip()
