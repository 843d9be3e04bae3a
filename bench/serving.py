"""How fast a student is served: by torch, by OpenVINO, and beside llama.cpp on the same weights.

    python -m bench.serving --student S --openvino OV --gguf S.gguf     every part, by each engine
    python -m bench.serving --student S direct torch                    one part

S is a student's folder; OV and S.gguf what ``teachback export`` made of it (``--to openvino``, and
``--to gguf --weights q8_0``). A part runs in a process of its own and prints one line of JSON:

``direct``     the server's start to its first answer, then direct answers one at a time: median
``explained``  70 tokens behind one question, in the engine alone; ``generate``: transformers' own
``served``     explained answers one at a time over HTTP, and the same in the engine alone
``mixed``      64 clients at once, every second one for an explanation; and the engine's one batch

The questions are the desk's test cases. llama.cpp scores no choices: its direct answers are
generated.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil

from bench.common import STUDENT, head, machine, part, peak_bytes, row
from teachback import desk

if TYPE_CHECKING:
    from teachback.records import Example
    from teachback.serving.loading import Loaded

PARTS = ("direct", "explained", "served", "mixed")
ENGINES = ("torch", "openvino", "generate", "llama.cpp")
_TOKENS = 70


def questions(count: int) -> list[Example]:
    return list(desk.test_cases(count))


# ------------------------------------------------------------------ over HTTP


@dataclass(frozen=True, slots=True)
class Server:
    """A server of its own process."""

    host: str
    port: int
    process: subprocess.Popen[str]
    started: float

    def answer(self, example: Example, way: str) -> tuple[float, int]:
        """Seconds and the status of one answer."""
        body = {
            "question": example.question,
            "choices": example.choices,
            "context": example.context,
            "way": way,
        }
        begun = time.perf_counter()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=180)
        try:
            kind = {"Content-Type": "application/json"}
            connection.request("POST", "/v1/answer", json.dumps(body), kind)
            reply = connection.getresponse()
            reply.read()
            return time.perf_counter() - begun, reply.status
        finally:
            connection.close()

    def mebibytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss / 2**20)


@contextmanager
def serving(path: str) -> Iterator[Server]:
    started = time.perf_counter()
    command = [sys.executable, "-m", "teachback", "serve", path, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while " on http" not in (line := process.stdout.readline()):
            if not line:
                sys.exit(f"teachback serve {path} ended")
        address = urlsplit(line.split(" on ")[1].split()[0])
        yield Server(str(address.hostname), int(address.port or 0), process, started)
    finally:
        process.terminate()
        process.wait(60)


def direct(path: str, count: int) -> dict[str, Any]:
    asked = questions(count)
    with serving(path) as server:
        server.answer(asked[0], "direct")
        first = time.perf_counter() - server.started
        times = [server.answer(example, "direct")[0] for example in asked]
        return {
            "start to first answer s": round(first, 2),
            "median ms": round(1000 * statistics.median(times), 1),
            "memory MiB": server.mebibytes(),
        }


def served(path: str, count: int) -> dict[str, Any]:
    from teachback.serving.engine import Question

    asked = questions(count)
    with serving(path) as server:
        server.answer(asked[0], "explained")
        times = [server.answer(example, "explained")[0] for example in asked]
        memory = server.mebibytes()
    engine = loaded(path).engine
    alone = []
    for example in [asked[0], *asked]:
        begun = time.perf_counter()
        engine.explain([Question(example, "explained", True)])
        alone.append(time.perf_counter() - begun)
    there, here = statistics.median(times), statistics.median(alone[1:])
    return {
        "median ms": round(1000 * there, 1),
        "engine alone ms": round(1000 * here, 1),
        "ratio": round(there / here, 2),
        "memory MiB": memory,
    }


def mixed(path: str, clients: int) -> dict[str, Any]:
    from teachback.serving.engine import Question

    asked = questions(clients)
    ways = ["explained" if number % 2 else "direct" for number in range(clients)]
    replies: list[tuple[float, int]] = [(0.0, 0)] * clients
    with serving(path) as server:
        for way in ("direct", "explained"):
            server.answer(asked[0], way)

        def client(number: int) -> None:
            replies[number] = server.answer(asked[number], ways[number])

        threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - begun
        memory = server.mebibytes()
    engine = loaded(path).engine
    both = [Question(e, "explained", True) for e in asked[1::2]]
    alone = [Question(e, "direct", False) for e in asked[::2]]
    engine.explain(both[:1])
    begun = time.perf_counter()
    engine.explain(both)
    engine.answer_directly(alone)
    batch = time.perf_counter() - begun
    times = sorted(spent for spent, _ in replies)
    return {
        "answers/s": round(clients / seconds, 2),
        "one batch answers/s": round(clients / batch, 2),
        "share of it": round(batch / seconds, 2),
        "p99 s": round(times[int(0.99 * len(times))], 2),
        "errors": sum(status != 200 for _, status in replies),
        "memory MiB": memory,
    }


def loaded(path: str) -> Loaded:
    from teachback.serving.loading import load_served

    return load_served(path)


# ------------------------------------------------------------------ the engine alone


def explained(path: str, engine: str, count: int) -> dict[str, Any]:
    """70 tokens whatever they are: what ends a text is a token that never comes."""
    from teachback.questions import render

    sources = [render(example) for example in questions(count)]
    times, tokens = [], 0
    student: Any = loaded(path).student
    if engine == "generate":
        student.shared_prefix = False  # transformers' own decoding
    never = len(student.tokenizer) - 1
    student.tokenizer.eos_token_id = never
    for source in [sources[0], *sources]:
        begun = time.perf_counter()
        (made,) = student.generate([source], "explanation", _TOKENS)
        times.append(time.perf_counter() - begun)
        tokens = max(tokens, made.tokens)
    return {
        "median ms": round(1000 * statistics.median(times[1:]), 1),
        "tokens": tokens,
        "peak MiB": peak_bytes() // 2**20,
    }


def llama_cpp(file: str, student: str, name: str, count: int) -> dict[str, Any]:
    """llama.cpp's server in this process, asked with the student's own tokens."""
    import xllamacpp
    from transformers import AutoTokenizer

    from teachback.questions import render
    from teachback.students.card import StudentCard
    from teachback.students.encoding import CausalTokenizer
    from teachback.system.machine import cores

    card = StudentCard.load(Path(student)) or StudentCard(base=student)
    encoder = CausalTokenizer(AutoTokenizer.from_pretrained(student), card)
    begun = time.perf_counter()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = file
    parameters.n_ctx = 1024
    parameters.n_parallel = 1
    parameters.verbosity = -1
    parameters.cpuparams.n_threads = int(os.environ.get("OMP_NUM_THREADS", 0)) or cores()
    server = xllamacpp.Server(parameters)
    load = time.perf_counter() - begun
    times = []
    asked = questions(count)
    for example in [asked[0], *asked]:
        role: Any = "answer" if name == "direct" else "explanation"
        prompt = [*encoder.source_ids(render(example), role), *encoder.marker_ids(role)]
        body: dict[str, Any] = {"prompt": prompt, "temperature": 0.0, "cache_prompt": False}
        body |= {"max_tokens": 16} if name == "direct" else {"max_tokens": _TOKENS}
        begun = time.perf_counter()
        server.handle_completions({**body, "ignore_eos": name != "direct"})
        times.append(time.perf_counter() - begun)
    return {
        "load s": round(load, 2),
        "median ms": round(1000 * statistics.median(times[1:]), 1),
        "peak MiB": peak_bytes() // 2**20,
    }


# ------------------------------------------------------------------ parts


def measured(name: str, engine: str, settings: argparse.Namespace) -> dict[str, Any]:
    path = settings.openvino if engine == "openvino" else settings.student
    if engine == "llama.cpp":
        found = llama_cpp(settings.gguf, settings.student, name, settings.questions)
    elif name == "direct":
        found = direct(path, settings.questions)
    elif name == "served":
        found = served(path, settings.questions)
    elif name == "mixed":
        found = mixed(path, settings.clients)
    else:
        found = explained(path, engine, max(2, settings.questions // 4))
    return {"part": name, "engine": engine, **found}


def wanted(settings: argparse.Namespace) -> Sequence[tuple[str, str]]:
    """The parts and engines that there are files for."""
    files = {"openvino": settings.openvino, "llama.cpp": settings.gguf}
    possible = {
        "torch": PARTS,
        "openvino": PARTS,
        "generate": ("explained",),
        "llama.cpp": ("direct", "explained"),
    }
    return [
        (name, engine)
        for name in PARTS
        for engine in ENGINES
        if name in possible[engine] and files.get(engine, settings.student)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("engine", nargs="?", choices=ENGINES, default="torch")
    parser.add_argument("--student", default=STUDENT)
    parser.add_argument("--openvino", help="an OpenVINO export of it")
    parser.add_argument("--gguf", help="a GGUF export's file")
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--clients", type=int, default=64, help="at once, in the part mixed")
    settings = parser.parse_args()
    if settings.part:
        print(json.dumps(measured(settings.part, settings.engine, settings)))
        return
    options = [
        f"--{key}={value}"
        for key in ("student", "openvino", "gguf", "questions", "clients")
        if (value := getattr(settings, key)) is not None
    ]
    print(machine())
    print(head("part", "engine", "figures"))
    for name, engine in wanted(settings):
        found = part("bench.serving", name, engine, *options)
        figures = ", ".join(f"{k} {v}" for k, v in found.items() if k not in ("part", "engine"))
        print(row(name, engine, figures), flush=True)


if __name__ == "__main__":
    main()
