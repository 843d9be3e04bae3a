"""Students against the raw models: losses, gradients, scores, decoding, and their files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    ByT5Tokenizer,
    TrainingArguments,
)

import teachback.students.model
from teachback.errors import DataError, ReferenceError_
from teachback.objectives import TrainingExample, training_examples
from teachback.records import Example, Explanation
from teachback.students import loss
from teachback.students.card import StudentCard
from teachback.students.causal import CausalStudent
from teachback.students.encoding import CausalTokenizer
from teachback.students.load import load
from teachback.students.model import StudentModel, last_logits_only
from teachback.students.quiet import quiet
from teachback.students.rows import Branch, Row, separate
from teachback.students.seq2seq import Seq2SeqStudent
from teachback.students.tensors import branch_mask
from teachback.training.batches import chunks
from teachback.training.trainer import MultiTaskTrainer, batch_loss
from tiny import tiny_causal, tiny_other, tiny_t5

pytestmark = pytest.mark.usefixtures("one_thread")

FAMILIES = ("gemma3", "qwen3", "llama", "t5-1.0", "t5-1.1")
CAUSAL = FAMILIES[:3]
SHARPER = {"causal": 5.0, "seq2seq": 1.5}
"""What random matrices are multiplied by for texts that differ from question to question."""
WINDOW = 16
"""The sliding window of the tiny gemma3, far shorter than any row here."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tiny")
    made = {family: tiny_causal(root / family, family) for family in CAUSAL}  # type: ignore[arg-type]
    return made | {"t5-1.0": tiny_t5(root / "t0", "1.0"), "t5-1.1": tiny_t5(root / "t1", "1.1")}


@pytest.fixture(params=FAMILIES)
def student(request: pytest.FixtureRequest, folders: dict[str, Path]) -> StudentModel:
    return load(folders[request.param], precision="fp32", training=True)


# ------------------------------------------------------------------ the plain path, by hand

EXPLAINED = Example(
    "q1", "What melts in the sun?", "an ice cube", "multiple-choice", ("a stone", "an ice cube")
)
BARE = Example("q2", "Which one flies?", "owl", "multiple-choice", ("owl", "a very old tractor"))
EXPLANATIONS = {
    "q1": [
        Explanation("q1", "cote", 0, "t", "The sun is warm. Ice melts where it is warm.", "b"),
        Explanation("q1", "cote", 1, "t", "Stones do not melt", "b"),
    ]
}
ALPHA = 0.3


def two_examples() -> list[TrainingExample]:
    return training_examples([EXPLAINED, BARE], EXPLANATIONS, objective="mt-cot", alpha=ALPHA)


def raw_model(student: StudentModel) -> Any:
    """The same weights in a model of their own, with the simplest attention there is."""
    auto = AutoModelForSeq2SeqLM if student.family == "seq2seq" else AutoModelForCausalLM
    return auto.from_pretrained(student.card.base, attn_implementation="eager").eval()


def raw_log_probabilities(
    model: Any, student: StudentModel, source: str, task: str, target: str
) -> Any:
    """Log-probabilities of one target's tokens and its end token: one row, no padding."""
    tokens = student.tokenizer

    def ids(text: str) -> list[int]:
        return list(tokens(text, add_special_tokens=False)["input_ids"])

    if student.family == "seq2seq":
        read = [*ids(source), tokens.eos_token_id]
        marker, goal = ids(task), [*ids(target), tokens.eos_token_id]
        decoder = [model.config.decoder_start_token_id, *marker, *goal[:-1]]
        output = model(
            input_ids=torch.tensor([read]), decoder_input_ids=torch.tensor([decoder])
        ).logits[0, len(marker) :]
    else:
        bos = [] if tokens.bos_token_id is None else [tokens.bos_token_id]
        before = bos + ids(f"Question: {source}\n{task}")
        goal = [*ids(f" {target}"), tokens.eos_token_id]
        output = model(input_ids=torch.tensor([before + goal])).logits[0, len(before) - 1 : -1]
    return output.log_softmax(-1).gather(1, torch.tensor(goal)[:, None])[:, 0]


def loss_by_hand(model: Any, student: StudentModel) -> Any:
    """L of the two examples, term by term from the formula in `teachback.objectives`."""
    (explained, bare) = two_examples()
    said = "So the answer is an ice cube."

    def mean(source: str, task: str, target: str) -> Any:
        return -raw_log_probabilities(model, student, source, task, target).mean()

    first, second = explained.pairs[0].source, bare.pairs[0].source
    assert first == "What melts in the sun?\n(A) a stone\n(B) an ice cube"
    a1 = mean(first, "Answer:", "an ice cube")
    e1 = mean(first, "Explanation:", f"The sun is warm. Ice melts where it is warm. {said}")
    e2 = mean(first, "Explanation:", f"Stones do not melt. {said}")
    a2 = mean(second, "Answer:", "owl")
    return ((ALPHA * a1 + (1 - ALPHA) * (e1 + e2) / 2) + (ALPHA * a2 + (1 - ALPHA) * 0)) / 2


def encoded(student: StudentModel) -> list[Any]:
    return [student.encode(example) for example in two_examples()]


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def loss_gradients(student: StudentModel, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    student.loss(student.model, student.collate(rows)).div(2).backward()
    return gradients(student.model)


def assert_same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    assert any(gradient.norm() > 1e-3 for gradient in right.values())
    for name, gradient in right.items():
        assert (left[name] - gradient).norm() <= 1e-5 * gradient.norm() + 1e-9, name


def test_the_loss_by_hand(student: StudentModel) -> None:
    expected = loss_by_hand(raw_model(student), student).item()
    assert expected > 1
    assert batch_loss(student, encoded(student), 10**6) == pytest.approx(expected, rel=1e-6)
    assert batch_loss(student, encoded(student), 16) == pytest.approx(expected, rel=1e-6)


def test_the_gradients_by_hand(student: StudentModel) -> None:
    model = raw_model(student)
    loss_by_hand(model, student).backward()
    by_hand = gradients(model)
    rows = [row for example in encoded(student) for row in example.rows]
    assert [len(row.branches) for row in rows] == [3, 1]
    assert_same(loss_gradients(student, rows), by_hand)
    assert_same(loss_gradients(student, separate(rows)), by_hand)
    if isinstance(student, CausalStudent):
        assert min(map(len, rows)) > 2 * WINDOW
        student.shared_prefix = False
        assert student.collate(rows)["input_ids"].shape[0] == 4
        assert_same(loss_gradients(student, rows), by_hand)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_loss_by_blocks_is_torch_s_own(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of 3 targets, normalised 2 at a time, the head's gradient 40 words at a time."""
    words, width, targets = 101, 8, 11
    monkeypatch.setattr(loss, "BLOCK_BYTES", 3 * words * dtype.itemsize)
    monkeypatch.setattr(loss, "_CACHED", {"cpu": 2 * words})
    monkeypatch.setattr(loss, "_HEAD_ROWS", 40)
    monkeypatch.setattr(loss, "VOCABULARY_BLOCK", 40)
    draw = torch.Generator().manual_seed(0)
    hidden, head = (torch.randn(n, width, generator=draw) for n in (targets, words))
    ids = torch.randint(words, (targets,), generator=draw)
    weights = torch.rand(targets, generator=draw)
    exact = [tensor.to(dtype).double().requires_grad_() for tensor in (hidden, head)]
    each = torch.nn.functional.cross_entropy(exact[0] @ exact[1].t(), ids, reduction="none")
    (each * weights).sum().mul(3).backward()
    given = [tensor.to(dtype).requires_grad_() for tensor in (hidden, head)]
    total = loss.weighted_cross_entropy(*given, ids, weights)
    (total * 3).backward()
    near = 1e-6 if dtype == torch.float32 else 0.02
    assert total.item() == pytest.approx((each * weights).sum().item(), rel=near)
    assert torch.allclose(
        loss.cross_entropies(*given, ids, torch.arange(len(ids))).double(), each, rtol=5 * near
    )
    for mine, right in zip(given, exact, strict=True):
        assert (mine.grad - right.grad).norm() <= near * right.grad.norm()


@pytest.mark.parametrize("family", ["qwen3", "t5-1.0"])
def test_a_head_of_an_unknown_kind_is_not_passed_by(
    family: str, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teachback.students.model, "PLAIN_HEADS", frozenset())
    student = load(folders[family], precision="fp32", training=True)
    model = raw_model(student)
    expected = loss_by_hand(model, student)
    expected.backward()
    rows = [row for example in encoded(student) for row in example.rows]
    assert batch_loss(student, encoded(student), 64) == pytest.approx(expected.item(), rel=1e-6)
    assert_same(loss_gradients(student, rows), gradients(model))


@pytest.mark.parametrize("kind", ["gpt2", "mamba"])
def test_a_model_that_cannot_share_a_question_gets_rows_of_their_own(
    kind: str, tmp_path: Path
) -> None:
    student = load(tiny_other(tmp_path, kind), precision="fp32", training=True)
    assert student.sharing_problem() == (
        f"models of type {kind} are not known to share a question exactly"
    )
    rows = student.rows(encoded(student))
    assert [len(row.branches) for row in rows] == [1, 1, 1, 1]
    # So the budget counts what is really computed.
    assert [sum(len(row.branches) for row in part) for part in chunks(rows, 200)] == [2, 1, 1]
    model = raw_model(student)
    expected = loss_by_hand(model, student)
    expected.backward()
    assert batch_loss(student, encoded(student), 200) == pytest.approx(expected.item(), rel=1e-6)
    assert_same(loss_gradients(student, rows), gradients(model))


def test_a_kernel_or_layer_without_a_mask_means_separate_rows(folders: dict[str, Path]) -> None:
    student = load(folders["gemma3"], precision="fp32", training=True)
    shared = student.rows(encoded(student))
    assert student.sharing_problem() is None
    assert [len(row.branches) for row in shared] == [3, 1]
    config = student.model.config
    config.layer_types = ["linear_attention", "full_attention"]
    assert student.sharing_problem() == (
        "layers of type linear_attention cannot share a question exactly"
    )
    config.layer_types = ["sliding_attention", "full_attention"]
    config._attn_implementation_internal = "flash_attention_2"
    assert student.sharing_problem() == "the attention kernel flash_attention_2 takes no mask"
    assert student.rows(encoded(student)) == separate(shared)
    batch = student.collate(shared)
    assert batch["input_ids"].shape[0] == 4
    # What such a kernel is given is a plain mask of padding.
    mask = student.attention_mask(batch)  # type: ignore[attr-defined]
    assert mask.shape == batch["input_ids"].shape
    # Each target's last token is predicted and never read.
    assert mask.sum() == sum(len(row) - 1 for row in separate(shared))


@pytest.mark.parametrize("kind", ["mt5", "umt5"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_targets_share_a_decoder_row_exactly_in_the_other_t5s(kind: str, attention: str) -> None:
    config = AutoConfig.for_model(
        kind,
        vocab_size=384,
        d_model=48,
        d_kv=12,
        d_ff=96,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        relative_attention_num_buckets=8,
        relative_attention_max_distance=16,
        decoder_start_token_id=0,
    )
    torch.manual_seed(0)
    model = AutoModelForSeq2SeqLM.from_config(config, attn_implementation=attention)
    student = Seq2SeqStudent(model, ByT5Tokenizer(), StudentCard(base=kind))
    rows = [row for example in encoded(student) for row in example.rows]
    assert student.collate(rows)["decoder_input_ids"].shape[0] == 2
    together = loss_gradients(student, rows)
    for row in separate(rows):  # one target at a time; gradients add up
        student.loss(student.model, student.collate([row])).div(2).backward()
    assert_same(together, gradients(student.model))


def test_capped_logits_stay_capped(folders: dict[str, Path]) -> None:
    student = load(folders["gemma3"], precision="fp32", training=True)
    model = raw_model(student)
    plain = loss_by_hand(model, student).item()
    for config in (student.model.config, model.config):
        config.final_logit_softcapping = 0.3
    capped = loss_by_hand(model, student).item()
    assert capped != pytest.approx(plain, rel=1e-4)
    assert batch_loss(student, encoded(student), 10**6) == pytest.approx(capped, rel=1e-6)


def test_the_paper_s_encoder_marker(folders: dict[str, Path]) -> None:
    student = load(folders["t5-1.0"], precision="fp32")
    student.with_card(task_marker="encoder")
    rows = student.encode(two_examples()[0]).rows
    assert [student.tokenizer.decode(row.prefix)[:9] for row in rows] == ["answer: W", "explain: "]
    assert [len(row.branches) for row in rows] == [1, 2]
    assert not any(branch.marker for row in rows for branch in row.branches)
    ((score, length),) = student.log_probabilities(["Why?"], [["so"]], "explanation")[0]
    plain = raw_log_probabilities(raw_model(student), student, "explain: Why?", "", "so")
    assert score == pytest.approx(plain.sum().item(), rel=1e-6)
    assert length == 3


def test_scores_are_sums_that_include_the_end_token(student: StudentModel) -> None:
    model = raw_model(student)
    sources = ["Short?", "A question that is a good deal longer than the other one is, is it?"]
    targets = [["yes", "no way at all"], ["maybe"]]
    scores = student.log_probabilities(sources, targets)
    assert [len(own) for own in scores] == [2, 1]
    for source, own, found in zip(sources, targets, scores, strict=True):
        for target, (score, length) in zip(own, found, strict=True):
            plain = raw_log_probabilities(model, student, source, "Answer:", target)
            assert score == pytest.approx(plain.sum().item(), rel=1e-6)
            assert length == len(plain)


# ------------------------------------------------------------------ rows and batches


def test_markers_are_outside_the_loss(student: StudentModel) -> None:
    batch = student.collate([row for example in encoded(student) for row in example.rows])
    pairs = [pair for example in two_examples() for pair in example.pairs]
    goals = [(*student.text_ids(pair.target), student.end_id) for pair in pairs]
    assert tuple(batch["target_ids"].tolist()) == sum(goals, ())
    expected = [p.weight / len(goal) for p, goal in zip(pairs, goals, strict=True) for _ in goal]
    assert batch["target_weights"].tolist() == pytest.approx(expected)
    assert sum(expected) == pytest.approx(1 + ALPHA)


def test_branches_see_the_question_and_themselves() -> None:
    branch_ids = torch.tensor([[0, 0, 1, 1, 2, -1]])
    position_ids = torch.tensor([[0, 1, 2, 3, 2, 0]])
    assert branch_mask(branch_ids, position_ids)[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 0, 1],  # padding: seen by itself alone
    ]
    # A window of 2 is one of positions: branch 2's first token still sees the question's last.
    windowed = branch_mask(branch_ids, position_ids, window=2)[0, 0].int().tolist()
    assert windowed[3] == [0, 0, 1, 1, 0, 0]
    assert windowed[4] == [0, 1, 0, 0, 1, 0]


def test_what_is_cut_off_has_no_end_token(student: StudentModel) -> None:
    space = 1 if student.family == "causal" else 0
    student.with_card(max_target_tokens=8, max_source_tokens=20)
    whole, cut = "x" * (7 - space), "x" * (8 - space)
    assert student.branch("answer", whole).target[-1] == student.end_id
    assert len(student.branch("answer", whole).target) == 8
    assert student.end_id not in student.branch("answer", cut).target
    assert len(student.branch("answer", cut).target) == 8
    # Of a question that is too long the end stays: the choices stand there.
    ids = student.source_ids("a" * 50 + "(A) one", "answer")
    prefix = student.row("a" * 50 + "(A) one", "answer", ()).prefix
    assert len(prefix) == 20
    assert prefix[0] == ids[0]
    assert prefix[1:] == ids[-19:]


def test_chunks_keep_every_row_within_the_budget() -> None:
    rows = [Row(tuple(range(n)), ()) for n in (30, 5, 5, 90, 8, 41, 7)]
    parts = list(chunks(rows, 60))
    assert sorted(len(row) for part in parts for row in part) == [5, 5, 7, 8, 30, 41, 90]
    assert all(len(part) * len(part[-1]) <= 60 for part in parts if len(part) > 1)
    assert [len(row) for row in parts[-1]] == [90]  # longer than the budget, and still trained on
    assert len(parts) == 4


def test_chunks_are_as_few_as_can_be_and_pad_least() -> None:
    def cut(lengths: list[int], budget: int) -> list[list[int]]:
        rows = [Row((0,) * length, ()) for length in lengths]
        return [[len(row) for row in part] for part in chunks(rows, budget)]

    # Filled up from the shortest, the first chunk would pad two rows of 10 to 30.
    assert cut([10, 30, 10, 30, 30], 90) == [[10, 10], [30, 30, 30]]
    # A third chunk would pad nothing; a chunk costs more than a few tokens.
    assert cut([5, 6, 9], 18) == [[5, 6], [9]]
    assert cut([], 18) == []


RAGGED = [
    Example(f"r{i}", "why " * (1 + 7 * (i % 3)) + "?", "yes", "yes-no", context="c" * (i * 11))
    for i in range(5)
]
RAGGED_EXPLANATIONS = {
    f"r{i}": [Explanation(f"r{i}", "cote", k, "t", "so " * (1 + 5 * k), "yes") for k in range(i)]
    for i in range(5)
}


def test_what_is_computed_at_once_does_not_change_the_gradient(
    student: StudentModel, tmp_path: Path
) -> None:
    pairs = training_examples(RAGGED, RAGGED_EXPLANATIONS, objective="mt-ra", alpha=ALPHA)
    examples = [student.encode(example) for example in pairs]
    arguments = TrainingArguments(str(tmp_path), report_to=[], use_cpu=True, disable_tqdm=True)
    found = []
    for budget in (10**6, 500, 16):
        trainer = MultiTaskTrainer(
            student=student,
            args=arguments,
            train=examples,
            valid=examples,
            token_budget=budget,
            score=lambda: None,
            callbacks=[],
        )
        student.model.zero_grad()
        step_loss = trainer.training_step(student.model, {"examples": examples}).item()
        found.append((step_loss, gradients(student.model)))
    expected = batch_loss(student, examples, 10**6)
    for step_loss, gradient in found:
        assert step_loss == pytest.approx(expected, rel=1e-6)
        assert_same(gradient, found[0][1])


# ------------------------------------------------------------------ generation


def test_a_batch_generates_what_its_questions_generate_alone(student: StudentModel) -> None:
    with torch.no_grad():  # far from level, so that what is read decides what is written
        for parameter in student.model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(SHARPER[student.family])
    sources = ["Why?", "And what about a question that is much longer than the first?", "Is it?"]
    together = student.generate(sources, "explanation", 12)
    assert together == [student.generate([s], "explanation", 12)[0] for s in sources]
    assert len({generated.text for generated in together}) > 1
    assert all(generated.tokens == 12 or generated.complete for generated in together)


def test_decoding_follows_the_marker_greedily(student: StudentModel) -> None:
    """The first generated tokens are the raw model's likeliest, after the same marker."""
    (generated,) = student.generate(["Why?"], "answer", 3)
    batch = student.collate([student.row("Why?", "answer", [student.branch("answer", "")])])
    ids: list[int] = []
    model = raw_model(student)
    for _ in range(3):
        if student.family == "seq2seq":
            decoder = [[student.start_id, *student.marker_ids("answer"), *ids]]  # type: ignore[attr-defined]
            logits = model(
                input_ids=batch["input_ids"], decoder_input_ids=torch.tensor(decoder)
            ).logits
        else:
            read = [*student.source_ids("Why?", "answer"), *student.marker_ids("answer"), *ids]
            logits = model(input_ids=torch.tensor([read])).logits
        ids.append(int(logits[0, -1].argmax()))
        if ids[-1] == student.end_id:
            break
    assert generated == student.generated(ids)


def test_a_text_ends_at_its_end_token(student: StudentModel) -> None:
    ids = [*student.text_ids("so"), student.end_id, student.pad_id, student.pad_id]
    ended = student.generated(ids)
    assert ended.text == "so"
    assert ended.complete
    assert ended.tokens == len(student.text_ids("so")) + 1
    endless = student.generated(list(student.text_ids("so")))
    assert not endless.complete
    assert endless.text == "so"


# ------------------------------------------------------------------ files

PICKLED = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}
ASKED = (["Which one?", "Does it?"], [["this one", "that"], ["yes", "no"]])


def test_a_saved_student_scores_as_before(student: StudentModel, tmp_path: Path) -> None:
    student.with_card(objective="mt-cot", answer_format="both", way="explained", labels=("a", "b"))
    student.save(tmp_path / "student")
    again = load(tmp_path / "student", precision="fp32")
    assert again.log_probabilities(*ASKED) == student.log_probabilities(*ASKED)
    assert again.card == student.card
    assert type(again) is type(student)
    names = [path.name for path in (tmp_path / "student").iterdir()]
    assert "model.safetensors" in names
    assert not [name for name in names if Path(name).suffix in PICKLED]


@pytest.mark.parametrize("family", ["gemma3", "t5-1.1"])
def test_a_merged_adapter_answers_like_the_adapter(
    family: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model

    student = load(folders[family], precision="fp32", training=True)
    before = student.log_probabilities(*ASKED)
    with quiet():
        student.model = get_peft_model(student.model, LoraConfig(r=4, target_modules="all-linear"))
    with torch.no_grad():
        for name, parameter in student.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    student.save(tmp_path / "student")
    names = {path.name for path in (tmp_path / "student").iterdir()}
    assert "adapter_model.safetensors" in names
    assert "model.safetensors" not in names
    assert not [name for name in names if Path(name).suffix in PICKLED]

    adapter = load(tmp_path / "student", precision="fp32", training=True)
    merged = load(tmp_path / "student", precision="fp32")
    assert any(p.requires_grad for p in adapter.model.parameters())
    assert adapter.log_probabilities(*ASKED) == student.log_probabilities(*ASKED)
    flat = [score for own in adapter.log_probabilities(*ASKED) for score, _ in own]
    assert [s for own in merged.log_probabilities(*ASKED) for s, _ in own] == pytest.approx(
        flat, rel=1e-5
    )
    assert [s for own in before for s, _ in own] != pytest.approx(flat, rel=1e-2)
    assert merged.generate(["Why?"], "answer", 5) == adapter.generate(["Why?"], "answer", 5)


def test_bf16_is_what_is_computed_in_to_answer(folders: dict[str, Path]) -> None:
    student = load(folders["qwen3"], precision="bf16")
    assert next(student.model.parameters()).dtype == torch.bfloat16
    exact = load(folders["qwen3"], precision="fp32")
    ((score, _),) = student.log_probabilities(["Why?"], [["so"]])[0]
    ((wanted, _),) = exact.log_probabilities(["Why?"], [["so"]])[0]
    assert score == pytest.approx(wanted, rel=0.02)
    # Trained, the weights stay the optimiser's float32 whatever is computed in.
    training = load(folders["qwen3"], precision="bf16", training=True)
    assert next(training.model.parameters()).dtype == torch.float32


def test_a_card_of_a_later_version_is_read(tmp_path: Path) -> None:
    StudentCard("base", way="explained").save(tmp_path)
    row = json.loads((tmp_path / "teachback.json").read_text("utf-8"))
    (tmp_path / "teachback.json").write_text(json.dumps(row | {"unheard_of": 1}), "utf-8")
    assert StudentCard.load(tmp_path) == StudentCard("base", way="explained")
    assert StudentCard.load(tmp_path / "nowhere") is None


def test_a_folder_that_is_no_student_is_a_user_s_error(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ReferenceError_, match="is not a student"):
        load(tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (broken / name).write_bytes((folders["llama"] / name).read_bytes())
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ReferenceError_, match="not a model that can be a student") as caught:
        load(broken)
    assert "\n" not in str(caught.value)


def test_a_part_of_a_model_is_not_filled_up_at_random(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    part = tmp_path / "part"
    part.mkdir()
    for path in folders["llama"].iterdir():
        (part / path.name).write_bytes(path.read_bytes())
    weights = load_file(part / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, part / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ReferenceError_, match=r"1 weights are missing .*model\.norm\.weight"):
        load(part)


def test_a_decoding_step_copies_no_output_layer() -> None:
    # A slice of the hidden states that is not contiguous makes torch multiply with a copy of a
    # frozen output layer per row: gigabytes with a vocabulary such as Gemma's.
    head = torch.nn.Linear(64, 4096, bias=False, dtype=torch.bfloat16).requires_grad_(False)
    hidden = torch.randn(32, 7, 64, dtype=torch.bfloat16)
    with (
        torch.inference_mode(),
        last_logits_only(head),
        torch.profiler.profile(profile_memory=True) as seen,
    ):
        logits = head(hidden)
    assert logits.shape == (32, 1, 4096)
    largest = max(event.cpu_memory_usage for event in seen.key_averages())
    assert largest <= 2 * 32 * 4096 * 2


# A folder's own code


@pytest.mark.parametrize("what", ["config", "model", "tokenizer"])
def test_a_folder_s_own_code_is_not_run(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither unasked nor after a question that a script may answer with yes."""
    folder = tiny_causal(tmp_path / "student")
    ran = tmp_path / "ran"
    (folder / "own.py").write_text(
        f"open({str(ran)!r}, 'w').close()\n"
        "from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast\n"
        "class Own(LlamaConfig): model_type = 'own-code'\n"
        "class OwnModel(LlamaForCausalLM): config_class = Own\n"
        "class OwnTokenizer(PreTrainedTokenizerFast): pass\n",
        "utf-8",
    )
    name = "tokenizer_config.json" if what == "tokenizer" else "config.json"
    values = json.loads((folder / name).read_text("utf-8"))
    values["auto_map"] = {
        "config": {"AutoConfig": "own.Own"},
        "model": {"AutoModelForCausalLM": "own.OwnModel"},
        "tokenizer": {"AutoTokenizer": ["own.OwnTokenizer", None]},
    }[what]
    if what == "config":
        values["model_type"] = "own-code"
    if what == "tokenizer":
        values["tokenizer_class"] = "OwnTokenizer"
    (folder / name).write_text(json.dumps(values), "utf-8")
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    if what == "config":
        with pytest.raises(ReferenceError_) as caught:
            load(str(folder))
        assert "\n" not in str(caught.value)
    else:
        # What the library knows itself is loaded as that, and the code beside it is ignored.
        with contextlib.suppress(ReferenceError_):
            load(str(folder))
    assert not ran.exists()


def test_saving_leaves_a_readme_as_it_was(tmp_path: Path) -> None:
    student = load(tiny_causal(tmp_path / "tiny", "llama"), precision="fp32")
    (tmp_path / "student").mkdir()
    (tmp_path / "student" / "README.md").write_text("mine", "utf-8")
    student.save(tmp_path / "student")
    assert (tmp_path / "student" / "README.md").read_text("utf-8") == "mine"


@pytest.mark.parametrize(("source", "target", "fits"), [(800, 257, True), (1025, 9, False)])
def test_encoder_and_decoder_have_positions_each(source: int, target: int, fits: bool) -> None:
    class Bart(CausalTokenizer):
        family: Any = "seq2seq"

    row = Row((7,) * source, (Branch((), (7,) * target),))
    both = (Bart(None, StudentCard("base"), 1024), CausalTokenizer(None, StudentCard("base"), 1024))
    for student, expected in zip(both, (fits, False), strict=True):
        if expected:
            student.check_fits([row], "it")
        else:
            with pytest.raises(DataError, match="has positions for 1024"):
                student.check_fits([row], "it")
