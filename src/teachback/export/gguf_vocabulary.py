"""A tokenizer as GGUF files hold it, from ``tokenizer.json`` alone.

llama.cpp has its own tokenizers, chosen by a name in the file; whether the one chosen here makes
the same tokens is checked with every export (`teachback.export.token_checks`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import gguf

from teachback.errors import UsageError

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_UNUSED = -1000.0

_SPLITTERS = (
    (r"\p{N}{1,3}", "llama-bpe"),
    (r"|\p{N}|", "qwen2"),
    ('"Digits"', "smollm"),
)
"""What stands in the part of ``tokenizer.json`` that splits a text into words → llama.cpp's name
for a tokenizer that splits alike."""


def write_vocabulary(writer: Any, tokenizer: Any, size: int, begin: bool) -> None:
    """Write the tokens of ``tokenizer`` (a fast one) for a model of ``size`` embeddings; ``begin``:
    whether it puts a token before a text. Raises UsageError where llama.cpp has no such one."""
    whole = json.loads(tokenizer.backend_tokenizer.to_str())
    model = whole["model"]
    if model["type"] != "BPE":
        raise UsageError(
            f"a tokenizer of the type {model['type']} cannot be written to GGUF here: "
            "export --to merged"
        )
    if not model["merges"]:
        raise UsageError(
            "llama.cpp cannot read a tokenizer of single bytes, like this student's: export --to "
            "merged"
        )
    tokens = [f"[PAD{number}]" for number in range(size)]
    types = [gguf.TokenType.UNUSED] * size
    for token, number in model["vocab"].items():
        tokens[number] = token
        is_byte = model.get("byte_fallback") and _BYTE.fullmatch(token)
        types[number] = gguf.TokenType.BYTE if is_byte else gguf.TokenType.NORMAL
    for added in whole["added_tokens"]:
        tokens[added["id"]] = added["content"]
        special = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        types[added["id"]] = special
    pairs = [pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"]]
    if model.get("byte_fallback"):
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_add_space_prefix(_puts_space(whole))
        writer.add_token_list(tokens)
        writer.add_token_scores(_scores(model["vocab"], pairs, size))
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(_splitter(whole))
        writer.add_token_list(tokens)
        writer.add_token_merges([" ".join(pair) for pair in pairs])
    writer.add_token_types([int(kind) for kind in types])
    for add, number in (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
    ):
        if number is not None:
            add(number)
    writer.add_add_bos_token(begin)
    writer.add_add_eos_token(False)


def _scores(vocabulary: Mapping[str, int], pairs: list[list[str]], size: int) -> list[float]:
    """A token's score is the place of the merge that first makes it: llama.cpp merges the pair
    with the highest score, and tokenizers the one with the lowest rank."""
    made = (vocabulary.get(left + right) for left, right in pairs)
    first = dict.fromkeys(number for number in made if number is not None)
    scores = [_UNUSED] * size
    for rank, number in enumerate(first):
        scores[number] = -float(rank)
    return scores


def _puts_space(whole: Mapping[str, Any]) -> bool:
    """Whether a text gets a space in front, as sentencepiece's own tokenizers do."""
    return '"Prepend"' in json.dumps(whole.get("normalizer"))


def _splitter(whole: Mapping[str, Any]) -> str:
    written = json.dumps(whole.get("pre_tokenizer"), ensure_ascii=False).replace("\\\\", "\\")
    return next((name for sign, name in _SPLITTERS if sign in written), "gpt-2")
