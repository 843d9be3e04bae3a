"""The README's Python example, with a recorded teacher and a tiny random student."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import teachback as tb
from mock_server import MockServer, choice
from teachback.errors import ConfigError, CostCapError, DataError
from teachback.teachers.scripted import ScriptedTeacher
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
    said = student.answer("Is the number 7 even?", explain=True)
    assert isinstance(said, tb.Answer)
    assert said.way == student.card.way
    assert said.answer == (said.direct_answer if said.way == "direct" else said.explained_answer)
    assert said.direct_answer in ("yes", "no")
    assert said.explanation is not None
    baseline = tb.train(examples, student=weights, objective="st", epochs=1)
    held_out = tb.read_examples(test)
    a = tb.evaluate(student, held_out, max_new_tokens=8)
    b = tb.evaluate(baseline, held_out)
    assert [p.id for p in a.predictions] == [e.id for e in held_out]
    compared = tb.compare(a, b, names=("MT-CoT", "ST"))
    assert compared.difference == pytest.approx(
        a.metrics.direct.accuracy - b.metrics.direct.accuracy
    )
    assert (a.way, b.way) == (student.card.way, "direct")
    own = a.metrics.explained if a.way == "explained" else a.metrics.direct
    assert own is not None
    assert tb.compare(a, b, way="chosen").difference == pytest.approx(
        own.accuracy - b.metrics.direct.accuracy
    )


def test_the_cap_holds_over_all_runs_into_a_store(tmp_path: Path) -> None:
    examples = tb.read_examples(_write(tmp_path / "train.jsonl", _rows(20)))
    prices = tmp_path / "prices.toml"
    prices.write_text('["big"]\ninput = 100.0\noutput = 1000.0\n', encoding="utf-8")
    usage = {"prompt_tokens": 500, "completion_tokens": 20}
    content = {"role": "assistant", "content": "It is so. The answer is yes."}
    reply, store = choice({"message": content}, usage=usage), tmp_path / "s.sqlite"
    spent = (500 * 100 + 20 * 1000) / 1e6

    def generate(url: str, max_cost: float | None) -> int:
        found = tb.generate(
            examples,
            teacher=f"openai:big@{url}",
            strategy="cote",
            store=store,
            exemplars="none",
            max_tokens=40,
            max_cost=max_cost,
            prices=prices,
        )
        return len(found.explanations) + len(found.rejections)

    with MockServer(lambda _asked: reply) as server:
        counts = []
        for cap in (0.5, 0.5, 0.9):
            with pytest.raises(CostCapError, match=rf"the cap of \${cap} is reached"):
                generate(server.url, cap)
            counts.append(len(server.asked))
            assert counts[-1] * spent <= cap
        assert counts[0] == counts[1] < counts[2]
        assert generate(server.url, None) == 20
        assert len(server.asked) == 20


def test_a_cap_needs_the_price_of_a_teacher_of_ones_own(tmp_path: Path) -> None:
    examples = tb.read_examples(_write(tmp_path / "train.jsonl", _rows(2)))

    class Mine(ScriptedTeacher):
        free = False  # what it costs is not known

    teacher = Mine(lambda _request: "Halves fit. The answer is yes.", model="mine")
    store, prices = tmp_path / "s.sqlite", tmp_path / "prices.json"
    with pytest.raises(ConfigError, match="needs prices: no price is known for mine: give"):
        tb.generate(examples, teacher=teacher, store=store, max_cost=1.0)
    with pytest.raises(ConfigError, match=r"generate\(\): teacher.max_cost = -1"):
        tb.generate(examples, teacher=teacher, store=store, max_cost=-1)
    assert teacher.asked == []
    prices.write_text('{"mine": {"input": 1, "output": 1}}', encoding="utf-8")
    with pytest.raises(CostCapError, match="0 replies are stored"):
        tb.generate(examples, teacher=teacher, store=store, max_cost=1e-6, prices=prices)
    found = tb.generate(examples, teacher=teacher, store=store, max_cost=1, prices=prices)
    assert [request.kind for request in teacher.asked] == ["cote", "cote", "rp"]
    assert len(found.explanations) == 1


def test_nothing_to_explain_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the data: there are no rows"):
        tb.generate([], teacher="scripted", store=tmp_path / "s.sqlite")


def test_every_public_name_can_be_had_and_importing_costs_nothing() -> None:
    for name in tb.__all__:
        public = getattr(tb, name)
        assert inspect.isclass(public) or inspect.isfunction(public) or get_args(public), name
        if not get_args(public):
            assert public.__name__ == name
    assert set(tb.__all__) <= set(dir(tb))
    with pytest.raises(AttributeError, match="no attribute 'Rationale'"):
        _ = tb.Rationale  # type: ignore[attr-defined]
    program = (
        "import sys, teachback; "
        "print([m for m in ('torch', 'scipy', 'pydantic', 'aiohttp') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"
