"""The folder of a judging: ``completions.sqlite``, ``judging.json`` (what is judged by whom),
``judged.jsonl`` (what the judge said of each pair or explanation) and ``results.json``.

The same command continues it; a folder of a different judging is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from teachback.config import TeacherConfig
from teachback.costs.prices import Price
from teachback.errors import RunFolderError, UsageError
from teachback.explaining.estimate import Load, estimate_kind
from teachback.explaining.session import TeacherSession, TeacherSetup
from teachback.explaining.spending import Bill
from teachback.files import new_folder, one_writer, write_jsonl
from teachback.files.rows import Row
from teachback.judging.compared_systems import ComparedSystems, compared_systems
from teachback.judging.judge import (
    Judge,
    judge_setup,
    questions_of_pairs,
    questions_of_ratings,
    request_kind,
)
from teachback.judging.judge_questions import ExplanationPair, Rated
from teachback.judging.model_families import kinship, teachers_behind
from teachback.judging.people_answers import PeopleAnswers, read_people_answers
from teachback.judging.planted_pairs import PlantedPair, planted_pairs
from teachback.judging.results import (
    RESULTS_FILE,
    JudgeResults,
    Preferences,
    Ratings,
    criterion_difference_rows,
    criterion_rows,
    people_rows,
    strengths_of,
    win_rate_rows,
)
from teachback.judging.self_test import SelfTest, measure_self_test
from teachback.records import Completion, Example, RequestKind
from teachback.runs.folders import STORE
from teachback.studies.schema import digest_of
from teachback.system.progress import SILENT, Progress
from teachback.versioned import Versioned

SETTINGS = "judging.json"
JUDGED = "judged.jsonl"
RESULTS = "results.json"


@dataclass(frozen=True, slots=True)
class JudgingSettings:
    """What is judged and how. ``mode``: ``prefer`` or ``rate``, as people are asked."""

    runs: tuple[str, ...]
    mode: str = "prefer"
    data: str | None = None
    kind: str | None = None
    items: int | None = None
    seed: int = 0
    reasons: bool = False
    even_so: bool = False
    people: str | None = None


@dataclass(frozen=True, slots=True)
class Judging:
    """The outcome. ``bill``: what asking has cost."""

    results: JudgeResults
    bill: Bill
    left_out: int


@dataclass(frozen=True, slots=True)
class JudgingEstimate:
    """What is still to be asked, the self-test included, and its price (None: not known)."""

    stored: int
    load: Load
    price: Price | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identity:
    """``judging.json``. ``identity``: a digest of all the rest and of what is judged."""

    identity: str
    judge: str
    mode: str
    systems: tuple[str, ...]
    items: int
    seed: int
    reasons: bool


_SETTINGS_FILE = Versioned(_Identity, (lambda row: row,))


class JudgeRefusedError(UsageError):
    """The judge failed its self-test; nothing but planted pairs was judged."""

    def __init__(self, judge: str, test: SelfTest) -> None:
        self.judge, self.test = judge, test
        super().__init__(
            f"the judge {judge} is refused by its self-test ({test.in_words}; needed: 7 of 10 of "
            "each kind, and 70% consistent): use a different judge, or give --even-so"
        )


def judge_runs(
    teacher: TeacherConfig,
    settings: JudgingSettings,
    folder: Path,
    *,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> Judging:
    """Judge the explanations of runs, self-test first.

    Raises JudgeRefusedError where the judge fails it, unless ``even_so``; UsageError and others of
    its kind where the runs, people's answers or the folder are not as they must be; and as
    `teachback.explaining.asking.generate` does.
    """
    compared, planted = _read(settings)
    names = [system.name for system in compared.systems]
    people = None if settings.people is None else read_people_answers(settings.people, names)
    setup = judge_setup(teacher)
    setup.teacher.check_ready()
    with one_writer(folder):
        _begin(folder, _identity(setup, settings, compared), overwrite)
        with setup.open(folder / STORE) as session:
            results, rows = _judge(session, settings, compared, planted, people, progress)
            bill = session.bill()
        write_jsonl(folder / JUDGED, rows)
        RESULTS_FILE.write(folder / RESULTS, results)
    return Judging(results, bill, compared.found.left_out)


def estimate_judging(
    teacher: TeacherConfig, settings: JudgingSettings, folder: Path | None
) -> JudgingEstimate:
    """What `judge_runs` would ask that the store of ``folder`` lacks. No call, no change."""
    compared, planted = _read(settings)
    setup = judge_setup(teacher)
    kind = request_kind(settings.reasons)
    questions = _questions(settings, compared, planted)
    if folder is None or not (folder / STORE).is_file():
        stored, load = estimate_kind(questions, _nothing, prompts=setup.prompts, kind=kind)
    else:
        with setup.open(folder / STORE, read_only=True) as session:
            stored, load = estimate_kind(questions, session.reply, prompts=setup.prompts, kind=kind)
    return JudgingEstimate(stored, load, setup.price)


def _nothing(_example: Example, _kind: RequestKind, _sample: int) -> Completion | None:
    return None


def _read(settings: JudgingSettings) -> tuple[ComparedSystems, list[PlantedPair]]:
    if settings.mode == "prefer" and len(settings.runs) < 2:
        raise UsageError(
            "a judge prefers one of two systems: name a second RUN, or give --mode rate"
        )
    compared = compared_systems(
        settings.runs, settings.data, settings.kind, size=settings.items, seed=settings.seed
    )
    first = compared.found.systems[0]
    return compared, planted_pairs(compared.found.examples, first.explanations, settings.seed)


def _judge(
    session: TeacherSession,
    settings: JudgingSettings,
    compared: ComparedSystems,
    planted: list[PlantedPair],
    people: PeopleAnswers | None,
    progress: Progress,
) -> tuple[JudgeResults, list[Row]]:
    name = session.teacher.model
    judge = Judge(session, reasons=settings.reasons)
    test = measure_self_test(
        planted, judge.prefer([one.pair for one in planted], progress=progress)
    )
    if not (test.passed or settings.even_so):
        raise JudgeRefusedError(name, test)
    preferences: Preferences = {}
    ratings: Ratings = {}
    if settings.mode == "prefer":
        pairs = list(_pairs(compared))
        said = judge.prefer([pair for _, pair in pairs], progress=progress)
        preferences = {key: one for (key, _), one in zip(pairs, said, strict=True)}
    else:
        rated = list(_rated(compared))
        given = judge.rate([one for _, one in rated], progress=progress)
        ratings = {key: one for (key, _), one in zip(rated, given, strict=True)}
    strengths, strengths_items = (
        strengths_of(compared, preferences) if preferences else (None, None)
    )
    results = JudgeResults(
        judge=name,
        mode=settings.mode,
        systems=tuple(system.name for system in compared.systems),
        items=len(compared.items),
        seeds=len(compared.seeds),
        self_test=test,
        even_so=settings.even_so and not test.passed,
        warnings=(*test.not_measured, *_warnings(name, compared)),
        win_rates=tuple(win_rate_rows(compared, preferences)) if preferences else (),
        strengths=strengths,
        strengths_items=strengths_items,
        criteria=tuple(criterion_rows(compared, ratings)) if ratings else (),
        differences=tuple(criterion_difference_rows(compared, ratings)) if ratings else (),
        people=() if people is None else tuple(people_rows(compared, people, preferences, ratings)),
    )
    return results, list(_rows(name, compared, preferences, ratings))


def _pairs(
    compared: ComparedSystems,
) -> Iterator[tuple[tuple[int, int, int, str], ExplanationPair]]:
    for item in compared.items:
        for a, b in compared.couples:
            for seed in compared.seeds:
                yield (a, b, seed, item.id), compared.pair(a, b, seed, item)


def _rated(compared: ComparedSystems) -> Iterator[tuple[tuple[int, int, str, str], Rated]]:
    for item in compared.items:
        for system in range(len(compared.systems)):
            for seed in compared.seeds:
                for one in compared.ratings(system, seed, item):
                    yield (system, seed, item.id, one.criterion), one


def _questions(
    settings: JudgingSettings, compared: ComparedSystems, planted: list[PlantedPair]
) -> Iterator[Example]:
    yield from questions_of_pairs([one.pair for one in planted])
    if settings.mode == "prefer":
        yield from questions_of_pairs([pair for _, pair in _pairs(compared)])
    else:
        yield from questions_of_ratings([one for _, one in _rated(compared)])


def _warnings(judge: str, compared: ComparedSystems) -> Iterator[str]:
    teachers: set[str] = set()
    for system in compared.systems:
        own: set[str] = set()
        for number in system.runs.values():
            own |= teachers_behind(compared.found.systems[number].file)
        if not own:
            yield (
                f"the teacher of {system.name} is not known from its files: whether the judge is "
                "of its family could not be checked"
            )
        teachers |= own
    yield from kinship(judge, teachers)


def _rows(
    judge: str, compared: ComparedSystems, preferences: Preferences, ratings: Ratings
) -> Iterable[Row]:
    """What the judge said, a row for each pair or explanation under a criterion."""
    names = [system.name for system in compared.systems]
    for (a, b, seed, item), one in preferences.items():
        yield {
            "judge": judge,
            "item": item,
            "seed": seed,
            "systems": [names[a], names[b]],
            "value": one.value,
            **asdict(one),
        }
    for (system, seed, item, criterion), rating in ratings.items():
        yield {
            "judge": judge,
            "item": item,
            "seed": seed,
            "systems": [names[system]],
            "criterion": criterion,
            **asdict(rating),
        }


def _identity(
    setup: TeacherSetup, settings: JudgingSettings, compared: ComparedSystems
) -> _Identity:
    names = tuple(system.name for system in compared.systems)
    known = {
        "judge": setup.teacher.model,
        "instructions": setup.prompts.instructions,
        "sampling": asdict(setup.prompts.sampling),
        "mode": settings.mode,
        "systems": names,
        "files": [one.sha256 for one in compared.found.systems],
        "items": [asdict(item) for item in compared.items],
        "seed": settings.seed,
        "reasons": settings.reasons,
    }
    return _Identity(
        identity=digest_of(known)[:16],
        judge=setup.teacher.model,
        mode=settings.mode,
        systems=names,
        items=len(compared.items),
        seed=settings.seed,
        reasons=settings.reasons,
    )


def _begin(folder: Path, identity: _Identity, overwrite: bool) -> None:
    """Write ``judging.json``, or make sure that the one there is of this judging; replies stay."""
    file = folder / SETTINGS
    if file.is_file() and not overwrite:
        present = _SETTINGS_FILE.read(file)
        if present.identity != identity.identity:
            raise RunFolderError(
                f"{folder}: {_difference(present, identity)}; choose a different folder, or give "
                "--overwrite"
            )
        return
    new_folder(folder, overwrite, names=[SETTINGS, JUDGED, RESULTS])
    _SETTINGS_FILE.write(file, identity)


def _difference(present: _Identity, wanted: _Identity) -> str:
    """What keeps a folder's judging from being continued."""
    for key, words in (
        ("judge", "its judge is"),
        ("systems", "it judges"),
        ("mode", "its --mode is"),
        ("items", "its number of items is"),
        ("seed", "its --seed is"),
        ("reasons", "its --reasons is"),
    ):
        old, new = getattr(present, key), getattr(wanted, key)
        if old != new:
            said = ", ".join(old) if isinstance(old, tuple) else old
            return f"{words} {said}"
    return (
        "the explanations, the questions or the judge's instructions have changed since it was "
        "begun"
    )
