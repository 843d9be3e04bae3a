"""Exploratory: other ways to teach and to answer, on desk cases that no study has seen.

    python -m bench.exploratory.desk_explore train short two mt-ra answers [--seed 0]
    python -m bench.exploratory.desk_explore answer runs/desk-explore/*/student \\
        runs/study-desk/cells/*/student
    python -m bench.exploratory.desk_explore compare runs/desk-explore/fresh

``train``: the desk study's MT-CoT with one thing changed, on its 320 cases and with its settings:

- ``short``: explanations of one sentence, the facts that decide and nothing worked out;
- ``two``: two explanations of each case, the rule engine's and the short one;
- ``mt-ra``: MT-Ra in place of MT-CoT;
- ``answers``: alpha 0.9, so that the answer task weighs nine times as much as the explanations.

``answer``: each student's direct and explained answers to held-out cases 200 to 399 (the study's
are 0 to 199), and, where it explains, each choice's probability as the conclusion of its own
explanation, alone and multiplied with the direct answer's. ``compare``: their accuracies, and the
primary test of the product against the explained answer where several seeds were answered.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import teachback as tb
from bench.common import explained_by_rule, head, row
from bench.exploratory.both_ways import best, conclusions, product
from teachback.config import StudentConfig, TrainConfig
from teachback.desk import TRAIN_SEED, Case, Facts, cases, test_cases
from teachback.files import read_json, read_predictions, write_json, write_predictions
from teachback.records import Explanation, Prediction
from teachback.system.progress import Progress

CASES, SEEN, FRESH = 320, 200, 200
SETTINGS: dict[str, Any] = {
    "lora": True,
    "learning_rate": 5e-4,
    "epochs": 4,
    "batch_size": 8,
    "patience": 0,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "short": {"objective": "mt-cot"},
    "two": {"objective": "mt-cot"},
    "mt-ra": {"objective": "mt-ra"},
    "answers": {"objective": "mt-cot", "alpha": 0.9},
}
COLUMNS = ("direct", "explained", "conclusion", "product")


def short(facts: Facts) -> str:
    """What decides, in one sentence."""
    fault = "Faulty" if facts.faulty else "Not faulty"
    if not facts.faulty and facts.final_sale:
        return f"{fault}, final sale."
    time = f"{facts.days} of {facts.limit} days, {'in time' if facts.in_time else 'late'}"
    if facts.faulty or not facts.in_time:
        return f"{fault}, {time}."
    return f"{fault}, {time}, {'opened' if facts.opened else 'unopened'}."


def explanations(variant: str, train: Sequence[Case]) -> list[Explanation]:
    """What ``variant`` trains on: the rule engine's explanations, the short ones, or both."""
    full = explained_by_rule(train)
    if variant not in ("short", "two"):
        return full
    sample = 1 if variant == "two" else 0
    brief = [
        replace(own, sample=sample, text=short(case.facts))
        for own, case in zip(full, train, strict=True)
    ]
    return [*full, *brief] if variant == "two" else brief


def train(variant: str, out: Path, seed: int) -> None:
    from teachback.training import train as train_student

    drawn = cases(CASES, TRAIN_SEED, "train")
    train_student(
        [case.example for case in drawn],
        explanations(variant, drawn),
        out / f"{variant}-{seed}",
        train_config=TrainConfig(seed=seed, **SETTINGS, **VARIANTS[variant]),
        student_config=StudentConfig(max_target_tokens=160),
        progress=Progress(),
    )


def answer(student_folder: Path, out: Path) -> None:
    """Write ``out/NAME SEED.WAY.jsonl`` for each way, unless they are there already. NAME: the
    system and the study, or the variant and the folder of variants, that the student is of."""
    from teachback.students.load import load

    student = load(str(student_folder))
    card = student.card
    name = name_of(student_folder)
    base = out / f"{name} {card.seed}"
    if Path(f"{base}.json").is_file():
        return
    fresh = test_cases(SEEN + FRESH)[SEEN:]
    said = tb.evaluate(tb.Student(student), fresh, baselines=False, progress=False)
    ways = {"direct": said.predictions}
    if said.predictions[0].explanation is not None:
        ways["explained"] = [
            replace(
                p,
                answer=p.explained_answer,
                correct=bool(p.explained_correct),
                unparsed=p.explained_answer is None,
            )
            for p in said.predictions
        ]
        by_conclusion: list[Prediction] = []
        by_product: list[Prediction] = []
        for begin in range(0, len(fresh), 8):
            part, own = fresh[begin : begin + 8], said.predictions[begin : begin + 8]
            for p, shares in zip(own, conclusions(student, part, own), strict=True):
                by_conclusion.append(_with_choice(p, best(shares)))
                by_product.append(_with_choice(p, best(product(p, shares))))
        ways |= {"conclusion": by_conclusion, "product": by_product}
    for way, predictions in ways.items():
        write_predictions(Path(f"{base}.{way}.jsonl"), predictions)
    chosen = {"objective": card.objective, "alpha": card.alpha, "way": card.way}
    write_json(Path(f"{base}.json"), chosen | {"name": name, "seed": card.seed})


def name_of(student_folder: Path) -> str:
    """What a student is of: ``MT-CoT of study-desk``, ``short of desk-explore``."""
    parent = student_folder.resolve().parent
    cell = parent / "cell.json"
    if cell.is_file():
        return f"{read_json(cell)['system']} of {parent.parent.parent.name}"
    return f"{parent.name.rpartition('-')[0]} of {parent.parent.name}"


def _with_choice(prediction: Prediction, choice: str) -> Prediction:
    return replace(prediction, answer=choice, correct=choice == prediction.gold, unparsed=False)


def compare(folder: Path) -> None:
    from teachback import evaluation

    systems: dict[str, dict[str, dict[int, list[Prediction]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    chosen: dict[str, dict[int, str]] = defaultdict(dict)
    for file in sorted(folder.glob("*.json")):
        one = read_json(file)
        chosen[one["name"]][one["seed"]] = one["way"]
        for way in COLUMNS:
            path = file.with_name(f"{file.stem}.{way}.jsonl")
            if path.is_file():
                systems[one["name"]][way][one["seed"]] = read_predictions(path)
    print(head("system", "seeds", "direct", "explained", "conclusion scored", "product", "n"))
    for name, ways in systems.items():
        cells = []
        for way in COLUMNS:
            own = [sum(p.correct for p in ps) / len(ps) for _, ps in sorted(ways[way].items())]
            cells.append(", ".join(f"{share:.3f}" for share in own) or "–")
        seeds = ", ".join(map(str, sorted(ways["direct"])))
        print(row(name, seeds, *cells, FRESH))
    print("\nway chosen on valid:", json.dumps(chosen))
    for name, ways in systems.items():
        for a, b in (("product", "explained"), ("product", "direct"), ("conclusion", "explained")):
            if len(ways[a]) > 1 and set(ways[a]) == set(ways[b]):
                found = evaluation.compare(ways[a], ways[b], names=(f"{name} {a}", f"{name} {b}"))
                print(f"\n{evaluation.verdict(found, declared=False)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["train", "answer", "compare"])
    parser.add_argument("names", nargs="+", help="variants, students' folders, or answers' folders")
    parser.add_argument("-o", "--out", type=Path, default=Path("runs/desk-explore"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.names:
        if options.what == "train":
            train(name, options.out, options.seed)
        elif options.what == "answer":
            (options.out / "fresh").mkdir(parents=True, exist_ok=True)
            answer(Path(name), options.out / "fresh")
        else:
            compare(Path(name))


if __name__ == "__main__":
    main()
