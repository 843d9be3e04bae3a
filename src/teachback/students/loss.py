"""Cross-entropy at the targets without ever holding all logits.

A vocabulary of 262,144 makes a megabyte of float32 logits per target token, so writing,
normalising and differentiating them takes longer than the model itself. Here a block of
targets at a time goes through the output layer, and its gradient, softmax(z) − onehot, is
taken at once and in the logits' place; the same numbers, in another order of work. (The idea
of a chunked, fused linear cross-entropy is known from Liger Kernel and Cut Cross-Entropy;
this is plain torch.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

BLOCK_BYTES = 256 * 2**20
"""Logits held at once. Fewer mean reading the output layer, and adding to its gradient, more
often: on a CPU 128 targets at a time took twice as long as 512."""
_CACHED = {"cpu": 2**20}
"""Logits normalised at once on a device where that should happen in its cache: 4 MiB."""
VOCABULARY_BLOCK = 2**11
"""Rows of the output layer multiplied at once where little is kept of their logits: a CPU's cache
holds so many."""
_HEAD_ROWS = 2**15
"""Rows of the output layer whose gradient is computed at once: bounds a temporary."""


class _WeightedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
        compute = _compute_dtype(hidden)
        table = head.detach().to(compute)
        inputs = hidden.detach().to(compute)
        for_hidden, for_head = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
        grad_hidden = torch.zeros_like(inputs) if for_hidden else None
        grad_head = torch.empty_like(head, dtype=torch.float32) if for_head else None
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        with torch.autocast(hidden.device.type, enabled=False):
            for begin, part, scores in _blocks(inputs, table):
                end = begin + len(part)
                slopes = weights[begin:end] if for_hidden or for_head else None
                losses = _losses(scores, ids[begin:end], slopes)
                total += (losses * weights[begin:end]).sum()
                if grad_hidden is not None:
                    _add_hidden_gradient(grad_hidden[begin:end], scores, table)
                if grad_head is not None:
                    _add_head_gradient(grad_head, scores, part, first=begin == 0)
        ctx.save_for_backward(grad_hidden, grad_head)
        ctx.dtypes = hidden.dtype, head.dtype
        return total

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        grad_hidden, grad_head = ctx.saved_tensors
        to_hidden, to_head = ctx.dtypes
        return (
            None if grad_hidden is None else (grad_hidden * upstream).to(to_hidden),
            None if grad_head is None else grad_head.mul_(upstream).to(to_head),
            None,
            None,
        )


def weighted_cross_entropy(hidden: Tensor, head: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """Σ weights · cross-entropy of ``ids`` under softmax(hidden · headᵀ); a scalar, float32.

    ``hidden`` (targets, width), ``head`` (vocabulary, width), ``ids`` and ``weights``
    (targets,). Differentiable once in ``hidden`` and ``head``.
    """
    total: Tensor = _WeightedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, head, ids, weights
    )
    return total


@torch.no_grad()
def cross_entropies(hidden: Tensor, head: Tensor, ids: Tensor, at: Tensor) -> Tensor:
    """Cross-entropy of each of ``ids`` (targets,) at the row ``at`` (targets,) of ``hidden``
    (positions, width), float32, shape (targets,); no gradient.

    A block of the vocabulary at a time, all positions at once: what its logits add to each
    position's sum is taken while a CPU's cache holds them.
    """
    if not len(ids):
        return torch.zeros(0, device=hidden.device)
    compute = _compute_dtype(hidden)
    inputs, table = hidden.to(compute), head.to(compute)
    size = VOCABULARY_BLOCK
    if hidden.device.type != "cpu":
        size = max(size, BLOCK_BYTES // (len(inputs) * 4))
    level = torch.full((len(inputs),), -torch.inf, device=hidden.device)
    total, own = torch.zeros_like(level), torch.zeros(len(ids), device=hidden.device)
    with torch.autocast(hidden.device.type, enabled=False):
        for begin in range(0, len(table), size):
            scores = (table[begin : begin + size] @ inputs.t()).float()
            inside = ((ids >= begin) & (ids < begin + len(scores))).nonzero()[:, 0]
            own[inside] = scores[ids[inside] - begin, at[inside]]
            # The sum of exp(score − level), its level raised where this block goes higher.
            higher = torch.maximum(level, scores.amax(0))
            total *= (level - higher).exp_()
            total += scores.sub_(higher).exp_().sum(0)
            level = higher
    return (total.log_() + level)[at] - own


def _losses(scores: Tensor, ids: Tensor, weights: Tensor | None) -> Tensor:
    """Cross-entropy of each row's own id, float32. With ``weights`` the slope of
    weight · cross-entropy takes the scores' place; without, the scores are spent.

    A few rows at a time, so that a CPU's cache holds them from the first step to the last,
    and step by step, since torch's logsumexp takes ten times as long on a CPU.
    """
    rows, width = scores.shape
    size = max(1, min(rows, _CACHED.get(scores.device.type, scores.numel()) // width))
    inplace = scores.dtype == torch.float32
    buffer = scores if inplace else scores.new_empty((size, width), dtype=torch.float32)
    losses = torch.empty(rows, dtype=torch.float32, device=scores.device)
    for begin in range(0, rows, size):
        end = min(begin + size, rows)
        shares = scores[begin:end] if inplace else buffer[: end - begin].copy_(scores[begin:end])
        own = ids[begin:end, None]
        shares.sub_(shares.amax(dim=1, keepdim=True))
        own_scores = shares.gather(1, own)
        total = shares.exp_().sum(dim=1, keepdim=True)
        losses[begin:end] = (total.log() - own_scores).squeeze(1)
        if weights is None:
            continue
        scale = weights[begin:end, None]
        shares.mul_(scale / total).scatter_add_(1, own, -scale)
        if not inplace:
            scores[begin:end].copy_(shares)
    return losses


def _add_hidden_gradient(gradient: Tensor, slopes: Tensor, table: Tensor) -> None:
    """``gradient`` += slopes · table, some rows of the table at a time: on a CPU that takes half
    the time of one product over a whole large vocabulary, whose numbers lie far apart.
    """
    # In bf16 each part would be rounded.
    parts = gradient.device.type == "cpu" and gradient.dtype == torch.float32
    size = _HEAD_ROWS if parts else len(table)
    for begin in range(0, len(table), size):
        gradient.addmm_(slopes[:, begin : begin + size], table[begin : begin + size])


def _add_head_gradient(gradient: Tensor, slopes: Tensor, inputs: Tensor, first: bool) -> None:
    """``gradient`` (float32) += slopesᵀ · inputs; at ``first`` it holds nothing yet."""
    for begin in range(0, len(gradient), _HEAD_ROWS):
        end = begin + _HEAD_ROWS
        own = slopes[:, begin:end].t() @ inputs
        if first:
            gradient[begin:end].copy_(own)
        else:
            gradient[begin:end].add_(own)


def _compute_dtype(hidden: Tensor) -> torch.dtype:
    """What a plain output layer would multiply in, here and now."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


def _blocks(inputs: Tensor, table: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """(first target, block of inputs, its scores in their own dtype); the scores are
    overwritten by the next block's.
    """
    size = max(1, min(len(inputs), BLOCK_BYTES // (len(table) * inputs.element_size())))
    raw = torch.empty((size, len(table)), dtype=inputs.dtype, device=inputs.device)
    for begin in range(0, len(inputs), size):
        part = inputs[begin : begin + size]
        scores = raw[: len(part)]
        torch.mm(part, table.t(), out=scores)
        yield begin, part, scores
