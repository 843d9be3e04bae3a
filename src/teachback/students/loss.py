"""Cross-entropy at the targets without ever holding all logits.

A vocabulary of 262,144 makes a megabyte of float32 logits per target token, so writing,
normalising and differentiating them takes longer than the model itself. Here a block of
targets at a time goes through the output layer, and its gradient, softmax(z) − onehot, is
taken at once; the same numbers, in another order of work. (The idea of a chunked, fused
linear cross-entropy is known from Liger Kernel and Cut Cross-Entropy; this is plain torch.)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_BLOCK_ELEMENTS = 32 * 2**20
"""Logits held at once: 128 MiB in float32; fewer mean reading the output layer more often."""


class _WeightedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
        compute = _compute_dtype(hidden)
        table = head.detach().to(compute)
        inputs = hidden.detach().to(compute)
        for_hidden, for_head = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
        grad_hidden = torch.empty_like(inputs) if for_hidden else None
        grad_head = torch.zeros_like(head, dtype=torch.float32) if for_head else None
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        with torch.autocast(hidden.device.type, enabled=False):
            for begin, part, scores in _blocks(inputs, table):
                end = begin + len(part)
                own = ids[begin:end, None]
                losses, shares = _losses(scores, own)
                total += (losses * weights[begin:end]).sum()
                if grad_hidden is None and grad_head is None:
                    continue
                shares.scatter_add_(1, own, shares.new_full(own.shape, -1.0))
                slope = shares.mul_(weights[begin:end, None]).to(compute)
                if grad_hidden is not None:
                    torch.mm(slope, table, out=grad_hidden[begin:end])
                if grad_head is not None:
                    grad_head += slope.t() @ part
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
def cross_entropies(hidden: Tensor, head: Tensor, ids: Tensor) -> Tensor:
    """Cross-entropy of each target, float32, shape (targets,); no gradient."""
    compute = _compute_dtype(hidden)
    found = torch.empty(len(ids), dtype=torch.float32, device=hidden.device)
    with torch.autocast(hidden.device.type, enabled=False):
        for begin, part, scores in _blocks(hidden.to(compute), head.to(compute)):
            own = ids[begin : begin + len(part), None]
            found[begin : begin + len(part)] = _losses(scores, own)[0]
    return found


def _losses(scores: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each row's own id, and the softmax, which takes the scores' place.

    In place, step by step: torch's softmax and logsumexp take two and ten times as long on a
    CPU.
    """
    shares = scores.sub_(scores.amax(dim=1, keepdim=True))
    own_scores = shares.gather(1, own).squeeze(1)
    total = shares.exp_().sum(dim=1, keepdim=True)
    shares.div_(total)
    return total.squeeze(1).log() - own_scores, shares


def _compute_dtype(hidden: Tensor) -> torch.dtype:
    """What a plain output layer would multiply in, here and now."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


def _blocks(inputs: Tensor, table: Tensor) -> Any:
    """(first target, block of inputs, its float32 scores); the scores are overwritten by
    the next block's.
    """
    size = max(1, min(len(inputs), _BLOCK_ELEMENTS // len(table)))
    shape = (size, len(table))
    raw = torch.empty(shape, dtype=inputs.dtype, device=inputs.device)
    scores = (
        raw
        if inputs.dtype == torch.float32
        else torch.empty(shape, dtype=torch.float32, device=inputs.device)
    )
    for begin in range(0, len(inputs), size):
        part = inputs[begin : begin + size]
        rows = len(part)
        torch.mm(part, table.t(), out=raw[:rows])
        if scores is not raw:
            scores[:rows].copy_(raw[:rows])
        yield begin, part, scores[:rows]
