"""Studies that run: the files, going on, failures, what is kept, the process that is killed."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import teachback.students.precision
import teachback.studies.cell
from mock_server import Asked, MockServer, Reply, refused, said
from report_pages import Page
from teachback.cli import cli
from teachback.datasets import read_examples, split_valid
from teachback.errors import RunFolderError
from teachback.evaluation import compare, holm, in_way
from teachback.files import read_explanations, read_json, read_jsonl, read_predictions
from teachback.files.locks import Lock
from teachback.objectives import training_examples
from teachback.reports import report
from teachback.reports.markdown import escaped
from teachback.runs.evaluations import read_run
from teachback.students.load import load
from teachback.studies import planning, running
from teachback.studies.config import read_study
from teachback.studies.precision import PRECISION_FILE, StudyPrecision, settle_precision
from teachback.studies.schema import MATERIAL_FILE
from teachback.system.machine import Processor
from teachback.training.work import work
from tiny import tiny_causal, tiny_t5
from tiny_run import COLOURS, KEPT, TEST, TRAIN, question, recorded, write_data, write_lines
from tiny_study import InThisProcess, cells, run, write_study

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole study in ``out``; for looking at, not for changing."""
    root = write_data(tmp_path_factory.mktemp("study"))
    # One question is answered by the teacher, so that it is there as a baseline.
    lines = (root / "teacher.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    rows.append({**recorded(100, "green", False), "id": "t100"})
    write_lines(root / "teacher.jsonl", rows)
    tiny_causal(root / "tiny", "gemma3")
    controls = ["untrained", "majority", "equal-time", "permuted", "teacher-direct", "teacher-cot"]
    run(root, controls=controls)
    return root


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    root = tmp_path / "copy"
    shutil.copytree(finished, root)
    return root


# ------------------------------------------------------------------ a whole study


def test_every_cell_has_what_the_folder_s_description_lists(finished: Path) -> None:
    out = finished / "out"
    found = cells(out)
    assert set(found) == {
        ("majority", None),
        ("teacher, direct", None),
        ("teacher, chain of thought", None),
        ("untrained", None),
        *(
            (system, seed)
            for system in ("ST", "MT-CoT", "MT-CoT (permuted)", "ST (equal time)")
            for seed in (0, 1)
        ),
    }
    for (system, seed), folder in found.items():
        assert read_json(folder / "cell.json")["hash"] == folder.name
        result = read_json(folder / "result.json")
        if system == "teacher, direct":
            assert result["status"] == "not-available"
            assert result["error"].startswith(f"no reply to {TEST} of {TEST} test questions (")
            continue
        assert (result["status"], result["error"]) == ("done", None)
        predictions = read_predictions(folder / "predictions.jsonl")
        assert [p.id for p in predictions] == [f"t{100 + n}" for n in range(TEST)]
        metrics = read_json(folder / "metrics.json")
        right = sum(p.correct for p in predictions)
        assert metrics["systems"]["student"]["direct"]["right"] == right
        assert not (folder / "student").exists()  # keep_students = none
        assert not (folder / "checkpoints").exists()
        if seed is None:
            continue
        assert metrics["seed"] == seed
        assert read_run(folder).way == result["way"]
        assert result["history"][-1]["epoch"] == result["epochs"]
        assert {"loss", "accuracy"} <= set(result["history"][0])
        assert result["valid"]["direct"] == max(e["accuracy"] for e in result["history"])
        assert ("explained" in result["valid"]) == system.startswith("MT-CoT")
        assert all((p.explanation is not None) == system.startswith("MT") for p in predictions)


def test_the_teacher_is_asked_once_and_its_side_adds_up(finished: Path) -> None:
    out = finished / "out"
    (material,) = (out / "material").iterdir()
    selection = read_json(material / "selection.json")
    assert (selection["asked"], selection["kept"]) == (TRAIN + TRAIN // 2, KEPT)
    assert selection["rejected"] == {"wrong-answer": TRAIN // 2, "failed": 1}
    assert selection["yield_per_label"] == {"A": [4, 4], "B": [4, 4], "C": [3, 4]}
    assert selection["agreement"] == [TRAIN // 2, TRAIN]
    assert len(read_explanations(material / "explanations.jsonl")) == KEPT
    (teacher,) = (out / "teachers").iterdir()
    cost = read_json(teacher / "cost.json")
    assert cost["requests"] == TRAIN + KEPT - TRAIN // 2 + 1  # cote, rp, and t100's chain
    assert (cost["tokens_in"], cost["dollars"]) == (0, 0)


def test_a_recorded_teacher_is_a_baseline_where_it_has_the_lines(finished: Path) -> None:
    folder = cells(finished / "out")["teacher, chain of thought", None]
    first, *rest = read_predictions(folder / "predictions.jsonl")
    assert (first.answer, first.correct, first.explained_answer) == ("green", True, "green")
    assert all(p.unparsed and not p.correct for p in rest)


def test_a_study_is_in_one_precision_whatever_later_machines_would_choose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny")
    choices = {"objectives": ["st"], "controls": ["untrained"], "precision": "auto"}

    def run_on(*features: str, **changes: Any) -> list[str]:
        machine = Processor("made up", frozenset(features))
        monkeypatch.setattr(teachback.students.precision, "processor", lambda: machine)
        planned = planning.plan_study(read_study(write_study(tmp_path, **choices, **changes)))
        told: list[str] = []
        running.run_study(planned, tmp_path / "out", InThisProcess(), notice=told.append)
        return told

    reason = "auto; the processor multiplies bf16 natively: avx512_bf16"
    line = f"precision: bf16 ({reason}), for all cells"
    assert line in run_on("avx2", "avx512_bf16", seeds=[0])
    assert line in run_on("avx2", seeds=[0, 1])  # continued elsewhere
    found = cells(tmp_path / "out")
    results = [read_json(folder / "result.json") for folder in found.values()]
    assert [one["precision"] for one in results] == ["bf16"] * 3  # ST, ST, untrained
    assert all(read_json(f / "metrics.json")["precision"] == "bf16" for f in found.values())
    expected = {"precision": "bf16", "reason": reason}
    written = read_json(tmp_path / "out" / "precision.json")
    assert {key: written[key] for key in expected} == expected
    assert read_json(tmp_path / "out" / "manifest.json")["precision"]["used"] == "bf16"

    # Begun before this was settled once: what its cells were trained in.
    (tmp_path / "out" / "precision.json").unlink()
    told = run_on("avx2", seeds=[0, 1, 2])
    assert told[-1].startswith("precision: bf16 (auto; the study's finished cells were trained")


def test_st_at_equal_time_computes_what_mt_cot_did(finished: Path) -> None:
    found = cells(finished / "out")
    train = read_examples(finished / "train.jsonl")
    part, _ = split_valid(train, 0)
    (material,) = (finished / "out" / "material").iterdir()
    by_id: dict[str, Any] = {}
    for explanation in read_explanations(material / "explanations.jsonl"):
        by_id.setdefault(explanation.id, []).append(explanation)
    student = load(str(finished / "tiny"), precision="fp32")
    student.with_card(max_target_tokens=48)

    def tokens(objective: Any) -> int:
        """By hand, from the shapes of the tiny Gemma: 4 norms in its layers, 1 at its end."""
        pairs = training_examples(part, by_id, objective=objective)
        rows = [row for pair in pairs for row in student.encode(pair).rows]
        targets = sum(len(b.target) for row in rows for b in row.branches)
        attention = 48 * 48 + 2 * 48 * 24 + 48 * 48 + 2 * 12  # q, k and v, o, their norms
        layer = attention + 3 * 48 * 96 + 4 * 48
        whole = sum(len(row) - len(row.branches) for row in rows)  # no target's last token
        assert work(student, map(student.encode, pairs)) == (
            (2 * layer + 48) * whole + 48 * len(student.tokenizer) * targets
        )
        return (2 * layer + 48) * whole + 48 * len(student.tokenizer) * targets

    expected = tokens("mt-cot") / tokens("st")
    result = read_json(found["ST (equal time)", 0] / "result.json")
    assert (result["equal_to"]["matched"], result["equal_to"]["matched_epochs"]) == ("mt-cot", 1)
    assert result["equal_to"]["epochs"] == pytest.approx(expected)
    assert expected > 1.3
    steps = read_json(found["ST", 0] / "result.json")["steps"]
    assert result["steps"] == -(-steps * expected // 1)


def test_the_encoder_s_share_of_a_t5_is_counted_once_per_question(tmp_path: Path) -> None:
    student = load(str(tiny_t5(tmp_path / "t5", "1.1")), precision="fp32")
    train = read_examples(write_lines(tmp_path / "t.jsonl", map(question, range(4))))
    (pair, *_) = training_examples(train, {}, objective="st")
    encoded = student.encode(pair)
    (row,) = encoded.rows
    (branch,) = row.branches
    d, inner, ff = 48, 48, 96
    attention, feed = 4 * d * inner, 3 * d * ff
    buckets = 32 * 4  # the relative positions, in the first layer of each side
    encoder = 2 * (attention + feed + 2 * d) + d + buckets
    crossed = 2 * 2 * d * inner
    decoder = 2 * (2 * attention + feed + 3 * d) + d + buckets - crossed
    prefix, target = len(row.prefix), len(branch.target)
    expected = (encoder + crossed) * prefix + decoder * (len(branch.marker) + target)
    assert work(student, [encoded]) == expected + d * student.model.lm_head.out_features * target


def test_verdicts_are_the_paired_tests_of_the_predictions(finished: Path) -> None:
    out = finished / "out"
    found = cells(out)
    verdicts = read_json(out / "verdicts.json")
    rows = {(r["a"], r["b"], r["way"]): r for r in verdicts["confirmatory"]}
    assert set(rows) == {("MT-CoT", "ST", "direct"), ("MT-CoT", "ST", "chosen")}

    def by_seed(system: str, way: str) -> dict[int, Any]:
        runs = {seed: read_run(found[system, seed]) for seed in (0, 1)}
        return {
            seed: in_way(r.predictions, "explained" if way == r.way == "explained" else "direct")
            for seed, r in runs.items()
        }

    expected = {
        way: compare(by_seed("MT-CoT", way), by_seed("ST", way)) for way in ("direct", "chosen")
    }
    adjusted = holm([comparison.p for comparison in expected.values()])
    for (way, comparison), p in zip(expected.items(), adjusted, strict=True):
        row = rows["MT-CoT", "ST", way]
        for key in ("difference", "low", "high", "p", "df"):
            assert row[key] == getattr(comparison, key)
        assert (row["p_holm"], row["seeds"], row["items"]) == (p, 2, TEST)
        assert [m["seed"] for m in row["mcnemar"]] == [0, 1]
        assert "MT-CoT" in row["verdict"]
    rest = {(r["a"], r["b"]) for r in verdicts["exploratory"]}
    assert rest == {
        ("ST", "untrained"),
        ("ST", "majority"),
        ("MT-CoT", "ST (equal time)"),
        ("MT-CoT", "MT-CoT (permuted)"),
        ("MT-CoT (permuted)", "ST"),
        ("ST (equal time)", "ST"),
    }
    assert all(row["p_holm"] is None for row in verdicts["exploratory"])
    assert verdicts["detectable"]["colours"]["family"] == 2


def test_compare_on_folders_of_seeds_says_the_same(copy: Path) -> None:
    for (system, seed), folder in cells(copy / "out").items():
        if system in ("ST", "MT-CoT"):
            shutil.copytree(folder, copy / system / f"seed-{seed}")
    names = [str(copy / "ST"), str(copy / "MT-CoT")]
    for row in read_json(copy / "out" / "verdicts.json")["confirmatory"]:
        command = ["compare", *names, "--way", row["way"], "--json"]
        shown = CliRunner().invoke(cli, command)
        assert shown.exit_code == 0, shown.output
        (found,) = json.loads(shown.output)
        for key in ("difference", "low", "high", "p", "df"):
            assert found[key] == row[key]
        assert (found["n_seeds"], found["n_items"]) == (row["seeds"], row["items"])


def test_a_second_run_does_nothing_and_a_larger_study_only_what_is_new(copy: Path) -> None:
    before = {p: p.read_bytes() for p in (copy / "out" / "cells").rglob("*") if p.is_file()}
    outcome, engine = run(copy, controls=["untrained", "majority", "equal-time", "permuted"])
    assert (outcome.ran, engine.ran) == (0, [])
    outcome, engine = run(copy, seeds=[0, 1, 2])
    new = {folder.name for (_, seed), folder in cells(copy / "out").items() if seed == 2}
    assert set(engine.ran) == new
    assert len(new) == outcome.ran == 2
    after = {p: p.read_bytes() for p in before}
    assert {p for p in before if before[p] != after[p]} == set()
    # The third seed came after results: the declared comparison keeps its two.
    verdicts = read_json(copy / "out" / "verdicts.json")
    assert {r["seeds"] for r in verdicts["confirmatory"]} == {2}
    again = [r for r in verdicts["exploratory"] if (r["a"], r["b"]) == ("MT-CoT", "ST")]
    assert [r["seeds"] for r in again] == [3, 3]


def test_a_dry_run_tells_and_does_nothing(copy: Path) -> None:
    write_study(copy, seeds=[0, 1, 2], controls=["majority"])
    before = sorted(copy.rglob("*"))
    shown = CliRunner().invoke(
        cli, ["study", str(copy / "study.toml"), "-o", str(copy / "out"), "--dry-run"]
    )
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert lines[0] == "dry run: nothing was run, and no teacher was asked"
    (st,) = [line.split() for line in lines if line.startswith("ST ")]
    assert st[-3:-1] == ["3", "1"]  # cells, left
    assert any(line.startswith("7 cells, 2 of them left: about 0:") for line in lines)
    assert "times: what cells of the same kind took in this folder" in lines
    # The family has results already, so the third seed is no part of it.
    assert "6 independent test items and 2 seeds can show no difference at 80% power" in lines[-1]
    assert sorted(copy.rglob("*")) == before


# ------------------------------------------------------------------ its report


def test_the_report_on_a_study_that_ran_has_the_figures_of_its_predictions(finished: Path) -> None:
    """All three formats, each held against the predictions' files."""
    out = finished / "out"
    found = cells(out)
    predictions = {
        key: read_predictions(folder / "predictions.jsonl")
        for key, folder in found.items()
        if (folder / "predictions.jsonl").is_file()
    }
    rows = {
        (row["system"], int(row["seed"]) if row["seed"] else None): row
        for row in csv.DictReader(io.StringIO(report(out, "csv")))
    }
    assert rows.keys() == found.keys()
    right: dict[str, list[bool]] = {}
    explained: dict[str, list[bool]] = {}
    for (system, seed), row in rows.items():
        assert row["cell"] == found[system, seed].name
        if system == "teacher, direct":
            assert (row["status"], row["n"]) == ("not-available", "")
            continue
        said = predictions[system, seed]
        own = [p.correct for p in said]
        right.setdefault(system, []).extend(own)
        assert (row["status"], row["n"]) == ("done", str(TEST))
        assert float(row["direct_accuracy"]) == sum(own) / TEST
        if said[0].explained_correct is not None:
            own = [bool(p.explained_correct) for p in said]
            explained.setdefault(system, []).extend(own)
            assert float(row["explained_accuracy"]) == sum(own) / TEST
            assert row["explained_unparsed"] == str(sum(p.explained_answer is None for p in said))
    assert explained.keys() == {"MT-CoT", "MT-CoT (permuted)", "teacher, chain of thought"}

    page = Page(report(out))
    direct = page.column("Objectives by dataset, direct answer", "colours")
    ways = page.column("Ways of answering: colours", "Explained")
    assert direct.pop("teacher, direct") == "not available"
    assert direct.keys() == right.keys()
    for system, own in right.items():
        assert direct[system].startswith(f"{100 * sum(own) / len(own):.1f} [")
    for system, own in explained.items():
        assert ways[system].startswith(f"{100 * sum(own) / len(own):.1f} [")
    recorded = read_json(out / "verdicts.json")["confirmatory"]
    compared = page.tables["Confirmatory comparisons"][1:]
    assert len(compared) == len(recorded) == 2
    for shown, row in zip(compared, recorded, strict=True):
        at_seeds = [
            sum(p.correct for p in predictions["MT-CoT", seed])
            - sum(p.correct for p in predictions["ST", seed])
            for seed in (0, 1)
        ]
        if row["way"] == "direct":
            assert row["difference"] == pytest.approx(sum(at_seeds) / (2 * TEST))
        assert shown[0].startswith("colours: MT-CoT minus ST")
        assert shown[6] == f"{TEST} × 2"
    table = page.tables["Yield and agreement of each strategy"]
    assert table[1][1] == str(TRAIN + TRAIN // 2)
    assert f"{KEPT} of {TRAIN + TRAIN // 2} [" in table[1][2]

    text = report(out, "md")
    for system, own in right.items():
        line = f"| {escaped(system)} | {100 * sum(own) / len(own):.1f} "
        assert any(found.startswith(line) for found in text.splitlines())


def version_0(out: Path) -> None:
    """Bring a study's files to the form that they had before they had a version."""

    def changed(pattern: str, change: Callable[[dict[str, Any]], object]) -> None:
        paths = list(out.glob(pattern))
        assert paths
        for path in paths:
            row = read_json(path)
            del row["version"]
            change(row)
            path.write_text(json.dumps(row), "utf-8")

    def verdicts(row: dict[str, Any]) -> None:
        for one in (*row["confirmatory"], *row["exploratory"]):
            del one["finding"], one["caveats"]

    def selection(row: dict[str, Any]) -> None:
        del row["per_strategy"], row["adding"]
        row["yield_by_label"] = row.pop("yield_per_label")
        row["agreement"] = dict(zip(("right", "asked"), row["agreement"], strict=True))
        row["rp_contradictions"] = row["rp_contradictions"][0]

    def result(row: dict[str, Any]) -> None:
        for name in ("processor", "commit", "schedule", "tried"):
            del row[name]
        if row["equal_to"] is None:
            del row["equal_to"]
        else:
            del row["equal_to"]["matched"]

    def task(row: dict[str, Any]) -> None:
        for name in ("at_least", "search", "schedule", "set_aside"):
            del row[name]
        row["equal_to"] = next((one["passes"] for one in row["equal_to"]), None)

    for pattern in ("family.json", "cells/*/cell.json", "teachers/*/cost.json"):
        changed(pattern, lambda row: row)
    changed("cells/*/result.json", result)
    changed("cells/*/task.json", task)
    changed("verdicts.json", verdicts)
    changed("material/*/selection.json", selection)
    plan = [row for _, row in read_jsonl(out / "cells.jsonl")]
    write_lines(out / "cells.jsonl", ({k: v for k, v in r.items() if k != "version"} for r in plan))


def test_a_study_from_before_its_files_had_a_version_is_continued(copy: Path) -> None:
    out = copy / "out"

    def shown() -> tuple[str, dict[str, Any]]:
        """The report, less what was not recorded then."""
        tables = {name: list(rows) for name, rows in Page(report(out)).tables.items()}
        later = ("Processors", "Commits of teachback")
        made = "How it was made"
        tables[made] = [row for row in tables[made] if row[0] not in later]
        return report(out, "csv"), tables

    before = shown()
    declared = read_json(out / "family.json")["declared"]
    version_0(out)
    assert shown() == before
    outcome, engine = run(copy, controls=["untrained", "majority", "equal-time", "permuted"])
    assert (outcome.ran, engine.ran) == (0, [])
    assert read_json(out / "family.json")["declared"] == declared
    # A larger one adds to what is there: cells, and the counts of the explanations.
    (path,) = out.glob("material/*/selection.json")
    kept = MATERIAL_FILE.read(path)
    outcome, engine = run(copy, seeds=[0, 1, 2])
    assert outcome.ran == len(engine.ran) == 2
    assert MATERIAL_FILE.read(path) == kept


# ------------------------------------------------------------------ failures


def test_a_failed_cell_is_a_row_stops_no_other_and_is_tried_again(tmp_path: Path) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    shutil.copytree(tmp_path / "tiny", tmp_path / "broken")
    weights = tmp_path / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    told: list[str] = []
    both = {
        "students": ["broken", "tiny"],
        "seeds": [0],
        "objectives": ["mt-cot"],
        "controls": ["equal-time"],
    }
    outcome, engine = run(tmp_path, told, **both)
    assert Counter(outcome.states.values()) == {"failed": 2, "done": 2}
    results = {
        (row["system"], row["student"][:4]): (row["hash"], read_result(tmp_path, row["hash"]))
        for _, row in read_jsonl(tmp_path / "out" / "cells.jsonl")
    }
    failed, result = results["MT-CoT", "brok"]
    assert "broken: not a model that can be a student" in result["error"]
    equal = results["ST (equal time)", "brok"][1]["error"]
    assert equal.startswith("the cell whose compute it needs has failed: colours, MT-CoT")
    precision, *failures = told
    assert precision == "precision: fp32 (as asked for), for all cells"
    assert len(failures) == 2
    assert all(line.startswith("failed: colours, ") for line in failures)
    # The first student's comparisons are not known, and say so.
    (row,) = (
        row
        for row in read_json(tmp_path / "out" / "verdicts.json")["exploratory"]
        if row["student"].startswith("broken") and row["way"] == "direct"
    )
    assert (row["p"], row["verdict"]) == (None, "not known: 0 of 1 seeds have both results")
    # The next run tries what failed, and that alone.
    assert len(engine.ran) == 3
    assert run(tmp_path, **both)[1].ran == [failed]


def read_result(root: Path, name: str) -> Any:
    return read_json(root / "out" / "cells" / name / "result.json")


def test_a_teacher_that_says_nothing_fails_only_the_cells_that_need_it(tmp_path: Path) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    write_lines(tmp_path / "teacher.jsonl", [{**recorded(0, "red", False), "id": "other"}])
    told: list[str] = []
    outcome, _ = run(tmp_path, told, seeds=[0])
    assert Counter(outcome.states.values()) == {"done": 1, "failed": 1}
    folder = cells(tmp_path / "out")["MT-CoT", 0]
    error = read_json(folder / "result.json")["error"]
    assert error.startswith("no explanations: the teacher recorded:")
    # The recording gets its lines, and so is another teacher; what failed is no longer planned.
    write_data(tmp_path)
    outcome, engine = run(tmp_path, seeds=[0])
    assert set(outcome.states.values()) == {"done"}
    assert len(engine.ran) == 1


def of_server(folder: Path, server: MockServer, **changes: Any) -> planning.PlannedStudy:
    path = write_study(folder, objectives=["mt-cot"], seeds=[0], **changes)
    text = path.read_text("utf-8").replace("recorded:teacher.jsonl", f"openai:big@{server.url}")
    path.write_text(text, "utf-8")
    return planning.plan_study(read_study(path))


class Ill:
    """A server that answers what it is asked rightly, but not everything while it is ill."""

    def __init__(self) -> None:
        self.is_ill = True

    def __call__(self, asked: Asked) -> Reply | str:
        number = int(re.findall(r"number (\d+)", asked.prompt)[-1])
        if self.is_ill and number % 3 == 0:
            return refused(400, "not today")
        return said(f"Colours take turns.\nThe answer is {COLOURS[number % 3]}.")


def test_what_a_server_failed_to_say_is_asked_again_until_a_student_learned_from_the_rest(
    tmp_path: Path,
) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    out, behave = tmp_path / "out", Ill()

    class Killed(InThisProcess):
        def start(self, folder: Path, gpu: bool) -> None:
            raise KeyboardInterrupt

    def explained() -> int:
        (material,) = (out / "material").iterdir()
        return len(read_explanations(material / "explanations.jsonl"))

    with MockServer(behave) as server:
        planned = of_server(tmp_path, server)
        with pytest.raises(KeyboardInterrupt):
            running.run_study(planned, out, Killed())
        assert explained() == TRAIN - TRAIN // 3
        behave.is_ill = False
        running.run_study(planned, out, InThisProcess())
        assert explained() == TRAIN
    (material,) = (out / "material").iterdir()
    selection = read_json(material / "selection.json")
    assert (selection["asked"], selection["rejected"]) == (TRAIN, {})
    # CROP's backups failed, too; afterwards only what was missing was asked.
    assert len(server.asked) == TRAIN + 2 * (TRAIN // 3)


def test_explanations_stay_while_schedules_are_being_searched(tmp_path: Path) -> None:
    """All candidates learn from the same, though the server has since come back."""
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    out, behave = tmp_path / "out", Ill()

    class Killed(InThisProcess):
        def start(self, folder: Path, gpu: bool) -> None:
            (folder / "search" / "linear-5" / "checkpoints").mkdir(parents=True, exist_ok=True)
            raise KeyboardInterrupt

    with MockServer(behave) as server:
        planned = of_server(tmp_path, server)
        for ill in (True, False):
            behave.is_ill = ill
            for place in (out / "cells").glob("*"):
                (place / "search" / "linear-5" / "checkpoints").mkdir(parents=True, exist_ok=True)
            with pytest.raises(KeyboardInterrupt):
                running.run_study(planned, out, Killed())
            (material,) = (out / "material").iterdir()
            kept = read_explanations(material / "explanations.jsonl")
            assert len(kept) == TRAIN - TRAIN // 3


def test_a_study_follows_the_precision_that_its_file_asks_for(tmp_path: Path) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny")
    cells = planning.plan_study(read_study(write_study(tmp_path, objectives=["st"]))).cells
    PRECISION_FILE.write(
        tmp_path / "precision.json", StudyPrecision(precision="bf16", reason="auto; elsewhere")
    )
    auto = settle_precision(tmp_path, "auto", cells)  # stopped before it had a result
    assert auto is not None
    assert (auto.used, auto.reason) == ("bf16", "auto; elsewhere")
    for _ in range(2):
        asked = settle_precision(tmp_path, "fp32", cells)
        assert asked is not None
        assert asked.used == "fp32"
        assert read_json(tmp_path / "precision.json")["precision"] == "fp32"


def test_a_student_is_removed_after_the_result_of_its_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny")
    planned = planning.plan_study(
        read_study(write_study(tmp_path, objectives=["st"], seeds=[0], keep="none"))
    )
    out = tmp_path / "out"

    def killed(folder: Path) -> None:
        raise KeyboardInterrupt(str(folder))

    with monkeypatch.context() as patched:
        patched.setattr(teachback.studies.cell, "remove_folder", killed)
        with pytest.raises(KeyboardInterrupt, match="student"):
            running.run_study(planned, out, InThisProcess())
    (folder,) = (out / "cells").iterdir()
    assert read_json(folder / "result.json")["status"] == "done"
    assert (folder / "student" / "training.json").is_file()
    assert running.run_study(planned, out, InThisProcess()).ran == 0


def test_a_student_s_explanations_stay_though_some_were_never_got(tmp_path: Path) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    out, behave = tmp_path / "out", Ill()
    with MockServer(behave) as server:
        running.run_study(of_server(tmp_path, server), out, InThisProcess())
        behave.is_ill = False
        before = len(server.asked)
        permuted = of_server(tmp_path, server, controls=["permuted"])
        assert running.run_study(permuted, out, InThisProcess()).ran == 1
        assert len(server.asked) == before


def test_a_prompted_teacher_is_measured_when_all_its_replies_are_there(tmp_path: Path) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    out, behave = tmp_path / "out", Ill()
    with MockServer(behave) as server:
        planned = of_server(tmp_path, server, controls=["teacher-cot"])
        running.run_study(planned, out, InThisProcess())
        folder = cells(out)["teacher, chain of thought", None]
        result = read_json(folder / "result.json")
        assert result["status"] == "failed"
        assert result["error"].startswith(f"no reply to 2 of {TEST} test questions (")
        assert not (folder / "metrics.json").exists()
        behave.is_ill = False
        running.run_study(planned, out, InThisProcess())
        asked = [a for a in server.asked if re.search(r"number 10\d", a.prompt)]
        assert len(asked) == TEST + 2
    assert read_json(folder / "result.json")["status"] == "done"
    assert all(p.correct for p in read_predictions(folder / "predictions.jsonl"))


def test_explanations_that_were_being_added_when_it_was_killed_are_added_again(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CROP's have lines in two files, and a kill may leave one of them without the other."""
    write_study(copy, objectives=["mt-cot"], seeds=[0])
    path = copy / "study.toml"
    text = path.read_text("utf-8")
    out = copy / "few"
    path.write_text(text.replace("[[dataset]]", "sizes = [5]\n[[dataset]]"), "utf-8")
    running.run_study(planning.plan_study(read_study(path)), out, InThisProcess())

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    path.write_text(text.replace("[[dataset]]", "sizes = [5, 1.0]\n[[dataset]]"), "utf-8")
    with monkeypatch.context() as patched:
        patched.setattr("teachback.studies.teacher_side.write_explanations", killed)
        with pytest.raises(KeyboardInterrupt):
            running.run_study(planning.plan_study(read_study(path)), out, InThisProcess())
    running.run_study(planning.plan_study(read_study(path)), out, InThisProcess())
    (whole,) = (copy / "out" / "material").iterdir()
    (added,) = (out / "material").iterdir()
    for name in ("explanations.jsonl", "rejections.jsonl"):
        assert sorted((added / name).read_text("utf-8").splitlines()) == sorted(
            (whole / name).read_text("utf-8").splitlines()
        )
    assert read_json(added / "selection.json") == read_json(whole / "selection.json")


def test_two_runs_do_not_share_a_folder(copy: Path) -> None:
    with (
        Lock(copy / "out" / "lock"),
        pytest.raises(RunFolderError, match=f"is being written by process {os.getpid()}"),
    ):
        run(copy)


# ------------------------------------------------------------------ what is kept


def test_the_best_student_of_all_seeds_stays(tmp_path: Path) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    _, engine = run(tmp_path, keep="best", objectives=["st"], seeds=[0, 1])
    found = cells(tmp_path / "out")
    valid = {
        seed: read_json(f / "result.json")["valid"]["direct"] for (_, seed), f in found.items()
    }
    (kept,) = [seed for (_, seed), folder in found.items() if (folder / "student").is_dir()]
    assert valid[kept] == max(valid.values())
    assert len(engine.ran) == 2
    run(tmp_path, keep="all", objectives=["st"], seeds=[3])
    assert (cells(tmp_path / "out")["ST", 3] / "student" / "model.safetensors").is_file()


# ------------------------------------------------------------------ killed


def study_process(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "TEACHBACK_OFFLINE": "1"}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "teachback", "study", "study.toml", "-o", "out"),
            *("--jobs", "2", "--threads", "1"),
        ],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(what: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_study_killed_in_mid_training_goes_on_from_there(
    tmp_path: Path, sent: signal.Signals
) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    write_study(tmp_path, objectives=["st"], controls=["majority"], seeds=[5], epochs=15)
    first = study_process(tmp_path)
    try:
        wait_for(lambda: (tmp_path / "out" / "cells.jsonl").is_file())
        found = cells(tmp_path / "out")
        st, majority = found["ST", 5], found["majority", None]
        wait_for(lambda: list(st.glob("checkpoints/checkpoint-*/trainer_state.json")))
        wait_for((majority / "result.json").is_file)
        assert running_cells(st)
    finally:
        first.send_signal(sent)
        first.communicate(timeout=60)
    assert first.returncode == (-sent if sent == signal.SIGKILL else 128 + sent)
    assert not (st / "result.json").exists()
    before = (majority / "result.json").read_bytes()
    # Its cells end with it: nobody trains on.
    wait_for(lambda: not running_cells(st), seconds=10)
    saved = {p.name for p in (st / "checkpoints").glob("checkpoint-*")}
    second = study_process(tmp_path)
    output, _ = second.communicate(timeout=120)
    assert second.returncode == 0, output
    assert "2 cells: 2 done (1 in this run)" in output
    assert (majority / "result.json").read_bytes() == before
    result = read_json(st / "result.json")
    assert (result["status"], result["resumed"], result["threads"]) == ("done", True, 1)
    assert result["epochs"] == 15
    assert saved
    # The whole history, of which this process has computed the end alone.
    assert [entry["epoch"] for entry in result["history"]] == [float(n + 1) for n in range(15)]


def running_cells(folder: Path) -> list[str]:
    """Processes that run the cell of ``folder``."""
    listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True)
    name = f"teachback.studies.cell {folder.relative_to(folder.parents[2])}"
    return [line for line in listed.stdout.splitlines() if name in line]


# ------------------------------------------------------------------ a trimmed vocabulary


def explains_with(folder: Path, name: str, word: str) -> str:
    """A second teacher's recording, who says ``word``; its reference."""
    lines = [
        json.loads(line) for line in (folder / "teacher.jsonl").read_text("utf-8").splitlines()
    ]
    rows = ({**row, "teacher": name, "text": f"{word}. {row['text']}"} for row in lines)
    write_lines(folder / f"{name}.jsonl", rows)
    return f"recorded:{name}.jsonl"


def test_all_cells_of_a_study_have_one_trimmed_base_that_covers_every_teacher(
    tmp_path: Path,
) -> None:
    root = write_data(tmp_path)
    others = [explains_with(root, name, word) for name, word in (("two", "ZZ"), ("three", "QQ"))]
    merges = [("Z", "Z"), ("Q", "Q"), ("r", "e"), ("W", "W")]
    tiny_causal(root / "tiny", "gemma3", merges=merges)
    # The bytes, the special tokens, ZZ and re; then the next that nobody needs: QQ, before WW.
    changes: dict[str, Any] = {
        "teachers": ["recorded:teacher.jsonl", others[0]],
        "controls": ["untrained"],
        "seeds": [0],
        "keep": "all",
        "student_keys": "trim_vocabulary = 261\ntrim_limit = 0.5",
    }
    notices: list[str] = []
    outcome, _ = run(root, notices, **changes)
    assert set(outcome.states.values()) == {"done"}
    trained = sorted((root / "out" / "cells").glob("*/student/teachback.json"))
    assert len(trained) == 3  # ST and an MT-CoT for each teacher
    (base,) = {read_json(file)["base"] for file in trained}
    assert base.startswith("trimmed:tiny-261-")
    assert [line for line in notices if base in line and "of new questions' tokens" in line]
    (described,) = (root / "out" / "trimmed_bases").glob("*.json")
    tasks = [read_json(file) for file in sorted((root / "out" / "cells").glob("*/task.json"))]
    assert {task["trimmed_base"] for task in tasks} == {str(described.resolve())}
    kept = read_json(described)["kept"]
    tokenizer = json.loads((root / "tiny" / "tokenizer.json").read_text("utf-8"))
    known = {token for token, id_ in tokenizer["model"]["vocab"].items() if id_ in kept}
    assert {"ZZ", "re"} <= known
    assert not {"QQ", "WW"} & known
    # Continued with a seed more, it is the same; with a teacher whom it does not cover, refused.
    again, engine = run(root, **{**changes, "seeds": [0, 1]})
    assert set(again.states.values()) == {"done"}
    assert engine.ran
    trained = sorted((root / "out" / "cells").glob("*/student/teachback.json"))
    assert {read_json(file)["base"] for file in trained} == {base}
    with pytest.raises(RunFolderError, match="does not cover the explanations that were added"):
        run(root, **{**changes, "teachers": [*changes["teachers"], others[1]]})


def test_no_cell_is_trained_on_a_base_that_lacks_a_teacher_s_explanations(tmp_path: Path) -> None:
    root = write_data(tmp_path)
    write_lines(root / "nobody.jsonl", [{**recorded(0, "red", True), "id": "of-other-data"}])
    tiny_causal(root / "tiny", "gemma3", merges=[("r", "e"), ("W", "W")])
    outcome, engine = run(
        root,
        teachers=["recorded:teacher.jsonl", "recorded:nobody.jsonl"],
        seeds=[0],
        student_keys="trim_vocabulary = 260\ntrim_limit = 0.5",
    )
    assert set(outcome.states.values()) == {"failed"}
    assert engine.ran == []
