"""What a study's cells are given and record: schedules, compute, rows set aside, processors."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import teachback.students.precision
from teachback.config import StudentConfig, TrainConfig
from teachback.datasets import read_examples, split_valid, write_examples
from teachback.errors import DataError
from teachback.files import read_explanations, read_json, read_predictions
from teachback.objectives import training_examples
from teachback.records import Example, Objective, TrainedPasses
from teachback.reports import report
from teachback.students.load import load
from teachback.studies.config import TrainingSchedule, read_study
from teachback.studies.planning import plan_study
from teachback.studies.running import run_study
from teachback.studies.schedule_search import search
from teachback.studies.schema import RESULT_FILE, has_begun_training
from teachback.system.checkout import commit
from teachback.system.machine import Processor
from teachback.training.batches import steps_of, steps_per_pass
from teachback.training.removal import removal
from teachback.training.work import equal_passes, trained_work, work
from tiny import tiny_causal
from tiny_run import TRAIN, write_data, write_lines
from tiny_study import InThisProcess, cells, run, write_study

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    return tmp_path


def results(out: Path) -> dict[tuple[str, int | None], Any]:
    return {key: read_json(folder / "result.json") for key, folder in cells(out).items()}


# ------------------------------------------------------------------ schedules


SEARCH = """
[search]
objectives = {objectives}
epochs = [2, 3]
schedules = ["linear", "constant"]
"""


def test_each_arm_is_trained_by_the_schedule_that_its_first_seed_found_on_valid(
    place: Path,
) -> None:
    changes: dict[str, Any] = {
        "objectives": ["st", "mt-icot"],
        "controls": ["equal-time", "permuted"],
        "more": SEARCH.format(objectives=["st", "mt-icot"]),
    }
    outcome, engine = run(place, **changes)
    assert set(outcome.states.values()) == {"done"}
    assert len(engine.ran) == 8
    out = place / "out"
    found, folders = results(out), cells(out)
    for system, others in (
        ("ST", [("ST", 1), ("ST (equal time)", 0), ("ST (equal time)", 1)]),
        ("MT-iCoT", [("MT-iCoT", 1), ("MT-iCoT (permuted)", 0), ("MT-iCoT (permuted)", 1)]),
    ):
        first = found[system, 0]
        tried = [(one["schedule"], one["epochs"]) for one in first["tried"]]
        assert tried == [("linear", 2.0), ("linear", 3.0), ("constant", 3.0)]
        best = max(first["tried"], key=lambda one: one["score"])
        assert first["schedule"] == {key: best[key] for key in ("epochs", "schedule")}
        assert first["epochs"] == best["epochs"]
        assert first["seconds_train"] == sum(one["seconds"] for one in first["tried"])
        assert read_json(folders[system, 0] / "schedules.json")["tried"] == first["tried"]
        assert not (folders[system, 0] / "search").exists()
        for other in others:
            assert found[other]["schedule"] == first["schedule"]
            assert found[other]["tried"] == []
    for seed in (0, 1):
        equal = found["ST (equal time)", seed]["equal_to"]
        assert equal["matched"] == "mt-icot"
        assert equal["epochs"] > equal["matched_epochs"] == found["MT-iCoT", seed]["epochs"]
        assert found["MT-iCoT (permuted)", seed]["epochs"] == found["MT-iCoT", 0]["epochs"]
    assert run(place, **changes)[1].ran == []
    assert "MT-iCoT (permuted)" in report(out, "md")


def test_st_at_equal_compute_has_at_least_the_passes_of_st(place: Path) -> None:
    """However little the others compute: here ST alone was given more passes."""
    own = SEARCH.format(objectives=["st"]).replace("[2, 3]", "[9]")
    run(place, seeds=[0], controls=["equal-time"], more=own)
    found = results(place / "out")
    assert (found["ST", 0]["epochs"], found["MT-CoT", 0]["epochs"]) == (9, 1)
    assert found["ST (equal time)", 0]["equal_to"]["epochs"] == 9
    assert found["ST (equal time)", 0]["epochs"] == 9


def test_a_search_that_is_killed_tries_no_schedule_twice_and_keeps_the_best(
    tmp_path: Path,
) -> None:
    trained: list[str] = []
    scores = {"linear-1": 0.5, "linear-2": 0.75, "linear-3": 0.75, "constant-3": 0.25}

    def train(goal: Path, schedule: TrainingSchedule) -> None:
        trained.append(goal.name)
        if len(trained) == 3:
            raise KeyboardInterrupt
        (goal / "student").mkdir(parents=True)
        (goal / "student" / "name").write_text(goal.name, "utf-8")
        score = scores[goal.name]
        epoch = {"epoch": schedule.epochs, "loss": 1.0, "accuracy": score, "score": score}
        training = {"seconds": 2.0, "threads": 1, "steps": 7, "history": [epoch]}
        (goal / "student" / "training.json").write_text(json.dumps(training), "utf-8")

    candidates = [
        TrainingSchedule(epochs=1.0, schedule="linear"),
        TrainingSchedule(epochs=2.0, schedule="linear"),
        TrainingSchedule(epochs=3.0, schedule="linear"),
        TrainingSchedule(epochs=3.0, schedule="constant"),
    ]
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, candidates, train)
    assert [path.name for path in (tmp_path / "search").iterdir()] == ["linear-2"]
    assert has_begun_training(tmp_path)
    search(tmp_path, candidates, train)
    assert trained == ["linear-1", "linear-2", "linear-3", "linear-3", "constant-3"]
    assert (tmp_path / "student" / "name").read_text("utf-8") == "linear-2"  # the shorter of two
    assert not (tmp_path / "search").exists()


def test_a_cell_whose_schedule_was_not_found_fails_and_says_whose(place: Path) -> None:
    class Broken(InThisProcess):
        def start(self, folder: Path, gpu: bool) -> None:
            (folder / "task.json").write_text(
                (folder / "task.json").read_text("utf-8").replace("tiny", "nowhere"), "utf-8"
            )
            super().start(folder, gpu)

    told: list[str] = []
    own = SEARCH.format(objectives=["st"])
    outcome, engine = run(place, told, engine=Broken(), objectives=["st"], more=own)
    assert list(outcome.states.values()) == ["failed", "failed"]
    assert len(engine.ran) == 1
    assert any("the cell whose schedule it needs has failed: colours, ST" in t for t in told)


# ------------------------------------------------------------------ compute


def test_what_mt_icot_has_removed_is_not_computed(place: Path) -> None:
    run(place, seeds=[0], objectives=["mt-cot"])
    examples = read_examples(place / "train.jsonl")
    (material,) = (place / "out" / "material").iterdir()
    explanations = read_explanations(material / "explanations.jsonl")
    config = TrainConfig(batch_size=4, epochs=3, removal_jitter=2.0)
    student_config = StudentConfig(
        reference=str(place / "tiny"), precision="fp32", max_target_tokens=48
    )
    student = load(student_config.reference, precision="fp32")
    student.with_card(max_target_tokens=48)
    part, _ = split_valid(examples, 0)
    by_id = {one.id: [one] for one in explanations}

    def encoded(objective: Objective) -> list[Any]:
        pairs = training_examples(part, by_id, objective=objective)
        return list(map(student.encode, pairs))

    # Step by step, the whole part at each: a step is so large a part of a pass.
    own = encoded("mt-icot")
    per_pass = steps_per_pass(len(own), config)
    schedule = removal(own, config, steps=steps_of(3, per_pass), per_epoch=per_pass)
    assert schedule is not None
    by_step = [work(student, schedule.applied(own, step)) for step in range(3 * per_pass)]
    assert len(set(by_step)) > 2
    expected = sum(by_step) / per_pass
    assert trained_work(student, own, 3.0, config) == pytest.approx(expected, rel=1e-12)

    icot = TrainedPasses("mt-icot", 3.0, 3.0)
    cot = TrainedPasses("mt-cot", 3.0, 3.0)
    arguments: dict[str, Any] = {
        "train_config": config,
        "student_config": student_config,
        "valid_fraction": 0.1,
    }
    most, passes = equal_passes(examples, explanations, [cot, icot], **arguments)
    st = work(student, encoded("st"))
    assert most == icot
    assert passes == pytest.approx(expected / st)
    assert passes > 3 * work(student, encoded("mt-cot")) / st
    # An objective that made more passes computes more.
    longer = TrainedPasses("mt-re", 3.0, 30.0)
    most, _ = equal_passes(examples, explanations, [icot, longer], **arguments)
    assert most == longer


# ------------------------------------------------------------------ rows set aside


def aside(place: Path, count: int, **changes: Any) -> Path:
    """A study file that sets ``count`` rows aside."""
    text = write_study(place, seeds=[0], **changes).read_text("utf-8")
    text = text.replace('test = "test.jsonl"', f'test = "test.jsonl"\nset_aside = {count}')
    (place / "aside.toml").write_text(text, "utf-8")
    return place / "aside.toml"


def test_rows_that_are_set_aside_reach_no_cell_and_no_teacher(place: Path) -> None:
    planned = plan_study(read_study(aside(place, 4, controls=["majority", "untrained"])))
    run_study(planned, place / "out", InThisProcess())
    (data,) = planned.datasets
    gone = {example.id for example in data.set_aside}
    (material,) = (place / "out" / "material").iterdir()
    explained = {e.id for e in read_explanations(material / "explanations.jsonl")}
    assert explained
    assert not explained & gone
    assert read_json(material / "selection.json")["examples"] == TRAIN - 4
    found = results(place / "out")
    assert all(result["status"] == "done" for result in found.values())
    # 8 rows, half of them valid: one step of 4, where all 12 rows make two.
    assert found["ST", 0]["steps"] == 1
    record = read_json(place / "out" / "set_aside.json")["datasets"]["colours"]
    assert record["rows"] == 4
    (rows,) = (place / "out" / "set_aside").iterdir()
    assert read_examples(rows) == list(data.set_aside)
    # Which rows, not only how many: others have another hash.
    text = (place / "train.jsonl").read_text("utf-8").replace('"id": "q', '"id": "p')
    (place / "train.jsonl").write_text(text, "utf-8")
    study = read_study(aside(place, 4, objectives=["st"], controls=["majority"]))
    run_study(plan_study(study), place / "other", InThisProcess())
    other = read_json(place / "other" / "set_aside.json")["datasets"]["colours"]
    assert other["rows"] == 4
    assert other["ids_sha256"] != record["ids_sha256"]


def test_the_majority_is_that_of_what_is_not_set_aside(place: Path) -> None:
    """Of the whole file another answer is the most frequent."""

    def planned() -> Any:
        return plan_study(read_study(aside(place, 5, objectives=["st"], controls=["majority"])))

    gone = {example.id for example in planned().datasets[0].set_aside}
    rows = [json.loads(line) for line in (place / "train.jsonl").read_text("utf-8").splitlines()]
    rest = [row["id"] for row in rows if row["id"] not in gone]
    for row in rows:
        red = row["id"] in rest[:4]
        row["answer"] = "blue" if row["id"] in gone else "red" if red else "green"
    write_lines(place / "train.jsonl", rows)
    run_study(planned(), place / "out", InThisProcess())
    folder = cells(place / "out")["majority", None]
    assert {p.answer for p in read_predictions(folder / "predictions.jsonl")} == {"red"}


@pytest.mark.parametrize(
    "example",
    [
        Example("a", "Why?", "so", "multiple-choice", ("so", "not so"), "context", "group"),
        Example("a", "Is it?", "yes", "yes-no"),
        Example("a", "How many?", "12", "number"),
        Example("a", "What?", "a thing", "text"),
        Example("a", "Which?", "one", "label", ("one", "two")),
    ],
    ids=lambda example: example.kind,
)
def test_examples_that_are_written_read_back_the_same(example: Example, tmp_path: Path) -> None:
    other = {"yes": "no", "12": "13", "so": "not so", "one": "two"}.get(example.answer, "another")
    both = [example, replace(example, id="b", question="And?", answer=other)]
    write_examples(tmp_path / "data.jsonl", both)
    assert read_examples(tmp_path / "data.jsonl", kind=example.kind) == both


# ------------------------------------------------------------------ where it ran


def on(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    machine = Processor(name, frozenset(("avx2",)))
    monkeypatch.setattr(teachback.students.precision, "processor", lambda: machine)


def test_cells_record_processor_and_commit_and_verdicts_say_where_two_kinds_meet(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "Old 1")
    run(place, objectives=["st"], seeds=[0, 1])
    on(monkeypatch, "New 2")
    told: list[str] = []
    run(place, told, objectives=["st", "mt-cot"], seeds=[0, 1, 2])
    line = "was begun on Old 1, and this machine has New 2: the verdicts will say so"
    assert [text for text in told if line in text] == [f"seed 0 {line}", f"seed 1 {line}"]
    found = results(place / "out")
    assert found["ST", 0]["processor"] == "Old 1"
    assert {found[key]["processor"] for key in (("MT-CoT", 0), ("ST", 2))} == {"New 2"}
    assert {result["commit"] for result in found.values()} == {commit()}
    caveat = (
        "the two students of seeds 0, 1 were computed on different kinds of processors "
        "(New 2; Old 1)"
    )
    verdicts = read_json(place / "out" / "verdicts.json")
    rows = [*verdicts["confirmatory"], *verdicts["exploratory"]]
    assert rows
    for row in rows:
        assert caveat in row["caveats"]
        assert f"{caveat[0].upper()}{caveat[1:]}." in row["verdict"]
    assert "Old 1" in report(place / "out", "md")


def test_a_study_of_one_processor_does_not_run_a_seed_on_another(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "Old 1")
    strict: dict[str, Any] = {"more_study": "one_processor = true"}
    run(place, objectives=["st"], seeds=[0], **strict)
    on(monkeypatch, "New 2")
    told: list[str] = []
    grown: dict[str, Any] = {"objectives": ["st", "mt-cot"], "seeds": [0, 1], **strict}
    outcome, engine = run(place, told, **grown)
    assert sorted(map(str, outcome.states.values())) == ["done", "done", "done", "failed"]
    error = results(place / "out")["MT-CoT", 0]["error"]
    assert error == (
        "seed 0 was begun on Old 1, and this machine has New 2: continue it on such a machine, "
        "or set study.one_processor = false"
    )
    assert any(error in text for text in told)
    on(monkeypatch, "Old 1")
    outcome, engine = run(place, **grown)
    assert engine.ran == [cells(place / "out")["MT-CoT", 0].name]
    assert set(outcome.states.values()) == {"done"}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_that_of_a_checkout_of_the_package_alone(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        own = ["-c", "user.name=x", "-c", "user.email=x@y", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *own, *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def found() -> str | None:
        commit.cache_clear()
        return commit(package)

    package = tmp_path / "src" / "thing"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", "utf-8")
    assert found() is None
    git("init", "-q")
    (tmp_path / "other.txt").write_text("x", "utf-8")
    git("add", "other.txt")
    git("commit", "-qm", "other")
    assert found() is None  # installed into somebody's checkout
    git("add", ".")
    git("commit", "-qm", "thing")
    head = git("rev-parse", "HEAD")
    (tmp_path / "other.txt").write_text("changed", "utf-8")
    assert found() == head
    (package / "__init__.py").write_text("changed = True", "utf-8")
    assert found() == f"{head}+changes"
    commit.cache_clear()


def test_results_of_before_are_read(place: Path) -> None:
    run(place, objectives=["st", "mt-cot"], controls=["equal-time"], seeds=[0])
    folder = cells(place / "out")["ST (equal time)", 0]
    row = read_json(folder / "result.json")
    for name in ("processor", "commit", "schedule", "tried"):
        del row[name]
    del row["equal_to"]["matched"]
    row["version"] = 2
    result = RESULT_FILE.of_row(row, "result.json")
    assert (result.processor, result.tried, result.schedule) == (None, (), None)
    assert result.equal_to is not None
    assert result.equal_to.matched == "mt-cot"
    with pytest.raises(DataError, match="'processor' is missing"):
        RESULT_FILE.of_row({**row, "version": 3}, "result.json")
