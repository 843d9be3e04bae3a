"""From the fields of a row to an example, once the question kind of the file is known."""

from __future__ import annotations

import re
from collections.abc import Sequence

from teachback.datasets.fields import Draft, draft_of
from teachback.files.rows import Row
from teachback.questions import KINDS, QuestionKind, normalise
from teachback.records import Example

# What `normalise` may take off: only such choices can be the same without being duplicates.
_TRIMMED = re.compile(r"^(?:the|an|a)\s|^[\W_]|[\W_]$", re.IGNORECASE)


def example_of(draft: Draft, kind: QuestionKind, labels: Sequence[str] = ()) -> Example:
    """The example of a draft. ``labels`` are all those of the file, for a kind whose choices
    come from there.

    Raises:
        ValueError: the row is not of this kind; the message says why.
    """
    if kind.choices_from == "row" and not draft.choices:
        raise ValueError("the choices are missing")
    if kind.choices_from != "row" and draft.choices:
        raise ValueError(f"the row has choices, and the kind of the file is {kind.name}")
    return Example(
        id=draft.id,
        question=draft.question,
        answer=kind.canonical(draft.answer, draft.choices),
        kind=kind.name,
        choices=tuple(labels) if kind.choices_from == "file" else draft.choices,
        context=draft.context,
        group=draft.group,
    )


def example_from_row(row: Row, kind: str, *, labels: Sequence[str] = ()) -> Example:
    """The example that one row holds, for readers of files with rows like these.

    ``labels`` are all labels of the file, for kind ``label``.

    Raises:
        ValueError: the row is not an example of this kind; the message says why.
    """
    return example_of(draft_of(row), KINDS[kind], labels)


def duplicate_warning(choices: Sequence[str]) -> str | None:
    """Two choices that count as one answer when compared, though both may be meant."""
    if not any(map(_TRIMMED.search, choices)):
        return None
    seen: dict[str, str] = {}
    for choice in choices:
        plain = normalise(choice)
        if plain in seen:
            return (
                f"the choices {seen[plain]!r} and {choice!r} differ only in an article or in "
                "punctuation: they count as the same answer"
            )
        seen[plain] = choice
    return None
