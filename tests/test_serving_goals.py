"""The goals of `bench.serving`, by figures whose ratios are known, and how clients are counted."""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, cast

from bench.common import slow_99
from bench.served import Server, at_once
from bench.serving_goals import goal_row, goals

FIGURES = {
    ("direct", "torch"): {"median ms": 600.0},
    ("direct", "openvino"): {"median ms": 100.0, "start to first answer s": 3.0},
    ("direct", "q8_0"): {"memory MiB": 600},
    ("served", "openvino"): {"median ms": 990.0, "engine alone ms": 900.0},
    ("explained", "openvino"): {"median ms": 1000.0},
    ("explained", "generate"): {"median ms": 7000.0},
    ("mixed", "openvino"): {
        "answers/s": 3.0,
        "best batch answers/s": 4.0,
        "p99 s": 20.0,
        "errors": 0,
    },
}


def test_a_goal_is_met_where_its_ratio_reaches_it() -> None:
    found = {goal.name: (goal.value, goal.met) for goal in goals(FIGURES)}
    assert {name: each for name, each in found.items() if each[0] is not None} == {
        "direct against explaining first, openvino": (9.9, False),
        "direct, OpenVINO against torch float32": (6.0, True),
        "70 tokens, OpenVINO against transformers' generate in float32": (7.0, True),
        "explained, served against the engine alone, openvino": (1.1, True),
        "many at once, of the engine's best batch, openvino": (0.75, False),
        "their p99, openvino": (20.0, True),
        "their errors, openvino": (0, True),
        "start to first answer from an export": (3.0, False),
        "memory of llama.cpp's server, q8_0": (629.1456, True),
    }


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    rows = {row[0]: row for row in map(goal_row, goals(FIGURES))}
    name = "direct, OpenVINO against torch bf16"
    assert rows[name] == (name, "not measured", "≥ 1.4", "–")
    name = "direct, OpenVINO against torch float32"
    assert rows[name] == (name, "6 times", "≥ 5", "yes")
    assert {row[3] for row in map(goal_row, goals({}))} == {"–"}


class _Uneven(BaseHTTPRequestHandler):
    """Refuses the client 0, hangs up on 1, answers 2 late and all others at once."""

    def do_POST(self) -> None:
        number = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["number"]
        if number == 1:
            return
        if number == 2:
            time.sleep(0.5)
        self.send_response(503 if number == 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: Any) -> None:
        pass


def test_only_answers_count_in_the_rate_and_in_p99() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Uneven) as listening:
        threading.Thread(target=listening.serve_forever).start()
        process = cast("Any", SimpleNamespace(pid=os.getpid()))
        server = Server("127.0.0.1", listening.server_port, process, 0.0, "wall")
        begun = time.perf_counter()
        found = at_once(server, "/", [{"number": number} for number in range(20)])
        seconds = time.perf_counter() - begun
        refused = at_once(server, "/", [{"number": 0}])
        listening.shutdown()
    assert found["errors"] == 2
    assert found["p99 s"] >= 0.5  # the slowest of 18
    assert found["answers/s"] >= 17 / seconds
    assert found["answers/s"] <= 18 / 0.5
    assert (refused["errors"], refused["p99 s"], refused["answers/s"]) == (1, None, 0)


def test_p99_is_the_rank_rounded_up() -> None:
    assert slow_99([float(number) for number in range(64)]) == 63
    assert slow_99([float(number) for number in range(200)]) == 197
    assert slow_99([4.0]) == 4
