"""The first step of a run: what explaining would cost, asking, and selecting; on files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from teachback.config import Config
from teachback.costs.prices import Price
from teachback.datasets import subsample
from teachback.errors import DataError, RunFolderError
from teachback.explaining.asking import GenerationSummary
from teachback.explaining.counts import SELECTION_FILE, SelectionCounts, Tally
from teachback.explaining.estimate import RequestEstimate
from teachback.explaining.session import (
    TeacherSession,
    TeacherSetup,
    configured_form,
    configured_teacher,
)
from teachback.explaining.spending import Bill
from teachback.files import is_file, one_writer, writing_jsonl
from teachback.files.record_files import row_of
from teachback.records import Example, Explanation, Rejection
from teachback.runs.folders import STORE, begin_folder, note_changes, note_reading, training_stream
from teachback.store import CompletionStore
from teachback.system.progress import SILENT, Progress
from teachback.teachers.stored import StoredTeacher


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What is still to be asked, its price (None: not known), and what was paid before."""

    requests: RequestEstimate
    price: Price | None
    bill: Bill | None


@dataclass(frozen=True, slots=True)
class ExplainOutcome:
    """The outcome of asking and selecting; the explanations are in the folder."""

    summary: SelectionCounts
    generation: GenerationSummary | None
    bill: Bill | None = None
    changes: tuple[str, ...] = ()
    """What any run into the folder sent otherwise than asked, since the server refused it."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What was selected of ``examples``, in memory."""

    examples: Sequence[Example]
    explanations: Sequence[Explanation]
    rejections: Sequence[Rejection]
    summary: SelectionCounts


def explain(
    config: Config, folder: Path, *, overwrite: bool = False, progress: Progress = SILENT
) -> ExplainOutcome:
    """Ask the teacher for what is missing and select; writes ``completions.sqlite``,
    ``explanations.jsonl`` and ``rejections.jsonl``.

    Raises DataError where not one request got a reply with text in it; what was stored stays.
    """
    examples = training_stream(config)
    setup = _setup(config, examples)
    setup.teacher.check_ready()
    # Only now: a folder begun on a file that cannot be read would be in the way of the fixed one.
    with one_writer(folder):
        begin_folder(config, folder, overwrite=overwrite, grows=True)
        with setup.open(folder / STORE) as session:
            generation = session.ask(examples, progress=progress)
            changes = note_changes(folder, session.teacher.changes)
            note_reading(folder, setup.rules.reading)
            summary = _select_into(folder, examples, session, check=config.teacher.reference)
            return ExplainOutcome(summary, generation, session.bill(), changes)


def explain_in_memory(
    examples: Sequence[Example], session: TeacherSession, *, progress: Progress = SILENT
) -> Selected:
    """Ask for what the session's store lacks of explanations of ``examples``, and select. No file
    but the store is written."""
    session.ask(examples, progress=progress)
    tally = Tally(session.setup.strategy)
    explanations: list[Explanation] = []
    rejections: list[Rejection] = []
    for example, part in session.select_each(examples):
        tally.add(example, part)
        explanations += part.explanations
        rejections += part.rejections
    return Selected(examples, explanations, rejections, tally.summary())


def estimate_cost(config: Config, folder: Path | None = None) -> CostEstimate:
    """What asking would take, less what the store of ``folder`` holds. No call, no change."""
    examples = training_stream(config)
    setup = _setup(config, examples)
    if folder is None or not (folder / STORE).is_file():
        return CostEstimate(setup.estimate(examples), setup.price, None)
    with setup.open(folder / STORE, read_only=True) as session:
        return CostEstimate(session.estimate(examples), setup.price, session.bill())


def ask_pilot(
    config: Config,
    folder: Path,
    size: int,
    *,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> CostEstimate:
    """Ask for a seeded sample of ``size`` examples, and estimate the rest from what it shows. The
    whole run continues from the pilot's replies."""
    examples = training_stream(config)
    few = examples if size >= len(examples) else subsample(examples, size, config.train.seed)
    setup = _setup(config, examples)
    setup.teacher.check_ready()
    with one_writer(folder):
        begin_folder(config, folder, overwrite=overwrite, grows=True)
        with setup.open(folder / STORE) as session:
            session.ask(few, progress=progress)
            return CostEstimate(session.estimate(examples), setup.price, session.bill())


def select_again(
    config: Config, source: Path, folder: Path, *, overwrite: bool = False
) -> ExplainOutcome:
    """Select from the store of ``source`` without a call; writes into ``folder``."""
    if not is_file(source / STORE):
        raise RunFolderError(f"{source}: holds no {STORE}; teachback generate writes one")
    examples = training_stream(config)
    with CompletionStore(source / STORE, read_only=True) as store:
        # By its name alone: no key, recording or price is needed to read what was stored.
        names = store.teachers()
        name = names[0] if len(names) == 1 else configured_teacher(config.teacher).model
        teacher = StoredTeacher(name, form=configured_form(config.teacher))
        unpaid = config.teacher.model_copy(update={"prices": None, "max_cost": None})
        kind = _kind(examples)
        setup = TeacherSetup.from_config(
            unpaid, config.selection, kind, opened=teacher, asked=examples
        )
        with one_writer(folder):
            begin_folder(config, folder, overwrite=overwrite)
            note_reading(folder, setup.rules.reading)
            summary = _select_into(folder, examples, TeacherSession(setup, store))
    return ExplainOutcome(summary, None)


def check_answered(summary: SelectionCounts, teacher: str | None, store: CompletionStore) -> None:
    """Not one reply with text in it is a teacher that does not work, not a selection: raises
    DataError. ``teacher``: its reference."""
    if summary.kept or not summary.asked or summary.rejected.keys() - {"failed", "empty"}:
        return
    last = ""
    for failure in store.failures():
        last = f" (the last: {failure.error})"
    failed, empty = (summary.rejected.get(reason, 0) for reason in ("failed", "empty"))
    raise DataError(
        f"the teacher {teacher} answered nothing: of {summary.asked} requests "
        f"{failed} failed{last} and {empty} got an empty reply"
    )


def _setup(config: Config, examples: Collection[Example]) -> TeacherSetup:
    return TeacherSetup.from_config(
        config.teacher, config.selection, _kind(examples), asked=examples
    )


def _kind(examples: Collection[Example]) -> str:
    return next(iter(examples)).kind


def _select_into(
    folder: Path,
    examples: Collection[Example],
    session: TeacherSession,
    *,
    check: str | None = None,
) -> SelectionCounts:
    """Select and write, one example after the other; with ``check``, the teacher's reference,
    nothing is written where it has answered nothing."""
    tally = Tally(session.setup.strategy)
    with (
        writing_jsonl(folder / "explanations.jsonl") as keep,  # there last: it marks the end
        writing_jsonl(folder / "rejections.jsonl") as reject,
    ):
        for example, part in session.select_each(examples):
            tally.add(example, part)
            for explanation in part.explanations:
                keep(row_of(explanation))
            for rejection in part.rejections:
                reject(row_of(rejection))
        summary = tally.summary()
        if check is not None:
            check_answered(summary, check, session.store)
    SELECTION_FILE.write(folder / "selection.json", summary)
    return summary
