"""A causal student as a plain language model: the tokens that continue others, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from teachback.students.model import StudentModel


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text, and how probable it was there. The first one of a text has no
    log-probability, as nothing stands before it."""

    id: int
    log_probability: float | None
    likeliest: tuple[tuple[int, float], ...]
    """(token, log-probability) of the most probable ones in its place, from the top: as many as
    were asked for."""


def continued(
    student: StudentModel, ids: Sequence[int], limit: int, *, measure: bool = False, top: int = 0
) -> Iterator[Token]:
    """Up to ``limit`` tokens that greedily continue ``ids`` (not empty); the end token is the last
    one where it comes.

    ``measure``: the tokens of ``ids`` themselves come first. ``top``: how many of the most
    probable tokens each one brings with it.
    """
    if not measure and limit == 0:
        return
    logits, cache = _read(student, ids, None, whole=measure)
    if measure:
        yield Token(ids[0], None, ())
        for place, token in zip(logits, ids[1:], strict=False):
            yield _token(token, torch.log_softmax(place.float(), dim=-1), top)
    for left in range(limit, 0, -1):
        place = torch.log_softmax(logits[-1].float(), dim=-1)
        token = int(place.argmax())
        yield _token(token, place, top)
        if token == student.end_id or left == 1:
            return
        logits, cache = _read(student, [token], cache, whole=False)


@torch.inference_mode()
def _read(
    student: StudentModel, ids: Sequence[int], cache: object | None, *, whole: bool
) -> tuple[Tensor, object]:
    """The logits (places, vocabulary) after ``ids``, or after each of them, and the cache."""
    with student.autocast():
        output = student.model(
            input_ids=torch.tensor([list(ids)], device=student.model.device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=0 if whole else 1,
        )
    return output.logits[0], output.past_key_values


def _token(token: int, place: Tensor, top: int) -> Token:
    """``place``: the log-probabilities (vocabulary,) where ``token`` stands."""
    best = place.topk(min(top, len(place)))
    likeliest = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return Token(token, float(place[token]), tuple(likeliest))
