"""Figures of one set of predictions, and the paired test between two systems."""

from teachback.evaluation.crossed import (
    DifferenceEstimate,
    detectable_difference,
    estimate_difference,
)
from teachback.evaluation.means import MeanAccuracy, mean_accuracy, mean_interval
from teachback.evaluation.metrics import (
    LabelMetrics,
    Metrics,
    WayMetrics,
    as_json,
    majority_label,
    measure,
)
from teachback.evaluation.paired import (
    Comparison,
    SeedComparison,
    compare,
    compare_systems,
    holm,
    verdict,
)
from teachback.evaluation.ways import (
    COMPARED_WAYS,
    WAYS,
    SystemAnswers,
    answer_in,
    better_way,
    compared_way,
    has_choice,
    in_way,
    in_way_by_seed,
    resolved,
    right_by_way,
    student_way,
)

__all__ = [
    "COMPARED_WAYS",
    "WAYS",
    "Comparison",
    "DifferenceEstimate",
    "LabelMetrics",
    "MeanAccuracy",
    "Metrics",
    "SeedComparison",
    "SystemAnswers",
    "WayMetrics",
    "answer_in",
    "as_json",
    "better_way",
    "compare",
    "compare_systems",
    "compared_way",
    "detectable_difference",
    "estimate_difference",
    "has_choice",
    "holm",
    "in_way",
    "in_way_by_seed",
    "majority_label",
    "mean_accuracy",
    "mean_interval",
    "measure",
    "resolved",
    "right_by_way",
    "student_way",
    "verdict",
]
