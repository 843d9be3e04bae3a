"""Where the Trainer's figures go besides: TensorBoard's files, and a user's own callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

import teachback as tb
from teachback.errors import ConfigError
from tiny import tiny_causal

EXAMPLES = [
    tb.Example(f"q{n}", f"Is the number {n} even?", ("yes", "no")[n % 2], "yes-no")
    for n in range(12)
]


class Listening(TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "eval_loss" in (logs or {}):
            self.losses.append(logs["eval_loss"])


def test_tensorboard_and_callbacks_get_the_figures(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    weights, listening = tiny_causal(tmp_path / "tiny", "llama"), Listening()
    tb.train(
        EXAMPLES,
        student=weights,
        objective="st",
        epochs=2,
        patience=0,
        folder=tmp_path / "run",
        report_to="tensorboard",
        callbacks=[listening],
    )
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"student", "logs"}
    events = accumulator.EventAccumulator(str(tmp_path / "run" / "logs"))
    events.Reload()
    assert {"eval/loss", "eval/accuracy"} <= set(events.Tags()["scalars"])
    losses = [event.value for event in events.Scalars("eval/loss")]
    assert losses == pytest.approx(listening.losses)
    assert len(losses) == 2


@pytest.mark.parametrize("off", [(), "none"])
def test_off_by_default(off: Any, tmp_path: Path) -> None:
    weights, folder = tiny_causal(tmp_path / "tiny", "llama"), tmp_path / "run"
    tb.train(EXAMPLES, student=weights, objective="st", epochs=1, folder=folder, report_to=off)
    assert {path.name for path in folder.iterdir()} == {"student"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tensorbord", "report_to: tensorbord is not supported, only "),
        ("comet_ml", "report_to: "),  # not installed here
        ("all", "report_to: name each place, not 'all'"),
    ],
)
def test_what_cannot_be_reported_to_is_one_line(name: str, message: str, tmp_path: Path) -> None:
    weights = tiny_causal(tmp_path / "tiny", "llama")
    with pytest.raises(ConfigError) as caught:
        tb.train(EXAMPLES, student=weights, objective="st", folder=tmp_path / "x", report_to=name)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "x").exists()
