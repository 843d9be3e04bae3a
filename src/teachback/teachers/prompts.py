"""Prompts: an example and what is wanted of the teacher → a Request. Pure.

A prompt has two parts. The *few-shot part* (`Request.prefix`: the user's instructions, what
is to be done, the exemplars) is the same, byte for byte, in every request of one kind over one
dataset, so that a teacher's prefix cache hits and the store keeps it once. The example's own
part (`Request.messages`) follows it. Nothing of an example but its id, its question and, in
an RP prompt, its answer goes into a request.

``chat`` prompts are a system turn, a user and an assistant turn per exemplar, and a user turn.
``text`` prompts, for plain-completion models, are one text: the concatenation of the prefix's
message and of the example's, which ends where the model continues.

A question that the prompt itself solves is never asked: see `Prompts.check`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, get_args

from teachback.errors import ConfigError, DataError
from teachback.questions import KINDS, choices_of_file, normalise, render, stated
from teachback.records import Example, Exemplar, Message, Request, RequestKind, Sampling

__all__ = ["STOP", "Form", "Prompts", "reply_of"]

Form = Literal["chat", "text"]

STOP = "\nQuestion:"
"""Where a ``text`` prompt's reply ends: the model begins a further question of its own."""

# What is asked of the teacher. A chat model is told; a base model reads what the text that it
# continues is. {conclusion} is what the question kind says of its form.
_TASKS: dict[Form, dict[RequestKind, str]] = {
    "chat": {
        "cote": (
            "Answer the question. First explain in two to four sentences what leads to the "
            "answer. Then write the conclusion on a new line, in exactly this form: {conclusion}"
        ),
        "rp": (
            "You see a question and its correct answer. Explain in two to four sentences why "
            "that answer is right, as if you were solving the question yourself, and do not "
            "mention that you were shown the answer. Then write the conclusion on a new line, "
            "in exactly this form: {conclusion}"
        ),
        "direct": (
            "Answer the question at once, without an explanation, in exactly this form: "
            "{conclusion}"
        ),
    },
    "text": {
        "cote": (
            "Each question is followed by an explanation of two to four sentences, and then, on "
            "a new line, by the conclusion in this form: {conclusion}"
        ),
        "rp": (
            "Each question is followed by its correct answer, by an explanation of two to four "
            "sentences that solves the question without mentioning that its answer was shown, "
            "and then, on a new line, by the conclusion in this form: {conclusion}"
        ),
        "direct": "Each question is followed by its answer in this form: {conclusion}",
    },
}


@dataclass(frozen=True)
class Prompts:
    """How the questions of one run are put to a teacher.

    exemplars: shown in this order; none is zero-shot. All of one question kind.
    form: ``chat`` or ``text`` (plain completion; `STOP` joins the sampling's stop sequences).
    fold_system: a ``chat`` prompt has no system turn; its text begins the first user turn
        instead, for models whose template knows no such turn.
    instructions: what the teacher may use besides (a policy, definitions); comes first.
    sampling: as sent for ``cote`` and ``rp``.
    direct_max_tokens: takes the place of ``sampling.max_tokens`` in ``direct`` requests, so that a
        model that explains all the same is not taken for one that answers at once.

    Raises:
        ConfigError: ``form`` is not one of the two.
        DataError: the exemplars are of several kinds, or one of them holds `STOP`, which
            would end replies of the ``text`` form before their conclusion.
    """

    exemplars: tuple[Exemplar, ...] = ()
    form: Form = "chat"
    instructions: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    direct_max_tokens: int = 32
    fold_system: bool = False

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise ConfigError(f"the prompt form is {self.form!r}: it must be chat or text")
        kinds = sorted({exemplar.example.kind for exemplar in self.exemplars})
        if len(kinds) > 1:
            raise DataError(
                f"the exemplars are of several kinds ({', '.join(kinds)}): keep those of one kind"
            )
        for exemplar in self.exemplars:
            block = f"{_question(exemplar.example, 'rp')}\n{exemplar.explanation}"
            if self.form == "text" and STOP in block:
                raise DataError(
                    f"exemplar {exemplar.example.id!r} has a line that begins with 'Question:', "
                    "which marks the next question of a text prompt: reword that line"
                )

    def request(self, example: Example, kind: RequestKind, sample: int = 0) -> Request:
        """The request for one sample of ``example``: ``cote`` (explanation, then answer),
        ``rp`` (explanation of the gold answer, then the answer) or ``direct`` (answer only).

        The reply reads back with `teachback.questions.parse`, with ``bare=True`` for direct.

        Raises:
            DataError: as `check` does.
        """
        self._check_one(example)
        prefix, sampling = self._shared_part(kind, example.kind, choices_of_file(example))
        if self.form == "text":
            cue = "The answer is" if kind == "direct" else "Explanation:"
            own = Message("text", f"Question: {_question(example, kind)}\n{cue}")
        else:
            own = Message("user", _question(example, kind))
        if self.fold_system and self.form == "chat" and not self.exemplars:
            (opening,) = prefix
            prefix, own = (), Message("user", f"{opening.content}\n\n{own.content}")
        return Request(
            example_id=example.id,
            kind=kind,
            prefix=prefix,
            messages=(own,),
            sampling=sampling,
            sample=sample,
        )

    def check(self, examples: Iterable[Example]) -> None:
        """Make sure that ``examples`` can be asked with these exemplars; best done for a whole
        dataset before the first call.

        An example that is among the exemplars (same id, or same question, choices and context
        after normalisation, in whatever order the choices stand) would be answered by its own
        prompt. Leaving that exemplar out would give this one request another few-shot part, and
        leaving the example out would change the dataset unasked; so it is an error.

        Raises:
            DataError: an example is among the exemplars, or is of another question kind.
        """
        for example in examples:
            self._check_one(example)

    def _check_one(self, example: Example) -> None:
        if not self.exemplars:
            return
        kind = self.exemplars[0].example.kind
        ids, ends, identities = self._shown
        if example.kind != kind:
            raise DataError(
                f"the exemplars are {kind} questions and example {example.id!r} is a "
                f"{example.kind} question: choose exemplars of that kind, or none"
            )
        # An identity holds the question, which ends as the question does: mostly enough to tell.
        if _end(example.question) in ends:
            exemplar_id = identities.get(_identity(example))
            if exemplar_id is not None:
                raise DataError(
                    f"example {example.id!r} is also shown, solved, as exemplar {exemplar_id!r}: "
                    "take it out of the exemplars or out of the dataset"
                )
        if example.id in ids:
            raise DataError(
                f"an example and an exemplar share the id {example.id!r}: take it out of the "
                "exemplars, or give the exemplar a different id if it is a different question"
            )

    def _shared_part(
        self, kind: RequestKind, question_kind: str, choices: tuple[str, ...]
    ) -> tuple[tuple[Message, ...], Sampling]:
        """The few-shot part and the sampling of one kind of request: the same two objects in
        every one of them, which saves memory and lets others know them by identity."""
        known = (kind, question_kind, choices)
        part = self._shared_parts.get(known)
        if part is None:
            sampling = self.sampling
            if kind == "direct":
                sampling = replace(sampling, max_tokens=self.direct_max_tokens)
            if self.form == "text":
                sampling = replace(sampling, stop=tuple(dict.fromkeys((STOP, *sampling.stop))))
            part = self._shared_parts[known] = (
                _prefix(self, kind, question_kind, choices),
                sampling,
            )
        return part

    @cached_property
    def _shared_parts(
        self,
    ) -> dict[tuple[RequestKind, str, tuple[str, ...]], tuple[tuple[Message, ...], Sampling]]:
        return {}

    @cached_property
    def _shown(self) -> tuple[frozenset[str], frozenset[str], dict[object, str]]:
        """The exemplars' ids; their questions' ends; and what identifies these, with their ids."""
        shown = [exemplar.example for exemplar in self.exemplars]
        return (
            frozenset(e.id for e in shown),
            frozenset(_end(e.question) for e in shown),
            {_identity(e): e.id for e in shown},
        )


def _identity(example: Example) -> object:
    """Equal for two examples that ask the same."""
    # Of labels, which are those of the whole file, an exemplar file may know fewer.
    choices = () if choices_of_file(example) else example.choices
    return (
        normalise(example.context or ""),
        normalise(example.question),
        frozenset(map(normalise, choices)),
    )


# What `normalise` takes off the end of a text in ASCII.
_TRIMMED = " \t\r\n\v\f\x1c\x1d\x1e\x1f.,;:!?\"'`*_"


def _end(question: str) -> str:
    """The last four characters of the question once it is normalised."""
    end = question.rstrip(_TRIMMED)[-4:]
    if len(end) == 4 and end.isalnum() and question.isascii():  # so for every request, and quicker
        return end.lower()
    return normalise(question)[-4:]


def _prefix(
    prompts: Prompts, kind: RequestKind, question_kind: str, choices: tuple[str, ...]
) -> tuple[Message, ...]:
    """The few-shot part. It knows the dataset's question kind and labels (``choices``), but no
    example."""
    conclusion = KINDS[question_kind].conclusion_form(choices)
    task = _TASKS[prompts.form][kind].replace("{conclusion}", conclusion)
    instructions = (prompts.instructions or "").strip()
    opening = f"{instructions}\n\n{task}" if instructions else task
    if prompts.form == "text":
        lead = "" if kind == "direct" else "Explanation: "
        blocks = [
            f"Question: {_question(exemplar.example, kind)}\n{lead}{reply_of(exemplar, kind)}"
            for exemplar in prompts.exemplars
        ]
        return (Message("text", "\n\n".join([opening, *blocks, ""])),)
    turns = [Message("system", opening)]
    for exemplar in prompts.exemplars:
        turns.append(Message("user", _question(exemplar.example, kind)))
        turns.append(Message("assistant", reply_of(exemplar, kind)))
    if prompts.fold_system and prompts.exemplars:
        turns[:2] = [Message("user", f"{opening}\n\n{turns[1].content}")]
    return tuple(turns)


def _question(example: Example, kind: RequestKind) -> str:
    """The question as a teacher sees it; the gold answer is there for ``rp`` alone."""
    given = f"\nThe correct answer is {stated(example, 'both')}" if kind == "rp" else ""
    return render(example) + given


def reply_of(exemplar: Exemplar, kind: RequestKind) -> str:
    """What a perfect teacher writes. RP concludes too, so that the parser can tell an
    explanation that contradicts the given answer."""
    conclusion = f"The answer is {stated(exemplar.example, 'both')}"
    return conclusion if kind == "direct" else f"{exemplar.explanation}\n{conclusion}"
