"""Options of commands: made from the configuration's keys, or shared by several commands.

An option that sets a key takes its type, its choices, its bounds, its default and its meaning
from the key's field, so that each is written once. Its value reaches the command as a parameter
named ``SECTION__KEY``, and `settings` sorts these into sections again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from teachback.config import SECTIONS, ConfigSection
from teachback.questions import KINDS

SOURCE = "the command's options"
"""What errors in the values of options name in the place of a file."""

Command = TypeVar("Command", bound=Callable[..., Any])

_BETWEEN = "__"


def setting(
    section: str,
    key: str,
    *flags: str,
    sections: Mapping[str, type[ConfigSection]] = SECTIONS,
    help: str = "{}.",
    default: Any = None,
    overrides: bool = False,
    **attributes: Any,
) -> Callable[[Command], Command]:
    """A decorator: the option that sets ``section.key``.

    Args:
        flags: Where they are not ``--key`` with dashes.
        sections: Those of the file that has the key.
        help: Its text; ``{}`` stands for the key's meaning.
        default: Where the command's own differs from the key's.
        overrides: Whether it replaces what a file says; then it has no default.
        attributes: Further ones of `click.option` (``metavar``, ``required``).
    """
    model = sections[section]
    field = model.model_fields[key]
    kind = _type_of(model.model_json_schema()["properties"][key])
    own = None
    if not overrides and not attributes.get("required"):
        own = field.get_default() if default is None else default
    if own is not None:
        attributes |= {"default": own, "show_default": own is not False}
    attributes["help"] = _sentence(help.format(field.description), kind)
    names = flags or (f"--{key.replace('_', '-')}",)
    if kind is click.BOOL:
        attributes["is_flag"] = True
        names = (f"{names[0]}/--no-{names[0].removeprefix('--')}",) if own else names
    else:
        attributes["type"] = kind
        if isinstance(kind, click.IntRange | click.FloatRange):
            attributes.setdefault("metavar", "N" if isinstance(kind, click.IntRange) else "X")
    return click.option(*names, f"{section}{_BETWEEN}{key}", **attributes)


def settings(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The values of all options that set keys: section → key → value; without those that
    were not given and have no default."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in options.items():
        section, between, key = name.partition(_BETWEEN)
        if between and value is not None:
            found.setdefault(section, {})[key] = value
    return found


def _type_of(schema: Mapping[str, Any]) -> Any:
    """click's type for the values that a field's JSON schema allows."""
    some = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    if {one.get("type") for one in some} == {"integer", "number"}:
        return _count_or_fraction
    if "array" in {one.get("type") for one in some}:
        return _word_or_list
    (one,) = some
    if "enum" in one or "const" in one:
        return click.Choice(one.get("enum") or [one["const"]])
    bounds: dict[str, Any] = {}
    for limit, (closed, opened) in _BOUNDS.items():
        if opened in one:
            bounds |= {limit: one[opened], f"{limit}_open": True}
        elif closed in one:
            bounds |= {limit: one[closed]}
    if one["type"] == "integer":
        return click.IntRange(**bounds) if bounds else click.INT
    if one["type"] == "number":
        return click.FloatRange(**bounds) if bounds else click.FLOAT
    return {"boolean": click.BOOL, "string": click.STRING}[one["type"]]


_BOUNDS = {"min": ("minimum", "exclusiveMinimum"), "max": ("maximum", "exclusiveMaximum")}


def _count_or_fraction(text: str) -> int | float:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a count nor a fraction like 0.1") from None


def _word_or_list(text: str) -> str | list[str]:
    """A list as its members with commas between them; the key's own check says which are known."""
    return text if text == "auto" else [part.strip() for part in text.split(",")]


def _sentence(text: str, kind: Any) -> str:
    """A key's meaning with a capital, but where it begins with a value."""
    first = re.match(r"[\w-]+:?", text)
    word = first.group() if first else ""
    is_value = word.endswith(":") or (isinstance(kind, click.Choice) and word in kind.choices)
    return text if is_value else text[:1].upper() + text[1:]


# What several commands have


_DECIMAL = click.option(
    "--decimal",
    type=click.Choice(["point", "comma"]),
    callback=lambda ctx, _parameter, sign: _set_decimal(ctx, sign),
    is_eager=False,
    expose_value=False,
    help=(
        "The decimal sign in the answers; short for --kind number (point) or number-comma (comma)."
    ),
)


def _set_decimal(ctx: click.Context, sign: str | None) -> None:
    """``--decimal`` names the kind of a file of numbers."""
    if sign is None:
        return
    wanted = "number-comma" if sign == "comma" else "number"
    key = f"data{_BETWEEN}kind"
    if ctx.params.get(key) not in (None, wanted):
        raise click.UsageError(
            f"--decimal {sign} and --kind {ctx.params[key]} contradict each other"
        )
    ctx.params[key] = wanted


_KIND = setting("data", "kind", metavar="KIND", help=f"{{}}; one of {', '.join(KINDS)}.")


def KIND(command: Command) -> Command:
    """``--kind`` and, for files of numbers, ``--decimal``."""
    return _KIND(_DECIMAL(command))


def kind_in(options: Mapping[str, Any]) -> str | None:
    """The value of `KIND`."""
    kind: str | None = settings(options).get("data", {}).get("kind")
    return kind


SIZE = setting("data", "size", metavar="N")
SEED = setting("train", "seed")
STUDENT = setting("student", "reference", "--student", metavar="REF")
PRECISION = setting("student", "precision")
INSTRUCTIONS = setting("teacher", "instructions", metavar="FILE")

_ASKING = {
    "form": None,
    "system": None,
    "max_tokens": None,
    "concurrency": None,
    "max_cost": "USD",
    "prices": "FILE",
    "max_reply_mb": None,
    "key_header": None,
}


def asking_options(help: str = "{}.") -> Callable[[Command], Command]:
    """What every command that asks a teacher can set of `[teacher]`, beside which one it is."""

    def decorate(command: Command) -> Command:
        for key, metavar in reversed(_ASKING.items()):
            own: dict[str, Any] = {} if metavar is None else {"metavar": metavar}
            command = setting("teacher", key, help=help, **own)(command)
        return command

    return decorate


class FiniteRange(click.FloatRange):
    """A number within bounds; click's own range lets nan pass, and inf where it has no end."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return found


class Share(FiniteRange):
    """A number from 0 to 1."""

    def __init__(self) -> None:
        super().__init__(0, 1)


def questions_option(of: str) -> Callable[[Command], Command]:
    """``--data``, of commands on explanations; ``of``: whose configuration names them otherwise."""
    return click.option(
        "--data",
        "dataset",
        metavar="FILE",
        help=f"The questions; unset: the dataset in {of} configuration.",
    )


def json_option(instead_of: str = "tables") -> Callable[[Command], Command]:
    """``--json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help=f"Print JSON instead of {instead_of}."
    )


def out_option(
    text: str = "The folder to write.", *, required: bool = True, **attributes: Any
) -> Callable[[Command], Command]:
    """``-o``, by default required."""
    attributes = {"metavar": "DIR", "help": text} | attributes
    return click.option("-o", "--out", required=required, **attributes)


def overwrite_option(text: str) -> Callable[[Command], Command]:
    """``--overwrite``; what it replaces differs from command to command."""
    return click.option("--overwrite", is_flag=True, help=text)


def default_command(name: str, *, needs_argument: bool = True) -> type[click.Group]:
    """The class of a group whose command ``name`` need not be named: what is no command's name is
    its first argument; and so is ``name`` itself, where it ``needs_argument`` and none follows (a
    folder may be called so)."""

    class DefaultCommandGroup(click.Group):
        def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
            first, follows = (*args, "", "")[:2]
            alone = first == name and (follows.startswith("-") or not follows) and needs_argument
            known = first in self.commands or first in ctx.help_option_names
            if first and (alone or not known):
                args = [name, *args]
            return super().parse_args(ctx, args)

    return DefaultCommandGroup
