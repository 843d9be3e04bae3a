"""Figures of one set of predictions, and the paired test between two systems."""

from teachback.evaluation.crossed import (
    Estimate,
    detectable_difference,
    estimate_difference,
)
from teachback.evaluation.means import MeanAccuracy, mean_accuracy, mean_interval
from teachback.evaluation.metrics import (
    LabelMetrics,
    Metrics,
    WayMetrics,
    as_json,
    better_way,
    in_way,
    majority_label,
    measure,
)
from teachback.evaluation.paired import (
    LEVEL,
    Comparison,
    Finding,
    SeedComparison,
    compare,
    finding,
    holm,
    verdict,
)
from teachback.records import Way

__all__ = [
    "LEVEL",
    "Comparison",
    "Estimate",
    "Finding",
    "LabelMetrics",
    "MeanAccuracy",
    "Metrics",
    "SeedComparison",
    "Way",
    "WayMetrics",
    "as_json",
    "better_way",
    "compare",
    "detectable_difference",
    "estimate_difference",
    "finding",
    "holm",
    "in_way",
    "majority_label",
    "mean_accuracy",
    "mean_interval",
    "measure",
    "verdict",
]
