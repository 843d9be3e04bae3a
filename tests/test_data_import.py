"""Official releases to datasets. The rows are invented; their shape is that of the releases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from teachback.cli.data import data
from teachback.datasets import Imported, import_official, read_examples, read_rows
from teachback.errors import DataError


def released_choice(row_id: str, key: str | None, texts: tuple[str, ...]) -> dict[str, Any]:
    """A row as CommonsenseQA and OpenBookQA release them."""
    choices = [{"label": "ABCDE"[n], "text": text} for n, text in enumerate(texts)]
    row: dict[str, Any] = {"id": row_id, "question": {"stem": "Where is ice?", "choices": choices}}
    return row if key is None else {"answerKey": key, **row}


ICE = ("in a desert", "at the pole", "in an oven", "on the sun", "in tea")
GSM8K = {
    "question": "Ann has 1,000 beads and buys 2 bags of 100. How many has she?",
    "answer": "The bags hold 2*100=<<2*100=200>>200 beads.\n"
    "She has 1000+200=<<1000+200=1200>>1,200 beads.\n#### 1,200",
}
STRATEGYQA = {
    "qid": "a1",
    "term": "Ice",
    "description": "solid water",
    "question": "Would ice last in an oven?",
    "answer": False,
    "facts": ["Ovens are hot.", "Ice melts in heat."],
    "decomposition": ["Is an oven hot?", "Does ice melt at #1?"],
    "evidence": [[["Ice-1"]]],
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_commonsenseqa_and_several_files(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", released_choice("t1", "B", ICE))
    dev = write(tmp_path / "dev.jsonl", released_choice("d1", "E", ICE))
    out = tmp_path / "csqa.jsonl"
    assert import_official("CommonsenseQA", [train, dev], out) == Imported(2, ())
    assert [row for _, row in read_rows(out)] == [
        {"id": "t1", "question": "Where is ice?", "choices": list(ICE), "answer": "at the pole"},
        {"id": "d1", "question": "Where is ice?", "choices": list(ICE), "answer": "in tea"},
    ]
    assert [example.kind for example in read_examples(out)] == ["multiple-choice"] * 2


def test_openbookqa_and_its_fact(tmp_path: Path) -> None:
    row = {**released_choice("7-980", "A", ICE[:4]), "fact1": "Deserts can be cold."}
    out = tmp_path / "obqa.jsonl"
    import_official("openbookqa", [write(tmp_path / "additional.jsonl", row)], out)
    assert "explanation" not in read_rows(out)[0][1]
    import_official(
        "openbookqa", [tmp_path / "additional.jsonl"], out, with_solutions=True, overwrite=True
    )
    assert read_rows(out)[0][1]["explanation"] == "Deserts can be cold."


def test_the_hub_form_of_multiple_choice(tmp_path: Path) -> None:
    choices = {"label": ["A", "B"], "text": ["hot", "cold"]}
    rows = [
        {"id": "1", "question": "How is ice?", "choices": choices, "answerKey": "B"},
        {"id": "2", "question_stem": "How is fire?", "choices": choices, "answerKey": "A"},
    ]
    out = tmp_path / "out.jsonl"
    import_official("openbookqa", [write(tmp_path / "in.jsonl", *rows)], out)
    assert [(e.question, e.answer) for e in read_examples(out)] == [
        ("How is ice?", "cold"),
        ("How is fire?", "hot"),
    ]


def test_strategyqa_is_one_json_list(tmp_path: Path) -> None:
    source = tmp_path / "strategyqa_train.json"
    source.write_text(json.dumps([STRATEGYQA, {**STRATEGYQA, "qid": "a2", "answer": True}]))
    out = tmp_path / "out.jsonl"
    import_official("strategyqa", [source], out)
    assert read_rows(out)[0][1] == {
        "id": "a1",
        "question": "Would ice last in an oven?",
        "answer": False,
    }
    assert [example.answer for example in read_examples(out)] == ["no", "yes"]
    import_official("strategyqa", [source], out, with_solutions=True, overwrite=True)
    assert read_rows(out)[0][1]["explanation"] == "Ovens are hot. Ice melts in heat."


def test_gsm8k_gets_ids_from_file_and_line(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", GSM8K, GSM8K)
    out = tmp_path / "out.jsonl"
    import_official("gsm8k", [source], out)
    examples = read_examples(out)
    assert [(e.id, e.kind, e.answer) for e in examples] == [
        ("train-00001", "number", "1200"),
        ("train-00002", "number", "1200"),
    ]
    assert "explanation" not in read_rows(out)[0][1]
    import_official("gsm8k", [source], out, with_solutions=True, overwrite=True)
    assert read_rows(out)[0][1]["explanation"] == (
        "The bags hold 2*100=200 beads.\nShe has 1000+200=1,200 beads."
    )


def test_a_row_that_is_no_example_is_left_out_and_told(tmp_path: Path) -> None:
    twice = ("in a lake", "at sea", "at sea", "in tea", "on land")
    source = write(
        tmp_path / "train.jsonl", released_choice("1", "A", twice), released_choice("2", "A", ICE)
    )
    imported = import_official("commonsenseqa", [source], tmp_path / "out.jsonl")
    assert imported == Imported(1, (f"{source}, line 1: duplicate choices: 'at sea' and 'at sea'",))


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        (
            "commonsenseqa",
            released_choice("1", None, ICE),
            "line 1: the row has no 'answerKey': the test files of CommonsenseQA are released",
        ),
        ("commonsenseqa", {**released_choice("1", "A", ICE), "answerKey": ""}, "no 'answerKey'"),
        ("openbookqa", released_choice("1", "Z", ICE), "'Z' does not name exactly one choice"),
        ("openbookqa", GSM8K, "not a row of OpenBookQA"),
        ("strategyqa", {"qid": "1", "question": "Is ice hot?"}, "the row has no 'answer'"),
        ("strategyqa", {**STRATEGYQA, "answer": "B"}, "its answer is not true or false"),
        ("gsm8k", {**GSM8K, "answer": "It is 42."}, "no final '#### NUMBER'"),
        ("gsm8k", {**GSM8K, "answer": "So: #### many"}, "'many' is not a number"),
        ("gsm8k", STRATEGYQA, "not a row of GSM8K"),
    ],
)
def test_a_file_of_another_release_is_refused(
    tmp_path: Path, name: str, row: dict[str, Any], reason: str
) -> None:
    source = write(tmp_path / "in.jsonl", row)
    with pytest.raises(DataError) as caught:
        import_official(name, [source], tmp_path / "out.jsonl")
    assert str(caught.value).startswith(f"{source}, line 1: ")
    assert reason in str(caught.value)
    assert not (tmp_path / "out.jsonl").exists()


def test_an_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", GSM8K)
    with pytest.raises(DataError, match=r"line 1 already has the id 'train-00001'"):
        import_official("gsm8k", [source, source], tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file has no row"),
        (b"[]", "the file has no row"),
        (b"[1, 2]", "something other than JSON objects"),
        (b"[{", "is not valid JSON"),
        (b"{", "line 1: not valid JSON"),
        (b"\xff", "not UTF-8 at byte 1"),
    ],
)
def test_a_broken_input_is_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    source = tmp_path / "in.json"
    source.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        import_official("strategyqa", [source], tmp_path / "out.jsonl")
    assert str(source) in str(caught.value)


def test_what_exists_is_not_overwritten(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", GSM8K)
    out = tmp_path / "out.jsonl"
    out.write_text("precious")
    with pytest.raises(DataError, match=r"out\.jsonl already exists: .* --overwrite"):
        import_official("gsm8k", [source], out)
    assert out.read_text() == "precious"
    main = write(tmp_path / "main.jsonl", released_choice("1", "A", ICE))
    with pytest.raises(DataError, match="no solution"):
        import_official("openbookqa", [main], out, with_solutions=True, overwrite=True)
    assert out.read_text() == "precious"


def test_a_row_without_a_solution_is_left_out_where_others_have_one(tmp_path: Path) -> None:
    first, second = released_choice("1", "A", ICE), released_choice("2", "A", ICE)
    source = write(tmp_path / "in.jsonl", {**first, "fact1": "Ice is frozen."}, second)
    out = tmp_path / "out.jsonl"
    result = CliRunner().invoke(
        data, ["import", "openbookqa", str(source), "-o", str(out), "--with-solutions"]
    )
    assert result.stdout == (
        f"left out: {source}, line 2: the row has no solution\n{out}: 1 rows written, 1 left out\n"
    )
    assert [row["id"] for _, row in read_rows(out)] == ["1"]


def test_the_command(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", GSM8K)
    out = tmp_path / "out.jsonl"
    arguments = ["import", "gsm8k", str(source), "-o", str(out)]
    result = CliRunner().invoke(data, arguments)
    assert result.stdout == f"{out}: 1 rows written, 0 left out\n"
    assert isinstance(CliRunner().invoke(data, arguments).exception, DataError)
    assert CliRunner().invoke(data, [*arguments, "--overwrite"]).exit_code == 0
    unknown = CliRunner().invoke(data, ["import", "gsm8", str(source), "-o", str(out)])
    assert "no release 'gsm8' (did you mean 'gsm8k'?)" in str(unknown.exception)


@pytest.mark.parametrize("facts", ["Ovens are hot. Ice melts.", ["Ovens are hot.", "Ice melts."]])
@pytest.mark.parametrize("answer", [False, "false", "No"])
def test_facts_as_one_text_and_answers_as_words(tmp_path: Path, facts: Any, answer: Any) -> None:
    source = write(tmp_path / "in.jsonl", {**STRATEGYQA, "facts": facts, "answer": answer})
    import_official("strategyqa", [source], tmp_path / "out.jsonl", with_solutions=True)
    row = read_rows(tmp_path / "out.jsonl")[0][1]
    assert (row["explanation"], row["answer"]) == ("Ovens are hot. Ice melts.", False)


def test_a_fact_in_a_list_and_choices_and_keys_in_other_forms(tmp_path: Path) -> None:
    choices = [{"label": 1, "text": "hot"}, {"label": 2, "text": "cold"}]
    row = {"id": 1, "question": "How is ice?", "choices": choices, "answerKey": "2"}
    source = write(tmp_path / "in.jsonl", {**row, "fact1": ["Ice is frozen."]})
    out = tmp_path / "out.jsonl"
    import_official("openbookqa", [source], out, with_solutions=True)
    assert read_rows(out)[0][1]["explanation"] == "Ice is frozen."
    assert [example.answer for example in read_examples(out)] == ["cold"]


@pytest.mark.parametrize(
    ("release", "row", "says"),
    [
        ("strategyqa", {**STRATEGYQA, "facts": {"a": 1}}, "list of texts, not an object"),
        ("strategyqa", {**STRATEGYQA, "facts": ["a", 1]}, "list of texts, not a number"),
        ("gsm8k", {**GSM8K, "answer": 1200}, "its answer must be text, not a number"),
        (
            "openbookqa",
            {
                "id": "1",
                "question": "?",
                "choices": {"label": "AB", "text": "xy"},
                "answerKey": "B",
            },
            "the label of its choices is text, not a list",
        ),
    ],
)
def test_a_field_of_another_type_is_named(
    tmp_path: Path, release: str, row: dict[str, Any], says: str
) -> None:
    source = write(tmp_path / "in.jsonl", row)
    with pytest.raises(DataError, match=f"in.jsonl, line 1: .*{says}"):
        import_official(release, [source], tmp_path / "out.jsonl", with_solutions=True)
