"""Each system that can be evaluated, and how it comes to predictions about labelled examples:

a trained student (`predict`), the untrained student (`predict_untrained`), the majority label
(`predict_majority`) and a prompted teacher (`predict_by_prompting`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from teachback.config import EvaluateConfig, StudentConfig
from teachback.evaluation.metrics import majority_label
from teachback.evaluation.ways import DEFAULT, answer_in
from teachback.explaining.reading import as_read
from teachback.explaining.session import TeacherSession
from teachback.objectives import OBJECTIVES
from teachback.questions import candidates, parse, say_answer
from teachback.questions.languages import settled_languages
from teachback.records import Answer, Cost, Example, Prediction, ReplyReading, RequestKind
from teachback.students.answering import (
    AnswerSettings,
    AskableModel,
    Effort,
    adaptive_answers,
    answers,
    prediction,
    way_on_card,
)
from teachback.students.card import StudentCard
from teachback.students.limits import generation_limit, percentile
from teachback.students.load import load
from teachback.system.precision import Precision
from teachback.system.progress import SILENT, Progress


def predict(
    student: AskableModel,
    examples: Sequence[Example],
    config: EvaluateConfig | None = None,
    *,
    progress: Progress = SILENT,
    what: str = "answer",
) -> tuple[list[Prediction], Cost]:
    """Ask ``student`` every example; predictions in the examples' order, and their cost.

    Raises ConfigError where ``config`` names a way in which this student cannot be asked.
    """
    config = config or EvaluateConfig()
    languages = settled_languages(config.languages, examples)
    threshold = None if config.way is None else way_on_card(student.card, config.way)[1]
    objective = student.card.objective
    tasks = None if objective is None else OBJECTIVES[objective]
    # ST has learnt no explanation task: what it would write there is noise.
    explain = config.explain and (tasks is None or tasks.explains)
    answers_by_explaining = tasks is not None and not tasks.answers
    effort = Effort()
    found: dict[int, Answer] = {}
    asking: AnswerSettings = {
        "choice_score": config.choice_score,
        "batch_size": config.batch_size,
        "max_new_tokens": config.max_new_tokens,
        "reading": ReplyReading(config.reading, languages),
        "effort": effort,
    }
    given = (
        answers(student, examples, explain=explain, **asking)
        if threshold is None
        else adaptive_answers(student, examples, threshold, **asking)
    )
    with progress.track(len(examples), what, unit="questions") as step:
        for index, answered in given:
            found[index] = answered
            # A batch is answered at once; counting it bit by bit would make the rate a lie.
            if len(found) % config.batch_size == 0:
                step.advance(config.batch_size)
        step.advance(len(found) % config.batch_size)
    predictions = [prediction(e, found[i]) for i, e in enumerate(examples)]
    limit = config.max_new_tokens or student.card.explanation_limit
    explained = explain or answers_by_explaining
    thousand = 1000 / max(len(examples), 1)
    if answers_by_explaining:
        # Its direct answer is the conclusion of what it generates.
        effort.direct_seconds += effort.explained_seconds
        effort.direct_tokens += effort.explained_tokens
    cost = Cost(
        direct_seconds=effort.direct_seconds * thousand,
        direct_tokens=effort.direct_tokens * thousand,
        explained_seconds=effort.explained_seconds * thousand if explained else None,
        explained_tokens=effort.explained_tokens * thousand if explained else None,
        unfinished=effort.unfinished,
        max_new_tokens=limit if explained else None,
    )
    if threshold is None:
        return predictions, cost
    # Measured as it is answered: a direct answer each, and what was explained of them.
    return predictions, replace(
        cost,
        explained_seconds=None,
        explained_tokens=None,
        adaptive_seconds=cost.direct_seconds + effort.explained_seconds * thousand,
        adaptive_tokens=cost.direct_tokens + effort.explained_tokens * thousand,
    )


def untrained_of(card: StudentCard, precision: Precision) -> StudentConfig:
    """A student before its training, to be asked in the same format as it is now."""
    return StudentConfig(
        reference=card.base,
        precision=precision,
        answer_format=card.answer_format,
        task_marker=card.task_marker,
        max_source_tokens=card.max_source_tokens,
        max_target_tokens=card.max_target_tokens,
    )


def predict_untrained(
    student: StudentConfig,
    examples: Sequence[Example],
    config: EvaluateConfig | None = None,
    *,
    train: Sequence[Example] = (),
    max_answer_tokens: int | None = None,
    progress: Progress = SILENT,
    what: str = "answer",
) -> tuple[list[Prediction], Cost]:
    """As `predict`: ``student`` as it is before any training, asked in the same format.

    It has never been taught where an explanation ends: direct answers only. Nor where an answer
    ends: those that are generated get as many tokens as a student that was trained on ``train``,
    or ``max_answer_tokens``, that student's own limit.
    """
    untrained = load(student.reference, precision=student.precision).with_card(
        answer_format=student.answer_format,
        task_marker=student.task_marker,
        max_source_tokens=student.max_source_tokens,
        max_target_tokens=student.max_target_tokens,
        max_answer_tokens=max_answer_tokens,
    )
    if train and not all(candidates(example) for example in examples):
        said = (say_answer(e, e.answer, student.answer_format) for e in train)
        lengths = [len(untrained.text_ids(text)) + 1 for text in said]
        limit = generation_limit(percentile(lengths, 99), student.max_target_tokens)
        untrained.with_card(max_answer_tokens=limit)
    direct = (config or EvaluateConfig()).model_copy(update={"explain": False, "way": None})
    return predict(untrained, examples, direct, progress=progress, what=what)


def predict_majority(train: Sequence[Example], examples: Sequence[Example]) -> list[Prediction]:
    """The most frequent answer of ``train`` to every question; it costs nothing."""
    return majority_label(train, examples)


def predict_by_prompting(
    session: TeacherSession,
    examples: Sequence[Example],
    *,
    explain: bool = True,
    direct: bool = True,
    progress: Progress = SILENT,
) -> list[Prediction]:
    """The teacher itself as a baseline: asked directly and, with ``explain``, by chain of
    thought, once each, through the session's store, so that it is paid once. No reply counts as
    unparsed. Without ``direct``, the chain's conclusion is the answer, as it is a CoT student's.
    """
    kinds: dict[RequestKind, bool] = {"direct": direct, "cote": explain}
    for kind, wanted in kinds.items():
        if wanted:
            session.ask(examples, kind, samples=1, progress=progress)
    return [_prompted(session, example, explain, direct) for example in examples]


def _prompted(session: TeacherSession, example: Example, explain: bool, direct: bool) -> Prediction:
    """What the stored replies to one example come to."""
    answer = explanation = explained_answer = None
    cut_off = explained_cut_off = None
    if direct:
        text, is_cut = _text_of(session, example, "direct")
        answer = parse(example, text, bare=True).answer
        cut_off = is_cut and answer is None
    if explain:
        text, is_cut = _text_of(session, example, "cote")
        parsed = parse(example, text, reading=session.setup.rules.reading)
        explanation, explained_answer = parsed.explanation, parsed.answer
        explained_cut_off = is_cut and explained_answer is None
        if not direct:
            answer, cut_off = explained_answer, explained_cut_off
    answered = answer_in(
        DEFAULT,
        direct_answer=answer,
        explained_answer=explained_answer,
        explanation=explanation,
    )
    return replace(
        prediction(example, answered), cut_off=cut_off, explained_cut_off=explained_cut_off
    )


def _text_of(session: TeacherSession, example: Example, kind: RequestKind) -> tuple[str, bool]:
    """A stored reply's text, empty where there is none, and whether it was cut off."""
    reply = session.reply(example, kind)
    if reply is None:
        return "", False
    return as_read(example, reply).text, reply.finish_reason == "length"
