"""How outcomes are printed: small aligned tables and plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from teachback.evaluation import Metrics, WayMetrics
    from teachback.generation import GenerationSummary
    from teachback.prediction import Cost
    from teachback.selection import SelectionSummary


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; all but the first aligned to the right."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def selection(summary: SelectionSummary, generation: GenerationSummary | None = None) -> None:
    """The selection table: per prompt, asked = kept + rejected by reason."""
    names = list(summary.per_strategy)
    reasons = ["kept", *summary.rejected]
    rows = [
        [
            "asked",
            *(str(sum(summary.per_strategy[n].values())) for n in names),
            str(summary.asked),
        ]
    ]
    for reason in reasons:
        counts = [summary.per_strategy[name].get(reason, 0) for name in names]
        rows.append([reason, *map(str, counts), str(sum(counts))])
    click.echo(table([summary.strategy, *names, "all"], rows))
    click.echo(
        f"examples with an explanation: {summary.explained_examples} of {summary.examples} "
        f"({share(summary.explained_examples, summary.examples)})"
    )
    if summary.agreement[1]:
        right, replies = summary.agreement
        click.echo(
            f"teacher agrees with gold (cote): {right} of {replies} ({share(right, replies)})"
        )
    if summary.rp_contradictions[1]:
        wrong, replies = summary.rp_contradictions
        click.echo(f"rp replies that contradict gold: {wrong} of {replies}")
    if summary.yield_per_label:
        parts = [f"{label} {share(k, n)}" for label, (k, n) in summary.yield_per_label.items()]
        click.echo(f"yield by gold label: {', '.join(parts)}")
    if summary.not_asked:
        click.echo(f"not asked (not in the store, outside the sum): {summary.not_asked}")
    if generation is not None:
        tokens = ""
        if generation.tokens_out:
            tokens = f", {generation.tokens_in} tokens in, {generation.tokens_out} out"
        click.echo(
            f"requests: {generation.stored} new, {generation.already_stored} stored before, "
            f"{generation.failed} failed{tokens}, {generation.seconds:.1f} s"
        )


def way(figures: WayMetrics | None) -> list[str]:
    """Accuracy, its interval and what was unparsed, as cells."""
    if figures is None:
        return ["–", "–", "–"]
    return [
        f"{figures.accuracy:.3f}",
        f"[{figures.low:.3f}, {figures.high:.3f}]",
        str(figures.unparsed),
    ]


def metrics(systems: Mapping[str, Metrics], costs: Mapping[str, Cost]) -> None:
    """One line a system: both ways of answering, with intervals."""
    rows = []
    for name, figures in systems.items():
        agreement = "–" if figures.agreement is None else f"{figures.agreement:.3f}"
        rows.append(
            [name, str(figures.n), *way(figures.direct), *way(figures.explained), agreement]
        )
    click.echo(
        table(["", "n", "direct", "95%", "unparsed", "explained", "95%", "unparsed", "agree"], rows)
    )
    for name, cost in costs.items():
        line = (
            f"{name}: {cost.direct_seconds:.0f} s and {cost.direct_tokens:.0f} generated tokens "
            "for 1,000 direct answers"
        )
        if cost.explained_seconds is not None:
            line += (
                f"; {cost.explained_seconds:.0f} s and {cost.explained_tokens:.0f} for explained "
                "ones"
            )
        if cost.unfinished:
            line += f"; {cost.unfinished} explanations hit the length limit"
        click.echo(line)


def labels(figures: Metrics) -> None:
    """Accuracy of the direct answer by gold label."""
    if figures.labels is None:
        return
    rows = [
        [label.label, str(label.n), f"{label.accuracy:.3f}", str(label.predicted)]
        for label in figures.labels
    ]
    click.echo(table(["gold label", "n", "direct", "answered"], rows))
