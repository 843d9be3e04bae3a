"""Where an OpenAI-compatible teacher is asked, and with which key."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from teachback.costs.prices import is_loopback
from teachback.errors import ReferenceError_
from teachback.records import KeyHeader
from teachback.references import shown
from teachback.system.launch import OFFLINE_SWITCH, is_offline
from teachback.teachers.http import Line
from teachback.teachers.prompts import Form

PATHS: dict[Form, str] = {"chat": "/chat/completions", "text": "/completions"}


def without_path(base: str) -> str:
    """An address without the path that is added to it, where somebody gave it with that."""
    try:
        parts = urlsplit(base)
    except ValueError:
        return base  # said by those who open it
    path = parts.path.rstrip("/")
    for ending in PATHS.values():
        if path.endswith(ending):
            return parts._replace(path=path.removesuffix(ending)).geturl()
    return base


def line_to(
    base: str,
    path: str,
    key: str,
    key_header: KeyHeader,
    *,
    connect_seconds: float,
    most_bytes: int,
) -> Line:
    """What requests are sent through. Raises `ReferenceError_` where the address cannot be one."""
    headers = {"Content-Type": "application/json"}
    if key and key_header == "authorization":
        headers["Authorization"] = f"Bearer {key}"
    elif key:
        headers["api-key"] = key
    try:
        line = Line(base, path, headers, connect_seconds, most_bytes)
    except ValueError as error:
        raise ReferenceError_(f"{shown(base)}: {error}") from None
    if is_offline() and not is_loopback(line.host):
        raise ReferenceError_(
            f"{OFFLINE_SWITCH} is set, so {line.host} must not be asked: unset it, "
            "or use a server on this machine"
        )
    return line


def find_key(file: str | Path | None) -> str:
    """The key, or an empty text where there is none. Raises `ReferenceError_`."""
    if file is None:
        key = os.environ.get("OPENAI_API_KEY", "").strip()
        file = os.environ.get("OPENAI_API_KEY_FILE")
        if key or not file:
            return key
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ReferenceError_(f"the API key file {file} cannot be read: {reason}") from None
