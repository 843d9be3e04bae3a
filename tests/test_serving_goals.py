"""The goals of `bench.serving`, by figures whose ratios are known."""

from __future__ import annotations

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
