"""Asking a teacher for explanations, and selecting from what it has said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from teachback.api.settings import (
    GENERATE,
    GenerateSettings,
    Meaningless,
    checked_section,
    refuse,
    sorted_settings,
)
from teachback.api.watching import progress_of
from teachback.config import TeacherConfig
from teachback.datasets import Columns, Data, read_examples
from teachback.errors import ConfigError, UsageError
from teachback.explaining.asking import GenerationSummary
from teachback.explaining.counts import SELECTION_FILE, SelectionCounts, summarise
from teachback.explaining.selection import NotAsked, Selection
from teachback.explaining.session import (
    TeacherSession,
    TeacherSetup,
    configured_form,
    configured_teacher,
)
from teachback.explaining.spending import Bill
from teachback.files import (
    is_file,
    new_folder,
    one_writer,
    row_of,
    write_explanations,
    write_rejections,
)
from teachback.files.result_rows import ResultRows
from teachback.questions.languages import settled_languages
from teachback.records import Example, Exemplar, Explanation, Rejection, Strategy
from teachback.runs.explanations import check_answered
from teachback.store import CompletionStore
from teachback.teachers import Teacher
from teachback.teachers.stored import StoredTeacher

_FILES = ("explanations.jsonl", "rejections.jsonl", "selection.json")


@dataclass(frozen=True, slots=True, repr=False)
class Generated(ResultRows):
    """The outcome of a teacher's replies: each is an explanation or a rejection. ``not_asked``: the
    requests that the strategy needs and that were never asked."""

    explanations: tuple[Explanation, ...]
    rejections: tuple[Rejection, ...]
    not_asked: tuple[NotAsked, ...]
    counts: SelectionCounts
    asked: GenerationSummary | None
    """What this call has asked; None where it asked nothing (`select`)."""
    bill: Bill | None
    """What asking cost; None where nothing was asked."""

    def __repr__(self) -> str:
        c = self.counts
        reasons = ", ".join(f"{number} {reason}" for reason, number in c.rejected.items())
        text = (
            f"{c.strategy}: {c.kept} explanations kept of {c.asked} replies, for "
            f"{c.explained_examples} of {c.examples} examples"
        )
        text += f"; rejected: {reasons}" if reasons else ""
        text += f"; {c.not_asked} not asked" if c.not_asked else ""
        if self.bill is not None and self.bill.price is not None and not self.bill.price.free:
            text += f"; ${self.bill.run:.2f} at most"
        return text

    def to_rows(self) -> list[dict[str, object]]:
        """The kept explanations, as in ``explanations.jsonl``."""
        return [dict(row_of(one)) for one in self.explanations]

    def rejections_to_rows(self) -> list[dict[str, object]]:
        """The rejections, as in ``rejections.jsonl``."""
        return [dict(row_of(one)) for one in self.rejections]

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write ``explanations.jsonl``, ``rejections.jsonl`` and ``selection.json``, as
        ``teachback generate`` does. Raises RunFolderError where they are there already."""
        with one_writer(folder) as held:
            new_folder(held, overwrite, names=_FILES)
            write_rejections(held / "rejections.jsonl", self.rejections)
            write_explanations(held / "explanations.jsonl", self.explanations)
            SELECTION_FILE.write(held / "selection.json", self.counts)


def generate(
    examples: Data,
    *,
    teacher: str | Teacher,
    store: str | Path,
    strategy: Strategy = "crop",
    kind: str | None = None,
    columns: Columns | None = None,
    exemplars: str | Path | Sequence[Exemplar] = "auto",
    instructions: str | Path | None = None,
    progress: bool | None = None,
    **settings: Unpack[GenerateSettings],
) -> Generated:
    """Ask ``teacher`` (a reference or an object) for what ``store`` (an SQLite file) lacks,
    and select.

    ``strategy``: ``cote``, ``rp`` or ``crop``. ``exemplars``: ``auto`` for the built-in set of the
    question kind, ``none``, a set's name, a file, or exemplars. ``instructions``: text that
    precedes every prompt, or the Path of a file with it. ``kind`` and ``columns``: see
    `read_examples`. ``progress``: None shows it in a notebook and on a terminal. It works in a
    notebook, too; the same call again asks only for what is missing.

    Raises DataError, ReferenceError_, ConfigError or StoreError for what the caller can fix,
    TeacherError where the teacher gave up, and CostCapError where the next request could pass
    ``max_cost``; what was stored stays.
    """
    read = read_examples(examples, kind=kind, columns=columns)
    setup = _setup("generate()", read, teacher, strategy, exemplars, instructions, settings)
    with setup.open(store) as session:
        asked = session.ask(read, progress=progress_of(progress))
        return _generated(session, read, asked)


async def agenerate(
    examples: Data,
    *,
    teacher: str | Teacher,
    store: str | Path,
    strategy: Strategy = "crop",
    kind: str | None = None,
    columns: Columns | None = None,
    exemplars: str | Path | Sequence[Exemplar] = "auto",
    instructions: str | Path | None = None,
    progress: bool | None = None,
    **settings: Unpack[GenerateSettings],
) -> Generated:
    """`generate` as a coroutine: other tasks of the event loop run meanwhile. If it is cancelled,
    it keeps the replies that arrive within a few seconds."""
    read = read_examples(examples, kind=kind, columns=columns)
    setup = _setup("agenerate()", read, teacher, strategy, exemplars, instructions, settings)
    with setup.open(store) as session:
        try:
            asked = await session.ask_async(read, progress=progress_of(progress))
        finally:
            await setup.teacher.aclose()
        return _generated(session, read, asked)


def select(
    examples: Data,
    *,
    store: str | Path,
    strategy: Strategy = "crop",
    teacher: str | None = None,
    kind: str | None = None,
    columns: Columns | None = None,
    exemplars: str | Path | Sequence[Exemplar] = "auto",
    instructions: str | Path | None = None,
    **settings: Unpack[GenerateSettings],
) -> Generated:
    """Select explanations from ``store`` again, without a call: by another strategy, say.

    A reply is found under the prompt that asked for it: ``exemplars``, ``instructions`` and the
    sampling settings must be those of `generate`. ``teacher``: a reference, or the model's name in
    the store; it may be left out where the store holds the replies of one teacher.

    Raises StoreError where there is no such store, ConfigError where the store does not say which
    teacher is meant, and as `read_examples`.
    """
    read = read_examples(examples, kind=kind, columns=columns)
    cost = tuple(key for key in ("max_cost", "prices", "concurrency") if key in settings)
    refuse(settings, (Meaningless(cost, True, "nothing is asked"),), "select()")
    with CompletionStore(store, read_only=True) as opened:
        values = sorted_settings(settings, GENERATE, "select()")
        config: TeacherConfig = checked_section("teacher", values["teacher"], "select()")
        name = _stored_name(opened.teachers(), teacher, store)
        stored = StoredTeacher(name, form=configured_form(config))
        setup = _setup("select()", read, stored, strategy, exemplars, instructions, settings)
        session = TeacherSession(setup, opened)
        selection = session.select(read)
        return _result(selection, summarise(read, selection, strategy), None, None)


def _stored_name(names: Sequence[str], teacher: str | None, store: str | Path) -> str:
    """The model in a store that ``teacher`` names."""
    if teacher is not None and teacher in names:
        return teacher
    if teacher is None and len(names) == 1:
        return names[0]
    if teacher is not None and ":" in teacher:
        return configured_teacher(TeacherConfig(reference=teacher)).model
    held = f"{store} holds the replies of {', '.join(names) or 'no teacher'}"
    if teacher is None:
        raise ConfigError(f"select(): {held}: name one as teacher")
    raise ConfigError(f"select(): {held}, and none of {teacher!r}")


def _setup(
    step: str,
    examples: Sequence[Example],
    teacher: str | Teacher,
    strategy: Strategy,
    exemplars: str | Path | Sequence[Exemplar],
    instructions: str | Path | None,
    settings: Mapping[str, object],
) -> TeacherSetup:
    is_open = not isinstance(teacher, str)
    opening = ("form", "max_reply_mb", "key_header")
    rules = (
        Meaningless(("rp_check", "leak_check"), strategy == "cote", "cote sends no rp requests"),
        Meaningless(
            opening,
            is_open and not isinstance(teacher, StoredTeacher),
            "the teacher is an object already, with settings of its own",
        ),
    )
    refuse(settings, rules, step)
    values = sorted_settings(settings, GENERATE, step)
    return configured_setup(
        step,
        examples,
        teacher,
        exemplars,
        instructions,
        values["teacher"],
        {"strategy": strategy, **values["selection"]},
    )


def configured_setup(
    step: str,
    examples: Sequence[Example],
    teacher: str | Teacher,
    exemplars: str | Path | Sequence[Exemplar],
    instructions: str | Path | None,
    teacher_values: Mapping[str, Any],
    selection_values: Mapping[str, Any],
) -> TeacherSetup:
    """A teacher as a function's arguments and settings describe it; ``step`` names the function
    in messages."""
    if not isinstance(teacher, str | Teacher):
        raise UsageError(
            f"{step}: the teacher is a {type(teacher).__name__}: give a reference, or an "
            "object of a class derived from teachback.Teacher"
        )
    own = None if isinstance(exemplars, str | Path) else _own_exemplars(exemplars, step)
    named = "none" if own is not None else str(exemplars)
    config: TeacherConfig = checked_section(
        "teacher",
        {
            **teacher_values,
            "reference": teacher if isinstance(teacher, str) else None,
            "exemplars": named,
            "instructions": str(instructions) if isinstance(instructions, Path) else None,
        },
        step,
    )
    selection = checked_section("selection", selection_values, step)
    opened = None if isinstance(teacher, str) else teacher
    setup = TeacherSetup.from_config(config, selection, examples[0].kind, opened=opened)
    prompts, rules = setup.prompts, setup.rules
    if own is not None:
        prompts = replace(prompts, exemplars=own)
    languages = settled_languages(selection.languages, examples, prompts.exemplars)
    rules = replace(rules, reading=replace(rules.reading, languages=languages))
    if isinstance(instructions, str):
        if is_file(instructions):
            raise ConfigError(
                f"{step}: instructions must be text, and {instructions!r} is a file: give "
                f"Path({instructions!r})"
            )
        prompts = replace(prompts, instructions=instructions.strip())
    return replace(setup, prompts=prompts, rules=rules)


def _own_exemplars(exemplars: Sequence[Exemplar], step: str) -> tuple[Exemplar, ...]:
    for one in exemplars:
        if not isinstance(one, Exemplar):
            raise ConfigError(
                f"{step}: exemplars: {type(one).__name__} is not an Exemplar: read_exemplars makes "
                "them from rows"
            )
    return tuple(exemplars)


def _generated(
    session: TeacherSession, examples: Sequence[Example], asked: GenerationSummary
) -> Generated:
    selection = session.select(examples)
    counts = summarise(examples, selection, session.setup.strategy)
    check_answered(counts, session.teacher.model, session.store)
    return _result(selection, counts, asked, session.bill())


def _result(
    selection: Selection,
    counts: SelectionCounts,
    asked: GenerationSummary | None,
    bill: Bill | None,
) -> Generated:
    return Generated(
        selection.explanations, selection.rejections, selection.not_asked, counts, asked, bill
    )
