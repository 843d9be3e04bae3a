"""A causal student as a plain language model: the tokens that continue others, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from teachback.students.causal import CausalStudent
from teachback.students.generated import Token


class TorchContinuation:
    """A student's tokens, computed by torch. One thread's own."""

    def __init__(self, student: CausalStudent) -> None:
        self._student = student

    @torch.inference_mode()
    def measured(self, ids: Sequence[int]) -> list[Token]:
        """Every token of ``ids`` (not empty), given those before it."""
        model = self._student.model
        logits = model(input_ids=torch.tensor([list(ids)], device=model.device)).logits[0, :-1]
        found = [Token(ids[0], None, None, None)]
        for place, token in enumerate(ids[1:]):
            shares = torch.log_softmax(logits[place].float(), dim=-1)
            top = int(shares.argmax())
            found.append(Token(token, float(shares[token]), top, float(shares[top])))
        return found

    def continued(self, ids: Sequence[int], limit: int) -> Iterator[Token]:
        """Up to ``limit`` tokens that greedily continue ``ids`` (not empty); the end token is the
        last one where it comes."""
        model = self._student.model
        cache = None
        read = list(ids)
        for _ in range(limit):
            with torch.inference_mode():
                output = model(
                    input_ids=torch.tensor([read], device=model.device),
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                )
                shares = torch.log_softmax(output.logits[0, -1].float(), dim=-1)
                top = int(shares.argmax())
                share = float(shares[top])
            yield Token(top, share, top, share)
            if top == self._student.end_id:
                return
            cache = output.past_key_values
            read = [top]
