"""Record a teacher's explanations of the desk's training cases, for shipping.

    python bench/desk/record.py openai:MODEL@http://127.0.0.1:8333/v1 --name NAME --store FILE

Asks COTE of every case and RP of those whose COTE is not kept (CROP), at temperature 0,
through the same prompts, teacher, store and selection as any other run. Stop it and run it
again at will: what is in the store is not asked twice. Then writes ``NAME.cote.jsonl`` and
``NAME.rp.jsonl`` into the package's ``desk/recordings``, up to the first case that is not
done, and the rule engine's own ``rule-engine.cote.jsonl``; prints the table of README.md.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from itertools import takewhile
from pathlib import Path

from teachback import desk
from teachback.files import read_jsonl, write_jsonl
from teachback.generation import generate
from teachback.progress import Progress
from teachback.prompts import Prompts
from teachback.questions import parse, same_answer
from teachback.records import Example, Sampling
from teachback.selection import is_kept
from teachback.store import CompletionStore
from teachback.teachers import open_teacher

RECORDINGS = Path(desk.__file__).parent / "recordings"
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
            generate(
                examples,
                teacher=open_teacher(options.teacher, concurrency=CONCURRENCY, timeout=TIMEOUT),
                prompts=prompts,
                strategy="crop",
                store=store,
                is_kept=is_kept,
                progress=Progress(sys.stdout),
            )
        replies = {(r.request.example_id, r.request.kind): r.completion for r in store}

    def is_done(example: Example) -> bool:
        cote = replies.get((example.id, "cote"))
        return cote is not None and (is_kept(example, cote) or (example.id, "rp") in replies)

    done = list(takewhile(is_done, examples))
    for kind in ("cote", "rp"):
        write_jsonl(
            RECORDINGS / f"{options.name}.{kind}.jsonl",
            (
                line(example.id, options.name, kind == "rp", replies[example.id, kind].text)
                for example in done
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
    print_agreement(done, options.name)


def print_agreement(examples: list[Example], name: str) -> None:
    """The table of README.md: right / asked of COTE by gold label and of RP; a test counts it."""
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
    for key in ("cote", *desk.LABELS, "rp"):
        share = right[key] / asked[key] if asked[key] else 0.0
        print(f"| {key} | {right[key]} / {asked[key]} | {share:.2f} |")


def line(case_id: str, teacher: str, given_answer: bool, text: str) -> dict[str, object]:
    return {"id": case_id, "teacher": teacher, "given_answer": given_answer, "text": text}


if __name__ == "__main__":
    main()
