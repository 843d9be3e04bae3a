"""What a damaged file of each kind is called: the checks on student folders, GGUF headers, stores
and Parquet columns, one by one. `test_fuzz.py` looks for what they miss."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from teachback.cli import cli
from teachback.config import parse_config
from teachback.datasets import read_examples
from teachback.errors import ConfigError, DataError, ReferenceError_, StoreError, TeachbackError
from teachback.explaining.counts import SELECTION_FILE
from teachback.modelfiles.header import require_whole
from teachback.records import Completion, Cost, Message, Prediction, Request
from teachback.runs.evaluations import read_evaluation, write_evaluation
from teachback.store import CompletionStore
from teachback.students.card import StudentCard
from teachback.students.load import load
from teachback.students.weights import resolve
from tiny import tiny_causal
from tiny_gguf import tiny_gguf
from tiny_run import question

# ------------------------------------------------------------------ the student's card


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base", None),
        ("base", 5),
        ("family", "mixture"),
        ("task_marker", "both"),
        ("answer_format", "Text"),
        ("objective", 3),
        ("alpha", "0.5"),
        ("seed", 1.5),
        ("max_source_tokens", 0),
        ("max_source_tokens", "512"),
        ("max_target_tokens", -1),
        ("max_target_tokens", 10**400),
        ("way", "adaptive"),
        ("way", ["direct"]),
        ("kind", "essay"),
        ("labels", "yes"),
        ("labels", [1]),
        ("valid", {"direct": "high"}),
        ("valid", [0.5]),
    ],
)
def test_a_field_of_a_student_card(tmp_path: Path, field: str, value: object) -> None:
    StudentCard("base", kind="label", labels=("a", "b")).save(tmp_path)
    card = tmp_path / "teachback.json"
    card.write_text(json.dumps(json.loads(card.read_text("utf-8")) | {field: value}), "utf-8")
    with pytest.raises(TeachbackError) as caught:
        StudentCard.load(tmp_path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(card) in line
    # The two lengths are refused together.
    assert field in line or "lengths in tokens" in line or "too large" in line


def test_a_card_that_is_no_object(tmp_path: Path) -> None:
    for content in ("[]", "{", '{"base": "x"} {}', "null", "\x00", "[" * 100_000):
        (tmp_path / "teachback.json").write_text(content, "utf-8")
        with pytest.raises(DataError, match=r"teachback\.json"):
            StudentCard.load(tmp_path)


# ------------------------------------------------------------------ a student's folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_causal(tmp_path_factory.mktemp("sound") / "tiny", "llama")


def rewritten(file: Path, change: Callable[[Any], Any]) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text("utf-8")))), "utf-8")


@pytest.mark.parametrize(
    "named", [3, None, ["model.safetensors"], {}, "../model.safetensors", "model.bin", ""]
)
def test_an_index_names_files_in_its_folder(sound: Path, tmp_path: Path, named: object) -> None:
    folder = shutil.copytree(sound, tmp_path / "shards")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model.safetensors", "b": named}}), "utf-8")
    with pytest.raises(ReferenceError_, match="must give each weight a file's name"):
        resolve(str(folder))
    index.write_text('{"weight_map": 5}', "utf-8")
    with pytest.raises(ReferenceError_, match="must give each weight a file's name"):
        resolve(str(folder))


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "generation_config.json", "adapter_config.json", "vocab.txt"]
)
def test_no_file_beside_the_weights_fills_the_memory(
    sound: Path, tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(sound, tmp_path / "large")
    with open(folder / name, "wb") as file:
        file.truncate(10 << 30)  # of nothing, which takes no room on the disk
    with pytest.raises(ReferenceError_, match=rf"{name} is larger than 256 MiB"):
        resolve(str(folder))


def foreign_token(folder: Path) -> None:
    """The tokenizer has an end token that the model lacks."""
    rewritten(folder / "tokenizer_config.json", lambda c: c | {"eos_token": "<none of the model>"})


def complex_scale(folder: Path) -> None:
    """A configuration from which a model can be built, and not computed."""
    rewritten(folder / "config.json", lambda c: c | {"head_dim": 12, "num_attention_heads": 5})


def own_architecture(folder: Path) -> None:
    rewritten(folder / "config.json", lambda c: c | {"model_type": "unheard-of"})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("damage", [foreign_token, complex_scale, own_architecture])
def test_what_can_be_built_and_not_used_is_no_student(
    sound: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = shutil.copytree(sound, tmp_path / "foreign")
    load(folder)  # sound, so far
    damage(folder)
    with pytest.raises(ReferenceError_, match="foreign: ") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
def test_an_adapter_that_wants_a_package_that_nobody_has(sound: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(sound)
    lora = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    get_peft_model(model, lora).save_pretrained(tmp_path / "adapter")
    load(tmp_path / "adapter")
    rewritten(
        tmp_path / "adapter" / "adapter_config.json",
        lambda config: config | {"megatron_config": {"a": 1}, "megatron_core": "megatron.core"},
    )
    with pytest.raises(ReferenceError_, match="megatron"):
        load(tmp_path / "adapter")


# ------------------------------------------------------------------ GGUF


def header(tensors: int, keys: int) -> bytes:
    return struct.pack("<4sIQQ", b"GGUF", 3, tensors, keys)


def key(name: str, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + value


def tensor(name: str, *shape: int, rank: int | None = None, kind: int = 0, at: int = 0) -> bytes:
    counts = struct.pack(f"<{len(shape)}Q", *shape)
    start = struct.pack("<Q", len(name)) + name.encode()
    return (
        start
        + struct.pack("<I", len(shape) if rank is None else rank)
        + counts
        + struct.pack("<IQ", kind, at)
    )


BLOCKS = "llama.block_count"
TEXT, ARRAY = 8, 9


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(header(0, 0), id="no tensors"),
        pytest.param(header(0, 0) + bytes(10_000), id="no tensors, zeros"),
        pytest.param(header(2**62, 0) + tensor("t", 1), id="tensors without end"),
        pytest.param(header(1, 2**62) + tensor("t", 1), id="keys without end"),
        pytest.param(header(1, 1) + key("a", TEXT, struct.pack("<Q", 2**62)), id="a long text"),
        pytest.param(
            header(1, 1) + key("a", ARRAY, struct.pack("<IQ", 4, 2**62)), id="a long array"
        ),
        pytest.param(
            header(1, 1) + key("a", ARRAY, struct.pack("<IQ", TEXT, 2**62)), id="array of texts"
        ),
        pytest.param(
            header(1, 1) + key("a", ARRAY, struct.pack("<IQ", ARRAY, 2)), id="array of arrays"
        ),
        pytest.param(header(1, 1) + key("a", 99, bytes(8)), id="a value of no kind"),
        pytest.param(
            header(1, 1)
            + key(BLOCKS, 4, struct.pack("<I", 2**32 - 1))
            + tensor("t", 8)
            + bytes(32),
            id="layers without end",
        ),
        pytest.param(header(1, 0) + tensor("t", 8, rank=2**31), id="a rank without end"),
        pytest.param(header(1, 0) + tensor("t", 1, 1, 1, 1, 1) + bytes(64), id="rank 5"),
        pytest.param(header(1, 0) + tensor("t", 2**62, 2**62), id="a shape without end"),
        pytest.param(header(1, 0) + tensor("t", 8, at=2**62), id="a tensor beyond the end"),
        pytest.param(header(1, 0) + tensor("t", 8), id="a tensor without values"),
        pytest.param(header(1, 0)[:-4], id="half a header"),
    ],
)
def test_a_gguf_header_that_cannot_be(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "w.gguf"
    file.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ReferenceError_, match=r"w\.gguf is incomplete") as caught:
        require_whole(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    assert "\n" not in str(caught.value)


def test_a_gguf_header_that_can_be(tmp_path: Path) -> None:
    require_whole(tiny_gguf(tmp_path / "tiny.gguf"))
    plain = tmp_path / "plain.gguf"
    plain.write_bytes(header(1, 0) + tensor("t", 8) + bytes(32 + 32))
    require_whole(plain)


# ------------------------------------------------------------------ the store

FOREIGN = (
    None, 5, -1, 2**62, 1.5, float("inf"), b"\xff\xfe", "", "[", "[[1]]", "[" * 5000,
    '[["user", 5]]', "[null, 1, 5, []]", '[0.0, 1.0, "x", []]',
)  # fmt: skip
"""Values that teachback never writes into one column or another."""


def columns(file: Path) -> list[tuple[str, str]]:
    db = sqlite3.connect(file)
    names = [
        (table, row[1])
        for table in ("reply", "shared")
        for row in db.execute(f"PRAGMA table_info({table})")
    ]
    db.close()
    return names


def test_any_value_in_any_column_of_a_store(tmp_path: Path) -> None:
    """It is read as what it is, or the store is called damaged; nothing else is ever raised."""
    sound = tmp_path / "sound.sqlite"
    with CompletionStore(sound) as store:
        for number in range(3):
            asked = Request(
                example_id=f"q{number}",
                kind="cote",
                prefix=(Message("system", "Explain."),),
                messages=(Message("user", f"Why {number}?"),),
            )
            store.put("m", asked, Completion("Because.", tokens_in=1, tokens_out=2))
        assert len(list(store)) == 3
    names = columns(sound)
    assert len(names) > 8
    refused: list[str] = []
    for table, column in names:
        for value in FOREIGN:
            file = shutil.copy(sound, tmp_path / "damaged.sqlite")
            db = sqlite3.connect(file, isolation_level=None)
            try:
                db.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
            except sqlite3.Error:
                continue  # the table's own checks do not let it in
            finally:
                db.close()
            try:
                with CompletionStore(file, read_only=True) as store:
                    list(store)
            except StoreError as error:
                refused.append(str(error))
    assert len(refused) > 20
    assert all("damaged" in line and "\n" not in line for line in refused)


# ------------------------------------------------------------------ Parquet


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_column_that_nobody_reads_may_be_of_any_type(tmp_path: Path, unit: str) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [question(number) for number in range(3)]
    table = pa.Table.from_pylist(rows)
    sound = tmp_path / "sound.parquet"
    pq.write_table(table, sound)
    most = (
        10**12 if unit == "s" else 2**61
    )  # a Parquet file has no seconds, and holds 1000 times it
    odd = {
        # Python's own dates have no nanoseconds and end with the year 9999.
        "asked_at": pa.array([most + 1, 1, None], pa.timestamp(unit)),
        "took": pa.array([1, most + 1, None], pa.duration(unit)),
        "blob": pa.array([b"\xff\xfe", b"", None], pa.binary()),
        "half": pa.array([1.5, float("nan"), None], pa.float32()),
        "pairs": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    }
    for name, column in odd.items():
        table = table.append_column(name, column)
    pq.write_table(table, tmp_path / "odd.parquet")
    assert read_examples(tmp_path / "odd.parquet") == read_examples(sound)


def test_a_date_is_no_answer_and_elsewhere_the_text_of_it(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    times = pa.array([10**18 + n for n in range(3)], pa.timestamp("ns"))
    for name in ("id", "question", "group"):
        table = pa.Table.from_pylist([{**question(number), "group": "g"} for number in range(3)])
        table = table.set_column(table.column_names.index(name), name, times)
        pq.write_table(table, tmp_path / "odd.parquet")
        first = read_examples(tmp_path / "odd.parquet")[0]
        said = {"id": first.id, "question": first.question, "group": first.group}[name]
        assert said == "2001-09-09 01:46:40.000000000"
    table = pa.Table.from_pylist([question(number) for number in range(3)])
    table = table.set_column(table.column_names.index("answer"), "answer", times)
    pq.write_table(table, tmp_path / "odd.parquet")
    with pytest.raises(DataError, match=r"odd\.parquet") as caught:
        read_examples(tmp_path / "odd.parquet")
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------ TOML


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("x = " + "[" * 100_000, "not valid TOML"),
        ("x = " + "{a=" * 100_000, "not valid TOML"),
        ("[" + ".".join("a" * 100_000) + "]", "nested too deeply"),
        ("[" + ".".join("a" * 60) + "]", "nested too deeply"),
        ("x = " + "[" * 400 + "]" * 400, "nested too deeply"),
        ('train = "a\\u0000b"', "NUL"),
        ("train = 'a\0b'", "not valid TOML"),
        ('train = "' + "n" * 300 + '"', ""),
        ("train = " + "9" * 5000, "not valid TOML"),
        ("size = " + "9" * 400, ""),
        ("size = 1e400", ""),
    ],
    ids=[
        "lists",
        "tables",
        "dotted",
        "a few",
        "closed",
        "nul",
        "raw nul",
        "long name",
        "digits",
        "big",
        "infinite",
    ],
)
@pytest.mark.parametrize("command", ["run", "study"])
def test_toml_that_goes_too_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, line: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    table = "[data]" if command == "run" else "[[dataset]]\nname = 'd'\ntest = 'test.jsonl'"
    rest = "" if line.startswith("train") else "train = 'train.jsonl'\n"
    (tmp_path / "f.toml").write_text(f"{table}\n{rest}{line}\n", "utf-8")
    ended = CliRunner().invoke(cli, [command, "f.toml", "-o", "out"])
    assert ended.exit_code == 2, (ended.output, ended.exception)
    (told,) = ended.stderr.splitlines()
    assert told.startswith("teachback: ")
    assert says in told
    assert len(told) < 1000
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------ found by 20,000 mutations


def test_half_a_surrogate_pair_in_a_recording_is_read(tmp_path: Path) -> None:
    """JSON can carry it; neither SQLite nor a UTF-8 file can."""
    row = {"id": "a", "teacher": "big\ud800", "given_answer": False, "text": "So \ud800 it is."}
    (tmp_path / "rec.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    data = {"id": "a", "question": "Is rain wet?", "answer": "yes"}
    (tmp_path / "data.jsonl").write_text(json.dumps(data) + "\n", "utf-8")
    words = ["generate", str(tmp_path / "data.jsonl"), "-o", str(tmp_path / "out")]
    words += ["--teacher", f"recorded:{tmp_path / 'rec.jsonl'}", "--strategy", "cote"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert "big?" in (tmp_path / "out" / "rejections.jsonl").read_text("utf-8")


@pytest.mark.parametrize(
    "counts",
    [
        {"kept": 9},
        {"explained_examples": 9},
        {"agreement": [9, 1]},
        {"rp_contradictions": [-1, 1]},
        {"yield_per_label": {"A": [9, 1]}},
    ],
)
def test_counts_larger_than_their_whole_are_refused(counts: dict[str, Any]) -> None:
    sound = {"strategy": "cote", "examples": 2, "asked": 2, "kept": 1, "explained_examples": 1}
    assert SELECTION_FILE.of_row({"version": 1, **sound}, "selection.json").kept == 1
    with pytest.raises(DataError) as caught:
        SELECTION_FILE.of_row({"version": 1, **sound, **counts}, "selection.json")
    assert str(caught.value) == (
        "selection.json: some of its counts are larger than what they are part of"
    )


@pytest.mark.parametrize(
    ("section", "key"), [("teacher", "samples"), ("teacher", "max_tokens"), ("train", "batch_size")]
)
def test_an_absurd_count_is_refused_at_once(section: str, key: str) -> None:
    values = {"data": {"train": "x.jsonl"}, section: {key: 10**60}}
    with pytest.raises(ConfigError, match=key):
        parse_config(values, source="c.toml", folder=Path())


def test_costs_of_a_system_that_was_not_evaluated(tmp_path: Path) -> None:
    answers = [Prediction(f"q{n}", "yes", "yes", correct=True, unparsed=False) for n in range(3)]
    write_evaluation(tmp_path, {"student": answers}, {}, "direct", "yes-no")
    assert list(read_evaluation(tmp_path).metrics) == ["student"]
    damaged = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    damaged["cost_per_1000"] = {"stranger": asdict(Cost(1.0, 0.0, None, None, 0))}
    (tmp_path / "metrics.json").write_text(json.dumps(damaged), "utf-8")
    with pytest.raises(DataError, match="'cost_per_1000' names a system that was not evaluated"):
        read_evaluation(tmp_path)
