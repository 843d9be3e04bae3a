"""What a user writes, for mypy: behind each ``reveal_type`` stands what it must reveal.

It is checked (tests/test_typical_use.py), and never run.
"""

# fmt: off

from __future__ import annotations

from pathlib import Path
from typing import reveal_type

import datasets
import pandas
import polars

import teachback as tb


def read() -> list[tb.Example]:
    rows = [{"id": "a", "question": "Wet?", "answer": "yes"}]
    examples = tb.read_examples("train.jsonl")
    reveal_type(examples)  # list[teachback.records.Example]
    tb.read_examples(Path("train.csv"), kind="label", columns={"question": "prompt"})
    tb.read_examples(rows)
    tb.read_examples(pandas.DataFrame(rows))
    tb.read_examples(polars.DataFrame(rows))
    tb.read_examples(datasets.Dataset.from_list(rows))
    tb.read_examples(examples[:10])
    tb.read_examples(7)  # error: incompatible type "int"
    return examples


async def explain(examples: list[tb.Example]) -> tb.Generated:
    found = tb.generate(examples, teacher="openai:gpt-4o-mini", store="replies.sqlite", samples=2)
    reveal_type(found)  # teachback.api.explaining.Generated
    reveal_type(found.explanations)  # tuple[teachback.records.Explanation, ...]
    reveal_type(found.to_rows())  # list[dict[str, object]]
    reveal_type(found.to_pandas())  # pandas.core.frame.DataFrame
    tb.generate(examples, teacher="scripted", store="s", sample=2)  # error: Unexpected keyword argument "sample"
    tb.generate(examples, teacher="scripted", store="s", choose="best")  # error: incompatible type "Literal['best']"
    tb.write_explanations("explanations.jsonl", found.explanations)
    reveal_type(tb.read_explanations("explanations.jsonl"))  # list[teachback.records.Explanation]
    reveal_type(tb.select(examples, store="replies.sqlite", strategy="rp"))  # teachback.api.explaining.Generated
    return await tb.agenerate(examples, teacher="scripted", store="replies.sqlite", max_cost=1.5)


def train_and_compare(examples: list[tb.Example], found: tb.Generated) -> tb.Comparison:
    settings: tb.TrainSettings = {"epochs": 2, "lora": True, "precision": "bf16"}
    student = tb.train(examples, found.explanations, objective="mt-cot", report_to="wandb", **settings)
    reveal_type(student)  # teachback.students.student.Student
    tb.train(examples, found.to_pandas(), student="hf:google/flan-t5-base", task_marker="encoder")
    tb.train(examples, objective="sft")  # error: incompatible type "Literal['sft']"
    tb.train(examples, epochs="many")  # error: incompatible type "str"
    reveal_type(student.answer("Wet?"))  # teachback.records.Answer
    reveal_type(student.answer(["Wet?", "Dry?"]))  # list[teachback.records.Answer]
    student.answer(["Which?"], choices=[["a", "b"]], context=[None])
    reveal_type(tb.Student.load("runs/desk").answer("Wet?", explain=True).explanation)  # str | None
    a = tb.evaluate(student, "test.jsonl", train=examples, batch_size=8)
    reveal_type(a)  # teachback.api.evaluating.Evaluation
    reveal_type(a.metrics.direct.accuracy)  # float
    reveal_type(a.baselines)  # typing.Mapping[str, teachback.api.evaluating.Evaluation]
    tb.write_predictions("predictions.jsonl", a.predictions)
    reveal_type(tb.read_predictions("predictions.jsonl"))  # list[teachback.records.Prediction]
    reveal_type(tb.evaluate_teacher("openai:gpt-4o", examples, store="s"))  # teachback.api.evaluating.Evaluation
    tb.compare(a, a.predictions, names=("MT-CoT", "ST"))
    compared = tb.compare({0: a, 1: a}, "runs/st", way="chosen")
    reveal_type(compared)  # teachback.evaluation.paired.Comparison
    reveal_type(compared.difference)  # float
    reveal_type(tb.study("study.toml", jobs=2))  # teachback.api.studying.StudyResult
    reveal_type(tb.report("runs/study", form="md"))  # pathlib.Path
    return compared
