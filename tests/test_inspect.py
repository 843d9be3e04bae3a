"""`teachback inspect`: the command, its files, and the arithmetic of surface facts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from report_pages import Page
from study_folder import write_study
from teachback.cli import cli
from teachback.files import (
    manifest,
    read_jsonl,
    read_predictions,
    sha256_of,
    write_json,
    write_jsonl,
    write_predictions,
)
from teachback.inspection.results import INSPECTION_FILE, Inspection, Measured
from teachback.quality.surface import share_copied, share_repeated, words_of
from teachback.records import Prediction
from teachback.reports import report

CHOICES = ["clouds", "stones"]
TEXTS = (
    "It falls from above. It falls from above. So it is wet.",
    "Where does the thing number 1 come from? From where water is held.",
    "The answer is clouds.",
    "",
)


def run_cli(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def write_run(folder: Path, *, explained: bool = True) -> None:
    """Twelve items, four kinds of explanations in turn; ``data.jsonl`` beside the run."""
    rows = [
        {
            "id": f"item-{n}",
            "question": f"Where does the thing number {n} come from?",
            "choices": CHOICES,
            "answer": "clouds",
        }
        for n in range(12)
    ]
    write_jsonl(folder.parent / "data.jsonl", rows)
    predictions = [
        Prediction(
            id=f"item-{n}",
            gold="clouds",
            answer="clouds" if n < 9 else "stones",
            correct=n < 9,
            unparsed=False,
            explanation=TEXTS[n % 4] if explained else None,
            explained_answer=None if n % 4 == 3 or not explained else "clouds",
            explained_correct=n % 4 != 3 if explained else None,
        )
        for n in range(12)
    ]
    write_predictions(folder / "predictions.jsonl", predictions)


def test_words_copied_and_repeated_by_hand() -> None:
    assert words_of("It's 3.5 km, says Zoë.") == ["it", "s", "3", "5", "km", "says", "zoë"]
    # "a b c" and "x y z" are runs of three of the question; "c d" is a run of two.
    assert share_copied("a b c q c d q x y z", "A B C d. x y z") == pytest.approx(6 / 10)
    assert share_copied("nothing of it", "A B C") == 0
    assert share_copied("...", "A B C") is None
    # Seven words make four sequences of four; the last one stood there before.
    assert share_repeated("a b c d a b c d") == pytest.approx(1 - 4 / 5)
    assert share_repeated("a b c") is None


def test_surface_facts_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_run(run)
    result = run_cli("inspect", run, "--data", tmp_path / "data.jsonl")
    assert result.exit_code == 0, result.output
    assert "words" in result.stdout
    assert "has not kept its student" in result.stdout
    inspection = INSPECTION_FILE.read(run / "inspection.json")
    values = {row.measure: row for row in inspection.measured}
    assert (values["length"].value, values["length"].items) == (pytest.approx((12 + 13 + 4) / 3), 9)
    assert (values["empty"].value, values["empty"].items) == (0.25, 12)
    assert (values["unparsed"].value, values["unparsed"].items) == (0.25, 12)
    assert values["restates-answer"].value == pytest.approx(1 / 3)
    # Answers agree in items 0 to 8, but for 3 and 7, which are unparsed.
    assert values["ways-agree"].value == pytest.approx(7 / 12)
    for row in inspection.measured:
        if row.value is not None:
            assert row.low is not None
            assert row.high is not None
            assert row.low <= row.value <= row.high
    rows = [row for _, row in read_jsonl(run / "inspection.jsonl")]
    assert len(rows) == 12
    assert rows[2]["measures"]["restates-answer"] == 1.0
    assert "restates-answer" not in rows[3]["measures"]


def test_json_prints_what_is_written(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    result = run_cli("inspect", tmp_path / "run", "--data", tmp_path / "data.jsonl", "--json")
    assert json.loads(result.stdout) == [json.loads((tmp_path / "run/inspection.json").read_text())]


def test_two_runs_are_compared_item_by_item(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    write_run(tmp_path / "b")
    file = tmp_path / "b/predictions.jsonl"
    file.write_text(file.read_text().replace("It falls from above. So", "So"))
    result = run_cli("inspect", tmp_path / "a", tmp_path / "b", "--data", tmp_path / "data.jsonl")
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'b'} minus {tmp_path / 'a'}" in result.stdout
    line = next(x for x in result.stdout.split("minus")[1].splitlines() if x.startswith("words"))
    assert line.split()[1] == "-1.3"  # four words fewer in three of nine explanations


def test_groups_that_all_show_the_same_make_nothing_certain(tmp_path: Path) -> None:
    """One of three explanations of every group has no words, where the other run has words for
    all: a difference of 1/3 in each of three groups, of which floats make p = 6e-33."""
    runs = tmp_path / "words", tmp_path / "none"
    for run, empty in zip(runs, (0, 3), strict=True):
        write_run(run)
        predictions = [
            replace(p, group=f"g{n // 3}", explanation="" if n % 3 < empty // 3 else "It is so.")
            for n, p in enumerate(read_predictions(run / "predictions.jsonl")[:9])
        ]
        write_predictions(run / "predictions.jsonl", predictions)
    result = run_cli("inspect", *runs, "--data", tmp_path / "data.jsonl", "--surface-only")
    assert result.exit_code == 0, result.output
    of_runs = result.stdout.split("minus")[1].splitlines()
    line = next(line for line in of_runs if line.startswith("no explanation"))
    assert line.split()[2:] == ["+0.333", "[+0.333,", "+0.333]", "0.25", "9"]
    rows = INSPECTION_FILE.read(runs[1] / "inspection.json").measured
    low, high = next((row.low, row.high) for row in rows if row.measure == "empty")
    assert low is not None
    assert high is not None
    assert high - low > 0.5


@pytest.mark.parametrize("version", [None, 1])
def test_an_inspection_that_counted_unparsed_mistakes_together_is_read(
    tmp_path: Path, version: int | None
) -> None:
    write_run(tmp_path / "run")
    write_inspection(tmp_path / "run")
    file = tmp_path / "run" / "inspection.json"
    row = json.loads(file.read_text())
    row["measured"].append({**row["measured"][0], "measure": "mistake-unparsed"})
    row.pop("version")
    file.write_text(json.dumps(row if version is None else {"version": version, **row}))
    found = INSPECTION_FILE.read(file)
    assert [one.measure for one in found.measured] == ["length"]
    assert len(found.notes) == 2
    assert "counted together when this was measured; inspect again" in found.notes[1]


@pytest.mark.parametrize(
    ("damage", "wanted"),
    [
        ("no-explanations", "no prediction has an explanation: evaluate the student again with"),
        ("no-predictions", "has no predictions.jsonl: teachback evaluate --explain writes one"),
        ("no-data", "give --data FILE"),
        ("other-data", "item 'item-0' is not in"),
        ("other-gold", "the gold answer of item 'item-0' is not the one in"),
        ("changed-data", "has changed since the run was evaluated on it"),
        ("twice", "is named twice"),
        ("broken-line", "predictions.jsonl"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, damage: str, wanted: str) -> None:
    run, data = tmp_path / "run", tmp_path / "data.jsonl"
    write_run(run, explained=damage != "no-explanations")
    arguments = ["inspect", str(run), "--data", str(data)]
    if damage == "no-predictions":
        (run / "predictions.jsonl").unlink()
    elif damage == "no-data":
        del arguments[2:]
    elif damage == "other-data":
        data.write_text(data.read_text().replace("item-", "row-"))
    elif damage == "other-gold":
        data.write_text(data.read_text().replace('"answer": "clouds"', '"answer": "stones"'))
    elif damage == "changed-data":
        write_json(run / "manifest.json", manifest({"test": data}, {}))
        data.write_text(data.read_text().replace("Where does", "From where does"))
    elif damage == "twice":
        arguments.insert(1, str(run))
    elif damage == "broken-line":
        with (run / "predictions.jsonl").open("a") as file:
            file.write("{\n")
    before = sorted(path.name for path in run.iterdir())
    result = run_cli(*arguments)
    assert result.exit_code == 2
    assert wanted in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output
    assert [path.name for path in sorted(run.iterdir()) if path.name in before] == before
    assert not (run / "inspection.json").exists()


def test_the_report_shows_inspected_cells(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    assert "The explanations, measured" not in report(study)
    cells = [path.parent for path in sorted(study.glob("cells/*/predictions.jsonl"))]
    explaining = next(c for c in cells if '"explanation"' in (c / "predictions.jsonl").read_text())
    write_inspection(explaining)
    page = Page(report(study))
    rows = page.tables["Surface facts"]
    assert rows[0] == ["Measure", "System", "Value", "95%", "Items"]
    assert rows[1][0] == "words"
    assert rows[1][2:] == ["12.3", "[11.0, 13.6]", "9"]
    assert "not measured, since" in page.text
    # Of predictions that have changed since, nothing is shown.
    with (explaining / "predictions.jsonl").open("a") as file:
        file.write("\n")
    changed = report(study)
    assert "The explanations, measured" not in changed
    assert "is of other predictions than those there now" in changed


def write_inspection(cell: Path) -> None:
    length = Measured(measure="length", value=12.3, low=11.0, high=13.6, items=9, groups=9)
    inspection = Inspection(
        run=str(cell),
        date="2026-11-26T00:00:00+00:00",
        teachback=None,
        objective="mt-re",
        kind="multiple-choice",
        items=9,
        consistency_items=0,
        seed=0,
        predictions_sha256=sha256_of(cell / "predictions.jsonl"),
        measured=(length,),
        notes=("consistency of answer and explanation: not measured, since it cannot be",),
    )
    INSPECTION_FILE.write(cell / "inspection.json", inspection)
