"""Evaluating students and prompted teachers, and comparing what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from teachback import evaluation
from teachback.api.explaining import configured_setup
from teachback.api.inputs import Predictions, predictions_of
from teachback.api.settings import (
    EVALUATE,
    EVALUATE_TEACHER,
    EvaluateSettings,
    EvaluateTeacherSettings,
    Meaningless,
    checked_section,
    refuse,
    sorted_settings,
)
from teachback.api.watching import notice_of, progress_of
from teachback.config import EvaluateConfig
from teachback.datasets import Columns, Data, answerable, read_evaluated, read_examples
from teachback.errors import ConfigError, quoted
from teachback.evaluation import Comparison, Metrics, SystemAnswers, WayMetrics
from teachback.files import is_folder, new_folder, one_writer, row_of
from teachback.files.result_rows import ResultRows
from teachback.questions.languages import settled_languages
from teachback.records import ComparedWay, Cost, Example, Exemplar, Prediction, Way
from teachback.runs.evaluations import (
    EVALUATION_FILES,
    EvaluatedRun,
    HowAsked,
    different_settings,
    read_runs_by_seed,
    student_asked,
    write_evaluation,
)
from teachback.runs.folders import check_majority, keep_apart, trained_labels
from teachback.runs.pipeline import check_untrained
from teachback.teachers import Teacher

if TYPE_CHECKING:
    from teachback.students.student import Student


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation(ResultRows):
    """What a system answered, and its figures; beside it the baselines' own."""

    predictions: list[Prediction]
    metrics: Metrics
    cost: Cost | None
    way: Way
    """The way of answering that the student chose on ``valid``."""
    system: Literal["student", "teacher", "untrained", "majority"] = "student"
    seed: int = 0
    asked: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """Who was asked and how, as in ``metrics.json``: ``student`` (not where it is kept in memory
    alone), ``choice_score``, ``reading``, ``languages``, ``precision``."""
    baselines: Mapping[str, Evaluation] = field(default_factory=dict)
    """``untrained``: the student before its training. ``majority``: the most frequent answer."""
    threshold: float | None = None
    """Of the student's adaptive way, set on ``valid``; None where it has none."""
    temperature: float | None = None
    """Of its probabilities, fitted on ``valid``; None where it has none."""

    def __repr__(self) -> str:
        own = self.metrics
        parts = [f"direct {_figures(own.direct)}"]
        if own.explained is not None:
            parts.append(f"explained {_figures(own.explained)}")
        if own.adaptive is not None:
            share = f", {own.adaptive_explained:.0%} explained" if own.adaptive_explained else ""
            parts.append(f"adaptive {_figures(own.adaptive)}{share}")
        text = f"{self.system}: {', '.join(parts)} of {own.n} right"
        if own.explained is not None and self.system == "student":
            text += f"; default way: {self.way}"
        beside = [
            f"{name} {one.metrics.direct.accuracy:.3f}" for name, one in self.baselines.items()
        ]
        return f"{text}\nbaselines: {', '.join(beside)}" if beside else text

    def to_rows(self) -> list[dict[str, object]]:
        """The predictions, as in ``predictions.jsonl``."""
        return [dict(row_of(one)) for one in self.predictions]

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write ``predictions.jsonl``, those of the baselines and ``metrics.json``, as
        ``teachback evaluate`` does, for `compare` and ``teachback compare``. Raises
        RunFolderError where they are there already."""
        systems = {self.system: self, **self.baselines}
        with one_writer(folder) as held:
            new_folder(held, overwrite, names=EVALUATION_FILES)
            write_evaluation(
                held,
                {name: one.predictions for name, one in systems.items()},
                {name: one.cost for name, one in systems.items() if one.cost is not None},
                self.way,
                self.metrics.kind,
                self.seed,
                self.asked,
                threshold=self.threshold,
                temperature=self.temperature,
            )


def _figures(way: WayMetrics) -> str:
    text = f"{way.accuracy:.3f} [{way.low:.3f}, {way.high:.3f}]"
    return f"{text} ({way.unparsed} unparsed)" if way.unparsed else text


def evaluate(
    student: Student | str | Path,
    examples: Data,
    *,
    train: Data | None = None,
    precision: Literal["auto", "fp32", "bf16"] | None = None,
    kind: str | None = None,
    columns: Columns | None = None,
    progress: bool | None = None,
    **settings: Unpack[EvaluateSettings],
) -> Evaluation:
    """Ask ``student`` (the object, a folder or a reference) all ``examples``.

    With ``baselines`` (on unless set otherwise) the untrained student is asked, too, and, where
    ``train`` is given, the majority label is worked out from it. Compare the figures with these.
    Of labels, those that the student was trained on may be answered, and what others ``examples``
    have.
    ``precision``: of a student that is loaded here, and of the untrained one. ``kind`` and
    ``columns``: see `read_examples`.

    Raises ConfigError for settings that are unknown or mean nothing, ReferenceError_ where a
    student leads nowhere, DataError where ``train`` holds most of the ``examples``, and as
    `read_examples`.
    """
    from teachback.students.student import Student
    from teachback.students.weights import student_in
    from teachback.systems import predict, predict_untrained, untrained_of

    test = read_evaluated(examples, kind=kind, columns=columns)
    labelled = _labelled(train, test, columns)
    values = sorted_settings(settings, EVALUATE, "evaluate()")
    config: EvaluateConfig = checked_section("evaluate", values["evaluate"], "evaluate()")
    _refuse_unused(settings, config, labelled)
    shown = progress_of(progress)
    keep_apart(labelled, test, notice_of(shown), names=("train", "examples"))
    folder: Path | None = None
    settled = {"languages": settled_languages(config.languages, test)}
    config = config.model_copy(update=settled)
    if isinstance(student, str | Path):
        folder = Path(student_in(student))
        student = Student.load(student, precision=precision or "auto")
    elif precision not in (None, "auto", student.precision):
        raise ConfigError("evaluate(): precision means nothing here: the student is loaded already")
    card = student.card
    test = answerable(test, card.labels or trained_labels(labelled), notice_of(shown))
    if config.baselines:
        check_majority(labelled, test)
    compared = config.baselines and card.objective is not None
    if compared:
        check_untrained(card.base, "or set baselines=False", folder)
    notice_of(shown)(student.model.precision.line)
    predictions, cost = predict(student.model, test, config, progress=shown)
    found = {}
    if compared:
        own, effort = predict_untrained(
            untrained_of(card, student.precision),
            test,
            config,
            max_answer_tokens=card.max_answer_tokens,
            progress=shown,
            what="answer (untrained)",
        )
        found["untrained"] = Evaluation(
            own, evaluation.measure(own, test[0].kind), effort, "direct", "untrained"
        )
    if config.baselines and labelled:
        found["majority"] = _majority(labelled, test)
    return Evaluation(
        predictions,
        evaluation.measure(predictions, test[0].kind, card.threshold),
        cost,
        card.way,
        threshold=card.threshold,
        temperature=card.temperature,
        seed=card.seed or 0,
        asked=student_asked(student.reference, config, student.model.precision),
        baselines=found,
    )


def evaluate_teacher(
    teacher: str | Teacher,
    examples: Data,
    *,
    store: str | Path,
    train: Data | None = None,
    exemplars: str | Path | Sequence[Exemplar] = "auto",
    instructions: str | Path | None = None,
    kind: str | None = None,
    columns: Columns | None = None,
    progress: bool | None = None,
    **settings: Unpack[EvaluateTeacherSettings],
) -> Evaluation:
    """Ask a prompted teacher all ``examples``, directly and by chain of thought, through ``store``,
    so that no reply is paid for twice. The arguments are those of `generate` and `evaluate`."""
    from teachback.systems import predict_by_prompting

    step = "evaluate_teacher()"
    test = read_evaluated(examples, kind=kind, columns=columns)
    labelled = _labelled(train, test, columns)
    values = sorted_settings(settings, EVALUATE_TEACHER, step)
    config: EvaluateConfig = checked_section("evaluate", values["evaluate"], step)
    _refuse_train(step, config, labelled)
    shown = progress_of(progress)
    keep_apart(labelled, test, notice_of(shown), names=("train", "examples"))
    test = answerable(test, trained_labels(labelled), notice_of(shown))
    if config.baselines:
        check_majority(labelled, test)
    setup = configured_setup(
        step,
        test,
        teacher,
        exemplars,
        instructions,
        values["teacher"],
        {"reading": config.reading, "languages": config.languages},
    )
    with setup.open(store) as session:
        predictions = predict_by_prompting(session, test, explain=config.explain, progress=shown)
    return Evaluation(
        predictions,
        evaluation.measure(predictions, test[0].kind),
        None,
        "direct",
        "teacher",
        asked={"reading": config.reading, "languages": setup.rules.reading.languages},
        baselines={"majority": _majority(labelled, test)} if config.baselines and labelled else {},
    )


def _labelled(
    train: Data | None, test: Sequence[Example], columns: Columns | None
) -> list[Example]:
    """The examples that the majority label is worked out from."""
    if train is None:
        return []
    of_file = not (isinstance(train, Sequence) and any(isinstance(e, Example) for e in train))
    return read_examples(
        train, kind=test[0].kind if of_file else None, columns=columns if of_file else None
    )


def _refuse_unused(
    settings: Mapping[str, object], config: EvaluateConfig, train: Sequence[Example]
) -> None:
    rules = (Meaningless(("max_new_tokens",), not config.explain, "nothing is explained"),)
    refuse(settings, rules, "evaluate()")
    _refuse_train("evaluate()", config, train)


def _refuse_train(step: str, config: EvaluateConfig, train: Sequence[Example]) -> None:
    # Of labels, it also says which of them may be answered.
    if train and not config.baselines and not trained_labels(train):
        raise ConfigError(
            f"{step}: train means nothing here: it is for the majority label, and baselines are off"
        )


def _majority(train: Sequence[Example], test: Sequence[Example]) -> Evaluation:
    own = evaluation.majority_label(train, test)
    return Evaluation(own, evaluation.measure(own, test[0].kind), None, "direct", "majority")


Compared = Evaluation | Predictions
"""One system under one seed: what `evaluate` returned, the folder or ``predictions.jsonl`` of an
evaluation, or predictions as records or rows."""


def compare(
    a: Compared | Mapping[int, Compared],
    b: Compared | Mapping[int, Compared],
    *,
    way: ComparedWay = "direct",
    names: tuple[str, str] = ("A", "B"),
) -> Comparison:
    """The primary test of ``a`` minus ``b`` on the same examples; mappings are by seed, and so is
    a folder of evaluated folders.

    ``way``: ``direct`` answers, ``explained`` ones, ``chosen``, each student's in the way that it
    chose on ``valid``, or ``adaptive`` (exploratory), explained only where a student is unsure.
    Raises ConfigError for any other, for keys that are no seeds, for names that are not two texts,
    or where the two were evaluated with different settings;
    DataError where ``a`` and ``b`` cannot be compared in this way.
    """
    way = evaluation.compared_way(way, "compare()")
    if isinstance(names, str) or [type(name) for name in names] != [str, str]:
        raise ConfigError(f"compare(): names = {quoted(names)}: give two texts, as in ('A', 'B')")
    systems = [_by_seed(one) for one in (a, b)]
    for setting, used in different_settings(asked for one in systems for _, asked in one.values()):
        raise ConfigError(
            f"compare(): the evaluations used different values of {setting} "
            f"({', '.join(sorted(map(_shown, used)))}): evaluate all of them with the same one"
        )
    first, second = ({seed: answers for seed, (answers, _) in one.items()} for one in systems)
    return evaluation.compare_systems(first, second, way=way, names=names)


def _shown(value: str | Sequence[str]) -> str:
    """A setting, or several together, in words."""
    return value if isinstance(value, str) else " and ".join(value)


_Drawn = tuple[SystemAnswers, HowAsked]
"""What a system answered, and with which settings, where that is known."""


def _by_seed(system: Compared | Mapping[int, Compared]) -> dict[int, _Drawn]:
    if isinstance(system, Mapping):
        drawn: dict[int, _Drawn] = {}
        for key, one in system.items():
            seed = _seed(key)
            if seed in drawn:
                raise ConfigError(f"compare(): seed {seed} is given twice")
            drawn[seed] = _one(one)
        return drawn
    if isinstance(system, str | Path) and is_folder(system):
        return {seed: _drawn(run) for seed, run in read_runs_by_seed(Path(system)).items()}
    return {0: _one(system)}


def _seed(key: object) -> int:
    """A mapping's key as a seed; JSON has only text there."""
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    if isinstance(key, str) and key.isdecimal():
        return int(key)
    raise ConfigError(
        f"compare(): {quoted(key)} is no seed: the keys of a mapping are whole numbers"
    )


def _one(system: Compared) -> _Drawn:
    if isinstance(system, Evaluation):
        return SystemAnswers(system.predictions, system.way, system.threshold), system.asked
    if isinstance(system, str | Path) and is_folder(system):
        runs = read_runs_by_seed(Path(system))
        if len(runs) > 1:
            raise ConfigError(f"compare(): {system} holds several seeds: name one of its folders")
        return _drawn(next(iter(runs.values())))
    return SystemAnswers(predictions_of(system), None), {}


def _drawn(run: EvaluatedRun) -> _Drawn:
    return SystemAnswers(run.predictions, run.way, run.threshold), run.asked
