"""The batches that torch reads, made of encoded examples. Tensors only; no model here."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from teachback.students.rows import Row, Targets, causal_arrays


def causal_batch(rows: Sequence[Row], pad_id: int) -> dict[str, Tensor]:
    """`causal_arrays` as tensors."""
    return {key: torch.from_numpy(array) for key, array in causal_arrays(rows, pad_id).items()}


def branch_mask(
    branch_ids: Tensor, position_ids: Tensor | None = None, window: int | None = None
) -> Tensor:
    """Who may look at whom: a boolean mask of shape (rows, 1, longest, longest).

    A token sees the prefix and its own branch, up to itself; with ``window``, only where the
    *positions* differ by less than it (``position_ids`` are needed for that alone). Padding sees
    itself too, so that no row is empty, and is seen by nothing else.
    """
    length = branch_ids.shape[1]
    order = torch.arange(length, device=branch_ids.device)
    causal = order[:, None] >= order[None, :]
    key, query = branch_ids[:, None, :], branch_ids[:, :, None]
    allowed = causal & ((key == 0) | (key == query)) & (key >= 0)
    if window is not None and position_ids is not None:
        allowed &= position_ids[:, :, None] - position_ids[:, None, :] < window
    allowed |= torch.eye(length, dtype=torch.bool, device=branch_ids.device)
    return allowed[:, None]


def seq2seq_batch(rows: Sequence[Row], pad_id: int, start_id: int) -> dict[str, Tensor]:
    """Tensors of ``rows`` for an encoder-decoder.

    ``input_ids, attention_mask`` (rows, longest source). A row's branches stand behind one
    another in its decoder row, each begun by ``start_id`` and its marker, which is outside the
    loss: ``decoder_input_ids`` and ``branch_ids`` (rows, longest decoder row), where branches
    count from 1 and padding is −1. Targets as in `causal_arrays`.
    """
    source_length = max(len(row.prefix) for row in rows)
    input_ids = torch.full((len(rows), source_length), pad_id, dtype=torch.long)
    attention = torch.zeros_like(input_ids)
    longest = max(sum(len(b.marker) + len(b.target) for b in row.branches) for row in rows)
    decoder = torch.full((len(rows), longest), pad_id, dtype=torch.long)
    branch_ids = torch.full_like(decoder, -1)
    targets = Targets()
    for r, row in enumerate(rows):
        input_ids[r, : len(row.prefix)] = torch.tensor(row.prefix, dtype=torch.long)
        attention[r, : len(row.prefix)] = 1
        at = 0
        for b, branch in enumerate(row.branches, 1):
            tokens = (start_id, *branch.marker, *branch.target)[:-1]
            end = at + len(tokens)
            decoder[r, at:end] = torch.tensor(tokens, dtype=torch.long)
            branch_ids[r, at:end] = b
            targets.add(branch, range(r * longest + at + len(branch.marker), r * longest + end))
            at = end
    return {
        "input_ids": input_ids,
        "attention_mask": attention,
        "decoder_input_ids": decoder,
        "branch_ids": branch_ids,
        **{key: torch.from_numpy(array) for key, array in targets.arrays().items()},
    }


def left_padded(sequences: Sequence[Sequence[int]], pad_id: int) -> dict[str, Tensor]:
    """``input_ids`` and ``attention_mask`` (sequences, longest), padded on the left so that
    generation continues where the text ends.
    """
    longest = max(len(sequence) for sequence in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id, dtype=torch.long)
    attention = torch.zeros_like(input_ids)
    for row, sequence in enumerate(sequences):
        input_ids[row, longest - len(sequence) :] = torch.tensor(sequence, dtype=torch.long)
        attention[row, longest - len(sequence) :] = 1
    return {"input_ids": input_ids, "attention_mask": attention}
