"""Training files for others' fine-tuning: what a hosted large model is to learn from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from teachback.errors import DataError
from teachback.records import Example, Exemplar, Explanation, Message, RequestKind
from teachback.teachers.prompts import Prompts, reply_of


@dataclass(frozen=True, slots=True)
class ChatRows:
    """Rows of a training file, and how many examples have none for want of an explanation."""

    rows: tuple[dict[str, Any], ...]
    left_out: int


def openai_finetune(
    examples: Sequence[Example],
    prompts: Prompts,
    explanations: Iterable[Explanation] | None = None,
) -> ChatRows:
    """Chat-format rows ``{"messages": [{"role", "content"}, …]}``, one a line, as the hosted
    fine-tuning APIs take them.

    Without ``explanations`` each example is one direct question and its bare answer; with them,
    each explanation is one chain-of-thought question, the explanation and its conclusion. The
    questions are worded as `teachback.teachers.prompts` asks a teacher, so what has learnt from
    the file is evaluated as a teacher with the same ``prompts``.

    Raises DataError where explanations are given and none is of these examples, or where
    ``prompts`` are not of the chat form.
    """
    if prompts.form != "chat":
        raise DataError("a fine-tuning file is a chat: its prompts must be of the chat form")
    if explanations is None:
        return ChatRows(tuple(_row(prompts, Exemplar(e, ""), "direct") for e in examples), 0)
    by_id: dict[str, list[Explanation]] = {}
    for explanation in explanations:
        by_id.setdefault(explanation.id, []).append(explanation)
    rows = tuple(_explained(prompts, examples, by_id))
    if not rows:
        raise DataError(
            "no explanation belongs to an example in this dataset: give the dataset that the "
            "explanations were generated for"
        )
    return ChatRows(rows, sum(example.id not in by_id for example in examples))


def _explained(
    prompts: Prompts, examples: Iterable[Example], by_id: dict[str, list[Explanation]]
) -> Iterator[dict[str, Any]]:
    for example in examples:
        for explanation in by_id.get(example.id, ()):
            yield _row(prompts, Exemplar(example, explanation.text), "cote")


def _row(prompts: Prompts, solved: Exemplar, kind: RequestKind) -> dict[str, Any]:
    request = prompts.request(solved.example, kind)
    said = Message("assistant", reply_of(solved, kind))
    turns = (*request.prefix, *request.messages, said)
    return {"messages": [{"role": turn.role, "content": turn.content} for turn in turns]}
