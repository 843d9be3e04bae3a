"""Training: what is trained on, in which order, when it stops, and what a kill leaves."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

import teachback.training.trainer
from teachback.config import EvaluateConfig, StudentConfig, TrainConfig
from teachback.datasets import split_valid
from teachback.errors import DataError, RunFolderError
from teachback.evaluation import answer_in, fit_temperature
from teachback.objectives import training_examples
from teachback.records import Answer, Example, Explanation
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.system.progress import SILENT
from teachback.training import TrainingResult, train, validation
from teachback.training.report import data_report, set_limits
from teachback.training.trainer import MultiTaskTrainer, batch_loss
from tiny import tiny_other, tiny_t5

pytestmark = pytest.mark.usefixtures("one_thread")

COUNT = 12
EXAMPLES = [
    Example(f"q{i}", f"Is {i} even?", "no" if i % 2 else "yes", "yes-no") for i in range(COUNT)
]
EXPLANATIONS = [Explanation(f"q{i}", "cote", 0, "t", f"It is {i}.", "yes") for i in range(COUNT)]


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_t5(tmp_path_factory.mktemp("tiny"), "1.1")


def run(
    folder: Path,
    student: Path,
    *,
    explanations: list[Explanation] = EXPLANATIONS,
    overwrite: bool = False,
    notice: Any = None,
    **train_values: Any,
) -> TrainingResult:
    values = {"objective": "mt-cot", "epochs": 1, "batch_size": 4, "learning_rate": 1e-3}
    return train(
        EXAMPLES,
        explanations,
        folder,
        train_config=TrainConfig(**values | train_values),
        student_config=StudentConfig(
            reference=str(student), precision="fp32", max_target_tokens=24
        ),
        overwrite=overwrite,
        notice=notice,
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "student" / "model.safetensors")


def difference(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> float:
    assert left.keys() == right.keys()
    return max(float((left[name] - right[name]).abs().max()) for name in left)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The encoded examples of every training step, as they come."""
    seen: list[list[Any]] = []
    step = MultiTaskTrainer.training_step

    def recorded(self: Any, model: Any, inputs: dict[str, Any], *rest: Any) -> Any:
        seen.append(list(inputs["examples"]))
        return step(self, model, inputs, *rest)

    monkeypatch.setattr(MultiTaskTrainer, "training_step", recorded)
    return seen


def order(batches: list[list[Any]]) -> list[list[str]]:
    ids = [[example.id for example in batch] for batch in batches]
    batches.clear()
    return ids


# ------------------------------------------------------------------ a kill


KILLED = """
import sys, torch
sys.path.insert(0, sys.argv[3])
torch.set_num_threads(1)
from pathlib import Path
from test_training import run
run(Path(sys.argv[1]), Path(sys.argv[2]), epochs=10, patience=0, objective=sys.argv[4])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("objective", ["mt-cot", pytest.param("mt-icot", marks=pytest.mark.slow)])
def test_a_killed_run_ends_as_if_nothing_had_happened(
    objective: str, llama: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(folder), str(llama), str(Path(__file__).parent)]
    command.append(objective)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 120
        while not list(folder.glob("checkpoints/*/trainer_state.json")):
            assert process.poll() is None, process.stderr.read().decode()  # type: ignore[union-attr]
            assert time.monotonic() < until
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "student").exists()
    at = max(int(path.name.split("-")[1]) for path in folder.glob("checkpoints/checkpoint-*"))
    assert 2 <= at < 20

    resumed = run(folder, llama, epochs=10, patience=0, objective=objective)
    straight = run(tmp_path / "straight", llama, epochs=10, patience=0, objective=objective)
    assert [entry["epoch"] for entry in resumed.history] == [float(e) for e in range(1, 11)]
    for left, right in zip(resumed.history, straight.history, strict=True):
        assert left == pytest.approx(right, abs=1e-6)
    assert difference(weights(folder), weights(tmp_path / "straight")) <= 1e-6
    assert difference(weights(folder), load_file(llama / "model.safetensors")) > 1e-3
    # Nothing is left but the student; within it nothing that could run code.
    assert [path.name for path in folder.iterdir()] == ["student"]
    suffixes = {path.suffix for path in (folder / "student").iterdir()}
    assert not suffixes & {".bin", ".pt", ".pth", ".pkl", ".ckpt"}


def test_a_run_stopped_while_saving_leaves_no_half_student(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: StudentModel, folder: Path) -> None:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(StudentModel, "save", full)
        with pytest.raises(OSError, match="No space left"):
            run(tmp_path, llama)
    assert not (tmp_path / "student").exists()
    result = run(tmp_path, llama)
    assert result.folder == tmp_path / "student"
    assert [path.name for path in tmp_path.iterdir()] == ["student"]


def test_a_run_killed_after_its_last_epoch_trains_no_further(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: list[list[Any]]
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    for name, scores, values, best, steps in (
        ("patience", [0.5, 0.9, 0.4, 0.3], {"epochs": 6, "patience": 2}, 4, 8),
        ("fraction", [0.1, 0.2], {"epochs": 1.5}, 3, 3),
    ):
        script = iter(scores)
        with monkeypatch.context() as patch:
            patch.setattr(validation, "accuracy", lambda *_, s=script: next(s))
            patch.setattr(StudentModel, "save", killed)
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path / name, llama, **values)
        kept = load_file(tmp_path / name / f"checkpoints/checkpoint-{best}/model.safetensors")
        assert len(order(batches)) == steps
        result = run(tmp_path / name, llama, **values)
        assert order(batches) == []
        assert [entry["accuracy"] for entry in result.history] == scores
        assert difference(weights(tmp_path / name), kept) == 0


# ------------------------------------------------------------------ valid


def test_the_best_epoch_on_valid_is_kept_and_patience_ends_the_run(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = iter([0.5, 0.9, 0.4, 0.3, 0.2])
    states: list[dict[str, torch.Tensor]] = []

    def scripted(student: StudentModel, *_: Any) -> float:
        states.append({name: t.clone() for name, t in student.model.state_dict().items()})
        return next(script)

    monkeypatch.setattr(validation, "accuracy", scripted)
    result = run(tmp_path, llama, epochs=5, patience=2)
    assert [entry["accuracy"] for entry in result.history] == [0.5, 0.9, 0.4, 0.3]
    kept = weights(tmp_path)
    assert all(torch.equal(kept[name], states[1][name]) for name in kept)
    assert difference(kept, {name: states[3][name] for name in kept}) > 0


def test_valid_is_answered_as_the_evaluation_will_be(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the epoch and the way would be chosen by one measure and judged by another."""
    used: list[dict[str, Any]] = []
    real = validation.answers

    def watched(*args: Any, **settings: Any) -> Any:
        used.append(settings)
        return real(*args, **settings)

    monkeypatch.setattr(validation, "answers", watched)
    train(
        EXAMPLES,
        EXPLANATIONS,
        tmp_path,
        train_config=TrainConfig(objective="mt-cot", epochs=2, batch_size=4),
        student_config=StudentConfig(reference=str(llama), precision="fp32"),
        evaluate_config=EvaluateConfig(choice_score="mean", max_new_tokens=3),
    )
    *epochs, direct, way = used
    assert [settings["choice_score"] for settings in used] == ["mean"] * 4
    assert len(epochs) == 2
    assert "explain" not in direct
    assert (way["explain"], way["max_new_tokens"]) == (True, 3)


def test_a_limit_follows_from_the_training_explanations_and_is_recorded(
    llama: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    result = train(
        EXAMPLES,
        EXPLANATIONS,
        tmp_path,
        train_config=TrainConfig(objective="mt-cot", epochs=1),
        student_config=StudentConfig(reference=str(llama), precision="fp32"),
        notice=told.append,
    )
    part, valid = split_valid(EXAMPLES, 0)
    # Bytes are this student's tokens: a space before each target, an end token behind it.
    explained = [len(f" It is {e.id[1:]}. So the answer is {e.answer}.") + 1 for e in part]
    usual = max(explained)  # of fewer than 100
    card = load(tmp_path / "student").card
    limit = min(256, -(-usual * 5 // 4) + 8)
    assert (card.max_new_tokens, card.explanation_limit) == (limit, limit)
    assert card.max_answer_tokens == -(-max(len(f" {e.answer}") + 1 for e in part) * 5 // 4) + 8
    assert any(
        line == f"generated explanations: at most {limit} tokens (99% of those trained on have at "
        f"most {usual})"
        for line in told
    )
    record = json.loads((tmp_path / "student" / "training.json").read_text("utf-8"))
    choice = record["choice"]
    assert (choice["valid"], choice["limit"]) == (len(valid), limit)
    if choice["unfinished"]:  # one step has taught it nothing
        number, asked = choice["unfinished"], choice["explained"]
        assert any(
            line.startswith(f"{number} of {asked} explanations hit the limit of {limit} ")
            for line in told
        )
    assert result.student.card == card


def test_what_mt_icot_removes_is_no_part_of_the_limit_for_answers(llama: Path) -> None:
    student = load(llama, precision="fp32")
    by_id = {e.id: [x] for e, x in zip(EXAMPLES, EXPLANATIONS, strict=True)}
    for objective in ("st", "mt-icot"):
        set_limits(student, training_examples(EXAMPLES, by_id, objective=objective), print)
        assert student.card.max_answer_tokens == 5 * 5 // 4 + 1 + 8  # " yes" and the end


def random_student(llama: Path, count: int, right: int) -> tuple[StudentModel, list[Example]]:
    """A student with random weights, and ``count`` questions of which ``right`` have the answer
    that it gives directly; what it writes as an explanation concludes nothing."""
    student = load(llama, precision="fp32").with_card(objective="mt-cot", max_new_tokens=12)
    asked = [Example(f"q{i}", f"Is {i} even?", "yes", "yes-no") for i in range(count)]
    answered = {i: a.direct_answer for i, a in validation.answers(student, asked)}
    gold = [
        str(answered[i]) if i < right else {"yes": "no", "no": "yes"}[str(answered[i])]
        for i in range(count)
    ]
    return student, [Example(e.id, e.question, gold[i], "yes-no") for i, e in enumerate(asked)]


@pytest.mark.parametrize(
    ("right", "whole", "explained"),
    [(40, False, 16), (25, False, 32), (3, False, 48), (50, False, 0), (40, True, 50)],
)
def test_choosing_ends_when_the_other_questions_cannot_change_it(
    llama: Path, right: int, whole: bool, explained: int
) -> None:
    student, valid = random_student(llama, 50, right)
    passes = 0

    def counted(*_: Any) -> None:
        nonlocal passes
        passes += 1

    student.model.register_forward_hook(counted)
    choice = validation.settle_answering(student, valid, EvaluateConfig(), SILENT, whole=whole)
    assert choice == validation.WayChoice(50, explained, explained, 12)
    card = student.card
    assert card.way == "direct"
    assert card.valid_asked == {"direct": 50, "explained": explained}
    assert card.valid == {"direct": right / 50} | ({"explained": 0.0} if explained else {})
    batches = -(-50 // 16), -(-explained // 16)
    assert passes <= 13 * sum(batches)  # the question read, and at most twelve steps
    lines = choice.lines(card.way)
    cut_short = f"chosen on valid: direct; {explained} of 50 questions were explained"
    assert any(line.startswith(cut_short) for line in lines) == (explained < 50)
    said = f"{explained} of {explained} explanations hit the limit of 12 tokens"
    assert any(line.startswith(said) for line in lines) == (explained > 0)


@pytest.mark.parametrize("count", [199, 200])
def test_temperature_and_threshold_are_settled_on_valid(llama: Path, count: int) -> None:
    student, valid = random_student(llama, count, 150)
    choice = validation.settle_answering(student, valid, EvaluateConfig(), SILENT)
    assert choice is not None
    card = student.card
    shares = [a.probabilities for _, a in sorted(validation.answers(student, valid))]
    assert all(shares)
    golds = [e.answer for e in valid]
    assert card.temperature == pytest.approx(fit_temperature(shares, golds))  # type: ignore[arg-type]
    (told,) = [line for line in choice.lines(card.way) if "adaptive" in line]
    if count < 200:
        assert (card.threshold, choice.threshold) == (None, None)
        assert told == (
            "the adaptive way is not offered: valid has 199 questions, and its threshold needs 200"
        )
        return
    # Its explanations conclude nothing, so none is worth having; but all had to be tried.
    assert choice.explained == 200
    margins = sorted(abs(own["yes"] - own["no"]) for own in shares if own)
    assert card.threshold == pytest.approx(margins[0])
    assert told.startswith("adaptive (exploratory): on valid it explains 0% of 200 questions")
    assert "with none explained 0.750, with all 0.000" in told


def test_equal_accuracy_is_decided_by_the_loss(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(validation, "accuracy", lambda *_: 0.5)
    monkeypatch.setattr(teachback.training.trainer, "batch_loss", lambda *_: next(losses))
    states: list[torch.Tensor] = []
    evaluate = MultiTaskTrainer.evaluate

    def recorded(self: Any, *args: Any, **options: Any) -> Any:
        states.append(self.model.lm_head.weight.clone())
        return evaluate(self, *args, **options)

    monkeypatch.setattr(MultiTaskTrainer, "evaluate", recorded)
    run(tmp_path, llama, epochs=3)
    again = load(tmp_path / "student", precision="fp32")
    assert torch.equal(again.model.lm_head.weight, states[1])


def test_valid_is_apart_from_what_is_trained_on(
    llama: Path, tmp_path: Path, batches: list[list[Any]]
) -> None:
    run(tmp_path, llama, seed=3)
    trained = {example.id for batch in batches for example in batch}
    part, valid = split_valid(EXAMPLES, 3)
    assert trained == {example.id for example in part}
    assert not trained & {example.id for example in valid}
    assert len(valid) == COUNT // 2


def test_permuted_explanations_are_others_and_none_of_them_valid_s(
    llama: Path, tmp_path: Path, batches: list[list[Any]]
) -> None:
    result = run(tmp_path, llama, permute=True)
    decode = result.student.tokenizer.decode
    explained: dict[str, str] = {}
    for batch in batches:
        for example in batch:
            ((_, explanation),) = [row.branches for row in example.rows]
            explained[example.id] = decode(explanation.target).split(".")[0].strip()
    part, _ = split_valid(EXAMPLES, 0)
    own = {e.id: f"It is {e.id[1:]}" for e in part}
    assert sorted(explained.values()) == sorted(own.values())
    assert all(explained[example.id] != own[example.id] for example in part)


def test_the_way_of_answering_is_the_better_one_on_valid(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scripted(_student: StudentModel, some: Any, **options: Any) -> Iterator[tuple[int, Answer]]:
        """Directly always yes; explained always right."""
        for index, example in enumerate(some):
            told = example.answer if options.get("explain") else None
            yield (
                index,
                answer_in("direct", direct_answer="yes", explanation="so", explained_answer=told),
            )

    monkeypatch.setattr(validation, "answers", scripted)
    result = run(tmp_path, llama)
    _, valid = split_valid(EXAMPLES, 0)
    yes = sum(example.answer == "yes" for example in valid) / len(valid)
    assert 0 < yes < 1
    assert result.student.card.way == "explained"
    assert result.student.card.valid == {"direct": yes, "explained": 1.0}
    assert load(tmp_path / "student").card.way == "explained"


# ------------------------------------------------------------------ seeds and order


def test_the_seed_draws_everything_and_nothing_else_does(
    llama: Path, tmp_path: Path, batches: list[list[Any]]
) -> None:
    run(tmp_path / "a", llama, epochs=2)
    first = order(batches)
    torch.manual_seed(99)  # whatever was drawn before
    run(tmp_path / "b", llama, epochs=2)
    assert order(batches) == first
    assert difference(weights(tmp_path / "a"), weights(tmp_path / "b")) == 0
    assert first[:2] != first[2:]  # each epoch has its own order
    run(tmp_path / "c", llama, epochs=2, seed=1)
    assert order(batches) != first
    assert difference(weights(tmp_path / "a"), weights(tmp_path / "c")) > 0


def test_objectives_of_one_seed_see_the_same_order(
    llama: Path, tmp_path: Path, batches: list[list[Any]]
) -> None:
    run(tmp_path / "st", llama, objective="st", epochs=2)
    plain = order(batches)
    run(tmp_path / "mt", llama, objective="mt-cot", epochs=2)
    assert order(batches) == plain


def test_tokens_computed_at_once_do_not_change_the_student(llama: Path, tmp_path: Path) -> None:
    run(tmp_path / "a", llama, token_budget=2048)
    run(tmp_path / "b", llama, token_budget=16)
    assert difference(weights(tmp_path / "a"), weights(tmp_path / "b")) < 1e-5


def test_checkpointed_activations_do_not_change_the_student(llama: Path, tmp_path: Path) -> None:
    run(tmp_path / "a", llama)
    run(tmp_path / "b", llama, gradient_checkpointing=True)
    assert difference(weights(tmp_path / "a"), weights(tmp_path / "b")) < 1e-5


# ------------------------------------------------------------------ what comes out


@pytest.mark.parametrize("objective", ["st", "mt-re", "mt-ra", "mt-cot", "mt-icot", "cot"])
def test_every_objective_learns_what_it_is_shown(objective: str, t5: Path, tmp_path: Path) -> None:
    part, _ = split_valid(EXAMPLES, 0)
    by_id = {explanation.id: [explanation] for explanation in EXPLANATIONS}
    pairs = training_examples(part, by_id, objective=objective)  # type: ignore[arg-type]

    def loss(student: StudentModel) -> float:
        return batch_loss(student, [student.encode(pair) for pair in pairs], 4096)

    before = load(t5, precision="fp32").with_card(max_target_tokens=24)
    result = run(tmp_path, t5, objective=objective, epochs=3, learning_rate=0.01)
    assert loss(result.student) < 0.7 * loss(before)
    card = load(tmp_path / "student").card
    assert (card.objective, card.family, card.kind) == (objective, "seq2seq", "yes-no")
    assert card.base == str(t5)
    assert len(result.history) == 3
    record = json.loads((tmp_path / "student" / "training.json").read_text("utf-8"))
    assert record["history"] == list(result.history)


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_an_adapter_is_trained_and_saved_alone(
    family: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base = request.getfixturevalue(family)
    result = run(tmp_path, base, lora=True, lora_rank=2, learning_rate=0.05, epochs=2)
    names = {path.name for path in (tmp_path / "student").iterdir()}
    assert "adapter_model.safetensors" in names
    assert "model.safetensors" not in names
    assert result.needs.trained < result.needs.parameters / 4
    adapter = json.loads((tmp_path / "student" / "adapter_config.json").read_text("utf-8"))
    assert adapter["base_model_name_or_path"] == str(base)
    asked = (["Is 4 even?"], [["yes", "no"]])
    trained = load(tmp_path / "student", precision="fp32").log_probabilities(*asked)
    assert trained == result.student.log_probabilities(*asked)
    assert trained != load(base, precision="fp32").log_probabilities(*asked)


# ------------------------------------------------------------------ reports


def word_student(llama: Path) -> StudentModel:
    """A student whose vocabulary is eight words."""
    known = ["<unk>", "<pad>", "<eos>", "Question", ":", "is", "it", "so"]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(known)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    student = load(llama, precision="fp32", training=True)
    student.tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>"
    )
    return student


def test_the_report_counts_unknown_tokens_and_cuts(llama: Path) -> None:
    student = word_student(llama).with_card(max_source_tokens=5, max_target_tokens=8)
    examples = [
        Example("a", "is it so", "yes", "yes-no"),
        Example("b", "so", "no", "yes-no"),
    ]
    explanations = {"a": [Explanation("a", "cote", 0, "t", "it is so", "yes")]}
    report = data_report(student, training_examples(examples, explanations, objective="mt-cot"))
    # Question : is it so | Question : so; the former is read for its answer and explanation.
    assert report.pairs == 3
    assert (report.source.longest, report.source.truncated) == (5, 0)
    # yes <eos> | no <eos>
    answer = report.targets["answer"]
    assert (answer.median, answer.longest, answer.truncated) == (2, 2, 0)
    # it is so . So the answer is yes . <eos>: 11 tokens, known are it, is, so, is
    explanation = report.targets["explanation"]
    assert (explanation.longest, explanation.truncated) == (11, 1)
    # Of 5 + 1 + 3 + 1 + 5 + 10 tokens, unknown: yes, no, and 6 of the explanation's ten.
    assert report.unknown == pytest.approx(8 / 25)
    assert report.lines() == [
        "question: 5 tokens (median), 5 (95%), 5 (longest), 0.0% cut off",
        "answer: 2 tokens (median), 2 (95%), 2 (longest), 0.0% cut off",
        "explanation: 11 tokens (median), 11 (95%), 11 (longest), 100.0% cut off",
        "unknown tokens: 32.00%",
    ]
    shorter = data_report(
        student.with_card(max_source_tokens=4),
        training_examples(examples, explanations, objective="st"),
    )
    assert shorter.source.truncated == 0.5


def test_the_report_on_long_data_is_of_both_tasks(llama: Path) -> None:
    examples = [Example(str(n), "is it so", "yes", "yes-no") for n in range(1500)]
    explanations = {e.id: [Explanation(e.id, "cote", 0, "t", "so", "yes")] for e in examples}
    pairs = training_examples(examples, explanations, objective="mt-cot")
    report = data_report(word_student(llama), pairs)
    assert report.pairs == 3000
    assert set(report.targets) == {"answer", "explanation"}


def test_training_says_beforehand_what_it_will_do(llama: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    result = run(tmp_path, llama, notice=lines.append)
    assert lines[0] == "explanations: for 6 of 6 training examples"
    assert lines[1] == "precision: fp32 (as asked for)"
    assert lines[2].startswith("generated explanations: at most ")
    expected = [*result.report.lines(), *result.needs.lines()]
    assert lines[3 : 3 + len(expected)] == expected
    assert any(line.startswith("unknown tokens: 0.00%") for line in lines)


def test_rows_that_cannot_be_shared_are_told_of_once(tmp_path: Path) -> None:
    lines: list[str] = []
    run(tmp_path, tiny_other(tmp_path / "gpt2", "gpt2"), notice=lines.append)
    assert [line for line in lines if "a row for each target" in line] == [
        "slower training, with a row for each target: models of type gpt2 are not known to share a "
        "question exactly"
    ]


def test_the_disk_holds_three_checkpoints_less_those_that_are_there(
    llama: Path, tmp_path: Path
) -> None:
    there = tmp_path / "checkpoints" / "checkpoint-1"
    there.mkdir(parents=True)
    (there / "optimizer.pt").write_bytes(bytes(5000))
    needs = run(tmp_path, llama, overwrite=True).needs
    assert needs.parameters == needs.trained
    # Each checkpoint has the weights and two moments, and the third is there before the first goes.
    assert needs.disk == 36 * needs.trained - 5000


@pytest.mark.parametrize(
    ("objective", "permute", "kept", "said"),
    [
        ("cot", False, 0, r"valid \(\d+ examples\): nothing to train on"),
        ("mt-cot", True, 1, r"valid \(\d+ examples\): only example"),
    ],
)
def test_the_part_that_lacks_explanations_is_named(
    llama: Path, tmp_path: Path, objective: str, permute: bool, kept: int, said: str
) -> None:
    part, valid = split_valid(EXAMPLES, 0)
    few = {example.id for example in (*part, *valid[:kept])}
    own = [one for one in EXPLANATIONS if one.id in few]
    with pytest.raises(DataError, match=said):
        run(tmp_path, llama, explanations=own, objective=objective, permute=permute)


def test_a_student_with_one_answer_is_told_nothing_of_the_adaptive_way() -> None:
    said = validation.WayChoice(50, 50, 0, 12, both=False).lines("direct")
    assert said == []
    assert "its threshold needs 200" in validation.WayChoice(50, 50, 0, 12).lines("direct")[0]


def test_too_little_disk_is_said_before_training(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(10, 10, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RunFolderError) as caught:
        run(tmp_path, llama)
    assert str(caught.value) == (
        "training needs about 0.0 GiB of disk for checkpoints and 0.0 GiB are free: free some, "
        "or train with --lora"
    )
    assert not (tmp_path / "student").exists()


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize("objective", ["mt-re", "mt-ra", "mt-cot", "mt-icot", "cot"])
def test_no_explanations_are_an_error(objective: str, tmp_path: Path) -> None:
    for none in ([], [Explanation("other", "cote", 0, "t", "So.", None)]):
        with pytest.raises(DataError, match="explanation"):
            run(tmp_path, tmp_path / "not looked at", explanations=none, objective=objective)
    assert not list(tmp_path.iterdir())


def test_checkpoints_of_another_run_are_not_gone_on_with(llama: Path, tmp_path: Path) -> None:
    other = tmp_path / "checkpoints"
    (other / "checkpoint-2").mkdir(parents=True)
    (other / "run.json").write_text('{"identity": "another"}', "utf-8")
    with pytest.raises(RunFolderError, match="checkpoints of a different run"):
        run(tmp_path, llama)
    assert (other / "checkpoint-2").is_dir()
    assert run(tmp_path, llama, overwrite=True).folder.is_dir()


def test_a_student_is_not_overwritten_unasked(llama: Path, tmp_path: Path) -> None:
    run(tmp_path, llama)
    before = weights(tmp_path)
    with pytest.raises(RunFolderError, match="already holds student"):
        run(tmp_path, llama, seed=1)
    assert difference(before, weights(tmp_path)) == 0
    run(tmp_path, llama, seed=1, overwrite=True)
    assert difference(before, weights(tmp_path)) > 0
