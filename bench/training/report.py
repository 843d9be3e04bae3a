"""From seconds and shapes to ratios: the tables, and where a goal is missed."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from datetime import date
from typing import Any

from bench.training import counts, schemes

GOAL = 0.9
"""Of the counted ratio."""
EXTRAS = {
    # TRL recomputes its layers (gradient checkpointing, its default) and its logits.
    "trl": counts.Extra(layers=1, head=1),
    "trl-kept": counts.Extra(head=1),
}


def per_cell(seconds: list[float], cells: int) -> list[list[float]]:
    """The repetitions of each cell, its warm-up left out."""
    size = len(seconds) // cells
    return [seconds[i * size + 1 : (i + 1) * size] for i in range(cells)]


def per_cell_shapes(shapes: list[Any], cells: int) -> list[list[Any]]:
    """The microbatches of the first step of each cell; its other steps are the same work."""
    steps = max(shape["step"] for shape in shapes) + 1
    by_step: list[list[Any]] = [[] for _ in range(steps)]
    for shape in shapes:
        by_step[shape["step"]].append({k: v for k, v in shape.items() if k != "step"})
    return by_step[:: -(-steps // cells)]


def summary(group: Any, measured: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """One entry per cell and scheme: rate, ratio of times, ratio of counts, peak memory."""
    config = schemes.config_of(group.job["model"])
    count = counts.t5 if group.job["model"] in schemes.T5_SIZES else counts.causal
    entries = []
    for number, cell in enumerate(group.cells):
        step = len(group.job["steps"]) // len(group.cells) * number
        examples = len(group.job["steps"][step])
        done = {}
        for scheme, found in measured.items():
            shapes = [counts.Shape(**values) for values in found["shapes"][number]]
            extra = EXTRAS.get(scheme, counts.Extra())
            done[scheme] = count(config, shapes, group.job["tuning"], extra)
        for scheme, found in measured.items():
            seconds, own = found["cells"][number], measured["ours"]["cells"][number]
            rate = done[scheme] / statistics.median(seconds) / 1e12
            entries.append(
                {
                    "cell": cell,
                    "scheme": scheme,
                    "seconds": seconds,
                    "examples_per_second": examples / statistics.median(seconds),
                    "ratio": statistics.median(seconds) / statistics.median(own),
                    "ratio_of_minima": min(seconds) / min(own),
                    "counted_ratio": done[scheme] / done["ours"],
                    "operations": done[scheme],
                    "tflops": rate,
                    "share_of_peak": rate / options.peak if options.peak else None,
                    "peak_bytes": found["peak"],
                    "microbatches": found["shapes"][number],
                }
            )
    _check_scores(group.name, measured)
    _check_targets(group.name, measured)
    return {
        "name": group.name,
        "part": group.part,
        "facts": group.facts,
        "entries": entries,
        "versions": measured[group.schemes[-1]]["versions"],
        "missed": [miss for entry in entries for miss in missed(entry, entries)],
    }


def _check_scores(name: str, measured: dict[str, Any]) -> None:
    """Scoring's own check that all computed the same; bf16 rounds at 1 in 256."""
    own = measured["ours"]["scores"]
    for scheme, found in measured.items():
        if own and any(
            abs(a - b) > 0.05 * abs(b) for a, b in zip(own, found["scores"], strict=True)
        ):
            raise SystemExit(f"{name}: {scheme} does not score as ours does")


def _check_targets(name: str, measured: dict[str, Any]) -> None:
    """That ours and separate rows computed the same number of targets at every step."""
    if "rows" not in measured:
        return
    for own, other in zip(measured["ours"]["shapes"], measured["rows"]["shapes"], strict=True):
        targets, others = (sum(shape["positions"] for shape in some) for some in (own, other))
        if targets != others:
            raise SystemExit(f"{name}: ours computed {targets} targets, separate rows {others}")


def missed(entry: dict[str, Any], entries: list[dict[str, Any]]) -> list[str]:
    """The goals that ours misses against one other scheme."""
    if entry["scheme"] == "ours":
        return []
    (own,) = (e for e in entries if e["scheme"] == "ours" and e["cell"] == entry["cell"])
    against = f"{entry['cell']} against {entry['scheme']}".strip()
    found = []
    if entry["ratio"] < 1:
        found.append(f"{against}: slower ({entry['ratio']:.2f})")
    if entry["ratio"] < GOAL * entry["counted_ratio"]:
        share = entry["ratio"] / entry["counted_ratio"]
        found.append(f"{against}: {share:.0%} of the counted ratio")
    if own["peak_bytes"] > entry["peak_bytes"]:
        ratio = own["peak_bytes"] / entry["peak_bytes"]
        found.append(f"{against}: {ratio:.2f} times its peak memory")
    return found


def lines(group: dict[str, Any]) -> list[str]:
    """A Markdown table of one group."""
    peak = any(entry["share_of_peak"] for entry in group["entries"])
    last = " | share of peak" if peak else ""
    result = [
        f"\n### ({group['part']}) {group['name']}\n",
        "| | scheme | examples/s | times ours | counted | of counted | TFLOP/s | peak GiB"
        + last
        + " |",
        "|---|---|---|---|---|---|---|---|" + ("---|" if peak else ""),
    ]
    for entry in group["entries"]:
        share = entry["ratio"] / entry["counted_ratio"]
        result.append(
            f"| {entry['cell']} | {entry['scheme']} | {entry['examples_per_second']:.2f} "
            f"| {entry['ratio']:.2f} | {entry['counted_ratio']:.2f} | {share:.0%} "
            f"| {entry['tflops']:.2f} | {entry['peak_bytes'] / 2**30:.2f} |"
            + (f" {entry['share_of_peak']:.1%} |" if peak else "")
        )
    facts = ", ".join(f"{name} {value:.1f}" for name, value in group["facts"].items())
    if facts:
        result.append(f"\nTokens per example (means): {facts}.")
    result += [f"\nMissed: {'; '.join(group['missed'])}."] if group["missed"] else []
    return result


def document(results: dict[str, Any]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    head = [
        "# Training speed and memory",
        "",
        f"`python -m bench.training.run`, {date.today()}, {results['seconds']:.0f} s; {machine}; "
        + ", ".join(f"{k} {v}" for k, v in results["groups"][0]["versions"].items())
        + ".",
        "Median of the repetitions; `times ours` is a scheme's time over ours, `counted` the same "
        "of operation counts. Peak memory is resident memory from the loaded model on.",
    ]
    for kind, found in results["losses"].items():
        own = ", ".join(
            f"{name} {values}" for name, values in zip(found["rows"], _columns(found), strict=True)
        )
        head.append(f"\nLosses in float32, {kind} ({', '.join(found['losses'])}): {own}.")
    body = [line for group in results["groups"] for line in lines(group)]
    return "\n".join([*head, *body]) + "\n"


def _columns(found: dict[str, Any]) -> list[str]:
    return [
        " = ".join(f"{loss:.6f}" for loss in own)
        for own in zip(*found["losses"].values(), strict=True)
    ]


def machine() -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {"system": platform.platform(), "cores": os.cpu_count()}
    found["threads"] = torch.get_num_threads()
    if torch.cuda.is_available():
        found["device"] = torch.cuda.get_device_name()
    return found


def shown(options: argparse.Namespace) -> dict[str, Any]:
    plain = (int, float, str, list, tuple, bool)
    return {k: v for k, v in vars(options).items() if isinstance(v, plain) and k != "folder"} | {
        "command": sys.argv[1:]
    }
