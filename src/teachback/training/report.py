"""Before training: what the tokenizer does to the data, and what training will need."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from teachback.errors import DataError, RunFolderError
from teachback.objectives import TrainingExample
from teachback.questions import candidates, say_answer, unreadable
from teachback.records import Example, Role, TrainingPair
from teachback.students.limits import generation_limit, percentile
from teachback.students.model import StudentModel
from teachback.system.progress import Notice
from teachback.training import checkpoints
from teachback.training.machine_memory import memory_there
from teachback.training.memory import Memory, MemoryEstimate, gib

TOLERATED = 0.1
"""Share of examples that may have answers which this student cannot say apart."""

_SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class Lengths:
    """Token counts, and the share cut off at the student's limit."""

    median: int
    p95: int
    longest: int
    truncated: float


@dataclass(frozen=True, slots=True)
class DataReport:
    """What the student's tokenizer makes of the training pairs (at most 2,000 of them)."""

    pairs: int
    source: Lengths
    targets: dict[str, Lengths]
    unknown: float
    """Share of tokens that the vocabulary does not know: lost text."""

    def lines(self) -> list[str]:
        """For people."""
        named = [("question", self.source), *self.targets.items()]
        result = [
            f"{name}: {part.median} tokens (median), {part.p95} (95%), {part.longest} (longest), "
            f"{part.truncated:.1%} cut off"
            for name, part in named
        ]
        result.append(f"unknown tokens: {self.unknown:.2%}")
        return result


def check_choices(student: StudentModel, examples: Sequence[Example], notice: Notice) -> None:
    """Say which examples have answers that this student's tokenizer cannot tell apart, and which
    have a right answer that would not be recognised. Raises DataError where they are more than
    `TOLERATED` of all: what is trained and measured would then be the tokenizer.
    """
    answer_format = student.card.answer_format
    alike: list[str] = []
    misread: list[str] = []
    for example in examples:
        said = [say_answer(example, answer, answer_format) for answer in candidates(example)]
        if (two := student.indistinguishable(said)) is not None:
            alike.append(f"example {example.id!r}: {two[0]!r} and {two[1]!r}")
        if (reason := unreadable(example, answer_format)) is not None:
            misread.append(f"example {example.id!r}: {reason}")
    for found, what, remedy in (
        (alike, "answers are the same tokens for this student", "choose a different student"),
        (misread, "the right answer is not recognised", 'set answer_format = "both"'),
    ):
        if not found:
            continue
        line = f"{what} in {len(found)} of {len(examples)} examples, first {found[0]}"
        if len(found) > TOLERATED * len(examples):
            raise DataError(f"{line}; {remedy}, or leave these examples out")
        notice(line)


def data_report(student: StudentModel, examples: Sequence[TrainingExample]) -> DataReport:
    """Tokenise the pairs as training will and count; of long data, evenly drawn examples."""
    pairs = _sample(examples)
    lengths = [(pair, *student.lengths(pair)) for pair in pairs]
    unknown_id = student.tokenizer.unk_token_id
    tokens = unknown = 0
    for pair in pairs:
        ids = (*student.source_ids(pair.source, pair.role), *student.text_ids(pair.target))
        tokens += len(ids)
        unknown += sum(i == unknown_id for i in ids) if unknown_id is not None else 0
    card = student.card
    return DataReport(
        pairs=sum(len(example.pairs) for example in examples),
        source=_lengths([s for _, s, _ in lengths], card.max_source_tokens),
        targets={
            role: _lengths([t for p, _, t in lengths if p.role == role], card.max_target_tokens)
            for role in ("answer", "explanation")
            if any(p.role == role for p, _, _ in lengths)
        },
        unknown=unknown / tokens if tokens else 0.0,
    )


def set_limits(student: StudentModel, examples: Sequence[TrainingExample], notice: Notice) -> None:
    """Write into the student's card how many tokens it may generate, from the lengths of what it
    is trained to write in the end (MT-iCoT's answers without what is removed), and say so."""
    pairs = _sample(examples)
    most = student.card.max_target_tokens
    usual: dict[Role, int] = {}
    for role in get_args(Role):
        own = [len(student.text_ids(p.target)) + 1 for p in pairs if p.role == role]
        if own:
            usual[role] = percentile(own, 99)
    limits = {role: generation_limit(length, most) for role, length in usual.items()}
    student.with_card(
        max_new_tokens=limits.get("explanation"), max_answer_tokens=limits.get("answer")
    )
    if "explanation" in limits:
        notice(
            f"generated explanations: at most {limits['explanation']} tokens (99% of those trained "
            f"on have at most {usual['explanation']})"
        )


def _sample(examples: Sequence[TrainingExample]) -> list[TrainingPair]:
    """The pairs of evenly drawn examples, about `_SAMPLE` at most."""
    count = sum(len(example.pairs) for example in examples)
    # Examples rather than pairs: every second pair may be an answer.
    step = max(1, -(-count // _SAMPLE))
    return [pair for example in examples[::step] for pair in example.pairs]


def _lengths(values: list[int], limit: int) -> Lengths:
    return Lengths(
        median=percentile(values, 50),
        p95=percentile(values, 95),
        longest=max(values),
        truncated=sum(value > limit for value in values) / len(values),
    )


@dataclass(frozen=True, slots=True)
class Needs:
    """What training is expected to take, in bytes, and what is there."""

    parameters: int
    trained: int
    memory: Memory
    memory_there: int
    disk: int
    disk_there: int

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"parameters: {self.parameters / 1e6:.1f} M, trained {self.trained / 1e6:.1f} M",
            f"memory: {self.memory.line()} of {gib(self.memory_there)} available; "
            f"disk while training: about {gib(self.disk)} more of {gib(self.disk_there)} free",
        ]


def needs_of(estimate: MemoryEstimate, folder: Path) -> Needs:
    """What training by ``estimate`` into ``folder`` will need.

    Checkpoints hold the trained weights and the optimiser's moments. Two of them are kept, but the
    third is written before one is removed; those that are in ``folder`` already take no more room.
    Raises RunFolderError where the disk is too small.
    """
    model = estimate.student.model
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    folder.mkdir(parents=True, exist_ok=True)
    needs = Needs(
        parameters=sum(p.numel() for p in model.parameters()),
        trained=trained,
        memory=estimate.of(estimate.settings),
        memory_there=memory_there(estimate.student.device),
        disk=max(0, 3 * trained * 12 - checkpoints.size(folder)),
        disk_there=shutil.disk_usage(folder).free,
    )
    if needs.disk > needs.disk_there:
        raise RunFolderError(
            f"training needs about {gib(needs.disk)} of disk for checkpoints and "
            f"{gib(needs.disk_there)} are free: free some, or train with --lora"
        )
    return needs
