"""The configuration: what is refused and how, what is written, and its page in the docs."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from teachback.config import (
    SECTIONS,
    Config,
    override,
    parse_config,
    read_config,
    reference_table,
    write_config,
)
from teachback.errors import ConfigError

DOCS = Path(__file__).parents[1] / "docs" / "config.md"
BEGIN, END = "<!-- the table: generated, do not edit -->\n", "<!-- the table ends -->\n"
MINIMAL: dict[str, Any] = {"data": {"train": "train.jsonl"}}


def with_keys(section: str, **values: Any) -> dict[str, Any]:
    return MINIMAL | {section: MINIMAL.get(section, {}) | values}


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (with_keys("train", epoch=3), "unknown key 'train.epoch'; did you mean 'epochs'?"),
        (MINIMAL | {"teachr": {}}, "unknown key 'teachr'; did you mean 'teacher'?"),
        (
            with_keys("selection", zzz=1),
            "unknown key 'selection.zzz'; known here: strategy, choose, rp_check, leak_check, "
            "thinking, reading, languages, max_words",
        ),
        ({}, "the key 'data' is missing"),
        ({"data": {}}, "the key 'data.train' is missing"),
        (with_keys("train", alpha=1.5), "train.alpha = 1.5: input should be less than or equal"),
        (with_keys("train", alpha="half"), "train.alpha = 'half': input should be a valid number"),
        (with_keys("train", objective="cte"), "train.objective = 'cte': input should be 'st', "),
        (with_keys("data", valid_fraction=0), "data.valid_fraction = 0: input should be greater"),
        (
            with_keys("selection", languages=["de", "nl"]),
            "selection.languages = ['de', 'nl']: must be auto, or a list of en, de, ",
        ),
        (with_keys("selection", languages=[]), "selection.languages = []: must be"),
        (
            with_keys("evaluate", languages=["de"]),
            "selection.languages and evaluate.languages differ",
        ),
        (MINIMAL | {"train": 3}, "train must be a table of keys: [train]"),
    ],
)
def test_each_mistake_is_one_line_that_names_the_key(values: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(values, source="run.toml")
    assert str(caught.value).startswith(f"run.toml: {line}")
    assert "\n" not in str(caught.value)


def test_further_mistakes_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"\(and 1 more\)$"):
        parse_config(with_keys("train", epoch=3, alpa=1))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[data\n", "not valid TOML"),
        ('[data]\ntrain = "ä.jsonl"'.encode("latin-1"), "not UTF-8 at byte 17"),
        (None, "there is no such file"),
    ],
)
def test_a_file_that_cannot_be_read(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------ reading and writing


def test_files_are_meant_from_the_configuration_s_folder(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        '[data]\ntrain = "d/train.jsonl"\ntest = "/abs/test.jsonl"\n'
        '[teacher]\nreference = "recorded:a.jsonl,../b.jsonl"\nexemplars = "own.jsonl"\n'
        'instructions = "policy.txt"\n[student]\nreference = "models/tiny"\n',
        "utf-8",
    )
    config = read_config(path)
    assert config.data.train == str(tmp_path / "d/train.jsonl")
    assert config.data.test == "/abs/test.jsonl"
    assert (
        config.teacher.reference == f"recorded:{tmp_path / 'a.jsonl'},{tmp_path.parent / 'b.jsonl'}"
    )
    assert config.teacher.exemplars == str(tmp_path / "own.jsonl")
    assert config.teacher.instructions == str(tmp_path / "policy.txt")
    assert config.student.reference == str(tmp_path / "models/tiny")
    for text, meant in (
        ("own.tsv", str(tmp_path / "own.tsv")),
        ("sets/own", str(tmp_path / "sets/own")),
        ("arithmetic", "arithmetic"),
    ):
        values = {"data": {"train": "d"}, "teacher": {"exemplars": text}}
        assert parse_config(values, folder=tmp_path).teacher.exemplars == meant
    assert read_config(path, anchored=False).data.train == "d/train.jsonl"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "train", "hf:owner/name"),
        ("teacher", "reference", "openai:m@http://localhost/v1"),
        ("teacher", "exemplars", "none"),
        ("student", "reference", "pypi:gemma-3-270m"),
        ("student", "reference", "gguf:/abs/model.gguf"),
    ],
)
def test_what_is_no_file_is_left_as_it_is(
    section: str, key: str, value: str, tmp_path: Path
) -> None:
    config = parse_config(with_keys(section, **{key: value}), folder=tmp_path)
    assert getattr(getattr(config, section), key) == value


def test_what_is_written_reads_back_the_same(tmp_path: Path) -> None:
    config = parse_config(
        {
            "data": {"train": "train.jsonl", "size": 0.5},
            "teacher": {"reference": "recorded:x.jsonl", "samples": 3},
            "train": {"patience": 0, "permute": True, "learning_rate": 1e-4},
            "evaluate": {"max_new_tokens": 7},
        }
    )
    path = tmp_path / "config.toml"
    path.write_text(write_config(config), "utf-8")
    assert read_config(path, anchored=False) == config
    assert write_config(read_config(path, anchored=False)) == write_config(config)


def test_a_whole_number_is_a_count_and_a_fraction_a_share() -> None:
    assert isinstance(parse_config(with_keys("data", size=200)).data.size, int)
    assert isinstance(parse_config(with_keys("data", size=1.0)).data.size, float)


def test_options_override_what_they_name_and_are_checked() -> None:
    config = parse_config(with_keys("train", epochs=7))
    changed = override(config, "train", objective="st", seed=None)
    assert changed.train == config.train.model_copy(update={"objective": "st"})
    assert override(config, "train", seed=0).train.seed == 0
    with pytest.raises(ConfigError, match=r"options: train\.objective = 'x'"):
        override(config, "train", objective="x")


# ------------------------------------------------------------------ the documentation


def test_every_key_says_what_it_means() -> None:
    table = reference_table()
    keys = [f"`{name}.{key}`" for name, model in SECTIONS.items() for key in model.model_fields]
    assert [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]] == keys
    assert all(line.count(" | ") == 3 for line in table.splitlines()[2:])
    assert "| None |" not in table
    assert set(SECTIONS) == set(Config.model_fields)
    assert "| `data.train` | str | required |" in table
    assert "| `data.size` | int \\| float | unset |" in table
    assert "| `train.lora` | bool | `false` |" in table


def test_the_page_shows_the_table_as_the_code_has_it() -> None:
    page = DOCS.read_text("utf-8")
    before, found, rest = page.partition(BEGIN)
    assert found
    table, found, after = rest.partition(END)
    assert found
    if os.environ.get("TEACHBACK_UPDATE_GOLDEN"):
        DOCS.write_text(f"{before}{BEGIN}{reference_table()}{END}{after}", "utf-8")
        return
    assert table == reference_table(), "TEACHBACK_UPDATE_GOLDEN=1 writes the table anew"


def test_the_page_s_example_is_a_configuration() -> None:
    example = DOCS.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    config = parse_config(tomllib.loads(example), source="docs/config.md")
    assert config.train.objective == "mt-cot"
    assert config.teacher.reference == "openai:gpt-4o"


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("abc", "config: data.size = 'abc': input should be a valid integer"),
        (True, "config: data.size = True: must not be true"),
    ],
)
def test_a_value_of_no_fitting_type_is_named_by_its_key_alone(size: Any, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config({"data": {"train": "a.jsonl", "size": size}})
    assert str(error.value).startswith(said)
    assert "more)" not in str(error.value)


def test_truth_values_are_taken_where_they_are_meant() -> None:
    config = parse_config({"data": {"train": "a.jsonl"}, "train": {"lora": True}})
    assert config.train.lora
    with pytest.raises(ConfigError, match=r"train\.epochs = True: must not be true"):
        parse_config({"data": {"train": "a.jsonl"}, "train": {"epochs": True}})
