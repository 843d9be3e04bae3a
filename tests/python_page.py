"""``docs/python.md``: the public names with their docstrings, as the code has them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Any

import teachback as tb
from teachback.api import settings
from teachback.api.settings import Named
from teachback.config import SECTIONS, reference_table

INTRODUCTION = """\
# Python

`import teachback as tb` gives the names below; nothing is loaded until one is used. The functions
take data from files or from memory. Their results print as sentences and convert to rows and
frames. Errors are those of `teachback.errors`, one line each; a `UsageError` is one that the caller
can fix. The settings have the defaults of [the configuration](config.md).

This page is written from the docstrings (`make docs`), and a test fails where it differs.
"""

PLACES: Mapping[str, Mapping[str, Named]] = {
    "GenerateSettings": settings.GENERATE,
    "TrainSettings": settings.TRAIN,
    "EvaluateSettings": settings.EVALUATE,
    "EvaluateTeacherSettings": settings.EVALUATE_TEACHER,
}


def page() -> str:
    """The whole page."""
    public = {name: getattr(tb, name) for name in tb.__all__}
    functions = {name: one for name, one in public.items() if inspect.isfunction(one)}
    classes = {
        name: one for name, one in public.items() if inspect.isclass(one) and name not in PLACES
    }
    parts = [INTRODUCTION, "## Functions\n"]
    for name, one in functions.items():
        parts.append(
            f"### `tb.{name}`\n\n{_signature(f'tb.{name}', one)}\n{_markdown(one.__doc__)}"
        )
    parts.append("## Results, students and records\n")
    parts += [_class(name, one) for name, one in classes.items()]
    parts.append("## Settings\n")
    for name, places in PLACES.items():
        parts.append(f"### `tb.{name}`\n\n{_markdown(public[name].__doc__)}\n{_table(places)}")
    parts.append("## What functions take\n")
    for name in public:
        if name not in functions and name not in classes and name not in PLACES:
            parts.append(f"### `tb.{name}`\n\n{_markdown(_alias_text(name))}")
    return "\n".join(parts)


def _class(name: str, one: type[Any]) -> str:
    parts = [f"### `tb.{name}`\n", _markdown(one.__doc__)]
    texts = _field_texts(one)
    lines = [
        f"- `{field.name}: {field.type}`{_tail(texts.get(field.name))}"
        for field in (dataclasses.fields(one) if dataclasses.is_dataclass(one) else ())
    ]
    if lines:
        parts.append("\n".join([*lines, ""]))
    for method, function in _methods(one):
        if isinstance(function, property):
            parts.append(f"`{name}.{method}`: {_markdown(function.__doc__)}")
        else:
            parts.append(
                f"{_signature(f'{name}.{method}', function)}\n{_markdown(function.__doc__)}"
            )
    return "\n".join(parts)


def _methods(one: type[Any]) -> Iterator[tuple[str, Any]]:
    """Public methods and properties with docstrings, a class's own first."""
    seen: set[str] = set()
    for owner in one.__mro__:
        if not owner.__module__.startswith("teachback"):
            continue
        for name, value in vars(owner).items():
            inner = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            # A function under another name is an attribute's default.
            is_method = inspect.isfunction(inner) and inner.__name__ == name
            is_ours = is_method or isinstance(inner, property)
            if not name.startswith("_") and is_ours and name not in seen and inner.__doc__:
                seen.add(name)
                yield name, inner


def _signature(name: str, function: Any) -> str:
    found = inspect.signature(function)
    parts: list[str] = []
    star = False
    for parameter in found.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            star = True
            parts.append("*")
        text = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        text += parameter.name
        if parameter.annotation is not parameter.empty:
            text += f": {parameter.annotation}"
        if parameter.default is not parameter.empty:
            text += f" = {parameter.default!r}"
        parts.append(text)
    inner = "".join(f"    {part},\n" for part in parts)
    opened = f"(\n{inner})" if inner else "()"
    word = "async def" if inspect.iscoroutinefunction(function) else "def"
    return f"```python\n{word} {name}{opened} -> {found.return_annotation}\n```\n"


def _table(places: Mapping[str, Named]) -> str:
    leave_out = {
        f"{section}.{key}"
        for section in places
        for key in SECTIONS[section].model_fields
        if key not in places[section]
    }
    table = reference_table({section: SECTIONS[section] for section in places}, leave_out)
    return re.sub(r"^\| `\w+\.(\w+)`", r"| `\1`", table, flags=re.MULTILINE)


def _markdown(text: str | None) -> str:
    """A docstring as Markdown: code, literals, and lists of errors and attributes."""
    lines: list[str] = []
    is_code = False
    for line in inspect.cleandoc(text or "").splitlines():
        if is_code and line and not line.startswith("    "):
            lines[-1:] = ["```", ""]
            is_code = False
        item = re.match(r" {4}(\w+): (.*)", line)
        if is_code:
            lines.append(line.removeprefix("    "))
        elif line.endswith("::"):
            lines += [line.removesuffix(":"), "", "```python"]
            is_code = True
        elif item:
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif line in ("Raises:", "Args:", "Attributes:"):
            lines += [line, ""]
        else:
            lines.append(re.sub(r"^ {8}", "  ", line))
    joined = "\n".join(lines).replace("```python\n\n", "```python\n")
    plain = re.sub(r"(?<!`)``(?!`)", "`", joined)
    return re.sub(r":(?:func|data|mod|class):", "", plain) + "\n"


def _tail(text: str | None) -> str:
    return "" if text is None else f": {' '.join(text.replace('``', '`').split())}"


@cache
def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _texts_after(body: list[ast.stmt]) -> dict[str, str]:
    """The text that follows an assignment, by the name that it assigns."""
    found = {}
    for statement, after in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
        else:
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[name] = str(after.value.value)
    return found


def _field_texts(one: type[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for owner in reversed(one.__mro__):
        if owner.__module__.startswith("teachback"):
            for node in ast.walk(_tree(sys.modules[owner.__module__])):
                if isinstance(node, ast.ClassDef) and node.name == owner.__name__:
                    found |= _texts_after(node.body)
    return found


def _alias_text(name: str) -> str:
    """What the code says of a type that has no docstring of its own."""
    for module in (one for key, one in sys.modules.items() if key.startswith("teachback.")):
        if isinstance(module, ModuleType) and name in vars(module):
            text = _texts_after(_tree(module).body).get(name)
            if text is not None:
                return text
    raise AssertionError(f"tb.{name} is described nowhere")
