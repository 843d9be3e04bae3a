"""Before training: the base with fewer tokens that ``student.trim_vocabulary`` asks for.

One set of tokens for all objectives: it covers the questions, their choices, the answers, and all
explanations as every objective would have the student write them. So students that are trained
on the same data and explanations have the same base, whatever else they are trained by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from transformers import AutoTokenizer

from teachback.config import StudentConfig
from teachback.datasets.statistics import unit
from teachback.errors import ConfigError, ReferenceError_
from teachback.objectives import OBJECTIVES, training_examples
from teachback.questions import candidates, render, say_answer
from teachback.records import AnswerFormat, Example, Explanation
from teachback.references import TrimmedReference, parse_student
from teachback.students.card import StudentCard
from teachback.students.causal import CausalStudent
from teachback.students.encoding import MARKERS
from teachback.students.kept_tokens import BytePairs
from teachback.students.quiet import quiet
from teachback.students.trimmed_base import (
    TrimmedBase,
    byte_pairs,
    made,
    named_tokens,
    sha256_of_base,
)
from teachback.students.weights import Weights, resolve
from teachback.system.progress import Notice, no_notice

FOLDS = 5

_Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LossEstimate:
    """What a vocabulary made from this data lacks of new questions: of each fifth of the examples,
    the tokens that one made from the others does not have."""

    questions: int
    affected: int
    """Questions with a token that is lacking."""
    tokens: int
    lost: int

    @property
    def share(self) -> float:
        """Of the questions' tokens, those that are lacking."""
        return self.lost / max(1, self.tokens)

    def line(self) -> str:
        """For people."""
        return (
            f"about {self.share:.2%} of new questions' tokens are not among them (five folds: "
            f"{self.lost:,} of {self.tokens:,}, in {self.affected} of {self.questions} questions) "
            "and become shorter pieces"
        )


@dataclass(frozen=True, slots=True)
class TokenisedExample:
    """One example in the whole base's tokens: the question, and all that a student may write of
    it."""

    question: _Tokens
    targets: tuple[_Tokens, ...]

    @property
    def needed(self) -> set[int]:
        return set(self.question).union(*self.targets)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a student's tokenizer makes of the data that it is to be trained on.

    ``size``: how many tokens are to be kept. ``examples``: all that may be trained on, valid
    included; ``explanations``: of all students that will be compared. ``written``: of each example;
    ``always``: tokens that are kept in any case.
    """

    student: StudentConfig
    size: int
    examples: Sequence[Example]
    explanations: Sequence[Explanation]
    weights: Weights
    pairs: BytePairs
    written: Sequence[TokenisedExample]
    always: frozenset[int]

    @property
    def needed(self) -> set[int]:
        return set(self.always).union(*(one.needed for one in self.written))

    def is_covered_by(self, trimmed: TrimmedBase) -> bool:
        """Whether a base that was made before has all the tokens that are needed now."""
        return sha256_of_base(self.weights.folder) == trimmed.base_sha256 and self.pairs.closed(
            self.needed
        ) <= set(trimmed.kept)

    def trimmed(self, notice: Notice = no_notice) -> TrimmedBase:
        """The base with ``trim_vocabulary`` tokens; made where it is not there, and checked.

        Raises ConfigError where the vocabulary cannot be trimmed, or new questions would lose more
        of their tokens than ``trim_limit`` allows.
        """
        student, folder, size = self.student, self.weights.folder, self.size
        trimmed = TrimmedBase(
            base=student.reference,
            base_sha256=sha256_of_base(folder),
            licence=self.weights.licence,
            whole=len(self.pairs.ids),
            kept=self.pairs.kept(self.needed, size),
        )
        estimate = loss_on_new(self)
        notice(f"{trimmed.line()}; {estimate.line()}")
        if estimate.share > student.trim_limit:
            raise ConfigError(
                f"student.trim_vocabulary = {size}: new questions would lose about "
                f"{estimate.share:.2%} of their tokens, and student.trim_limit is "
                f"{student.trim_limit:.2%}: keep more tokens, or raise the limit"
            )
        encoder = encoder_of(made(trimmed, folder, notice), student)
        again = written_by(encoder, self.examples, self.explanations, student.answer_format)
        _require_same(self.written, again, trimmed)
        return trimmed


def trimmed_student(
    student: StudentConfig,
    examples: Sequence[Example],
    explanations: Sequence[Explanation],
    notice: Notice = no_notice,
) -> StudentConfig:
    """``student`` with a trimmed base as its reference; unchanged where ``trim_vocabulary`` is not
    set. Raises ConfigError as `Vocabulary.trimmed` does."""
    if student.trim_vocabulary is None:
        return student
    trimmed = vocabulary_of(student, examples, explanations, notice).trimmed(notice)
    return student.model_copy(update={"reference": trimmed.reference, "trim_vocabulary": None})


def vocabulary_of(
    student: StudentConfig,
    examples: Sequence[Example],
    explanations: Sequence[Explanation],
    notice: Notice = no_notice,
) -> Vocabulary:
    """Make all texts into tokens of the whole base, which ``student.reference`` names.

    Raises ConfigError where its vocabulary cannot be trimmed, and as `resolve` does.
    """
    if isinstance(parse_student(student.reference), TrimmedReference):
        raise ConfigError(
            f"student.trim_vocabulary = {student.trim_vocabulary}: {student.reference} is trimmed "
            "already: leave the key out"
        )
    weights = resolve(student.reference, notice=notice)
    pairs = byte_pairs(weights.folder, student.reference)
    encoder = encoder_of(weights.folder, student)
    markers = {token for role in MARKERS for token in encoder.marker_ids(role)}
    return Vocabulary(
        student,
        len(pairs.ids) if student.trim_vocabulary is None else student.trim_vocabulary,
        examples,
        explanations,
        weights,
        pairs,
        tuple(written_by(encoder, examples, explanations, student.answer_format)),
        frozenset({*named_tokens(weights.folder, pairs), encoder.end_id, encoder.pad_id, *markers}),
    )


def encoder_of(folder: Path, student: StudentConfig) -> CausalStudent:
    """What makes text into the tokens of the base in ``folder``; it has no model."""
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    if tokenizer.eos_token_id is None:
        raise ReferenceError_(
            f"{student.reference}: its tokenizer has no end token, so it cannot be a student"
        )
    return CausalStudent(None, tokenizer, StudentCard(base=student.reference))


def written_by(
    encoder: CausalStudent,
    examples: Sequence[Example],
    explanations: Iterable[Explanation],
    answer_format: AnswerFormat,
) -> Iterator[TokenisedExample]:
    """Every example as ``encoder`` writes it: its question, all of its possible answers, and the
    targets of all objectives."""
    texts: dict[str, dict[str, None]] = {
        example.id: {say_answer(example, one, answer_format): None for one in candidates(example)}
        for example in examples
    }
    by_id: dict[str, list[Explanation]] = {}
    for explanation in explanations:
        by_id.setdefault(explanation.id, []).append(explanation)
    for objective, tasks in OBJECTIVES.items():
        some = [e for e in examples if tasks.answers or e.id in by_id]
        for one in (
            training_examples(some, by_id, objective=objective, answer_format=answer_format)
            if some
            else ()
        ):
            for pair in one.pairs:
                texts[one.id] |= {pair.target: None}
                if pair.removable:
                    texts[one.id] |= {pair.removable: None}
    for example in examples:
        yield TokenisedExample(
            encoder.source_ids(render(example), "answer"),
            tuple(encoder.text_ids(text) for text in texts[example.id]),
        )


def loss_on_new(vocabulary: Vocabulary) -> LossEstimate:
    """What a vocabulary made from four fifths of the examples lacks of the
    questions of the fifth that is left, summed over the fifths; groups are not divided."""
    always, fold_of = vocabulary.always, _folds(vocabulary.examples)
    folds: list[list[TokenisedExample]] = [[] for _ in range(FOLDS)]
    for example, one in zip(vocabulary.examples, vocabulary.written, strict=True):
        folds[fold_of[unit(example)]].append(one)
    needed = [set(always).union(*(one.needed for one in fold)) for fold in folds]
    affected = tokens = lost = 0
    for number, fold in enumerate(folds):
        others = set(always).union(*(own for n, own in enumerate(needed) if n != number))
        kept = set(vocabulary.pairs.kept(others, vocabulary.size))
        for one in fold:
            lacking = sum(token not in kept for token in one.question)
            tokens += len(one.question)
            lost += lacking
            affected += lacking > 0
    return LossEstimate(len(vocabulary.written), affected, tokens, lost)


def _folds(examples: Sequence[Example]) -> dict[tuple[str, str], int]:
    """Unit → its fold; in the order of a hash, so that it depends on no order of rows."""
    units = sorted({unit(e) for e in examples}, key=lambda one: sha256(repr(one).encode()).digest())
    return {one: number % FOLDS for number, one in enumerate(units)}


def _require_same(
    written: Sequence[TokenisedExample], again: Iterable[TokenisedExample], trimmed: TrimmedBase
) -> None:
    """Make sure that the trimmed tokenizer writes all of ``written`` with the same tokens.

    Raises ConfigError where it does not: its kind then has a rule that trimming does not know.
    """
    for old, new in zip(written, again, strict=True):
        for ids, own in zip(
            (old.question, *old.targets), (new.question, *new.targets), strict=True
        ):
            if ids != tuple(trimmed.kept[token] for token in own):
                raise ConfigError(
                    f"student.trim_vocabulary: the trimmed tokenizer of {trimmed.base} writes some "
                    "training text with different tokens, so its vocabulary cannot be trimmed "
                    "exactly: leave the key out"
                )
