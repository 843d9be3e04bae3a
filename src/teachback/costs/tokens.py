"""How many tokens a prompt is, from its text alone: no tokenizer is downloaded to count.

Every tokenizer in use for large models is complete over bytes (byte-level BPE, or pieces with
byte fallback), so a text has at most as many tokens as UTF-8 bytes. English text has about
four bytes a token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from teachback.records import Completion, Message, Request

BYTES_PER_TOKEN = 4.0

MOST_COUNTED = 10**9
"""A server's count above this, or below 0, is none."""

# What chat templates add, generously: marks and role names a turn, a preamble a request.
_MOST_PER_TURN, _MOST_PER_REQUEST = 12, 100
_ABOUT_PER_TURN = 4


def most_in(messages: Iterable[Message]) -> int:
    """The most input tokens that these messages can be."""
    turns = [message.content for message in messages]
    return sum(map(_bytes, turns)) + _MOST_PER_TURN * len(turns) + _MOST_PER_REQUEST


def about_in(messages: Iterable[Message]) -> float:
    """About how many input tokens these messages are."""
    return sum(about(message.content) + _ABOUT_PER_TURN for message in messages)


def about(text: str) -> float:
    """About how many tokens a text is."""
    return _bytes(text) / BYTES_PER_TOKEN


def most(request: Request) -> tuple[int, int]:
    """The most tokens, in and out, that one attempt at a request can be billed for; a
    server's hidden thinking counts as output and is taken to end at ``max_tokens`` too."""
    return most_in((*request.prefix, *request.messages)), request.sampling.max_tokens


def checked(completion: Completion) -> Completion:
    """The completion with only those token counts that can be: from 0 to `MOST_COUNTED`, and no
    more of the input cached than there is. What cannot be is unknown, and where two contradict
    one another both are."""
    used_in, used_out = count(completion.tokens_in), count(completion.tokens_out)
    cached = count(completion.tokens_cached)
    if cached is not None and (used_in is None or cached > used_in):
        used_in = cached = None
    counts = (used_in, used_out, cached)
    if counts == (completion.tokens_in, completion.tokens_out, completion.tokens_cached):
        return completion
    return replace(completion, tokens_in=used_in, tokens_out=used_out, tokens_cached=cached)


def count(value: object) -> int | None:
    """A count of tokens, which some servers write as ``100.0`` or ``"100"``; None where it is no
    count, or more than `MOST_COUNTED`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if 0 <= number <= MOST_COUNTED and number.is_integer() else None


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
