"""``teachback data check``: all that a user should know before paying, each complaint once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from teachback.cli import cli
from tiny import tiny_t5


def run(*arguments: str | Path) -> tuple[int, list[str]]:
    done = CliRunner().invoke(cli, ["data", "check", *map(str, arguments)])
    return done.exit_code, done.output.splitlines()


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_a_complaint_is_said_once_with_its_count(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": f"q{n}", "question": "?", "answer": f"{n} dogs or {n} cats" if n % 2 else n}
        for n in range(4000)
    ]
    rows[7]["question"] = ""
    code, lines = run(written(tmp_path / "a.jsonl", rows), "--kind", "number")
    assert code == 2
    assert len(lines) == 3
    assert lines[0].endswith("(and 1,998 more like this: lines 4, 6, 10, 12, 14, …)")
    assert "line 2: the answer '1 dogs or 1 cats'" in lines[0]
    assert "line 8: " in lines[1]
    assert lines[2].startswith("teachback: 2,000 problems in 4,000 rows")
    assert len(run(tmp_path / "a.jsonl", "--kind", "number", "--all")[1]) == 2001


def test_what_concerns_the_file_comes_first_and_warnings_last(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "question": "Q", "answer": "x", "colour": 1},
        {"id": "a", "question": "Q", "answer": "x"},
        {"id": "b", "question": "", "answer": "x"},
    ]
    code, lines = run(written(tmp_path / "a.jsonl", rows), "--kind", "label")
    assert code == 2
    assert "every answer is 'x'" in lines[0]
    assert [line.startswith("warning: ") for line in lines] == [False, False, False, True, False]


def test_readings_of_numbers_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "euro.csv"
    file.write_text('id,question,answer\n1,?,"12,5"\n2,?,"1.234,50"\n3,?,7\n', "utf-8")
    assert run(file)[0] == 2
    assert "has a decimal comma: say so with --decimal comma (and 1 more" in run(file)[1][0]
    code, lines = run(file, "--decimal", "comma")
    assert code == 0
    assert lines[1].endswith("read like this: '12,5' as 12.5, '1.234,50' as 1234.5, '7' as 7")


@pytest.mark.parametrize("answer", ["1.234", "1,234"])
def test_an_ambiguous_number_is_an_error_with_both_readings(tmp_path: Path, answer: str) -> None:
    rows = [{"id": "a", "question": "?", "answer": answer}]
    file = written(tmp_path / "a.jsonl", rows)
    code, lines = run(file)
    assert code == 2
    assert "can be read as 1.234 or as 1234" in lines[0] or "as 1234 or as 1.234" in lines[0]
    assert run(file, "--decimal", "point")[0] == run(file, "--decimal", "comma")[0] == 0


def test_a_student_that_cannot_tell_answers_apart(tmp_path: Path) -> None:
    rows = [{"id": "a", "question": "?", "choices": ["yes it is", "no"], "answer": "no"}]
    file = written(tmp_path / "a.jsonl", rows)
    assert run(file, "--student", tiny_t5(tmp_path / "t5"))[0] == 0
