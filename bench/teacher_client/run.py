"""How fast teachback asks a teacher, beside bespokelabs-curator and distilabel.

One mock server in a process of its own (see server.py), its ceiling measured first; then
teachback's command line with its real store, and the peers each in a virtual environment of
its own, all with the same prompts at the same concurrency, one after the other:

    python -m venv CURATOR && CURATOR/bin/pip install bespokelabs-curator
    python -m venv DISTILABEL && DISTILABEL/bin/pip install "distilabel[openai]" requests
    python -m bench.teacher_client.run --curator CURATOR/bin/python \\
        --distilabel DISTILABEL/bin/python -o FOLDER

Writes FOLDER/result.json and FOLDER/result.md, and what each printed. Linux only: memory is
read from /proc. A machine that does anything else meanwhile gives lower rates; the CPU time
per request suffers less from that.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bench.teacher_client import ours, peer_curator, peer_distilabel


@contextmanager
def served(latency: float) -> Iterator[str]:
    """The mock server; gives its URL."""
    command = [sys.executable, "-m", "bench.teacher_client.server"]
    command += ["--latency", str(latency)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    finally:
        server.terminate()
        server.wait()


def log_of(url: str) -> dict[str, Any]:
    """What the server saw since this was last asked."""
    with urlopen(url.removesuffix("/v1") + "/log") as reply:
        seen: dict[str, Any] = json.load(reply)
        return seen


def ceiling(url: str, number: int, concurrency: int) -> float:
    command = [sys.executable, "-m", "bench.teacher_client.load", url]
    command += ["--number", str(number), "--concurrency", str(concurrency)]
    rate = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    log_of(url)
    return rate


def rss(pid: int) -> int:
    """Resident memory of a process and all below it, in KiB; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for task in Path(f"/proc/{pid}/task").iterdir():
            if task.name != str(pid):
                below += (task / "children").read_text().split()
    except OSError:
        return 0
    own = next((line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")), "0")
    return int(own) + sum(rss(int(child)) for child in below)


def timed(command: list[str], url: str, printed: Path) -> dict[str, Any]:
    """One run of a command: its times, its memory, and what the server saw of it."""
    log_of(url)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = 0
    with printed.open("w") as output:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, rss(process.pid))
            time.sleep(0.1)
        seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seen = log_of(url)
    arrived = seen.pop("arrived")
    figures = {
        "exit_code": process.returncode,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2
        ),
        "peak_rss_mib": round(peak / 1024),
        "requests": len(arrived),
        **seen,
    }
    if len(arrived) >= 10:
        low, high = len(arrived) // 10, len(arrived) * 9 // 10
        figures["first_request_seconds"] = round(arrived[0] - began, 2)
        figures["steady_rate"] = round((high - low) / (arrived[high] - arrived[low]), 1)
        figures["overall_rate"] = round((len(arrived) - 1) / (arrived[-1] - arrived[0]), 1)
    return figures


def measured(
    name: str, command: list[str], url: str, folder: Path, number: int, replies: Callable[[], int]
) -> dict[str, Any]:
    """A whole run and its resumption."""
    print(f"{name}: {number} requests", flush=True)
    cold = timed(command, url, folder / f"{name}.txt")
    if cold["exit_code"] or replies() != number:
        last = (folder / f"{name}.txt").read_text(errors="replace").strip().splitlines()[-1:]
        return {"did_not_run": f"{replies()} of {number} replies; it said last: {last}", **cold}
    resumed = timed(command, url, folder / f"{name}-resumed.txt")
    return {"cold": cold, "resumed": resumed, "cpu_ms": 1000 * cold["cpu_seconds"] / number}


def outcome(folder: Path) -> dict[str, Any]:
    """What a peer's script wrote at its end: ``replies`` and ``version``."""
    path = folder / "replies.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def peer_replies(folder: Path) -> int:
    return int(outcome(folder).get("replies", 0))


def table(result: dict[str, Any]) -> str:
    """The figures in Markdown."""
    bound = result["bound"]
    lines = [
        f"Server's ceiling: {result['ceiling_rate']:.0f} requests/s at 512 connections; a plain "
        f"load generator at concurrency {result['concurrency']}: {result['load_rate']:.0f}; "
        f"{result['concurrency']} / {result['latency']:g} s = {result['allowed_rate']:.0f}.",
        "",
        "| | requests | steady, requests/s | first to last, requests/s | cold total, s | "
        "to the first request, s | peak RSS, MiB | CPU, ms a request | resuming, s | "
        "requests when resuming |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in result["systems"].items():
        if "did_not_run" in figures:
            lines.append(f"| {name} | did not run: {figures['did_not_run']} |" + " |" * 8)
            continue
        cold, resumed = figures["cold"], figures["resumed"]
        cells = (
            *(f"{name} {figures['version']}", cold["requests"], cold["steady_rate"]),
            *(cold["overall_rate"], cold["seconds"], cold["first_request_seconds"]),
            *(cold["peak_rss_mib"], f"{figures['cpu_ms']:.2f}"),
            *(resumed["seconds"], resumed["requests"]),
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    rates = {
        name: figures["cold"]["steady_rate"]
        for name, figures in result["systems"].items()
        if "cold" in figures
    }
    own = rates.pop("teachback", None)
    if own:
        lines += ["", f"teachback: {own / bound:.2f} of what is possible ({bound:.0f} requests/s)"]
        if rates:
            best = max(rates, key=lambda name: rates[name])
            lines[-1] += f"; {own / rates[best]:.1f} times {best}"
        lines[-1] += "."
    lines += [
        "",
        "Steady: between the arrivals of the 10th and the 90th percentile of the requests, as the "
        "server saw them. Cold total and CPU: the whole process, its start and end included. RSS: "
        "the process and all below it, sampled ten times a second.",
        *(f"{name}: {peer.REMARKS}" for name, peer in PEERS.items() if name in result["systems"]),
    ]
    return "\n".join(lines)


PEERS: dict[str, Any] = {"curator": peer_curator, "distilabel": peer_distilabel}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--curator", metavar="PYTHON", help="interpreter of curator's venv")
    parser.add_argument("--distilabel", metavar="PYTHON", help="interpreter of distilabel's venv")
    parser.add_argument("--number", type=int, default=20_000, help="teachback's requests")
    parser.add_argument("--peer-number", type=int, default=2_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("-o", "--out", type=Path, required=True, help="a new folder")
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True)
    result: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "concurrency": options.concurrency,
        "latency": options.latency,
        "allowed_rate": options.concurrency / options.latency,
        "systems": {},
    }
    with served(options.latency) as url:
        result["load_rate"] = ceiling(url, options.number, options.concurrency)
        result["ceiling_rate"] = ceiling(url, options.number, 512)
        result["bound"] = min(result["ceiling_rate"], result["allowed_rate"])
        questions, folder = out / "questions.jsonl", out / "teachback"
        ours.write_questions(questions, options.number)
        command = ours.command(sys.executable, questions, url, options.concurrency, folder)
        result["systems"]["teachback"] = {
            **measured(
                "teachback", command, url, out, options.number, lambda: ours.replies(folder)
            ),
            "version": version("teachback"),
        }
        rows = out / "rows.jsonl"
        ours.write_rows(rows, options.peer_number)
        for name, peer in PEERS.items():
            python = getattr(options, name)
            if not python:
                continue
            folder = out / name
            folder.mkdir()
            command = [python, "-m", peer.__name__, str(rows), url]
            command += [str(options.concurrency), str(folder)]
            figures = measured(
                name,
                command,
                url,
                out,
                options.peer_number,
                partial(peer_replies, folder),
            )
            figures["version"] = outcome(folder).get("version")
            figures["switched_off"] = peer.SWITCHED_OFF
            result["systems"][name] = figures
    (out / "result.json").write_text(json.dumps(result, indent=1))
    (out / "result.md").write_text(table(result) + "\n")
    print(table(result))


if __name__ == "__main__":
    main()
