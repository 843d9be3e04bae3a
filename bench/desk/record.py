"""Record a teacher's explanations of the desk's training cases, for shipping.

    python -m bench.desk.record openai:MODEL@http://127.0.0.1:8333/v1 --name NAME --store FILE

Asks COTE of every case and RP of those whose COTE is not kept (CROP), at temperature 0,
through the same prompts, teacher, store and selection as any other run. It may be stopped and
run again at any time: what is in the store is not asked twice. Then it writes
``NAME.cote.jsonl`` and ``NAME.rp.jsonl`` of all that the store holds, in the order of the cases,
into the package's
``desk/recordings``, and the rule engine's own ``rule-engine.cote.jsonl``; and the agreement
with gold into README.md, between its two markers.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from teachback import desk
from teachback.explaining.asking import Asking
from teachback.files import read_jsonl, write_jsonl
from teachback.questions import parse, same_answer
from teachback.records import Example, Sampling
from teachback.store import CompletionStore
from teachback.system.progress import Progress
from teachback.teachers import open_teacher
from teachback.teachers.prompts import Prompts

RECORDINGS = Path(desk.__file__).parent / "recordings"
README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- agreement: written by record.py -->", "<!-- end -->"
CONCURRENCY = 32
TIMEOUT = 1800.0  # seconds a reply may take on a busy machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher")
    parser.add_argument("--name", required=True, help="the teacher's name in the recording")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=desk.RULE_ENGINE_CASES)
    parser.add_argument("--export-only", action="store_true", help="ask nothing")
    options = parser.parse_args()
    examples = desk.train_cases(options.cases)
    prompts = Prompts(
        exemplars=desk.exemplars(), instructions=desk.POLICY, sampling=Sampling(max_tokens=200)
    )
    with CompletionStore(options.store) as store:
        if not options.export_only:
            Asking(
                teacher=open_teacher(options.teacher, concurrency=CONCURRENCY, timeout=TIMEOUT),
                prompts=prompts,
                strategy="crop",
                store=store,
                progress=Progress(sys.stdout),
            ).run(examples)
        replies = {(r.request.example_id, r.request.kind): r.completion.text for r in store}
    for kind in ("cote", "rp"):
        write_jsonl(
            RECORDINGS / f"{options.name}.{kind}.jsonl",
            (
                line(example.id, options.name, kind == "rp", replies[example.id, kind])
                for example in examples
                if (example.id, kind) in replies
            ),
        )
    write_jsonl(
        RECORDINGS / "rule-engine.cote.jsonl",
        (
            line(case.example.id, desk.RULE_ENGINE, False, desk.rule_reply(case))
            for case in desk.cases(desk.RULE_ENGINE_CASES, desk.TRAIN_SEED, "train")
        ),
    )
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    table = agreement_table(examples, options.name)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def agreement_table(examples: list[Example], name: str) -> str:
    """Right / asked, of COTE in all and by gold label, and of RP; a test counts it again."""
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    by_id = {example.id: example for example in examples}
    for kind in ("cote", "rp"):
        for _, row in read_jsonl(RECORDINGS / f"{name}.{kind}.jsonl"):
            example = by_id[str(row["id"])]
            hit = same_answer(example, parse(example, str(row["text"])).answer)
            for key in ("cote", example.answer) if kind == "cote" else ("rp",):
                asked[key] += 1
                right[key] += hit
    rows = ["| | right / asked | share |", "|---|---|---|"]
    for key in ("cote", *desk.LABELS, "rp"):
        share = f"{right[key] / asked[key]:.2f}" if asked[key] else ""
        rows.append(f"| {key} | {right[key]} / {asked[key]} | {share} |")
    return "\n".join(rows)


def line(case_id: str, teacher: str, given_answer: bool, text: str) -> dict[str, object]:
    return {"id": case_id, "teacher": teacher, "given_answer": given_answer, "text": text}


if __name__ == "__main__":
    main()
