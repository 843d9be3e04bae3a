"""What /metrics shows, in Prometheus's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from teachback.serving.lanes import Lane

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_SHARES = tuple(step / 10 for step in range(1, 11))


class Measurements:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own = self._registry
        self._requests = Counter(
            "teachback_requests",
            "Requests by path and status.",
            ["path", "status"],
            registry=own,
        )
        self._answers = Counter(
            "teachback_answers",
            "Answers by way and who gave them.",
            ["way", "by"],
            registry=own,
        )
        self._latency = Histogram(
            "teachback_request_seconds",
            "Time per request.",
            ["path"],
            buckets=_SECONDS,
            registry=own,
        )
        self._confidence = Histogram(
            "teachback_confidence",
            "Probability of the direct answer.",
            buckets=_SHARES,
            registry=own,
        )
        self._tokens = Counter(
            "teachback_tokens",
            "Tokens of continued texts.",
            ["direction"],
            registry=own,
        )
        self._queue = Gauge(
            "teachback_queue",
            "Requests that wait, by lane.",
            ["lane"],
            registry=own,
        )

    def request(self, path: str, status: int, seconds: float) -> None:
        self._requests.labels(path, str(status)).inc()
        self._latency.labels(path).observe(seconds)

    def answer(self, way: str, by: str, confidence: float | None) -> None:
        self._answers.labels(way, by).inc()
        if confidence is not None:
            self._confidence.observe(confidence)

    def tokens(self, read: int, written: int) -> None:
        self._tokens.labels("read").inc(read)
        self._tokens.labels("written").inc(written)

    def watch(self, lanes: Mapping[str, Lane[Any, Any]]) -> None:
        """Show how many wait in each of ``lanes``."""
        for name, lane in lanes.items():
            self._queue.labels(name).set_function(lane.count_waiting)

    def text(self) -> bytes:
        return generate_latest(self._registry)
