"""``teachback serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from teachback.cli.options import PRECISION, FiniteRange, settings
from teachback.cli.printing import say
from teachback.formatting import dollars
from teachback.references import TEACHER_FORMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from teachback.explaining.session import TeacherSetup
    from teachback.records import Example
    from teachback.serving.engine import ServedStudent, StudentEngine
    from teachback.serving.fall_back import FallBack

_STORE = "fall-back.sqlite"


@click.command()
@click.argument("student", metavar="STUDENT")
@click.option(
    "--host",
    metavar="HOST",
    help="Address to listen on (needs --api-key-file); unset: this machine only.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    metavar="N",
    help="Port to listen on; 0: a free one.",
)
@click.option("--api-key-file", metavar="FILE", help="File with the key that clients must send.")
@click.option(
    "--queue",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    metavar="N",
    help="Requests that may wait in each lane.",
)
@click.option(
    "--timeout",
    type=FiniteRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="Limit for one request, from its beginning to its end.",
)
@click.option("--log-questions", is_flag=True, help="Print every question, as a line of JSON.")
@click.option(
    "--fall-back-to",
    metavar="REF",
    help=f"A teacher for answers that the student is unsure of: {TEACHER_FORMS}.",
)
@click.option(
    "--below",
    type=FiniteRange(0, 1),
    metavar="X",
    help="The probability of the direct answer below which the teacher is asked.",
)
@click.option(
    "--target-accuracy",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    metavar="X",
    help=(
        "Find --below from --labelled, so that this share of the answers that the student keeps is "
        "right."
    ),
)
@click.option(
    "--labelled",
    metavar="FILE",
    help="Labelled questions that were not used in training or for any choice.",
)
@click.option(
    "--store",
    metavar="FILE",
    help=f"Where the teacher's replies are kept [default: {_STORE}].",
)
@click.option(
    "--max-cost", type=FiniteRange(min=0), metavar="USD", help="Cap on the teacher's cost."
)
@PRECISION
def serve(
    student: str,
    host: str | None,
    port: int,
    api_key_file: str | None,
    queue: int,
    timeout: float,
    log_questions: bool,
    fall_back_to: str | None,
    below: float | None,
    target_accuracy: float | None,
    labelled: str | None,
    store: str | None,
    max_cost: float | None,
    **options: Any,
) -> None:
    """Serve STUDENT over HTTP: POST /v1/answer, OpenAI's endpoints, and a page at /."""
    if host is not None and api_key_file is None:
        raise click.UsageError("--host lets other machines in: give --api-key-file FILE too")
    of_teacher = {
        "--below": below,
        "--target-accuracy": target_accuracy,
        "--labelled": labelled,
        "--store": store,
        "--max-cost": max_cost,
    }
    given = [name for name, value in of_teacher.items() if value is not None]
    if fall_back_to is None and given:
        raise click.UsageError(f"{given[0]} needs a teacher: --fall-back-to REF")
    if fall_back_to is not None and (below is None) == (target_accuracy is None):
        raise click.UsageError("--fall-back-to needs --below X or --target-accuracy X")
    if target_accuracy is not None and labelled is None:
        raise click.UsageError("--target-accuracy needs --labelled FILE")
    if labelled is not None and target_accuracy is None:
        raise click.UsageError("--labelled needs --target-accuracy X: nothing else reads it")
    key = None if api_key_file is None else _key(Path(api_key_file))
    try:
        from teachback.serving import measurements  # noqa: F401 - is the extra there?
    except ModuleNotFoundError as error:
        from teachback.errors import MissingExtraError

        if (error.name or "").startswith("prometheus_client"):
            raise MissingExtraError("prometheus-client", "serve", "teachback serve") from None
        raise
    from teachback.serving.app import Limits, Serving
    from teachback.serving.loading import load_served
    from teachback.serving.server import serve as run
    from teachback.students.weights import present_student
    from teachback.system.loopback import LOOPBACK

    loaded = load_served(present_student(student), settings(options)["student"]["precision"])
    if loaded.note is not None:
        say(loaded.note, err=True)
    engine = loaded.engine
    fall_back = None
    if fall_back_to is not None:
        teacher = {"reference": fall_back_to, "max_cost": max_cost}
        fall_back = _fall_back(
            loaded.student, engine, teacher, Path(store or _STORE), below, target_accuracy, labelled
        )
    serving = Serving(
        engine,
        Path(student).name or "student",
        limits=Limits(most_waiting=queue, seconds=timeout),
        key=key,
        fall_back=fall_back,
        log=say if log_questions else None,
    )

    def started(address: str) -> None:
        say(f"serving {student} on {address} (Ctrl-C stops it)")
        say(f"page: {address.rstrip('/')}{serving.page_path}")

    def stopping() -> None:
        say("stopping: what was accepted is answered (Ctrl-C again ends at once)")

    left = run(serving, host or LOOPBACK, port, started=started, stopping=stopping)
    if left:
        say(f"stopped; {left} accepted requests were not answered: their clients do not read")
    else:
        say("stopped; all accepted requests were answered")


def _key(path: Path) -> str:
    from teachback.errors import ConfigError
    from teachback.files import read_text

    key = read_text(path).strip()
    if len(key) < 16 or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"{path}: the key must be one word of 16 or more ASCII characters")
    return key


def _fall_back(
    student: ServedStudent,
    engine: StudentEngine,
    teacher: dict[str, Any],
    store: Path,
    below: float | None,
    target: float | None,
    labelled: str | None,
) -> FallBack:
    """The teacher behind the student; prints the share that goes to it and what that costs."""
    from teachback.config import EvaluateConfig, SelectionConfig, TeacherConfig
    from teachback.datasets import answerable, read_evaluated
    from teachback.errors import ConfigError
    from teachback.evaluation.ways import has_choice, in_way
    from teachback.explaining.session import TeacherSetup
    from teachback.serving.fall_back import FallBack, find_threshold, without_probability
    from teachback.systems import predict

    kind = engine.card.kind or "text"
    setup = TeacherSetup.from_config(
        TeacherConfig.model_validate(teacher),
        SelectionConfig(),
        kind,
    )
    setup.teacher.check_ready()
    if below is None:
        read = read_evaluated(str(labelled), kind=engine.card.kind)
        examples = answerable(read, engine.card.labels)
        if (reason := without_probability(engine.card.objective, examples[0].kind)) is not None:
            raise ConfigError(f"--target-accuracy finds no threshold: {reason}")
        way = engine.card.way
        wanted = EvaluateConfig(explain=way == "explained" and has_choice(engine.card.objective))
        predictions, _ = predict(student, examples, wanted)
        correct = [one.correct for one in in_way(predictions, way)]
        found = find_threshold(
            predictions, correct, float(target or 0), temperature=engine.card.temperature
        )
        say(
            f"below {found.below:.3f} the teacher is asked: {100 * found.share:.1f}% of "
            f"{len(examples)} labelled questions; of the {found.kept} others the student has "
            f"{100 * found.accuracy:.1f}% right (at least {100 * found.lower:.1f}%)"
        )
        say(_cost_line(setup, examples, found.share))
        below = found.below
    elif (reason := without_probability(engine.card.objective, kind)) is not None:
        say(f"--below: {reason}; the teacher gets only those that cannot be read", err=True)
    return FallBack(setup, store, below)


def _cost_line(setup: TeacherSetup, examples: Sequence[Example], share: float) -> str:
    """About what the teacher costs per 1,000 questions, of which it gets ``share``."""
    from teachback.costs import tokens

    if setup.price is None:
        return "what the teacher costs is not known: no price is known for it"
    requests = [setup.prompts.request(example, "direct") for example in examples]
    read = sum(tokens.about_in((*one.prefix, *one.messages)) for one in requests)
    written = sum(one.sampling.max_tokens for one in requests)
    amount = setup.price.dollars(read, written) / len(examples) * 1000 * share
    return f"expected cost per 1,000 questions: at most about {dollars(amount)}"
