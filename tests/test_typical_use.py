"""What mypy, and with it an editor, knows of a user's code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = Path(__file__).with_name("typical_use.py")
_SAYS = re.compile(r"^[^:]+:(\d+): (error|note): (.*?)(?:  \[[\w-]+\])?$")


def _said(line: str) -> tuple[int, str] | None:
    """The number of a line, and what mypy says of it that the code has to expect."""
    match = _SAYS.match(line)
    if match is None:
        return None
    number, kind, text = match.groups()
    if kind == "error":
        return int(number), f"error: {text}"
    revealed = re.fullmatch(r'Revealed type is "(.*)"', text)
    return (int(number), revealed[1].replace("builtins.", "")) if revealed else None


@pytest.mark.slow
def test_types_of_typical_code() -> None:
    for package in ("pandas", "polars", "datasets", "mypy"):
        pytest.importorskip(package)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(CODE)],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT / "src"), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    said: dict[int, list[str]] = {}
    for one in map(_said, done.stdout.splitlines()):
        if one is not None:
            said.setdefault(one[0], []).append(one[1])
    expected = {
        number: line.rpartition("  # ")[2]
        for number, line in enumerate(CODE.read_text("utf-8").splitlines(), 1)
        if "  # " in line
    }
    assert said.keys() == expected.keys(), done.stdout + done.stderr
    for number, wanted in expected.items():
        is_error = wanted.startswith("error: ")
        fits = (
            wanted.removeprefix("error: ") in said[number][0]
            if is_error
            else wanted == said[number][0]
        )
        assert fits, f"line {number}: {said[number]}"
    assert len(expected) > 20
