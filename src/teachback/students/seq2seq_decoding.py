"""Greedy decoding by an encoder-decoder of questions that it has encoded.

All rows begin alike, so they are at the same position, which is all that such models can be told
of the order in a batch: no question can take the place of a finished one, as it does in a causal
model (`teachback.students.decoding`). What is finished leaves, and what is left is computed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from teachback.students.decoding import Likeliest


@dataclass(frozen=True, slots=True)
class Encoded:
    """Questions as the decoder reads them: ``hidden`` (rows, longest source, width), and which of
    them are padding, ``attention_mask`` (rows, longest source)."""

    hidden: Tensor
    attention_mask: Tensor

    def keywords(self) -> dict[str, Any]:
        """What a model is given in place of the questions' tokens."""
        outputs = BaseModelOutput(last_hidden_state=self.hidden)
        return {"encoder_outputs": outputs, "attention_mask": self.attention_mask}

    def kept(self, rows: Tensor) -> Encoded:
        """Those in ``rows`` alone."""
        return Encoded(self.hidden[rows], self.attention_mask[rows])


@dataclass(slots=True)
class Written:
    """The tokens that were generated, the end token included, and their log-probability, which is
    0 where it was not measured."""

    tokens: list[int]
    log_probability: float = 0.0


NextTokens = Callable[[Encoded, Tensor, EncoderDecoderCache], Likeliest]
"""The likeliest token of each row after tokens (rows, count), of which the cache then knows."""


def decode(
    next_tokens: NextTokens, encoded: Encoded, before: Sequence[int], limit: int, end_id: int
) -> list[Written]:
    """What follows ``before`` in each row's decoder: up to the end token, or ``limit`` tokens."""
    written = [Written([]) for _ in range(len(encoded.hidden))]
    active = list(range(len(written)))
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    read = torch.tensor([list(before)] * len(active), device=encoded.hidden.device)
    for _ in range(limit):
        found = next_tokens(encoded, read, cache)
        tokens = found.tokens.tolist()
        shares = [0.0] * len(active)
        if found.log_probabilities is not None:
            shares = found.log_probabilities.tolist()
        for row, token, share in zip(active, tokens, shares, strict=True):
            if not _is_finished(written[row], end_id):
                written[row].tokens.append(token)
                written[row].log_probability += share
        left = [place for place, row in enumerate(active) if not _is_finished(written[row], end_id)]
        if not left:
            break
        read = found.tokens[:, None]
        # What is kept is copied, so that rows leave some at a time.
        if len(active) - len(left) >= max(1, len(active) // 4):
            places = torch.tensor(left, device=read.device)
            encoded, read = encoded.kept(places), read[places]
            cache.batch_select_indices(places)
            active = [active[place] for place in left]
    return written


def _is_finished(written: Written, end_id: int) -> bool:
    return written.tokens[-1:] == [end_id]
