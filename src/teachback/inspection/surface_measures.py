"""Surface facts of a run's explanations, from its predictions and questions alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from teachback.explaining.explanation_checks import restates_label
from teachback.inspection.inspected_run import InspectedRun, has_conclusions
from teachback.inspection.results import ItemValues
from teachback.quality.surface import share_copied, share_repeated, words_of
from teachback.questions import KINDS, render
from teachback.records import Example, Prediction


def surface_values(run: InspectedRun) -> ItemValues:
    """Measure → item → value. What is of an explanation is measured where it has words."""
    found = {name: _values(run, measure) for name, measure in _OF_EXPLANATIONS.items()}
    asked = [p for p in run.predictions if p.explanation is not None]
    found["empty"] = {p.id: float(not (p.explanation or "").strip()) for p in asked}
    if has_conclusions(run.objective):
        found["unparsed"] = {p.id: float(p.explained_answer is None) for p in asked}
        same = KINDS[run.kind].same
        found["ways-agree"] = {
            p.id: float(
                p.answer is not None
                and p.explained_answer is not None
                and same(p.answer, p.explained_answer)
            )
            for p in asked
        }
    return found


def _values(
    run: InspectedRun, measure: Callable[[Example, Prediction, str], float | None]
) -> dict[str, float]:
    values = (
        (p.id, measure(run.examples[p.id], p, (p.explanation or "").strip())) for p in run.explained
    )
    return {item: value for item, value in values if value is not None}


def _length(_example: Example, _prediction: Prediction, text: str) -> float:
    return float(len(words_of(text)))


def _copied(example: Example, _prediction: Prediction, text: str) -> float | None:
    return share_copied(text, render(example))


def _repeated(_example: Example, _prediction: Prediction, text: str) -> float | None:
    return share_repeated(text)


def _restates(example: Example, prediction: Prediction, text: str) -> float | None:
    own = prediction.answer if prediction.explained_answer is None else prediction.explained_answer
    return None if own is None else float(restates_label(replace(example, answer=own), text))


_OF_EXPLANATIONS: dict[str, Callable[[Example, Prediction, str], float | None]] = {
    "length": _length,
    "copied": _copied,
    "repeated": _repeated,
    "restates-answer": _restates,
}
