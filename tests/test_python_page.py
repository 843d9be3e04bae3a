"""``docs/python.md`` says what the docstrings say, and each public name has one."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import teachback as tb
from python_page import page

DOCS = Path(__file__).parents[1] / "docs" / "python.md"


def test_the_page_shows_the_docstrings_as_the_code_has_them() -> None:
    if os.environ.get("TEACHBACK_UPDATE_GOLDEN"):
        DOCS.write_text(page(), "utf-8")
        return
    assert DOCS.read_text("utf-8") == page(), "TEACHBACK_UPDATE_GOLDEN=1 writes the page anew"


def test_every_public_name_is_described() -> None:
    text = page()
    for name in tb.__all__:
        assert f"### `tb.{name}`\n" in text
        public = getattr(tb, name)
        if inspect.isfunction(public):
            assert public.__doc__, name
            for parameter in inspect.signature(public).parameters.values():
                assert parameter.annotation is not parameter.empty, (name, parameter)
