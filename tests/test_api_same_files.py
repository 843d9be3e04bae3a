"""The same job through Python, through the commands and through ``run``: the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import teachback as tb
from teachback.cli import cli
from tiny import tiny_causal
from tiny_run import write_config, write_data


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("same")
    write_data(folder)
    write_config(folder, tiny_causal(folder / "tiny", "gemma3"), seed=3)
    return folder


def command(*arguments: object) -> None:
    done = CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def by_run(root: Path, out: Path) -> None:
    command("run", root / "run.toml", "-o", out)


def by_commands(root: Path, out: Path) -> None:
    data, test = root / "train.jsonl", root / "test.jsonl"
    teacher = f"recorded:{root / 'teacher.jsonl'}"
    command("generate", data, "--teacher", teacher, "--seed", 3, "-o", out / "explained")
    command(
        *("train", data, "--explanations", out / "explained" / "explanations.jsonl"),
        *("--student", root / "tiny", "--epochs", 1, "--batch-size", 4, "--seed", 3),
        *("--precision", "fp32", "--max-target-tokens", 48, "-o", out / "trained"),
    )
    command(
        *("evaluate", out / "trained" / "student", test, "--train", data, "--precision", "fp32"),
        *("--max-new-tokens", 8, "-o", out / "evaluated"),
    )


def by_python(root: Path, out: Path) -> None:
    data = tb.read_examples(root / "train.jsonl")
    found = tb.generate(data, teacher=f"recorded:{root / 'teacher.jsonl'}", store=out / "s.sqlite")
    found.save(out / "explained")
    student = tb.train(
        data,
        found.explanations,
        student=root / "tiny",
        folder=out / "trained",
        epochs=1,
        batch_size=4,
        seed=3,
        precision="fp32",
        max_target_tokens=48,
        max_new_tokens=8,
    )
    test = root / "test.jsonl"
    tb.evaluate(student, test, train=data, max_new_tokens=8).save(out / "evaluated")


COMPARED = (
    "explanations.jsonl",
    "rejections.jsonl",
    "selection.json",
    "model.safetensors",
    "predictions.jsonl",
    "predictions.untrained.jsonl",
    "predictions.majority.jsonl",
)


def files(out: Path) -> dict[str, bytes]:
    """What a job made, by the files' names, wherever they stand."""
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.name in COMPARED}


def figures(out: Path) -> Any:
    """What ``metrics.json`` says, but for how long it took and under which name it was asked."""
    [path] = out.rglob("metrics.json")
    said = json.loads(path.read_text("utf-8"))
    return {key: value for key, value in said.items() if key not in ("cost_per_1000", "student")}


def test_the_same_job_gives_the_same_files(root: Path, tmp_path: Path) -> None:
    ways = {"run": by_run, "commands": by_commands, "python": by_python}
    for name, way in ways.items():
        (tmp_path / name).mkdir()
        way(root, tmp_path / name)
    expected = files(tmp_path / "run")
    assert set(expected) == set(COMPARED)
    for name in ways:
        found = files(tmp_path / name)
        assert found.keys() == expected.keys()
        for file, content in expected.items():
            assert found[file] == content, f"{name}: {file}"
        assert figures(tmp_path / name) == figures(tmp_path / "run"), name
