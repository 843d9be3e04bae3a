"""The steps of a run, each from files to files, and the chain of them.

A run folder holds what the design's section 3 lists. Each step writes its files whole and
last, so a rerun sees which steps are done and does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teachback.config import Config, EvaluateConfig, TeacherConfig, write_config
from teachback.datasets import read_examples, subsample
from teachback.errors import ConfigError, DataError, RunFolderError
from teachback.exemplars import choose
from teachback.files import (
    RUN_FILES,
    manifest,
    new_folder,
    read_explanations,
    read_json,
    read_predictions,
    write_explanations,
    write_json,
    write_predictions,
    write_rejections,
    write_text,
)
from teachback.generation import GenerationSummary, generate
from teachback.progress import SILENT, Progress
from teachback.prompts import Prompts
from teachback.records import Completion, Example, Explanation, Prediction, Sampling
from teachback.selection import (
    Selection,
    SelectionRules,
    SelectionSummary,
    is_kept,
    select,
    summarise,
)
from teachback.store import CompletionStore
from teachback.teachers import Teacher, open_teacher

if TYPE_CHECKING:
    from teachback.evaluation import Metrics
    from teachback.prediction import Cost
    from teachback.training import TrainingResult

Notice = Callable[[str], None]

STORE = "completions.sqlite"


@dataclass(frozen=True, slots=True)
class Explained:
    """The outcome of asking and selecting."""

    examples: Sequence[Example]
    selection: Selection
    summary: SelectionSummary
    generation: GenerationSummary | None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The outcome of evaluating: figures by system (``student``, ``untrained``, …)."""

    metrics: Mapping[str, Metrics]
    predictions: Mapping[str, Sequence[Prediction]]
    cost: Mapping[str, Cost]
    way: str


# ---------------------------------------------------------------------- inputs


def training_part(config: Config) -> list[Example]:
    """The training dataset, or the seeded sample of it that ``data.size`` asks for."""
    examples = read_examples(config.data.train, kind=config.data.kind)
    if config.data.size is not None:
        examples = subsample(examples, config.data.size, config.train.seed)
    return examples


def teacher_of(config: TeacherConfig) -> Teacher:
    """The configured teacher. Raises ConfigError where there is none."""
    if config.reference is None:
        raise ConfigError("no teacher is set: give [teacher] reference, or --teacher")
    form = "chat" if config.form == "auto" else config.form
    return open_teacher(config.reference, form=form, concurrency=config.concurrency)


def prompts_of(config: TeacherConfig, teacher: Teacher, kind: str) -> Prompts:
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
    )


# ---------------------------------------------------------------------- explain


def explain(
    config: Config, folder: Path, *, overwrite: bool = False, progress: Progress = SILENT
) -> Explained:
    """Ask the teacher for what is missing and select; writes ``completions.sqlite``,
    ``explanations.jsonl`` and ``rejections.jsonl``.

    Raises DataError where not one request got a reply with text in it; what was stored stays.
    """
    examples = training_part(config)
    teacher = teacher_of(config.teacher)
    prompts = prompts_of(config.teacher, teacher, examples[0].kind)
    rules = _rules(config)
    # Only now: a folder begun on a file that cannot be read would be in the way of the mended one.
    begin_folder(config, folder, overwrite=overwrite)
    with CompletionStore(folder / STORE) as store:
        generation = generate(
            examples,
            teacher=teacher,
            prompts=prompts,
            strategy=config.selection.strategy,
            store=store,
            is_kept=lambda example, replies: is_kept(example, replies, rules),
            samples=config.teacher.samples,
            concurrency=config.teacher.concurrency,
            progress=progress,
        )
        selection = _select(config, examples, teacher, prompts, store)
        _check_replies(selection, config, store)
    summary = _write_selection(config, examples, selection, folder)
    return Explained(examples, selection, summary, generation)


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


def select_anew(config: Config, source: Path, folder: Path) -> Explained:
    """Select from the store of ``source`` without a call; writes into ``folder``."""
    if not (source / STORE).is_file():
        raise RunFolderError(f"{source}: holds no {STORE}; teachback generate makes one")
    examples = training_part(config)
    teacher = teacher_of(config.teacher)
    prompts = prompts_of(config.teacher, teacher, examples[0].kind)
    with CompletionStore(source / STORE, read_only=True) as store:
        selection = _select(config, examples, teacher, prompts, store)
    begin_folder(config, folder)
    summary = _write_selection(config, examples, selection, folder)
    return Explained(examples, selection, summary, None)


def _select(
    config: Config,
    examples: Sequence[Example],
    teacher: Teacher,
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


def _write_selection(
    config: Config, examples: Sequence[Example], selection: Selection, folder: Path
) -> SelectionSummary:
    summary = summarise(examples, selection, config.selection.strategy)
    write_rejections(folder / "rejections.jsonl", selection.rejections)
    write_explanations(folder / "explanations.jsonl", selection.explanations)
    write_json(folder / "selection.json", asdict(summary))
    return summary


# ---------------------------------------------------------------------- train


def train_student(
    config: Config,
    folder: Path,
    explanations: Sequence[Explanation],
    *,
    examples: Sequence[Example] | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
    notice: Notice | None = None,
) -> TrainingResult:
    """Train the configured student into ``folder/student``."""
    from teachback.training import train

    return train(
        training_part(config) if examples is None else examples,
        explanations,
        folder,
        train_config=config.train,
        student_config=config.student,
        valid_fraction=config.data.valid_fraction,
        overwrite=overwrite,
        progress=progress,
        notice=notice,
    )


# ---------------------------------------------------------------------- evaluate


def evaluate_student(
    reference: str,
    test: Sequence[Example],
    folder: Path,
    *,
    train: Sequence[Example] = (),
    evaluate: EvaluateConfig | None = None,
    precision: Any = "auto",
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> Evaluated:
    """Evaluate a student and, beside it, the untrained student and the majority label.

    Writes ``predictions.jsonl``, ``predictions.untrained.jsonl``,
    ``predictions.majority.jsonl`` and, last, ``metrics.json``.
    """
    from teachback.evaluation import majority_label
    from teachback.prediction import predict
    from teachback.students.student import Student

    config = evaluate or EvaluateConfig()
    student = Student.load(reference, precision=precision)
    predictions: dict[str, Sequence[Prediction]] = {}
    cost: dict[str, Cost] = {}
    names = ("predictions.jsonl", "metrics.json", *(f"predictions.{n}.jsonl" for n in BASELINES))
    new_folder(folder, overwrite, names=names)
    predictions["student"], cost["student"] = predict(
        student, test, config, progress=progress, what="answer"
    )
    way, seed = student.card.way, student.card.seed or 0
    if config.baselines and student.card.objective is not None:
        untrained = Student.load(student.card.base, precision=precision)
        card = student.card
        untrained.with_card(
            answer_format=card.answer_format,
            task_marker=card.task_marker,
            max_source_tokens=card.max_source_tokens,
        )
        del student
        # Untrained, it has never been told where an explanation ends: direct answers only.
        direct = config.model_copy(update={"explain": False})
        predictions["untrained"], cost["untrained"] = predict(
            untrained, test, direct, progress=progress, what="answer (untrained)"
        )
    if config.baselines and train:
        predictions["majority"] = majority_label(train, test)
    return write_evaluation(folder, predictions, cost, way, test[0].kind, seed)


BASELINES = ("untrained", "majority")
"""Systems evaluated beside the one in question."""


def evaluate_teacher(
    teacher_config: TeacherConfig,
    test: Sequence[Example],
    folder: Path,
    *,
    train: Sequence[Example] = (),
    evaluate: EvaluateConfig | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> Evaluated:
    """Evaluate a prompted teacher, through a store in ``folder``, so that it is paid once."""
    from teachback.evaluation import majority_label
    from teachback.prediction import predict_by_prompting

    config = evaluate or EvaluateConfig()
    teacher = teacher_of(teacher_config)
    prompts = prompts_of(teacher_config, teacher, test[0].kind)
    names = ("predictions.jsonl", "metrics.json", "predictions.majority.jsonl")
    new_folder(folder, overwrite, names=names)
    with CompletionStore(folder / STORE) as store:
        own = predict_by_prompting(
            teacher, prompts, test, store, explain=config.explain, progress=progress
        )
    predictions: dict[str, Sequence[Prediction]] = {"teacher": own}
    if config.baselines and train:
        predictions["majority"] = majority_label(train, test)
    return write_evaluation(folder, predictions, {}, "direct", test[0].kind)


def write_evaluation(
    folder: Path,
    predictions: Mapping[str, Sequence[Prediction]],
    cost: Mapping[str, Cost],
    way: str,
    kind: str,
    seed: int = 0,
) -> Evaluated:
    """Measure predictions and write them; the first system is the one evaluated."""
    from teachback.evaluation import as_json, measure

    metrics = {name: measure(list(own), kind) for name, own in predictions.items()}
    for number, (name, own) in enumerate(predictions.items()):
        write_predictions(folder / f"predictions{f'.{name}' if number else ''}.jsonl", own)
    write_json(
        folder / "metrics.json",
        {
            "kind": kind,
            "seed": seed,
            "way": way,
            "systems": {name: as_json(figures) for name, figures in metrics.items()},
            "cost_per_1000": {name: asdict(figures) for name, figures in cost.items()},
        },
    )
    return Evaluated(metrics, predictions, cost, way)


def read_run(folder: Path) -> tuple[int, str, list[Prediction]]:
    """(seed, way, predictions) of an evaluated run folder, for comparing."""
    metrics = read_json(folder / "metrics.json")
    way = str(metrics.get("way", "direct"))
    return int(metrics.get("seed", 0)), way, read_predictions(folder / "predictions.jsonl")


# ---------------------------------------------------------------------- the chain


def begin_folder(config: Config, folder: Path, *, overwrite: bool = False) -> None:
    """Write ``config.toml`` and ``manifest.json``, or make sure that those there are ours.

    Raises RunFolderError where the folder belongs to a run with another configuration or
    other data.
    """
    text = write_config(config)
    present = folder / "config.toml"
    if present.is_file() and present.read_text(encoding="utf-8") != text:
        if not overwrite:
            raise RunFolderError(
                f"{folder} belongs to a run with another configuration (its config.toml "
                "differs): choose another folder, or --overwrite"
            )
        # The replies stay: they are keyed by what was asked, and were paid for.
        new_folder(folder, True, names=[n for n in RUN_FILES if not n.startswith(STORE)])
    inputs = {
        name: Path(path)
        for name, path in (("train", config.data.train), ("test", config.data.test))
        if path is not None and not path.startswith("hf:")
    }
    record = manifest(inputs, {"train": config.train.seed})
    if present.is_file() and (folder / "manifest.json").is_file() and not overwrite:
        before = read_json(folder / "manifest.json").get("inputs")
        if before != record["inputs"]:
            raise RunFolderError(
                f"{folder} was begun on other data (a file has changed since): choose another "
                "folder, or --overwrite"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "manifest.json", record)
    write_text(present, text)


def run(
    config: Config,
    folder: Path,
    *,
    overwrite: bool = False,
    progress: Progress = SILENT,
    notice: Notice | None = None,
) -> Evaluated | None:
    """Generate → select → train → evaluate; what is done already is not done again."""
    notice = notice or (lambda _: None)
    examples = training_part(config)
    # Read first, so that a bad line in it is not found out after training.
    test = read_examples(config.data.test, kind=config.data.kind) if config.data.test else None
    begin_folder(config, folder, overwrite=overwrite)
    explanations: Sequence[Explanation] = ()
    if config.train.objective != "st":
        if (folder / "explanations.jsonl").is_file() and not overwrite:
            explanations = read_explanations(folder / "explanations.jsonl")
            notice(f"explanations: {len(explanations)} kept, from before")
        else:
            explained = explain(config, folder, progress=progress)
            explanations = explained.selection.explanations
            notice(f"explanations: {explained.summary.kept} kept of {explained.summary.asked}")
    if not (folder / "student").is_dir() or overwrite:
        train_student(
            config,
            folder,
            explanations,
            examples=examples,
            overwrite=overwrite,
            progress=progress,
            notice=notice,
        )
    else:
        notice("student: trained before")
    if test is None:
        return None
    if (folder / "metrics.json").is_file() and not overwrite:
        notice("evaluation: done before")
        return read_evaluation(folder)
    return evaluate_student(
        str(folder / "student"),
        test,
        folder,
        train=examples,
        evaluate=config.evaluate,
        precision=config.student.precision,
        overwrite=True,  # half-written files of a killed evaluation; metrics.json is last
        progress=progress,
    )


def training_seconds(folder: Path) -> float:
    """How long the student of a run folder was trained, in its last process."""
    return float(read_json(folder / "student" / "training.json")["seconds"])


def read_evaluation(folder: Path) -> Evaluated:
    """An evaluation written before, measured anew from its predictions."""
    from teachback.evaluation import measure
    from teachback.prediction import Cost

    record = read_json(folder / "metrics.json")
    predictions = {
        name: read_predictions(folder / f"predictions{f'.{name}' if number else ''}.jsonl")
        for number, name in enumerate(record["systems"])
    }
    metrics = {name: measure(own, record["kind"]) for name, own in predictions.items()}
    cost = {name: Cost(**figures) for name, figures in record["cost_per_1000"].items()}
    return Evaluated(metrics, predictions, cost, str(record["way"]))
