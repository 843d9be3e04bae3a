"""``teachback evaluate``, ``compare`` and ``ask``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from teachback.cli.options import (
    KIND,
    PRECISION,
    SOURCE,
    asking_options,
    out_option,
    overwrite_option,
    setting,
    settings,
)
from teachback.cli.printing import emit, say
from teachback.records import ComparedWay
from teachback.references import TEACHER_FORMS
from teachback.system.progress import Progress

if TYPE_CHECKING:
    from teachback.runs.evaluations import EvaluatedRun


@click.command()
@click.argument("arguments", nargs=-1, required=True, metavar="[STUDENT] DATA")
@setting(
    "teacher",
    "reference",
    "--teacher",
    metavar="REF",
    help=f"Evaluate a prompted teacher instead of a student: {TEACHER_FORMS}.",
)
@setting("teacher", "exemplars", metavar="SET", help="For --teacher: {}.")
@setting("teacher", "instructions", metavar="FILE", help="For --teacher: {}.")
@asking_options("For --teacher: {}.")
@setting("evaluate", "explain")
@setting("evaluate", "way")
@click.option(
    "--train", "train_data", metavar="FILE", help="Training data, for the majority label."
)
@KIND
@setting("evaluate", "choice_score")
@setting("evaluate", "reading")
@setting("evaluate", "languages", metavar="LIST")
@setting("evaluate", "batch_size")
@setting("evaluate", "max_new_tokens")
@setting("evaluate", "baselines")
@PRECISION
@out_option()
@overwrite_option("Replace the evaluation that DIR holds.")
@click.pass_obj
def evaluate(
    progress: Progress,
    /,
    arguments: tuple[str, ...],
    train_data: str | None,
    out: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Evaluate STUDENT (a folder or reference), or a prompted --teacher, on DATA."""
    from teachback.cli import show
    from teachback.config import section
    from teachback.datasets import read_examples
    from teachback.runs import pipeline

    values = settings(options)
    kind = values.get("data", {}).get("kind")
    teacher = "reference" in values["teacher"]
    wanted = 1 if teacher else 2
    if len(arguments) != wanted:
        raise click.UsageError(
            "give only DATA with --teacher" if teacher else "give STUDENT and then DATA"
        )
    test = read_examples(arguments[-1], kind=kind)
    train = read_examples(train_data, kind=kind) if train_data else []
    config = section("evaluate", values["evaluate"], SOURCE)
    folder = Path(out)
    if teacher:
        if config.way is not None:
            raise click.UsageError("--way is for students: a teacher has no threshold")
        teacher_config = section("teacher", values["teacher"], SOURCE)
        outcome = pipeline.evaluate_teacher(
            teacher_config,
            test,
            folder,
            train=train,
            evaluate=config,
            overwrite=overwrite,
            progress=progress,
        )
    else:
        outcome = pipeline.evaluate_student(
            student_reference(arguments[0]),
            test,
            folder,
            train=train,
            evaluate=config,
            precision=values["student"]["precision"],
            overwrite=overwrite,
            progress=progress,
            notice=lambda line: say(line, err=True),
        )
    show.metrics(outcome.metrics, outcome.cost)
    if outcome.bill is not None:
        show.bill(outcome.bill, 0)
    show.labels(next(iter(outcome.metrics.values())))
    if config.baselines and not train:
        say("majority label: unknown without --train FILE")
    say(f"written: {folder / 'metrics.json'}")


def student_reference(reference: str) -> str:
    """A run folder stands for the student in it. Raises ReferenceError_ where there is no such
    folder or file, before the model libraries are imported."""
    from teachback.students.weights import require_present

    inner = Path(reference) / "student"
    found = str(inner) if inner.is_dir() else reference
    require_present(found)
    return found


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option(
    "--way",
    type=click.Choice(["both", *get_args(ComparedWay)]),
    default="both",
    show_default=True,
    help="Which answers are compared; chosen: the way each student chose on valid; adaptive: "
    "explained only where unsure (exploratory); both: direct, and chosen.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of sentences.")
def compare(runs: tuple[str, ...], way: str, as_json: bool) -> None:
    """Compare runs with the first RUN by paired tests (the primary test of teachback).

    A RUN is an evaluated folder, or a folder of such folders, one per seed. With several
    comparisons the p-values are adjusted by Holm's method.
    """
    import json

    from teachback import evaluation
    from teachback.cli import show
    from teachback.runs.evaluations import read_runs_by_seed

    if len(runs) < 2:
        raise click.UsageError("give two or more runs; the others are compared with the first")
    runs = tuple(run.rstrip("/") or run for run in runs)
    systems = {run: read_runs_by_seed(Path(run)) for run in runs}
    names = ["direct", "chosen"] if way == "both" else [way]
    ways = [evaluation.compared_way(name, "--way") for name in names]
    rows, comparisons = [], []
    readings = {run.reading for seeds in systems.values() for run in seeds.values()} - {None}
    if len(readings) > 1:
        raise click.UsageError(
            "some runs count only announced conclusions and some also inferred ones: evaluate all "
            "of them with the same --reading"
        )
    spoken = {run.languages for seeds in systems.values() for run in seeds.values()} - {None}
    if len(spoken) > 1:
        names_of = " and some in ".join(sorted(", ".join(one) for one in spoken if one))
        raise click.UsageError(
            f"some runs were read in {names_of}: evaluate all of them with the same --languages"
        )
    scores = {run.choice_score for seeds in systems.values() for run in seeds.values()} - {None}
    if len(scores) > 1:
        raise click.UsageError(
            "some runs score choices by the sum and some by the mean of log-probabilities: "
            "evaluate all of them with the same --choice-score"
        )
    for name, seeds in systems.items():
        for seed, run in seeds.items():
            figures = evaluation.measure(run.predictions, run.kind, run.threshold)
            rows.append(
                [
                    name,
                    str(seed),
                    *show.way(figures.direct)[:2],
                    *show.way(figures.explained)[:2],
                    run.way,
                    *show.adaptive(figures),
                ]
            )
    precisions = {run.precision for seeds in systems.values() for run in seeds.values()} - {None}
    for other in runs[1:]:
        for one in ways:
            if one == "explained" and not all(_explains(systems[r]) for r in (runs[0], other)):
                raise click.UsageError("not all runs have explained answers: evaluate --explain")
            comparisons.append(
                evaluation.compare_systems(
                    systems[other], systems[runs[0]], way=one, names=(other, runs[0])
                )
            )
    adjusted = evaluation.holm([c.p for c in comparisons])
    if as_json:
        found = [
            {**evaluation.as_json(c), "p_holm": p}
            for c, p in zip(comparisons, adjusted, strict=True)
        ]
        emit(f"{json.dumps(found, indent=2)}\n")
        return
    head = ["run", "seed", "direct", "95%", "explained", "95%", "chosen way"]
    adaptive = ["adaptive", "95%", "explains"]
    # Columns of a way that no student has would only take room.
    some = any(row[len(head)] != show.NOTHING for row in rows)
    shown = [*head, *adaptive] if some else head
    say(show.table(shown, [row[: len(shown)] for row in rows]))
    say("")
    if len(precisions) > 1:
        say(
            f"some runs were evaluated in {' and some in '.join(sorted(map(str, precisions)))}: a "
            "difference between them may be due to the precision"
        )
    several = len(comparisons) > 1
    for comparison, p in zip(comparisons, adjusted, strict=True):
        say(evaluation.verdict(comparison, adjusted_p=p if several else None))
    for comparison in comparisons:
        for one_seed in comparison.seeds:
            say(
                f"  seed {one_seed.seed}, {comparison.a} against {comparison.b} "
                f"({comparison.in_words}): only {comparison.a} is right on {one_seed.only_a}, only "
                f"{comparison.b} on {one_seed.only_b}; exact McNemar "
                f"{evaluation.p_in_words(one_seed.p)} (about these two models only)"
            )


Seeds = dict[int, "EvaluatedRun"]


def _explains(seeds: Seeds) -> bool:
    return all(p.explained_correct is not None for run in seeds.values() for p in run.predictions)


@click.command()
@click.argument("student", metavar="STUDENT")
@click.argument("question", metavar="QUESTION")
@click.option("--choice", "choices", multiple=True, metavar="TEXT", help="Repeat for each choice.")
@click.option("--context", metavar="TEXT", help="What precedes the question.")
@click.option("--explain", is_flag=True, help="Also say why.")
@click.option(
    "--way",
    type=click.Choice(get_args(ComparedWay)),
    default="chosen",
    show_default=True,
    help="chosen: the way that was better on valid; adaptive: explained only where the direct "
    "answer is unsure (exploratory).",
)
@PRECISION
def ask(
    student: str,
    question: str,
    choices: tuple[str, ...],
    context: str | None,
    explain: bool,
    way: ComparedWay,
    **options: Any,
) -> None:
    """Ask STUDENT one QUESTION; it answers in the way that was better on valid."""
    reference = student_reference(student)
    from teachback.students.student import Student

    precision = settings(options)["student"]["precision"]
    loaded = Student.load(reference, precision=precision)
    if loaded.model.precision.slow:
        say(loaded.model.precision.line, err=True)
    said = loaded.answer(question, choices=choices, context=context, explain=explain, way=way)
    say(f"answer: {said.answer if said.answer is not None else '(unparsed)'}")
    if way == "adaptive":
        unsure = said.way == "explained"
        say(f"way: {'explained, since the direct answer was unsure' if unsure else 'direct'}")
    if said.probabilities and said.way == "direct":
        parts = [f"{choice} {share:.2f}" for choice, share in said.probabilities.items()]
        say(f"probabilities: {', '.join(parts)}")
    if explain and said.explanation is not None:
        say(f"explanation: {said.explanation}")
        for name, other in (("direct", said.direct_answer), ("explained", said.explained_answer)):
            if other != said.answer:
                say(f"note: its {name} answer is {other or 'unparsed'}")
