"""Our decoding and scoring against transformers' own, token by token, in float32."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from teachback.config import TrainConfig
from teachback.records import Role
from teachback.students.causal import CausalStudent
from teachback.students.decoding import likeliest, position_mask
from teachback.students.generated import GeneratedText, Performed
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.students.tensors import branch_mask
from teachback.training.adapters import with_adapter
from tiny import tiny_causal, tiny_other, tiny_t5

pytestmark = pytest.mark.usefixtures("one_thread")

FAMILIES = ("gemma3", "qwen3", "llama")
SOURCES = [f"{'Why ' * (n % 7)}{'is it so? ' * (n % 3)}{n}" for n in range(23)]
"""Ragged, and some of them longer than the tiny gemma3's window of 16 tokens."""
TARGETS = [["so", "not so", "perhaps it is"][: 1 + n % 3] for n in range(23)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tiny")
    return {family: tiny_causal(root / family, family) for family in FAMILIES}  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=FAMILIES)
def student(request: pytest.FixtureRequest, folders: dict[str, Path]) -> CausalStudent:
    return sharpened(load(folders[request.param], precision="fp32"))


def sharpened(student: StudentModel) -> CausalStudent:
    """With logits far from level, so that what is read decides what is written; and with an end
    token that this student often writes, so that rows end at different lengths."""
    assert isinstance(student, CausalStudent)
    with torch.no_grad():
        for parameter in student.model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(5.0)
    written = "".join(each.text for each in plain(student, SOURCES, "explanation", 30))
    letters = sorted(set(written), key=written.count)
    for letter in reversed(letters):
        (end,) = student.tokenizer(letter, add_special_tokens=False)["input_ids"][:1]
        student.tokenizer.eos_token_id = end
        lengths = {each.tokens for each in plain(student, SOURCES, "explanation", 30)}
        if len(lengths) > 3 and 30 in lengths:
            return student
    raise AssertionError("no token ends some texts and not others")


def plain(
    student: CausalStudent, sources: list[str], role: Role, limit: int
) -> list[GeneratedText]:
    """What transformers' `generate` writes."""
    student.shared_prefix = False
    try:
        return student.generate(sources, role, limit)
    finally:
        student.shared_prefix = True


def performed(
    student: StudentModel, targets: list[list[str]], limits: dict[Role, int], batch_size: int
) -> list[Performed]:
    done = dict(student.perform(SOURCES, targets, limits, batch_size))
    assert sorted(done) == list(range(len(SOURCES)))
    return [done[number] for number in range(len(SOURCES))]


NOTHING: list[list[str]] = [[] for _ in SOURCES]


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_greedy_tokens_are_the_library_s(student: CausalStudent, batch_size: int) -> None:
    expected = plain(student, SOURCES, "explanation", 30)
    found = performed(student, NOTHING, {"explanation": 30}, batch_size)
    assert [each.generated["explanation"] for each in found] == expected
    assert all(each.scores == [] for each in found)


def test_a_question_is_read_once_for_all_its_tasks(
    student: CausalStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    explanations = plain(student, SOURCES, "explanation", 25)
    said = plain(student, SOURCES, "answer", 9)
    student.shared_prefix = False
    scores = student.log_probabilities(SOURCES, TARGETS)
    student.shared_prefix = True
    rows: list[int] = []
    read = student.read
    monkeypatch.setattr(student, "read", lambda *asked: rows.append(len(asked[0])) or read(*asked))
    found = performed(student, TARGETS, {"answer": 9, "explanation": 25}, 6)
    assert sum(rows) == len(SOURCES)
    assert len(rows) > 4  # refilled as rows became free
    assert [each.generated["explanation"] for each in found] == explanations
    assert [each.generated["answer"] for each in found] == said
    for each, expected in zip(found, scores, strict=True):
        assert [count for _, count in each.scores] == [count for _, count in expected]
        assert [total for total, _ in each.scores] == pytest.approx(
            [total for total, _ in expected], rel=1e-5
        )


def test_questions_are_read_together_with_those_of_their_length(
    student: CausalStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []
    read = student.read
    monkeypatch.setattr(
        student, "read", lambda *asked: lengths.extend(map(len, asked[0])) or read(*asked)
    )
    performed(student, TARGETS, {}, 4)
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 4


def test_the_log_probability_of_a_generated_answer(student: CausalStudent) -> None:
    """By our decoding, beside an explanation too, and by the library's: that of the very tokens,
    scored in one pass."""
    expected = plain(student, SOURCES, "answer", 9)
    found = [
        each.generated["answer"]
        for each in performed(student, NOTHING, {"answer": 9, "explanation": 5}, 6)
    ]
    complete = [place for place, each in enumerate(expected) if each.complete]
    assert 0 < len(complete) < len(SOURCES)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.log_probability is not None
        assert ours.log_probability == pytest.approx(theirs.log_probability, rel=1e-4)
        assert ours.log_probability < 0
    for place in complete[:5]:
        marked = student.row(SOURCES[place], "answer", ()).prefix + student.marker_ids("answer")
        written = _written(student, marked, found[place].tokens)
        with torch.inference_mode():
            logits = student.model(input_ids=torch.tensor([[*marked, *written]])).logits[0]
        shares = logits[len(marked) - 1 : -1].log_softmax(-1)
        own = shares.gather(1, torch.tensor(written)[:, None]).sum()
        assert found[place].log_probability == pytest.approx(own.item(), rel=1e-4)
    assert plain(student, SOURCES, "explanation", 3)[0].log_probability is None


def _written(student: CausalStudent, ids: tuple[int, ...], count: int) -> list[int]:
    """``count`` tokens that greedily continue ``ids``, each from a pass of its own."""
    read = list(ids)
    for _ in range(count):
        with torch.inference_mode():
            read.append(int(student.model(input_ids=torch.tensor([read])).logits[0, -1].argmax()))
    return read[len(ids) :]


def test_a_limit_of_one_token(student: CausalStudent) -> None:
    expected = plain(student, SOURCES, "answer", 1)
    assert student.generate(SOURCES, "answer", 1) == expected
    assert {each.tokens for each in expected} == {1}


def test_a_source_without_text(student: CausalStudent) -> None:
    assert student.generate([""], "answer", 20) == plain(student, [""], "answer", 20)


def test_no_question_at_all(student: CausalStudent) -> None:
    assert list(student.perform([], [], {"explanation": 5}, 4)) == []


def test_what_the_base_s_own_settings_say_about_decoding_is_nothing(
    student: CausalStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = student.generate(SOURCES, "explanation", 20)
    monkeypatch.setattr(student.model.generation_config, "repetition_penalty", 1.8)
    monkeypatch.setattr(student.model.generation_config, "num_beams", 3)
    assert student.generate(SOURCES, "explanation", 20) == expected


def test_an_adapter_that_is_not_merged_decodes(folders: dict[str, Path]) -> None:
    student = load(folders["gemma3"], precision="fp32", training=True)
    assert isinstance(student, CausalStudent)
    student.model = with_adapter(student, TrainConfig(lora=True))
    with torch.no_grad():
        for name, parameter in student.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3)
    expected = plain(student, SOURCES, "explanation", 12)
    assert student.generate(SOURCES, "explanation", 12) == expected
    assert len({each.text for each in expected}) > 1


@pytest.mark.parametrize("kind", ["gpt2", "mamba", "t5"])
def test_other_models_perform_by_batches(kind: str, tmp_path: Path) -> None:
    folder = tiny_t5(tmp_path / kind) if kind == "t5" else tiny_other(tmp_path / kind, kind)  # type: ignore[arg-type]
    student = load(folder, precision="fp32")
    found = performed(student, TARGETS, {"explanation": 6}, 7)
    scores = student.log_probabilities(SOURCES, TARGETS)
    for each, source, expected in zip(found, SOURCES, scores, strict=True):
        assert each.generated["explanation"] == student.generate([source], "explanation", 6)[0]
        assert [total for total, _ in each.scores] == pytest.approx(
            [total for total, _ in expected], rel=1e-5
        )
        assert set(each.seconds) == {"answer", "explanation"}


def test_capped_logits_are_decoded_capped(folders: dict[str, Path]) -> None:
    student = sharpened(load(folders["gemma3"], precision="fp32"))
    student.model.config.final_logit_softcapping = 3.0
    expected = plain(student, SOURCES, "explanation", 12)
    assert student.generate(SOURCES, "explanation", 12) == expected


def test_bf16_decodes(folders: dict[str, Path]) -> None:
    student = load(folders["gemma3"], precision="bf16")
    texts = student.generate(SOURCES, "explanation", 12)
    assert {each.tokens for each in texts} <= set(range(1, 13))
    (scores,) = student.log_probabilities(["Why?"], [["so", "no"]])
    exact = load(folders["gemma3"], precision="fp32").log_probabilities(["Why?"], [["so", "no"]])
    assert [s for s, _ in scores] == pytest.approx([s for s, _ in exact[0]], rel=0.02)


# ------------------------------------------------------------------ the parts, by hand


def test_the_likeliest_token_is_found_by_blocks() -> None:
    draw = torch.Generator().manual_seed(0)
    hidden, table = (torch.randn(n, 8, generator=draw) for n in (40, 100))
    found = likeliest(hidden, table, block=7, measured=True)
    logits = hidden @ table.t()
    assert found.tokens.tolist() == logits.argmax(1).tolist()
    assert found.log_probabilities is not None
    torch.testing.assert_close(found.log_probabilities, logits.log_softmax(1).amax(1))
    assert likeliest(hidden, table, block=7).log_probabilities is None
    # Of equals the first, within a block and across blocks, the short last one too.
    hidden = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    table = torch.zeros(23, 2)
    table[[4, 5, 12], 0] = 2.0
    table[[21, 22], 1] = 3.0
    assert likeliest(hidden, table, block=7).tokens.tolist() == [4, 21]


def test_a_token_sees_the_slots_that_its_position_sees_in_a_whole_row() -> None:
    length = 9
    whole = torch.zeros(1, length, dtype=torch.long)
    positions = torch.arange(length)
    for window in (None, 1, 4):
        expected = branch_mask(whole, positions[None], window)[0, 0]
        assert position_mask(positions, length, window)[:, 0, 0].equal(expected)
