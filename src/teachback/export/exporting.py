"""A student to a format, checked against the student itself before it takes its place.

The reference is the student in float32, its adapter not merged, a row for every target.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from teachback.errors import MissingExtraError, RunFolderError, UsageError
from teachback.export.card import ExportFacts, model_card
from teachback.export.check_questions import CheckQuestions, check_questions, with_made
from teachback.export.config import ExportConfig, WeightType
from teachback.export.formats import (
    CARD,
    GGUF,
    MODELFILE,
    PARITY,
    ExportFormat,
    export_files,
    limits,
    weight_type,
)
from teachback.export.merged import (
    prepare,
    published_card,
    task_of,
    vocabulary_row,
    write_merged,
)
from teachback.export.parity import Parity, compare_answers, fewest_questions, table
from teachback.export.provenance import provenance
from teachback.export.training_prompt import modelfile
from teachback.files import (
    is_folder,
    make_folder,
    new_folder,
    one_writer,
    package_version,
    write_json,
    write_text,
)
from teachback.objectives import OBJECTIVES
from teachback.questions import render
from teachback.records import Answer, Example
from teachback.students.answering import AskableModel, answers
from teachback.students.causal import CausalStudent
from teachback.students.encoding import MARKERS, CausalTokenizer
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.students.weights import resolve
from teachback.system.machine import processor
from teachback.system.progress import SILENT, Notice, Progress, no_notice

_STAGING = ".export.{}.tmp"
"""The hidden folder, within the output folder, in which an export waits for its check."""

_NAMES: dict[ExportFormat, str] = {"gguf": "GGUF", "openvino": "OpenVINO"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how it compares with its student."""

    folder: Path
    names: tuple[str, ...]
    parity: Parity


class DriftError(UsageError):
    """An export answers otherwise than its student; ``rows`` is the table, for people."""

    def __init__(self, parity: Parity) -> None:
        super().__init__(
            f"the export drifts from its student: {'; '.join(parity.problems)}. Nothing was "
            "written; choose a finer --weights, or --allow-drift"
        )
        self.rows = table(parity)


def export_student(
    reference: str,
    form: ExportFormat,
    folder: Path,
    *,
    weights: WeightType | None = None,
    check: str | None = None,
    config: ExportConfig | None = None,
    allow_drift: bool = False,
    overwrite: bool = False,
    name: str | None = None,
    teacher_terms: str | None = None,
    progress: Progress = SILENT,
    notice: Notice = no_notice,
) -> Exported:
    """Write the student behind ``reference`` into ``folder`` as ``form``; its card calls it
    ``name``, or as ``folder`` is called, and states ``teacher_terms``.

    Raises:
        DriftError: it answers otherwise than its student, beyond the limits of ``config``, and
            ``allow_drift`` is not set; then nothing is written.
        UsageError: the format does not take this student or these weights, or there are too few
            questions to check it with.
        RunFolderError: ``folder`` holds something in the way, is the student's own, or cannot be
            written.
    """
    config = config or ExportConfig()
    chosen = weight_type(form, weights)
    bound = limits(form, chosen, config).changed_bound
    fewest = 1 if allow_drift else fewest_questions(bound)
    make_folder(folder)
    if is_folder(reference) and folder.samefile(reference):
        raise RunFolderError(
            f"{folder} is the folder of the student itself: choose a different folder"
        )
    with one_writer(folder):
        for left in folder.glob(_STAGING.format("*")):  # by an export that was killed
            shutil.rmtree(left, ignore_errors=True)
        staging = folder / _STAGING.format(os.getpid())
        try:
            make_folder(staging)
            facts = _checked_export(
                reference,
                form,
                chosen,
                staging,
                name or folder.resolve().name,
                check,
                fewest,
                config,
                progress,
                notice,
            )
            facts = replace(facts, teacher_terms=teacher_terms)
            if facts.parity.problems and not allow_drift:
                raise DriftError(facts.parity)
            _describe(staging, facts)
            names = tuple(sorted(file.name for file in staging.iterdir()))
            _clear(folder, overwrite, names)
            # First what makes it an export, so that one killed in between can be replaced.
            for name in sorted(names, key=lambda name: name != PARITY):
                os.replace(staging / name, folder / name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Exported(folder, names, facts.parity)


def _clear(folder: Path, overwrite: bool, names: Sequence[str]) -> None:
    """Remove what is in the way of ``names``, and the rest of the older export that ``folder``
    holds: of a different format, it would be taken for a part of this one. Files of a folder that
    holds none stay. Raises RunFolderError where ``overwrite`` is needed and not set."""
    there = sorted(file.name for file in folder.iterdir())
    older = export_files(there) if PARITY in there else []
    new_folder(folder, overwrite, [*(name for name in names if name not in older), *older])


def _checked_export(
    reference: str,
    form: ExportFormat,
    weights: WeightType,
    staging: Path,
    name: str,
    check: str | None,
    fewest: int,
    config: ExportConfig,
    progress: Progress,
    notice: Notice,
) -> ExportFacts:
    licence = resolve(reference, notice=notice).licence
    student = load(reference, precision="fp32", training=True, notice=notice)
    _require(form, weights, student)
    if isinstance(student, CausalStudent):
        student.shared_prefix = False
    questions = check_questions(check, Path(reference), student.card, config.questions, fewest)
    questions = with_made(questions, student)
    if len(questions.examples) < fewest:
        raise UsageError(
            f"{len(questions.examples)} questions are too few for the limit of changed answers: "
            f"{fewest} are needed even if none changes: raise --questions or --changed-bound"
        )
    origin = {**vocabulary_row(Path(reference)), **provenance(Path(reference))}
    examples = questions.examples
    explained = min(config.explained, len(examples)) if _explains(student) else 0
    own = _answers(student, examples, explained, "ask the student", progress)
    del student
    gc.collect()
    merged = load(reference, precision="fp32")
    prepare(merged)
    card, same_prompts = published_card(merged), _same_prompts(merged, examples)
    if form == "merged":
        write_merged(merged, staging, weights)
        del merged
        gc.collect()
        exported = load(staging, precision="bf16" if weights == "bf16" else "fp32")
        other = _answers(exported, examples, explained, "ask the export", progress)
        engine = f"transformers {package_version('transformers')}"
    else:
        assert isinstance(merged, CausalStudent)  # noqa: S101 - refused above
        if form == "gguf":
            other = _gguf(merged, staging, weights, name, examples, explained, progress)
            engine = f"llama.cpp (xllamacpp {package_version('xllamacpp')})"
        else:
            other = _openvino(merged, staging, weights, examples, explained, progress)
            engine = f"OpenVINO {package_version('openvino')}"
    parity = compare_answers(examples, own, other, limits(form, weights, config))
    return ExportFacts(
        name, card, form, weights, licence, parity, questions, engine, same_prompts, origin
    )


def _require(form: ExportFormat, weights: WeightType, student: StudentModel) -> None:
    """Raise UsageError or MissingExtraError where ``form`` cannot be written of this student."""
    if form == "merged":
        return
    if not isinstance(student, CausalStudent):
        raise UsageError(
            f"a seq2seq student cannot be exported to {_NAMES[form]}: export --to merged"
        )
    if form == "gguf":
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingExtraError("xllamacpp", "gguf-teacher", "checking a GGUF export")
        return
    from teachback.export.openvino_graphs import require_openvino

    require_openvino(student, weights)


def _gguf(
    merged: CausalStudent,
    staging: Path,
    weights: WeightType,
    name: str,
    examples: Sequence[Example],
    explained: int,
    progress: Progress,
) -> list[Answer]:
    """Write the GGUF file and its Modelfile; what llama.cpp answers with it."""
    from teachback.export.gguf_file import write_gguf
    from teachback.export.llamacpp_student import LlamaCppStudent
    from teachback.export.token_checks import require_same_tokens

    write_gguf(merged, staging / GGUF, weights, name)
    card = merged.card
    task = task_of(card.way)
    text = modelfile(GGUF, task, merged.tokenizer.eos_token, card.explanation_limit)
    write_text(staging / MODELFILE, text)
    published_card(merged).save(staging)
    encoder = CausalTokenizer(merged.tokenizer, card)
    del merged
    gc.collect()
    asked = LlamaCppStudent(staging / GGUF, encoder)
    try:
        require_same_tokens("llama.cpp", asked.tokens, encoder, examples)
        return _answers(asked, examples, explained, "ask the export", progress)
    finally:
        asked.close()


def _openvino(
    merged: CausalStudent,
    staging: Path,
    weights: WeightType,
    examples: Sequence[Example],
    explained: int,
    progress: Progress,
) -> list[Answer]:
    """Write OpenVINO's graphs; what it answers with them."""
    from teachback.export.openvino_graphs import write_openvino
    from teachback.export.openvino_student import OpenVinoStudent
    from teachback.export.token_checks import require_same_tokens

    write_openvino(merged, staging, weights)
    card = published_card(merged)
    card.save(staging)
    encoder = CausalTokenizer(merged.tokenizer, card)
    del merged
    gc.collect()
    asked = OpenVinoStudent(staging, keep_compiled=False)
    require_same_tokens("OpenVINO's engine", asked.tokens, encoder, examples)
    return _answers(asked, examples, explained, "ask the export", progress)


def _explains(student: StudentModel) -> bool:
    objective = student.card.objective
    return objective is not None and OBJECTIVES[objective].explains


def _answers(
    student: AskableModel,
    examples: Sequence[Example],
    explained: int,
    what: str,
    progress: Progress,
) -> list[Answer]:
    """The answers in the examples' order; the first ``explained`` of them explained too."""
    found: dict[int, Answer] = {}
    with progress.track(len(examples), what, unit="questions") as step:
        for begin, part, explain in (
            (0, examples[:explained], True),
            (explained, examples[explained:], False),
        ):
            for index, answer in answers(student, part, explain=explain, batch_size=8):
                found[begin + index] = answer
                step.advance()
    return [found[index] for index in range(len(examples))]


def _same_prompts(student: StudentModel, examples: Sequence[Example]) -> int | None:
    """How many prompts have, as one text, the tokens of training, which makes question and marker
    into tokens apart; None for a student without a chat template."""
    if not isinstance(student, CausalStudent):
        return None
    marker = MARKERS[task_of(student.card.way)]
    same = 0
    for example in examples:
        source = render(example)
        apart = (
            *student.source_ids(source, "answer"),
            *student.marker_ids(task_of(student.card.way)),
        )
        same += student.source_ids(source + marker, "answer") == apart
    return same


def _describe(staging: Path, facts: ExportFacts) -> None:
    """Write the table and the card beside the export."""
    write_json(staging / PARITY, _parity_row(facts, facts.checked))
    write_text(staging / CARD, model_card(facts))


def _parity_row(facts: ExportFacts, questions: CheckQuestions) -> dict[str, Any]:
    return {
        "format": facts.form,
        "weights": facts.weights,
        "reference": "the student in float32, its adapter not merged",
        "engine": facts.engine,
        "processor": processor().name,
        "check": {"files": [asdict(file) for file in questions.files], "made": questions.made},
        "same_prompts": facts.same_prompts,
        **asdict(facts.parity),
    }
