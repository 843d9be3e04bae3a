"""The benchmarks: every script explains itself at once, and the documents name what there is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.exploratory.desk_explore import name_of
from teachback.config import read_config
from teachback.files import read_toml, write_json
from teachback.studies.config import read_study
from teachback.studies.packing import unpack_study

ROOT = Path(__file__).parents[1]
BENCH = ROOT / "bench"
INDEX, RESULTS = BENCH / "README.md", BENCH / "RESULTS.md"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
DOCUMENTS += [*BENCH.rglob("*.md"), *BENCH.rglob("*.toml"), *BENCH.rglob("*.py")]
DOCUMENTS += (ROOT / "src").rglob("*.py")

HEAVY = ("torch", "transformers", "peft", "accelerate", "datasets", "trl", "openvino_genai")

HELP_OF_ALL = """
import io, json, runpy, sys
from contextlib import redirect_stderr, redirect_stdout

heavy, names = json.loads(sys.argv[1]), json.loads(sys.argv[2])
found = {}
for name in names:
    sys.argv = [name, "--help"]
    printed, errors, code = io.StringIO(), io.StringIO(), None
    try:
        with redirect_stdout(printed), redirect_stderr(errors):
            runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except Exception as error:
        errors.write(repr(error))
    loaded = [each for each in heavy if each in sys.modules]
    found[name] = {"code": code, "printed": printed.getvalue(), "loaded": loaded}
    found[name]["errors"] = errors.getvalue()
print(json.dumps(found))
"""


def scripts() -> list[str]:
    """The modules of bench that do something when they are run."""
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in BENCH.rglob("*.py")
        if 'if __name__ == "__main__":' in path.read_text("utf-8")
    )


@pytest.fixture(scope="module")
def help_of() -> dict[str, dict[str, Any]]:
    """What every script does with ``--help``, all of them in one process."""
    command = [sys.executable, "-c", HELP_OF_ALL, json.dumps(HEAVY), json.dumps(scripts())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", scripts())
def test_a_script_explains_itself(name: str, help_of: dict[str, dict[str, Any]]) -> None:
    said = help_of[name]
    assert said["code"] == 0, said["errors"]
    assert said["printed"].startswith("usage: ")
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    title = path.read_text("utf-8").removeprefix('"""').splitlines()[0]
    assert title.endswith(".")
    assert title in " ".join(said["printed"].split())  # the first line is a whole sentence


def test_no_script_loads_what_takes_seconds_before_it_has_read_its_arguments(
    help_of: dict[str, dict[str, Any]],
) -> None:
    assert {name: said["loaded"] for name, said in help_of.items() if said["loaded"]} == {}


def test_what_is_exploratory_says_so_and_stands_apart() -> None:
    titled = {
        path.parent.name
        for path in BENCH.rglob("*.py")
        if path.read_text("utf-8").startswith('"""Exploratory: ')
    }
    assert titled == {"exploratory"}
    own = [name for name in scripts() if name.startswith("bench.exploratory.")]
    assert len(own) >= 2
    for name in own:
        path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        assert path.read_text("utf-8").startswith('"""Exploratory: ')


@pytest.mark.parametrize("path", sorted(BENCH.glob("studies/*.toml")), ids=lambda path: path.stem)
def test_a_study_file_is_a_study(path: Path) -> None:
    assert read_study(path).study.objectives


def test_packed_results_are_small_and_are_those_of_the_study_file_beside_them(
    tmp_path: Path,
) -> None:
    packed = sorted((BENCH / "results").glob("*"))
    assert sum(path.stat().st_size for path in packed) <= 30e6
    for path in packed:
        if path.name == "README.md":
            continue
        assert path.suffix == ".zip"
        unpacked = unpack_study(path, tmp_path / path.stem).path
        own = read_study(BENCH / "studies" / f"{path.stem}.toml").study
        assert read_toml(unpacked / "study.toml")["study"]["name"] == own.name == path.stem


@pytest.mark.parametrize("path", sorted(BENCH.glob("configs/*.toml")), ids=lambda path: path.stem)
def test_a_configuration_is_one(path: Path) -> None:
    assert read_config(path).data.train


def table_rows(document: Path, first_column: str) -> list[list[str]]:
    """The rows of the Markdown table whose first column has this name."""
    lines = document.read_text("utf-8").splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_the_index_names_every_script_once_and_no_other() -> None:
    named = [row[0].strip("`") for row in table_rows(INDEX, "script")]
    assert sorted(filter(None, named)) == scripts()  # a script's further lines name it no more


def test_the_index_names_sections_that_results_has() -> None:
    headings = {
        line.lstrip("#").strip()
        for line in RESULTS.read_text("utf-8").splitlines()
        if line.startswith("##")
    }
    rows = table_rows(INDEX, "script")
    assert all(len(row) == 5 for row in rows)
    named = {row[2] for row in rows}
    assert {name for name in named if not any(h.startswith(name) for h in headings)} == {"none"}


def test_every_command_that_a_document_names_exists() -> None:
    known = {*scripts(), "bench.NAME"}
    wrong = {}
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        named = re.findall(r"python -m (bench[\w.]*)", text)
        bad = [name for name in named if name.rstrip(".") not in known]
        bad += re.findall(r"python[\d.]* bench/\S*", text)  # as paths they cannot be run
        if bad:
            wrong[str(document.relative_to(ROOT))] = bad
    assert wrong == {}


def test_the_same_system_of_two_studies_has_two_names(tmp_path: Path) -> None:
    students = []
    for study in ("study-desk", "study-other"):
        cell = tmp_path / study / "cells" / "0123456789abcdef"
        write_json(cell / "cell.json", {"system": "MT-CoT"})
        students.append(cell / "student")
    assert [name_of(student) for student in students] == [
        "MT-CoT of study-desk",
        "MT-CoT of study-other",
    ]
    assert name_of(tmp_path / "desk-explore/short-0/student") == "short of desk-explore"
