"""An encoder-decoder's decoding and scoring against transformers' own, in float32."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor
from transformers import EncoderDecoderCache

from teachback.config import TrainConfig
from teachback.records import Role
from teachback.students.decoding import Likeliest
from teachback.students.generated import Generated
from teachback.students.load import load
from teachback.students.seq2seq import Seq2SeqStudent
from teachback.students.seq2seq_decoding import Encoded, decode
from teachback.training.adapters import with_adapter
from tiny import tiny_t5

pytestmark = pytest.mark.usefixtures("one_thread")

SOURCES = [f"{'Why ' * (n % 7)}{'is it so? ' * (n % 3)}{n}" for n in range(23)]
TARGETS = [["so", "not so", "perhaps it is"][: 1 + n % 3] for n in range(23)]


@pytest.fixture(scope="module", params=["1.0", "1.1"])
def student(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Seq2SeqStudent:
    return sharpened(tmp_path_factory.mktemp("t5"), request.param)


def sharpened(folder: Path, version: Literal["1.0", "1.1"]) -> Seq2SeqStudent:
    """With logits far from level, so that what is read decides what is written; and with an end
    token that this student often writes, so that rows end at different lengths."""
    student = load(tiny_t5(folder, version), precision="fp32")
    assert isinstance(student, Seq2SeqStudent)
    with torch.no_grad():
        for parameter in student.model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(5.0)
    written = [token for ids, _ in library_ids(student, "explanation", 30) for token in ids]
    for end in sorted(set(written), key=lambda token: (written.count(token), token)):
        student.tokenizer.eos_token = student.tokenizer.convert_ids_to_tokens(end)
        lengths = {each.tokens for each in by_library(student, "explanation", 30)}
        if len(lengths) > 3 and 30 in lengths:
            return student
    raise AssertionError("no token ends some texts and not others")


def library_ids(
    student: Seq2SeqStudent, role: Role, limit: int
) -> list[tuple[list[int], list[float]]]:
    """The tokens that transformers' `generate` writes, and each one's log-probability."""
    rows = [student.row(source, role, [student.branch(role, "")]) for source in SOURCES]
    batch = student.collate(rows)
    start = torch.tensor([[student.start_id, *student.marker_ids(role)]] * len(SOURCES))
    output = student.model.generate(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        decoder_input_ids=start,
        max_new_tokens=limit,
        do_sample=False,
        eos_token_id=student.end_id,
        pad_token_id=student.pad_id,
        output_logits=True,
        return_dict_in_generate=True,
    )
    tokens = output.sequences[:, start.shape[1] :]
    shares = torch.stack([step.log_softmax(-1) for step in output.logits], 1)
    own = shares.gather(2, tokens[:, :, None])[:, :, 0]
    return list(zip(tokens.tolist(), own.tolist(), strict=True))


def by_library(student: Seq2SeqStudent, role: Role, limit: int) -> list[Generated]:
    """As `StudentModel.generate`, by transformers."""
    found = []
    for ids, shares in library_ids(student, role, limit):
        one = student.generated(ids)
        found.append(replace(one, log_probability=sum(shares[: one.tokens])))
    return found


@pytest.mark.parametrize("limit", [1, 30])
def test_greedy_tokens_are_the_library_s(student: Seq2SeqStudent, limit: int) -> None:
    expected = by_library(student, "explanation", limit)
    assert student.generate(SOURCES, "explanation", limit) == expected
    assert {each.log_probability for each in student.generate(SOURCES, "explanation", 2)} == {None}


def test_the_log_probability_of_a_generated_answer(student: Seq2SeqStudent) -> None:
    expected = by_library(student, "answer", 12)
    found = student.generate(SOURCES, "answer", 12)
    assert found == expected
    assert [each.log_probability for each in found] == pytest.approx(
        [each.log_probability for each in expected], rel=1e-4
    )


@pytest.mark.parametrize("batch_size", [1, 6, 64])
def test_a_question_is_encoded_once_for_all_its_tasks(
    student: Seq2SeqStudent, batch_size: int
) -> None:
    encoded: list[int] = []
    handle = student.model.get_encoder().register_forward_hook(
        lambda _, inputs, output: encoded.append(len(output.last_hidden_state))
    )
    limits: dict[Role, int] = {"answer": 9, "explanation": 25}
    done = dict(student.perform(SOURCES, TARGETS, limits, batch_size))
    handle.remove()
    assert sum(encoded) == len(SOURCES)
    scores = student.log_probabilities(SOURCES, TARGETS)
    for role, limit in limits.items():
        expected = by_library(student, role, limit)
        assert [done[place].generated[role] for place in range(len(SOURCES))] == expected
    for place, own in enumerate(scores):
        assert [count for _, count in done[place].scores] == [count for _, count in own]
        assert [total for total, _ in done[place].scores] == pytest.approx(
            [total for total, _ in own], rel=1e-5
        )
        assert set(done[place].seconds) == {"answer", "explanation"}


def test_finished_rows_leave() -> None:
    """What is computed after some have ended is computed for the others alone: row n of eight
    writes n tokens of its own number and an end, up to a limit of six."""
    end, rows = 99, torch.arange(8)
    read: list[list[float]] = []

    def next_tokens(encoded: Encoded, tokens: Tensor, cache: EncoderDecoderCache) -> Likeliest:
        own = encoded.hidden[:, 0, 0].long()
        read.append(own.tolist())
        found = torch.where(own > len(read) - 1, own, end)
        return Likeliest(found, torch.full((len(own),), -0.5))

    encoded = Encoded(rows[:, None, None].float(), torch.ones(8, 1))
    found = decode(next_tokens, encoded, [0], 6, end)
    assert [one.tokens for one in found] == [[n] * min(n, 6) + [end] * (n < 6) for n in range(8)]
    assert [one.log_probability for one in found] == [-0.5 * min(n + 1, 6) for n in range(8)]
    # A quarter of those that are computed leaves at once, or none.
    assert [len(own) for own in read] == [8, 8, 6, 5, 4, 3]


def test_a_text_goes_on_from_what_is_begun(student: Seq2SeqStudent) -> None:
    """As far as each step of a decoder that remembers nothing goes."""
    texts = ["so", "perhaps it", "n"]
    found = student.generate(SOURCES[:3], "explanation", 9, texts)
    for source, text, written in zip(SOURCES, texts, found, strict=False):
        begun = student.text_ids(text)
        ids = [student.start_id, *student.marker_ids("explanation"), *begun]
        first = len(ids)
        while len(ids) < first + 9 and student.end_id not in ids[first:]:
            with torch.inference_mode():
                logits = student.model(
                    input_ids=torch.tensor([student.source_ids(source, "explanation")]),
                    decoder_input_ids=torch.tensor([ids]),
                ).logits
            ids.append(int(logits[0, -1].argmax()))
        assert written == student.generated([*begun, *ids[first:]])


def test_a_marker_that_the_encoder_reads(student: Seq2SeqStudent) -> None:
    student.with_card(task_marker="encoder")
    try:
        done = dict(student.perform(SOURCES, TARGETS, {"explanation": 12}, 6))
        expected = by_library(student, "explanation", 12)
        scores = student.log_probabilities(SOURCES, TARGETS)
    finally:
        student.with_card(task_marker="decoder")
    assert [done[n].generated["explanation"] for n in range(len(SOURCES))] == expected
    for place, own in enumerate(scores):
        totals = [total for total, _ in own]
        assert [total for total, _ in done[place].scores] == pytest.approx(totals, rel=1e-5)


def test_an_adapter_that_is_not_merged_decodes(tmp_path: Path) -> None:
    student = load(tiny_t5(tmp_path / "t5", "1.1"), precision="fp32", training=True)
    assert isinstance(student, Seq2SeqStudent)
    student.model = with_adapter(student, TrainConfig(lora=True))
    with torch.no_grad():
        for name, parameter in student.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.5)
    expected = by_library(student, "explanation", 12)
    assert student.generate(SOURCES, "explanation", 12) == expected
    assert len({each.text for each in expected}) > 1
