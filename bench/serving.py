"""How fast a student is served, by torch, by OpenVINO and by llama.cpp's server, against the goals.

    python -m bench.serving --student S --openvino OV --q8-0 Q8.gguf --f16 F16.gguf
    python -m bench.serving --student S direct torch                    one part

S is a student's folder; the others what ``teachback export`` made of it: OV by ``--to openvino``,
the files by ``--to gguf --weights q8_0`` and ``f16``. A part runs in a process of its own. Without
a part, all run, and the goals are set beside what was measured; with ``--keep FILE``, figures that
FILE holds of this machine are not measured again.

``direct``     the server's start to its first answer, then direct answers one at a time: median
``explained``  70 tokens behind one question, in the engine alone; ``generate``: transformers' own
``served``     explained answers one at a time over HTTP, and the same in the engine alone
``mixed``      64 clients at once, every second one for an explanation; and the engine's best batch

The questions are the desk's test cases. llama.cpp's server scores no choices: its direct answers
are generated. On a machine with other work, ``--clock processor`` counts the seconds in which a
process has a core, instead of those that pass. Parts in bf16 are left out where the processor does
not multiply it natively.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from bench.common import STUDENT, head, machine, part, peak_bytes, row
from bench.served import (
    Body,
    Clock,
    answer_body,
    at_once,
    one_at_a_time,
    questions,
    serving,
    started,
)
from bench.serving_goals import Figures, goal_row, goals
from teachback.files import read_jsonl, write_jsonl
from teachback.system.machine import processor
from teachback.system.precision import NATIVE_BF16

if TYPE_CHECKING:
    from teachback.records import Example, Role
    from teachback.serving.loading import Loaded

PARTS = ("direct", "explained", "served", "mixed")
_OF_ENGINE = {
    "torch": PARTS,
    "torch-bf16": PARTS,
    "openvino": PARTS,
    "generate": ("explained",),
    "generate-bf16": ("explained",),
    "q8_0": PARTS,
    "f16": PARTS,
}
"""Which parts each engine has; the last two are llama.cpp's server."""
ENGINES = tuple(_OF_ENGINE)
_GGUF = ("q8_0", "f16")
_TOKENS = 70
_ANSWER_TOKENS = 16
_AT_ONCE = 32
"""Explanations that `teachback serve` makes in one batch, at most, and llama.cpp's server."""


# ------------------------------------------------------------------ a student of ours


def direct(path: str, precision: str, clock: Clock, count: int) -> dict[str, Any]:
    with serving(path, precision, clock) as server:
        bodies = [answer_body(example, "direct") for example in questions(count)]
        return one_at_a_time(server, "/v1/answer", bodies)


def served(path: str, precision: str, clock: Clock, count: int) -> dict[str, Any]:
    from teachback.serving.engine import Question

    asked = questions(count)
    with serving(path, precision, clock) as server:
        bodies = [answer_body(example, "explained") for example in asked]
        found = one_at_a_time(server, "/v1/answer", bodies)
    engine = loaded(path, precision).engine
    alone = []
    for example in [asked[0], *asked]:
        begun = _now(clock)
        list(engine.explain([Question(example, "explained", True)]))
        alone.append(_now(clock) - begun)
    return {**found, "engine alone ms": round(1000 * statistics.median(alone[1:]), 1)}


def mixed(path: str, precision: str, clock: Clock, clients: int) -> dict[str, Any]:
    asked = questions(clients)
    bodies = [answer_body(e, "explained" if n % 2 else "direct") for n, e in enumerate(asked)]
    with serving(path, precision, clock) as server:
        for body in bodies[:2]:
            server.ask("/v1/answer", body)
        found = at_once(server, "/v1/answer", bodies)
    engine = loaded(path, precision).engine
    explanations = len(asked[1::2])
    sizes = {min(8, explanations), explanations}
    best = max(_batched(engine, asked, size, clock) for size in sizes)
    return {**found, "best batch answers/s": round(best, 3)}


def _now(clock: Clock) -> float:
    return time.perf_counter() if clock == "wall" else time.process_time()


def _batched(engine: Any, asked: Sequence[Example], size: int, clock: Clock) -> float:
    """Answers a second: every second question explained, ``size`` in a batch, the others direct."""
    from teachback.serving.engine import Question

    both = [Question(example, "explained", True) for example in asked[1::2]]
    list(engine.explain(both[:1]))
    begun = _now(clock)
    for begin in range(0, len(both), size):
        list(engine.explain(both[begin : begin + size]))
    list(engine.answer_directly([Question(example, "direct", False) for example in asked[::2]]))
    return len(asked) / (_now(clock) - begun)


def loaded(path: str, precision: Any) -> Loaded:
    from teachback.serving.loading import load_served

    return load_served(path, precision)


def explained(
    path: str, precision: str, clock: Clock, count: int, *, generate: bool
) -> dict[str, Any]:
    """70 tokens whatever they are: what ends a text is a token that never comes."""
    from teachback.questions import render

    sources = [render(example) for example in questions(count)]
    times, tokens = [], _TOKENS
    student: Any = loaded(path, precision).student
    if generate:
        student.shared_prefix = False  # transformers' own decoding
    student.tokenizer.eos_token_id = len(student.tokenizer) - 1
    for source in [sources[0], *sources]:
        begun = _now(clock)
        (made,) = student.generate([source], "explanation", _TOKENS)
        times.append(_now(clock) - begun)
        tokens = min(tokens, made.tokens)
    return {
        "median ms": round(1000 * statistics.median(times[1:]), 1),
        "fewest tokens": tokens,
        "peak MiB": peak_bytes() // 2**20,
    }


# ------------------------------------------------------------------ llama.cpp's server


def llama_cpp(file: str, student: str, name: str, settings: argparse.Namespace) -> dict[str, Any]:
    """llama.cpp's server, asked over HTTP with the student's own tokens."""
    from transformers import AutoTokenizer

    from teachback.questions import render
    from teachback.students.card import StudentCard
    from teachback.students.encoding import CausalTokenizer

    card = StudentCard.load(Path(student)) or StudentCard(base=student)
    encoder = CausalTokenizer(AutoTokenizer.from_pretrained(student), card)

    def body(example: Example, role: Role, tokens: int, *, past_the_end: bool = False) -> Body:
        prompt = [*encoder.source_ids(render(example), role), *encoder.marker_ids(role)]
        # As ours: a question that was asked before is read again.
        fixed = {"temperature": 0.0, "cache_prompt": False, "ignore_eos": past_the_end}
        return {"prompt": prompt, "max_tokens": tokens, **fixed}

    limit = card.explanation_limit
    bodies: list[Body]
    if name == "mixed":
        tasks: tuple[tuple[Role, int], ...] = (("answer", _ANSWER_TOKENS), ("explanation", limit))
        bodies = [body(e, *tasks[n % 2]) for n, e in enumerate(questions(settings.clients))]
        with started(
            "bench.served_llamacpp", file, f"--at-once={_AT_ONCE}", clock=settings.clock
        ) as server:
            server.ask("/v1/completions", bodies[0])
            return at_once(server, "/v1/completions", bodies)
    asked = questions(_explained(settings.questions) if name == "explained" else settings.questions)
    if name == "direct":
        bodies = [body(each, "answer", _ANSWER_TOKENS) for each in asked]
    elif name == "served":
        bodies = [body(each, "explanation", limit) for each in asked]
    else:
        bodies = [body(e, "explanation", _TOKENS, past_the_end=True) for e in asked]
    with started("bench.served_llamacpp", file, clock=settings.clock) as server:
        return one_at_a_time(server, "/v1/completions", bodies)


# ------------------------------------------------------------------ parts


def _explained(asked: int) -> int:
    """How many of the questions the part ``explained`` asks, of every engine: the first quarter."""
    return max(2, asked // 4)


def measured(name: str, engine: str, settings: argparse.Namespace) -> dict[str, Any]:
    """The figures of one part by one engine."""
    if engine in _GGUF:
        file = settings.q8_0 if engine == "q8_0" else settings.f16
        return llama_cpp(file, settings.student, name, settings)
    path = settings.openvino if engine == "openvino" else settings.student
    precision = "auto" if engine == "openvino" else "bf16" if "bf16" in engine else "fp32"
    clock = settings.clock
    if name == "direct":
        return direct(path, precision, clock, settings.questions)
    if name == "served":
        return served(path, precision, clock, settings.questions)
    if name == "mixed":
        return mixed(path, precision, clock, settings.clients)
    count = _explained(settings.questions)
    return explained(path, precision, clock, count, generate=engine.startswith("generate"))


def wanted(settings: argparse.Namespace) -> list[tuple[str, str]]:
    """The parts and engines that there are files for, and that this processor is made for."""
    files = {"openvino": settings.openvino, "q8_0": settings.q8_0, "f16": settings.f16}
    bf16 = not processor().features.isdisjoint(NATIVE_BF16)
    return [
        (name, engine)
        for name in PARTS
        for engine, own in _OF_ENGINE.items()
        if name in own and files.get(engine, settings.student) and (bf16 or "bf16" not in engine)
    ]


def all_parts(settings: argparse.Namespace) -> Figures:
    """Measure what is wanted and not kept; prints a row for each."""
    here, file = f"{machine()}, {settings.clock} clock", settings.keep
    kept = [] if file is None or not file.is_file() else [line for _, line in read_jsonl(file)]
    figures = {
        (line["part"], line["engine"]): line["figures"] for line in kept if line["machine"] == here
    }
    options = [
        f"--{key.replace('_', '-')}={value}"
        for key in ("student", "openvino", "q8_0", "f16", "questions", "clients", "clock")
        if (value := getattr(settings, key)) is not None
    ]
    print(here)
    print(head("part", "engine", "figures"))
    for name, engine in wanted(settings):
        if (name, engine) not in figures:
            found = figures[name, engine] = part("bench.serving", name, engine, *options)
            if file is not None:
                kept.append({"machine": here, "part": name, "engine": engine, "figures": found})
                write_jsonl(file, kept)
        told = ", ".join(f"{key} {value}" for key, value in figures[name, engine].items())
        print(row(name, engine, told), flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("engine", nargs="?", choices=ENGINES, default="torch")
    parser.add_argument("--student", default=STUDENT)
    parser.add_argument("--openvino", help="an OpenVINO export of it")
    parser.add_argument("--q8-0", help="a GGUF export's file with weights q8_0")
    parser.add_argument("--f16", help="one with weights f16")
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--clients", type=int, default=64, help="at once, in the part mixed")
    parser.add_argument("--clock", choices=get_args(Clock), default="wall")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="where figures are kept")
    settings = parser.parse_args()
    if settings.part:
        print(json.dumps(measured(settings.part, settings.engine, settings)))
        return
    figures = all_parts(settings)
    print()
    print(head("goal", "measured", "wanted", "met"))
    for goal in goals(figures):
        print(row(*goal_row(goal)))


if __name__ == "__main__":
    main()
