"""The README's Python example, with a recorded teacher and a tiny random student."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import teachback as tb
from teachback.errors import DataError
from tiny import tiny_causal


def _rows(n: int) -> list[dict[str, object]]:
    return [
        {"id": f"q{i}", "question": f"Is the number {i} even?", "answer": i % 2 == 0}
        for i in range(n)
    ]


def _write(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_the_example_of_the_readme_runs(tmp_path: Path) -> None:
    train = _write(tmp_path / "train.jsonl", _rows(24))
    test = _write(tmp_path / "test.jsonl", [{**r, "id": f"t{r['id']}"} for r in _rows(30)[24:]])
    replies = [
        {
            "id": row["id"],
            "teacher": "somebody",
            "given_answer": False,
            "text": f"Halving it leaves {'nothing' if row['answer'] else 'one'} over. "
            f"The answer is {'yes' if row['answer'] else 'no'}.",
        }
        for row in _rows(24)
    ]
    recorded = _write(tmp_path / "replies.jsonl", replies)
    weights = str(tiny_causal(tmp_path / "weights", "llama"))

    examples = tb.read_examples(train)
    found = tb.generate(
        examples, teacher=f"recorded:{recorded}", strategy="crop", store=tmp_path / "s.sqlite"
    )
    assert len(found.explanations) == 24
    assert found.explanations[0].text == "Halving it leaves nothing over."
    student = tb.train(
        examples,
        found.explanations,
        student=weights,
        objective="mt-cot",
        lora=True,
        epochs=1,
        folder=tmp_path / "run",
    )
    assert (tmp_path / "run" / "student" / "adapter_model.safetensors").is_file()
    answered = student.answer("Is the number 7 even?", explain=True)
    assert answered.answer in ("yes", "no")
    assert answered.explanation is not None
    baseline = tb.train(examples, student=weights, objective="st", epochs=1)
    held_out = tb.read_examples(test)
    a = tb.evaluate(student, held_out, max_new_tokens=8)
    b = tb.evaluate(baseline, held_out)
    assert [p.id for p in a.predictions] == [e.id for e in held_out]
    compared = tb.compare(a, b, names=("MT-CoT", "ST"))
    assert compared.difference == pytest.approx(
        a.metrics.direct.accuracy - b.metrics.direct.accuracy
    )


def test_nothing_to_explain_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no examples"):
        tb.generate([], teacher="scripted", store=tmp_path / "s.sqlite")


def test_every_public_name_can_be_had_and_importing_costs_nothing() -> None:
    for name in tb.__all__:
        assert getattr(tb, name).__name__ == name
    assert set(tb.__all__) <= set(dir(tb))
    with pytest.raises(AttributeError, match="no attribute 'Rationale'"):
        _ = tb.Rationale  # type: ignore[attr-defined]
    program = (
        "import sys, teachback; "
        "print([m for m in ('torch', 'scipy', 'pydantic', 'aiohttp') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"
