"""A study packed into a file: the same verdicts elsewhere, continued there, and hostile files."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import teachback as tb
from report_pages import Page
from teachback.cli import cli
from teachback.errors import ConfigError, DataError, RunFolderError
from teachback.files import read_explanations, read_json, read_predictions, sha256_of
from teachback.inspection.results import INSPECTION_FILE, Inspection, Measured
from teachback.reports import report
from teachback.studies import packing
from teachback.studies.packing import pack_study, unpack_study
from tiny import tiny_causal
from tiny_run import contents, write_data
from tiny_study import InThisProcess, cells, run

pytestmark = pytest.mark.usefixtures("one_thread")

CONTROLS = ["majority", "equal-time", "permuted"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole study in ``out``, packed to ``study.zip``."""
    root = write_data(tmp_path_factory.mktemp("packed"))
    tiny_causal(root / "tiny", "gemma3")
    run(root, controls=CONTROLS, keep="all")
    pack_study(root / "out", root / "study.zip")
    return root


@pytest.fixture
def elsewhere(root: Path, tmp_path: Path) -> Path:
    """The study unpacked beside its data in another folder, where the first one is not."""
    place = write_data(tmp_path / "elsewhere")
    shutil.copytree(root / "tiny", place / "tiny")
    unpack_study(root / "study.zip", place / "out")
    return place


def teachback(*words: object) -> Any:
    return CliRunner().invoke(cli, [str(word) for word in words])


# ------------------------------------------------------------------ what it is for


def test_an_unpacked_study_has_the_same_verdicts_and_report(root: Path, elsewhere: Path) -> None:
    before, after = root / "out", elsewhere / "out"
    assert read_json(after / "verdicts.json") == read_json(before / "verdicts.json")
    assert report(after, "csv") == report(before, "csv")
    was, now = Page(report(before)).tables, Page(report(after)).tables
    assert was["Confirmatory comparisons"] == now["Confirmatory comparisons"]
    assert (
        was["Objectives by dataset, direct answer"] == now["Objectives by dataset, direct answer"]
    )
    # Measured again, from the predictions.
    run(elsewhere, controls=CONTROLS)
    assert read_json(after / "verdicts.json") == read_json(before / "verdicts.json")


def test_compare_says_the_same_of_unpacked_cells(root: Path, elsewhere: Path) -> None:
    said = []
    for place in (root, elsewhere):
        found = cells(place / "out")
        shown = teachback("compare", found["ST", 0], found["MT-CoT", 0], "--json")
        assert shown.exit_code == 0, shown.output
        said.append([{**row, "a": "", "b": "", "verdict": ""} for row in json.loads(shown.output)])
    assert said[0] == said[1]


def test_an_unpacked_study_is_continued_where_the_packed_one_ended(elsewhere: Path) -> None:
    out = elsewhere / "out"
    declared = read_json(out / "family.json")
    before = {cell: (out / "cells" / cell / "result.json").read_bytes() for cell in names(out)}
    assert not list(out.glob("cells/*/student"))
    assert not list(out.glob("teachers/*/completions.sqlite"))
    outcome, engine = run(elsewhere, controls=CONTROLS)
    assert (outcome.ran, engine.ran) == (0, [])
    outcome, engine = run(elsewhere, controls=CONTROLS, seeds=[0, 1, 2])
    assert set(engine.ran) == {folder.name for (_, s), folder in cells(out).items() if s == 2}
    assert len(engine.ran) == outcome.ran == 4
    after = {cell: (out / "cells" / cell / "result.json").read_bytes() for cell in before}
    assert after == before
    assert read_json(out / "family.json") == declared


def names(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "cells").iterdir())


def test_a_study_that_is_half_done_is_packed_as_far_as_it_is(root: Path, tmp_path: Path) -> None:
    place = write_data(tmp_path / "half")
    shutil.copytree(root / "tiny", place / "tiny")
    shutil.copytree(root / "out", place / "out")
    gone = cells(place / "out")["MT-CoT", 1]
    shutil.rmtree(gone)
    packed = teachback("study", "pack", place / "out", "-o", tmp_path / "half.zip")
    assert packed.exit_code == 0, packed.output
    assert packed.output.rstrip().endswith("8 of 9 cells done")
    shutil.rmtree(place / "out")
    unpacked = teachback("study", "unpack", tmp_path / "half.zip", "-o", place / "out")
    assert unpacked.exit_code == 0, unpacked.output
    assert f"to continue it: teachback study STUDY.toml -o {place / 'out'}" in unpacked.output
    assert "8 of 9 cells are done" in report(place / "out", "md")
    assert run(place, controls=CONTROLS)[1].ran == [gone.name]


def test_teachers_explanations_stay_out_where_they_may_not_be_passed_on(
    root: Path, tmp_path: Path
) -> None:
    file = tmp_path / "study.zip"
    packed = teachback("study", "pack", root / "out", "-o", file, "--without-teachers")
    assert packed.exit_code == 0, packed.output
    assert packed.output.endswith("left out: teachers' explanations\n")
    with zipfile.ZipFile(file) as found:
        held = found.namelist()
        assert b'"explanation": "' in b"".join(found.read(n) for n in held if "predictions" in n)
    assert not [name for name in held if name.endswith(("explanations.jsonl", "rejections.jsonl"))]
    unpack_study(file, tmp_path / "out")
    assert report(tmp_path / "out", "csv") == report(root / "out", "csv")
    again = tb.pack_study(root / "out", tmp_path / "t.zip", teachers_explanations=False)
    assert again.read_bytes() == file.read_bytes()


def test_what_was_measured_of_explanations_is_packed_with_them(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "out", tmp_path / "study")
    cell = cells(tmp_path / "study")["MT-CoT", 0]
    inspected = Inspection(
        run=str(cell),
        date="2026-11-26T00:00:00+00:00",
        teachback=None,
        objective="mt-cot",
        kind="multiple-choice",
        items=9,
        consistency_items=0,
        seed=0,
        predictions_sha256=sha256_of(cell / "predictions.jsonl"),
        measured=(Measured(measure="length", value=12.3, low=11, high=13.6, items=9, groups=9),),
    )
    INSPECTION_FILE.write(cell / "inspection.json", inspected)
    whole = pack_study(tmp_path / "study", tmp_path / "whole.zip")
    assert whole.left_out == ()
    unpack_study(whole.path, tmp_path / "whole")
    again = cells(tmp_path / "whole")["MT-CoT", 0] / "inspection.json"
    assert INSPECTION_FILE.read(again) == replace(inspected, run=cell.name)
    was, now = (
        [table for table in Page(report(tmp_path / name)).tables.values() if "13.6" in str(table)]
        for name in ("study", "whole")
    )
    assert was == now != []
    # Without explanations the predictions are different ones, of which it would say nothing.
    small = pack_study(tmp_path / "study", tmp_path / "s.zip", max_mb=whole.size / 1e6 - 1e-6)
    assert "students' explanations" in small.left_out
    unpack_study(small.path, tmp_path / "small")
    assert not list((tmp_path / "small").glob("cells/*/inspection.json"))


def test_what_is_known_is_written_after_every_cell(root: Path, tmp_path: Path) -> None:
    """A study that is killed later, or packed meanwhile, has its verdicts so far."""
    place = write_data(tmp_path / "study")
    shutil.copytree(root / "tiny", place / "tiny")
    seen: list[int] = []

    class Looking(InThisProcess):
        def start(self, folder: Path, gpu: bool) -> None:
            verdicts = place / "out" / "verdicts.json"
            rows = read_json(verdicts)["exploratory"] if verdicts.is_file() else []
            seen.append(sum(row["finding"] is not None for row in rows))
            super().start(folder, gpu)

    run(place, engine=Looking(), controls=["majority"], objectives=["st"], seeds=[0, 1])
    assert seen == [0, 0, 0]
    run(place, engine=Looking(), controls=["majority"], objectives=["st", "mt-cot"], seeds=[0, 1])
    assert seen[-2:] == [1, 1]


# ------------------------------------------------------------------ what is in it


def test_it_holds_results_and_nothing_of_the_machine(root: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(root / "study.zip") as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    assert all(str(root).encode() not in content for content in files.values())
    kinds = {name.rsplit("/", 1)[-1] for name in files}
    assert kinds == {
        *("packed.json", "study.toml", "manifest.json", "precision.json", "family.json"),
        *("cells.jsonl", "verdicts.json", "cell.json", "result.json", "metrics.json"),
        *("equal.json", "predictions.jsonl", "selection.json", "explanations.jsonl"),
        *("rejections.jsonl", "cost.json"),
    }
    text = files["study.toml"].decode()
    assert 'train = "train.jsonl"' in text
    assert 'teachers = [\n    "recorded:teacher.jsonl",\n]' in text
    assert json.loads(files["manifest.json"])["inputs"]["colours train"]["path"] == "train.jsonl"
    # The same study, the same bytes; and so that of the unpacked one.
    pack_study(root / "out", tmp_path / "again.zip")
    unpack_study(tmp_path / "again.zip", tmp_path / "out")
    pack_study(tmp_path / "out", tmp_path / "twice.zip")
    for name in ("again.zip", "twice.zip"):
        assert (tmp_path / name).read_bytes() == (root / "study.zip").read_bytes()


def sizes(root: Path, tmp_path: Path) -> list[int]:
    """Bytes of the study packed with all, without the students', and without any explanations."""
    found: list[int] = []
    for limit in (10.0, 0.0, 0.0):
        out = tmp_path / f"{len(found)}.zip"
        most = limit or (found[-1] - 1) / 1e6
        found.append(pack_study(root / "out", out, max_mb=most).size)
    return found


def test_explanations_are_left_out_where_the_file_would_be_too_large(
    root: Path, tmp_path: Path
) -> None:
    whole, without_students, without_any = sizes(root, tmp_path)
    assert whole > without_students > without_any
    shown = teachback(
        *("study", "pack", root / "out", "-o", tmp_path / "s.zip"),
        *("--max-mb", without_students / 1e6),
    )
    assert shown.exit_code == 0, shown.output
    assert shown.output.endswith("left out: students' explanations\n")
    unpack_study(tmp_path / "s.zip", tmp_path / "students")
    before, after = (
        read_predictions(cells(out)["MT-CoT", 0] / "predictions.jsonl")
        for out in (root / "out", tmp_path / "students")
    )
    assert all(p.explanation is not None for p in before)
    assert all(p.explanation is None for p in after)
    assert [p.explained_correct for p in after] == [p.explained_correct for p in before]
    assert report(tmp_path / "students", "csv") == report(root / "out", "csv")

    with pytest.raises(RunFolderError, match=r"more than 0\.001: nothing was written; raise"):
        pack_study(root / "out", tmp_path / "never.zip", max_mb=0.001)
    assert not (tmp_path / "never.zip").exists()


def test_explanations_that_were_left_out_are_made_again_or_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes(root, tmp_path)
    place = write_data(tmp_path / "place")
    shutil.copytree(root / "tiny", place / "tiny")
    unpack_study(tmp_path / "2.zip", place / "out")
    assert not list(place.glob("out/material/*/explanations.jsonl"))
    assert list(place.glob("out/material/*/selection.json"))
    # Packed again, what is not there is still said, and so is what it was.
    pack_study(place / "out", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()

    assert run(place, controls=CONTROLS)[0].ran == 0
    shutil.copytree(place / "out", place / "other")
    run(place, controls=CONTROLS, seeds=[0, 1, 2])
    (made,) = place.glob("out/material/*/explanations.jsonl")
    (first,) = root.glob("out/material/*/explanations.jsonl")
    assert read_explanations(made) == read_explanations(first)

    shutil.rmtree(place / "out")
    (place / "other").rename(place / "out")
    monkeypatch.setattr(packing, "explanations_digest", lambda _: "0" * 64)
    monkeypatch.setattr("teachback.studies.teacher_side.explanations_digest", lambda _: "0" * 64)
    told: list[str] = []
    outcome, _ = run(place, told, controls=CONTROLS, seeds=[0, 1, 2])
    assert [state for state in outcome.states.values() if state == "failed"] == ["failed"] * 3
    assert any("and the teacher now gives different ones" in line for line in told)


def test_from_python(root: Path, tmp_path: Path) -> None:
    packed = tb.pack_study(root / "out", tmp_path / "s.zip")
    folder = tb.unpack_study(packed, tmp_path / "there")
    assert (packed, folder) == (tmp_path / "s.zip", tmp_path / "there")
    assert read_json(folder / "verdicts.json") == read_json(root / "out" / "verdicts.json")
    with pytest.raises(ConfigError, match="max_mb = 0: it must be a number above 0"):
        tb.pack_study(root / "out", tmp_path / "t.zip", max_mb=0)


# ------------------------------------------------------------------ what is in the way


def refused(*words: object) -> str:
    ended = teachback(*words)
    assert ended.exit_code == 2, (words, ended.output, ended.exception)
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    return str(line)


def test_it_may_be_unpacked_where_one_is(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert teachback("study", "unpack", root / "study.zip", "-o", ".").exit_code == 0
    assert report(".", "csv") == report(root / "out", "csv")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_what_is_in_the_way_stays(root: Path, tmp_path: Path) -> None:
    (tmp_path / "s.zip").write_text("mine", "utf-8")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", "utf-8")
    before = contents(tmp_path)
    line = refused("study", "pack", root / "out", "-o", tmp_path / "s.zip")
    assert line.endswith("s.zip already exists: choose a different name, or give --overwrite")
    line = refused("study", "pack", root / "out", "-o", tmp_path / "full")
    assert line.endswith("full is a folder: give a file's name")
    line = refused("study", "pack", tmp_path, "-o", tmp_path / "t.zip")
    assert "is not a study's folder (it has no cells.jsonl)" in line
    line = refused("study", "unpack", root / "study.zip", "-o", tmp_path / "full")
    assert line.endswith("full is not empty: choose a different folder")
    line = refused("study", "unpack", tmp_path / "none.zip", "-o", tmp_path / "new")
    assert line.endswith("none.zip: there is no such file")
    line = refused("study", "unpack", tmp_path / "s.zip", "-o", tmp_path / "new")
    assert "s.zip is not a packed study, or is damaged (" in line
    assert contents(tmp_path) == before
    assert not (tmp_path / "new").exists()
    shown = teachback("study", "pack", root / "out", "-o", tmp_path / "s.zip", "--overwrite")
    assert shown.exit_code == 0
    (tmp_path / "empty").mkdir()
    unpack_study(tmp_path / "s.zip", tmp_path / "empty")
    assert (tmp_path / "empty" / "cells.jsonl").is_file()


# ------------------------------------------------------------------ hostile files


def changed(root: Path, path: Path, name: str, content: bytes = b"x", mode: int = 0) -> Path:
    """The packed study with one more file."""
    shutil.copy(root / "study.zip", path)
    with zipfile.ZipFile(path, "a") as packed:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        packed.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../outside.json",
        "cells/../../outside.json",
        "/tmp/outside.json",
        "C:\\outside.json",
        "..\\outside.json",
        "cells/0123456789abcdef/../../../predictions.jsonl",
        "material/../explanations.jsonl",
        "material/.../explanations.jsonl",
        "cells/0123456789abcdef/student/model.safetensors",
        "cells/0123456789abcdef/task.json",
        "anything.py",
        "lock",
        "cells/",
    ],
)
def test_a_name_that_a_study_does_not_have_is_refused(
    name: str, root: Path, tmp_path: Path
) -> None:
    path = changed(root, tmp_path / "bad.zip", name)
    before = contents(tmp_path)
    line = refused("study", "unpack", path, "-o", tmp_path / "deep" / "new")
    assert "bad.zip is not a packed study: it holds '" in line
    assert contents(tmp_path) == before


def test_a_link_is_refused(root: Path, tmp_path: Path) -> None:
    name = "material/one/explanations.jsonl"
    path = changed(root, tmp_path / "bad.zip", name, b"/etc/passwd", stat.S_IFLNK | 0o777)
    with pytest.raises(DataError, match=f"'{name}' is not a plain file"):
        unpack_study(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_that_comes_twice_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = changed(root, tmp_path / "bad.zip", "study.toml")
    with pytest.raises(DataError, match=r"it holds 'study\.toml'"):
        unpack_study(path, tmp_path / "new")


def test_what_would_fill_the_disk_is_refused_before_anything_is_written(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "material/one/explanations.jsonl"
    path = changed(root, tmp_path / "bad.zip", name, b" " * 3_000_000)
    monkeypatch.setattr(packing, "MOST_BYTES", 2_000_000)
    with pytest.raises(DataError, match="or more, which no study does: do not use it"):
        unpack_study(path, tmp_path / "new")
    monkeypatch.undo()
    monkeypatch.setattr(packing, "MOST_FILES", 5)
    with pytest.raises(DataError, match="files, more than any study has"):
        unpack_study(path, tmp_path / "new")


def test_no_more_is_decompressed_than_a_file_says_that_it_holds(root: Path, tmp_path: Path) -> None:
    name, size = "material/one/explanations.jsonl", 5_000_000
    path = changed(root, tmp_path / "bad.zip", name, b" " * size)
    content = path.read_bytes()
    # The same compressed data, said to come to 10 bytes, in both places that say it.
    short = zlib.crc32(b" " * 10).to_bytes(4, "little"), (10).to_bytes(4, "little")
    long = zlib.crc32(b" " * size).to_bytes(4, "little"), size.to_bytes(4, "little")
    assert content.count(long[1]) == content.count(long[0]) == 2
    path.write_bytes(content.replace(long[1], short[1]).replace(long[0], short[0]))
    unpacked = unpack_study(path, tmp_path / "new").path
    assert (unpacked / name).read_bytes() == b" " * 10


@pytest.mark.parametrize("place", [0.3, 0.6, 0.999])
def test_a_damaged_file_is_one_line_and_leaves_nothing(
    place: float, root: Path, tmp_path: Path
) -> None:
    content = bytearray((root / "study.zip").read_bytes())
    where = int(place * len(content))
    for path, damaged in (
        (tmp_path / "cut.zip", bytes(content[:where])),
        (tmp_path / "flipped.zip", bytes(content[:where] + b"\x00" * 9 + content[where + 9 :])),
    ):
        path.write_bytes(damaged)
        before = contents(tmp_path)
        line = refused("study", "unpack", path, "-o", tmp_path / "new")
        assert path.name in line
        assert contents(tmp_path) == before


def test_a_packed_plan_that_is_damaged_is_named_in_the_packed_file(
    root: Path, tmp_path: Path
) -> None:
    with (
        zipfile.ZipFile(root / "study.zip") as old,
        zipfile.ZipFile(tmp_path / "bad.zip", "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, b'{"version": 1}\n' if name == "cells.jsonl" else old.read(name))
    line = refused("study", "unpack", tmp_path / "bad.zip", "-o", tmp_path / "new")
    assert "bad.zip: cells.jsonl, line 1: the field 'student' is missing" in line
