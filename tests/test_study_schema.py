"""The files of a study's folder: what is written reads back, older forms too, damage is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from report_pages import Page
from study_folder import MadeUp, write_study
from teachback.errors import DataError
from teachback.explaining.counts import SELECTION_FILE, SelectionCounts
from teachback.reports import report
from teachback.studies.schema import (
    CELL_FILE,
    COST_FILE,
    EQUAL_FILE,
    FAMILY_FILE,
    MATERIAL_FILE,
    RESULT_FILE,
    TASK_FILE,
    VERDICTS_FILE,
    digest_of,
    read_plan,
)
from teachback.versioned import Versioned

VERSION_0 = Path(__file__).parent / "golden" / "study_version_0.json"
"""The files of a small study that ran before files had a version: path → text."""

FILES: dict[str, Versioned[Any]] = {
    "cells/*/cell.json": CELL_FILE,
    "cells/*/result.json": RESULT_FILE,
    "cells/*/task.json": TASK_FILE,
    "cells/*/equal.json": EQUAL_FILE,
    "material/*/selection.json": MATERIAL_FILE,
    "teachers/*/cost.json": COST_FILE,
    "family.json": FAMILY_FILE,
    "verdicts.json": VERDICTS_FILE,
}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that study; for looking at, not for changing."""
    folder = tmp_path_factory.mktemp("old") / "study"
    for name, text in json.loads(VERSION_0.read_text("utf-8")).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    return write_study(tmp_path / "study", MadeUp(seeds=(0, 1)))


# ------------------------------------------------------------------ older forms


@pytest.mark.parametrize("pattern", FILES)
def test_a_file_without_a_version_is_read_and_written_with_one(
    pattern: str, old: Path, tmp_path: Path
) -> None:
    paths = sorted(old.glob(pattern))
    assert paths
    kind = FILES[pattern]
    for path in paths:
        assert "version" not in json.loads(path.read_text("utf-8"))
        record = kind.read(path)
        kind.write(tmp_path / "new.json", record)
        assert json.loads((tmp_path / "new.json").read_text("utf-8"))["version"] == kind.version
        assert kind.read(tmp_path / "new.json") == record


def test_an_old_plan_has_its_cells_at_the_addresses_that_define_them(old: Path) -> None:
    cells = read_plan(old)
    assert len(cells) == 12
    assert all(cell.addressed() == cell for cell in cells)
    assert {cell.hash for cell in cells} == {path.name for path in (old / "cells").iterdir()}


def test_an_old_verdict_gets_its_finding_and_caveats_from_its_sentence(old: Path) -> None:
    verdicts = VERDICTS_FILE.read(old / "verdicts.json")
    assert [row.finding for row in verdicts.confirmatory] == ["not-shown", "not-shown"]
    assert verdicts.confirmatory[0].caveats == (
        "two seeds: a true null is rejected up to 10% of the time; use three or more",
        "the difference is the same on every item, so it has no interval of its own",
    )


@pytest.mark.parametrize(
    ("sentence", "finding", "caveats"),
    [
        (
            "MT-CoT minus ST: +5.0 points [+1.0, +9.0], p = 0.012 (after Holm, p = 0.024), "
            "3 seeds, 40 items: shown, MT-CoT is better.",
            "shown",
            (),
        ),
        (
            "ST minus untrained: +5.0 points [+1.0, +9.0], p = 0.012, 1 seed, 12 items: a hint, "
            "ST is higher. One seed: this is about these two students and says nothing of other "
            "seeds. Only 12 independent items: the interval is a rough guide.",
            "hint",
            (
                "one seed: this is about these two students and says nothing of other seeds",
                "only 12 independent items: the interval is a rough guide",
            ),
        ),
        ("A minus B: 0.0 points [0.0, 0.0], p = 1.00, 2 items: not shown.", "not-shown", ()),
    ],
)
def test_every_finding_is_read_from_an_old_sentence(
    sentence: str, finding: str, caveats: tuple[str, ...], old: Path
) -> None:
    row = json.loads((old / "verdicts.json").read_text("utf-8"))
    row["exploratory"] = [row["confirmatory"][0] | {"verdict": sentence}]
    (found,) = VERDICTS_FILE.of_row(row, "verdicts.json").exploratory
    assert (found.finding, found.caveats, found.verdict) == (finding, caveats, sentence)


def test_an_old_comparison_without_figures_is_not_known_yet(old: Path) -> None:
    row = json.loads((old / "verdicts.json").read_text("utf-8"))
    figures = ("items", "difference", "low", "high", "p", "p_holm", "df")
    unknown = {"verdict": "not known: 1 of 2 seeds have both results", "mcnemar": []}
    row["exploratory"] = [row["confirmatory"][0] | dict.fromkeys(figures) | unknown]
    (found,) = VERDICTS_FILE.of_row(row, "verdicts.json").exploratory
    assert (found.finding, found.caveats) == (None, ())


def test_an_old_selection_of_a_study_or_a_run_gives_the_same_counts(old: Path) -> None:
    (path,) = old.glob("material/*/selection.json")
    record = MATERIAL_FILE.read(path)
    assert (record.asked, record.kept, record.rejected) == (
        18,
        11,
        {"wrong-answer": 6, "failed": 1},
    )
    assert record.yield_per_label == {"A": (4, 4), "B": (4, 4), "C": (3, 4)}
    assert record.agreement == (6, 12)
    assert (record.dataset, record.samples) == ("colours", 1)
    # The same file as a run wrote it.
    run = {
        "strategy": "crop",
        "examples": 12,
        "asked": 18,
        "kept": 11,
        "explained_examples": 11,
        "rejected": {"wrong-answer": 6, "failed": 1},
        "not_asked": 0,
        "per_strategy": {},
        "yield_per_label": {"A": [4, 4], "B": [4, 4], "C": [3, 4]},
        "agreement": [6, 12],
        # 18 asked, 1 failed, 12 replies were COTE's.
        "rp_contradictions": [0, 5],
    }
    counts = SELECTION_FILE.of_row(run, "selection.json")
    assert counts == SELECTION_FILE.read(path)
    assert type(counts) is SelectionCounts


def test_an_old_selection_with_contradictions_is_read(old: Path) -> None:
    (path,) = old.glob("material/*/selection.json")
    row = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(row | {"rp_contradictions": 2}), "utf-8")
    assert SELECTION_FILE.read(path).rp_contradictions == (2, 5)
    assert Page(report(old)).text


@pytest.mark.parametrize(
    "damage",
    [
        {"agreement": [1]},
        {"agreement": {"right": 1}},
        {"rejected": None},
        {"asked": "18"},
        {"agreement": {}},
    ],
)
def test_an_old_selection_that_is_damaged_is_refused_by_its_field(
    damage: dict[str, Any], old: Path
) -> None:
    (path,) = old.glob("material/*/selection.json")
    row = json.loads(path.read_text("utf-8")) | {"rp_contradictions": 2} | damage
    with pytest.raises(DataError, match=f"the field '{next(iter(damage))}"):
        SELECTION_FILE.of_row(row, "selection.json")


def test_the_report_on_an_old_folder_has_its_figures(old: Path) -> None:
    page = Page(report(old))
    cells = {(cell.system, cell.seed): cell.hash for cell in read_plan(old)}
    right = 0
    for seed in (0, 1):
        path = old / "cells" / cells["MT-CoT", seed] / "predictions.jsonl"
        right += sum(json.loads(line)["correct"] for line in path.read_text("utf-8").splitlines())
    direct = page.column("Objectives by dataset, direct answer", "colours")
    assert direct["MT-CoT"].startswith(f"{100 * right / 12:.1f} [")
    assert len(page.tables["Confirmatory comparisons"]) == 3
    assert "Two seeds: a true null is rejected up to 10% of the time" in page.text


# ------------------------------------------------------------------ the present form


def test_what_is_written_reads_back(made_up: Path, tmp_path: Path) -> None:
    for pattern, kind in FILES.items():
        for path in made_up.glob(pattern):
            kind.write(tmp_path / "again.json", kind.read(path))
            assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_a_size_stays_a_count_or_a_share(made_up: Path, tmp_path: Path) -> None:
    first = read_plan(made_up)[0]
    for size in (1, 1.0, None):
        CELL_FILE.write(tmp_path / "cell.json", replace(first, size=size))
        found = CELL_FILE.read(tmp_path / "cell.json").size
        assert (found, type(found)) == (size, type(size))


def test_an_address_is_the_hash_of_all_other_fields(made_up: Path) -> None:
    for cell in read_plan(made_up):
        row = CELL_FILE.row(cell)
        assert row.pop("version") == 1
        assert row["data"].pop("set_aside") == 0  # the default came later than the addresses
        assert row.pop("hash") == digest_of(row)[:16] == cell.hash


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("pattern", "change", "line"),
    [
        (
            "verdicts.json",
            lambda row: row.pop("confirmatory"),
            "the field 'confirmatory' is missing",
        ),
        (
            "verdicts.json",
            lambda row: row["confirmatory"][1].pop("p"),
            "the field 'confirmatory.1.p' is missing",
        ),
        (
            "verdicts.json",
            lambda row: row["confirmatory"][0].update(p="0.04"),
            "the field 'confirmatory.0.p' is not valid: input should be a valid number",
        ),
        (
            "verdicts.json",
            lambda row: row["confirmatory"][0].update(finding="perhaps"),
            "the field 'confirmatory.0.finding' is not valid: input should be 'shown', "
            "'hint' or 'not-shown'",
        ),
        (
            "cells/*/result.json",
            lambda row: row.update(status="ended"),
            "the field 'status' is not valid: input should be 'done', 'failed' or 'not-available'",
        ),
        (
            "cells/*/cell.json",
            lambda row: row["data"].update(size=True),
            "the field 'data.size' is not valid: input should be a valid integer",
        ),
        (
            "cells/*/cell.json",
            lambda row: row.update(size=["all"]),
            "the field 'size' is not valid: input should be a valid integer",
        ),
        (
            "teachers/*/cost.json",
            lambda row: row.update(version=2),
            "this is version 2 of the file, and this teachback reads versions up to 1: upgrade "
            "teachback",
        ),
        (
            "teachers/*/cost.json",
            lambda row: row.update(version="new"),
            "the field 'version' must be a whole number, 0 or more",
        ),
        (
            "material/*/selection.json",
            lambda row: row.update(agreement={"right": 1}),
            "the field 'agreement' is not valid: input should be a valid array",
        ),
    ],
)
def test_a_damaged_file_is_one_line_that_names_the_field(
    pattern: str, change: Change, line: str, made_up: Path
) -> None:
    path = sorted(made_up.glob(pattern))[0]
    row = json.loads(path.read_text("utf-8"))
    change(row)
    path.write_text(json.dumps(row), "utf-8")
    with pytest.raises(DataError) as caught:
        FILES[pattern].read(path)
    assert str(caught.value) == f"{path}: {line}"


@pytest.mark.parametrize("pattern", FILES)
@pytest.mark.parametrize("row", [{}, {"a": 1}, {"version": 1, "family": None, "selection": 3}])
def test_a_foreign_file_is_no_traceback(pattern: str, row: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(row), "utf-8")
    with pytest.raises(DataError, match=re.escape(f"{path}: the field '")):
        FILES[pattern].read(path)


def test_a_damaged_plan_names_its_line(made_up: Path) -> None:
    plan = made_up / "cells.jsonl"
    lines = plan.read_text("utf-8").splitlines()
    lines[2] = json.dumps({**json.loads(lines[2]), "system": None})
    plan.write_text("\n".join(lines), "utf-8")
    with pytest.raises(DataError, match=r"cells\.jsonl, line 3: the field 'system' is not valid"):
        read_plan(made_up)


# ------------------------------------------------------------------ counts


def test_counts_of_two_selections_add_up() -> None:
    one = SelectionCounts(
        strategy="crop",
        examples=4,
        asked=6,
        kept=3,
        explained_examples=3,
        rejected={"wrong-answer": 2, "failed": 1},
        not_asked=1,
        per_strategy={"cote": {"kept": 2, "wrong-answer": 2}, "rp": {"kept": 1, "failed": 1}},
        yield_per_label={"A": (2, 2), "B": (1, 2)},
        agreement=(2, 4),
        rp_contradictions=(0, 1),
    )
    other = SelectionCounts(
        strategy="crop",
        examples=2,
        asked=5,
        kept=1,
        explained_examples=1,
        rejected={"failed": 4},
        per_strategy={"cote": {"kept": 1, "failed": 4}},
        yield_per_label={"B": (1, 1), "C": (0, 1)},
        agreement=(1, 1),
        rp_contradictions=(1, 1),
    )
    assert one + other == SelectionCounts(
        strategy="crop",
        examples=6,
        asked=11,
        kept=4,
        explained_examples=4,
        rejected={"failed": 5, "wrong-answer": 2},
        not_asked=1,
        per_strategy={
            "cote": {"failed": 4, "kept": 3, "wrong-answer": 2},
            "rp": {"kept": 1, "failed": 1},
        },
        yield_per_label={"A": (2, 2), "B": (2, 3), "C": (0, 1)},
        agreement=(3, 5),
        rp_contradictions=(1, 2),
    )
    assert list((one + other).rejected) == ["failed", "wrong-answer"]  # the most frequent first
