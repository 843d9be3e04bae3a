"""A student as an ordinary Hugging Face folder, which needs neither peft nor teachback."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from teachback.errors import ReferenceError_
from teachback.export.config import WeightType
from teachback.export.training_prompt import chat_template
from teachback.records import Role, Way
from teachback.references import GgufReference, PathReference, parse_student
from teachback.students.card import StudentCard
from teachback.students.model import StudentModel
from teachback.students.quiet import quiet
from teachback.students.trimmed_base import TRIMMED_BASE, TRIMMED_BASE_FILE

_DTYPES: dict[WeightType, torch.dtype] = {"f32": torch.float32, "bf16": torch.bfloat16}


def write_merged(student: StudentModel, folder: Path, weights: WeightType) -> None:
    """Write ``student``, whose adapter was merged in float32, with weights of this type.

    The end token, greedy decoding and the longest explanation stand in the folder's configuration;
    a causal student's training prompt is its ``chat_template``.
    """
    prepare(student)
    with quiet():
        student.model.to(_DTYPES[weights]).save_pretrained(folder)
        student.tokenizer.save_pretrained(folder)
    published_card(student).save(folder)


def prepare(student: StudentModel) -> None:
    """Let the model's and the tokenizer's configuration say how the student is asked."""
    model, tokenizer = student.model, student.tokenizer
    for config in (model.config, model.generation_config):
        config.name_or_path = ""
        vars(config).pop("_model_name_or_path", None)  # of earlier versions of transformers
        config.eos_token_id = student.end_id
        config.pad_token_id = student.pad_id
        config.bos_token_id = tokenizer.bos_token_id
    model.generation_config.max_new_tokens = student.card.explanation_limit
    if student.family == "causal":
        tokenizer.chat_template = chat_template(
            task_of(student.card.way), beginning(student), tokenizer.eos_token
        )


def beginning(student: StudentModel) -> str | None:
    """The token that the tokenizer puts before a text; None where it puts none."""
    first = student.source_ids("", "answer")[:1]
    begin = student.tokenizer.bos_token
    return begin if begin is not None and first == (student.tokenizer.bos_token_id,) else None


def task_of(way: Way) -> Role:
    """The task whose marker the prompt ends in, by the student's own way of answering."""
    return "explanation" if way == "explained" else "answer"


def published_card(student: StudentModel) -> StudentCard:
    """The student's card, with nothing in it that names this machine's files."""
    return replace(student.card, base=published_base(student.card.base))


def published_base(reference: str) -> str:
    """A reference as others may read it: of a folder or file, its last name alone."""
    try:
        named = parse_student(reference)
    except ReferenceError_:
        return Path(reference).name or "unknown"
    if isinstance(named, GgufReference | PathReference):
        return Path(named.files[0]).name or "unknown"
    return reference


def vocabulary_row(folder: Path) -> dict[str, str]:
    """For the card: what the vocabulary of a student in ``folder`` was trimmed from; empty where it
    is whole."""
    file = folder / TRIMMED_BASE
    if not file.is_file():
        return {}
    trimmed = TRIMMED_BASE_FILE.read(file)
    return {
        "vocabulary": f"{len(trimmed.kept):,} of the {trimmed.whole:,} tokens of "
        f"{published_base(trimmed.base)}"
    }
