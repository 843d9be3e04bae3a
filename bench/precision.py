"""The same weights in float32 and in bf16: changed answers, probabilities, and seconds.

    python -m bench.precision STUDENT desk ../shared/data/obqa/dev.jsonl
    python -m bench.precision STUDENT desk --questions 40 --rows 2
    python -m bench.precision STUDENT desk --part bf16:desk     one part, kept for the table
    python -m bench.precision pypi:gemma-3-270m --seeds 3       students trained in each

STUDENT (a folder or reference) answers the first questions of each DATA directly, once in each
precision; ``desk`` stands for the decision desk's held-out cases. Then a step of answering (eight
questions) and one of training (LoRA, rows as long as OpenBookQA's with explanations) are timed,
the fastest of ``--times`` after one that is not counted. Every part is a process of its own, and
what it found is kept in ``bench/out/precision``: an interrupted run continues; ``--anew`` begins
again.

The rule, stated before anything was measured: on processors of a kind, bf16 is what ``auto``
chooses only if

1. no answer changes whose margin in float32, the gap between its two largest probabilities, is
   above 0.1, on the desk's and on OpenBookQA's questions (200 each), and
2. both steps take at most 1 / 1.3 of the time in bf16.

With ``--seeds``, the demo's MT-CoT student is trained in each precision with each seed and asked
the desk's held-out cases. So few seeds cannot show that two precisions are equal, and the rule
does not look at them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from bench.common import OUT, ROOT, PartFailedError, head, machine, part, row
from teachback import desk
from teachback.datasets import read_examples, write_examples
from teachback.records import Example
from teachback.system.precision import UsedPrecision

if TYPE_CHECKING:
    from teachback.students.model import StudentModel

PRECISIONS: tuple[UsedPrecision, ...] = get_args(UsedPrecision)
MARGIN, FASTER = 0.1, 1.3
"""The rule's numbers."""
STEPS = "steps"
ANSWERED_AT_ONCE = 8

Said = dict[str, dict[str, float] | None]
"""Question's id → the probabilities of its choices; None where it named no answer."""


@dataclass(frozen=True)
class Compared:
    """What changes between the precisions, over the questions of one DATA."""

    questions: int
    changed: int
    margins: tuple[float, ...]
    """Margins in float32 of the answers that change, the largest first."""
    largest: float
    mean: float
    """Difference of a choice's probability: the largest, and the mean over all choices."""


def margin(probabilities: dict[str, float]) -> float:
    """The gap between the two largest probabilities."""
    first, second, *_ = sorted(probabilities.values(), reverse=True)
    return first - second


def best(probabilities: dict[str, float] | None) -> str | None:
    return None if probabilities is None else max(probabilities, key=probabilities.__getitem__)


def compared(exact: Said, rounded: Said) -> Compared:
    """``exact``: in float32; ``rounded``: the same questions in bf16."""
    changed = [id_ for id_ in exact if best(exact[id_]) != best(rounded[id_])]
    both = [(own, rounded[id_]) for id_, own in exact.items()]
    gaps = [
        abs(p - other[choice])
        for own, other in both
        if own is not None and other is not None
        for choice, p in own.items()
    ]
    margins = (margin(own) for id_ in changed if (own := exact[id_]) is not None)
    return Compared(
        len(exact),
        len(changed),
        tuple(sorted(margins, reverse=True)),
        max(gaps, default=0.0),
        sum(gaps) / max(1, len(gaps)),
    )


def questions_of(data: str, count: int) -> list[Example]:
    """The first ``count`` questions of ``data``."""
    return desk.test_cases(count) if data == "desk" else list(read_examples(data))[:count]


# ------------------------------------------------------------------ the parts


def answer(student: StudentModel, examples: Sequence[Example]) -> Said:
    """What ``student`` says of each question, directly."""
    from teachback.students.answering import answers

    found = answers(student, examples, batch_size=ANSWERED_AT_ONCE)
    return {examples[index].id: one.probabilities for index, one in found}


def fastest(step: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of so many steps, after one that is not counted."""
    step()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def answering_seconds(reference: str, precision: UsedPrecision, data: str, times: int) -> float:
    from teachback.students.load import load

    student = load(reference, precision=precision)
    return fastest(lambda: answer(student, questions_of(data, ANSWERED_AT_ONCE)), times)


def training_seconds(reference: str, precision: UsedPrecision, rows: int, times: int) -> float:
    """A forward and backward pass of MT-CoT with LoRA, and the optimiser's step."""
    import torch

    from bench.students import loaded
    from bench.training_memory import rows as examples

    student = loaded(reference, lora=True, precision=precision)
    batch = student.collate(student.rows(examples()[:rows]))
    weights = [p for p in student.model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=1e-5)
    student.model.train()

    def step() -> None:
        optimiser.zero_grad()
        with student.autocast():
            loss = student.loss(student.model, batch) / rows
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return fastest(step, times)


def measure(options: argparse.Namespace, name: str) -> dict[str, Any]:
    """One part, ``PRECISION:DATA`` or ``PRECISION:steps``."""
    chosen, _, what = name.partition(":")
    precision = next(one for one in PRECISIONS if one == chosen)
    student = options.student
    if what != STEPS:
        from teachback.students.load import load

        examples = questions_of(what, options.questions)
        return {"said": answer(load(student, precision=precision), examples)}
    return {
        "answering": answering_seconds(student, precision, options.data[0], options.times),
        "training": training_seconds(student, precision, options.rows, options.times),
    }


def kept(options: argparse.Namespace, name: str) -> Path:
    """Where a part's result lies: a different file for whatever it depends on."""
    asked: list[object] = [options.student, name, machine()]
    if name.endswith(f":{STEPS}"):
        asked += [options.data[0], options.rows, options.times]
    else:
        asked.append(options.questions)
    digest = sha256(json.dumps(asked).encode()).hexdigest()[:16]
    return OUT / "precision" / f"{digest}.json"


def found(options: argparse.Namespace, name: str) -> dict[str, Any]:
    """A part's result, measured in a process of its own where it is not there."""
    file = kept(options, name)
    if options.anew or not file.is_file():
        print(f"measuring {name}", file=sys.stderr, flush=True)
        words = [f"--{key}={vars(options)[key]}" for key in ("questions", "rows", "times")]
        part("bench.precision", options.student, *options.data, *words, "--part", name)
    result: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return result


# ------------------------------------------------------------------ the tables


def tables(options: argparse.Namespace) -> None:
    """Both tables, and what the rule says."""
    names = [f"{p}:{what}" for what in (*options.data, STEPS) for p in PRECISIONS]
    results = {name: found(options, name) for name in names}
    print(f"{machine()}\n")
    titles = ("questions", "changed", "their margins", "largest Δp", "mean Δp")
    print(head("", *titles))
    pairs = {
        data: compared(*(results[f"{p}:{data}"]["said"] for p in PRECISIONS))
        for data in options.data
    }
    for data, one in pairs.items():
        margins = ", ".join(f"{m:.3f}" for m in one.margins) or "–"
        figures = (one.questions, one.changed, margins, f"{one.largest:.3f}", f"{one.mean:.4f}")
        print(row(Path(data).parent.name or data, *figures))
    print()
    print(head("step", "float32, s", "bf16, s", "times faster"))
    gains = []
    for step, title in (
        ("answering", f"{ANSWERED_AT_ONCE} direct answers"),
        ("training", f"training, {options.rows} rows"),
    ):
        exact, rounded = (results[f"{p}:{STEPS}"][step] for p in PRECISIONS)
        gains.append(exact / rounded)
        print(row(title, f"{exact:.2f}", f"{rounded:.2f}", f"{gains[-1]:.2f}"))
    same = all(m <= MARGIN for one in pairs.values() for m in one.margins)
    fast = min(gains) >= FASTER
    print(
        f"\nrule 1, no change above a margin of {MARGIN}: {'met' if same else 'not met'}; "
        f"rule 2, {FASTER} times faster: {'met' if fast else 'not met'}: auto should choose "
        f"{'bf16' if same and fast else 'float32'} on such a processor"
    )


def trained(options: argparse.Namespace) -> None:
    """The demo's MT-CoT student, trained in each precision with each seed."""
    from teachback.config import override
    from teachback.desk.demo import TEST_CASES, TRAIN_CASES, config_of
    from teachback.runs import pipeline
    from teachback.runs.training_record import training_record

    folder = OUT / "precision" / "seeds"
    for name, cases in (
        ("train", desk.train_cases(TRAIN_CASES)),
        ("test", desk.test_cases(TEST_CASES)),
    ):
        write_examples(folder / f"{name}.jsonl", cases)
    print(f"{machine()}\n")
    print(head("seed", "precision", "direct", "explained", "training, s"))
    for seed in range(options.seeds):
        for precision in PRECISIONS:
            config = config_of(folder, "mt-cot", student=options.student, seed=seed)
            config = override(config, "student", precision=precision)
            own = folder / f"{precision}-{seed}"
            if options.anew:
                shutil.rmtree(own, ignore_errors=True)
            outcome = pipeline.run(config, own)
            if outcome is None:
                raise AssertionError("the demo's configuration has a test set")
            figures = outcome.metrics["student"]
            explained = figures.explained
            print(
                row(
                    seed,
                    precision,
                    f"{figures.direct.accuracy:.3f}",
                    "–" if explained is None else f"{explained.accuracy:.3f}",
                    f"{training_record(own / 'student').seconds:.0f}",
                ),
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("student", help="a folder or reference")
    parser.add_argument("data", nargs="*", default=["desk"], help="desk, or a dataset")
    parser.add_argument("--questions", type=int, default=200, help="of each DATA (default: 200)")
    parser.add_argument("--rows", type=int, default=8, help="of a training step (default: 8)")
    parser.add_argument("--times", type=int, default=3, help="steps to time (default: 3)")
    parser.add_argument("--seeds", type=int, default=0, help="train so many students in each")
    parser.add_argument("--part", metavar="PRECISION:DATA", help="this alone, or PRECISION:steps")
    parser.add_argument("--anew", action="store_true", help="measure what is kept again")
    options = parser.parse_args()
    options.data = options.data or ["desk"]
    if options.part is not None:
        known = [f"{p}:{what}" for p in PRECISIONS for what in (*options.data, STEPS)]
        if options.part not in known:
            parser.error(f"--part is one of {', '.join(known)}")
        file = kept(options, options.part)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(measure(options, options.part)), "utf-8")
        print(json.dumps({"written": str(file.relative_to(ROOT))}))
        return
    try:
        if options.seeds:
            trained(options)
        else:
            tables(options)
    except PartFailedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
