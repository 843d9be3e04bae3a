"""Training and studies that are killed at random moments and run again leave in the end what a run
leaves that nobody disturbs."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from fuzz_files import STUDY
from kill_rounds import replies
from teachback.files import read_json, read_jsonl
from tiny import tiny_causal
from tiny_run import contents, write_data
from warm_process import WarmProcess

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork")

SIGNALS = (signal.SIGKILL, signal.SIGTERM)
ROUNDS = [4, pytest.param(30, marks=pytest.mark.slow)]

TRAIN = (
    "train train.jsonl --explanations explanations.jsonl --student tiny --objective mt-cot "
    "--epochs 6 --patience 0 --batch-size 4 --precision fp32 --max-target-tokens 48 -o"
).split()


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WarmProcess, Path]]:
    """A process in a folder with data, explanations and a tiny student."""
    folder = tmp_path_factory.mktemp("kills")
    write_data(folder)
    tiny_causal(folder / "tiny", "llama")
    text = STUDY.replace("epochs = 1", "epochs = 3\nbatch_size = 4\npatience = 0")
    (folder / "study.toml").write_text(text, "utf-8")
    with WarmProcess(folder) as process:
        asked = "generate train.jsonl --teacher recorded:teacher.jsonl -o asked".split()
        assert process.run(asked).code == 0
        shutil.copy(folder / "asked" / "explanations.jsonl", folder)
        yield process, folder


def killed(process: WarmProcess, words: list[str], rounds: int, whole: float) -> list[str]:
    """Run the command ``rounds`` times, each ended by a signal at a random moment of the
    ``whole`` time that it takes undisturbed, and then to its end; the moments."""
    rng = random.Random(f"{words}, {rounds}")
    moments = []
    for number in range(rounds):
        sent = SIGNALS[number % 2]
        # Most of a later round is the end alone, so the moments come earlier and earlier.
        after = rng.uniform(0, whole) * 0.9**number
        ended = process.run(words, after=after, number=sent)
        expected = -signal.SIGKILL if sent == signal.SIGKILL else 128 + signal.SIGTERM
        moments.append(f"{sent.name} after {after:.2f} s: {ended.code}")
        # It may have ended before, or be past the point where a signal changes anything.
        assert ended.code in (expected, 0), (moments, ended.said)
        if ended.code == 128 + signal.SIGTERM:
            lines = [one for one in ended.said.splitlines() if one.startswith("teachback: ")]
            assert len(lines) == 1, ended.said
            assert "run the same command again" in lines[0]
        assert "Traceback" not in ended.said, ended.said
        if ended.code == 0:
            return moments
    ended = process.run(words)
    assert ended.code == 0, (moments, ended.said)
    return moments


TIMES = (
    "began", "date", "declared", "resumed", "seconds", "seconds_evaluate", "seconds_train",
    "direct_seconds", "explained_seconds",
)  # fmt: skip
"""Keys of JSON files that say when a run was, how long it took, and whether it was resumed."""


def timeless(value: Any) -> Any:
    """The same tree without `TIMES`, every number to eight digits."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES}
    if isinstance(value, list):
        return [timeless(v) for v in value]
    return float(f"{value:.8g}") if isinstance(value, float) else value


def held(file: Path, folder: Path) -> Any:
    """What a JSON file holds, without `TIMES` and the name of the run's own folder."""
    text = json.dumps(timeless(read_json(file))).replace(str(folder), "FOLDER")
    return json.loads(text)


def assert_same(left: Path, right: Path) -> None:
    """The same files, which hold the same but for `TIMES` and the last digits."""
    files = contents(left)
    assert files.keys() == contents(right).keys()
    for name in files:
        one, other = left / name, right / name
        if name.endswith(".safetensors"):
            tensors = load_file(one), load_file(other)
            assert tensors[0].keys() == tensors[1].keys()
            for key, tensor in tensors[0].items():
                torch.testing.assert_close(tensor, tensors[1][key], rtol=0, atol=1e-6, msg=name)
        elif name.endswith(".json"):
            assert held(one, left) == held(other, right), name
        elif name.endswith(".jsonl"):
            rows = [[timeless(row) for _, row in read_jsonl(file)] for file in (one, other)]
            assert rows[0] == rows[1], name
        elif name.endswith(".sqlite"):
            assert replies(one) == replies(other), name
        else:
            assert one.read_bytes() == other.read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("command", [TRAIN, ["study", "study.toml", "-o"]], ids=lambda c: c[0])
def test_killed_at_random_and_run_again(
    warm: tuple[WarmProcess, Path], command: list[str], rounds: int
) -> None:
    """A study's cells run in its own process here; `test_study.py` kills one whose cells do not."""
    process, folder = warm
    straight, disturbed = (f"{command[0]}-{name}-{rounds}" for name in ("straight", "disturbed"))
    undisturbed = process.run([*command, straight])
    assert undisturbed.code == 0, undisturbed.said
    moments = killed(process, [*command, disturbed], rounds, undisturbed.seconds)
    assert len(moments) > 1, moments
    assert_same(folder / straight, folder / disturbed)
