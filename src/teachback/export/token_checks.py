"""Whether what runs an export reads a student's texts as the student does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from teachback.errors import UsageError
from teachback.questions import candidates, render, say_answer
from teachback.records import Example
from teachback.students.encoding import MARKERS, QUESTION, CausalEncoder


class Tokens(Protocol):
    """The tokens of a text; ``special``: with what begins a text."""

    def __call__(self, text: str, *, special: bool) -> tuple[int, ...]: ...


def require_same_tokens(
    engine: str, tokens: Tokens, encoder: CausalEncoder, examples: Sequence[Example]
) -> int:
    """Make sure that ``engine`` turns every question, marker and answer into the student's own
    tokens; returns how many texts were compared. Raises UsageError at the first that differs."""
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
        found = tokens(text, special=begins)
        if found != own:
            pairs = enumerate(zip(found, own, strict=False))
            at = next((n for n, (one, other) in pairs if one != other), 0)
            raise UsageError(
                f"{engine} reads {text[:60]!r} as different tokens than the student (the first at "
                f"{at}), so its tokenizer cannot be exported: export --to merged"
            )
    return len(texts)
