"""The README's Python part, gone through in a notebook."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tiny import tiny_causal

README = Path(__file__).parents[1] / "README.md"


def _rows(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"q{n}", "question": f"Is the number {n} even?", "answer": n % 2 == 0}
        for n in range(first, first + count)
    ]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")


def _reply(row: dict[str, Any]) -> dict[str, Any]:
    left, answer = ("nothing", "yes") if row["answer"] else ("one", "no")
    text = f"Halving it leaves {left} over. The answer is {answer}."
    return {"id": row["id"], "teacher": "somebody", "given_answer": False, "text": text}


def _readme() -> list[str]:
    """The code of the section, a paragraph of it a cell, as people paste it."""
    section = README.read_text("utf-8").split("## In Python\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert blocks
    return [cell.strip() for block in blocks for cell in block.split("\n\n")]


def _text(cell: Any) -> str:
    """What a cell printed, and the value of its last line."""
    parts = []
    for output in cell.outputs:
        assert output.output_type != "error", output
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "execute_result":
            parts.append(output.data["text/plain"])
    return "".join(parts)


@pytest.mark.slow
def test_the_readme_runs_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    _write(tmp_path / "train.jsonl", _rows(0, 24))
    _write(tmp_path / "test.jsonl", _rows(24, 6))
    _write(tmp_path / "replies.jsonl", [_reply(row) for row in _rows(0, 24)])
    tiny_causal(tmp_path / "tiny", "llama")
    changes = {
        '"openai:gpt-4o-mini"': '"recorded:replies.jsonl"',
        '"pypi:gemma-3-270m"': '"tiny"',
        "lora=True": "lora=True, epochs=1, max_target_tokens=48",
    }
    cells = _readme()
    for before, after in changes.items():
        assert any(before in cell for cell in cells), before
        cells = [cell.replace(before, after) for cell in cells]
    monkeypatch.setenv("PYTHONPATH", str(README.parent / "src"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(
        book, timeout=200, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    shown = {cell.source: _text(cell) for cell in book.cells}

    def after(code: str) -> str:
        [text] = [text for source, text in shown.items() if code in source]
        return text

    # Asked within the notebook's own loop, with progress that nobody asked for.
    assert re.search(r"asking somebody@\w+: 24/24 examples \(100%\)", after("tb.generate("))
    assert "crop: 24 explanations kept of 24 replies" in after("tb.generate(")
    assert re.search(r"train mt-cot: \d+/\d+ steps \(100%\)", after('objective="mt-cot"'))
    assert "minus ST (direct answers): " in after("tb.compare(")
    assert "minus ST (each in its chosen way): " in after("tb.compare(")
    assert (tmp_path / "runs" / "desk" / "student" / "adapter_model.safetensors").is_file()
