"""A stored reply as it is read: the store keeps the text that came, and what is the reply's text
is decided here, so that a better rule needs no further call."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from teachback.config import Config
from teachback.exemplars import choose
from teachback.questions import parse
from teachback.questions.languages import settled_languages
from teachback.records import ANNOUNCED, Completion, Example
from teachback.teachers.markers import apart

_NEXT_QUESTION = re.compile(r"\n[ \t]*[*#]*[ \t]*(?:Question|Q)(?: ?\d+)?[ \t]*[*]*:")
"""Where a model goes on with a further question of its own, as few-shot prompts teach it."""


def with_languages(config: Config, examples: Collection[Example]) -> Config:
    """``config`` with the languages that replies are read in, where it leaves them to what is
    there: those of its exemplars and of ``examples``, which a run trains on; one reading for the
    teacher's replies and the student's. Raises as `teachback.exemplars.choose`."""
    if config.selection.languages != "auto":
        return config
    named = config.teacher.exemplars
    kind = next(iter(examples)).kind
    exemplars = choose(None if named == "auto" else named, kind)
    found = settled_languages("auto", examples, exemplars)
    return config.model_copy(
        update={
            name: getattr(config, name).model_copy(update={"languages": found})
            for name in ("selection", "evaluate")
        }
    )


def lost_to_thinking(completion: Completion) -> bool:
    """Whether the limit on tokens ended a reply before any text of it."""
    return completion.finish_reason == "length" and not apart(completion.text)[0].strip()


def as_read(example: Example, completion: Completion) -> Completion:
    """``completion`` without marks of a chat template, its thinking apart, and up to where a
    further question begins after its conclusion."""
    text, thinking = apart(completion.text)
    for question in _NEXT_QUESTION.finditer(text):
        before = text[: question.start()]
        if parse(example, before, reading=ANNOUNCED).concluded:
            text = before.rstrip()
            break
    if text == completion.text:
        return completion
    parts = [part for part in (completion.thinking, thinking) if part]
    return replace(completion, text=text, thinking="\n".join(parts) or None)
