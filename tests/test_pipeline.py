"""The steps of a run and the chain of them, on a recorded teacher and tiny students."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from teachback.config import EvaluateConfig, TeacherConfig, override, read_config
from teachback.datasets import read_examples
from teachback.errors import ConfigError, DataError, RunFolderError, UsageError
from teachback.explaining.session import TeacherSession
from teachback.files import read_explanations, read_jsonl, read_predictions, read_rejections
from teachback.runs import pipeline
from teachback.runs.evaluations import read_evaluation, read_run
from teachback.runs.explanations import explain, select_again
from teachback.runs.folders import training_part
from teachback.students.load import load
from teachback.training.trainer import MultiTaskTrainer
from tiny import tiny_causal, tiny_t5
from tiny_run import KEPT, TEST, TRAIN, contents, question, write_config, write_data, write_lines

pytestmark = pytest.mark.usefixtures("one_thread")


def whole_run(root: Path, student: Path) -> Path:
    """``root`` with data, ``run.toml``, and a whole run of it in ``out``."""
    write_data(root)
    write_config(root, student, seed=3)
    pipeline.run(read_config(root / "run.toml"), root / "out")
    return root


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("causal")
    return whole_run(root, tiny_causal(root / "tiny", "gemma3"))


@pytest.fixture(scope="module")
def seq2seq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("seq2seq")
    return whole_run(root, tiny_t5(root / "tiny", "1.1"))


@pytest.fixture(params=["causal", "seq2seq"])
def finished(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


@pytest.fixture
def copy(causal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The causal run under names that do not change, to be spoilt; work is done within it."""
    root = tmp_path / "copy"
    shutil.copytree(causal, root)
    monkeypatch.chdir(root)
    write_config(root, Path("tiny"), seed=3)
    # What a run in this folder would have written.
    for name in ("config.toml", "manifest.json"):
        path = root / "out" / name
        path.write_text(path.read_text("utf-8").replace(f"{causal}/", f"{root}/"), "utf-8")
    return root


def again(**changes: Any) -> Any:
    config = read_config("run.toml")
    return pipeline.run(
        override(config, "train", **changes.pop("train", {})), Path("out"), **changes
    )


# ------------------------------------------------------------------ the whole run


def test_a_run_folder_holds_what_the_design_lists(finished: Path) -> None:
    out = finished / "out"
    assert {path.name for path in out.iterdir() if not path.name.endswith(("-wal", "-shm"))} == {
        "config.toml",
        "manifest.json",
        "completions.sqlite",
        "explanations.jsonl",
        "rejections.jsonl",
        "selection.json",
        "student",
        "predictions.jsonl",
        "predictions.untrained.jsonl",
        "predictions.majority.jsonl",
        "metrics.json",
    }
    assert not [p for p in out.rglob("*") if p.suffix in (".bin", ".pt", ".pth", ".pkl", ".tmp")]


def test_explanations_and_rejections_add_up(finished: Path) -> None:
    out = finished / "out"
    explanations = read_explanations(out / "explanations.jsonl")
    rejections = read_rejections(out / "rejections.jsonl")
    assert len(explanations) == KEPT
    assert [e.strategy for e in explanations].count("cote") == TRAIN // 2
    assert {(r.strategy, r.reason) for r in rejections} == {
        ("cote", "wrong-answer"),
        ("rp", "failed"),
    }
    summary = json.loads((out / "selection.json").read_text("utf-8"))
    assert summary["asked"] == len(explanations) + len(rejections) == TRAIN + TRAIN // 2
    assert summary["kept"] == KEPT
    assert all("The answer is" not in explanation.text for explanation in explanations)


def test_the_folder_says_how_to_repeat_the_run(finished: Path) -> None:
    out = finished / "out"
    written = tomllib.loads((out / "config.toml").read_text("utf-8"))
    assert written["train"]["seed"] == 3
    assert written["train"]["alpha"] == 0.5  # a default, filled in
    assert written["data"]["train"] == str(finished / "train.jsonl")
    assert read_config(out / "config.toml", anchored=False) == read_config(finished / "run.toml")
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["seeds"] == {"train": 3}
    digest = hashlib.sha256((finished / "test.jsonl").read_bytes()).hexdigest()
    assert manifest["inputs"]["test"]["sha256"] == digest
    assert "torch" in manifest["packages"]


def test_the_student_stands_beside_the_untrained_one_and_the_majority(finished: Path) -> None:
    out = finished / "out"
    metrics = json.loads((out / "metrics.json").read_text("utf-8"))
    assert list(metrics["systems"]) == ["student", "untrained", "majority"]
    assert list(metrics["cost_per_1000"]) == ["student", "untrained"]
    assert (metrics["seed"], metrics["kind"]) == (3, "multiple-choice")
    student = read_predictions(out / "predictions.jsonl")
    untrained = read_predictions(out / "predictions.untrained.jsonl")
    majority = read_predictions(out / "predictions.majority.jsonl")
    for own in (student, untrained, majority):
        assert [p.id for p in own] == [f"t{100 + n}" for n in range(TEST)]
    assert all(p.explanation is not None and p.explained_correct is not None for p in student)
    assert all(p.explanation is None for p in untrained)
    assert len({p.answer for p in majority}) == 1
    assert [p.probabilities for p in student] != [p.probabilities for p in untrained]
    card = load(out / "student", precision="fp32").card
    assert (card.objective, card.seed, card.kind) == ("mt-cot", 3, "multiple-choice")
    assert card.base == str(finished / "tiny")
    run = read_run(out)
    assert (run.seed, run.way, run.choice_score) == (3, card.way, "sum")
    assert run.predictions == student


def test_figures_are_what_the_predictions_say(finished: Path) -> None:
    out = finished / "out"
    read = read_evaluation(out)
    metrics = json.loads((out / "metrics.json").read_text("utf-8"))
    right = sum(p.correct for p in read_predictions(out / "predictions.jsonl"))
    assert read.metrics["student"].direct.accuracy == pytest.approx(right / TEST)
    assert metrics["systems"]["student"]["direct"]["accuracy"] == pytest.approx(right / TEST)
    assert read.cost["student"].direct_tokens == 0


# ------------------------------------------------------------------ again


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("this was done before")


def test_a_second_run_does_nothing_anew(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(copy / "out")
    for name in ("explain", "train_student", "evaluate_student"):
        monkeypatch.setattr(pipeline, name, never)
    lines: list[str] = []
    outcome = again(notice=lines.append)
    assert contents(copy / "out") == before
    assert lines == [
        f"explanations: {KEPT} kept, from an earlier run",
        "student: already trained",
        "evaluation: already done",
    ]
    assert list(outcome.metrics) == ["student", "untrained", "majority"]


def test_what_is_missing_is_done_and_nothing_else(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(copy / "out")
    for name in ("metrics.json", "predictions.majority.jsonl"):
        (copy / "out" / name).unlink()  # as a kill in the evaluation leaves it
    monkeypatch.setattr(pipeline, "explain", never)
    monkeypatch.setattr(pipeline, "train_student", never)
    again()
    after = contents(copy / "out")
    assert after.keys() == before.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"metrics.json"}  # seconds differ


def test_explanations_are_selected_from_the_store_when_they_are_missing(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (copy / "out" / "explanations.jsonl").read_bytes()
    (copy / "out" / "explanations.jsonl").unlink()
    outcome = explain(read_config("run.toml"), Path("out"))
    assert outcome.generation is not None
    assert outcome.generation.stored == 0
    assert (copy / "out" / "explanations.jsonl").read_bytes() == before


def test_another_configuration_is_refused_and_nothing_is_touched(copy: Path) -> None:
    before = contents(copy)
    with pytest.raises(RunFolderError, match="a different configuration"):
        again(train={"alpha": 0.25})
    assert contents(copy) == before


def test_changed_data_are_refused_and_nothing_is_touched(copy: Path) -> None:
    write_lines(copy / "train.jsonl", map(question, range(1, TRAIN)))
    before = contents(copy)
    with pytest.raises(RunFolderError, match="begun on different data"):
        again()
    assert contents(copy) == before


def test_overwriting_keeps_the_replies_that_were_paid_for(copy: Path) -> None:
    before = contents(copy / "out")
    again(train={"objective": "st", "seed": 4}, overwrite=True)
    after = contents(copy / "out")
    assert after["completions.sqlite"] == before["completions.sqlite"]
    assert after["student/model.safetensors"] != before["student/model.safetensors"]
    assert "explanations.jsonl" not in after  # st needs none, and the old ones are not its
    assert tomllib.loads(after["config.toml"].decode())["train"]["seed"] == 4
    assert json.loads(after["metrics.json"])["seed"] == 4


def test_a_run_killed_in_training_keeps_its_explanations(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(copy / "out")
    with monkeypatch.context() as patch:
        patch.setattr(MultiTaskTrainer, "training_step", killed)
        with pytest.raises(KeyboardInterrupt):
            again()
    assert len(read_explanations("out/explanations.jsonl")) == KEPT
    assert not (copy / "out" / "student").exists()
    monkeypatch.setattr(pipeline, "explain", never)
    assert again() is not None


def test_a_student_that_is_trained_anew_is_evaluated_anew(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(copy / "out" / "student")
    with monkeypatch.context() as patch:  # killed between the two: the old figures do not come back
        patch.setattr(pipeline, "evaluate_student", killed)
        with pytest.raises(KeyboardInterrupt):
            again()
    assert not (copy / "out" / "metrics.json").exists()
    lines: list[str] = []
    assert again(notice=lines.append) is not None
    assert "student: already trained" in lines
    assert "evaluation: already done" not in lines


def test_what_the_teacher_failed_to_answer_is_asked_again_until_training_begins(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any(r.reason == "failed" for r in read_rejections("out/rejections.jsonl"))
    # As of a server, whose replies may come the next time.
    monkeypatch.setattr(pipeline, "recordings_of", lambda _: {})
    asked: list[str] = []
    explaining = pipeline.explain

    def explained(*arguments: Any, **named: Any) -> Any:
        asked.append("again")
        return explaining(*arguments, **named)

    monkeypatch.setattr(pipeline, "explain", explained)
    again()
    assert asked == []  # there is a student
    shutil.rmtree(copy / "out" / "student")
    (copy / "out" / "checkpoints").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "train_student", killed)
        with pytest.raises(KeyboardInterrupt):
            again()
        assert asked == []  # training has begun
        shutil.rmtree(copy / "out" / "checkpoints")
        with pytest.raises(KeyboardInterrupt):
            again()
    assert asked == ["again"]


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("st", "a student of st has but one"),
        ("cot", "a student of cot has but one"),
        ("mt-cot", "needs 200 valid questions, and valid would have 6 of 12"),
    ],
)
def test_a_way_that_the_student_will_not_have_is_refused_before_the_work(
    copy: Path, objective: str, said: str
) -> None:
    config = override(read_config("run.toml"), "evaluate", way="adaptive")
    config = override(config, "train", objective=objective)
    with pytest.raises(ConfigError, match=r"evaluate\.way: .*") as error:
        pipeline.run(config, Path("new"))
    assert said in str(error.value)
    assert not Path("new").exists()


def killed(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


# ------------------------------------------------------------------ parts of it


def test_without_test_data_nothing_is_evaluated(copy: Path) -> None:
    config = read_config("run.toml")
    config = config.model_copy(update={"data": config.data.model_copy(update={"test": None})})
    assert pipeline.run(config, Path("trained")) is None
    assert (copy / "trained" / "student").is_dir()
    assert not (copy / "trained" / "metrics.json").exists()


def test_bad_test_data_are_found_before_anything_is_done(copy: Path) -> None:
    write_lines(copy / "test.jsonl", [question(0), {**question(1), "answer": "pink"}])
    with pytest.raises(DataError, match="line 2"):
        pipeline.run(read_config("run.toml"), Path("new"))
    assert not (copy / "new").exists()


def test_a_sample_is_drawn_by_the_seed(copy: Path) -> None:
    config = read_config("run.toml")
    config = config.model_copy(update={"data": config.data.model_copy(update={"size": 5})})
    drawn = [e.id for e in training_part(config)]
    assert len(drawn) == 5
    assert drawn == [e.id for e in training_part(config)]
    assert drawn != [e.id for e in training_part(override(config, "train", seed=9))]


@pytest.mark.parametrize(("strategy", "kept"), [("cote", TRAIN // 2), ("rp", None), ("crop", KEPT)])
def test_selecting_anew_asks_nobody(
    copy: Path, strategy: str, kept: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TeacherSession, "ask", never)
    before = contents(copy / "out")
    config = override(read_config("run.toml"), "selection", strategy=strategy)
    outcome = select_again(config, Path("out"), Path("selected"))
    assert contents(copy / "out") == before
    # CROP asked RP about the odd numbers only; of these it has no reply for one.
    expected = KEPT - TRAIN // 2 if kept is None else kept
    assert outcome.summary.kept == expected == len(read_explanations("selected/explanations.jsonl"))
    assert outcome.summary.asked == expected + sum(outcome.summary.rejected.values())
    assert outcome.summary.not_asked == (TRAIN // 2 if strategy == "rp" else 0)


def test_selecting_needs_a_store(copy: Path) -> None:
    with pytest.raises(RunFolderError, match=r"completions\.sqlite"):
        select_again(read_config("run.toml"), Path("tiny"), Path("selected"))
    assert not (copy / "selected").exists()


def test_a_teacher_that_answers_nothing_is_an_error(copy: Path) -> None:
    config = override(read_config("run.toml"), "teacher", reference="scripted: ")
    with pytest.raises(DataError, match="answered nothing: of 24 requests 0 failed and 24 got"):
        pipeline.run(config, Path("nothing"))
    write_lines(
        copy / "other.jsonl", [{"id": "x", "teacher": "t", "given_answer": True, "text": "So."}]
    )
    config = override(config, "teacher", reference="recorded:other.jsonl")
    with pytest.raises(DataError, match=r"24 failed \(the last: no recorded line: q\d+, rp"):
        pipeline.run(config, Path("nobody"))
    assert not (copy / "nobody" / "explanations.jsonl").exists()


def test_no_teacher_is_needed_for_plain_training_only(copy: Path) -> None:
    config = read_config("run.toml")
    config = config.model_copy(update={"teacher": TeacherConfig()})
    with pytest.raises(ConfigError, match="no teacher is set"):
        pipeline.run(config, Path("none"))
    assert pipeline.run(override(config, "train", objective="st"), Path("st")) is not None
    assert not (copy / "st" / "completions.sqlite").exists()


def test_a_teacher_is_evaluated_too(copy: Path) -> None:
    train = read_examples("train.jsonl")
    outcome = pipeline.evaluate_teacher(
        TeacherConfig(reference="recorded:teacher.jsonl"), train, Path("teacher"), train=train
    )
    figures = outcome.metrics["teacher"]
    assert figures.explained is not None
    assert figures.explained.accuracy == pytest.approx(0.5)
    assert figures.direct.unparsed == TRAIN  # a recording holds no bare answers
    assert [row["id"] for _, row in read_jsonl("teacher/predictions.jsonl")] == [
        e.id for e in train
    ]
    with pytest.raises(RunFolderError, match="already holds"):
        pipeline.evaluate_teacher(
            TeacherConfig(reference="recorded:teacher.jsonl"), train, Path("teacher")
        )


def test_baselines_can_be_left_out(copy: Path) -> None:
    outcome = pipeline.evaluate_student(
        "out/student",
        read_examples("test.jsonl"),
        Path("bare"),
        train=read_examples("train.jsonl"),
        evaluate=EvaluateConfig(baselines=False, explain=False),
        precision="fp32",
    )
    assert list(outcome.metrics) == ["student"]
    assert sorted(path.name for path in (copy / "bare").iterdir()) == [
        "metrics.json",
        "predictions.jsonl",
    ]


def test_instructions_that_cannot_be_read(copy: Path) -> None:
    config = override(read_config("run.toml"), "teacher", instructions="policy.txt")
    with pytest.raises(UsageError, match=r"policy\.txt"):
        pipeline.run(config, Path("new"))
    assert not (copy / "new" / "explanations.jsonl").exists()


def test_overwriting_that_was_stopped_leaves_nothing_old_behind(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old results must never be taken for those of the new data."""
    lines = (copy / "train.jsonl").read_text("utf-8").splitlines(keepends=True)
    (copy / "train.jsonl").write_text("".join(lines[:-1]), "utf-8")

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TeacherSession, "ask", stopped)
        with pytest.raises(KeyboardInterrupt):
            pipeline.run(read_config("run.toml"), Path("out"), overwrite=True)
    left = {path.name for path in Path("out").iterdir()}
    assert not left & {"student", "metrics.json", "explanations.jsonl", "predictions.jsonl"}
    assert "completions.sqlite" in left  # paid for


def test_a_test_set_that_was_trained_on_is_refused(copy: Path) -> None:
    shutil.copy(copy / "train.jsonl", copy / "test.jsonl")
    with pytest.raises(DataError, match=r"12 of 12 test questions .* are also in data\.train"):
        pipeline.run(read_config("run.toml"), Path("new"))
    assert not Path("new").exists()


def test_an_adapter_is_not_trained_further_and_nothing_is_lost(copy: Path) -> None:
    adapter = copy / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(copy / "tiny")}), "utf-8"
    )
    (adapter / "adapter_model.safetensors").write_bytes(b"")
    before = sorted(Path("out").rglob("*"))
    config = override(read_config("run.toml"), "student", reference=str(adapter))
    with pytest.raises(UsageError, match="is an adapter"):
        pipeline.run(config, Path("out"), overwrite=True)
    assert sorted(Path("out").rglob("*")) == before


def test_a_missing_base_is_said_before_the_work_and_nothing_is_lost(copy: Path) -> None:
    before = (copy / "out" / "metrics.json").read_bytes()
    shutil.move(copy / "tiny", copy / "moved")
    test = read_examples("test.jsonl")
    card = json.loads((copy / "out/student/teachback.json").read_text("utf-8"))
    card["base"] = str(copy / "tiny")
    (copy / "out/student/teachback.json").write_text(json.dumps(card), "utf-8")
    with pytest.raises(UsageError, match="--no-baselines"):
        pipeline.evaluate_student("out/student", test, Path("out"), overwrite=True)
    assert (copy / "out" / "metrics.json").read_bytes() == before
