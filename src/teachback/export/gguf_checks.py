"""Whether llama.cpp reads a student's texts as the student does."""

from __future__ import annotations

from collections.abc import Sequence

from teachback.errors import UsageError
from teachback.export.llamacpp_student import LlamaCppStudent
from teachback.questions import candidates, render, say_answer
from teachback.records import Example
from teachback.students.encoding import MARKERS, QUESTION


def require_same_tokens(student: LlamaCppStudent, examples: Sequence[Example]) -> int:
    """Make sure that llama.cpp turns every question, marker and answer into the student's own
    tokens; returns how many texts were compared. Raises UsageError at the first that differs."""
    encoder = student.encoder
    texts = {
        (f"{QUESTION}{render(each)}", encoder.source_ids(render(each), "answer"), True)
        for each in examples
    }
    texts |= {(marker, encoder.marker_ids(role), False) for role, marker in MARKERS.items()}
    for example in examples:
        for candidate in candidates(example):
            said = say_answer(example, candidate, encoder.card.answer_format)
            texts.add((f" {said}", encoder.text_ids(said), False))
    for text, own, begins in sorted(texts):
        found = student.tokens(text, special=begins)
        if found != own:
            pairs = enumerate(zip(found, own, strict=False))
            at = next((n for n, (one, other) in pairs if one != other), 0)
            raise UsageError(
                f"llama.cpp reads {text[:60]!r} as other tokens than the student (the first at "
                f"{at}): its tokenizer cannot be written to GGUF here; export --to merged"
            )
    return len(texts)
