"""The packed studies in one table: each verdict in the row whose cells it compares."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import study_table
from study_folder import MadeUp, write_study
from teachback.reports.folder import read_folder
from teachback.studies.packing import pack_study
from teachback.studies.schema import VERDICTS_FILE


def test_a_verdict_of_a_different_setting_is_not_in_the_row(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", MadeUp(sizes=(100, None)))
    verdicts = VERDICTS_FILE.read(folder / "verdicts.json")
    smaller = replace(verdicts.confirmatory[0], size=100, difference=0.75)
    VERDICTS_FILE.write(
        folder / "verdicts.json", replace(verdicts, exploratory=(*verdicts.exploratory, smaller))
    )
    rows = {row[1]: row for row in study_table.rows_of("made-up", read_folder(folder))}
    words = rows["MT-CoT"][-1]
    assert words.count("against ST") == len(verdicts.confirmatory)
    assert "+75.0" not in words


def test_what_is_packed_is_not_called_lacking_where_one_file_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_study(tmp_path / "study")
    for place in ("studies", "results"):
        (tmp_path / place).mkdir()
    for name in ("here", "packed", "lacking"):
        (tmp_path / "studies" / f"{name}.toml").write_text("")
    for name in ("here", "packed"):
        pack_study(folder, tmp_path / "results" / f"{name}.zip")
    monkeypatch.setattr(study_table, "STUDIES", tmp_path / "studies")
    monkeypatch.setattr(study_table, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(sys, "argv", ["study_table", str(tmp_path / "results/here.zip")])
    study_table.main()
    assert "\nNot run, or not packed: lacking.\n" in capsys.readouterr().out
