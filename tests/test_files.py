"""The files of a run folder: what is read is checked, what is written is whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from teachback import files
from teachback.errors import DataError, RunFolderError
from teachback.records import Explanation, Prediction, Rejection
from teachback.runs.folders import RUN_FILES

EXPLANATION = Explanation("q1", "cote", 0, "gpt-4o", "Ice is cold.\nSo — cold.", "cold")


def test_rows_come_back_with_their_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n   \n{"b": "\xc3\xa9"}')
    assert list(files.read_jsonl(path)) == [(1, {"a": 1}), (4, {"b": "é"})]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"a": }', "not valid JSON (Expecting value at column 7)"),
        (b'{"a": 1', "not valid JSON (Expecting ',' delimiter at column 8)"),
        (b'{"a": NaN}', "not valid JSON (NaN is not JSON)"),
        (
            b'{"a": ' + b"1" * 5000 + b"}",
            "not valid JSON (" + "1" * 80 + "… is too large for a number)",
        ),
        (b"[" * 100_000, "not valid JSON here (nested too deeply)"),
        (b'["a"]', "a JSON object {…} is needed, not a list"),
        (b"null", "a JSON object {…} is needed, not null"),
        (b'"text"', "a JSON object {…} is needed, not text"),
        (b'{"a": "caf\xe9"}', "not UTF-8 at byte 11: save the file as UTF-8"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: bytes, why: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line + b"\n")
    with pytest.raises(DataError) as caught:
        list(files.read_jsonl(path))
    assert str(caught.value).startswith(f"{path}, line 2: {why}")
    assert "\n" not in str(caught.value)


def test_a_file_in_utf_16_is_called_that(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n', encoding="utf-16")
    with pytest.raises(DataError, match="line 1: the file is UTF-16: save it as UTF-8"):
        list(files.read_jsonl(path))


def test_a_line_of_50_mb_is_refused_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b'\n{"a": 1}\n')
    tracemalloc.start()
    (first, problem), second = files.scan_jsonl(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert first == 1
    assert str(problem) == f"{path}, line 1: the line is longer than 8 MiB"
    assert second == (2, {"a": 1})
    assert peak < 40_000_000


def test_scanning_goes_on_after_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('nonsense\n{"a": 1}\n[]\n')
    found = list(files.scan_jsonl(path))
    assert [line for line, _ in found] == [1, 2, 3]
    assert [isinstance(row, DataError) for _, row in found] == [True, False, True]


@pytest.mark.parametrize("read", [lambda path: list(files.read_jsonl(path)), files.read_json])
def test_files_that_are_not_there_or_are_folders(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(DataError, match=r"none\.jsonl: there is no such file"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="is a folder, and a file is needed"):
        read(tmp_path)


def test_what_stands_under_a_name(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.touch()
    folder.mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    nothing = ("none", "file/inner", "n" * 300, "a\0b", "loop", "broken")
    (tmp_path / "broken").symlink_to(tmp_path / "none")
    for look, there in (
        (files.is_file, [file]),
        (files.is_folder, [folder]),
        (files.is_there, [file, folder]),
    ):
        found = [
            path for path in (file, folder, *(tmp_path / name for name in nothing)) if look(path)
        ]
        assert found == there


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="the administrator may look everywhere"
)
def test_a_folder_that_may_not_be_looked_into_is_said(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with pytest.raises(DataError, match="Permission denied"):
        files.is_file(closed / "inner")


def test_the_dots_of_a_text_are_no_key_s() -> None:
    text = 'x = """\n' + "He thought. And thought ... " * 400 + '\n"""'
    assert files.parse_toml(text, "f")["x"].count(".") == 1600
    for part in ("a", '"b . c"', '"\\""', "'d'"):
        with pytest.raises(DataError, match="nested too deeply"):
            files.parse_toml(f"{'. '.join([part] * 1002)} = 1", "f")


def test_a_byte_order_mark_is_no_part_of_the_json(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert files.read_json(path) == {"a": 1}


def test_json_names_the_line_of_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text('{\n "a": ,\n}')
    with pytest.raises(DataError, match=r"metrics\.json: not valid JSON .*at line 2\)"):
        files.read_json(path)


def test_what_is_written_is_one_utf_8_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    files.write_jsonl(path, [{"a": "日本\n\u2028"}, {"b": None}])
    assert path.read_bytes() == '{"a": "日本\\n\u2028"}\n{"b": null}\n'.encode()
    assert [row for _, row in files.read_jsonl(path)] == [{"a": "日本\n\u2028"}, {"b": None}]
    assert os.listdir(path.parent) == ["rows.jsonl"]


def test_half_a_surrogate_pair_survives(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = {"text": "a \ud83d b é"}
    files.write_jsonl(path, [row])
    assert list(files.read_jsonl(path)) == [(1, row)]


def test_a_failure_halfway_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    files.write_jsonl(path, [{"old": 1}])

    def rows() -> Iterator[dict[str, int]]:
        yield {"new": 1}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        files.write_jsonl(path, rows())
    assert path.read_text() == '{"old": 1}\n'
    assert os.listdir(tmp_path) == ["rows.jsonl"]


def test_a_full_disk_is_one_line_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl"
    files.write_jsonl(path, [{"old": 1}])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFolderError, match=r"^the disk is full: .*rows\.jsonl was not written"):
        files.write_jsonl(path, [{"new": 1}])
    assert path.read_text() == '{"old": 1}\n'
    assert os.listdir(tmp_path) == ["rows.jsonl"]


def test_a_write_that_the_system_refuses_midway(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(RunFolderError, match=r"cannot write .*rows\.jsonl: File too large"):
            files.write_jsonl(tmp_path / "rows.jsonl", [{"text": "x" * 50_000}] * 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == []


def test_a_kill_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    files.write_jsonl(path, [{"old": 1}])
    program = (
        "import os, signal, sys; from teachback import files\n"
        "def rows():\n"
        "    yield {'new': 'x' * 1_000_000}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.write_jsonl(sys.argv[1], rows())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert ended.returncode == -9
    assert path.read_text() == '{"old": 1}\n'


def test_explanations_and_rejections_come_back(tmp_path: Path) -> None:
    kept = [EXPLANATION, Explanation("q2", "rp", 3, "scripted", "", None)]
    files.write_explanations(tmp_path / "e.jsonl", kept)
    assert files.read_explanations(tmp_path / "e.jsonl") == kept
    first = json.loads((tmp_path / "e.jsonl").read_text().splitlines()[0])
    assert list(first) == ["id", "strategy", "sample", "teacher", "text", "answer"]
    lost = [Rejection("q3", "cote", 0, "gpt-4o", "…", None, "unparsed")]
    files.write_rejections(tmp_path / "r.jsonl", lost)
    assert files.read_rejections(tmp_path / "r.jsonl") == lost


def test_predictions_come_back_and_leave_out_what_was_not_asked(tmp_path: Path) -> None:
    plain = Prediction("q1", "yes", None, correct=False, unparsed=True)
    full = Prediction(
        "q2", "A", "B", False, False, "g", {"A": 0.25, "B": 0.75}, "Because.", "A", True
    )
    path = tmp_path / "predictions.jsonl"
    files.write_predictions(path, [plain, full])
    assert json.loads(path.read_text().splitlines()[0]) == {
        "id": "q1",
        "gold": "yes",
        "answer": None,
        "correct": False,
        "unparsed": True,
    }
    assert files.read_predictions(path) == [plain, full]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"text": None}, "the field 'text' must be text, not null"),
        ({"text": ["a"]}, "the field 'text' must be text, not a list"),
        ({"strategy": "crop"}, "the field 'strategy' must be one of cote, rp: 'crop'"),
        ({"strategy": ["rp"]}, "the field 'strategy' must be one of cote, rp: ['rp']"),
        ({"sample": -1}, "the field 'sample' must be a whole number, 0 or more: -1"),
        ({"sample": True}, "the field 'sample' must be a whole number, 0 or more: True"),
        ({"teacher": ...}, "the field 'teacher' is missing"),
    ],
)
def test_a_wrong_field_of_an_explanation(
    tmp_path: Path, change: dict[str, object], why: str
) -> None:
    row: dict[str, object] = {"id": "q1", "strategy": "rp", "sample": 0, "teacher": "t"}
    row |= {"text": "Because.", "answer": "yes"} | change
    path = tmp_path / "explanations.jsonl"
    files.write_jsonl(path, [{key: value for key, value in row.items() if value is not ...}])
    with pytest.raises(DataError) as caught:
        files.read_explanations(path)
    assert str(caught.value) == f"{path}, line 1: {why}"


def test_wrong_fields_of_rejections_and_predictions(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    shared = {"id": "q", "strategy": "rp", "sample": 0, "teacher": "t", "text": "", "answer": None}
    files.write_jsonl(path, [{**shared, "reason": "boring"}])
    with pytest.raises(DataError, match="the field 'reason' must be one of wrong-answer, unparsed"):
        files.read_rejections(path)
    row = {"id": "q", "gold": "a", "answer": "a", "correct": 1, "unparsed": False}
    files.write_jsonl(path, [row])
    with pytest.raises(DataError, match="'correct' must be true or false, not a number"):
        files.read_predictions(path)
    for share in ('"1"', "true", "1e999", "9" * 400):
        written = json.dumps({**row, "correct": True, "probabilities": {"a": "SHARE"}})
        path.write_text(written.replace('"SHARE"', share))
        with pytest.raises(
            DataError, match=r"'probabilities' must be an object of numbers|is too large"
        ):
            files.read_predictions(path)


def test_a_long_bad_value_is_cut_in_the_message(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = {"id": "q", "strategy": "x" * 50_000, "sample": 0, "teacher": "t", "text": "So."}
    files.write_jsonl(path, [row])
    with pytest.raises(DataError, match=r"must be one of cote, rp: 'x+…$") as caught:
        files.read_explanations(path)
    assert len(str(caught.value)) < len(str(path)) + 150


def test_ids_and_answers_written_by_hand_may_be_numbers_and_booleans(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    row = {"id": 7, "strategy": "rp", "sample": 0, "teacher": "me", "text": "So.", "answer": True}
    files.write_jsonl(path, [row])
    assert files.read_explanations(path) == [Explanation("7", "rp", 0, "me", "So.", "yes")]


def test_a_new_folder_overwrites_only_what_it_is_told_to(tmp_path: Path) -> None:
    folder = files.new_folder(tmp_path / "a" / "b", False, RUN_FILES)
    (folder / "student").mkdir()
    (folder / "student" / "weights").write_text("w")
    (folder / "metrics.json").write_text("{}")
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(
        RunFolderError, match=r"already holds student, metrics\.json: .*--overwrite"
    ):
        files.new_folder(folder, False, RUN_FILES)
    files.new_folder(folder, False, ["predictions.jsonl"])
    assert sorted(os.listdir(folder)) == ["metrics.json", "student", "thesis.tex"]
    files.new_folder(folder, True, RUN_FILES)
    assert os.listdir(folder) == ["thesis.tex"]


def test_overwriting_removes_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    (target / "weights").write_text("w")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "student").symlink_to(target)
    files.new_folder(tmp_path / "run", True, RUN_FILES)
    assert os.listdir(tmp_path / "run") == []
    assert (target / "weights").read_text() == "w"


def test_a_folder_loses_its_name_before_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "student" / "inner").mkdir(parents=True)

    def killed(folder: Path, **_: object) -> None:
        if folder.name != "student" and not (tmp_path / "student").exists():
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            files.remove_folder(tmp_path / "student")
    assert not (tmp_path / "student").exists()  # rather than a part of it
    (tmp_path / "student").mkdir()
    files.remove_folder(tmp_path / "student")
    assert list(tmp_path.iterdir()) == []  # what was left of the first is gone, too


def test_a_new_folder_where_a_file_stands(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(RunFolderError, match="run is a file: choose a folder"):
        files.new_folder(tmp_path / "run", True, RUN_FILES)
    with pytest.raises(RunFolderError, match="run is a file: choose a folder"):
        files.new_folder(tmp_path / "run" / "inner", False, RUN_FILES)


def test_hashes_of_files_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "b").write_bytes(b"two")
    (folder / "a").write_bytes(b"one")
    one, two = (hashlib.sha256(content).hexdigest() for content in (b"one", b"two"))
    assert files.sha256_of(folder / "a") == one
    by_hand = hashlib.sha256(f"a\0{one}\nsub/b\0{two}\n".encode()).hexdigest()
    assert files.sha256_of(folder) == by_hand
    (folder / os.fsdecode(b"\xff")).write_bytes(b"one")
    odd = f"a\0{one}\nsub/b\0{two}\n".encode() + b"\xff\0" + f"{one}\n".encode()
    assert files.sha256_of(folder) == hashlib.sha256(odd).hexdigest()
    with pytest.raises(DataError, match="no such file"):
        files.sha256_of(tmp_path / "none")


def test_the_manifest_says_what_a_repetition_needs(tmp_path: Path) -> None:
    data = tmp_path / "train.jsonl"
    data.write_bytes(b"{}\n")
    made = files.manifest({"train": data}, {"seed": 3}, {"student": "hf:a/b"})
    assert made["inputs"] == {
        "train": {"path": str(data), "sha256": hashlib.sha256(b"{}\n").hexdigest()}
    }
    assert made["seeds"] == {"seed": 3}
    assert made["student"] == "hf:a/b"
    assert made["python"] == ".".join(map(str, sys.version_info[:3]))
    assert made["teachback"] == files.package_version("teachback")
    assert made["packages"]["numpy"] == files.package_version("numpy")
    files.write_json(tmp_path / "manifest.json", made)
    assert files.read_json(tmp_path / "manifest.json") == made
