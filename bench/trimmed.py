"""A trimmed base beside the whole one: a LoRA step and generation, in float32.

    python -m bench.trimmed                       both parts, 262,144 tokens against 32,768
    python -m bench.trimmed --part training       one part

The base keeps what ``student.trim_vocabulary`` keeps of OpenBookQA's training questions and the
recorded explanations. A training step (MT-CoT with LoRA, rows as long as OpenBookQA's with
explanations) and the generation of so many tokens for so many questions at once are timed, both
bases by turns, the fastest of ``--times`` after one that is not counted. No tokens are saved: of
each base as many are generated, whatever they are. Accuracy is not looked at.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bench.common import DATA, head, machine, row
from teachback.config import StudentConfig
from teachback.datasets import read_examples
from teachback.files import read_jsonl
from teachback.records import Explanation

if TYPE_CHECKING:
    from teachback.students.model import StudentModel

PARTS = ("training", "generating")
QUESTION = "Which of these melts when it is warmed in the sun?\n(A) ice\n(B) stone\n(C) iron"


def trimmed_reference(student: str, size: int, count: int) -> str:
    """The trimmed base of ``student``, made of OpenBookQA and its first ``count`` explanations."""
    from teachback.training.trimming import trimmed_student

    folder = DATA / "obqa"
    rows = [one for _, one in read_jsonl(folder / "teacher" / "gpt-4o.rp.jsonl")][:count]
    explanations = [Explanation(r["id"], "rp", 0, r["teacher"], r["text"], "") for r in rows]
    config = StudentConfig(reference=student, trim_vocabulary=size)
    examples = list(read_examples(folder / "train.jsonl"))
    return trimmed_student(config, examples, explanations, print).reference


def by_turns(steps: Sequence[Callable[[], object]], times: int) -> list[float]:
    """Seconds of the fastest of so many calls of each, by turns, after one that is not counted."""
    best = [float("inf")] * len(steps)
    for turn in range(times + 1):
        for number, step in enumerate(steps):
            began = time.perf_counter()
            step()
            if turn:
                best[number] = min(best[number], time.perf_counter() - began)
    return best


def training_step(reference: str, rows: int) -> Callable[[], None]:
    """A forward and backward pass of MT-CoT with LoRA, and the optimiser's step."""
    import torch

    from bench.students import loaded
    from bench.training_memory import rows as examples

    student = loaded(reference, lora=True, precision="fp32")
    batch = student.collate(student.rows(examples()[:rows]))
    weights = [p for p in student.model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=1e-5)
    student.model.train()

    def step() -> None:
        optimiser.zero_grad()
        loss = student.loss(student.model, batch) / rows
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def generation(reference: str, questions: int, tokens: int) -> Callable[[], None]:
    """``tokens`` tokens for each of so many questions at once; the end token is never chosen."""
    from teachback.students.load import load

    student: StudentModel = load(reference, precision="fp32")

    def step() -> None:
        found = student.generate([QUESTION] * questions, "explanation", tokens)
        if any(one.tokens < tokens for one in found):
            raise SystemExit("it ended early: raise the number of questions, or lower --tokens")

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--student", default=StudentConfig().reference)
    parser.add_argument("--size", type=int, default=32768, help="tokens kept")
    parser.add_argument("--explanations", type=int, default=500, help="how many are covered")
    parser.add_argument("--rows", type=int, default=4, help="examples in a training step")
    parser.add_argument("--questions", type=int, default=8, help="generated for at once")
    parser.add_argument("--tokens", type=int, default=32, help="generated for each question")
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--part", choices=PARTS, action="append")
    options = parser.parse_args()
    trimmed = trimmed_reference(options.student, options.size, options.explanations)
    print(f"\n{machine()}\n")
    print(head("float32", "whole, s", "trimmed, s", "times faster"))
    both = (options.student, trimmed)
    for part in options.part or PARTS:
        if part == "training":
            what = f"LoRA step, {options.rows} rows"
            steps = [training_step(base, options.rows) for base in both]
        else:
            what = f"{options.tokens} tokens for {options.questions} questions"
            steps = [generation(base, options.questions, options.tokens) for base in both]
        whole, fewer = by_turns(steps, options.times)
        print(row(what, f"{whole:.2f}", f"{fewer:.2f}", f"{whole / fewer:.2f}"), flush=True)


if __name__ == "__main__":
    main()
