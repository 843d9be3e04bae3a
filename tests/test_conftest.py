"""What the other tests rely on: the blocked network, the cache, the tiny students."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from urllib.request import urlopen

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from conftest import NetworkBlockedError
from tiny import tiny_causal, tiny_t5

TEXT = "Héllo, wörld! 日本\nA  b {}<"


def test_the_network_is_blocked_and_this_machine_is_not() -> None:
    with pytest.raises(NetworkBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(NetworkBlockedError):
        urlopen("http://example.com")
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()


def test_the_network_is_blocked_for_async_code() -> None:
    with pytest.raises(NetworkBlockedError):
        asyncio.run(asyncio.open_connection("192.0.2.1", 80))


def test_the_cache_is_a_temporary_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert tmp_path_factory.getbasetemp() in Path(os.environ["TEACHBACK_CACHE"]).parents


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_tiny_t5_loads_and_keeps_every_character(version: str, tmp_path: Path) -> None:
    folder = tiny_t5(tmp_path, version)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    ids = tokenizer(TEXT).input_ids
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(ids, skip_special_tokens=True) == TEXT
    assert 50_000 < model.num_parameters() < 200_000
    tied = torch.equal(model.lm_head.weight, model.shared.weight)
    assert tied == (version == "1.0")


@pytest.mark.parametrize("family", ["gemma3", "qwen3", "llama"])
def test_a_tiny_causal_student_loads_and_keeps_every_character(family: str, tmp_path: Path) -> None:
    folder = tiny_causal(tmp_path / "a", family)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.config.model_type.startswith(family)
    ids = tokenizer(TEXT).input_ids
    assert (ids[0] == 2) == (family != "qwen3")
    assert len(ids) == len(TEXT.encode()) + (family != "qwen3")
    assert tokenizer.decode(ids, skip_special_tokens=True) == TEXT
    assert 40_000 < model.num_parameters() < 200_000
    logits = model(torch.tensor([ids])).logits
    same = AutoModelForCausalLM.from_pretrained(tiny_causal(tmp_path / "b", family))
    other = AutoModelForCausalLM.from_pretrained(tiny_causal(tmp_path / "c", family, seed=1))
    assert torch.equal(same(torch.tensor([ids])).logits, logits)
    assert not torch.equal(other(torch.tensor([ids])).logits, logits)
