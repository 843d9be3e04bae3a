"""How fast a causal student answers, beside transformers' own decoding and the products alone.

    python -m bench.answering --student runs/demo/mt-cot/student    all parts, on both datasets
    python -m bench.answering --student … ours desk                 one part

A part runs in a process of its own, for its peak memory, and prints one line of JSON:

``library``   explained answers by transformers' `generate`, a batch at a time
``ours``      explained answers by `teachback.students.decoding`
``both``      direct and explained answers, a question read once for both
``before``    direct answers with the marker repeated for every choice and whole rows of logits
``direct``    direct answers as they are scored now
``products``  the matrix products that the direct answers need, without padding, and nothing else

An untrained student writes to the limit, so that no batch is ragged: take a trained one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bench.common import DATA, STUDENT, forget_peak, head, machine, need_data, part, peak_bytes, row

if TYPE_CHECKING:
    from teachback.records import Example, Role
    from teachback.students.causal import CausalStudent

PARTS = ("library", "ours", "both", "before", "direct", "products")
DATASETS = ("desk", "obqa")


def examples(dataset: str, count: int) -> list[Example]:
    """Questions of the desk's test cases, or of OpenBookQA's dev file."""
    from teachback import desk
    from teachback.datasets import read_examples

    if dataset == "desk":
        return list(desk.test_cases(count))
    return read_examples(need_data(DATA / "obqa") / "dev.jsonl")[:count]


def measured(name: str, settings: argparse.Namespace) -> dict[str, Any]:
    """Run one part; seconds, counts and peak memory."""
    import torch

    from teachback.students.causal import CausalStudent
    from teachback.students.load import load

    student = load(settings.student, precision=settings.precision)
    assert isinstance(student, CausalStudent)
    asked = sorted(examples(settings.dataset, settings.questions), key=lambda e: len(e.question))
    work: dict[str, Callable[[Sequence[Example]], dict[str, Any]]] = {
        "library": lambda some: explained(student, some, settings, library=True),
        "ours": lambda some: explained(student, some, settings, library=False),
        "both": lambda some: both(student, some, settings),
        "before": lambda some: before(student, some, settings),
        "direct": lambda some: direct(student, some, settings),
        "products": lambda some: products(student, some, settings),
    }
    work[name](asked[:2])
    forget_peak()
    started = time.perf_counter()
    found = work[name](asked)
    seconds = found.pop("seconds", time.perf_counter() - started)
    return {
        "part": name,
        "dataset": settings.dataset,
        "questions": len(asked),
        "seconds": round(seconds, 2),
        "answers/s": round(len(asked) / seconds, 3),
        "peak GiB": round(peak_bytes() / 2**30, 2),
        "threads": torch.get_num_threads(),
        **found,
    }


# ------------------------------------------------------------------ explained answers


def explained(
    student: CausalStudent, some: Sequence[Example], settings: argparse.Namespace, *, library: bool
) -> dict[str, Any]:
    from teachback.questions import render

    sources = [render(example) for example in some]
    student.shared_prefix = not library
    done = dict(
        student.perform(
            sources, [[] for _ in some], {"explanation": settings.tokens}, settings.batch
        )
    )
    texts = [done[number].generated["explanation"] for number in range(len(some))]
    return {
        "tokens": sum(text.tokens for text in texts),
        "longest": max(text.tokens for text in texts),
        "texts": hash_of([text.text for text in texts]),
    }


def both(
    student: CausalStudent, some: Sequence[Example], settings: argparse.Namespace
) -> dict[str, Any]:
    limits: dict[Role, int] = {"explanation": settings.tokens}
    done = dict(student.perform(*scored(student, some), limits, settings.batch))
    texts = [done[number].generated["explanation"] for number in range(len(some))]
    return {
        "tokens": sum(text.tokens for text in texts),
        "texts": hash_of([text.text for text in texts]),
    }


# ------------------------------------------------------------------ direct answers


def scored(student: CausalStudent, some: Sequence[Example]) -> tuple[list[str], list[list[str]]]:
    """Questions, and of each what its choices are scored as."""
    from teachback.questions import candidates, render, say_answer

    said = [
        [say_answer(e, choice, student.card.answer_format) for choice in candidates(e)]
        for e in some
    ]
    return [render(example) for example in some], said


def direct(
    student: CausalStudent, some: Sequence[Example], settings: argparse.Namespace
) -> dict[str, Any]:
    for _ in student.perform(*scored(student, some), {}, settings.batch):
        pass
    return {}


def before(
    student: CausalStudent, some: Sequence[Example], settings: argparse.Namespace
) -> dict[str, Any]:
    import torch

    for pairs in in_batches(scored(student, some), settings.batch):
        rows = [
            student.row(source, "answer", [student.branch("answer", text) for text in said])
            for source, said in pairs
        ]
        with torch.inference_mode(), student.autocast():
            student.loss(student.model, student.collate(rows))
    return {}


def products(
    student: CausalStudent, some: Sequence[Example], settings: argparse.Namespace
) -> dict[str, Any]:
    """Time of every linear layer at the number of tokens, and of the output layer at the number
    of positions, that a batch has; multiply-adds of all of it."""
    import torch
    from torch import nn

    output = student.model.get_output_embeddings()
    layers = [m for m in student.model.modules() if isinstance(m, nn.Linear) and m is not output]
    seconds, count = 0.0, 0
    for pairs in in_batches(scored(student, some), settings.batch):
        rows = [student.scoring_row(source, "answer", said) for source, said in pairs]
        batch = student.collate(rows)
        tokens = int((batch["branch_ids"] >= 0).sum())
        positions = len(set(batch["target_index"].tolist()))
        with torch.inference_mode():
            for layer, size in [*((each, tokens) for each in layers), (output, positions)]:
                given = torch.randn(size, layer.in_features, dtype=layer.weight.dtype)
                into = torch.empty(size, layer.out_features, dtype=layer.weight.dtype)
                into.zero_()  # its pages are there: what is timed is the product
                started = time.perf_counter()
                torch.mm(given, layer.weight.t(), out=into)
                seconds += time.perf_counter() - started
                count += size * layer.weight.numel()
    return {
        "seconds": seconds,
        "multiply-adds": count,
        "GFLOP/s": round(2 * count / seconds / 1e9, 1),
    }


def in_batches(
    asked: tuple[list[str], list[list[str]]], size: int
) -> Iterator[list[tuple[str, list[str]]]]:
    pairs = list(zip(*asked, strict=True))
    for begin in range(0, len(pairs), size):
        yield pairs[begin : begin + size]


def hash_of(texts: Sequence[str]) -> str:
    import hashlib

    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("dataset", nargs="?", choices=DATASETS, default="desk")
    parser.add_argument("--student", default=STUDENT)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=160, help="most tokens of an explanation")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="fp32")
    settings = parser.parse_args()
    if settings.part:
        print(json.dumps(measured(settings.part, settings)))
        return
    options = [
        f"--{key}={getattr(settings, key)}"
        for key in ("student", "questions", "batch", "tokens", "precision")
    ]
    print(machine())
    print(head("part", "dataset", "answers/s", "seconds", "peak GiB", "texts"))
    for dataset in DATASETS:
        for name in PARTS:
            found = part("bench.answering", name, dataset, *options)
            keys = ("part", "dataset", "answers/s", "seconds", "peak GiB")
            print(row(*(found[key] for key in keys), found.get("texts", "")), flush=True)


if __name__ == "__main__":
    main()
