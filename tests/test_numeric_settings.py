"""No setting is infinite or no number: in a configuration, a study or an option, one line says so.
Which settings there are comes from the code, so a new one is tested as soon as there is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from teachback.cli import COMMANDS, cli
from teachback.config import SECTIONS, ConfigSection
from teachback.studies.config import STUDY_SECTIONS
from tiny_run import contents, write_data

VALUES = ("inf", "-inf", "nan")
NUMBERS = ("integer", "number")

CONFIG = '[data]\ntrain = "train.jsonl"\n'
STUDY = '[study]\n[[dataset]]\nname = "c"\ntrain = "train.jsonl"\ntest = "test.jsonl"\n'
ARGUMENTS = {
    "demo": "-o out",
    "run": "run.toml -o out",
    "data check": "train.jsonl",
    "data stats": "train.jsonl",
    "data import": "gsm8k train.jsonl -o out",
    "data desk": "-o out",
    "generate": "train.jsonl --teacher scripted -o out",
    "select": "out --strategy cote -o out2",
    "train": "train.jsonl --objective st -o out",
    "evaluate": "--teacher scripted test.jsonl -o out",
    "compare": "a b",
    "study run": "study.toml -o out",
    "study pack": "out -o study.zip",
    "study unpack": "study.zip -o out",
    "report": "out",
    "annotate page": "a --data test.jsonl -o out",
    "annotate merge": "a.json -o out",
    "annotate results": "out",
    "judge": "a b --data test.jsonl --teacher scripted -o out",
    "export openai-finetune": "train.jsonl -o out",
    "export student": "nowhere --to merged -o out",
    "push": "nowhere owner/name -o out",
    "serve": "nowhere",
    "ask": "nowhere Why?",
    "inspect": "a",
    "doctor": "",
}
"""Every command, called as it should be but for one option."""


def numeric_keys(sections: Mapping[str, type[ConfigSection]]) -> Iterator[tuple[str, str, bool]]:
    """Section, key, and whether its value is a list, of every key that takes numbers."""
    for name, section in sections.items():
        for key, schema in section.model_json_schema()["properties"].items():
            for form in schema.get("anyOf", [schema]):
                is_list = form.get("type") == "array"
                inner = form.get("items", {}) if is_list else form
                if any(one.get("type") in NUMBERS for one in inner.get("anyOf", [inner])):
                    yield name, key, is_list
                    break


def commands() -> Iterator[tuple[str, click.Command]]:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", made) for inner, made in command.commands.items())
        else:
            yield name, command


def numeric_options() -> list[tuple[str, str]]:
    """A command and an option of it, for each that takes a number."""
    found = []
    for name, command in commands():
        for parameter in command.params:
            kind = parameter.type
            texts = isinstance(kind, click.Choice | click.types.StringParamType)
            if isinstance(parameter, click.Option) and not (
                parameter.is_flag or texts or kind.name in ("boolean", "_word_or_list")
            ):
                found.append((name, parameter.opts[-1]))
    return found


KEYS = [("run.toml", *key) for key in numeric_keys(SECTIONS)]
KEYS += [("study.toml", *key) for key in numeric_keys(STUDY_SECTIONS)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_data(tmp_path)
    (tmp_path / "run.toml").write_text(CONFIG, "utf-8")
    (tmp_path / "study.toml").write_text(STUDY, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(place: Path, words: list[str]) -> str:
    """The one line of a command that is refused and changes nothing."""
    before = contents(place)
    ended = CliRunner().invoke(cli, words)
    assert ended.exit_code == 2, (words, ended.output, ended.exception)
    assert ended.stdout == ""
    assert contents(place) == before
    (line,) = ended.stderr.splitlines()
    assert line.startswith("teachback: ")
    return line


def test_there_are_as_many_as_one_expects() -> None:
    assert len(KEYS) >= 50
    assert len(numeric_options()) >= 30
    assert set(ARGUMENTS) == {name for name, _ in commands()}


@pytest.mark.parametrize(("file", "section", "key", "is_list"), KEYS)
def test_a_key(place: Path, file: str, section: str, key: str, is_list: bool) -> None:
    text = (place / file).read_text("utf-8")
    header = f"[[{section}]]" if f"[[{section}]]" in text else f"[{section}]"
    for value in VALUES:
        line = f"{key} = [{value}]" if is_list else f"{key} = {value}"
        changed = text if header in text else f"{text}{header}\n"
        (place / file).write_text(changed.replace(header, f"{header}\n{line}"), "utf-8")
        command = ["run", file, "-o", "out"] if file == "run.toml" else ["study", file, "-o", "out"]
        said = refused(place, command)
        assert file in said
        assert key in said


@pytest.mark.parametrize(("command", "option"), numeric_options())
def test_an_option(place: Path, command: str, option: str) -> None:
    for value in VALUES:
        said = refused(place, [*command.split(), *ARGUMENTS[command].split(), option, value])
        assert option.lstrip("-").replace("-", "_") in said.replace("-", "_")
