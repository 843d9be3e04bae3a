"""How outcomes are printed: small aligned tables and plain sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from teachback.cli.printing import say
from teachback.evaluation.adaptive import adaptive_seconds
from teachback.formatting import NOTHING, dollars, interval
from teachback.students.limits import limit_note

if TYPE_CHECKING:
    from teachback.config import Config
    from teachback.costs.prices import Price
    from teachback.evaluation import Metrics, WayMetrics
    from teachback.explaining.asking import GenerationSummary
    from teachback.explaining.counts import SelectionCounts
    from teachback.explaining.estimate import Load
    from teachback.explaining.spending import Bill
    from teachback.records import Cost
    from teachback.runs.explanations import CostEstimate


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
    return f"{part / whole:.1%}" if whole else NOTHING


def detectable(difference: float | None) -> str:
    """The least difference of shares that a plan can show; None: it can show none."""
    return "no difference" if difference is None else f"{100 * difference:.1f} points"


def selection(summary: SelectionCounts, generation: GenerationSummary | None = None) -> None:
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
    say(table([summary.strategy, *names, "all"], rows))
    if truncated := summary.rejected.get("truncated", 0):
        say(
            f"truncated: {truncated} replies were cut off, in their thinking or in their text, by "
            "--max-tokens or the model's context; a larger --max-tokens asks for all replies again"
        )
    say(
        f"examples with an explanation: {summary.explained_examples} of {summary.examples} "
        f"({share(summary.explained_examples, summary.examples)})"
    )
    if summary.agreement[1]:
        right, replies = summary.agreement
        say(f"teacher agrees with gold (cote): {right} of {replies} ({share(right, replies)})")
    if summary.rp_contradictions[1]:
        wrong, replies = summary.rp_contradictions
        say(f"rp replies that contradict gold: {wrong} of {replies}")
    if replies := sum(summary.read_by.values()):
        parts = [f"{pattern} {share(n, replies)}" for pattern, n in summary.read_by.items()]
        say(f"conclusions found by: {', '.join(parts)}")
    if summary.yield_per_label:
        parts = [f"{label} {share(k, n)}" for label, (k, n) in summary.yield_per_label.items()]
        say(f"yield by gold label: {', '.join(parts)}")
    if summary.not_asked:
        say(f"not asked (no reply in the store; not counted above): {summary.not_asked}")
    if generation is not None:
        tokens = ""
        if generation.tokens_out:
            tokens = (
                f", {generation.tokens_in} tokens in ({generation.tokens_cached} of them cached), "
                f"{generation.tokens_out} out"
            )
        say(
            f"requests: {generation.stored} new, {generation.already_stored} stored before, "
            f"{generation.failed} failed{tokens}, {generation.seconds:.1f} s"
        )


def bill(paid: Bill, kept: int) -> None:
    """What a run has cost, by which prices."""
    price = paid.price
    if price is None or price.free:
        say(no_cost(price))
        return
    each = f", {dollars(paid.total / kept)} per kept explanation" if kept else ""
    say(f"cost: {dollars(paid.run)} in this run, {dollars(paid.total)} in all{each}")
    if paid.uncounted:
        say(
            f"{paid.uncounted} replies came without token counts and are counted at their upper "
            "bound"
        )
    if paid.lost:
        say(
            f"{paid.lost} attempts got no reply and may have been billed: they are counted at "
            "their upper bound"
        )
    say(prices(price))


def no_cost(price: Price | None) -> str:
    """Why no dollars are shown: the price is not known, or there is nothing to pay."""
    if price is None:
        return "cost: unknown, since no price is known for this model: --prices FILE gives one"
    return f"cost: nothing ({price.source})"


def prices(price: Price) -> str:
    return (
        f"prices per million tokens: ${price.input:g} in, ${price.cached:g} cached, "
        f"${price.output:g} out; from {price.source}"
    )


def _length_from(stored: int, config: Config) -> str:
    """What the length of replies is taken from, in words."""
    if stored:
        return "about as long as the stored replies, and"
    if config.teacher.exemplars == "none":
        return "of unknown length without replies and exemplars, so"
    return "about as long as the exemplars, and"


def cost_estimate(estimate: CostEstimate, config: Config, *, asked: int) -> None:
    """What asking would take, by strategy: about, and at most."""
    found, price = estimate.requests, estimate.price
    if not asked:
        say("dry run: nothing was asked")
    say(
        f"{found.examples} examples, {config.teacher.samples} sample(s) per prompt; "
        f"{found.stored} replies in the store are not counted"
    )
    head = ["still to ask", *(cell for what in _PLANNED for cell in (what, "at most"))]
    rows = []
    for name, about, most in (
        ("cote", (found.cote,), found.cote),
        ("rp", (found.rp,), found.rp),
        (
            "crop",
            (found.crop,) if found.crop else (found.crop_least, found.crop_most),
            found.crop_most,
        ),
    ):
        cells = [
            _span(f"{load.requests:.0f}" for load in about),
            f"{most.requests:.0f}",
            _span(_count(load.about_in) for load in about),
            _count(most.most_in),
            _span(_count(load.about_out) for load in about),
            _count(most.most_out),
        ]
        if price is not None and not price.free:
            cells += [
                _span(dollars(load.dollars(price)) for load in about),
                dollars(most.most_dollars(price)),
            ]
        else:
            cells += ["$0", "$0"] if price else ["?", "?"]
        rows.append([name, *cells])
    say(table(head, rows))
    share = found.rp_share
    if share is None:
        say(
            "crop asks rp where cote is not kept; how often is not known until some examples have "
            "been asked (--pilot 50), so crop lies between the two figures"
        )
    else:
        say(
            f"crop asks rp where cote is not kept: {found.backups} of {found.decided} examples so "
            f"far, {share[0]:.1%} (95%: {share[1]:.1%} to {share[2]:.1%})"
        )
    say(
        "tokens in: about UTF-8 bytes / 4, at most the bytes; tokens out: "
        f"{_length_from(found.stored, config)} at most max_tokens ({config.teacher.max_tokens})"
    )
    most = found.crop or found.crop_most
    if most.requests and most.about_in:
        say(
            f"{most.shared / most.about_in:.0%} of the tokens in belong to the few-shot part, "
            "which is counted in every request" + _if_cached(most, price)
        )
    if price is None:
        say(unknown_price(config))
    elif price.free:
        say(no_cost(price))
    else:
        say(prices(price))
        if estimate.bill is not None and estimate.bill.total:
            cap = f" of a cap of ${config.teacher.max_cost:g}" if config.teacher.max_cost else ""
            say(f"spent so far: {dollars(estimate.bill.total)}{cap}")


_PLANNED = ("requests", "tokens in", "tokens out", "dollars")


def _if_cached(load: Load, price: Price | None) -> str:
    if price is None or price.cached >= price.input:
        return ""
    least = dollars(load.dollars(price, cached=True))
    return f"; crop costs about {least} if the server always finds it in its prefix cache"


def unknown_price(config: Config) -> str:
    return (
        f"dollars: no price is known for {config.teacher.reference}; give one with --prices FILE "
        '(["MODEL"] with input = and output = in dollars per million tokens)'
    )


def _count(number: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def _span(cells: Iterable[str]) -> str:
    return "–".join(dict.fromkeys(cells))


def way(figures: WayMetrics | None) -> list[str]:
    """Accuracy, its interval and what was unparsed, as cells."""
    if figures is None:
        return [NOTHING] * 3
    return [
        f"{figures.accuracy:.3f}",
        interval(figures.low, figures.high, "{:.3f}".format),
        str(figures.unparsed),
    ]


def adaptive(figures: Metrics) -> list[str]:
    """The adaptive way's accuracy, its interval and the share that it explains, as cells."""
    if figures.adaptive is None or figures.adaptive_explained is None:
        return [NOTHING] * 3
    return [*way(figures.adaptive)[:2], f"{figures.adaptive_explained:.0%}"]


def metrics(systems: Mapping[str, Metrics], costs: Mapping[str, Cost]) -> None:
    """One line a system: both ways of answering, with intervals."""
    rows = []
    for name, figures in systems.items():
        agreement = NOTHING if figures.agreement is None else f"{figures.agreement:.3f}"
        rows.append(
            [name, str(figures.n), *way(figures.direct), *way(figures.explained), agreement]
        )
    say(
        table(["", "n", "direct", "95%", "unparsed", "explained", "95%", "unparsed", "agree"], rows)
    )
    for name, figures in systems.items():
        if figures.adaptive is not None:
            share, low_high, explains = adaptive(figures)
            say(f"{name}: adaptive (exploratory) {share} {low_high}, {explains} of it explained")
    for name, figures in systems.items():
        for kind, one in (("direct", figures.direct), ("explained", figures.explained)):
            if one is not None and one.cut_off:
                line = (
                    f"{name}: {one.cut_off} of {one.n} {kind} answers were cut off by the limit on "
                    "tokens before their answer, and count as unparsed"
                )
                if name == "teacher":
                    line += ": a teacher that thinks needs a larger --max-tokens"
                elif kind == "explained":
                    line += ": --max-new-tokens sets the limit"
                say(line)
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
        if cost.adaptive_seconds is not None:
            line += (
                f"; {cost.adaptive_seconds:.0f} s and {cost.adaptive_tokens:.0f} for adaptive ones"
            )
        elif (about := _about_adaptive(cost, systems[name])) is not None:
            line += (
                f"; about {about:.0f} s for adaptive ones (direct + share explained × explained)"
            )
        note = limit_note(cost.unfinished, systems[name].n, cost.max_new_tokens)
        if cost.unfinished and note is None:
            line += f"; {cost.unfinished} explanations hit the length limit"
        say(line)
        if note:
            say(f"{name}: {note}")


def _about_adaptive(cost: Cost, figures: Metrics) -> float | None:
    """Seconds for 1,000 adaptive answers that were not measured."""
    return adaptive_seconds(cost, figures.adaptive_explained)


def labels(figures: Metrics) -> None:
    """Accuracy of the direct answer by gold label."""
    if figures.labels is None:
        return
    rows = [
        [label.label, str(label.n), f"{label.accuracy:.3f}", str(label.predicted)]
        for label in figures.labels
    ]
    say(table(["gold label", "n", "direct", "answered"], rows))
