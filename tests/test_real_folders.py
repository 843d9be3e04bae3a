"""Model folders as people have them: settings of their own, few positions, adapters of others."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

import teachback as tb
from teachback.cli import cli
from teachback.errors import DataError, ReferenceError_
from teachback.files import write_jsonl
from teachback.objectives import TrainingExample
from teachback.records import Example, TrainingPair
from teachback.students.load import load
from tiny import byte_tokenizer, tiny_causal, tiny_t5

QUESTIONS = ["How many are 11 and 11?", "How many are 22 and 11?"]


def outputs(folder: Path) -> list[str]:
    return [each.text for each in load(folder).generate(QUESTIONS, "explanation", 24)]


@pytest.mark.parametrize(
    "settings",
    [
        {"repetition_penalty": 3.0},
        {"no_repeat_ngram_size": 2},
        {"num_beams": 3},
        {"min_length": 60},
        {"min_new_tokens": 20},
        {"suppress_tokens": list(range(40, 90))},
        {"begin_suppress_tokens": list(range(3, 250))},
        {"max_time": 1e-6},
        {"do_sample": True, "temperature": 5.0, "top_k": 0},
        {"bad_words_ids": [[n] for n in range(40, 90)]},
        {"forced_eos_token_id": 5},
        {"max_length": 3},
        {"eos_token_id": [1, 60, 61, 62, 63, 64, 65, 66]},
    ],
    ids=lambda settings: next(iter(settings)),
)
@pytest.mark.parametrize("family", ["causal", "seq2seq"])
def test_greedy_decoding_is_ours(tmp_path: Path, family: str, settings: dict[str, Any]) -> None:
    """Whatever the pretrained model's generation_config.json asks for."""
    folder = (tiny_causal if family == "causal" else tiny_t5)(tmp_path / "base")
    file = folder / "generation_config.json"
    plain = outputs(folder)
    before = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(before | settings), "utf-8")
    assert outputs(folder) == plain
    load(folder).save(tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "generation_config.json").read_text("utf-8"))
    for key, value in settings.items():
        assert saved.get(key) != value


# ------------------------------------------------------------------ positions


def short_model(folder: Path, positions: int = 96) -> Path:
    tokenizer = byte_tokenizer()
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=48,
        n_layer=1,
        n_head=4,
        n_positions=positions,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def long_rows(count: int = 60) -> list[Example]:
    question = "Which one is number {} of all that we keep in the long dark cellar of the house?"
    return [
        Example(
            str(n), question.format(n), ("red", "green")[n % 2], "multiple-choice", ("red", "green")
        )
        for n in range(count)
    ]


def test_a_model_with_few_positions_is_refused_before_training(tmp_path: Path) -> None:
    folder = short_model(tmp_path / "gpt2")
    with pytest.raises(
        DataError, match=r"example '\d+' needs 1\d\d tokens, and this student has positions for"
    ) as e:
        tb.train(long_rows(), student=str(folder), objective="st", epochs=1)
    assert "lower student.max_source_tokens (now 512)" in str(e.value)


def test_a_model_with_few_positions_answers_what_fits(tmp_path: Path) -> None:
    student = tb.Student.load(short_model(tmp_path / "gpt2"))
    said = student.answer("Which?", choices=["red", "green"], explain=True)
    assert said.direct_answer in ("red", "green")  # explained within the positions that are left
    with pytest.raises(DataError, match="needs 1"):
        student.answer("Which? " * 20, choices=["red", "green"])
    with pytest.raises(DataError, match="needs 1"):
        student.answer("Which? " * 20, explain=True)


def test_a_length_limit_of_the_positions_is_kept(tmp_path: Path) -> None:
    model = load(short_model(tmp_path / "gpt2"))
    (generated,) = model.generate(["Which?"], "explanation", 500)
    assert generated.tokens <= 96


# ------------------------------------------------------------------ tokenizers


def t5_without_signs(folder: Path) -> Path:
    """As T5's own vocabulary: no ≤, no ≥, no <."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?()'"
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in letters]
    inner = Tokenizer(models.Unigram(pieces, unk_id=2))
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Metaspace()
    inner.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=48,
        d_kv=12,
        d_ff=96,
        num_layers=1,
        num_heads=4,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def comparison(n: int, choices: tuple[str, ...]) -> Example:
    return Example(f"q{n}", f"Compare {n} and 5.", choices[0], "multiple-choice", choices)


def test_choices_that_are_the_same_tokens_are_said_before_training(tmp_path: Path) -> None:
    folder = t5_without_signs(tmp_path / "t5")
    alike = [comparison(n, (f"{n} ≤ 5", f"{n} ≥ 5")) for n in range(60)]
    with pytest.raises(DataError, match="same tokens for this student in 60 of 60") as error:
        tb.train(alike, student=str(folder), objective="st", epochs=1)
    assert "first example 'q" in str(error.value)
    assert "≤ 5' and '" in str(error.value)


def test_few_such_choices_are_a_notice(tmp_path: Path) -> None:
    folder = t5_without_signs(tmp_path / "t5")
    plain = [comparison(n, (f"{n} is less", f"{n} is more")) for n in range(59)]
    data = tmp_path / "train.jsonl"
    rows = [*plain, comparison(59, ("59 ≤ 5", "59 ≥ 5"))]
    data.write_text(
        "".join(
            json.dumps(
                {"id": e.id, "question": e.question, "choices": e.choices, "answer": e.answer}
            )
            + "\n"
            for e in rows
        ),
        "utf-8",
    )
    done = CliRunner().invoke(
        cli,
        [
            "train",
            str(data),
            "--objective",
            "st",
            "--student",
            str(folder),
            "--epochs",
            "1",
            "-o",
            str(tmp_path / "run"),
        ],
    )
    assert done.exit_code == 0, done.output
    assert "same tokens for this student in 1 of 60 examples, first example 'q59'" in done.output


def test_a_student_does_not_choose_between_the_same_tokens(tmp_path: Path) -> None:
    student = tb.Student.load(t5_without_signs(tmp_path / "t5"))
    assert student.answer("Compare.", choices=["5 ≤ 5", "5 ≥ 5"]).answer is None
    assert student.answer("Compare.", choices=["less", "more"]).answer in ("less", "more")


def test_an_end_token_that_a_tokenizer_appends_does_not_end_the_question(tmp_path: Path) -> None:
    folder = tiny_causal(tmp_path / "base", "llama")
    plain = load(folder).source_ids("Which?", "answer")
    file = folder / "tokenizer.json"
    saved = json.loads(file.read_text("utf-8"))
    saved["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<bos>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "<eos>", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            "<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]},
            "<eos>": {"id": "<eos>", "ids": [1], "tokens": ["<eos>"]},
        },
    }
    file.write_text(json.dumps(saved), "utf-8")
    student = load(folder)
    assert student.tokenizer("a")["input_ids"][-1] == 1
    assert student.source_ids("Which?", "answer") == plain
    pair = TrainingPair("a", "Which?", "this", "answer", 1.0)
    (row,) = student.encode(TrainingExample("a", (pair,))).rows
    assert 1 not in row.prefix


# ------------------------------------------------------------------ adapters and foreign folders


def adapter_with_tokens(base: Path, folder: Path) -> Path:
    """As chat set-ups leave it: new tokens, and the embeddings trained whole."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    model.resize_token_embeddings(len(tokenizer))
    config = LoraConfig(
        r=2,
        target_modules=["q_proj", "v_proj"],
        modules_to_save=["embed_tokens", "lm_head"],
        task_type="CAUSAL_LM",
    )
    get_peft_model(model, config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("ignore")
def test_an_adapter_with_tokens_of_its_own_is_loaded(tmp_path: Path) -> None:
    base = tiny_causal(tmp_path / "base", "llama")
    model = load(adapter_with_tokens(base, tmp_path / "adapter"))
    assert model.model.get_input_embeddings().num_embeddings == len(model.tokenizer) == 261
    (found,) = model.log_probabilities(["Which?"], [["a", "<|im_start|>"]])
    assert all(torch.isfinite(torch.tensor(score)) for score, _ in found)


def prompt_tuned(base: Path, folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(base)
    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    get_peft_model(model, config).save_pretrained(folder)


def changed(base: Path, folder: Path, **values: Any) -> None:
    shutil.copytree(base, folder)
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | values), "utf-8")


def quantised(base: Path, folder: Path) -> None:
    method = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    changed(base, folder, quantization_config=method)


def of_own_code(base: Path, folder: Path) -> None:
    names = {"AutoConfig": "configuration_x.X", "AutoModelForCausalLM": "modeling_x.X"}
    changed(base, folder, model_type="mycustom", auto_map=names)
    (folder / "configuration_x.py").write_text("open('RAN', 'w').write('it ran')\n", "utf-8")


def half(base: Path, folder: Path) -> None:
    shutil.copytree(base, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])


def pointer(base: Path, folder: Path) -> None:
    shutil.copytree(base, folder)
    (folder / "model.safetensors").write_text("version https://example.invalid\noid sha256:a\n")


def odd_config(base: Path, folder: Path) -> None:
    changed(base, folder, num_hidden_layers="two")


def odd_tokenizer(base: Path, folder: Path) -> None:
    shutil.copytree(base, folder)
    (folder / "tokenizer.json").write_text('{"model": {"type": "BPE", "vocab": 3}}', "utf-8")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "make",
    [prompt_tuned, quantised, of_own_code, half, pointer, odd_config, odd_tokenizer],
    ids=lambda make: make.__name__,
)
def test_a_folder_that_cannot_be_a_student_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path, Path], None]
) -> None:
    base = tiny_causal(tmp_path / "base", "llama")
    make(base, tmp_path / "foreign")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReferenceError_, match=r"foreign"):
        load(tmp_path / "foreign")
    asked = ["ask", "foreign", "Which?", "--choice", "a b", "--choice", "c d"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 2, done.output
    (line,) = done.output.splitlines()
    assert line.startswith("teachback: foreign: ")
    assert not (tmp_path / "RAN").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
def test_a_folders_own_code_is_not_offered_at_a_terminal(tmp_path: Path) -> None:
    of_own_code(tiny_causal(tmp_path / "base", "llama"), tmp_path / "custom")
    command = [sys.executable, "-m", "teachback", "ask", "custom", "Which?", "--choice", "a"]
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execv(sys.executable, [*command, "--choice", "b"])
    said, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            try:
                part = os.read(terminal, 4096)
            except OSError:
                break
            if not part:
                break
            said += part
            if b"[y/N]" in said:
                os.write(terminal, b"y\n")
    os.waitpid(process, 0)
    assert b"[y/N]" not in said
    assert b"teachback: custom: " in said
    assert not (tmp_path / "RAN").exists()


def test_a_name_that_leads_nowhere_is_told_before_the_libraries_are_imported(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").mkdir()
    write_jsonl(tmp_path / "test.jsonl", [{"id": "q", "question": "Why?", "answer": "so"}])
    script = """
import sys
from teachback.cli import main
for words in sys.stdin.read().splitlines():
    sys.argv = ["teachback", *words.split()]
    try:
        main()
    except SystemExit as end:
        print(end.code, "torch" in sys.modules)
"""
    commands = [
        "ask gone Why?",
        "ask empty Why?",
        "ask gguf:gone.gguf Why?",
        "evaluate gone test.jsonl -o out",
        "export gone --to merged -o out",
        "push gone owner/name --dry-run -o out",
        "serve gone",
        "inspect gone",
        "train test.jsonl --objective st --student gone -o out",
    ]
    done = subprocess.run(
        [sys.executable, "-c", script],
        input="\n".join(commands),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.splitlines() == ["2 False"] * len(commands), done.stderr
