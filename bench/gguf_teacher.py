"""A teacher in this process: explanations per minute by engine and requests at once.

    python -m bench.gguf_teacher pypi:qwen2.5-coder-1.5b-instruct [--cases 16]

Chain-of-thought requests for cases of the decision desk: the policy and eight exemplars as the
few-shot part (computed once by every configuration), then a case. Each configuration runs in a
process of its own. Loading (up to one token in reply to a bare word) and the first reply, which
computes the few-shot part, are timed separately. The ratio is to one llama.cpp slot with prefix
reuse.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path

from bench.common import PartFailedError, head, part, peak_bytes, row
from teachback import desk
from teachback.modelfiles.wheels import gguf_file
from teachback.questions import parse, same_answer
from teachback.records import Message, Request, Sampling
from teachback.teachers.gguf import GgufTeacher
from teachback.teachers.prompts import Prompts

CONFIGURATIONS = (
    ("llama.cpp", 1),
    ("llama.cpp", 2),
    ("llama.cpp", 4),
    ("openvino", 1),
    ("openvino", 4),
    ("openvino", 8),
    ("openvino", 16),
    ("openvino", 32),
)


def measure(file: Path, engine: str, slots: int, cases: int) -> dict[str, float]:
    """One configuration; the first case primes and is not among the ``cases``."""
    examples = desk.train_cases(cases + 1)
    prompts = Prompts(
        exemplars=desk.exemplars(), instructions=desk.POLICY, sampling=Sampling(max_tokens=200)
    )
    requests = [prompts.request(example, "cote", 0) for example in examples]
    load = Request("load", "direct", (), (Message("user", "Hello"),), Sampling(max_tokens=1))
    teacher = GgufTeacher(file, engine=engine, slots=slots, sha256="-" * 64)  # type: ignore[arg-type]

    async def run() -> dict[str, float]:
        began = time.perf_counter()
        await teacher.complete(load)
        loaded = time.perf_counter()
        await teacher.complete(requests[0])
        primed = time.perf_counter()
        replies = await asyncio.gather(*(teacher.complete(request) for request in requests[1:]))
        seconds = time.perf_counter() - primed
        await teacher.aclose()
        right = sum(
            same_answer(e, parse(e, r.text).answer)
            for e, r in zip(examples[1:], replies, strict=True)
        )
        return {
            "load_s": loaded - began,
            "first_s": primed - loaded,
            "seconds": seconds,
            "per_minute": 60 * cases / seconds,
            "tokens_per_s": sum(r.tokens_out or 0 for r in replies) / seconds,
            "failed": sum(r.finish_reason == "failed" for r in replies),
            "right": right,
            "peak_gb": peak_bytes() / 1e9,
        }

    return asyncio.run(run())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="pypi:NAME or a GGUF file")
    parser.add_argument("--cases", type=int, default=16)
    parser.add_argument("--only", help="one configuration, as ENGINE:SLOTS; prints JSON")
    options = parser.parse_args()
    name = options.model.removeprefix("pypi:")
    file = gguf_file(name, print) if name != options.model else Path(options.model)
    if options.only:
        engine, _, slots = options.only.partition(":")
        print(json.dumps(measure(file, engine, int(slots), options.cases)))
        return
    print(f"{os.cpu_count()} cores, {options.cases} cases, {file.name}\n")
    print(
        head(
            *("engine", "at once", "load s", "first s", "explanations/min", "ratio"),
            *("tokens/s", "right", "failed", "peak GB"),
        )
    )
    base = 0.0
    for engine, slots in CONFIGURATIONS:
        words = (file, "--cases", str(options.cases), "--only", f"{engine}:{slots}")
        try:
            found = part("bench.gguf_teacher", *words)
        except PartFailedError as error:
            print(row(engine, slots, f"did not run: {error}"))
            continue
        base = base or found["per_minute"]
        print(
            row(
                *(engine, slots, f"{found['load_s']:.1f}", f"{found['first_s']:.1f}"),
                *(f"{found['per_minute']:.1f}", f"{found['per_minute'] / base:.2f}"),
                *(f"{found['tokens_per_s']:.1f}", f"{found['right']}/{options.cases}"),
                *(found["failed"], f"{found['peak_gb']:.1f}"),
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
