"""Tiny students with random weights, made in a second, for tests of both model families.

Each function writes a folder in the Hugging Face format (safetensors and tokenizer) that
loads like a real student. Bytes are the tokens, so no vocabulary file is needed. There is
no dropout, so that a loss can be computed twice and compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from transformers import (
    ByT5Tokenizer,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

Family = Literal["gemma3", "qwen3", "llama"]

PAD, EOS, BOS = "<pad>", "<eos>", "<bos>"
"""The causal tokenizer's special tokens, ids 0, 1 and 2; the 256 bytes follow."""


def tiny_t5(folder: str | Path, version: Literal["1.0", "1.1"] = "1.0", seed: int = 0) -> Path:
    """A T5 of about 100,000 parameters with ByT5's byte tokenizer.

    Version 1.0 has one matrix for input and output and a ReLU; 1.1 has two and a gated GELU.
    """
    tokenizer = ByT5Tokenizer(extra_ids=125)
    shape = (
        {"feed_forward_proj": "relu", "tie_word_embeddings": True}
        if version == "1.0"
        else {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
    )
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=48,
        d_kv=12,
        d_ff=96,
        num_layers=2,
        num_decoder_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        decoder_start_token_id=0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **shape,
    )
    return _save(T5ForConditionalGeneration, config, tokenizer, folder, seed)


def tiny_causal(
    folder: str | Path,
    family: Family = "gemma3",
    seed: int = 0,
    layers: int = 2,
    merges: Sequence[tuple[str, str]] = (),
) -> Path:
    """A causal model of about 100,000 parameters with a tokenizer of bytes.

    ``gemma3`` has one layer with a sliding window of 16 tokens and one with full attention,
    so that a test meets the window with texts of a few words; with six ``layers`` or more, each
    sixth has full attention, as in Google's own. ``bos`` is put in front of a
    text, except for ``qwen3``, whose tokenizers have none.
    """
    tokenizer = byte_tokenizer(family != "qwen3", merges)
    common: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 12,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
        "attention_dropout": 0.0,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.bos_token_id,
    }
    if family == "gemma3":
        config = Gemma3TextConfig(
            **common,
            sliding_window=16,
            layer_types=[
                "full_attention" if n % 6 == 5 or layers == 2 == n + 1 else "sliding_attention"
                for n in range(layers)
            ],
            query_pre_attn_scalar=12,
        )
        return _save(Gemma3ForCausalLM, config, tokenizer, folder, seed)
    if family == "qwen3":
        return _save(Qwen3ForCausalLM, Qwen3Config(**common), tokenizer, folder, seed)
    return _save(LlamaForCausalLM, LlamaConfig(**common), tokenizer, folder, seed)


def tiny_other(folder: str | Path, kind: Literal["gpt2", "mamba"]) -> Path:
    """A causal model of a type whose rows cannot be shared: with attention, or recurrent."""
    tokenizer = byte_tokenizer()
    special = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    common: dict[str, Any] = {"vocab_size": len(tokenizer), **special}
    if kind == "gpt2":
        dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        gpt2 = GPT2Config(**common, **dropout, n_embd=48, n_layer=2, n_head=4)
        return _save(GPT2LMHeadModel, gpt2, tokenizer, folder, seed=0)
    mamba = MambaConfig(**common, hidden_size=48, num_hidden_layers=2, state_size=8)
    return _save(MambaForCausalLM, mamba, tokenizer, folder, seed=0)


def byte_tokenizer(
    add_bos: bool = True, merges: Sequence[tuple[str, str]] = ()
) -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are the 256 bytes, what ``merges`` make of them, and `PAD`, `EOS`,
    `BOS` (ids 0 to 2)."""
    vocabulary = {PAD: 0, EOS: 1, BOS: 2}
    for character in sorted(ByteLevel.alphabet()):
        vocabulary[character] = len(vocabulary)
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    if add_bos:
        tokenizer.post_processor = TemplateProcessing(
            single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, vocabulary[BOS])]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        bos_token=BOS if add_bos else None,
        clean_up_tokenization_spaces=False,
    )


def _save(
    model_class: type[PreTrainedModel], config: Any, tokenizer: Any, folder: str | Path, seed: int
) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = model_class(config)
        if isinstance(model, T5ForConditionalGeneration) and config.is_gated_act:
            # T5Config ties the two matrices whatever it is told; released 1.1 weights differ.
            model.lm_head.weight = torch.nn.Parameter(
                torch.randn_like(model.shared.weight) * config.d_model**-0.5
            )
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return Path(folder)
