"""``teachback demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from teachback.cli.options import SEED, STUDENT, out_option, overwrite_option, settings
from teachback.cli.printing import say
from teachback.system.progress import Progress

if TYPE_CHECKING:
    from teachback.desk.demo import Demo


@click.command()
@out_option(required=False, default="runs/demo", show_default=True)
@STUDENT
@SEED
@overwrite_option("Start over in DIR.")
@click.pass_obj
def demo(progress: Progress, /, out: str, overwrite: bool, **options: Any) -> None:
    """Train a student on the decision desk, with and without explanations, and compare.

    Takes ten to twelve minutes on two cores that compute bf16 natively; what is done already
    is not done again.
    """
    from pathlib import Path

    from teachback.desk import LABELS
    from teachback.desk import demo as job

    values = settings(options)
    student, seed = values["student"]["reference"], values["train"]["seed"]
    say(
        "The decision desk: a returns policy decides cases told in everyday words. The "
        "student never sees the policy.\n"
        f"Explanations: written by the {job.TEACHER} (no large model). "
        f"Student: {job.student_title(student)}."
    )
    done = job.demo(
        Path(out),
        student=student,
        seed=seed,
        overwrite=overwrite,
        progress=progress,
        notice=lambda line: say(line, err=True),
    )
    _print(done)
    choices = " ".join(f'--choice "{label}"' for label in LABELS)
    say(
        f"\nAll files: {out}. Ask the student: teachback ask {out}/mt-cot QUESTION {choices} "
        "--explain"
    )


def _print(done: Demo) -> None:
    from teachback.cli import show
    from teachback.evaluation import verdict

    st, mt = done.runs["st"], done.runs["mt-cot"]
    systems = {
        "majority label": st.metrics["majority"],
        "untrained student": st.metrics["untrained"],
        "ST": st.metrics["student"],
        "MT-CoT": mt.metrics["student"],
    }
    say("")
    show.metrics(
        systems,
        {"ST": st.cost["student"], "MT-CoT": mt.cost["student"]},
    )
    for objective, seconds in done.train_seconds.items():
        say(f"training {objective}: {seconds:.0f} s")
    say(f"ways chosen on valid: ST {st.way}, MT-CoT {mt.way}")
    say("")
    for comparison in done.comparisons.values():
        say(verdict(comparison))
    say("\nThree cases, answered by MT-CoT:")
    by_id = {p.id: p for p in mt.predictions["student"]}
    for example in done.test[:3]:
        said = by_id[example.id]
        say(f"\n{example.question}")
        say(f"  gold: {example.answer}")
        say(f"  direct answer: {said.answer} ({'right' if said.correct else 'wrong'})")
        say(
            f"  explained answer: {said.explained_answer or 'unparsed'} "
            f"({'right' if said.explained_correct else 'wrong'})"
        )
        say(f"  explanation: {said.explanation}")
    say(
        "\nA real run would have explanations by a large model (--teacher openai:…) instead of "
        "the rule engine's, more cases, three or more seeds, and a larger test set: one seed "
        "shows only how these two students differ."
    )
