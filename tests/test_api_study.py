"""A study and its report from Python."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import teachback as tb
from teachback.errors import ConfigError, RunFolderError
from tiny import tiny_causal
from tiny_run import write_data


def _study(folder: Path) -> dict[str, object]:
    return {
        "study": {
            "name": "small",
            "objectives": ["st"],
            "controls": ["majority"],
            "students": [str(folder / "tiny")],
            "seeds": [0],
        },
        "dataset": [
            {
                "name": "colours",
                "train": str(folder / "train.jsonl"),
                "test": str(folder / "test.jsonl"),
            }
        ],
        "train": {"epochs": 1, "batch_size": 4},
    }


def test_a_study_from_a_dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_data(tmp_path)
    tiny_causal(tmp_path / "tiny", "gemma3")
    monkeypatch.chdir(tmp_path)
    found = tb.study(_study(tmp_path), threads=1)
    assert found.folder == Path("runs/small")
    assert repr(found).startswith("2 cells: 2 done (2 in this run); 0 of ")
    again = tb.study(_study(tmp_path), threads=1)
    assert again.ran == 0
    assert again.to_rows() == found.to_rows()
    rows = found.to_rows()
    assert {(row["a"], row["b"]) for row in rows} <= {("ST", "majority"), ("majority", "ST")}
    assert all(row["declared"] is False for row in rows)
    page = tb.report(found.folder, form="md")
    assert page == Path("runs/small/report.md")
    assert "\n# Study small\n" in page.read_text("utf-8")
    assert tb.report(found.folder, out=tmp_path / "page.html").suffix == ".html"


def test_the_functions_are_not_hidden_by_packages() -> None:
    for name in ("studies", "reports", "studies.running", "reports.page"):
        importlib.import_module(f"teachback.{name}")
    assert tb.study.__module__ == tb.report.__module__ == "teachback.api.studying"


def test_what_no_study_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="jobs = 0: it must be 1 or more"):
        tb.study(_study(tmp_path), jobs=0)
    with pytest.raises(ConfigError, match=r"unknown key 'study\.seed'; did you mean 'seeds'"):
        tb.study({**_study(tmp_path), "study": {"seed": [1]}})
    with pytest.raises(ConfigError, match="form = 'pdf': it must be html"):
        tb.report(tmp_path, form="pdf")  # type: ignore[arg-type]
    with pytest.raises(RunFolderError):
        tb.report(tmp_path)
