"""A tiny GGUF file with random weights, for the engines that run one in the process."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from tokenizers.pre_tokenizers import ByteLevel

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_gguf(file: Path, seed: int = 0) -> Path:
    """A Qwen2 of two layers whose tokens are the bytes, with a chat template."""
    rng = np.random.default_rng(seed)
    width, inner, layers, heads, groups = 64, 128, 2, 4, 2
    tokens = [*sorted(ByteLevel.alphabet()), "Ġt", "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    end = len(tokens) - 3
    writer = gguf.GGUFWriter(str(file), "qwen2")
    writer.add_name("tiny")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * end + [gguf.TokenType.CONTROL] * 3)
    writer.add_token_merges(["Ġ t"])
    writer.add_eos_token_id(end + 2)
    writer.add_pad_token_id(end)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)

    def matrix(name: str, *shape: int) -> None:
        writer.add_tensor(name, rng.normal(0, 0.3, shape).astype(np.float16))

    matrix("token_embd.weight", len(tokens), width)
    matrix("output.weight", len(tokens), width)
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    for layer in range(layers):
        block = f"blk.{layer}."
        writer.add_tensor(f"{block}attn_norm.weight", np.ones(width, np.float32))
        writer.add_tensor(f"{block}ffn_norm.weight", np.ones(width, np.float32))
        kv = width * groups // heads
        for name, rows in (("q", width), ("k", kv), ("v", kv)):
            matrix(f"{block}attn_{name}.weight", rows, width)
            writer.add_tensor(f"{block}attn_{name}.bias", np.zeros(rows, np.float32))
        matrix(f"{block}attn_output.weight", width, width)
        matrix(f"{block}ffn_gate.weight", inner, width)
        matrix(f"{block}ffn_up.weight", inner, width)
        matrix(f"{block}ffn_down.weight", width, inner)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
