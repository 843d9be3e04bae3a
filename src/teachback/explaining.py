"""The first step of a run: what explaining would cost, asking, and selecting; on files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from teachback.config import Config, TeacherConfig
from teachback.datasets import subsample
from teachback.errors import ConfigError, DataError, RunFolderError
from teachback.estimate import Estimate, estimate
from teachback.exemplars import choose
from teachback.files import write_explanations, write_json, write_rejections
from teachback.folders import STORE, begin_folder, training_part
from teachback.generation import GenerationSummary, generate
from teachback.prices import Price, find_price, unknown
from teachback.progress import SILENT, Progress
from teachback.prompts import Form, Prompts
from teachback.records import Completion, Example, Request, Sampling
from teachback.selection import (
    Selection,
    SelectionRules,
    SelectionSummary,
    is_kept,
    select,
    summarise,
)
from teachback.spending import Meter
from teachback.store import CompletionStore
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
    """The outcome of asking and selecting."""

    examples: Sequence[Example]
    selection: Selection
    summary: SelectionSummary
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
    examples = training_part(config)
    opened = open_asking(config, examples[0].kind)
    # Only now: a folder begun on a file that cannot be read would be in the way of the mended one.
    begin_folder(config, folder, overwrite=overwrite, grows=True)
    with CompletionStore(folder / STORE) as store:
        explained = explain_from(config, examples, store, opened, progress=progress)
    write_selection(explained, folder)
    return explained


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


def explain_from(
    config: Config,
    examples: Sequence[Example],
    store: CompletionStore,
    asking: Asking,
    *,
    check: bool = True,
    progress: Progress = SILENT,
) -> Explained:
    """Ask for what an open ``store`` lacks of explanations of ``examples``, and select. No file
    but the store is written; raises as :func:`explain` does, without ``check`` not where the
    teacher answered nothing.
    """
    teacher, prompts = asking.teacher, asking.prompts
    meter = meter_of(config.teacher, teacher, asking.price, store)
    generation = _ask(config, examples, teacher, prompts, store, meter, progress)
    selection = _select(config, examples, teacher, prompts, store)
    if check:
        _check_replies(selection, config, store)
    bill = _bill(asking.price, meter, store, teacher)
    summary = summarise(examples, selection, config.selection.strategy)
    return Explained(examples, selection, summary, generation, bill)


def plan(config: Config, folder: Path | None = None) -> Plan:
    """What asking would take, less what the store of ``folder`` holds. No call, no change."""
    examples = training_part(config)
    teacher = teacher_of(config.teacher)
    prompts = prompts_of(config.teacher, teacher, examples[0].kind)
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
    examples = training_part(config)
    few = examples if size >= len(examples) else subsample(examples, size, config.train.seed)
    teacher = teacher_of(config.teacher)
    prompts = prompts_of(config.teacher, teacher, examples[0].kind)
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
    examples: Sequence[Example],
    teacher: Teacher,
    prompts: Prompts,
    store: CompletionStore,
    meter: Meter | None,
    progress: Progress,
) -> GenerationSummary:
    rules = _rules(config)
    return generate(
        examples,
        teacher=teacher,
        prompts=prompts,
        strategy=config.selection.strategy,
        store=store,
        is_kept=lambda example, replies: is_kept(example, replies, rules),
        samples=config.teacher.samples,
        concurrency=config.teacher.concurrency,
        meter=meter,
        progress=progress,
    )


def _estimate(
    config: Config,
    examples: Sequence[Example],
    teacher: Teacher,
    prompts: Prompts,
    store: CompletionStore | None,
) -> Estimate:
    rules = _rules(config)

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
        is_kept=lambda example, replies: is_kept(example, replies, rules),
    )


def _check_replies(selection: Selection, config: Config, store: CompletionStore) -> None:
    """Not one reply with text in it is a teacher that does not work, not a selection."""
    reasons = [rejection.reason for rejection in selection.rejections]
    if selection.explanations or not reasons or set(reasons) - {"failed", "empty"}:
        return
    failures = [failure.error for failure in store.failures()]
    last = f" (the last: {failures[-1]})" if failures else ""
    raise DataError(
        f"the teacher {config.teacher.reference} answered nothing: of {len(reasons)} requests "
        f"{reasons.count('failed')} failed{last} and {reasons.count('empty')} got an empty reply"
    )


def select_anew(
    config: Config, source: Path, folder: Path, *, overwrite: bool = False
) -> Explained:
    """Select from the store of ``source`` without a call; writes into ``folder``."""
    if not (source / STORE).is_file():
        raise RunFolderError(f"{source}: holds no {STORE}; teachback generate makes one")
    examples = training_part(config)
    with CompletionStore(source / STORE, read_only=True) as store:
        # By its name alone: no key and no recording is needed to read what was stored.
        names = store.teachers()
        form = "chat" if config.teacher.form == "auto" else config.teacher.form
        teacher = _Stored(names[0], form) if len(names) == 1 else teacher_of(config.teacher)
        prompts = prompts_of(config.teacher, teacher, examples[0].kind)
        selection = _select(config, examples, teacher, prompts, store)
    begin_folder(config, folder, overwrite=overwrite)
    summary = summarise(examples, selection, config.selection.strategy)
    explained = Explained(examples, selection, summary, None)
    write_selection(explained, folder)
    return explained


def _select(
    config: Config,
    examples: Sequence[Example],
    teacher: _Named,
    prompts: Prompts,
    store: CompletionStore,
) -> Selection:
    def lookup(example: Example, asked: Any, sample: int) -> Completion | None:
        return store.get(store.key(teacher.model, prompts.request(example, asked, sample)))

    return select(
        examples,
        lookup,
        strategy=config.selection.strategy,
        teacher=teacher.model,
        samples=config.teacher.samples,
        rules=_rules(config),
    )


def write_selection(explained: Explained, folder: Path) -> None:
    """Write ``rejections.jsonl``, ``explanations.jsonl`` and ``selection.json``."""
    write_rejections(folder / "rejections.jsonl", explained.selection.rejections)
    write_explanations(folder / "explanations.jsonl", explained.selection.explanations)
    write_json(folder / "selection.json", asdict(explained.summary))
