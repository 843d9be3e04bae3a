"""The keys of sections as a Markdown table: the documentation is generated from them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, get_args, get_origin

from teachback.config.sections import SECTIONS, ConfigSection


def reference_table(
    sections: Mapping[str, type[ConfigSection]] = SECTIONS, leave_out: Collection[str] = ()
) -> str:
    """Every key (``section.name``) in a Markdown table, for the documentation."""
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for section, model in sections.items():
        for name, info in model.model_fields.items():
            if f"{section}.{name}" in leave_out:
                continue
            default = "required" if info.is_required() else _toml(info.default)
            kind = _type_name(info.annotation).replace("|", "\\|")
            lines.append(f"| `{section}.{name}` | {kind} | {default} | {info.description} |")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    return f"`{value}`".lower() if isinstance(value, bool) else f"`{value}`"


def _type_name(annotation: Any) -> str:
    args = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _type_name(args[0])
    if get_origin(annotation) is tuple:
        return f"list of {_type_name(args[0])}"
    if args and all(isinstance(arg, str) for arg in args):
        return " | ".join(args)
    if args:
        return " | ".join(_type_name(arg) for arg in args if arg is not type(None))
    return getattr(annotation, "__name__", str(annotation))
