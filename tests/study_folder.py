"""A study folder as `teachback study` writes it, made up: every accuracy is set beforehand."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from teachback.evaluation import (
    Comparison,
    as_json,
    compare,
    detectable_difference,
    holm,
    in_way,
    measure,
)
from teachback.evaluation import verdict as in_words
from teachback.files import (
    manifest,
    write_json,
    write_jsonl,
    write_predictions,
    write_rejections,
    write_text,
)
from teachback.records import Prediction, Rejection

CHOICES = ("full refund", "store credit", "free repair", "no return")
TEACHER = "recorded:big.jsonl"
TRAIN = 200
"""Training rows; of each, one request is made, and every fifth is rejected, or so."""
STUDENT = "pypi:gemma-3-270m"

Row = dict[str, Any]
Edit = Callable[[Prediction], Prediction]


@dataclass
class Plan:
    """What to make. ``right[system]`` = items right (direct, explained or None) with all rows
    at the first strategy, the same under each seed; other cells have fewer, as `_right` says.
    """

    datasets: tuple[str, ...] = ("desk",)
    items: int = 40
    seeds: tuple[int, ...] = (0, 1, 2)
    sizes: tuple[int | None, ...] = (None,)
    strategies: tuple[str, ...] = ("cote",)
    right: Mapping[str, tuple[int, int | None]] = field(
        default_factory=lambda: {
            "majority": (10, None),
            "untrained": (11, None),
            "ST": (24, None),
            "MT-CoT": (26, 30),
        }
    )
    moves: int = 0
    """Items by which a seed's count differs from the next one's."""
    ends: Mapping[tuple[str, int | None], tuple[str, str | None]] = field(default_factory=dict)
    """(system, seed) → status and error of what did not finish; status "": nothing is there."""
    edit: Edit = lambda prediction: prediction
    cell_edit: Callable[[Row], Row] = lambda row: row


SYSTEMS: dict[str, tuple[str | None, str | None]] = {
    "majority": (None, "majority"),
    "untrained": (None, "untrained"),
    "ST": ("st", None),
    "ST (equal time)": ("st", "equal-time"),
    "MT-Re": ("mt-re", None),
    "MT-Ra": ("mt-ra", None),
    "MT-CoT": ("mt-cot", None),
    "MT-CoT (permuted)": ("mt-cot", "permuted"),
    "CoT": ("cot", None),
    "teacher, direct": (None, "teacher-direct"),
    "teacher, chain of thought": (None, "teacher-cot"),
}


def write_study(folder: Path, plan: Plan | None = None) -> Path:
    """A finished study in ``folder``, but for what ``plan.ends`` says."""
    plan = plan or Plan()
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {}
    for dataset in plan.datasets:
        path = folder.parent / f"{slug(dataset)}.jsonl"
        write_jsonl(path, (question(dataset, number) for number in range(plan.items)))
        inputs[f"{dataset} test"] = path
        path = folder.parent / f"{slug(dataset)}-train.jsonl"
        write_jsonl(path, (question(f"{dataset}-train", number) for number in range(TRAIN)))
        inputs[f"{dataset} train"] = path
    write_json(folder / "manifest.json", manifest(inputs, {"first": plan.seeds[0]}))
    write_text(folder / "study.toml", f'name = "made up"\nseeds = {list(plan.seeds)}\n')
    cells = [plan.cell_edit(cell) for cell in _cells(plan, inputs)]
    write_jsonl(folder / "cells.jsonl", cells)
    done: dict[str, list[Prediction]] = {}
    for cell in cells:
        status, error = plan.ends.get((cell["system"], cell["seed"]), ("done", None))
        if not status:
            continue
        own = folder / "cells" / cell["hash"]
        write_json(own / "cell.json", cell)
        predictions = _predictions(cell, plan)
        if status == "done":
            done[cell["hash"]] = predictions
            _write_figures(own, cell, predictions)
        write_json(own / "result.json", _result(cell, plan, status, error))
    write_json(folder / "verdicts.json", _verdicts(cells, done, plan))
    _write_material(folder, plan)
    return folder


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:40]


def question(dataset: str, number: int) -> Row:
    return {
        "id": f"{dataset}-{number:03}",
        "question": f"Case {number} of {dataset}: what does the shop do?",
        "choices": list(CHOICES),
        "answer": CHOICES[number % 4],
    }


def _cells(plan: Plan, inputs: Mapping[str, Path]) -> Iterator[Row]:
    for dataset in plan.datasets:
        train, test = (
            hashlib.sha256(inputs[f"{dataset} {part}"].read_bytes()).hexdigest()
            for part in ("train", "test")
        )
        for system in plan.right:
            objective, control = SYSTEMS[system]
            trained = objective is not None
            explains = objective not in (None, "st")
            for strategy in plan.strategies if explains else (None,):
                for size in plan.sizes if trained else (None,):
                    for seed in plan.seeds if trained else (None,):
                        cell: Row = {
                            "dataset": dataset,
                            "data": {
                                "train_sha256": train,
                                "test_sha256": test,
                                "kind": "multiple-choice",
                                "size": size or TRAIN,
                            },
                            "system": system,
                            "objective": objective,
                            "control": control,
                            "strategy": strategy,
                            "teacher": (
                                TEACHER if explains or system.startswith("teacher") else None
                            ),
                            "student": STUDENT if trained or system == "untrained" else None,
                            "size": size,
                            "alpha": 0.5 if (objective or "").startswith("mt") else None,
                            "seed": seed,
                            "train": {"epochs": 4, "seed": seed} if trained else None,
                            "evaluate": {"choice_score": "sum"},
                        }
                        text = json.dumps(cell, sort_keys=True, separators=(",", ":"))
                        yield {"hash": hashlib.sha256(text.encode()).hexdigest()[:16], **cell}


def _right(cell: Row, plan: Plan) -> tuple[int, int | None]:
    """Items right: 3 fewer for a later strategy, 4 fewer for each step down in size."""
    direct, explained = plan.right[cell["system"]]
    less = 3 * plan.strategies.index(cell["strategy"]) if cell["strategy"] else 0
    if cell["objective"]:
        less += 4 * (len(plan.sizes) - 1 - plan.sizes.index(cell["size"]))
    less += plan.moves * plan.seeds.index(cell["seed"]) if cell["seed"] is not None else 0
    return direct - less, None if explained is None else explained - less


def _predictions(cell: Row, plan: Plan) -> list[Prediction]:
    """Which items are right is drawn by system and seed; how many is not."""
    direct, explained = _right(cell, plan)
    rng = random.Random(ascii((cell["dataset"], cell["system"], cell["seed"])))
    # Mostly the same items for all, as real students share what is easy.
    ease = [number + rng.gauss(0, plan.items / 5) for number in range(plan.items)]
    order = sorted(range(plan.items), key=lambda number: ease[number])
    other = sorted(range(plan.items), key=lambda n: ease[n] + rng.gauss(0, plan.items / 10))
    right, right_explained = set(order[:direct]), set(other[: explained or 0])
    predictions = []
    for number in range(plan.items):
        row = question(cell["dataset"], number)
        gold = row["answer"]
        wrong = CHOICES[(number + 1) % 4]
        concluded = number in right_explained
        said = gold if concluded else (None if number % 5 == 4 else wrong)
        predictions.append(
            plan.edit(
                Prediction(
                    id=row["id"],
                    gold=gold,
                    answer=gold if number in right else wrong,
                    correct=number in right,
                    unparsed=False,
                    probabilities={gold: 0.6, wrong: 0.4},
                    explanation=(
                        None
                        if explained is None
                        else f"It is faulty and in time (case {number}). So the shop gives {said}."
                    ),
                    explained_answer=None if explained is None else said,
                    explained_correct=None if explained is None else concluded,
                )
            )
        )
    return predictions


def _write_figures(own: Path, cell: Row, predictions: Sequence[Prediction]) -> None:
    write_predictions(own / "predictions.jsonl", predictions)
    explains = predictions[0].explained_correct is not None
    cost = {
        "direct_seconds": 8.5,
        "direct_tokens": 0.0,
        "explained_seconds": 412.0 if explains else None,
        "explained_tokens": 61000.0 if explains else None,
        "unfinished": 0,
    }
    figures = as_json(measure(predictions, "multiple-choice"))
    untimed = cell["control"] in ("majority", "teacher-direct", "teacher-cot")
    costs = {} if untimed else {"student": cost}
    write_json(
        own / "metrics.json",
        {"kind": "multiple-choice", "systems": {"student": figures}, "cost_per_1000": costs},
    )


def _result(cell: Row, plan: Plan, status: str, error: str | None) -> Row:
    direct, explained = _right(cell, plan)
    trained = cell["objective"] is not None and status == "done"
    seed = cell["seed"] or 0
    last = 3 + seed % 2
    history = [
        {
            "epoch": float(epoch),
            "loss": 1.1 / epoch + 0.02 * seed,
            "accuracy": direct / plan.items * (0.5 + 0.125 * epoch) - 0.01 * seed,
        }
        for epoch in range(1, last + 1)
    ]
    return {
        "status": status,
        "error": error,
        "began": f"2026-11-22T1{seed}:00:00+00:00",
        "seconds_train": 360.0 * (2 if explained is not None else 1) if trained else 0.0,
        "seconds_evaluate": 90.0,
        "threads": 2,
        "epochs": float(last) if trained else None,
        "steps": 40 * last if trained else None,
        "history": history if trained else [],
        "way": ("explained" if (explained or 0) > direct else "direct") if trained else None,
        "valid": None,
        "engine": "local",
        "host": "bench-1",
    }


def _verdicts(cells: Sequence[Row], done: Mapping[str, list[Prediction]], plan: Plan) -> Row:
    confirmatory, exploratory = [], []
    multi = [s for s in plan.right if s.startswith("MT-") and "permuted" not in s]
    for dataset in plan.datasets:
        for a, b in [*((system, "ST") for system in multi), ("MT-CoT (permuted)", "ST")]:
            for way in ("direct", "chosen"):
                pair = _verdict(cells, done, plan, dataset, a, b, way)
                if pair is not None:
                    (exploratory if "permuted" in a else confirmatory).append(pair)
    adjusted = holm([row["p"] for row, _ in confirmatory])
    for (row, found), p in zip(confirmatory, adjusted, strict=True):
        row |= {"p_holm": p, "verdict": in_words(found, adjusted_p=p)}
    least = detectable_difference(plan.items, max(2, len(plan.seeds)), 0.3, 0.02)
    return {
        "confirmatory": [row for row, _ in confirmatory],
        "exploratory": [row for row, _ in exploratory],
        "detectable": {
            name: {"difference": least, "power": 0.8, "discordance": 0.3, "seed_sd": 0.02}
            for name in plan.datasets
        },
    }


def _verdict(
    cells: Sequence[Row],
    done: Mapping[str, list[Prediction]],
    plan: Plan,
    dataset: str,
    a: str,
    b: str,
    way: str,
) -> tuple[Row, Comparison] | None:
    size = plan.sizes[-1]

    def of(system: str) -> dict[int, list[Prediction]]:
        found = {}
        for cell in cells:
            strategy = cell["strategy"] in (None, plan.strategies[0])
            here = (cell["dataset"], cell["system"], cell["size"]) == (dataset, system, size)
            if here and strategy and cell["hash"] in done:
                direct, explained = _right(cell, plan)
                chosen = "explained" if way == "chosen" and (explained or 0) > direct else "direct"
                found[cell["seed"]] = in_way(done[cell["hash"]], chosen)
        return found

    ours, theirs = of(a), of(b)
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        return None
    found = compare({s: ours[s] for s in seeds}, {s: theirs[s] for s in seeds}, names=(a, b))
    row = {
        "dataset": dataset,
        "a": a,
        "b": b,
        "way": way,
        "student": STUDENT,
        "size": size,
        "strategy": plan.strategies[0],
        "teacher": TEACHER,
        "alpha": 0.5,
        "seeds": len(seeds),
        "items": found.n_items,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "p_holm": None,
        "df": found.df,
        "verdict": in_words(found),
        "mcnemar": [asdict(one) for one in found.seeds],
    }
    return row, found


def _write_material(folder: Path, plan: Plan) -> None:
    write_json(
        folder / "teachers" / "big" / "cost.json",
        {
            "teacher": TEACHER,
            "requests": 400,
            "tokens_in": 320_000,
            "tokens_out": 48_000,
            "tokens_cached": 250_000,
            "dollars": 1.25,
            "seconds": 900.0,
        },
    )
    for dataset in plan.datasets:
        for number, strategy in enumerate(plan.strategies):
            wrong = 40 - 10 * number
            place = folder / "material" / f"{slug(dataset)}-{strategy}"
            write_rejections(
                place / "rejections.jsonl",
                (
                    Rejection(
                        id=f"{dataset}-train-{row:03}",
                        strategy="cote",
                        sample=0,
                        teacher=TEACHER,
                        text="No.",
                        answer=None,
                        reason="wrong-answer" if row < wrong else "unparsed",
                    )
                    for row in range(wrong + 10)
                ),
            )
            write_json(
                place / "selection.json",
                {
                    "dataset": dataset,
                    "teacher": TEACHER,
                    "strategy": strategy,
                    "asked": TRAIN,
                    "kept": TRAIN - wrong - 10,
                    "rejected": {"wrong-answer": wrong, "unparsed": 10},
                    "yield_by_label": {c: [40 - 2 * n, 50] for n, c in enumerate(CHOICES)},
                    "examples": TRAIN,
                    "explained_examples": TRAIN - wrong - 10,
                    "agreement": {"right": 155, "asked": 200},
                    "not_asked": 3,
                },
            )
