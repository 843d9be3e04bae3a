"""The adaptive way in studies: its verdicts, its reports, and where it is not offered."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from teachback.errors import ConfigError
from teachback.evaluation import in_way
from teachback.files import read_json
from teachback.runs.evaluations import read_run
from teachback.studies import planning
from teachback.studies.config import read_study
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
        "colours: 1 test questions stand in train, so the adaptive way is exploratory there, "
        "whatever confirmatory.ways says"
    ) in told
