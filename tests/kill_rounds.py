"""A run of ``teachback generate`` that is killed again and again, and what became of its replies.

A test runs `kill_rounds`; ``python -m bench.kill_rounds`` runs this file with more rounds.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mock_server import Asked, MockServer, Reply, said
from teachback.errors import StoreError
from teachback.store import CompletionStore

CONCURRENCY = 8
MOST_A_ROUND = 90
"""Requests after which a round ends at the latest, but for those in flight."""


@dataclass
class Killed:
    """What came of a run killed ``rounds`` times and then left alone."""

    rounds: int = 0
    amid_requests: int = 0
    """Kills with a request in flight or under way: after the first one, before the last."""
    needed: int = 0
    stored: int = 0
    lost: int = 0
    """Replies that stood in the store after one kill and not after the next, or not at the end."""
    wrong: int = 0
    """Stored replies that are not what the server said to that very request."""
    in_flight: int = 0
    """Requests that a kill cut off: asked, and not stored."""
    most_in_flight: int = 0
    repeated: int = 0
    """Requests that the server got more than once."""
    repeated_unduly: int = 0
    """Of these, repetitions beyond one for each kill that cut the request off."""
    seconds: float = 0.0
    said: str = ""
    """What the last run printed."""
    kills: list[str] = field(default_factory=list)


def answer(asked: Asked) -> Reply:
    """Slow enough to be killed at; every fifth COTE answer is wrong, so that RP is asked too."""
    number = int(re.findall(r"Does (\d+) follow", asked.prompt)[-1])
    right = number % 5 > 0 or "correct answer" in asked.prompt
    text = f"Because {asked.prompt!r}.\nThe answer is {'yes' if right else 'no'}."
    return said(text, seconds=0.01)


def kill_rounds(folder: Path, rounds: int, seed: int = 20261122) -> Killed:
    """Kill the run ``rounds`` times with SIGKILL at random moments: while it starts, or after a
    random number of requests. Every run is the same command; the last one is left to end."""
    rng, result, began = random.Random(seed), Killed(rounds), time.monotonic()
    # A round asks 90 at most, and two rounds more are left to the last run.
    examples = MOST_A_ROUND * (rounds + 2) * 5 // 6
    data, store = folder / "data.jsonl", folder / "out" / "completions.sqlite"
    data.write_text(
        "".join(
            json.dumps({"id": f"q{i}", "question": f"Does {i} follow {i - 1}?", "answer": True})
            + "\n"
            for i in range(examples)
        ),
        encoding="utf-8",
    )
    cut_off: Counter[str] = Counter()
    stored: dict[str, str] = {}
    with MockServer(answer) as server:
        for _ in range(rounds):
            before = len(server.asked)
            process = generating(data, folder / "out", server)
            if rng.random() < 0.2:
                moment = "starting"
                time.sleep(rng.uniform(0, 0.6))
            else:
                goal = rng.randint(1, MOST_A_ROUND - 20)
                moment = f"after {goal}"
                while len(server.asked) < before + goal and process.poll() is None:
                    time.sleep(0.0005)
                time.sleep(rng.uniform(0, 0.02))
            if process.poll() is not None:
                raise AssertionError(f"it ended before it was killed: {process.communicate()}")
            process.send_signal(signal.SIGKILL)
            process.communicate()
            time.sleep(0.05)  # the server reads what had been sent
            result.kills.append(moment)
            now = replies(store)
            asked = {each.prompt for each in server.asked[before:]}
            result.amid_requests += bool(asked)
            result.lost += sum(prompt not in now for prompt in stored)
            stored = now
            cut_off.update(asked - stored.keys())
            result.most_in_flight = max(result.most_in_flight, len(asked - stored.keys()))
        process = generating(data, folder / "out", server)
        result.said, errors = process.communicate(timeout=300)
        if process.returncode:
            raise AssertionError(errors)
        times = Counter(each.prompt for each in server.asked)
    now = replies(store)
    result.lost += sum(prompt not in now for prompt in stored)
    result.stored = len(now)
    result.needed = examples + -(-examples // 5)
    result.wrong = sum(not text.startswith(f"Because {prompt!r}.") for prompt, text in now.items())
    result.in_flight = cut_off.total()
    result.repeated = sum(count > 1 for count in times.values())
    result.repeated_unduly = sum(
        max(0, count - 1 - cut_off[prompt]) for prompt, count in times.items()
    )
    result.seconds = time.monotonic() - began
    return result


def generating(data: Path, out: Path, server: MockServer) -> subprocess.Popen[str]:
    words = ["generate", data, "--teacher", f"openai:m@{server.url}", "--exemplars", "none"]
    options = ["--concurrency", str(CONCURRENCY), "-o", out]
    return subprocess.Popen(
        [sys.executable, "-m", "teachback", "--quiet", *map(str, [*words, *options])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENAI_API_KEY": "none"},
    )


def replies(store: Path) -> dict[str, str]:
    """The stored replies by prompt; the store may not be there yet."""
    try:
        with CompletionStore(store, read_only=True) as opened:
            return {row.request.messages[-1].content: row.completion.text for row in opened}
    except StoreError:  # killed before there was one; were it damaged, all of it would be missed
        return {}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="kill-rounds-") as temporary:
        print(json.dumps(asdict(kill_rounds(Path(temporary), int(sys.argv[1])))))
