"""A stored reply as it is read: the store keeps what came, byte for byte, and what is the reply's
text is decided here, so that a better rule needs no further call."""

from __future__ import annotations

import re
from dataclasses import replace

from teachback.questions import parse
from teachback.records import Completion, Example
from teachback.teachers.markers import apart

_NEXT_QUESTION = re.compile(r"\n[ \t]*[*#]*[ \t]*(?:Question|Q)(?: ?\d+)?[ \t]*[*]*:")
"""Where a model goes on with a further question of its own, as few-shot prompts teach it."""


def lost_to_thinking(completion: Completion) -> bool:
    """Whether the limit on tokens ended a reply before any text of it."""
    return completion.finish_reason == "length" and not apart(completion.text)[0].strip()


def as_read(example: Example, completion: Completion) -> Completion:
    """``completion`` without marks of a chat template, its thinking apart, and up to where a
    further question begins after its conclusion."""
    text, thinking = apart(completion.text)
    for question in _NEXT_QUESTION.finditer(text):
        before = text[: question.start()]
        if parse(example, before, reading="announced").concluded:
            text = before.rstrip()
            break
    if text == completion.text:
        return completion
    parts = [part for part in (completion.thinking, thinking) if part]
    return replace(completion, text=text, thinking="\n".join(parts) or None)
