"""Runs with explanations, as `teachback annotate` reads them, and a server of their page."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def rating(acceptable: str) -> dict[str, str]:
    """One annotator's answers to the questions of a rating."""
    rest = dict.fromkeys(("grammatical", "new-facts", "relevant", "enough"), "yes")
    return {"factual": "unknown", **rest, "acceptable": acceptable}


def downloaded(file: str, acceptable: str = "yes", browser: str = "b1", answers: int = 3) -> str:
    """Write what ``page.html`` would download, the page of an annotation with ``--file``."""
    page = Path("page.html").read_text("utf-8")
    found = re.search(r'id="annotation">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    given = json.loads(found[1])
    head = {"teachback": "answers", "version": 1, "browser": browser}
    lines: list[dict[str, Any]] = [
        {**head, "identity": given["identity"], "annotator": given["annotator"]}
    ]
    for number, screen in enumerate(given["screens"][:answers], 1):
        lines.append(
            {"screen": screen["id"], "answers": rating(acceptable), "note": "", "seconds": 3}
            | {"made": "2026-01-01T00:00:00Z", "source_number": number}
        )
    Path(file).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return file


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
