"""One row per planned cell with its factors, its end and its figures, as CSV."""

from __future__ import annotations

import csv
import io

import numpy as np

from teachback.evaluation import COMPARED_WAYS, resolved
from teachback.evaluation.calibration import calibration_error
from teachback.reports.arms import Arms
from teachback.reports.folder import ReportedCell
from teachback.reports.text import visible

FIELDS = (
    "cell dataset system objective control student size strategy teacher alpha seed status error "
    "n n_groups direct_accuracy direct_low direct_high direct_unparsed explained_accuracy "
    "explained_low explained_high explained_unparsed chosen_way chosen_accuracy chosen_low "
    "chosen_high agreement gold_probability calibration_error direct_seconds_per_1000 "
    "direct_tokens_per_1000 explained_seconds_per_1000 explained_tokens_per_1000 seconds_train "
    "seconds_evaluate epochs steps threads precision engine host began adaptive_accuracy "
    "adaptive_low adaptive_high adaptive_unparsed adaptive_explained threshold "
    "adaptive_seconds_per_1000 adaptive_tokens_per_1000 temperature "
    "calibration_error_at_temperature resumed"
).split()
"""The columns, in order. Shares lie in [0, 1]; an empty field is not known.
``resumed``: the seconds are those of the cell's last process alone."""

MARK = ",".join(FIELDS[:15])
"""How the header begins, also in older tables, which had fewer columns."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_table(arms: Arms) -> str:
    """The CSV text, with its header and a row for each planned cell."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for cell in arms.study.cells:
        writer.writerow({key: _safe(value) for key, value in _row(cell).items()})
    return out.getvalue()


def _row(cell: ReportedCell) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(FIELDS)
    row |= {"cell": cell.spec.hash, "status": cell.state, "error": cell.error}
    for name in (
        "dataset",
        "system",
        "objective",
        "control",
        "student",
        "size",
        "strategy",
        "teacher",
        "alpha",
        "seed",
    ):
        row[name] = getattr(cell.spec, name)
    for name in (
        "seconds_train",
        "seconds_evaluate",
        "epochs",
        "steps",
        "threads",
        "precision",
        "engine",
        "host",
        "began",
        "resumed",
    ):
        row[name] = None if cell.result is None else getattr(cell.result, name)
    metrics = cell.metrics
    if metrics is None:
        return row
    row |= {"n": metrics.n, "n_groups": metrics.n_groups, "chosen_way": cell.way}
    for name in ("agreement", "gold_probability", "calibration_error"):
        row[name] = getattr(metrics, name)
    row |= {
        "adaptive_explained": metrics.adaptive_explained,
        "threshold": cell.threshold,
        "temperature": cell.temperature,
    }
    if cell.calibrated:
        right = np.array([p.correct for p in cell.predictions], dtype=np.bool_)
        error = calibration_error(np.array(cell.calibrated), right)
        row["calibration_error_at_temperature"] = error
    by_way = {
        "direct": metrics.direct,
        "explained": metrics.explained,
        "adaptive": metrics.adaptive,
    }
    for way in COMPARED_WAYS:
        figures = by_way[resolved(way, cell.way, cell.spec.hash)]
        if figures is not None:
            for name in ("accuracy", "low", "high", "unparsed"):
                if f"{way}_{name}" in row:
                    row[f"{way}_{name}"] = getattr(figures, name)
        for name in ("seconds", "tokens"):
            if way != "chosen":
                row[f"{way}_{name}_per_1000"] = cell.cost.get(f"{way}_{name}")
    return row


def _safe(value: object) -> object:
    """Text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if not isinstance(value, str):
        return value
    text = " ".join(visible(value).split())
    return f"'{text}" if text.startswith(_FORMULA) else text
