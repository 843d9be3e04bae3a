"""Data that are in memory already: read like a file's rows, and refused as clearly."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import teachback as tb
from teachback.errors import ConfigError, DataError

ROWS: list[dict[str, Any]] = [
    {"id": 1, "question": "Red or green?", "choices": ["red", "green"], "answer": "red"},
    {"id": 2, "question": "Wet?", "choices": ["wet", "dry"], "answer": "dry", "group": 7},
    {"id": 3, "question": "Up?", "choices": ["up", "down"], "answer": "A", "context": "Look."},
]


def _file(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def _pandas(rows: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(rows)


def _polars(rows: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("polars").DataFrame(rows)


def _arrow(rows: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("pyarrow").Table.from_pylist(rows)


def _dataset(rows: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("datasets").Dataset.from_list(rows)


FORMS = [list, _pandas, _polars, _arrow, _dataset, iter]


def _complete(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Arrow takes the columns of the first row for those of all."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return [{key: row.get(key) for key in keys} for row in rows]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_examples_of_the_file(
    form: Callable[[list[dict[str, Any]]], Any], tmp_path: Path
) -> None:
    rows = _complete(ROWS)
    assert tb.read_examples(form(rows)) == tb.read_examples(_file(tmp_path, rows))


@pytest.mark.parametrize("form", FORMS)
def test_columns_of_other_names_are_read(form: Callable[[list[dict[str, Any]]], Any]) -> None:
    rows = [
        {"key": f"k{n}", "prompt": f"Is {n} odd?", "question": "unused", "gold": bool(n % 2)}
        for n in range(4)
    ]
    columns = {"id": "key", "question": "prompt", "answer": "gold"}
    examples = tb.read_examples(form(rows), columns=columns)
    assert [(e.id, e.question, e.answer, e.kind) for e in examples] == [
        (f"k{n}", f"Is {n} odd?", ("no", "yes")[n % 2], "yes-no") for n in range(4)
    ]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_columns_of_files_too(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    names = {"id": "key", "question": "prompt", "answer": "gold"}
    rows = [
        {"key": "a", "prompt": "Wet?", "gold": "no"},
        {"key": "b", "prompt": "Dry?", "gold": "yes"},
    ]
    if suffix == ".parquet":
        pytest.importorskip("pyarrow.parquet").write_table(_arrow(rows), path)
    elif suffix == ".jsonl":
        _file(tmp_path, rows).rename(path)
    else:
        sign = {".csv": ",", ".tsv": "\t"}[suffix]
        lines = [sign.join(rows[0]), *(sign.join(row.values()) for row in rows)]
        path.write_text("\n".join(lines), "utf-8")
    assert [e.question for e in tb.read_examples(path, columns=names)] == ["Wet?", "Dry?"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_column_that_is_not_there_is_named(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    rows = [{"id": "a", "question": "Wet?", "answer": "no", "doc": "d1"}]
    if suffix == ".jsonl":
        _file(tmp_path, rows).rename(path)
    else:
        sign = {".csv": ",", ".tsv": "\t"}[suffix]
        lines = [sign.join(rows[0]), *(sign.join(row.values()) for row in rows)]
        path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(DataError) as caught:
        tb.read_examples(path, columns={"group": "dok"})
    assert (
        "there is no column 'dok', which is to be read as 'group': the columns are 'id', "
        "'question', 'answer', 'doc'"
    ) in str(caught.value)
    assert tb.read_examples(path, columns={"group": "doc"})[0].group == "d1"


def test_whole_numbers_with_gaps_name_groups_under_any_name(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "rows.parquet"
    frame = pandas.DataFrame(
        {"id": [1, 2], "question": ["a?", "b?"], "answer": [1, 2], "doc": [3, None]}
    )
    pytest.importorskip("pyarrow.parquet")
    frame.to_parquet(path)
    for data in (frame, path, frame.to_dict("records")[:1]):
        groups = [e.group for e in tb.read_examples(data, columns={"group": "doc"})]
        assert groups == ["3", None][: len(groups)]
    # A fraction, and a whole number that a float cannot tell from its neighbours, name nothing.
    for value in (3.5, 2.0**54):
        with pytest.raises(DataError, match="the group must be text, not a number"):
            tb.read_examples(frame.assign(group=[value, None]))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Decimal("Infinity"), "the {} must be text, not a number"),
        (Decimal("sNaN"), "the {} must be text, not a number"),
        (Decimal("1e999999999"), "a number of more than 308 digits is too large"),
        (10**5000, "a number of more than 308 digits is too large"),
        (-(10**308), "a number of more than 308 digits is too large"),
    ],
    ids=["infinite", "no-number", "huge-exponent", "huge", "huge-and-negative"],
)
@pytest.mark.parametrize("key", ["id", "group", "question"])
def test_numbers_that_no_file_would_hold_are_a_bad_row(value: Any, said: str, key: str) -> None:
    row = {"id": "a", "question": "?", "answer": 1, key: value}
    with pytest.raises(DataError) as caught:
        tb.read_examples([row])
    assert str(caught.value) == f"the data, row 1: {said.format(key)}"


@pytest.mark.parametrize(
    "value",
    [Decimal("Infinity"), Decimal("NaN"), 10**5000, float("inf")],
    ids=["infinite", "no-number", "huge", "float"],
)
def test_an_answer_that_is_no_finite_number_is_refused(value: Any) -> None:
    rows = [
        {"id": "a", "question": "?", "answer": value},
        {"id": "b", "question": "?", "answer": 1},
    ]
    with pytest.raises(DataError, match="the data, row 1: "):
        tb.read_examples(rows, kind="number")


def test_choices_in_columns_of_other_names(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,question,A,B,answer\n1,Red?,red,green,B\n", "utf-8")
    [example] = tb.read_examples(path, columns={"choice_a": "A", "choice_b": "B"})
    assert (example.choices, example.answer) == (("red", "green"), "green")


def test_missing_values_and_arrays_of_a_pandas_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "id": [1, 2],
            "question": ["a?", "b?"],
            "choices": [np.array(["x", "y"]), ["x", "y"]],
            "answer": ["x", "y"],
            "group": [3, None],  # a float column for pandas
            "context": [pandas.NA, "seen"],
            "note": [float("nan"), pandas.NaT],
        }
    )
    first, second = tb.read_examples(frame)
    assert (first.id, first.group, first.context, first.choices) == ("1", "3", None, ("x", "y"))
    assert (second.group, second.context) == (None, "seen")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the data: there are no rows"),
        ([{"id": "a", "question": "?"}], "the data, row 1: the answer is missing"),
        (
            [{"id": "a", "question": "?", "answer": True}, "text"],
            "the data, row 2: a row must be a dictionary, not str",
        ),
        (
            [{"id": "a", "question": "?", "answer": True}] * 2,
            "the data, row 2: duplicate id 'a': row 1 already has it",
        ),
        (
            [{"id": "a", "prompt": "?", "answer": 1}, {"answer": 2}, {"answer": 3}],
            "the data, row 1: the question is missing (and 2 more, rows 2, 3)",
        ),
        (
            {"id": ["a"], "question": ["?"]},
            "the data: this is one dictionary (of 'id', 'question')",
        ),
        (7, "the data: rows cannot be read from 7: give a file, a list of dictionaries"),
        (b"id,question", "the data: rows cannot be read from b'id,question'"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(rows: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        tb.read_examples(rows)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert "data check" not in str(caught.value)


def test_columns_that_are_not_there_or_not_read() -> None:
    rows = [{"id": "a", "question": "?", "answer": True}]
    with pytest.raises(DataError, match=r"no column 'prompt', which is to be read as 'question': "):
        tb.read_examples(rows, columns={"question": "prompt"})
    with pytest.raises(
        ConfigError, match=r"'questoin' is not a key of a dataset; did you mean 'quest"
    ):
        tb.read_examples(rows, columns={"questoin": "question"})


def test_examples_are_taken_as_they_are_once_they_are_checked() -> None:
    examples = tb.read_examples(ROWS)
    assert tb.read_examples(examples) == examples
    assert tb.read_examples(tuple(examples), kind="multiple-choice") == examples
    with pytest.raises(ConfigError, match="examples of the kind multiple-choice already"):
        tb.read_examples(examples, kind="text")
    with pytest.raises(ConfigError, match="columns: these are examples"):
        tb.read_examples(examples, columns={"question": "prompt"})
    with pytest.raises(DataError, match="row 4: duplicate id '1': row 1 already has it"):
        tb.read_examples([*examples, examples[0]])
    with pytest.raises(DataError, match="row 4: this is not an Example, and others are"):
        tb.read_examples([*examples, {"id": "x"}])  # type: ignore[list-item]
    with pytest.raises(DataError, match="row 4: the example 'x' is of the kind yes-no"):
        tb.read_examples([*examples, tb.Example("x", "Wet?", "yes", "yes-no")])


def test_exemplars_from_rows() -> None:
    rows = [{"key": "a", "question": "Wet?", "answer": True, "explanation": "It rains."}]
    [exemplar] = tb.read_exemplars(rows, columns={"id": "key"})
    assert (exemplar.example.id, exemplar.explanation) == ("a", "It rains.")
    with pytest.raises(DataError, match="the data, row 1: the explanation is missing"):
        tb.read_exemplars([{**rows[0], "explanation": None}], columns={"id": "key"})
