"""The records that every step reads and writes.

Plain frozen dataclasses, standard library only. Steps meet through these and
through the files of the run folder, never by importing one another's insides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

Strategy = Literal["cote", "rp", "crop"]
"""How explanations are obtained. A single request is only ever ``cote`` or ``rp``."""

RequestKind = Literal["cote", "rp", "direct"]
"""What a teacher is asked for: an explanation then an answer, an explanation of the
given answer, or the bare answer (a prompting baseline)."""

Objective = Literal["st", "mt-re", "mt-ra", "mt-cot", "mt-icot", "cot"]
Role = Literal["answer", "explanation"]

KeyHeader = Literal["authorization", "api-key"]
"""How a server wants its key: ``Authorization: Bearer …``, or as Azure does, ``api-key: …``."""

Way = Literal["direct", "explained"]
"""How an answer came about: at once, or as the conclusion of an explanation. What a student
chooses between on ``valid``; `teachback.evaluation.ways` owns all that follows from it."""

ComparedWay = Literal["direct", "explained", "chosen", "adaptive"]
"""How students can be asked and systems compared. ``chosen``: each in the way that it chose on
``valid``; ``adaptive``: directly, and explained first where the direct answer is unsure."""

AnswerFormat = Literal["letter", "text", "both"]

Conclusions = Literal["announced", "inferred"]
"""Which conclusions of a text count: those that it announces, or also those that its last
sentences draw without announcing them."""

Language = Literal["en", "de", "fr", "es", "zh", "ja", "ru"]
"""The languages that conclusions are read in, by ISO 639-1."""

LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True, slots=True)
class ReplyReading:
    """How the conclusion of a text is read; one for all systems that are compared.

    ``languages``: those whose words announce a conclusion and lead to one; English ones always do.
    """

    conclusions: Conclusions = "inferred"
    languages: tuple[Language, ...] = LANGUAGES


EVERY_CONCLUSION = ReplyReading()
"""Announced or inferred, in any of the languages."""

ANNOUNCED = ReplyReading("announced")
"""Announced in any of the languages."""

RejectionReason = Literal[
    "wrong-answer",
    "unparsed",
    "empty",
    "truncated",
    "too-long",
    "restates-label",
    "leak",
    "refused",
    "failed",
    "duplicate",
    "not-chosen",
]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled question.

    ``answer`` is canonical for its ``kind``: a choice's text, ``yes``/``no``, a decimal
    without separators, or text. ``choices`` holds the options of a multiple-choice
    question and, for kind ``label``, the labels of the whole file. The kind belongs to
    the file: the reader gives every example of one file the same.
    """

    id: str
    question: str
    answer: str
    kind: str
    choices: tuple[str, ...] = ()
    context: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Exemplar:
    """An example with a hand-written explanation, shown in the prompt."""

    example: Example
    explanation: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a prompt. Role ``text`` marks a prompt for a plain-completion model."""

    role: Literal["system", "user", "assistant", "text"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """Everything that changes what a teacher samples; part of the store's key."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a teacher.

    ``prefix`` is the few-shot part, identical in every request of a run, so that prefix
    caches hit and the store keeps it once; ``messages`` is what differs.
    """

    example_id: str
    kind: RequestKind
    prefix: tuple[Message, ...]
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    sample: int = 0

    @property
    def given_answer(self) -> bool:
        """Whether the gold answer stands in the prompt."""
        return self.kind == "rp"


@dataclass(frozen=True, slots=True)
class Completion:
    """A teacher's reply, raw; or, with ``error`` set, the fact that none came.

    ``finish_reason``: ``stop``, ``length`` (cut off by ``max_tokens``), ``refused``
    (refusal or content filter), ``failed`` (no reply; ``error`` says why).
    ``thinking`` is a reasoning model's thinking part, where it came apart from ``text``.
    """

    text: str
    finish_reason: Literal["stop", "length", "refused", "failed"] = "stop"
    thinking: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A kept explanation; ``text`` is without its concluding answer."""

    id: str
    strategy: Literal["cote", "rp"]
    sample: int
    teacher: str
    text: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A completion that was not kept, and the one reason why."""

    id: str
    strategy: Literal["cote", "rp"]
    sample: int
    teacher: str
    text: str
    answer: str | None
    reason: RejectionReason


@dataclass(frozen=True, slots=True)
class TrainingPair:
    """One target to learn for a question.

    ``source`` is the rendered question without a task marker: the marker follows from
    ``role`` and from the student's family. ``weight`` multiplies the pair's mean token
    cross-entropy; an example's weights add up as the loss in `teachback.objectives` says.
    ``removable``: what stands before the target when training begins and is taken away from its
    front as training goes on (MT-iCoT's explanation before the answer).
    """

    id: str
    source: str
    target: str
    role: Role
    weight: float
    removable: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a student (or a prompted teacher) said about one example.

    ``answer`` is the primary, direct answer; None where ``unparsed``. The explained
    fields are None unless the explanation task was run. ``cut_off`` (of an unparsed answer):
    whether the limit on tokens ended the reply before its answer; None where nobody looked.
    """

    id: str
    gold: str
    answer: str | None
    correct: bool
    unparsed: bool
    group: str | None = None
    probabilities: dict[str, float] | None = None
    explanation: str | None = None
    explained_answer: str | None = None
    explained_correct: bool | None = None
    cut_off: bool | None = None
    explained_cut_off: bool | None = None
    log_probability: float | None = None
    """Of a direct answer that was generated, all its tokens; None where answers are scored, and in
    older files."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a student answers to one question, in its own way.

    ``answer`` was given in the way ``way``, the student's own; None where what it said cannot be
    read. What each way answered stands beside it; ``explained_answer`` and ``explanation`` are
    None where no explanation was asked for. ``probabilities`` belong to ``direct_answer``:
    choice → share, where the possible answers can be listed.
    """

    answer: str | None
    way: Way
    direct_answer: str | None
    explained_answer: str | None = None
    explanation: str | None = None
    probabilities: dict[str, float] | None = None
    log_probability: float | None = None
    """Of a ``direct_answer`` that was generated: that of all its tokens."""
    cut_off: bool | None = None
    """Whether the limit on tokens ended what was generated before a ``direct_answer`` could be read
    in it; None where none was generated."""
    explained_cut_off: bool | None = None
    """The same of the explanation and its answer."""


@dataclass(frozen=True, slots=True)
class TrainedPasses:
    """How long a student was trained: by which objective, for how many passes, of how many that
    were planned (fewer where training stopped early)."""

    objective: Objective
    planned: float
    passes: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall seconds and generated tokens for 1,000 answers, the ways apart."""

    direct_seconds: float
    direct_tokens: float
    explained_seconds: float | None
    explained_tokens: float | None
    unfinished: int
    """Explanations that hit the length limit before their end token."""
    max_new_tokens: int | None = None
    """That limit; None where nothing was explained, and in older files."""
    adaptive_seconds: float | None = None
    adaptive_tokens: float | None = None
    """Measured where a student explained only what it was unsure of; None elsewhere."""
