"""How a student reads and writes: texts to tokens and rows, tokens to texts. No torch here.

A model of torch's is one that encodes (`teachback.students.model`); `CausalTokenizer` encodes for
a model that something else computes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from teachback.errors import DataError
from teachback.records import Role
from teachback.students.card import StudentCard
from teachback.students.generated import GeneratedText
from teachback.students.rows import Branch, Row

QUESTION = "Question: "
"""What stands before the question."""

MARKERS: dict[Role, str] = {"answer": "\nAnswer:", "explanation": "\nExplanation:"}


class Encoder(ABC):
    """A tokenizer, as transformers makes them, and the card that says how to use it."""

    family: Literal["causal", "seq2seq"]
    tokenizer: Any
    card: StudentCard

    @abstractmethod
    def source_ids(self, source: str, role: Role) -> tuple[int, ...]:
        """Tokens of the question as the model reads it, before any marker."""

    @abstractmethod
    def marker_ids(self, role: Role) -> tuple[int, ...]:
        """Tokens that announce the task, outside the loss."""

    @abstractmethod
    def text_ids(self, target: str) -> tuple[int, ...]:
        """Tokens of a target text, without the end token."""

    @property
    @abstractmethod
    def positions(self) -> int | None:
        """How many tokens the model can tell the order of; None where there is no such limit."""

    @property
    def end_id(self) -> int:
        return int(self.tokenizer.eos_token_id)

    @property
    def pad_id(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad) if pad is not None else self.end_id

    def branch(self, role: Role, target: str, weight: float = 1.0, removable: str = "") -> Branch:
        """A target with its marker. The end token is part of it, unless it was cut off: a
        student must not learn to stop in the middle of a sentence.

        ``removable`` stands before the target, in tokens of its own, so that the target's are
        the same with and without it; where both are too long, it loses its beginning, as it
        will in training.
        """
        limit = self.card.max_target_tokens
        ids = (*self.text_ids(target), self.end_id)[:limit]
        before = self.text_ids(removable) if removable else ()
        before = before[max(0, len(before) + len(ids) - limit) :]
        return Branch(self.marker_ids(role), (*before, *ids), weight, len(before))

    def row(self, source: str, role: Role, branches: Sequence[Branch]) -> Row:
        """A question (its end kept where it is too long: the choices stand there)."""
        ids = self.source_ids(source, role)
        limit = self.card.max_source_tokens
        if len(ids) > limit:
            ids = (*ids[:1], *ids[len(ids) - limit + 1 :])
        return Row(ids, tuple(branches))

    def scoring_row(self, source: str, role: Role, targets: Sequence[str]) -> Row:
        """A question with targets to score."""
        return self.row(source, role, [self.branch(role, target) for target in targets])

    def check_fits(self, rows: Iterable[Row], what: str) -> None:
        """Raise DataError where a target would end beyond the model's `positions`."""
        if self.positions is None:
            return
        for row in rows:
            ends = [len(b.marker) + len(b.target) for b in row.branches]
            longest = max(ends, default=0)
            # An encoder and a decoder have positions each.
            needed = (
                max(len(row.prefix), longest)
                if self.family == "seq2seq"
                else len(row.prefix) + longest
            )
            if needed > self.positions:
                raise DataError(
                    f"{what} needs {needed} tokens, and this student has positions for "
                    f"{self.positions}: lower student.max_source_tokens (now "
                    f"{self.card.max_source_tokens}) or student.max_target_tokens (now "
                    f"{self.card.max_target_tokens}), or choose a different student"
                )

    def indistinguishable(self, targets: Sequence[str]) -> tuple[str, str] | None:
        """Two of these texts that the tokenizer turns into the same tokens (letters that it does
        not know, say), so that no student could tell them apart; None where there are none."""
        seen: dict[tuple[int, ...], str] = {}
        for target in targets:
            first = seen.setdefault(self.text_ids(target), target)
            if first != target:
                return first, target
        return None

    def same_tokens(self, left: str, right: str) -> bool:
        """Whether the tokenizer turns two targets into the same tokens."""
        return self.text_ids(left) == self.text_ids(right)

    def generated(self, ids: list[int], log_probability: float | None = None) -> GeneratedText:
        """Generated tokens as text, up to the end token."""
        complete = self.end_id in ids
        if complete:
            ids = ids[: ids.index(self.end_id) + 1]
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        return GeneratedText(text.strip(), len(ids), complete, log_probability)


class CausalEncoder(Encoder):
    """``[bos]Question: …`` + marker + `` target`` + end token."""

    family = "causal"

    def source_ids(self, source: str, role: Role) -> tuple[int, ...]:
        return self.tokens(f"{QUESTION}{source}", special=True)

    def tokens(self, text: str, *, special: bool) -> tuple[int, ...]:
        """The tokens of a text; ``special``: with what the tokenizer puts before a text."""
        if not special:
            return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        ids = tuple(self.tokenizer(text)["input_ids"])
        plain = tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        # What a tokenizer appends by itself (an end token) would stand before the answer.
        return ids[: len(ids) - _appended(ids, plain)]

    def marker_ids(self, role: Role) -> tuple[int, ...]:
        return tuple(self.tokenizer(MARKERS[role], add_special_tokens=False)["input_ids"])

    def text_ids(self, target: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(f" {target}", add_special_tokens=False)["input_ids"])

    def scoring_row(self, source: str, role: Role, targets: Sequence[str]) -> Row:
        """The marker stands once, before all targets."""
        row = self.row(source, role, ())
        branches = (self.branch(role, target) for target in targets)
        return Row(
            (*row.prefix, *self.marker_ids(role)), tuple(Branch((), b.target) for b in branches)
        )


class CausalTokenizer(CausalEncoder):
    """The tokenizer and the card of a causal student whose model is none of torch's."""

    positions: int | None = None

    def __init__(self, tokenizer: Any, card: StudentCard, positions: int | None = None) -> None:
        self.tokenizer = tokenizer
        self.card = card
        self.positions = positions


def _appended(ids: Sequence[int], plain: Sequence[int]) -> int:
    """How many tokens stand behind ``plain``, a text's own tokens, in ``ids``, the same text with
    the tokenizer's special tokens around it."""
    for appended in range(len(ids) - len(plain) + 1):
        end = len(ids) - appended
        if tuple(ids[end - len(plain) : end]) == tuple(plain):
            return appended
    return 0
