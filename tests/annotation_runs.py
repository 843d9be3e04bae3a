"""Runs with explanations, as `teachback annotate` reads them, and a server of their page."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from teachback.files import write_jsonl, write_predictions
from teachback.records import Prediction

CHOICES = ["clouds", "stones", "the sea", "a lamp"]
RUNS = ("runs/own-secret-name", "runs/other-secret-name")


def write_runs(folder: Path, items: int = 12, text: str = "") -> None:
    """``data.jsonl`` and two runs of its items in ``folder``; ``text`` goes into every field."""
    ids = [f"item-{number}" for number in range(items)]
    choices = [f"{choice}{text}" for choice in CHOICES]
    rows = [
        {
            "id": one,
            "question": f"Where does thing {one[5:]} come from?{text}",
            "choices": choices,
            "answer": choices[number % 4],
            "context": f"About things.{text}",
        }
        for number, one in enumerate(ids)
    ]
    write_jsonl(folder / "data.jsonl", rows)
    for turn, run in enumerate(RUNS):
        predictions = [
            Prediction(
                id=one,
                gold=choices[number % 4],
                answer=choices[(number + turn) % 4],
                correct=turn == 0,
                unparsed=False,
                explanation=f"Writer {turn} says that thing {one[5:]} is wet. {text}",
                explained_answer=choices[(number + turn) % 4],
                explained_correct=turn == 0,
            )
            for number, one in enumerate(ids)
        ]
        write_predictions(folder / run / "predictions.jsonl", predictions)


@contextlib.contextmanager
def served(folder: Path, *arguments: str) -> Iterator[list[str]]:
    """``teachback annotate`` in a process of its own: the annotators' links. Ends by Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "teachback", "annotate", *arguments],
        cwd=folder,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    links: list[str] = []
    said = []
    for line in process.stdout:
        said.append(line)
        links += re.findall(r"http://127\.0\.0\.1:\d+/\S+/", line)
        if len(links) == max(1, arguments.count("--annotator")):
            break
    try:
        assert links, "".join(said)
        yield links
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, out
    assert "Traceback" not in out
