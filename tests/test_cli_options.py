"""Options: the same flags as ever, and of a configuration's key the field's own words."""

from __future__ import annotations

import importlib
import os
from ast import literal_eval
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from teachback.cli import COMMANDS
from teachback.cli.options import setting, settings
from teachback.config import SECTIONS, SelectionConfig, StudentConfig, TrainConfig

GOLDEN = Path(__file__).parent / "golden" / "options.txt"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its name."""

    def below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if not isinstance(command, click.Group):
            yield name, command
            return
        for inner, one in command.commands.items():
            yield from below(f"{name} {inner}", one)

    for name, (where, _) in COMMANDS.items():
        module, _, attribute = where.partition(":")
        yield from below(name, getattr(importlib.import_module(module), attribute))


def default_of(one: click.Option, command: click.Command) -> str | int | float | None:
    """None where there is none, for which click's versions have different values."""
    default = one.get_default(click.Context(command))
    return default if isinstance(default, str | int | float) else None


def flags() -> str:
    """One line per option: its flags, its choices and its default."""
    lines = []
    for name, command in commands():
        for one in command.params:
            if not isinstance(one, click.Option) or one.name == "quiet":
                continue
            values = f" {'|'.join(one.type.choices)}" if isinstance(one.type, click.Choice) else ""
            default = default_of(one, command)
            told = f" (default: {default})" if default is not None and default is not False else ""
            required = " (required)" if one.required else ""
            several = " (repeatable)" if one.multiple else ""
            names = " ".join([*one.opts, *one.secondary_opts])
            lines.append(f"{name}: {names}{values}{told}{required}{several}")
    return "\n".join(sorted(lines)) + "\n"


def test_the_flags_of_every_command() -> None:
    """A flag that is renamed breaks scripts: it is changed on purpose or not at all."""
    if os.environ.get("TEACHBACK_UPDATE_GOLDEN"):
        GOLDEN.write_text(flags(), "utf-8")
    assert flags() == GOLDEN.read_text("utf-8"), "TEACHBACK_UPDATE_GOLDEN=1 writes the list anew"


def test_an_option_that_sets_a_key_has_the_key_s_default_and_meaning() -> None:
    found = 0
    for name, command in commands():
        for one in command.params:
            section, between, key = (one.name or "").partition("__")
            if not between or section not in SECTIONS or not isinstance(one, click.Option):
                continue
            found += 1
            field = SECTIONS[section].model_fields[key]
            default = default_of(one, command)
            own = {("export openai-finetune", "exemplars"): "none"}.get((name, key), field.default)
            if name == "run" or one.required:
                assert default is None
            else:
                assert default == own, f"{name}: {one.opts}"
            assert one.help
    assert found > 40


def probe(*decorators: Callable[..., Any]) -> click.Command:
    """A command that prints what its options come to."""

    def show(**options: object) -> None:
        click.echo(repr(settings(options)))

    for decorator in decorators:
        show = decorator(show)
    return click.command()(show)


def ran(command: click.Command, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_values_come_by_section_and_key() -> None:
    command = probe(
        setting("train", "lora"),
        setting("train", "alpha"),
        setting("selection", "rp_check"),
        setting("student", "reference", "--student"),
        setting("data", "size"),
        setting("teacher", "prices"),
    )
    assert literal_eval(ran(command).output) == {
        "student": {"reference": StudentConfig().reference},
        "selection": {"rp_check": SelectionConfig().rp_check},
        "train": {"alpha": TrainConfig().alpha, "lora": False},
    }
    given = ran(command, "--lora", "--alpha", "1", "--no-rp-check", "--student", "x", "--size", "9")
    values = literal_eval(given.output)
    assert values == {
        "data": {"size": 9},
        "student": {"reference": "x"},
        "selection": {"rp_check": False},
        "train": {"alpha": 1.0, "lora": True},
    }
    assert isinstance(values["data"]["size"], int)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--alpha", "2"), "'--alpha': 2.0 is not in the range 0<=x<=1"),
        (("--alpha", "x"), "'--alpha': 'x' is not a valid float"),
        (("--learning-rate", "0"), "0.0 is not in the range x>0"),
        (("--seed", "4294967296"), "not in the range 0<=x<4294967296"),
        (("--size", "few"), "'--size': 'few' is neither a count nor a fraction like 0.1"),
        (("--objective", "st-2"), "'st-2' is not one of 'st', "),
    ],
)
def test_a_value_out_of_a_key_s_bounds_is_refused(arguments: tuple[str, ...], told: str) -> None:
    command = probe(
        setting("train", "alpha"),
        setting("train", "learning_rate"),
        setting("train", "seed"),
        setting("data", "size"),
        setting("train", "objective"),
    )
    ended = ran(command, *arguments)
    assert ended.exit_code == 2
    assert told in ended.output


def test_an_option_that_overrides_a_file_has_no_default() -> None:
    command = probe(setting("train", "seed", overrides=True))
    assert ran(command).output == "{}\n"
    assert ran(command, "--seed", "0").output == "{'train': {'seed': 0}}\n"


@pytest.mark.parametrize(
    ("section", "key", "text"),
    [
        ("train", "epochs", "Passes over the training part.  [default: 3.0; x>0]"),
        ("teacher", "system", "fold: put the system turn"),
        ("student", "reference", "hf:owner/name, a local folder"),
        ("data", "size", "Rows to use"),
    ],
)
def test_the_help_is_the_key_s_meaning(section: str, key: str, text: str) -> None:
    shown = " ".join(ran(probe(setting(section, key)), "--help").output.split())
    assert " ".join(text.split()) in shown
