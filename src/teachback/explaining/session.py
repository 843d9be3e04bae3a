"""A teacher, asked in one way, through one store.

A `TeacherSetup` is what can be known and checked before anything is written: the teacher, its
prompts and its price, and what is kept of its replies. `TeacherSetup.open` adds the store, and a
`TeacherSession` then asks, selects, estimates and bills.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from teachback.config import SelectionConfig, TeacherConfig
from teachback.costs.prices import Price, find_price, unknown
from teachback.errors import ConfigError, DataError
from teachback.exemplars import choose
from teachback.explaining.asking import Asking, GenerationSummary, closing
from teachback.explaining.estimate import RequestEstimate, estimate_requests
from teachback.explaining.reading import lost_to_thinking
from teachback.explaining.selection import (
    Selection,
    SelectionRules,
    select,
    select_each,
)
from teachback.explaining.spending import Bill, Meter
from teachback.files import read_text
from teachback.questions.languages import settled_languages
from teachback.records import Completion, Example, RequestKind, Sampling, Strategy
from teachback.store import CompletionStore
from teachback.system.event_loops import run_to_end
from teachback.system.progress import SILENT, Progress
from teachback.teachers import Teacher, open_teacher
from teachback.teachers.prompts import Form, Prompts


@dataclass(frozen=True)
class TeacherSetup:
    """How a teacher is asked, what that costs, and what is kept.

    prices: a file over the built-in prices, TOML or JSON.
    max_cost: US dollars, at most, over all replies of this teacher in a store.
    samples: requests of a kind per example.
    concurrency: requests in flight at most; by default what the teacher can use.

    Raises:
        ConfigError: ``prices`` cannot be read; or there is a cap, and the price is not known.
    """

    teacher: Teacher
    prompts: Prompts
    prices: str | Path | None = None
    max_cost: float | None = None
    strategy: Strategy = "crop"
    samples: int = 1
    rules: SelectionRules = field(default_factory=SelectionRules)
    concurrency: int | None = None
    price: Price | None = field(init=False)
    """None where it is not known."""

    def __post_init__(self) -> None:
        model, address = self.teacher.model, self.teacher.address
        price = find_price(model, address, self.prices, free=self.teacher.free)
        if price is None and self.max_cost is not None:
            raise ConfigError(f"a cap on costs needs prices: {unknown(model, address)}")
        object.__setattr__(self, "price", price)

    @classmethod
    def from_config(
        cls,
        teacher: TeacherConfig,
        selection: SelectionConfig,
        kind: str,
        *,
        opened: Teacher | None = None,
        asked: Iterable[Example] = (),
    ) -> TeacherSetup:
        """What two sections of a configuration say, for questions of this ``kind``; with
        ``opened``, for that teacher instead of the one they name. The questions ``asked`` say
        in which languages replies are read, beside the exemplars.

        Raises:
            ConfigError: Also where no teacher is set, or its instructions cannot be read.
            ReferenceError_, MissingExtraError, DataError: As `open_teacher` does.
        """
        opened = opened or configured_teacher(teacher)
        prompts = configured_prompts(teacher, opened.form, kind)
        return cls(
            teacher=opened,
            prompts=prompts,
            prices=teacher.prices,
            max_cost=teacher.max_cost,
            strategy=selection.strategy,
            samples=teacher.samples,
            rules=SelectionRules(
                choose=selection.choose,
                rp_check=selection.rp_check,
                max_words=selection.max_words,
                leak_check=selection.leak_check,
                thinking=selection.thinking,
                reading=replace(
                    selection.reply_reading,
                    languages=settled_languages(selection.languages, asked, prompts.exemplars),
                ),
            ),
            concurrency=teacher.concurrency,
        )

    def for_questions(self, examples: Iterable[Example]) -> TeacherSetup:
        """This, with replies read in the languages of the exemplars and of ``examples``, as
        ``auto`` says."""
        languages = settled_languages("auto", examples, self.prompts.exemplars)
        reading = replace(self.rules.reading, languages=languages)
        return replace(self, rules=replace(self.rules, reading=reading))

    @contextmanager
    def open(self, path: str | Path, *, read_only: bool = False) -> Iterator[TeacherSession]:
        """A session through the store at ``path``. Raises StoreError as a store does, and, unless
        it is ``read_only``, what `Teacher.check_ready` raises."""
        if not read_only:
            self.teacher.check_ready()
        with CompletionStore(path, read_only=read_only) as store:
            yield TeacherSession(self, store)

    def estimate(self, examples: Iterable[Example]) -> RequestEstimate:
        """What each strategy would ask, with nothing in a store."""
        return estimate_requests(
            examples,
            lambda *_: None,
            prompts=self.prompts,
            samples=self.samples,
            rules=self.rules,
        )


class TeacherSession:
    """A teacher set up, an open store, and the meter between them.

    ``meter`` is None where nothing can cost anything.
    """

    def __init__(self, setup: TeacherSetup, store: CompletionStore) -> None:
        self.setup, self.store = setup, store
        self.teacher, self.prompts, self.price = setup.teacher, setup.prompts, setup.price
        room = setup.prompts.sampling.max_tokens
        # A direct answer is short, and a model that is told so obeys; its thinking is not.
        self._room_to_think = (
            replace(setup.prompts, direct_max_tokens=room)
            if setup.prompts.direct_max_tokens < room
            else None
        )
        free = self.price is not None and self.price.free
        self.meter = None if free else Meter(store, self.teacher.model, self.price, setup.max_cost)

    def ask(
        self,
        examples: Iterable[Example],
        strategy: Strategy | RequestKind | None = None,
        *,
        samples: int | None = None,
        progress: Progress = SILENT,
    ) -> GenerationSummary:
        """Ask for what the store lacks; raises as `teachback.explaining.asking.Asking.run` does.

        ``strategy``: the setup's, unless given; ``direct`` for bare answers. A direct question
        whose tokens all went into thinking is asked again with as many as any other.
        """
        asking = self._asking(strategy, samples, progress, catches_interrupts=True)
        return run_to_end(closing(self.teacher, self._ask(asking, examples)))

    async def ask_async(
        self,
        examples: Iterable[Example],
        strategy: Strategy | RequestKind | None = None,
        *,
        samples: int | None = None,
        progress: Progress = SILENT,
    ) -> GenerationSummary:
        """`ask` within the caller's event loop, which Ctrl-C is left to; cancelled, it stops as
        after Ctrl-C."""
        asking = self._asking(strategy, samples, progress, catches_interrupts=False)
        return await closing(self.teacher, self._ask(asking, examples))

    def _asking(
        self,
        strategy: Strategy | RequestKind | None,
        samples: int | None,
        progress: Progress,
        *,
        catches_interrupts: bool,
    ) -> Asking:
        setup = self.setup
        return Asking(
            teacher=self.teacher,
            prompts=self.prompts,
            strategy=strategy or setup.strategy,
            store=self.store,
            samples=samples or setup.samples,
            rules=setup.rules,
            concurrency=setup.concurrency,
            meter=self.meter,
            progress=progress,
            catches_interrupts=catches_interrupts,
        )

    async def _ask(self, asking: Asking, examples: Iterable[Example]) -> GenerationSummary:
        if asking.strategy != "direct" or self._room_to_think is None:
            return await asking.run_async(examples)
        examples = list(examples)
        summary = await asking.run_async(examples)
        if lost := self._lost_to_thinking(examples, asking.samples):
            again = await replace(asking, prompts=self._room_to_think).run_async(lost)
            summary = summary.plus(again)
        return summary

    def _lost_to_thinking(self, examples: Iterable[Example], samples: int) -> list[Example]:
        """Those with a direct answer of which only thinking came."""
        return [
            example
            for example in examples
            if any(
                reply is not None and lost_to_thinking(reply)
                for sample in range(samples)
                for reply in [self._stored(self.prompts, example, "direct", sample)]
            )
        ]

    def reply(self, example: Example, kind: RequestKind, sample: int = 0) -> Completion | None:
        """The stored reply; a failed completion if there was never one; None if not asked."""
        reply = self._stored(self.prompts, example, kind, sample)
        if kind != "direct" or reply is None or self._room_to_think is None:
            return reply
        if not lost_to_thinking(reply):
            return reply
        return self._stored(self._room_to_think, example, kind, sample) or reply

    def _stored(
        self, prompts: Prompts, example: Example, kind: RequestKind, sample: int
    ) -> Completion | None:
        request = prompts.request(example, kind, sample)
        return self.store.get(self.store.key(self.teacher.model, request))

    def has_reply(self, example: Example, kind: RequestKind, sample: int = 0) -> bool:
        """Whether a reply is stored. A failure does not count."""
        reply = self.reply(example, kind, sample)
        return reply is not None and reply.finish_reason != "failed"

    def select(self, examples: Iterable[Example]) -> Selection:
        """Apply the strategy to what the store holds. Makes no call."""
        return select(
            examples,
            self.reply,
            strategy=self.setup.strategy,
            teacher=self.teacher.model,
            samples=self.setup.samples,
            rules=self.setup.rules,
        )

    def select_each(self, examples: Iterable[Example]) -> Iterator[tuple[Example, Selection]]:
        """`select`, one example after the other, for more of them than fit into memory."""
        return select_each(
            examples,
            self.reply,
            strategy=self.setup.strategy,
            teacher=self.teacher.model,
            samples=self.setup.samples,
            rules=self.setup.rules,
        )

    def estimate(self, examples: Iterable[Example]) -> RequestEstimate:
        """What each strategy would still ask. Makes no call."""
        return estimate_requests(
            examples,
            self.reply,
            prompts=self.prompts,
            samples=self.setup.samples,
            rules=self.setup.rules,
        )

    def bill(self) -> Bill:
        """What this session has cost, and what the store's replies have cost in all."""
        if self.meter is None:
            return Bill(self.price, 0.0, 0.0)
        usage, meter = self.store.usage(self.teacher.model), self.meter
        run = meter.spent - meter.before
        return Bill(self.price, run, meter.spent, usage.lost, usage.uncounted)


def configured_teacher(config: TeacherConfig) -> Teacher:
    """The teacher of a configuration. Raises ConfigError where none is set, and as
    `open_teacher` does."""
    if config.reference is None:
        raise ConfigError("no teacher is set: give [teacher] reference, or --teacher")
    return open_teacher(
        config.reference,
        form=configured_form(config),
        concurrency=config.concurrency,
        max_reply_mb=config.max_reply_mb,
        key_header=config.key_header,
    )


def configured_form(config: TeacherConfig) -> Form:
    """The form of prompt that a configuration asks for."""
    return "chat" if config.form == "auto" else config.form


def configured_prompts(config: TeacherConfig, form: Form, kind: str) -> Prompts:
    """The prompts of a configuration, for questions of this kind. Raises ConfigError where the
    instructions cannot be read, DataError where the exemplars are not as they must be."""
    instructions = None
    if config.instructions is not None:
        try:
            instructions = read_text(config.instructions).strip()
        except DataError as error:
            raise ConfigError(f"teacher.instructions: {error}") from None
    return Prompts(
        exemplars=tuple(choose(None if config.exemplars == "auto" else config.exemplars, kind)),
        form=form,
        fold_system=config.system == "fold",
        instructions=instructions,
        sampling=Sampling(config.temperature, config.top_p, config.max_tokens),
    )
