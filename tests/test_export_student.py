"""A student's export: what others load answers as it does, and is refused where it does not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors import safe_open
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)

from exported import KEYS, QUESTIONS, questions, student
from teachback.cli import cli
from teachback.config import reference_table
from teachback.export.config import EXPORT_SECTIONS
from teachback.export.formats import export_files
from teachback.files import sha256_of
from teachback.students.load import load
from tiny_run import write_config, write_data

DOCS = Path(__file__).parents[1] / "docs" / "export.md"


def export(folder: Path, *args: str) -> Result:
    command = ["export", str(folder), "-o", str(folder.parent / "out"), *KEYS, *args]
    return CliRunner().invoke(cli, command)


def parity(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "parity.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("family", ["gemma3", "qwen3", "llama", "t5"])
def test_a_merged_folder_answers_in_plain_transformers_as_the_student(
    family: str, tmp_path: Path
) -> None:
    own = student(tmp_path, family)
    assert not (own / "README.md").exists()
    done = export(own, "--to", "merged", "--check", str(questions(tmp_path)))
    assert done.exit_code == 0, done.output
    out = tmp_path / "out"
    found = parity(out)
    assert found["changed"] == []
    assert found["questions"] == QUESTIONS + found["check"]["made"]  # type: ignore[index]
    assert found["check"]["made"] >= 4  # type: ignore[index]
    for file in out.iterdir():
        assert str(tmp_path) not in file.read_text("utf-8", "replace"), file
    before = load(own, precision="fp32", training=True)
    seq2seq = family == "t5"
    kind = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
    model, tokenizer = kind.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    source = "Which colour is number 3?\n(A) red\n(B) green"
    wanted = before.generate([source], "explanation", 12)[0].text
    if seq2seq:
        marker = before.marker_ids("explanation")
        start = torch.tensor([[model.config.decoder_start_token_id, *marker]])
        inputs = tokenizer(source, return_tensors="pt")
        made = model.generate(**inputs, decoder_input_ids=start)[0, start.shape[1] :]
    else:
        chat = [{"role": "user", "content": source}]
        inputs = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        assert tuple(inputs["input_ids"][0].tolist()) == (
            *before.source_ids(source, "explanation"),
            *before.marker_ids("explanation"),
        )
        made = model.generate(**inputs)[0, inputs["input_ids"].shape[1] :]
        answer = tokenizer.apply_chat_template(
            [*chat, {"role": "assistant", "content": "red"}], task="answer"
        )["input_ids"]
        branch = before.branch("answer", "red")
        assert tuple(answer) == (
            *before.source_ids(source, "answer"),
            *branch.marker,
            *branch.target,
        )
        system, answered = (
            {"role": role, "content": "Be brief."} for role in ("system", "assistant")
        )
        others = ([system, *chat], [*chat, *chat], [*chat, system], [answered])
        for messages in (*others, [*chat, answered, *chat]):
            with pytest.raises(Exception, match="answers one question"):
                tokenizer.apply_chat_template(messages)
    assert tokenizer.decode(made, skip_special_tokens=True).strip() == wanted
    with safe_open(out / "model.safetensors", framework="pt") as tensors:
        assert ("lm_head.weight" in tensors.keys()) is not model.config.tie_word_embeddings  # noqa: SIM118
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert not model.generation_config.do_sample


@pytest.mark.parametrize("family", ["gemma3", "qwen3", "llama"])
@pytest.mark.parametrize("weights", ["f16", "q8_0"])
def test_a_gguf_file_answers_in_llama_cpp_as_the_student(
    family: str, weights: str, tmp_path: Path
) -> None:
    pytest.importorskip("xllamacpp")
    from teachback.export.llamacpp_student import LlamaCppStudent
    from teachback.students.encoding import CausalTokenizer

    own = student(tmp_path, family, layers=6)
    args = ("--to", "gguf", "--weights", weights, "--check", str(questions(tmp_path, gold=False)))
    done = export(own, *args)
    assert done.exit_code == 0, done.output
    out = tmp_path / "out"
    written = {file.name for file in out.iterdir()} - {"lock"}
    assert written >= {"model.gguf", "Modelfile", "README.md"}
    assert set(export_files(written)) == written
    for name in ("README.md", "Modelfile", "parity.json", "teachback.json"):
        assert str(tmp_path) not in (out / name).read_text("utf-8")
    found = parity(out)
    assert found["direct_accuracy"] is None  # no gold was given
    assert found["largest_difference"] < (0.02 if weights == "f16" else 0.1)  # type: ignore[operator]
    # The template in the file is the training prompt: as many tokens, one of them the first.
    before = load(own, precision="fp32")
    asked = LlamaCppStudent(out / "model.gguf", CausalTokenizer(before.tokenizer, before.card))
    source = "Which colour is number 3?\n(A) red\n(B) green"
    prompt = (*before.source_ids(source, "explanation"), *before.marker_ids("explanation"))
    text, tokens = asked.chat(source)
    assert tokens == len(prompt)
    own_text = asked.generate([source], "explanation", 16)[0].text
    assert own_text.rstrip("\ufffd") == text.strip().rstrip("\ufffd")  # a character that is cut
    # So is the Modelfile's, rendered as Ollama does it.
    template = (out / "Modelfile").read_text("utf-8").split('"""')[1]
    assert asked.tokens(template.replace("{{ .Prompt }}", source), special=True) == prompt
    asked.close()


def test_a_token_is_scored_by_the_first_merge_that_makes_it(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    from teachback.export.gguf_vocabulary import write_vocabulary

    letters = [chr(0x4E00 + number) for number in range(33)]
    merges = [(one, other) for one in letters for other in letters][:1000]
    a, b, c = letters[:3]
    # Two merges make the token of rank 1000, and one more comes after it.
    merges += [(a + b, c), (a, b + c), (b + c, a)]
    texts = dict.fromkeys(one + other for one, other in merges)
    names = ["<unk>", "<s>", "</s>", *letters, *texts]
    vocabulary = {text: number for number, text in enumerate(names)}
    model = BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(model), unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    file = tmp_path / "vocabulary.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    write_vocabulary(writer, tokenizer, len(names), begin=True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    scores = gguf.GGUFReader(file).get_field("tokenizer.ggml.scores").contents()
    made = {text: scores[number] for text, number in vocabulary.items() if text in texts}
    assert made == {text: -float(rank) for rank, text in enumerate(texts)}


def test_an_export_that_drifts_is_refused_with_its_table(tmp_path: Path) -> None:
    own = student(tmp_path, "llama")
    args = ("--to", "merged", "--weights", "bf16", "--largest-difference", "0.000001")
    args = (*args, "--check", str(questions(tmp_path)))
    refused = export(own, *args)
    assert refused.exit_code == 2
    *rows, line = refused.output.splitlines()
    assert "largest difference of p" in line
    assert "--allow-drift" in line
    assert any(row.startswith("changed direct answers: ") for row in rows)
    assert [file.name for file in (tmp_path / "out").iterdir() if file.name != "lock"] == []
    allowed = export(own, *args, "--allow-drift")
    assert allowed.exit_code == 0, allowed.output
    assert "largest difference of p" in (tmp_path / "out" / "README.md").read_text("utf-8")
    assert parity(tmp_path / "out")["problems"]
    again = export(own, *args, "--allow-drift")
    assert (again.exit_code, "already holds" in again.output) == (2, True)


def test_an_export_replaces_an_older_one_of_any_format_whole(tmp_path: Path) -> None:
    own, out = student(tmp_path, "llama"), tmp_path / "out"
    check = ("--check", str(questions(tmp_path)))
    merged = ("--to", "merged", *check)
    out.mkdir()
    notes, weights = out / "notes.txt", out / "model.gguf"
    for file in (notes, weights):
        file.write_text("mine", "utf-8")
    assert export(own, *merged, "--overwrite").exit_code == 0
    assert weights.is_file()  # the folder held no export that it could be a part of
    written = {file.name for file in out.iterdir()}
    assert set(export_files(written)) == written - {"notes.txt", "lock"}
    older = ("Modelfile", "openvino.json", "scorer.xml", "scorer.bin", "decoder.xml", "decoder.bin")
    older = (*older, "model.safetensors.index.json", "model-00001-of-00002.safetensors")
    for name in older:
        (out / name).write_text("older", "utf-8")
    killed = out / ".export.1.tmp"
    killed.mkdir()
    (killed / "model.safetensors").write_bytes(b"half")
    refused = export(own, *merged)
    assert (refused.exit_code, "openvino.json" in refused.output) == (2, True), refused.output
    assert not killed.exists()
    done = export(own, *merged, "--overwrite")
    assert done.exit_code == 0, done.output
    assert {file.name for file in out.iterdir()} == written - {"model.gguf"}
    assert notes.read_text("utf-8") == "mine"
    asked = ["ask", str(out), "Which colour is number 3?", "--choice", "red", "--choice", "green"]
    assert CliRunner().invoke(cli, asked).exit_code == 0


def test_a_student_is_not_replaced_by_its_own_export(tmp_path: Path) -> None:
    own = student(tmp_path, "llama")
    before = sha256_of(own)
    command = ["export", str(own), "--to", "merged", "-o", str(own), "--overwrite", *KEYS]
    refused = CliRunner().invoke(cli, [*command, "--check", str(questions(tmp_path))])
    assert (refused.exit_code, "the student itself" in refused.output) == (2, True), refused.output
    assert sha256_of(own) == before


def test_a_run_s_student_is_checked_with_what_it_was_trained_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_data(run)
    own = student(run, "llama")
    write_config(run, run / "base-of-mine").rename(run / "config.toml")
    text = (run / "config.toml").read_text("utf-8")
    for name in ("train.jsonl", "test.jsonl"):
        text = text.replace(f'"{name}"', json.dumps(str(run / name)))
    (run / "config.toml").write_text(text, "utf-8")
    command = ["export", str(run), "--to", "merged", "-o", str(tmp_path / "out")]
    given = ["--questions", "12", "--changed-bound", "1", "--teacher-terms", "research | only"]
    done = CliRunner().invoke(cli, [*command, *KEYS, *given])
    assert done.exit_code == 0, done.output

    def part(name: str, number: int) -> dict[str, object]:
        return {"name": name, "sha256": sha256_of(run / name), "questions": number}

    assert parity(tmp_path / "out")["check"] == {"files": [part("train.jsonl", 12)], "made": 5}
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert f"| trained on | train.jsonl (SHA-256 {sha256_of(run / 'train.jsonl')}) |" in card
    assert "| explanations by | recorded replies (teacher.jsonl) |" in card
    assert "| terms of the teacher | research \\| only |" in card
    assert str(tmp_path) not in card
    assert own.is_dir()
    with_tested = [*command[:-1], str(tmp_path / "out2"), *KEYS, "--questions", "15"]
    assert CliRunner().invoke(cli, [*with_tested, "--changed-bound", "1"]).exit_code == 0
    assert parity(tmp_path / "out2")["check"]["files"] == [  # type: ignore[index]
        part("train.jsonl", 12),
        part("test.jsonl", 3),
    ]
    few = CliRunner().invoke(cli, [*command, "--questions", "12"])
    assert (few.exit_code, "149 are needed even if none changes" in few.output) == (2, True)
    coarse = [*command, "--weights", "bf16", "--questions", "12"]
    assert "29 are needed" in CliRunner().invoke(cli, coarse).output
    few = CliRunner().invoke(cli, command)
    assert "at least 149 are needed" in few.output
    assert (few.exit_code, "questions, and the check takes 200" in few.output) == (2, True)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--to", "gguf", "--weights", "bf16"), "--to gguf has no weights of type bf16"),
        (("--to", "merged", "--weights", "q8_0"), "--to merged has no weights of type q8_0"),
        (("--to", "merged"), "give questions with --check FILE"),
        (("--to", "merged", "--check", "none.jsonl"), "none.jsonl"),
        (
            ("--to", "gguf", "--check", "check.jsonl"),
            "a seq2seq student cannot be exported to GGUF",
        ),
        (
            ("--to", "openvino", "--check", "check.jsonl"),
            "a seq2seq student cannot be exported to OpenVINO",
        ),
        (("--to", "openvino", "--weights", "q8_0"), "--to openvino has no weights of type q8_0"),
    ],
)
def test_mistakes_are_one_line(
    args: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = student(tmp_path, "t5")
    questions(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = export(own, *args)
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1), done.output
    assert told in done.output


def test_the_page_shows_the_table_of_keys_as_the_code_has_it() -> None:
    begin, end = "<!-- keys -->\n", "<!-- end of keys -->\n"
    before, found, rest = DOCS.read_text("utf-8").partition(begin)
    assert found
    table, found, after = rest.partition(end)
    assert found
    wanted = reference_table(EXPORT_SECTIONS)
    if os.environ.get("TEACHBACK_UPDATE_GOLDEN"):
        DOCS.write_text(f"{before}{begin}{wanted}{end}{after}", "utf-8")
        return
    assert table == wanted, "TEACHBACK_UPDATE_GOLDEN=1 writes the table anew"


def test_a_student_s_folder_may_have_the_command_s_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(cli, ["export", "student", "--to", "merged", "-o", "out"])
    assert told.exit_code == 2
    assert told.stderr.startswith("teachback: there is no folder student"), told.stderr
    shown = CliRunner().invoke(cli, ["export", "student", "--help"])
    assert (shown.exit_code, "--allow-drift" in shown.output) == (0, True)
