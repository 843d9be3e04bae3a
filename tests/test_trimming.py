"""A base with fewer tokens: which are kept, that covered text stays as it is, and a run with it."""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from click.testing import CliRunner, Result
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE, Unigram

from conftest import SHARED_DATA
from teachback.cli import cli
from teachback.config import StudentConfig, TrainConfig
from teachback.datasets import read_examples
from teachback.errors import ConfigError, ReferenceError_
from teachback.modelfiles.wheels import KNOWN, cache_folder
from teachback.records import Example, Explanation
from teachback.students.conversion import converted_folder
from teachback.students.kept_tokens import BytePairs
from teachback.students.load import load
from teachback.students.student import Student
from teachback.students.trimmed_base import (
    TrimmedBase,
    byte_pairs,
    made,
    named_tokens,
    sha256_of_base,
    trimmed_folder,
)
from teachback.students.weights import resolve
from teachback.training.checkpoints import identity
from teachback.training.trimming import loss_on_new, vocabulary_of
from tiny import byte_tokenizer, tiny_causal, tiny_t5
from tiny_run import write_data

CONVERTED = converted_folder(KNOWN["gemma-3-270m"].sha256)
"""Of the user's own cache, read before the tests get theirs."""

MERGES = [("a", "b"), ("ab", "a"), ("b", "c"), ("ab", "c"), ("aba", "bc")]
"""``abc`` is ``ab`` + ``c``, since ``ab`` comes before ``bc``; ``ababc`` becomes ``ab``,
``abc``, so the last merge never happens."""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Models this small only lose by sharing their work out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def described(
    merges: Sequence[tuple[str, str]] = MERGES, characters: str = "abcd", **model: Any
) -> dict[str, Any]:
    tokens = [*characters, *(left + right for left, right in merges)]
    return {
        "model": {
            "type": "BPE",
            "vocab": {token: number for number, token in enumerate(tokens, 1)},
            "merges": [list(merge) for merge in merges],
            **model,
        },
        "added_tokens": [{"id": 0, "content": "<end>", "special": True}],
    }


def names(pairs: BytePairs, ids: Any) -> set[str]:
    return {pairs.texts[id_] for id_ in ids}


# ------------------------------------------------------------------ which tokens


def test_what_is_made_on_the_way_to_a_token_is_worked_out_by_rank() -> None:
    pairs = BytePairs(described(), "it")
    made_for = {token: names(pairs, pairs.made_for(id_)) for token, id_ in pairs.ids.items()}
    assert made_for["abc"] == {"a", "b", "c", "ab", "abc"}
    assert made_for["aba"] == {"a", "b", "ab", "aba"}
    assert made_for["bc"] == {"b", "c", "bc"}
    # a b a b c → ab ab c → ab abc: two tokens, and the merges never lead to it.
    assert made_for["ababc"] == {"ababc"}
    assert not pairs.is_reachable(pairs.ids["ababc"])
    assert made_for["<end>"] == {"<end>"}


def test_the_kept_are_closed_and_filled_in_the_tokenizer_s_order() -> None:
    pairs = BytePairs(described(byte_fallback=False), "it")
    ids = pairs.ids
    end, abc = ids["<end>"], ids["abc"]
    smallest = pairs.closed([end, abc])
    assert names(pairs, smallest) == {"<end>", "a", "b", "c", "d", "ab", "abc"}
    # Next in order: aba, which has all it is made of; then bc. ababc is never made.
    assert names(pairs, pairs.kept([end, abc], 8)) - names(pairs, smallest) == {"aba"}
    assert names(pairs, pairs.kept([end, abc], 9)) - names(pairs, smallest) == {"aba", "bc"}
    kept = pairs.kept([end, abc], 8)
    assert list(kept) == sorted(kept)


def test_a_size_that_is_too_small_or_trims_nothing_is_refused_with_the_number_needed() -> None:
    pairs = BytePairs(described(), "it")
    with pytest.raises(ConfigError, match=r"needs 7 of the 10 tokens of it: give at least that"):
        pairs.kept([0, pairs.ids["abc"]], 6)
    with pytest.raises(ConfigError, match="has 10 tokens, so nothing would be trimmed"):
        pairs.kept([0], 10)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"type": "Unigram"}, "of type Unigram, and only byte-pair"),
        ({"dropout": 0.1}, "sets dropout"),
        ({"end_of_word_suffix": "</w>"}, "sets end_of_word_suffix"),
    ],
)
def test_vocabularies_that_cannot_be_trimmed_exactly_are_refused(
    model: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        BytePairs(described(**model), "it")


# ------------------------------------------------------------------ covered text


def sentences(count: int, seed: int) -> list[str]:
    """Sentences of made-up words, some frequent and some rare, with figures and other scripts."""
    draw = random.Random(seed)
    parts = ["ka", "lo", "mi", "str", "en", "tion", "qu", "ver", "é", "ü", "th", "wort"]
    lexicon = random.Random(1)
    words = ["".join(lexicon.choices(parts, k=lexicon.randint(1, 4))) for _ in range(900)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    made_up = []
    for _ in range(count):
        own = draw.choices(words, weights, k=draw.randint(1, 12))
        if draw.random() < 0.2:
            own.append(draw.choice(["3.14", "ночь", "1984", "🙂", "\n", "a  b", "x=(y)"]))
        draw.shuffle(own)
        made_up.append(" ".join(own))
    return made_up


def trained(kind: Literal["bytes", "fallback", "words"]) -> Tokenizer:
    """A byte-pair tokenizer of 2,000 tokens: over bytes, over characters with bytes as the last
    resort (Gemma's form), or whole words first (Llama 3's form)."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    if kind == "fallback":
        tokenizer = Tokenizer(BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        special += [f"<0x{byte:02X}>" for byte in range(256)]
        alphabet: list[str] = []
        tokenizer.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        )
    else:
        tokenizer = Tokenizer(BPE(ignore_merges=kind == "words"))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=special,
        initial_alphabet=alphabet,
        show_progress=False,
        limit_alphabet=60 if kind == "fallback" else 1000,
    )
    tokenizer.train_from_iterator(sentences(3000, 0), trainer)
    return tokenizer


@pytest.mark.parametrize("kind", ["bytes", "fallback", "words"])
def test_covered_texts_have_the_same_tokens_and_others_lose_nothing(
    kind: Literal["bytes", "fallback", "words"],
) -> None:
    whole = trained(kind)
    if kind == "fallback":
        # Bytes that the trainer took for special tokens are none.
        plain = json.loads(whole.to_str())
        plain["added_tokens"] = plain["added_tokens"][:4]
        whole = Tokenizer.from_str(json.dumps(plain))
    pairs = BytePairs(json.loads(whole.to_str()), "it")
    needed = {id_ for text in sentences(40, 2) for id_ in whole.encode(text).ids}
    kept = pairs.kept({0, 1, 2, 3} | needed, 900)
    assert len(kept) == 900
    trimmed = Tokenizer.from_str(json.dumps(pairs.trimmed(kept)))
    assert trimmed.get_vocab_size() == 900
    covered = 0
    texts = sentences(6000, 3)
    for text in texts:
        before, after = whole.encode(text).ids, trimmed.encode(text).ids
        if set(before) <= set(kept):
            covered += 1
            assert [kept[id_] for id_ in after] == before, text
        assert trimmed.decode(after) == whole.decode(before) == text
    assert len(texts) / 4 < covered < len(texts)


def test_without_closing_the_same_texts_become_different_tokens() -> None:
    """The test above can fail: the needed tokens alone are not enough."""
    whole = trained("bytes")
    pairs = BytePairs(json.loads(whole.to_str()), "it")
    needed = {id_ for text in sentences(40, 2) for id_ in whole.encode(text).ids}
    bare = tuple(sorted(needed | pairs.fallback | {0, 1, 2, 3}))
    trimmed = Tokenizer.from_str(json.dumps(pairs.trimmed(bare)))
    assert any(
        [bare[id_] for id_ in trimmed.encode(text).ids] != whole.encode(text).ids
        for text in sentences(40, 2)
    )


@pytest.mark.slow
@pytest.mark.skipif(
    not (CONVERTED.is_dir() and (SHARED_DATA / "obqa").is_dir()),
    reason="needs Gemma 3 270M, converted, and the OpenBookQA rows",
)
def test_gemma_writes_thousands_of_covered_questions_as_before(tmp_path: Path) -> None:
    student = StudentConfig(reference=str(CONVERTED), trim_vocabulary=32768)
    train = read_examples(SHARED_DATA / "obqa" / "train.jsonl")
    vocabulary = vocabulary_of(student, train, ())
    kept = vocabulary.pairs.kept(vocabulary.needed, 32768)
    tokenizer = Tokenizer.from_str(json.dumps(vocabulary.pairs.trimmed(kept)))
    whole = Tokenizer.from_file(str(CONVERTED / "tokenizer.json"))
    covered = 0
    others = read_examples(SHARED_DATA / "csqa" / "train.jsonl")
    for example in (*train, *others):
        before = whole.encode(example.question).ids
        if set(before) <= set(kept):
            covered += 1
            assert [kept[id_] for id_ in tokenizer.encode(example.question).ids] == before
    assert covered > 8000
    estimate = loss_on_new(vocabulary)
    assert 0.005 < estimate.share < 0.03


# ------------------------------------------------------------------ the base


def test_probabilities_are_those_of_the_base_renormalised(tmp_path: Path) -> None:
    """By hand: the logarithm of softmax over the kept columns of the whole base's logits."""
    for family in ("gemma3", "qwen3"):
        whole = tiny_causal(tmp_path / family, family, merges=[("a", "b"), ("c", "d")])
        pairs = BytePairs(json.loads((whole / "tokenizer.json").read_text("utf-8")), "it")
        kept = pairs.kept({0, 1, 2}, pairs.ids["ab"])  # all but cd and the byte before it
        trimmed = TrimmedBase(
            base=str(whole), base_sha256=sha256_of_base(whole), licence=None, whole=261, kept=kept
        )
        folder = made(trimmed, whole)
        assert resolve(trimmed.reference).folder == folder == trimmed_folder(trimmed.name)
        before, after = load(whole, precision="fp32"), load(trimmed.reference, precision="fp32")
        ids = [kept.index(pairs.ids[c]) for c in "Which"]
        with torch.no_grad():
            wide = before.model(torch.tensor([[kept[i] for i in ids]])).logits[0]
            narrow = after.model(torch.tensor([ids])).logits[0]
        assert narrow.shape == (5, len(kept))
        assert torch.equal(wide[:, list(kept)].log_softmax(-1), narrow.log_softmax(-1))
        left_out = wide.softmax(-1)[:, [i for i in range(wide.shape[1]) if i not in kept]].sum(-1)
        raised = narrow.log_softmax(-1)[:, 5] - wide.log_softmax(-1)[:, kept[5]]
        assert torch.allclose(raised, -torch.log1p(-left_out), atol=1e-5)


def test_a_separate_output_layer_is_trimmed_too(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_tokenizer(merges=[("a", "b")])
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        tie_word_embeddings=False,
        bos_token_id=2,
        eos_token_id=[1],
        pad_token_id=0,
    )
    whole = tmp_path / "untied"
    model = LlamaForCausalLM(config)
    model.save_pretrained(whole)
    tokenizer.save_pretrained(whole)
    kept = tuple(i for i in range(len(tokenizer)) if i != 100)
    trimmed = TrimmedBase(
        base=str(whole), base_sha256=sha256_of_base(whole), licence=None, whole=260, kept=kept
    )
    made(trimmed, whole)
    student = load(trimmed.reference, precision="fp32")
    head = student.model.get_output_embeddings().weight
    assert torch.equal(head, model.lm_head.weight[list(kept)])
    assert not torch.equal(head, student.model.get_input_embeddings().weight)


def test_ids_that_no_token_has_name_nothing(tmp_path: Path) -> None:
    whole = tiny_causal(tmp_path / "tiny", "llama", merges=[("a", "b"), ("c", "d")])
    config = json.loads((whole / "config.json").read_text("utf-8"))
    config |= {"pad_token_id": -1, "eos_token_id": [config["eos_token_id"], 10**6]}
    (whole / "config.json").write_text(json.dumps(config), "utf-8")
    pairs = byte_pairs(whole, str(whole))
    named = named_tokens(whole, pairs)
    assert named <= set(pairs.texts)
    kept = pairs.kept(named, len(pairs.ids) - 1)
    trimmed = TrimmedBase(
        base=str(whole),
        base_sha256=sha256_of_base(whole),
        licence=None,
        whole=len(pairs.ids),
        kept=kept,
    )
    made_so = json.loads((made(trimmed, whole) / "config.json").read_text("utf-8"))
    assert made_so["pad_token_id"] is None
    assert made_so["eos_token_id"] == [kept.index(config["eos_token_id"][0])]


def test_the_same_tokens_of_different_weights_have_different_names(tmp_path: Path) -> None:
    hashes = [sha256_of_base(tiny_causal(tmp_path / f"{seed}", seed=seed)) for seed in (0, 1)]
    names_of = {
        TrimmedBase(base="b", base_sha256=sha, licence=None, whole=259, kept=(0, 1, 2)).name
        for sha in hashes
    }
    assert len(names_of) == 2


# ------------------------------------------------------------------ new questions


def test_what_new_questions_lose_is_counted_over_five_folds(tmp_path: Path) -> None:
    """Ten questions of which each has a word of its own, a token in the whole vocabulary: with no
    room for more than what is needed, each loses exactly that token."""
    letters = "ghijklmnoq"  # no p: the marker "Explanation:" has xp
    merges = [("x", letter) for letter in letters]
    student = tiny_causal(tmp_path / "tiny", "llama", merges=merges)
    examples = [
        Example(f"q{n}", f"Is it x{letter}?", "yes", "yes-no") for n, letter in enumerate(letters)
    ]
    # Of the whole, all are needed; of four fifths, the two that are left out would fit as well,
    # if more were kept than the 259 bytes and special tokens and the eight.
    config = StudentConfig(reference=str(student), trim_vocabulary=259 + 8)
    estimate = loss_on_new(vocabulary_of(config, examples, ()))
    assert (estimate.questions, estimate.affected, estimate.lost) == (10, 10, 10)
    tokens = sum(len(vocabulary_of(config, [e], ()).written[0].question) for e in examples)
    assert estimate.tokens == tokens
    assert math.isclose(estimate.share, 10 / tokens)
    # A group is on one side: its questions cover one another only within it.
    grouped = [
        Example(e.id, "Is it xg?", e.answer, e.kind, group=f"g{n % 5}")
        for n, e in enumerate(examples)
    ]
    assert loss_on_new(vocabulary_of(config, grouped, ())).lost == 0


# ------------------------------------------------------------------ where users meet it

EXAMPLES = [
    Example(f"q{i}", f"Is {i} even?", "no" if i % 2 else "yes", "yes-no") for i in range(12)
]
EXPLANATIONS = [Explanation(f"q{i}", "cote", 0, "t", f"It is {i}.", "yes") for i in range(12)]

COLOUR_MERGES = [("r", "e"), ("re", "d"), ("l", "u"), ("lu", "e"), ("Z", "Z"), ("ZZ", "Z")]
"""Those of ``ZZZ`` are not met in the data of a tiny run."""

TRIMMED = 259 + 4
"""The bytes, the special tokens and the merges of the colours."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the data of a tiny run, a student and its explanations; its own cache."""
    monkeypatch.setenv("TEACHBACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(write_data(tmp_path / "run"))
    tiny_causal("tiny", "gemma3", merges=COLOUR_MERGES)
    done = teachback("generate", "train.jsonl", "--teacher", "recorded:teacher.jsonl", "-o", "ex")
    assert done.exit_code == 0, done.output
    return tmp_path / "run"


def teachback(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


TRAIN = (
    "train train.jsonl --explanations ex/explanations.jsonl --student tiny --precision fp32 "
    "--epochs 1 --batch-size 4 --max-target-tokens 48"
).split()


def base_of(folder: str) -> str:
    base: str = json.loads(Path(folder, "student", "teachback.json").read_text("utf-8"))["base"]
    return base


def test_a_trimmed_student_is_trained_asked_evaluated_and_exported(run: Path) -> None:
    trimming = ["--trim-vocabulary", str(TRIMMED)]
    done = teachback(*TRAIN, *trimming, "--lora", "-o", "mt")
    assert done.exit_code == 0, done.output
    base = base_of("mt")
    assert base.startswith(f"trimmed:tiny-{TRIMMED}-")
    assert f"base: {base}, which keeps {TRIMMED} of the 265 tokens of" in done.output
    assert "about 0.00% of new questions' tokens are not among them" in done.output
    loaded = load("mt/student", precision="fp32")
    assert loaded.model.get_input_embeddings().weight.shape[0] == TRIMMED
    # One base for all arms on the same data, whatever the objective; named, it needs no key.
    done = teachback(*TRAIN, "--objective", "st", *trimming, "-o", "st")
    assert done.exit_code == 0, done.output
    assert base_of("st") == base
    named = [base if word == "tiny" else word for word in TRAIN]
    done = teachback(*named, "--objective", "st", "-o", "named")
    assert done.exit_code == 0, done.output
    assert base_of("named") == base
    asked = ["Which colour is number 3?", "--choice", "red", "--choice", "blue", "--explain"]
    done = teachback("ask", "mt/student", *asked)
    assert done.exit_code == 0, done.output
    done = teachback("evaluate", "mt/student", "test.jsonl", "--max-new-tokens", "8", "-o", "eval")
    assert done.exit_code == 0, done.output
    assert Path("eval/predictions.untrained.jsonl").is_file()
    options = ["--to", "merged", "--check", "test.jsonl", "--questions", "6", "--explained", "2"]
    options += ["--changed-bound", "0.3"]
    done = teachback("export", "mt/student", *options, "-o", "merged")
    assert done.exit_code == 0, done.output
    assert load("merged", precision="fp32").model.config.vocab_size == TRIMMED
    card = Path("merged/README.md").read_text("utf-8")
    assert f"| vocabulary | {TRIMMED} of the 265 tokens of tiny |" in card
    assert str(run) not in card


def test_a_base_that_the_cache_has_lost_is_made_again_from_the_student_s_folder(run: Path) -> None:
    for name, more in (("lora", ["--lora"]), ("full", [])):
        done = teachback(*TRAIN, "--trim-vocabulary", str(TRIMMED), *more, "-o", name)
        assert done.exit_code == 0, done.output
    question = {"choices": ["red", "green", "blue"]}
    before = Student.load("lora", precision="fp32").answer("Which colour?", **question)
    shutil.rmtree(cache_folder() / "trimmed")
    assert Student.load("lora", precision="fp32").answer("Which colour?", **question) == before
    shutil.rmtree(cache_folder() / "trimmed")
    done = teachback("evaluate", "full/student", "test.jsonl", "--max-new-tokens", "8", "-o", "e")
    assert done.exit_code == 0, done.output  # its untrained student is the base
    # Not from another base, and not from nothing.
    shutil.rmtree(cache_folder() / "trimmed")
    tiny_causal("tiny", "gemma3", seed=1, merges=COLOUR_MERGES)
    with pytest.raises(ReferenceError_, match=r"cannot be made again.*its files have changed"):
        load("lora/student")
    Path("lora/student/trimmed_base.json").unlink()
    with pytest.raises(ReferenceError_, match="is not in the cache"):
        load("lora/student")


def test_a_run_continues_with_a_higher_limit_and_the_same_base(run: Path) -> None:
    text = f"""[data]
train = "train.jsonl"
test = "test.jsonl"
[teacher]
reference = "recorded:teacher.jsonl"
[student]
reference = "tiny"
precision = "fp32"
max_target_tokens = 48
trim_vocabulary = {TRIMMED}
trim_limit = 0.0
[train]
epochs = 1
batch_size = 4
[evaluate]
max_new_tokens = 8
"""
    # Each question has a token of its own, for which there is no room.
    rows = [json.loads(line) for line in Path("train.jsonl").read_text("utf-8").splitlines()]
    for row, letter in zip(rows, "ghijklmnopqs", strict=True):
        row["question"] = f"Which colour is Z{letter}?"
    Path("train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    own = [("Z", letter) for letter in "ghijklmnopqs"]
    tiny_causal("tiny", "gemma3", merges=[*COLOUR_MERGES, *own])
    text = text.replace(f"= {TRIMMED}\n", f"= {259 + 4 + 12}\n")
    Path("run.toml").write_text(text, "utf-8")
    first = teachback("run", "run.toml", "-o", "out")
    assert first.exit_code == 2
    assert "new questions would lose about" in first.output
    assert "keep more tokens, or raise the limit" in first.output.replace("\n", " ")
    assert not Path("out/student").exists()
    Path("run.toml").write_text(text.replace("trim_limit = 0.0", "trim_limit = 0.5"), "utf-8")
    done = teachback("run", "run.toml", "-o", "out")
    assert done.exit_code == 0, done.output
    done = teachback("run", "run.toml", "-o", "out")
    assert done.exit_code == 0
    assert "already trained" in done.output


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ("t5", "has no tokenizer.json"),
        ("unigram", "of type Unigram"),
        ("trimmed", "is trimmed already"),
        ("large", "nothing would be trimmed"),
    ],
)
def test_what_cannot_be_trimmed_is_one_line(run: Path, make: str, said: str) -> None:
    size, student = str(TRIMMED), "tiny"
    if make == "t5":
        tiny_t5("t5")
        student = "t5"
    elif make == "unigram":
        description = json.loads(Tokenizer(Unigram([("<unk>", 0.0), ("a", -1.0)], 0)).to_str())
        file = Path("tiny/tokenizer.json")
        whole = json.loads(file.read_text("utf-8"))
        file.write_text(json.dumps({**whole, "model": description["model"]}), "utf-8")
    elif make == "trimmed":
        assert teachback(*TRAIN, "--trim-vocabulary", size, "-o", "first").exit_code == 0
        student = base_of("first")
    else:
        size = "100000"
    words = [student if word == "tiny" else word for word in TRAIN]
    done = teachback(*words, "--trim-vocabulary", size, "-o", "out")
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert isinstance(done.exception, SystemExit)


def test_checkpoints_and_configurations_of_before_stay_as_they_were() -> None:
    """The value is that of the version before the keys were there."""
    known = "397cbb4fd6cda39a1b4dd353f53083f32f26c62d1c51476fa6641ea79f713139"
    assert identity([], [], TrainConfig(), StudentConfig()) == known
    assert "trim_vocabulary" not in StudentConfig().model_dump(exclude_none=True)
