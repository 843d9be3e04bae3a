"""Operation counts: the floating-point operations of the matrix products that a scheme needs.

Counted from the shapes that a scheme really computed, padding included, which each measured
process reports per microbatch. Per token of a layer 2 operations per weight; attention
2 · 2 · heads · head size · queries · keys; the output layer 2 · width · vocabulary at every
position where the scheme computes it. Backward: twice forward where weights are trained; once
where they are frozen (LoRA: gradients of the inputs only, plus the adapters themselves);
attention, which has no weights, always twice. Recomputation (gradient checkpointing, an output
layer computed again in backward) is counted where a scheme has it. Not counted: everything
that is not a matrix product, the optimiser, and the loading of weights from memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Tuning = Literal["full", "lora", "none"]
"""What is trained; ``none`` is a forward pass alone."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one microbatch puts through the model. ``positions``: of the output layer."""

    rows: int
    length: int
    positions: int
    decoder_rows: int = 0
    decoder_length: int = 0

    @classmethod
    def of(cls, values: dict[str, int]) -> Shape:
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Extra:
    """Forward passes that a scheme repeats in backward: of the layers, of the output layer."""

    layers: int = 0
    head: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """Tokens through matrices: ``weights`` per token, adapters ``adapted`` per token."""

    tokens: int
    weights: int
    adapted: int


def _times(tuning: Tuning, repeated: int) -> tuple[int, int, int]:
    """How often the forward product is done: by base weights, adapters, attention."""
    if tuning == "none":
        return 1, 0, 1
    base = 3 if tuning == "full" else 2
    return base + repeated, 3 + repeated if tuning == "lora" else 0, 3 + repeated


def causal(
    config: Any, shapes: Iterable[Shape], tuning: Tuning, extra: Extra = Extra(), rank: int = 16
) -> float:
    """Operations of a decoder-only model (Gemma 3, Llama, Qwen: gated feed-forward)."""
    hidden, inner = config.hidden_size, config.intermediate_size
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    matrices = [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)]
    matrices += [(hidden, inner), (hidden, inner), (inner, hidden)]
    layers = config.num_hidden_layers
    total = 0.0
    for shape in shapes:
        part = _Part(shape.rows * shape.length, *_sizes(matrices, rank))
        scores = 4 * queries * shape.rows * shape.length**2
        total += layers * _layer(part, scores, tuning, extra.layers)
        total += _head(hidden * config.vocab_size, shape.positions, tuning, extra.head)
    return total


def t5(
    config: Any, shapes: Iterable[Shape], tuning: Tuning, extra: Extra = Extra(), rank: int = 16
) -> float:
    """Operations of a T5: the keys and values of the cross-attention are computed from
    each encoder row for every decoder row that reads it, unless they share the row.
    """
    width, inner, feed = config.d_model, config.num_heads * config.d_kv, config.d_ff
    gates = 2 if config.is_gated_act else 1
    attention = [(width, inner)] * 3 + [(inner, width)]
    forward = [(width, feed)] * gates + [(feed, width)]
    total = 0.0
    for shape in shapes:
        tokens = shape.rows * shape.length
        part = _Part(tokens, *_sizes(attention + forward, rank))
        scores = 4 * inner * shape.rows * shape.length**2
        total += config.num_layers * _layer(part, scores, tuning, extra.layers)
        written = shape.decoder_rows * shape.decoder_length
        own = _sizes([*attention, (width, inner), (inner, width), *forward], rank)
        read = shape.decoder_rows * shape.length
        scores = 4 * inner * shape.decoder_rows * shape.decoder_length**2
        scores += 4 * inner * shape.decoder_rows * shape.decoder_length * shape.length
        layer = _layer(_Part(written, *own), scores, tuning, extra.layers)
        layer += _layer(_Part(read, *_sizes([(width, inner)] * 2, rank)), 0, tuning, extra.layers)
        total += config.num_decoder_layers * layer
        total += _head(width * config.vocab_size, shape.positions, tuning, extra.head)
    return total


def _sizes(matrices: list[tuple[int, int]], rank: int) -> tuple[int, int]:
    return sum(a * b for a, b in matrices), sum(rank * (a + b) for a, b in matrices)


def _layer(part: _Part, scores: float, tuning: Tuning, repeated: int) -> float:
    base, adapters, attention = _times(tuning, repeated)
    linear = 2 * part.tokens * (base * part.weights + adapters * part.adapted)
    return linear + attention * scores


def _head(weights: int, positions: int, tuning: Tuning, repeated: int) -> float:
    """The output layer; frozen under LoRA, where only its input has a gradient."""
    return _times(tuning, repeated)[0] * 2 * weights * positions
