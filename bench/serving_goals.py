"""What serving is to reach, and whether figures of `bench.serving` reach it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[tuple[str, str], Mapping[str, Any]]
"""(part, engine) → its figures."""

TIMEOUT = 120.0
"""Seconds that `teachback serve` gives a request: what bounds p99."""


@dataclass(frozen=True, slots=True)
class Goal:
    """``value`` None: not measured here."""

    name: str
    value: float | None
    unit: str
    wanted: str
    met: bool | None


def _quotient(over: float | None, under: float | None) -> float | None:
    return None if over is None or not under else over / under


def goals(figures: Figures) -> Iterator[Goal]:
    """Every goal, in the order of the parts; those that lack a figure are not measured."""

    def of(part: str, engine: str, key: str = "median ms") -> float | None:
        return figures.get((part, engine), {}).get(key)

    def goal(name: str, value: float | None, unit: str, sign: str, limit: float) -> Goal:
        reached: Callable[[float], bool] = {
            "≥": lambda found: found >= limit,
            "≤": lambda found: found <= limit,
            "<": lambda found: found < limit,
        }[sign]
        met = None if value is None else reached(value)
        return Goal(name, value, unit, f"{sign} {limit:g}", met)

    def faster(name: str, slow: float | None, fast: float | None, wanted: float) -> Goal:
        return goal(name, _quotient(slow, fast), " times", "≥", wanted)

    for engine in ("torch", "torch-bf16", "openvino"):
        yield faster(
            f"direct against explaining first, {engine}",
            of("served", engine),
            of("direct", engine),
            10,
        )
    int8 = of("direct", "openvino")
    yield faster("direct, OpenVINO against torch bf16", of("direct", "torch-bf16"), int8, 1.4)
    yield faster("direct, OpenVINO against torch float32", of("direct", "torch"), int8, 5)
    ours = of("explained", "openvino")
    for engine, precision, wanted in (("generate-bf16", "bf16", 2), ("generate", "float32", 5)):
        yield faster(
            f"70 tokens, OpenVINO against transformers' generate in {precision}",
            of("explained", engine),
            ours,
            wanted,
        )
    for engine in ("torch", "torch-bf16", "openvino"):
        served = _quotient(of("served", engine), of("served", engine, "engine alone ms"))
        yield goal(f"explained, served against the engine alone, {engine}", served, "", "≤", 1.2)
    for engine in ("torch", "torch-bf16", "openvino"):
        rate, best = of("mixed", engine, "answers/s"), of("mixed", engine, "best batch answers/s")
        yield goal(
            f"many at once, of the engine's best batch, {engine}",
            _quotient(rate, best),
            "",
            "≥",
            0.8,
        )
        yield goal(f"their p99, {engine}", of("mixed", engine, "p99 s"), " s", "≤", TIMEOUT)
        yield goal(f"their errors, {engine}", of("mixed", engine, "errors"), "", "≤", 0)
    yield goal(
        "start to first answer from an export",
        of("direct", "openvino", "start to first answer s"),
        " s",
        "<",
        3,
    )
    memory = of("direct", "q8_0", "memory MiB")
    megabytes = None if memory is None else memory * 2**20 / 1e6
    yield goal("memory of llama.cpp's server, q8_0", megabytes, " MB", "<", 700)


def goal_row(goal: Goal) -> tuple[str, str, str, str]:
    """Its cells: name, measured, wanted, whether it is met."""
    if goal.value is None:
        return goal.name, "not measured", goal.wanted, "–"
    return goal.name, f"{goal.value:.3g}{goal.unit}", goal.wanted, "yes" if goal.met else "no"
