"""What cannot be served is one line, exit code 2: missing, truncated, foreign."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from teachback.cli import cli
from teachback.students.load import load
from tiny import tiny_causal


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_causal(tmp_path_factory.mktemp("whole") / "student")
    model = load(folder)
    model.with_card(objective="mt-cot", kind="multiple-choice")
    model.card.save(folder)
    return folder


def _truncated(name: str) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return cut


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _foreign(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["model_type"], config["architectures"] = "of_another_kind", ["Another"]
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def _picture(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "picture.png").write_bytes(b"no student")


def _gguf(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "model.gguf").write_bytes(b"GGUF")
    (folder / "Modelfile").write_text("FROM model.gguf", "utf-8")


def _openvino(folder: Path) -> None:
    (folder / "openvino.json").write_text("{}", "utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        _picture,
        _gguf,
        _openvino,
        _foreign,
        *map(_truncated, ("model.safetensors", "config.json", "tokenizer.json", "teachback.json")),
        *map(_without, ("model.safetensors", "config.json", "tokenizer.json")),
    ],
)
def test_what_is_no_whole_student_is_one_line(
    damage: Callable[[Path], None], whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "student"
    shutil.copytree(whole, folder)
    damage(folder)
    done = CliRunner().invoke(cli, ["serve", str(folder), "--port", "0"])
    assert done.exit_code == 2, done.output
    lines = done.stderr.splitlines()
    assert len(lines) == 1, lines
    assert str(folder) in lines[0]
