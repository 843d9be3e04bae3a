"""What a store's rows hold, checked: a damaged or foreign file may hold anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args, get_type_hints

from teachback.records import Completion, Message, Sampling

_REASONS: tuple[str, ...] = get_args(get_type_hints(Completion)["finish_reason"])

DAMAGED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What reading a value that teachback did not write may raise."""


def completion_of(row: Sequence[Any]) -> Completion:
    """The completion in the columns of a reply. Raises ValueError where one is of a wrong type."""
    text, reason, thinking, tokens_in, tokens_out, tokens_cached, seconds = row
    if not isinstance(text, str) or not isinstance(thinking, str | None):
        raise ValueError("a reply is not text")
    if reason not in _REASONS:
        raise ValueError("a reply's finish reason is not one")
    for count in (tokens_in, tokens_out, tokens_cached):
        if not isinstance(count, int | None):
            raise ValueError("a count of tokens is not a whole number")
    if not isinstance(seconds, float | int | None):
        raise ValueError("a reply's time is not a number")
    return Completion(text, reason, thinking, tokens_in, tokens_out, tokens_cached, seconds)


def messages_of(content: str) -> tuple[Message, ...]:
    """The messages in a column. Raises one of `DAMAGED`."""
    turns = [(role, text) for role, text in json.loads(content)]
    if not all(isinstance(part, str) for turn in turns for part in turn):
        raise ValueError("a message is not text")
    return tuple(Message(role, text) for role, text in turns)


def sampling_of(content: str) -> Sampling:
    """The sampling parameters in a column. Raises one of `DAMAGED`."""
    temperature, top_p, max_tokens, stop = json.loads(content)
    return Sampling(float(temperature), float(top_p), int(max_tokens), tuple(map(str, stop)))


def text_of(value: object) -> str:
    """A column of text. Raises ValueError where it holds something else."""
    if not isinstance(value, str):
        raise ValueError("a value is not text")
    return value


def count_of(value: object) -> int:
    """A column of counts. Raises ValueError where it holds something else."""
    if not isinstance(value, int):
        raise ValueError("a value is not a whole number")
    return value
