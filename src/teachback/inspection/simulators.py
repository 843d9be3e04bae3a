"""Simulators: small models that predict a student's answer, with and without its explanation.

One simulator reads the question, the explanation, or both: what it reads is drawn at random for
each example it is trained on, so that each of the three is an input that it knows (Hase et al. 2020
drop the explanation alone on question answering, and then ask for answers from the explanation
alone). It learns the answers and explanations that *this student* gave to its training questions,
and is scored on those it gave to the test questions. It is a student trained by ST.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from teachback.config import EvaluateConfig, StudentConfig, TrainConfig, parse_config, read_config
from teachback.datasets import answerable, read_evaluated
from teachback.errors import DataError, UsageError
from teachback.files import package_version, read_predictions, write_predictions
from teachback.inspection.inspected_run import InspectedRun, has_conclusions
from teachback.inspection.masking import mask_choices
from teachback.inspection.results import Bucket, SimulatabilityResult
from teachback.quality.simulatability import leak_adjusted
from teachback.records import Example, Objective, Prediction
from teachback.runs.folders import keep_apart, training_part
from teachback.runs.training_record import has_training_record, training_record
from teachback.students.card import StudentCard
from teachback.students.load import load
from teachback.studies.schema import TASK_FILE, digest_of
from teachback.system.precision import Precision
from teachback.system.progress import SILENT, Notice, Progress, no_notice
from teachback.systems import predict
from teachback.training import train

Part = Literal["both", "question", "explanation"]
PARTS: tuple[Part, ...] = get_args(Part)

FOLDER = "simulation"
"""In a run's folder: what was made for simulators, to be continued from."""


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """``simulator``: the model that is trained; None: the one the student was trained from.
    ``train``: the questions; None: those of the run. ``seeds``: a simulator each, twice."""

    simulator: str | None = None
    train: str | None = None
    kind: str | None = None
    seeds: tuple[int, ...] = (0,)
    epochs: int = 3
    precision: Precision = "auto"


@dataclass(frozen=True, slots=True)
class SimulationEstimate:
    """What simulating a run takes. Seconds are None where the run's files do not tell."""

    questions: int
    """Training questions that the student has to explain first."""
    simulators: int
    seconds_explaining: float | None
    seconds_training: float | None


@dataclass(frozen=True, slots=True)
class Simulated:
    """``answered``: item → simulator → which predictions from which parts were right."""

    results: tuple[SimulatabilityResult, ...]
    answered: dict[str, dict[str, dict[Part, bool]]]


@dataclass(frozen=True, slots=True)
class ExplainedAnswer:
    """A question with the student's answer to it, and its explanation."""

    example: Example
    text: str
    answer: str


def estimate_simulation(run: InspectedRun, settings: SimulationSettings) -> SimulationEstimate:
    """Nothing is computed. Raises UsageError as `simulate` does."""
    questions = len(_training_questions(run, settings, no_notice))
    simulators = 2 * len(settings.seeds)
    explaining = training = None
    if run.cost is not None and run.cost.explained_seconds is not None:
        explaining = questions * run.cost.explained_seconds / 1000
    student = Path(run.student or "")
    record = training_record(student) if has_training_record(student) else None
    pairs = record.data.pairs if record is not None and record.data is not None else 0
    if record is not None and record.history and pairs:
        # An input with an explanation and the answer after it are about as long as a question with
        # both of its targets.
        passes = record.history[-1].epoch * pairs
        training = record.seconds / passes * settings.epochs * questions * simulators
    return SimulationEstimate(questions, simulators, explaining, training)


def simulate(
    run: InspectedRun,
    settings: SimulationSettings,
    *,
    progress: Progress = SILENT,
    notice: Notice = no_notice,
) -> Simulated:
    """Train the simulators and score them on the run's predictions. Continues what was begun.

    Raises UsageError, or another of its kind, where the run has not kept its student, the training
    questions are not known, half of the test questions are among them, or there is nothing to train
    on.
    """
    if run.student is None or run.card is None:
        raise UsageError(
            f"{run.name} has not kept its student, whose explanations of training questions a "
            "simulator learns from: inspect without --simulate"
        )
    reference = settings.simulator or run.card.base
    questions = _training_questions(run, settings, notice)
    folder = run.folder / FOLDER / _identity(run, settings, reference, questions)[:12]
    folder.mkdir(parents=True, exist_ok=True)
    learnt = _explained_by(run.objective, _own_answers(run, questions, folder, settings, progress))
    asked = _explained_by(run.objective, [(run.examples[p.id], p) for p in run.predictions])
    if not learnt or not asked:
        raise DataError(f"{run.name}: the student gave no explanation with an answer")
    results = []
    answered: dict[str, dict[str, dict[Part, bool]]] = {one.example.id: {} for one in asked}
    groups = [run.groups[one.example.id] for one in asked]
    for masked in (False, True):
        arm = (
            _Arm("masked", [_masked(one) for one in learnt], [_masked(one) for one in asked])
            if masked
            else _Arm("as-written", learnt, asked)
        )
        for seed in settings.seeds:
            place = folder / f"{arm.name}-{seed}"
            if not (place / "student").is_dir():
                _train(arm, place, reference, seed, run.card, settings, progress, notice)
            right = _right_by_part(arm, place, settings, progress)
            results.append(_result(reference, seed, masked, right, groups))
            for number, one in enumerate(asked):
                own = {part: right[part][number] for part in PARTS}
                answered[one.example.id][place.name] = own
    return Simulated(tuple(results), answered)


def _identity(
    run: InspectedRun, settings: SimulationSettings, reference: str, questions: Sequence[Example]
) -> str:
    """A digest of all that simulators come from, but for their seeds."""
    return digest_of(
        {
            "simulator": reference,
            "epochs": settings.epochs,
            "precision": settings.precision,
            "predictions": run.sha256,
            "reading": asdict(run.reading),
            "questions": [asdict(example) for example in questions],
            "teachback": package_version("teachback"),
        }
    )


@dataclass(frozen=True, slots=True)
class _Arm:
    """What simulators learn and are asked: explanations as they were written, or masked."""

    name: str
    learnt: Sequence[ExplainedAnswer]
    asked: Sequence[ExplainedAnswer]


def _train(
    arm: _Arm,
    place: Path,
    reference: str,
    seed: int,
    card: StudentCard,
    settings: SimulationSettings,
    progress: Progress,
    notice: Notice,
) -> None:
    train(
        list(simulator_inputs(arm.learnt, seed, settings.epochs)),
        (),
        place,
        # Smaller batches than a student's: some hundred questions are few steps of 16.
        train_config=TrainConfig(
            objective="st", epochs=1, batch_size=8, lora=True, seed=seed, patience=0
        ),
        student_config=StudentConfig(
            reference=reference,
            precision=settings.precision,
            answer_format=card.answer_format,
            max_source_tokens=1024,
        ),
        overwrite=True,  # checkpoints of a simulator that would be trained differently now
        progress=progress,
        notice=notice,
    )


def _right_by_part(
    arm: _Arm, place: Path, settings: SimulationSettings, progress: Progress
) -> dict[Part, list[bool]]:
    """Of each part, which of the student's answers are predicted rightly from it."""
    simulator = load(place / "student", precision=settings.precision)
    right: dict[Part, list[bool]] = {}
    for part in PARTS:
        inputs = [simulator_input(one, part, one.example.id) for one in arm.asked]
        answers, _ = predict(
            simulator,
            inputs,
            EvaluateConfig(explain=False),
            progress=progress,
            what=f"simulate {part}",
        )
        right[part] = [answer.correct for answer in answers]
    return right


def _result(
    reference: str,
    seed: int,
    masked: bool,
    right: dict[Part, list[bool]],
    groups: Sequence[str | int],
) -> SimulatabilityResult:
    found = leak_adjusted(right["both"], right["question"], right["explanation"], groups, seed=seed)
    n = len(groups)
    return SimulatabilityResult(
        simulator=reference,
        seed=seed,
        masked=masked,
        items=n,
        accuracy_both=sum(right["both"]) / n,
        accuracy_question=sum(right["question"]) / n,
        accuracy_explanation=sum(right["explanation"]) / n,
        las=found.las,
        las_low=found.las_low,
        las_high=found.las_high,
        rq=found.rq,
        rq_low=found.rq_low,
        rq_high=found.rq_high,
        buckets=(
            Bucket(leaked=True, items=found.leaked_items, difference=found.leaked),
            Bucket(leaked=False, items=found.not_leaked_items, difference=found.not_leaked),
        ),
    )


# ---------------------------------------------------------------------- what a simulator reads


def simulator_inputs(
    learnt: Sequence[ExplainedAnswer], seed: int, epochs: int
) -> Iterable[Example]:
    """What a simulator is trained on in one pass: ``epochs`` times every item, with parts that are
    drawn anew each time. All of an item's inputs are of one group, so that none of them is in
    valid while others are trained on."""
    rng = random.Random(f"simulator-{seed}")
    for draw in range(epochs):
        for one in learnt:
            yield simulator_input(one, rng.choice(PARTS), f"{one.example.id} {draw}")


def simulator_input(one: ExplainedAnswer, part: Part, name: str) -> Example:
    """The question whose answer is the student's own; ``name`` is its id."""
    example = one.example
    explanation = f"Explanation: {one.text}"
    question = {
        "both": f"{example.question}\n{explanation}",
        "question": example.question,
        "explanation": explanation,
    }[part]
    return replace(
        example,
        id=name,
        question=question,
        context=None if part == "explanation" else example.context,
        answer=one.answer,
        group=example.group or example.id,
    )


def _masked(one: ExplainedAnswer) -> ExplainedAnswer:
    return replace(one, text=mask_choices(one.text, one.example))


# ---------------------------------------------------------------------- what the student said


def _explained_by(
    objective: Objective | None, answered: Iterable[tuple[Example, Prediction]]
) -> list[ExplainedAnswer]:
    """The items with an explanation of some words and an answer that it belongs to: the explained
    one, or the direct one where the explanation comes to none by the objective."""
    concludes = has_conclusions(objective)
    found = []
    for example, prediction in answered:
        text = (prediction.explanation or "").strip()
        answer = prediction.explained_answer if concludes else prediction.answer
        if text and answer is not None:
            found.append(ExplainedAnswer(example, text, answer))
    return found


def _own_answers(
    run: InspectedRun,
    questions: Sequence[Example],
    folder: Path,
    settings: SimulationSettings,
    progress: Progress,
) -> list[tuple[Example, Prediction]]:
    """The student's own answers and explanations of the training questions, kept in ``folder``."""
    file = folder / "predictions.train.jsonl"
    if not file.is_file():
        student = load(run.student or "", precision=settings.precision)
        config = EvaluateConfig(reading=run.reading.conclusions, languages=run.reading.languages)
        predictions, _ = predict(
            student, questions, config, progress=progress, what="explain training questions"
        )
        write_predictions(file, predictions)
    by_id = {prediction.id: prediction for prediction in read_predictions(file)}
    return [(example, by_id[example.id]) for example in questions if example.id in by_id]


def _training_questions(
    run: InspectedRun, settings: SimulationSettings, notice: Notice
) -> list[Example]:
    """What simulators learn from; none of it may be what they are asked about."""
    where = f"the questions that {run.name} was trained on"
    if settings.train is not None:
        read = read_evaluated(settings.train, kind=settings.kind)
        questions = answerable(read, () if run.card is None else run.card.labels)
        where = f"--train {settings.train}"
    elif (run.folder / "config.toml").is_file():
        questions = training_part(read_config(run.folder / "config.toml", anchored=False))
    elif (task := run.folder / "task.json").is_file():
        config = parse_config(dict(TASK_FILE.read(task).config), source=str(task))
        questions = training_part(config)
    else:
        raise UsageError(
            f"{run.name} does not say which questions its student was trained on: give --train FILE"
        )
    keep_apart(questions, list(run.examples.values()), notice, names=(where, run.name))
    return questions
