"""A causal student as a plain language model: the tokens that continue others, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from teachback.students.causal import CausalStudent
from teachback.students.generated import Token


class TorchContinuation:
    """A student's tokens, computed by torch. One thread's own."""

    def __init__(self, student: CausalStudent) -> None:
        self._student = student

    def continued(
        self, ids: Sequence[int], limit: int, *, measure: bool = False, top: int = 0
    ) -> Iterator[Token]:
        """See `teachback.serving.engine.LanguageModel`."""
        if not measure and limit == 0:
            return
        logits, cache = self._read(ids, None, whole=measure)
        if measure:
            yield Token(ids[0], None, ())
            for place, token in zip(logits, ids[1:], strict=False):
                yield _token(token, torch.log_softmax(place.float(), dim=-1), top)
        for left in range(limit, 0, -1):
            place = torch.log_softmax(logits[-1].float(), dim=-1)
            token = int(place.argmax())
            yield _token(token, place, top)
            if token == self._student.end_id or left == 1:
                return
            logits, cache = self._read([token], cache, whole=False)

    @torch.inference_mode()
    def _read(
        self, ids: Sequence[int], cache: object | None, *, whole: bool
    ) -> tuple[Tensor, object]:
        """The logits (places, vocabulary) after ``ids``, or after each of them, and the cache."""
        model = self._student.model
        with self._student.autocast():
            output = model(
                input_ids=torch.tensor([list(ids)], device=model.device),
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
