"""A served student, scored by lm-evaluation-harness as a task of our own.

    python -m bench.lm_harness --student runs/demo/mt-cot/student --harness HARNESS/bin/python

``--harness`` is the interpreter of an environment with ``lm-eval`` and transformers (`pip install
"lm-eval[api]" transformers`). The script writes the questions of a multiple-choice file and the
task's description, starts `teachback serve`, lets the harness score each choice through
``/v1/completions`` with ``echo`` and ``logprobs``, and compares its answers with the student's
own. The harness adds up the log-probabilities of a choice's tokens without the end token, so the
student's scores are computed both without it and with it, as `teachback evaluate` has them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.common import DATA, OUT, head, machine, row

if TYPE_CHECKING:
    from teachback.records import Example
    from teachback.students.causal import CausalStudent

TASK = "teachback_served"

DESCRIPTION = """\
task: {task}
dataset_path: json
dataset_kwargs:
  data_files:
    validation: {file}
validation_split: validation
output_type: multiple_choice
doc_to_text: "{{{{prompt}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: gold
target_delimiter: " "
num_fewshot: 0
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1
"""


def write_task(folder: Path, examples: Sequence[Example]) -> None:
    """The questions, each as the student's prompt, and the task's description."""
    from teachback.files import write_jsonl, write_text
    from teachback.questions import render
    from teachback.students.encoding import MARKERS, QUESTION

    file = folder / f"{TASK}.jsonl"
    rows = [
        {
            "prompt": f"{QUESTION}{render(example)}{MARKERS['answer']}",
            "choices": list(example.choices),
            "gold": example.choices.index(example.answer),
        }
        for example in examples
    ]
    write_jsonl(file, rows)
    write_text(folder / f"{TASK}.yaml", DESCRIPTION.format(task=TASK, file=file))


@contextmanager
def served(student: str, precision: str) -> Iterator[str]:
    """`teachback serve` in a process of its own; yields its address."""
    command = [sys.executable, "-m", "teachback", "serve", student, "--port", "0"]
    command += ["--precision", precision, "--queue", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if " on " not in line:
            sys.exit("the server did not start")
        try:
            yield line.split(" on ")[1].split()[0]
        finally:
            process.terminate()


def by_harness(
    harness: str, folder: Path, address: str, tokenizer: str
) -> tuple[list[list[float]], float]:
    """The harness's score of every choice, by question, and its accuracy."""
    asked = f"model=student,base_url={address}v1/completions,tokenizer={tokenizer}"
    asked += ",tokenizer_backend=huggingface,add_bos_token=True,num_concurrent=1"
    out = folder / "harness"
    command = [harness, "-m", "lm_eval", "--model", "local-completions", "--model_args", asked]
    command += ["--tasks", TASK, "--include_path", str(folder), "--output_path", str(out)]
    subprocess.run([*command, "--log_samples", "--batch_size", "1"], check=True)
    return scored_before(folder)


def scored_before(folder: Path) -> tuple[list[list[float]], float]:
    """What the harness wrote last."""
    out = folder / "harness"
    newest = max(out.rglob(f"samples_{TASK}_*.jsonl"), key=lambda file: file.stat().st_mtime)
    samples = [json.loads(line) for line in newest.read_text("utf-8").splitlines()]
    samples.sort(key=lambda sample: sample["doc_id"])
    scores = [[float(score[0][0]) for score in sample["resps"]] for sample in samples]
    return scores, sum(sample["acc"] for sample in samples) / len(samples)


def own_scores(student: CausalStudent, example: Example) -> list[list[float]]:
    """The sums of log-probabilities of each choice: without the end token, and with it."""
    import torch

    from teachback.questions import render, say_answer

    before = [*student.source_ids(render(example), "answer"), *student.marker_ids("answer")]
    found = []
    for choice in example.choices:
        said = say_answer(example, choice, student.card.answer_format)
        target = [*student.text_ids(said), student.end_id]
        with torch.inference_mode(), student.autocast():
            logits = student.model(
                input_ids=torch.tensor([before + target]), logits_to_keep=len(target) + 1
            ).logits[0]
        shares = torch.log_softmax(logits[:-1].float(), dim=-1)
        each = shares[range(len(target)), target]
        found.append([float(each[:-1].sum()), float(each.sum())])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--student", required=True, help="a student's folder")
    parser.add_argument("--harness", required=True, help="the harness's Python interpreter")
    parser.add_argument("--data", default=str(DATA / "obqa" / "dev.jsonl"))
    parser.add_argument("--questions", type=int, default=120)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("-o", "--out", type=Path, default=OUT / "lm_harness")
    parser.add_argument(
        "--scored", action="store_true", help="the harness has scored already, into --out"
    )
    settings = parser.parse_args()

    from teachback.datasets import read_examples
    from teachback.students.causal import CausalStudent
    from teachback.students.load import load

    examples = read_examples(settings.data)[: settings.questions]
    settings.out.mkdir(parents=True, exist_ok=True)
    folder = settings.out.resolve()
    write_task(folder, examples)
    if settings.scored:
        scores, accuracy = scored_before(folder)
    else:
        with served(settings.student, settings.precision) as address:
            scores, accuracy = by_harness(settings.harness, folder, address, settings.student)
    student = load(settings.student, precision=settings.precision)
    assert isinstance(student, CausalStudent)
    own = [own_scores(student, example) for example in examples]
    right = [example.choices.index(example.answer) for example in examples]
    print(machine())
    print(head("scored by", "right", "same choice as the harness", "largest difference of a sum"))
    print(row("lm-eval, through the server", f"{accuracy * len(scores):.0f}", "–", "–"))
    for place, name in enumerate(("the student, without the end token", "the student, with it")):
        sums: list[list[float]] = [[each[place] for each in one] for one in own]
        correct = sum(_best(one) == gold for one, gold in zip(sums, right, strict=True))
        same = sum(_best(a) == _best(b) for a, b in zip(sums, scores, strict=True))
        far: Any = max(
            abs(x - y) for a, b in zip(sums, scores, strict=True) for x, y in zip(a, b, strict=True)
        )
        print(row(name, correct, f"{same} of {len(scores)}", f"{far:.2g}"))


def _best(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


if __name__ == "__main__":
    main()
