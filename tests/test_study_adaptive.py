"""The adaptive way in studies: its verdicts, its reports, and where it is not offered."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from report_pages import Page
from teachback.errors import ConfigError
from teachback.evaluation import calibrated, in_way, unsure
from teachback.evaluation.calibration import calibration_error
from teachback.files import read_json
from teachback.reports import csv_table, report, write_report
from teachback.reports.text import amount
from teachback.runs.evaluations import read_run
from teachback.studies import planning
from teachback.studies.config import read_study
from teachback.studies.packing import pack_study, unpack_study
from teachback.studies.verdicts import all_verdicts
from tiny import tiny_causal
from tiny_run import COLOURS, question, recorded, write_data, write_lines
from tiny_study import cells, run, write_study

pytestmark = pytest.mark.usefixtures("one_thread")

TRAIN, TEST = 400, 40
"""Half of the former is valid: as many as the adaptive way needs."""

ENOUGH = {
    "controls": ["majority"],
    "dataset_keys": "valid_fraction = 0.5",
    "more": '[confirmatory]\nobjectives = ["mt-cot"]\nways = ["direct", "adaptive"]',
}


def write_large_data(folder: Path) -> Path:
    """As `tiny_run.write_data`, with `TRAIN` and `TEST` questions, and a teacher that explains the
    first 60 of them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "train.jsonl", map(question, range(TRAIN)))
    write_lines(folder / "test.jsonl", (question(1000 + n, "t") for n in range(TEST)))
    write_lines(folder / "teacher.jsonl", (recorded(n, COLOURS[n % 3], False) for n in range(60)))
    return folder


@pytest.fixture(scope="module")
def enough(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole study in ``out`` whose students have a threshold; to be looked at."""
    root = write_large_data(tmp_path_factory.mktemp("enough"))
    tiny_causal(root / "tiny", "gemma3")
    run(root, **ENOUGH)
    return root


@pytest.fixture(scope="module")
def too_few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with twelve questions, six of them valid."""
    root = write_data(tmp_path_factory.mktemp("too-few"))
    tiny_causal(root / "tiny", "gemma3")
    run(root, controls=["permuted"])
    return root


def verdicts(out: Path, which: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = read_json(out / "verdicts.json")[which]
    return {(row["a"], row["b"], row["way"]): row for row in rows}


# ------------------------------------------------------------------ verdicts


def test_cells_record_what_the_adaptive_way_needs(enough: Path) -> None:
    found = cells(enough / "out")
    for seed in (0, 1):
        of_cell = read_run(found["MT-CoT", seed])
        assert of_cell.threshold is not None
        assert of_cell.temperature is not None
        asked = read_json(found["MT-CoT", seed] / "result.json")["valid_asked"]
        assert asked == {"direct": TRAIN // 2, "explained": TRAIN // 2}
        assert read_run(found["ST", seed]).threshold is None


def test_each_seed_is_compared_at_its_own_threshold(enough: Path) -> None:
    out, found = enough / "out", cells(enough / "out")
    means = {}
    for system in ("MT-CoT", "ST"):
        right = 0
        for seed in (0, 1):
            one = read_run(found[system, seed])
            brought = in_way(one.predictions, "adaptive", threshold=one.threshold)
            right += sum(p.correct for p in brought)
        means[system] = right / (2 * TEST)
    row = verdicts(out, "confirmatory")["MT-CoT", "ST", "adaptive"]
    assert row["difference"] == pytest.approx(means["MT-CoT"] - means["ST"])
    assert row["p_holm"] is not None
    assert row["verdict"].startswith("MT-CoT (adaptive way) minus ST (adaptive way): ")
    # Where it is not declared, it decides nothing.
    planned = planning.plan_study(read_study(enough / "study.toml"))
    found_rows = all_verdicts(out, planned.study, planned.datasets, planned.cells, []).exploratory
    (other,) = (one for one in found_rows if one.way == "adaptive")
    assert (other.difference, other.p_holm) == (row["difference"], None)
    assert other.finding in ("hint", "not-shown")


def test_without_a_threshold_there_is_no_exploratory_row(too_few: Path) -> None:
    ways = {way for _, _, way in verdicts(too_few / "out", "exploratory")}
    assert ways == {"direct", "chosen"}


def test_one_cell_without_a_threshold_is_named_by_its_valid_questions(
    enough: Path, tmp_path: Path
) -> None:
    place = tmp_path / "study"
    shutil.copytree(enough, place)
    cell = cells(place / "out")["MT-CoT", 1]
    for name, changed in (
        ("metrics.json", {"threshold": None}),
        ("result.json", {"valid_asked": {"direct": 150, "explained": 150}}),
    ):
        row = read_json(cell / name)
        (cell / name).write_text(json.dumps({**row, **changed}), "utf-8")
    _, engine = run(place, **ENOUGH)
    assert engine.ran == []
    row = verdicts(place / "out", "confirmatory")["MT-CoT", "ST", "adaptive"]
    assert (row["finding"], row["verdict"]) == (
        None,
        "not offered: 150 valid questions, 200 needed",
    )


def test_the_adaptive_way_is_declared_only_where_it_can_be_confirmed(tmp_path: Path) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    declared = '[confirmatory]\nways = ["adaptive"]'
    small = read_study(write_study(tmp_path, more=declared))
    with pytest.raises(
        ConfigError,
        match=r"^confirmatory.ways: the adaptive way needs 200 valid questions, and 'colours' has "
        r"6 under seed 0: raise its valid_fraction, or leave the way out$",
    ):
        planning.plan_study(small)
    # A question of test that stands in train may have been one of valid.
    write_large_data(tmp_path)
    keys = "valid_fraction = 0.5"
    study = read_study(write_study(tmp_path, more=declared, dataset_keys=keys))
    assert {pair.way for pair in planning.plan_study(study).family} == {"adaptive"}
    seen = [question(1000 + n, "t") for n in range(TEST - 1)]
    write_lines(tmp_path / "test.jsonl", [*seen, {**question(7), "id": "t7"}])
    told: list[str] = []
    planned = planning.plan_study(study, told.append)
    assert planned.family == ()
    assert (
        "colours: 1 test questions are also in train, so the adaptive way is exploratory there, "
        "whatever confirmatory.ways says"
    ) in told


# ------------------------------------------------------------------ reports


def brought(cell: Path) -> tuple[float, float]:
    """A cell's accuracy in the adaptive way, and the share that it explains."""
    one = read_run(cell)
    answered = in_way(one.predictions, "adaptive", threshold=one.threshold)
    explained = unsure(one.predictions, one.threshold)
    return sum(p.correct for p in answered) / TEST, sum(explained) / TEST


def test_the_page_has_the_adaptive_way_in_every_table(enough: Path) -> None:
    told = Page(report(enough / "out"))
    found = cells(enough / "out")
    per_seed = [brought(found["MT-CoT", seed]) for seed in (0, 1)]
    accuracy, share = (sum(values) / 2 for values in zip(*per_seed, strict=True))
    ways = "Ways of answering: colours"
    shown = told.column(ways, "Adaptive")
    assert shown["MT-CoT"].startswith(f"{100 * accuracy:.1f} [")
    assert told.column(ways, "Explained first")["MT-CoT"] == f"{100 * share:.1f}%"
    # What has but one way answers in that one.
    assert shown["ST"] == told.column(ways, "Direct")["ST"]
    assert told.column("Objectives by dataset, adaptive way", "colours") == shown
    assert told.column("Every arm of the study", "Adaptive") == shown
    rows = {tuple(row[:2]): row for row in told.tables["Confirmatory comparisons"][1:]}
    assert ("colours: MT-CoT minus ST", "adaptive") in rows
    # Seconds: the direct ones, and those of the explanations that are wanted.
    seconds = []
    for seed, (_, own_share) in zip((0, 1), per_seed, strict=True):
        cost = read_run(found["MT-CoT", seed]).cost["student"]
        assert cost.explained_seconds is not None
        seconds.append(cost.direct_seconds + own_share * cost.explained_seconds)
    costs = "Accuracy and cost of 1,000 answers: colours"
    written = told.column(costs, "Seconds, adaptive")
    assert written["MT-CoT"] == amount(sum(seconds) / 2)
    assert written["ST"] == told.column(costs, "Adaptive")["ST"] == "–"
    drawn = told.tables["Numbers of this chart" + "'" * chart_of(told, "Accuracy by seconds")]
    assert [row[0] for row in drawn[1:]] == [
        "ST, direct",
        "MT-CoT, direct",
        "MT-CoT, explained",
        "MT-CoT, adaptive",
    ]
    assert "For the adaptive way they are computed, not measured" in told.text


def chart_of(told: Page, title: str) -> int:
    """The place of a chart among those of a page."""
    charts = [text for text in told.captions if text.startswith(CHARTS)]
    return next(place for place, text in enumerate(charts) if text.startswith(title))


CHARTS = ("Accuracy by", "Accuracy on valid", "Loss on valid", "Risk by", "Right answers by")


def test_the_page_says_how_sure_the_answers_are(enough: Path) -> None:
    told = Page(report(enough / "out"))
    found = cells(enough / "out")
    risk = told.tables["Numbers of this chart" + "'" * chart_of(told, "Risk by coverage")]
    assert risk[0] == ["Coverage, %", "ST", "MT-CoT"]
    assert [row[0] for row in risk[1:]] == [f"{percent}.0" for percent in range(10, 101, 10)]
    wrong = {}
    for system in ("ST", "MT-CoT"):
        own = [p for s in (0, 1) for p in read_run(found[system, s]).predictions]
        wrong[system] = sum(not p.correct for p in own) / (2 * TEST)
    for cell, system in zip(risk[-1][1:], ("ST", "MT-CoT"), strict=True):
        assert cell.startswith(f"{100 * wrong[system]:.4g} [")
    table = "Calibration: colours"
    errors = []
    for seed in (0, 1):
        one = read_run(found["MT-CoT", seed])
        assert one.temperature is not None
        confidence = [
            calibrated(p.probabilities or {}, one.temperature)[p.answer or ""]
            for p in one.predictions
        ]
        right = np.array([p.correct for p in one.predictions])
        errors.append(calibration_error(np.array(confidence), right))
    shown = told.column(table, "Calibration error at temperature")["MT-CoT"]
    assert shown.startswith(f"{50 * sum(errors):.1f} [")
    assert told.column(table, "Bins")["MT-CoT"] == str(TEST // 10)
    bins = told.tables[
        "Numbers of this chart" + "'" * chart_of(told, "Right answers by probability")
    ]
    assert len(bins) - 1 == 2 * (TEST // 10)


def test_markdown_and_csv_have_the_same(enough: Path, tmp_path: Path) -> None:
    out = enough / "out"
    text = report(out, "md")
    for title in (
        "Objectives by dataset, adaptive way",
        "Risk by coverage: colours",
        "Calibration: colours",
        "Right answers by probability: colours",
        "Accuracy by seconds for 1,000 answers: colours",
    ):
        assert f"**{title}**" in text
    rows = {
        (row["system"], row["seed"]): row for row in csv.DictReader(io.StringIO(report(out, "csv")))
    }
    for seed in (0, 1):
        cell = cells(out)["MT-CoT", seed]
        row, one = rows["MT-CoT", str(seed)], read_run(cell)
        accuracy, share = brought(cell)
        assert float(row["adaptive_accuracy"]) == accuracy
        assert float(row["adaptive_explained"]) == share
        assert float(row["threshold"]) == one.threshold
        assert float(row["temperature"]) == one.temperature
        assert float(row["adaptive_seconds_per_1000"]) > float(row["direct_seconds_per_1000"]) - 1
        assert row["calibration_error_at_temperature"] != ""
        assert rows["ST", str(seed)]["adaptive_accuracy"] == ""
    # The same of the packed form, in which the students' explanations are left out.
    packed = pack_study(out, tmp_path / "whole.zip")
    smaller = pack_study(out, tmp_path / "s.zip", max_mb=(packed.size - 1) / 1e6)
    assert smaller.left_out == ("students' explanations",)
    unpack_study(tmp_path / "s.zip", tmp_path / "out")
    assert report(tmp_path / "out", "csv") == report(out, "csv")
    before, after = (Page(report(folder)).tables for folder in (out, tmp_path / "out"))
    assert before["Calibration: colours"] == after["Calibration: colours"]


def test_too_few_valid_questions_are_said_in_every_form(too_few: Path) -> None:
    said = "not offered: 6 valid questions, 200 needed"
    told = Page(report(too_few / "out"))
    shown = told.column("Ways of answering: colours", "Adaptive")
    assert (shown["MT-CoT"], shown["MT-CoT (permuted)"]) == (said, said)
    assert shown["ST"] == told.column("Ways of answering: colours", "Direct")["ST"]
    costs = "Accuracy and cost of 1,000 answers: colours"
    assert told.column(costs, "Adaptive")["MT-CoT"] == said
    assert "Objectives by dataset, adaptive way" not in told.tables
    table = "Calibration: colours"
    assert told.column(table, "Temperature")["MT-CoT"] == "none: needs 50 valid questions"
    assert told.column(table, "Calibration error at temperature")["MT-CoT"] == "–"
    assert said in report(too_few / "out", "md")
    for row in csv.DictReader(io.StringIO(report(too_few / "out", "csv"))):
        assert (row["adaptive_accuracy"], row["threshold"]) == ("", "")


def test_a_folder_of_before_says_nothing_of_how_sure_it_was(too_few: Path, tmp_path: Path) -> None:
    """Without probabilities, thresholds, temperatures, the number of valid questions, seconds."""
    out = tmp_path / "out"
    shutil.copytree(too_few / "out", out)
    for path in out.glob("cells/*/predictions.jsonl"):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        write_lines(path, ({k: v for k, v in r.items() if k != "probabilities"} for r in rows))
    for path in out.glob("cells/*/metrics.json"):
        row = read_json(path)
        for name in ("threshold", "temperature", "cost_per_1000"):
            del row[name]
        path.write_text(json.dumps(row), "utf-8")
    for path in out.glob("cells/*/result.json"):
        row = read_json(path)
        del row["valid_asked"]
        path.write_text(json.dumps({**row, "version": 1}), "utf-8")
    told = Page(report(out))
    assert "Calibration: colours" not in told.tables
    assert (
        "Not known where nothing says how sure the answers are: ST (colours); MT-CoT (colours); "
        "MT-CoT (permuted) (colours)."
    ) in told.text
    adaptive = told.column("Ways of answering: colours", "Adaptive")
    assert adaptive["MT-CoT"] == "not offered: no threshold is recorded"
    assert "Not timed, and so not drawn: ST, direct; MT-CoT, direct; MT-CoT, explained" in told.text
    assert report(out, "md")
    assert len(list(csv.DictReader(io.StringIO(report(out, "csv"))))) == len(cells(out))


def test_an_older_table_in_the_folder_is_replaced(too_few: Path, tmp_path: Path) -> None:
    older = ",".join(csv_table.FIELDS[: csv_table.FIELDS.index("began") + 1])
    (tmp_path / "report.csv").write_text(f"{older}\n", "utf-8")
    written = write_report(too_few / "out", "csv", tmp_path / "report.csv")
    assert "adaptive_accuracy" in written.read_text("utf-8")
