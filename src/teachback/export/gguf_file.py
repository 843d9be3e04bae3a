"""A causal student as a GGUF file for llama.cpp and Ollama, written through the package gguf."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from teachback.errors import UsageError
from teachback.export.config import WeightType
from teachback.export.gguf_vocabulary import write_vocabulary
from teachback.export.merged import beginning
from teachback.students.causal import CausalStudent

_TYPES: Mapping[WeightType, tuple[gguf.GGMLQuantizationType, gguf.LlamaFileType]] = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
_BLOCK = 32
"""Values that q8_0 scales together: a row must be a multiple of it."""

_Change = Callable[[str, NDArray[np.float32], Any], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class _Architecture:
    """What llama.cpp calls a model type, how its weights differ, and what it cannot say."""

    name: str
    tensors: gguf.MODEL_ARCH
    change: _Change
    problem: Callable[[Any], str | None]


def write_gguf(student: CausalStudent, file: Path, weights: WeightType, name: str) -> None:
    """Write ``student``, whose adapter was merged in float32, with weights of this type.

    Raises UsageError where llama.cpp would compute this model otherwise, or not at all.
    """
    config = student.model.config
    architecture = _ARCHITECTURES.get(config.model_type)
    if architecture is None:
        raise UsageError(
            f"models of type {config.model_type} cannot be written to GGUF here (those of "
            f"{', '.join(_ARCHITECTURES)} can): export --to merged"
        )
    problem = _scaled_positions(config) or architecture.problem(config)
    if problem:
        raise UsageError(f"{problem}, which a GGUF file cannot express: export --to merged")
    writer = gguf.GGUFWriter(str(file), architecture.name)
    try:
        kind, file_type = _TYPES[weights]
        writer.add_name(name)
        writer.add_file_type(file_type)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _write_shape(writer, config)
        write_vocabulary(
            writer, student.tokenizer, config.vocab_size, beginning(student) is not None
        )
        writer.add_chat_template(student.tokenizer.chat_template)
        _write_tensors(writer, student.model, architecture, kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _write_shape(writer: Any, config: Any) -> None:
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(_positions(config)["rope_theta"])
    if config.model_type == "gemma3_text":
        writer.add_sliding_window(config.sliding_window)


def _write_tensors(
    writer: Any, model: Any, architecture: _Architecture, kind: gguf.GGMLQuantizationType
) -> None:
    names = gguf.get_tensor_name_map(architecture.tensors, model.config.num_hidden_layers)
    tied = bool(model.config.tie_word_embeddings)
    for name, tensor in model.state_dict().items():
        if tied and name == "lm_head.weight":
            continue  # the embeddings again
        goal = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if goal is None:
            raise UsageError(f"llama.cpp has no place for the weight {name}: export --to merged")
        values = architecture.change(name, tensor.float().cpu().numpy(), model.config)
        own = gguf.GGMLQuantizationType.F32 if values.ndim == 1 else kind
        if own == gguf.GGMLQuantizationType.Q8_0 and values.shape[-1] % _BLOCK:
            own = gguf.GGMLQuantizationType.F16
        writer.add_tensor(goal, gguf.quants.quantize(values, own), raw_dtype=own)


def _unchanged(_name: str, values: NDArray[np.float32], _config: Any) -> NDArray[np.float32]:
    return values


def _one_more(name: str, values: NDArray[np.float32], _config: Any) -> NDArray[np.float32]:
    """Gemma multiplies by one more than its norms' weights, llama.cpp by the weights."""
    return values + 1 if name.endswith("norm.weight") else values


def _turned(name: str, values: NDArray[np.float32], config: Any) -> NDArray[np.float32]:
    """llama.cpp turns neighbouring values of a llama's queries and keys by their position, and
    transformers those that lie half a head apart."""
    heads = {
        "q_proj": config.num_attention_heads,
        "k_proj": config.num_key_value_heads,
    }.get(name.split(".")[-2])
    if heads is None:
        return values
    rows = values.shape[0]
    split = values.reshape(heads, 2, rows // heads // 2, *values.shape[1:])
    return split.swapaxes(1, 2).reshape(values.shape)


def _positions(config: Any) -> Mapping[str, Any]:
    """What its positions turn queries and keys by, in layers that see everything."""
    parameters: Mapping[str, Any] = config.rope_parameters
    own: Mapping[str, Any] = parameters.get("full_attention", parameters)
    return own


def _scaled_positions(config: Any) -> str | None:
    kind = _positions(config).get("rope_type", "default")
    return None if kind == "default" else f"its positions are scaled ({kind})"


def _gemma_problem(config: Any) -> str | None:
    """llama.cpp takes these for granted in every Gemma 3."""
    pattern = ["full_attention" if n % 6 == 5 else "sliding_attention" for n in range(999)]
    if config.layer_types != pattern[: config.num_hidden_layers]:
        return (
            "it is not a model with full attention in every sixth layer and a window in the others"
        )
    if config.rope_parameters["sliding_attention"]["rope_theta"] != 10000:
        return "its layers with a window count positions differently"
    if config.query_pre_attn_scalar != config.head_dim:
        return "its attention is scaled by something other than the head's size"
    if config.final_logit_softcapping or config.attn_logit_softcapping:
        return "it caps logits"
    return None


def _window_problem(config: Any) -> str | None:
    types = set(getattr(config, "layer_types", None) or ())
    return "some of its layers see only a window" if types - {"full_attention"} else None


_ARCHITECTURES: Mapping[str, _Architecture] = {
    "gemma3_text": _Architecture("gemma3", gguf.MODEL_ARCH.GEMMA3, _one_more, _gemma_problem),
    "llama": _Architecture("llama", gguf.MODEL_ARCH.LLAMA, _turned, _window_problem),
    "qwen2": _Architecture("qwen2", gguf.MODEL_ARCH.QWEN2, _unchanged, _window_problem),
    "qwen3": _Architecture("qwen3", gguf.MODEL_ARCH.QWEN3, _unchanged, _window_problem),
}
