"""The first step of a run: what explaining would cost, asking, and selecting; on files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from teachback.config import Config, TeacherConfig
from teachback.datasets import subsample
from teachback.errors import ConfigError, DataError, RunFolderError
from teachback.explaining.estimate import Estimate, estimate
from teachback.exemplars import choose
from teachback.files import writing_jsonl
from teachback.runs.folders import STORE, begin_folder, training_stream
from teachback.explaining.asking import GenerationSummary, generate
from teachback.costs.prices import Price, find_price, unknown
from teachback.system.progress import SILENT, Progress
from teachback.teachers.prompts import Form, Prompts
from teachback.records import Completion, Example, Explanation, Rejection, Request, Sampling
from teachback.files.rows import row_of
from teachback.explaining.selection import Selection, SelectionRules, Verdict, select_each
from teachback.explaining.spending import Meter
from teachback.store import CompletionStore
from teachback.explaining.counts import SELECTION_FILE, SelectionCounts, Tally
from teachback.teachers import Teacher, open_teacher


@dataclass(frozen=True, slots=True)
class Bill:
    """US dollars, at most: of this run, and of all replies of the teacher in the store. None
    of both is known without a ``price``. ``lost`` attempts brought no reply and may be billed
    all the same; of ``uncounted`` replies the server told no tokens.
    """

    price: Price | None
    run: float
    total: float
    lost: int = 0
    uncounted: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is still to be asked, its price (None: not known), and what was paid before."""

    estimate: Estimate
    price: Price | None
    bill: Bill | None


@dataclass(frozen=True, slots=True)
class Explained:
    """The outcome of asking and selecting; the explanations are in the folder."""

    summary: SelectionCounts
    generation: GenerationSummary | None
    bill: Bill | None = None


class _Named(Protocol):
    """What prompts and keys need of a teacher."""

    @property
    def model(self) -> str: ...
    @property
    def form(self) -> Form: ...


@dataclass(frozen=True, slots=True)
class _Stored:
    """The teacher of a store, which is not there to be asked."""

    model: str
    form: Form


def teacher_of(config: TeacherConfig) -> Teacher:
    """The configured teacher. Raises ConfigError where there is none."""
    if config.reference is None:
        raise ConfigError("no teacher is set: give [teacher] reference, or --teacher")
    form = "chat" if config.form == "auto" else config.form
    return open_teacher(config.reference, form=form, concurrency=config.concurrency)


def prompts_of(config: TeacherConfig, teacher: _Named, kind: str) -> Prompts:
    """The prompts that this teacher gets for questions of this kind."""
    instructions = None
    if config.instructions is not None:
        try:
            instructions = Path(config.instructions).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"teacher.instructions: {config.instructions} cannot be read ({error})"
            ) from None
    return Prompts(
        exemplars=tuple(choose(None if config.exemplars == "auto" else config.exemplars, kind)),
        form=teacher.form,
        fold_system=config.system == "fold",
        instructions=instructions,
        sampling=Sampling(config.temperature, config.top_p, config.max_tokens),
    )


def _rules(config: Config) -> SelectionRules:
    chosen = config.selection
    return SelectionRules(
        choose=chosen.choose,
        rp_check=chosen.rp_check,
        max_words=chosen.max_words,
        leak_check=chosen.leak_check,
        thinking=chosen.thinking,
    )


def explain(
    config: Config, folder: Path, *, overwrite: bool = False, progress: Progress = SILENT
) -> Explained:
    """Ask the teacher for what is missing and select; writes ``completions.sqlite``,
    ``explanations.jsonl`` and ``rejections.jsonl``.

    Raises DataError where not one request got a reply with text in it; what was stored stays.
    """
    examples = training_stream(config)
    asking = open_asking(config, _kind(examples))
    teacher, prompts = asking.teacher, asking.prompts
    # Only now: a folder begun on a file that cannot be read would be in the way of the mended one.
    begin_folder(config, folder, overwrite=overwrite, grows=True)
    with CompletionStore(folder / STORE) as store:
        meter = meter_of(config.teacher, teacher, asking.price, store)
        generation = _ask(config, examples, teacher, prompts, store, meter, progress)
        summary = _select_into(folder, config, examples, teacher, prompts, store, check=True)
        bill = _bill(asking.price, meter, store, teacher)
    return Explained(summary, generation, bill)


def _kind(examples: Collection[Example]) -> str:
    return next(iter(examples)).kind


@dataclass(frozen=True, slots=True)
class Asking:
    """A teacher, the prompts that it gets, and the price of its tokens."""

    teacher: Teacher
    prompts: Prompts
    price: Price | None


def open_asking(config: Config, kind: str) -> Asking:
    """What asking about questions of this ``kind`` needs. Raises as :func:`explain` does."""
    teacher = teacher_of(config.teacher)
    prompts = prompts_of(config.teacher, teacher, kind)
    return Asking(teacher, prompts, price_of(config.teacher, teacher))


@dataclass(frozen=True, slots=True)
class Selected:
    """What was selected of ``examples``, in memory."""

    examples: Sequence[Example]
    explanations: Sequence[Explanation]
    rejections: Sequence[Rejection]
    summary: SelectionCounts


def explain_from(
    config: Config,
    examples: Sequence[Example],
    store: CompletionStore,
    asking: Asking,
    *,
    check: bool = True,
    progress: Progress = SILENT,
) -> Selected:
    """Ask for what an open ``store`` lacks of explanations of ``examples``, and select. No file
    but the store is written; raises as :func:`explain` does, without ``check`` not where the
    teacher answered nothing.
    """
    teacher, prompts = asking.teacher, asking.prompts
    meter = meter_of(config.teacher, teacher, asking.price, store)
    _ask(config, examples, teacher, prompts, store, meter, progress)
    tally = Tally(config.selection.strategy)
    explanations: list[Explanation] = []
    rejections: list[Rejection] = []
    for example, part in _select_each(config, examples, teacher, prompts, store):
        tally.add(example, part)
        explanations += part.explanations
        rejections += part.rejections
    summary = tally.summary()
    if check:
        _check_replies(summary, config, store)
    return Selected(examples, explanations, rejections, summary)


def plan(config: Config, folder: Path | None = None) -> Plan:
    """What asking would take, less what the store of ``folder`` holds. No call, no change."""
    examples = training_stream(config)
    teacher = teacher_of(config.teacher)
    prompts = prompts_of(config.teacher, teacher, _kind(examples))
    price = price_of(config.teacher, teacher)
    if folder is None or not (folder / STORE).is_file():
        return Plan(_estimate(config, examples, teacher, prompts, None), price, None)
    with CompletionStore(folder / STORE, read_only=True) as store:
        estimated = _estimate(config, examples, teacher, prompts, store)
        meter = meter_of(config.teacher, teacher, price, store)
        return Plan(estimated, price, _bill(price, meter, store, teacher))


def pilot(
    config: Config,
    folder: Path,
    size: int,
    *,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> Plan:
    """Ask for a seeded sample of ``size`` examples, and plan the rest from what it shows. The
    whole run goes on from the pilot's replies."""
    examples = training_stream(config)
    few = examples if size >= len(examples) else subsample(examples, size, config.train.seed)
    teacher = teacher_of(config.teacher)
    prompts = prompts_of(config.teacher, teacher, _kind(examples))
    price = price_of(config.teacher, teacher)
    begin_folder(config, folder, overwrite=overwrite, grows=True)
    with CompletionStore(folder / STORE) as store:
        meter = meter_of(config.teacher, teacher, price, store)
        _ask(config, few, teacher, prompts, store, meter, progress)
        estimated = _estimate(config, examples, teacher, prompts, store)
        return Plan(estimated, price, _bill(price, meter, store, teacher))


def price_of(config: TeacherConfig, teacher: Teacher) -> Price | None:
    """What the teacher's tokens cost; None where it is not known.

    Raises ConfigError where a cap is set and the price is not known.
    """
    address = getattr(teacher, "address", None)
    price = find_price(teacher.model, address, config.prices)
    if price is None and config.max_cost is not None:
        raise ConfigError(f"a cap on costs needs prices: {unknown(teacher.model, address)}")
    return price


def meter_of(
    config: TeacherConfig, teacher: Teacher, price: Price | None, store: CompletionStore
) -> Meter | None:
    """What counts the costs of asking; None where there are none."""
    if price is not None and price.free:
        return None
    return Meter(store, teacher.model, price, config.max_cost)


def _bill(
    price: Price | None, meter: Meter | None, store: CompletionStore, teacher: Teacher
) -> Bill:
    if meter is None:
        return Bill(price, 0.0, 0.0)
    usage = store.usage(teacher.model)
    return Bill(price, meter.spent - meter.before, meter.spent, usage.lost, usage.uncounted)


def _ask(
    config: Config,
    examples: Collection[Example],
    teacher: Teacher,
    prompts: Prompts,
    store: CompletionStore,
    meter: Meter | None,
    progress: Progress,
) -> GenerationSummary:
    return generate(
        examples,
        teacher=teacher,
        prompts=prompts,
        strategy=config.selection.strategy,
        store=store,
        is_kept=Verdict(_rules(config)),
        samples=config.teacher.samples,
        concurrency=config.teacher.concurrency,
        meter=meter,
        progress=progress,
    )


def _estimate(
    config: Config,
    examples: Collection[Example],
    teacher: Teacher,
    prompts: Prompts,
    store: CompletionStore | None,
) -> Estimate:
    def lookup(request: Request) -> Completion | None:
        if store is None:
            return None
        reply = store.get(store.key(teacher.model, request))
        return None if reply is None or reply.finish_reason == "failed" else reply

    return estimate(
        examples,
        prompts=prompts,
        samples=config.teacher.samples,
        lookup=lookup,
        is_kept=Verdict(_rules(config)),
    )


def _check_replies(summary: SelectionCounts, config: Config, store: CompletionStore) -> None:
    """Not one reply with text in it is a teacher that does not work, not a selection."""
    if summary.kept or not summary.asked or summary.rejected.keys() - {"failed", "empty"}:
        return
    last = ""
    for failure in store.failures():
        last = f" (the last: {failure.error})"
    failed, empty = (summary.rejected.get(reason, 0) for reason in ("failed", "empty"))
    raise DataError(
        f"the teacher {config.teacher.reference} answered nothing: of {summary.asked} requests "
        f"{failed} failed{last} and {empty} got an empty reply"
    )


def select_anew(
    config: Config, source: Path, folder: Path, *, overwrite: bool = False
) -> Explained:
    """Select from the store of ``source`` without a call; writes into ``folder``."""
    if not (source / STORE).is_file():
        raise RunFolderError(f"{source}: holds no {STORE}; teachback generate makes one")
    examples = training_stream(config)
    with CompletionStore(source / STORE, read_only=True) as store:
        # By its name alone: no key and no recording is needed to read what was stored.
        names = store.teachers()
        form = "chat" if config.teacher.form == "auto" else config.teacher.form
        teacher = _Stored(names[0], form) if len(names) == 1 else teacher_of(config.teacher)
        prompts = prompts_of(config.teacher, teacher, _kind(examples))
        begin_folder(config, folder, overwrite=overwrite)
        summary = _select_into(folder, config, examples, teacher, prompts, store)
    return Explained(summary, None)


def _select_into(
    folder: Path,
    config: Config,
    examples: Collection[Example],
    teacher: _Named,
    prompts: Prompts,
    store: CompletionStore,
    *,
    check: bool = False,
) -> SelectionCounts:
    """Select and write, one example after the other; with ``check``, nothing is written where
    the teacher has answered nothing."""
    tally = Tally(config.selection.strategy)
    with (
        writing_jsonl(folder / "explanations.jsonl") as keep,  # there last: it marks the end
        writing_jsonl(folder / "rejections.jsonl") as reject,
    ):
        for example, part in _select_each(config, examples, teacher, prompts, store):
            tally.add(example, part)
            for explanation in part.explanations:
                keep(row_of(explanation))
            for rejection in part.rejections:
                reject(row_of(rejection))
        summary = tally.summary()
        if check:
            _check_replies(summary, config, store)
    SELECTION_FILE.write(folder / "selection.json", summary)
    return summary


def _select_each(
    config: Config,
    examples: Collection[Example],
    teacher: _Named,
    prompts: Prompts,
    store: CompletionStore,
) -> Iterator[tuple[Example, Selection]]:
    def lookup(example: Example, asked: Any, sample: int) -> Completion | None:
        return store.get(store.key(teacher.model, prompts.request(example, asked, sample)))

    return select_each(
        examples,
        lookup,
        strategy=config.selection.strategy,
        teacher=teacher.model,
        samples=config.teacher.samples,
        rules=_rules(config),
    )
