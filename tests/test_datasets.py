"""Datasets: what is read, what is refused and why, statistics, samples, splits."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner

from teachback.cli.data import data
from teachback.datasets import (
    ExampleFile,
    Spread,
    check,
    example_from_row,
    open_examples,
    read_examples,
    read_rows,
    split_valid,
    stats,
    subsample,
)
from teachback.errors import DataError, MissingExtraError, UsageError
from teachback.records import Example

CHOICES = ["a river", "a lake", "the sea"]


def choice_row(number: int, answer: str = "a lake", **more: Any) -> dict[str, Any]:
    row = {"id": f"q{number}", "question": f"Where, {number}?", "choices": CHOICES}
    return {**row, "answer": answer, **more}


def plain_row(number: int, answer: Any, **more: Any) -> dict[str, Any]:
    return {"id": f"q{number}", "question": f"What, {number}?", "answer": answer, **more}


def jsonl(folder: Path, *rows: Any, name: str = "data.jsonl") -> Path:
    """A file of rows; text is written as it is, so that lines can be broken on purpose."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def answers(path: Path, kind: str | None = None) -> list[str]:
    return [example.answer for example in read_examples(path, kind=kind)]


def reasons(path: Path, kind: str | None = None) -> dict[int | None, str]:
    return {problem.line: problem.reason for problem in check(path, kind).problems}


# Kinds


def test_a_multiple_choice_row_becomes_an_example(tmp_path: Path) -> None:
    row = choice_row(1, " The Sea ", context="On a coast.", group="g1", explanation="It is salty.")
    assert read_examples(jsonl(tmp_path, row)) == [
        Example(
            id="q1",
            question="Where, 1?",
            answer="the sea",
            kind="multiple-choice",
            choices=("a river", "a lake", "the sea"),
            context="On a coast.",
            group="g1",
        )
    ]


def test_a_letter_is_the_answer_only_where_no_choice_is_called_so(tmp_path: Path) -> None:
    letters = {**choice_row(2, "B"), "choices": ["b", "c"]}
    assert answers(jsonl(tmp_path, choice_row(1, "C"), letters)) == ["the sea", "b"]


@pytest.mark.parametrize(
    ("given", "kind", "canonical"),
    [
        ([True, False, "Yes", "false"], "yes-no", ["yes", "no", "yes", "no"]),
        ([12, 1.50, "$1,250.00", "-3"], "number", ["12", "1.5", "1250", "-3"]),
        (["Paris", " the Nile "], "text", ["Paris", "the Nile"]),
    ],
)
def test_the_answers_decide_the_kind(
    tmp_path: Path, given: list[Any], kind: str, canonical: list[str]
) -> None:
    path = jsonl(tmp_path, *(plain_row(n, answer) for n, answer in enumerate(given)))
    examples = read_examples(path)
    assert {example.kind for example in examples} == {kind}
    assert [example.answer for example in examples] == canonical


def test_labels_are_asked_for_and_are_those_of_the_whole_file(tmp_path: Path) -> None:
    path = jsonl(tmp_path, *(plain_row(n, a) for n, a in enumerate(["pos", "neg", "pos", True])))
    examples = read_examples(path, kind="label")
    assert {example.choices for example in examples} == {("neg", "pos", "true")}
    assert [example.answer for example in examples] == ["pos", "neg", "pos", "true"]


def test_a_label_spelled_in_two_ways_is_one_mistake(tmp_path: Path) -> None:
    path = jsonl(tmp_path, *(plain_row(n, a) for n, a in enumerate(["pos", "neg", "Pos"])))
    assert reasons(path, "label") == {3: "the label 'Pos' is spelled 'pos' above"}
    one = jsonl(tmp_path, plain_row(1, "pos"), name="one.jsonl")
    assert reasons(one, "label") == {
        None: "every answer is 'pos': labels need at least two different ones (a test file may do "
        "with one, where the training data has others)"
    }


def test_rows_of_another_kind_than_most_are_errors(tmp_path: Path) -> None:
    choices = jsonl(tmp_path, choice_row(1), plain_row(2, "a lake"), choice_row(3))
    assert reasons(choices) == {
        2: "mixed rows: this one has no choices, and 2 of 3 rows have choices"
    }
    numbers = jsonl(
        tmp_path, *(plain_row(n, a) for n, a in enumerate([1, "two", "3", True])), name="n.jsonl"
    )
    assert reasons(numbers) == {
        2: "mixed rows: the answer 'two' reads as text, and 2 of 4 rows have a number as the "
        "answer (kind = text takes them all as text)",
        4: "mixed rows: the answer 'True' reads as yes-no, and 2 of 4 rows have a number as the "
        "answer (kind = text takes them all as text)",
    }
    assert answers(numbers, "text") == ["1", "two", "3", "true"]


def test_a_kind_that_does_not_fit_or_does_not_exist(tmp_path: Path) -> None:
    path = jsonl(tmp_path, choice_row(1))
    assert reasons(path, "number") == {1: "the row has choices, and the kind of the file is number"}
    plain = jsonl(tmp_path, plain_row(1, "blue"), name="plain.jsonl")
    assert reasons(plain, "multiple-choice") == {1: "the choices are missing"}
    assert reasons(plain, "yes-no") == {1: "the answer 'blue' is not yes, no, true or false"}
    with pytest.raises(DataError, match=r"no question kind 'numbr' \(did you mean 'number'\?\)"):
        read_examples(path, kind="numbr")


# Bad rows


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{not json", "not valid JSON"),
        ('["a", "list"]', "a JSON object {…} is needed, not a list"),
        ({"question": "What?", "answer": "x"}, "the id is missing"),
        (plain_row(9, None), "the answer is missing"),
        (plain_row(9, " "), "the answer is empty"),
        (plain_row(9, ["x"]), "the answer must be text, a number, or true or false, not a list"),
        ({**choice_row(9), "question": "\n"}, "the question is empty"),
        ({**choice_row(9), "question": 5}, "the question must be text, not a number"),
        ({**choice_row(9), "id": True}, "the id must be text, not true or false"),
        ({**choice_row(9), "id": ""}, "the id is empty"),
        (choice_row(9, context=["a"]), "the context must be text, not a list"),
        (choice_row(9, group={}), "the group must be text, not an object"),
        (choice_row(9, explanation=""), "the explanation is empty"),
        (choice_row(9, "a pond"), "the answer 'a pond' is not among the choices"),
        (choice_row(9, "D"), "the answer 'D' is not among the choices"),
        ({**choice_row(9), "answer": 1}, "not its position"),
        ({**choice_row(9), "choices": "a, b"}, "the choices must be a list of texts, not text"),
        ({**choice_row(9), "choices": ["a lake"]}, "at least 2 choices are needed, not 1"),
        ({**choice_row(9), "choices": ["a lake", None]}, "each choice must be text, not null"),
        ({**choice_row(9), "choices": ["a lake", ""]}, "the choice is empty"),
        (
            {**choice_row(9), "choices": ["a lake", "A  Lake"]},
            "duplicate choices: 'a lake' and 'A  Lake'",
        ),
        (
            {**choice_row(9), "choices": ["a caf\u00e9", "a cafe\u0301"]},
            r"duplicate choices: 'a caf\xe9' and 'a cafe\u0301'",
        ),
        (
            {**choice_row(9), "choices": ["a lake", "a\u00a0\u200blake"]},
            r"duplicate choices: 'a lake' and 'a\xa0\u200blake'",
        ),
        (
            {**choice_row(9), "choices": ["Tom\u2019s \ufb01sh", "Tom's fish"]},
            r"duplicate choices: 'Tom\u2019s \ufb01sh' and " + '"Tom\'s fish"',
        ),
        (
            {**choice_row(9), "choices": [str(n) for n in range(27)]},
            "at most 26 choices have a letter, and this row has 27",
        ),
        ({**choice_row(9), "answer": None, "anser": "a lake"}, "did you mean 'answer'?"),
        (
            {"id": "q9", "question": "Where?", "options": CHOICES, "answer": "B"},
            "unknown key 'options' (did you mean 'choices'?)",
        ),
        ({**choice_row(9), "question": "Where\0?"}, "the question contains a NUL character"),
        ('{"id": "q9", "question": "\\ud800?", "answer": "x"}', "characters that are not UTF-8"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_reason(tmp_path: Path, row: Any, reason: str) -> None:
    found = reasons(jsonl(tmp_path, choice_row(1), "", row, choice_row(2)))
    assert list(found) == [3]
    assert reason in found[3]
    assert "\n" not in found[3]


def test_all_bad_rows_are_told_and_reading_names_the_first(tmp_path: Path) -> None:
    bad = [choice_row(n, "a pond") for n in range(2, 7)]
    path = jsonl(tmp_path, choice_row(1), choice_row(1), *bad)
    result = check(path)
    assert (result.rows, result.kind) == (7, "multiple-choice")
    assert [problem.line for problem in result.problems] == [2, 3, 4, 5, 6, 7]
    assert result.problems[0].reason == "duplicate id 'q1': line 1 already has it"
    with pytest.raises(DataError) as caught:
        read_examples(path)
    assert str(caught.value) == (
        f"{path}, line 2: duplicate id 'q1': line 1 already has it "
        f"(and 5 more, lines 3, 4, 5, …; run `teachback data check {path}`)"
    )


def test_choices_that_differ_in_an_article_are_read_with_a_warning(tmp_path: Path) -> None:
    row = {**choice_row(1), "choices": ["the ground", "a lake", "ground"]}
    result = check(jsonl(tmp_path, row))
    assert result.problems == ()
    assert [warning.line for warning in result.warnings] == [1]
    assert "'the ground' and 'ground' differ only in an article" in result.warnings[0].reason


@pytest.mark.parametrize(
    ("choice", "answer"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("cafe\u0301", "caf\u00e9"),
        ("it's", "it\u2019s"),
        ("fish", "\ufb01sh"),
        ("AB", "\uff21\uff22"),
        ("two words", "two\u00a0words\u200b "),
    ],
)
def test_an_answer_that_looks_like_a_choice_is_that_choice(
    tmp_path: Path, choice: str, answer: str
) -> None:
    row = {**choice_row(1, answer), "choices": [choice, "tea"]}
    assert answers(jsonl(tmp_path, row)) == [choice]


def test_choices_that_look_different_stay_apart(tmp_path: Path) -> None:
    row = {**choice_row(1, "x\u00b2"), "choices": ["x2", "x\u00b2", "\u2460", "1", "\u00bd"]}
    assert answers(jsonl(tmp_path, row)) == ["x\u00b2"]


def test_keys_that_nobody_reads_are_a_warning(tmp_path: Path) -> None:
    path = jsonl(tmp_path, choice_row(1), choice_row(2, topic="water"), choice_row(3, topic="x"))
    result = check(path)
    assert result.problems == ()
    assert [w.at("f") for w in result.warnings] == [
        "f, line 2: the key 'topic' is ignored (in 2 of 3 rows)"
    ]


def test_whole_numbers_as_ids_and_null_as_left_out(tmp_path: Path) -> None:
    row = {"id": 7, "question": "What?", "answer": 5, "group": 3, "choices": None, "context": None}
    example = read_examples(jsonl(tmp_path, row))[0]
    assert (example.id, example.group, example.context) == ("7", "3", None)


# Bad files


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", None, "the file is empty"),
        (b"\n  \n", None, "the file is empty"),
        ('{"id": "1"}'.encode("utf-16"), None, "the file is UTF-16"),
        ('{"id": "1"}'.encode("utf-16-le"), None, "the file is UTF-16"),
        (b"\x1f\x8b\x08\x00", None, "compressed"),
        (b'[{"id": "1"}]', None, "one JSON list"),
        (b"PAR1", None, "a name that ends in .parquet"),
        (b'{"id": "caf\xe9", "question": "?", "answer": "x"}\n', 1, "not UTF-8"),
        (b'{"id": "a\x00b", "question": "?", "answer": "x"}\n', 1, "not valid JSON"),
    ],
)
def test_a_file_that_is_no_dataset(
    tmp_path: Path, content: bytes, line: int | None, reason: str
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    found = reasons(path)
    assert list(found) == [line]
    assert reason in found[line]
    with pytest.raises(DataError, match=r"data\.jsonl"):
        read_examples(path)


def test_a_byte_order_mark_and_windows_lines_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(choice_row(1)).encode() + b"\r\n\r\n")
    assert answers(path) == ["a lake"]


def test_a_line_of_50_mb_is_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    with path.open("wb") as file:
        file.write(json.dumps(choice_row(1)).encode() + b"\n")
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + json.dumps(choice_row(1)).encode() + b"\n")
    found = reasons(path)
    assert list(found) == [2, 3]
    assert "longer than" in found[2]
    assert found[3] == "duplicate id 'q1': line 1 already has it"


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_examples(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="is a folder"):
        check(tmp_path)


# Tables


LONG = "word " * 30_000


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("tsv", "\t"), ("TSV", "\t")])
def test_a_table_is_read_by_its_suffix_and_cells_may_be_long(
    tmp_path: Path, suffix: str, separator: str
) -> None:
    path = tmp_path / f"data.{suffix}"
    lines = [("id", "question", "context", "answer"), ("1", "Is it?", LONG, "yes")]
    lines.append(("2", '"Is it ""short"", or not?"', "x", "no"))
    path.write_text("".join(f"{separator.join(cells)}\n" for cells in lines))
    before = csv.field_size_limit()
    first, second = read_examples(path)
    assert (first.context, first.answer) == (LONG.strip(), "yes")
    assert (second.question, second.answer) == ('Is it "short", or not?', "no")
    assert csv.field_size_limit() == before


def test_a_line_of_a_table_over_the_limit_is_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    with path.open("w") as file:
        file.write("id,question,answer\n1,")
        for _ in range(20):
            file.write("x" * 1_000_000)
        file.write(",yes\n2,Is it?,yes\n3,Is it?,perhaps,no\n")
    assert reasons(path) == {
        2: "not valid CSV (the line is longer than 8 MiB)",
        4: "4 cells, but the header has 3",
    }


@pytest.mark.parametrize(
    ("name", "separator", "says"),
    [
        ("data.csv", "\t", "separated by tabs: give it a name that ends in .tsv"),
        ("data.txt", "\t", "separated by tabs: give it a name that ends in .tsv"),
        ("data.jsonl", ",", "separated by commas: give it a name that ends in .csv"),
        ("data.tsv", ",", "separated by commas: give it a name that ends in .csv"),
        ("data.csv", ";", "separated by semicolons: save it with commas"),
        ("data.txt", ";", "separated by semicolons: save it with commas"),
    ],
)
def test_a_table_with_another_separator_is_said_once(
    tmp_path: Path, name: str, separator: str, says: str
) -> None:
    path = tmp_path / name
    lines = [("id", '"question"', "answer"), *[(str(n), "Is it?", "yes") for n in range(2000)]]
    path.write_text("".join(f"{separator.join(cells)}\n" for cells in lines))
    found = reasons(path)
    assert list(found) == [None]
    assert says in found[None]


# Rows for other readers


def test_rows_and_examples_from_rows_are_there_for_other_readers(tmp_path: Path) -> None:
    path = jsonl(tmp_path, "", choice_row(1, explanation="Because."))
    [(line, row)] = read_rows(path)
    assert (line, row["explanation"]) == (2, "Because.")
    assert example_from_row(row, "multiple-choice").answer == "a lake"
    with pytest.raises(ValueError, match="the kind of the file is text"):
        example_from_row(row, "text")
    with pytest.raises(DataError, match=r"data\.jsonl, line 1: not valid JSON"):
        read_rows(jsonl(tmp_path, "{"))


# CSV and Parquet


def test_csv_with_a_column_for_each_choice(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(
        "\ufeffid,question,choice_a,choice_b,choice_c,answer,group\r\n"
        'q1,"Which, of\nthese?",red,green,,B,g1\r\n'
        "\r\n"
        "q2,And now?,red,green,blue,blue,\r\n"
        "q3,Short,red\r\n"
        "q4,Gap,red,,blue,red,\r\n".encode()
    )
    assert reasons(path) == {
        6: "3 cells, but the header has 7",
        7: "the choice is empty",
    }
    path.write_bytes(path.read_bytes().split(b"q3")[0])
    first, second = read_examples(path)
    assert (first.question, first.choices, first.answer) == (
        "Which, of\nthese?",
        ("red", "green"),
        "green",
    )
    assert (second.choices, second.group) == (("red", "green", "blue"), None)


def test_csv_with_a_list_of_choices_and_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('id,question,choices,answer\nq1,Which?,"[""red"", ""blue""]",red\n')
    assert read_examples(path)[0].choices == ("red", "blue")
    path.write_text("id,question,choices,answer\nq1,Which?,red|blue,red\n")
    assert "must hold a JSON list, not 'red|blue'" in reasons(path)[2]
    path.write_text('id,question,answer\nq1,How much?,"$1,200.50"\nq2,How many?,3\n')
    assert answers(path) == ["1200.5", "3"]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"id,question\nq1,What?\n", 1, "the header has no column 'answer'"),
        (b"id;question;answer\nq1;What?;x\n", None, "separated by semicolons"),
        (b"id,question,answer,id\n", 1, "the column 'id' twice"),
        (b"id,question,answer,choice_b\n", 1, "must be choice_a, choice_b"),
        (b'id,question,answer\nq1,"What?,x\n', 2, "not valid CSV"),
        (b"id,question,answer\nq1,Caf\xe9?,x\n", 2, "characters that are not UTF-8"),
        (b"id,question,answer\n", None, "the file is empty"),
    ],
)
def test_bad_csv(tmp_path: Path, content: bytes, line: int | None, reason: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    found = reasons(path)
    assert list(found) == [line]
    assert reason in found[line]


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def test_parquet_is_read_like_json_lines(tmp_path: Path) -> None:
    rows = [choice_row(1, group="g"), choice_row(2, group=None), choice_row(3, "a pond")]
    path = parquet(tmp_path / "data.parquet", rows)
    assert list(reasons(path)) == [3]
    good = parquet(tmp_path / "good.parquet", rows[:2])
    assert read_examples(good) == read_examples(jsonl(tmp_path, *rows[:2]))
    path.write_bytes(b"PAR1 and then nonsense")
    with pytest.raises(DataError, match="is not a readable Parquet file"):
        read_examples(path)


def test_parquet_without_pyarrow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match=r"'pyarrow': pip install 'teachback\[parquet\]'"):
        read_examples(tmp_path / "data.parquet")


# The hub


class Hub(BaseHTTPRequestHandler):
    """What is asked of a hub, for the datasets of ``files`` (by name: content by path)."""

    files: dict[str, dict[str, bytes]]

    def do_GET(self) -> None:
        for name, files in self.files.items():
            if self.path.startswith(f"/api/datasets/{name}/revision/"):
                listed = {"id": name, "siblings": [{"rfilename": path} for path in files]}
                return self.answer(json.dumps(listed).encode())
            for path, content in files.items():
                if self.path == f"/datasets/{name}/resolve/refs%2Fconvert%2Fparquet/{path}":
                    return self.answer(content, ETag=f'"{hash(path):x}"', **{"X-Repo-Commit": "c1"})
        return self.answer(b"", status=404, **{"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub on this machine with the datasets ``own/one`` and ``own/many``."""
    constants = pytest.importorskip("huggingface_hub.constants")
    first = parquet(tmp_path / "1.parquet", [choice_row(1)]).read_bytes()
    second = parquet(tmp_path / "2.parquet", [choice_row(2)]).read_bytes()
    files = {
        "own/one": {"default/train/0001.parquet": second, "default/train/0000.parquet": first},
        "own/many": {
            "main/train/0000.parquet": first,
            "main/test/0000.parquet": second,
            "more/test/0000.parquet": first,
        },
    }
    handler = type("OwnHub", (Hub,), {"files": files})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield
        server.shutdown()


@pytest.mark.usefixtures("hub")
def test_a_hub_dataset_is_read_shard_by_shard() -> None:
    assert [example.id for example in read_examples("hf:own/one")] == ["q1", "q2"]
    assert [example.id for example in read_examples("hf:own/many/main:test")] == ["q2"]


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("hf:own/many", "has several configs: name one of main, more"),
        ("hf:own/many/main", "has several splits: name one of test, train"),
        ("hf:own/one:dev", "has no such split in Parquet: it has train"),
        ("hf:own/none", "the hub has no such dataset"),
        ("hf:own", "is not a dataset of the hub: write hf:owner/name"),
    ],
)
def test_a_hub_reference_that_leads_nowhere(reference: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"^{reference}:? .*{reason}") as caught:
        read_examples(reference)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("hub")
def test_a_hub_is_not_asked_where_the_network_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    with pytest.raises(DataError, match="hf:own/one: TEACHBACK_OFFLINE is set, so the hub is not"):
        read_examples("hf:own/one")


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"hf:own/one: the hub cannot be reached \(ConnectError\)"):
        read_examples("hf:own/one")


# Statistics


def test_stats_of_multiple_choice_by_hand(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path,
        choice_row(1, "a river", group="g"),  # the longest, 7 characters; so is "the sea"
        choice_row(2, "a lake", group="g"),
        {**choice_row(3, "no"), "question": "One two three four?", "choices": ["yes", "no"]},
        choice_row(4, "A"),
    )
    found = stats(read_examples(path))
    assert (found.rows, found.groups, found.kind) == (4, 3, "multiple-choice")
    assert found.balance == {"A": 2, "B": 2, "C": 0}
    assert found.choices == {2: 1, 3: 3}
    assert found.question_words == Spread(2, 2.0, 4)
    assert found.gold_longest == 0.5


def test_stats_of_other_kinds(tmp_path: Path) -> None:
    truths = stats(read_examples(jsonl(tmp_path, plain_row(1, True), plain_row(2, True))))
    assert (truths.balance, truths.gold_longest) == ({"yes": 2, "no": 0}, None)
    assert stats(read_examples(jsonl(tmp_path, plain_row(1, 3)))).balance == {}
    with pytest.raises(DataError, match="no examples"):
        stats([])


# Samples and splits


def rows(count: int, group_size: int = 0) -> list[Example]:
    groups = [f"g{n // group_size}" if group_size else None for n in range(count)]
    return [
        Example(f"q{n}", "Is it?", "yes", "yes-no", group=group) for n, group in enumerate(groups)
    ]


def ids(examples: list[Example]) -> list[str]:
    return [example.id for example in examples]


def test_a_sample_is_seeded_and_keeps_the_order() -> None:
    sample = subsample(rows(100), 10, 1)
    # Written down: the rows behind a published figure must not change with a release.
    assert ids(sample) == ["q14", "q24", "q25", "q34", "q47", "q56", "q58", "q60", "q64", "q76"]
    assert ids(subsample(rows(100), 10, 1)) == ids(sample)
    assert ids(subsample(rows(100), 10, 2)) != ids(sample)
    assert sorted(ids(subsample(rows(100)[::-1], 10, 1))) == sorted(ids(sample))


@pytest.mark.parametrize("group_size", [0, 3])
def test_smaller_samples_are_part_of_larger_ones(group_size: int) -> None:
    examples = rows(60, group_size)
    sizes = [*range(3, 61), 0.1, 0.25, 0.5, 1.0]
    samples = sorted((set(ids(subsample(examples, size, 5))) for size in sizes), key=len)
    assert all(small <= large for small, large in pairwise(samples))
    assert len(samples[-1]) == 60


def test_a_fraction_is_of_the_rows_and_groups_stay_whole() -> None:
    assert len(subsample(rows(45), 0.1, 0)) == 5  # 4.5, half up
    sample = subsample(rows(60, 4), 11, 3)
    assert sorted(Counter(example.group for example in sample).values()) == [4, 4]


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (61, "a sample of 61 rows cannot be drawn from 60"),
        (0, "a sample of 0 rows"),
        (1.5, r"must lie in \(0, 1\]"),
        (0.0, r"must lie in \(0, 1\]"),
        (3, "no whole group fits into a sample of 3 rows"),
    ],
)
def test_a_sample_that_cannot_be_drawn(size: float, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        subsample(rows(60, 4), size, 0)


@pytest.mark.parametrize(
    ("count", "valid_rows"),
    [(1000, 100), (200, 50), (100, 50), (60, 30), (3, 1), (2, 1)],
)
def test_valid_is_a_tenth_at_least_50_at_most_half(count: int, valid_rows: int) -> None:
    examples = rows(count)
    train, valid = split_valid(examples, 0)
    assert len(valid) == valid_rows
    assert sorted(ids(train) + ids(valid)) == sorted(ids(examples))
    assert ids(valid) == [id_ for id_ in ids(examples) if id_ in ids(valid)]
    assert split_valid(examples, 0) == (train, valid)


def test_no_group_stands_on_both_sides_of_a_split() -> None:
    train, valid = split_valid(rows(900, 7), 4)
    assert not {e.group for e in train} & {e.group for e in valid}
    assert 90 <= len(valid) < 97


def test_a_group_of_more_than_half_goes_to_train() -> None:
    large = [Example(f"l{n}", "Is it?", "yes", "yes-no", group="large") for n in range(70)]
    for seed in range(5):
        train, valid = split_valid([*large, *rows(30)], seed)
        assert (len(train), len(valid)) == (70, 30)
    with pytest.raises(DataError, match="cannot be split"):
        split_valid(large, 0)
    with pytest.raises(DataError, match="cannot be split"):
        split_valid(rows(1), 0)
    with pytest.raises(DataError, match=r"must lie in \(0, 0.5\]"):
        split_valid(rows(100), 0, fraction=0.9)


def test_valid_and_a_sample_of_the_same_seed_are_drawn_apart() -> None:
    examples = rows(1000)
    _, valid = split_valid(examples, 0)
    assert len(set(ids(valid)) & set(ids(subsample(examples, 100, 0)))) < 30  # 10 by chance


# Commands


def test_data_check_prints_every_bad_row_and_fails(tmp_path: Path) -> None:
    good = jsonl(tmp_path, choice_row(1, topic="x"), name="good.jsonl")
    bad = jsonl(tmp_path, choice_row(1, "a pond"), "{", choice_row(2), name="bad.jsonl")
    result = CliRunner().invoke(data, ["check", str(good), str(bad)])
    assert isinstance(result.exception, DataError)
    assert str(result.exception) == "2 problems in 4 rows, listed above: fix them and check again"
    assert result.stdout.splitlines() == [
        f"warning: {good}, line 1: the key 'topic' is ignored (in 1 of 1 rows)",
        f"{good}: 1 rows, multiple-choice, all good",
        f"{bad}, line 1: the answer 'a pond' is not among the choices "
        "['a river', 'a lake', 'the sea']",
        f"{bad}, line 2: not valid JSON (Expecting property name enclosed in double quotes "
        "at column 2)",
    ]
    assert CliRunner().invoke(data, ["check", str(good)]).exit_code == 0


def test_data_stats_prints_the_figures(tmp_path: Path) -> None:
    path = jsonl(tmp_path, choice_row(1), choice_row(2, "C"))
    result = CliRunner().invoke(data, ["stats", str(path)])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "rows            2",
        "question kind   multiple-choice",
        "groups          2",
        "choices         3 (in 2 rows)",
        "gold A          0 (0.0%)",
        "gold B          1 (50.0%)",
        "gold C          1 (50.0%)",
        "question words  2 to 2, median 2",
        "gold is longest 50.0% (ties count)",
    ]


# Real data


@pytest.mark.parametrize(
    ("task", "kind", "train", "dev"),
    [
        ("obqa", "multiple-choice", 4449, 500),
        ("csqa", "multiple-choice", 8397, 1221),
        ("strategyqa", "yes-no", 1800, 200),
        ("shuffled", "multiple-choice", 307, 88),
    ],
)
def test_all_real_rows_are_read(
    shared_data: Path, task: str, kind: str, train: int, dev: int
) -> None:
    for split, count in (("train", train), ("dev", dev)):
        examples = read_examples(shared_data / task / f"{split}.jsonl")
        assert len(examples) == count
        assert {example.kind for example in examples} == {kind}


def test_no_scenario_of_a_real_dataset_is_split(shared_data: Path) -> None:
    examples = read_examples(shared_data / "shuffled" / "train.jsonl")
    train, valid = split_valid(examples, 0)
    assert not {e.group for e in train} & {e.group for e in valid}
    assert 50 <= len(valid) <= 53


def rows_of(path: Path, kind: str | None = None) -> list[Example] | str:
    """What `read_examples` gives, or says."""
    try:
        return read_examples(path, kind=kind)
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("kind", [None, "label", "text", "number", "nonsense"])
@pytest.mark.parametrize(
    "answers",
    [
        ("yes", "no", True),
        (1, 2.5, "1,000"),
        ("a cat", "7", "A cat"),
        ("red", "blue", "red"),
        ("red", "Red", "red"),
        ("only", "only", "only"),
        ("B", "B", None),
    ],
)
def test_a_file_read_anew_each_time_holds_the_same_examples(
    tmp_path: Path, answers: tuple[object, ...], kind: str | None
) -> None:
    path = tmp_path / "data.jsonl"
    rows = [{"id": f"q{i}", "question": "Q?", "answer": a} for i, a in enumerate(answers)]
    if answers[0] == "B":
        rows = [{**row, "answer": "B", "choices": ["x", "y"]} for row in rows]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    expected = rows_of(path, kind)
    if isinstance(expected, str):
        with pytest.raises(DataError) as caught:
            open_examples(path, kind=kind)
        assert str(caught.value) == expected
        return
    opened = open_examples(path, kind=kind)
    assert isinstance(opened, ExampleFile)
    assert len(opened) == 3
    assert list(opened) == list(opened) == expected


def test_a_duplicate_id_is_found_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    row = '{"id": "q%d", "question": "Q?", "answer": 1}\n'
    path.write_text("".join(row % n for n in range(300)), "utf-8")
    assert isinstance(open_examples(path), ExampleFile)
    path.write_text("".join(row % (n % 299) for n in range(300)), "utf-8")
    for read in (open_examples, read_examples):
        with pytest.raises(DataError, match="line 300: duplicate id 'q0': line 1 already has it"):
            read(path)


def test_a_file_that_changes_under_way_is_said(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"id": 1, "question": "Q?", "answer": 1}\n', "utf-8")
    opened = open_examples(path)
    other = '{"id": 1, "question": "R?", "answer": 1}\n'  # valid, and as long
    for changed in ('{"id": 1, "question": "Q?", "answer": "x"}\n', "", "no\n", other):
        path.write_text(changed, "utf-8")
        with pytest.raises(DataError, match="has changed since it was checked"):
            list(opened)
    path.unlink()
    with pytest.raises(DataError, match="has changed since it was checked"):
        list(opened)

    path.write_text(other + other.replace(": 1", ": 2"), "utf-8")
    opened = open_examples(path)
    read = iter(opened)
    next(read)
    path.write_text(other.replace("R", "S") + other.replace(": 1", ": 2"), "utf-8")
    with pytest.raises(DataError, match="has changed since it was checked"):
        list(read)
